"""Drainage in a series of lake areas: between which two looks it began, how large and how sure it is; and how fast a lake fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from glaciercast.hazard.lakes_settings import DropConfig

Confidence = Literal["high", "medium", "low", "doubtful"]
STILL_FULL = 0.8
"""Share of the area before a drop, within two standard deviations, at which drainage has not begun."""
SHORT, LONG = 30.0, 60.0
"""Days between the looks around a drop up to which it is well dated, and up to which it may count without a second look."""
SURE, WELL_SEEN = 5.0, 0.8
"""Standard deviations of a drop, and share of the lake seen before and after, from which it may count without a second look."""
SOON = 20.0
"""Days within which no lake refills: a look that shows it full again so soon contradicts the drop."""
FEWEST = 3
"""Looks that a filling rate needs."""


@dataclass(frozen=True)
class Series:
    """Areas of a lake in order of time; all (look,), without those in which too little was seen.

    Attributes
    ----------
    time, available_at
        datetime64.
    area, error
        m² and its 1 σ.
    seen
        Share of the lake's surroundings.
    """

    time: np.ndarray
    available_at: np.ndarray
    area: np.ndarray
    error: np.ndarray
    seen: np.ndarray

    def days(self) -> np.ndarray:
        """Return days since the first look, float64 (look,)."""
        return np.asarray((self.time - self.time[:1]) / np.timedelta64(1, "D"), "float64")


@dataclass(frozen=True)
class Drop:
    """A drainage.

    Attributes
    ----------
    earliest, latest
        Looks between which it began: the last that shows the lake still full and the first that does not.
    end
        The look that shows it drained: the last of several that show it shrink.
    known_at, available_at, confirmed_at
        From when the drop, its end, and its confirmation could have been known; NaT if it is not confirmed.
    before, before_error, after, after_error
        Areas, m².
    sigmas
        Difference over its error at the look from which the drop is known.
    confidence
        ``high``: a later look confirms it, and it is dated within 30 days. ``medium``: a later look confirms it; or none does, but both
        looks saw the lake well, differ by 5 σ and lie at most 60 days apart. ``low``: the rest. ``doubtful``: a look within 20 days shows
        the lake full again.
    """

    earliest: np.datetime64
    latest: np.datetime64
    end: np.datetime64
    known_at: np.datetime64
    available_at: np.datetime64
    confirmed_at: np.datetime64
    before: float
    before_error: float
    after: float
    after_error: float
    sigmas: float
    confidence: Confidence

    @property
    def confirmed(self) -> bool:
        """Whether a later look shows the lake drained too."""
        return not np.isnat(self.confirmed_at)

    @property
    def share(self) -> float:
        """Share of the area that was lost."""
        return 1 - self.after / self.before


def detect(series: Series, settings: DropConfig, pixel: float) -> list[Drop]:
    """Return the drainages of a lake in order of time.

    A look is compared with the fullest one since the last drainage within `settings.memory_days`, or with the look before it, however old.

    Parameters
    ----------
    pixel
        Area of a pixel, m².
    """
    days, found, since = series.days(), [], 0
    for after in range(1, series.area.size):
        if after <= since:
            continue
        before = _fullest(series, days, since, after, settings)
        if not _dropped(series, before, after, settings, pixel):
            continue
        drop = _drop(series, days, before, after, settings)
        found.append(drop)
        if drop.confidence != "doubtful":
            since = int(np.flatnonzero(series.time == drop.end)[-1])
    return _without_repeats(found)


def _fullest(series: Series, days: np.ndarray, since: int, after: int, settings: DropConfig) -> int:
    first = min(after - 1, max(since, int(np.searchsorted(days, days[after] - settings.memory_days))))
    return first + int(np.argmax((series.area - series.error)[first:after]))


def _sigmas(series: Series, before: int, after: int) -> float:
    return float((series.area[before] - series.area[after]) / np.hypot(series.error[before], series.error[after]))


def _dropped(series: Series, before: int, after: int, settings: DropConfig, pixel: float) -> bool:
    full = series.area[before]
    if full < settings.min_pixels * pixel or full <= 0:
        return False
    return bool(1 - series.area[after] / full >= settings.min_share and _sigmas(series, before, after) >= settings.sigmas)


def _emptiest(series: Series, days: np.ndarray, after: int) -> int:
    """Return the look at which a drainage that goes on over several looks has ended."""
    end = after
    while end + 1 < days.size and days[end + 1] - days[end] <= SOON and _sigmas(series, end, end + 1) >= 2:
        end += 1
    return end


def _drop(series: Series, days: np.ndarray, before: int, after: int, settings: DropConfig) -> Drop:
    between = np.arange(before, after)
    still = series.area[between] + 2 * series.error[between] >= STILL_FULL * series.area[before]
    last_full = int(between[still][-1])
    later = after + 1 + np.flatnonzero(days[after + 1 :] - days[after] <= settings.confirm_days)
    low = (series.area[later] <= (1 - settings.min_share) * series.area[before]) if later.size else np.zeros(0, bool)
    full = (series.area[later] >= STILL_FULL * series.area[before]) & (days[later] - days[after] <= SOON)
    contradicted = bool(full.any() and not (low.any() and np.argmax(low) < np.argmax(full)))
    confirmed = bool(low.any()) and not contradicted
    known = series.available_at[[before, after]].max()
    at = series.available_at[later[np.argmax(low)]] if confirmed else np.datetime64("NaT")
    end = after if contradicted else _emptiest(series, days, after)
    sigmas, gap = _sigmas(series, before, after), days[last_full + 1] - days[last_full]
    well_seen = min(series.seen[before], series.seen[after]) >= WELL_SEEN
    confidence: Confidence = "low"
    if contradicted:
        confidence = "doubtful"
    elif confirmed:
        confidence = "high" if gap <= SHORT else "medium"
    elif sigmas >= SURE and well_seen and gap <= LONG:
        confidence = "medium"
    return Drop(
        earliest=series.time[last_full], latest=series.time[last_full + 1], end=series.time[end], known_at=known,
        available_at=max(known, series.available_at[end]),
        confirmed_at=at if np.isnat(at) else max(at, known), before=float(series.area[before]), before_error=float(series.error[before]),
        after=float(series.area[end]), after_error=float(series.error[end]), sigmas=sigmas, confidence=confidence,
    )  # fmt: skip


def _without_repeats(drops: Sequence[Drop]) -> list[Drop]:
    """Return the drops, but for doubtful ones that a later drop from the same filling explains."""
    return [
        drop
        for number, drop in enumerate(drops)
        if drop.confidence != "doubtful" or not any(other.earliest <= drop.earliest for other in drops[number + 1 :])
    ]


def filling(series: Series, drops: Sequence[Drop], settings: DropConfig) -> tuple[np.ndarray, np.ndarray]:
    """Return how fast the lake had been growing at each look, and the error, m² a day, float64 (look,); NaN where looks are too few.

    The median of the slopes between all pairs of looks (Theil 1950; Sen 1968, Journal of the American Statistical Association 63,
    1379–1389) of the last `settings.rate_days` days since the last drainage, of which the look's own user could have had all. The error is
    that of a weighted line, or what the looks scatter about the line, whichever is larger.
    """
    days, ends = series.days(), np.array([drop.end for drop in drops if drop.confidence != "doubtful"], "datetime64[ns]")
    rate, error = np.full(days.size, np.nan), np.full(days.size, np.nan)
    for number in range(days.size):
        past = ends[ends <= series.time[number]]
        used = (days <= days[number]) & (days >= days[number] - settings.rate_days)
        used &= series.available_at <= series.available_at[number]
        if past.size:
            used &= series.time >= past.max()
        if used.sum() >= FEWEST and np.ptp(days[used]) > 0:
            rate[number], error[number] = _slope(days[used], series.area[used], series.error[used])
    return rate, error


def _slope(days: np.ndarray, area: np.ndarray, sigma: np.ndarray) -> tuple[float, float]:
    first, second = np.triu_indices(days.size, 1)
    apart = days[second] - days[first]
    slopes = (area[second] - area[first])[apart > 0] / apart[apart > 0]
    slope = float(np.median(slopes))
    weight = 1 / np.square(sigma)
    middle = (weight * days).sum() / weight.sum()
    formal = 1 / np.sqrt((weight * (days - middle) ** 2).sum())
    rest = area - slope * days
    scatter = 1.4826 * np.median(np.abs(rest - np.median(rest))) / np.sqrt(np.square(days - days.mean()).sum())
    return slope, float(max(formal, scatter))
