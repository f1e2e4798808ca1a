"""Where one series of velocity speeds up: surges, and the fastest date of each year."""

from __future__ import annotations

from typing import Any

import numpy as np

from glaciercast.errors import InputError
from glaciercast.motion import surge
from glaciercast.motion.surge import Surge, SurgeRule

SCATTER = 3.0
"""Spreads above the median of a calendar month beyond which a surge has to lie."""
FEWEST_IN_SURGE = 4
"""Values of a series: fewer make no surge, however large."""
FEWEST_OF_YEAR = 12
"""Values that a year has whose fastest date is told."""


def speeds(
    first: np.ndarray, second: np.ndarray, values: np.ndarray, error: np.ndarray, paired: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return times in order and speeds at them, for surges: those of the values, or of image pairs means of calendar months.

    What has a stated error above the median of all values says nothing of a surge and is left out.
    """
    middle = first + (second - first) / 2
    seen = np.isfinite(values) & np.isfinite(error)
    if not seen.any():
        return None
    if paired or not (np.diff(middle[seen]) > np.timedelta64(0, "s")).all():
        return monthly(middle[seen], values[seen], error[seen])
    stated = np.ptp(error[seen]) > 0
    told = seen & (error <= np.median(values[seen])) if stated else seen
    return middle[told], np.clip(values[told], 0, None)


def monthly(middle: np.ndarray, values: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of calendar months and their error-weighted means, m/yr, at least 0.

    Months whose error exceeds the median of all values say nothing of a surge and are left out.
    """
    month, at = np.unique(middle.astype("datetime64[M]"), return_inverse=True)
    weight = np.bincount(at, 1 / error**2)
    means = np.bincount(at, values / error**2) / weight
    told = 1 / np.sqrt(weight) <= np.median(values)
    return month[told].astype("datetime64[ns]") + np.timedelta64(14, "D"), np.clip(means[told], 0, None)


def surges(speed: tuple[np.ndarray, np.ndarray] | None, rule: SurgeRule, level: float) -> tuple[list[Surge], str]:
    """Return the surges of a series of speed, or why there are none.

    What counts as one has, in its median, to lie beyond what is common in its calendar months (3 spreads above their medians, by the MAD
    of all or, where it is larger, of the month): else noise, or a season, passes for surges.
    """
    if speed is None or len(speed[0]) < 2:
        return [], "no speeds in order of time"
    times, values = speed
    above = _of_months(times, values)

    def beyond(event: Surge) -> bool:
        inside = (times >= event.onset) & ((times < event.end) | event.ongoing)
        return bool(inside.sum() >= FEWEST_IN_SURGE and np.median(above[inside]) > SCATTER)

    try:
        if not (first := surge.detect(times, values, rule, replicates=1)):
            return [], "no speed stays above the threshold"
        if not any(beyond(event) for event in first):
            threshold = rule.factor * first[0].quiet_speed
            return [], f"speeds above {threshold:.0f} m/yr, but none that lasts beyond the scatter of its months"
        return [event for event in surge.detect(times, values, rule, level=level) if beyond(event)], ""
    except InputError as error:
        return [], str(error).removeprefix("surges: ")


def outside(events: list[Surge], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return which looks lie outside all surges, their intervals of onset and end included, bool (look,)."""
    quiet = np.ones(len(first), bool)
    for event in events:
        ends = [time for time in (event.end_interval[1], event.end) if not np.isnat(time)]
        quiet &= (second <= event.onset_interval[0]) | (first >= max(ends) if ends and not event.ongoing else False)
    return quiet


def yearly_peaks(speed: tuple[np.ndarray, np.ndarray] | None) -> list[dict[str, Any]]:
    """Return ``year``, ``date`` and ``speed`` (m/yr) of the fastest value of each year with 12 or more: a short speed-up is no harmonic."""
    found = []
    if speed is not None:
        times, values = speed
        year = times.astype("datetime64[Y]")
        for one in np.unique(year):
            own = np.flatnonzero(year == one)
            if len(own) >= FEWEST_OF_YEAR:
                top = own[int(np.argmax(values[own]))]
                found.append({"year": int(str(one)), "date": str(times[top].astype("datetime64[D]")), "speed": float(values[top])})
    return found


def _of_months(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return how many spreads each value lies above the median of its calendar month (of all, where that has fewer than three values)."""
    month = times.astype("datetime64[M]").astype(int) % 12
    months = [own for number in range(12) if (own := month == number).sum() >= 3]
    usual = np.full(len(values), np.median(values))
    for own in months:
        usual[own] = np.median(values[own])
    away = np.abs(values - usual)
    spread = np.full(len(values), np.median(away))
    for own in months:
        spread[own] = np.maximum(spread[own], np.median(away[own]))
    with np.errstate(invalid="ignore", divide="ignore"):
        above: np.ndarray = np.nan_to_num((values - usual) / (1.4826 * spread))
    return above
