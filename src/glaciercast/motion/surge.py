"""Surges in a series of speed: onset, peak and end, with intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.motion.network import YEAR

DAY = np.timedelta64(1, "D")


class SurgeRule(Config):
    """What counts as a surge."""

    factor: float = Field(default=3.0, gt=1, description="times the quiet speed that a surge exceeds")
    days: float = Field(default=60.0, gt=0, description="for which it does so, and below which it stays when it is over")
    quiet: tuple[date, date] | None = Field(
        default=None, description="first and last day of quiet flow; null: the quietest years are found"
    )
    quiet_years: float = Field(default=3.0, gt=0, description="length of the quiet time that is found")

    @model_validator(mode="after")
    def _ordered(self) -> SurgeRule:
        if self.quiet is not None and not self.quiet[1] > self.quiet[0]:
            raise ValueError("expected a quiet time whose end is after its begin")
        return self


Interval = tuple[np.datetime64, np.datetime64]


@dataclass(frozen=True)
class Surge:
    """One surge; times are those of the series' samples, speeds are m/yr.

    Attributes
    ----------
    onset, peak, end
        First time above the threshold, time of the greatest speed, first time below; `end` is NaT while it goes on.
    onset_interval, peak_interval, end_interval
        What the noise of the series leaves open, at the level that was asked for; where some replicates have no end, the interval of
        the end has no upper bound (NaT).
    peak_speed, peak_speed_interval
        Greatest speed.
    quiet_speed
        To which it was compared.
    support
        Share of the replicates in which the surge was found at all.
    """

    onset: np.datetime64
    peak: np.datetime64
    end: np.datetime64
    onset_interval: Interval
    peak_interval: Interval
    end_interval: Interval
    peak_speed: float
    peak_speed_interval: tuple[float, float]
    quiet_speed: float
    support: float

    @property
    def ongoing(self) -> bool:
        """Whether the series ends before the surge does."""
        return bool(np.isnat(self.end))

    def plain(self) -> dict[str, Any]:
        """Return plain JSON types: days as text, None for what has no end yet."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value.astype("datetime64[D]"))
    return float(value)


def detect(
    times: np.ndarray, speed: np.ndarray, rule: SurgeRule | None = None, *, level: float = 0.95, replicates: int = 400, seed: int = 0
) -> list[Surge]:
    """Return the surges of a series, in order of time.

    A surge begins where speed rises above `factor` times the quiet speed and stays there for `days`; it ends where speed falls below and
    stays there for as long, and is ongoing where the series ends earlier. A spring speed-up is shorter than that.

    Intervals are percentiles over replicates of the series, each sample times a ratio of speed to its running median over half of
    `days`, drawn in blocks of `days`: noise that grows with speed and is alike over weeks. Noise delays what has to last, in the
    replicates as in the series itself, so that percentiles count to either side of what was found, by half a step at least.
    The rule looks back on the whole series; a warning needs `quiet` and the series as it was known then.

    Parameters
    ----------
    times
        datetime64 (time,), increasing.
    speed
        (time,), m/yr; NaN where there is none: gaps neither begin nor end a surge.
    rule
        Default: three times the median of the quietest three years, for 60 days.

    Raises
    ------
    InputError
        If times are out of order, speeds are negative, or there is no quiet time in the series.
    """
    rule = rule or SurgeRule()
    speed = np.asarray(speed, np.float64)
    if speed.shape != times.shape or times.ndim != 1 or not (np.diff(times) > np.timedelta64(0, "s")).all():
        raise InputError(f"surges: expected one speed for each of some times in order, found {speed.shape} and {times.shape}")
    if (speed < 0).any():
        raise InputError(f"surges: expected speeds of 0 m/yr or more, found {np.nanmin(speed):g}")
    known = np.isfinite(speed)
    days = (times[known] - times[:1].min()) / DAY if known.any() else np.empty(0)
    seen, when = speed[known], times[known]
    quiet = _quiet_speed(when, days, seen, rule)
    events = _runs(days, seen, rule.factor * quiet, rule.days)
    if not events:
        return []
    drawn = _replicates(days, seen, rule, replicates, seed)
    others = [_runs(days, one, rule.factor * _quiet_speed(when, days, one, rule), rule.days) for one in drawn]
    return [_described(event, when, days, seen, quiet, list(zip(drawn, others, strict=True)), level) for event in events]


def _quiet_speed(when: np.ndarray, days: np.ndarray, speed: np.ndarray, rule: SurgeRule) -> float:
    """Return the median of the quiet time, or the least median of any `quiet_years` in a row."""
    if rule.quiet is not None:
        begin, end = (np.datetime64(day) for day in rule.quiet)
        inside = (when >= begin) & (when < end + DAY)
        if not inside.any():
            raise InputError(f"surges: expected speeds in the quiet time {rule.quiet[0]} to {rule.quiet[1]}, found none")
        return float(np.median(speed[inside]))
    length = rule.quiet_years * YEAR
    begins = np.arange(days.min(initial=0), days.max(initial=0) - length + 1, YEAR / 4)
    parts = [speed[(days >= begin) & (days < begin + length)] for begin in begins]
    medians = [float(np.median(part)) for part in parts if len(part)]
    if not medians:
        raise InputError(f"surges: expected a series of {rule.quiet_years:g} years or a quiet time to compare with, found neither")
    return min(medians)


def _runs(days: np.ndarray, speed: np.ndarray, threshold: float, least: float) -> list[tuple[int, int]]:
    """Return first and one past the last sample of each surge; one past all where it goes on."""
    above = speed > threshold
    edges = np.flatnonzero(np.diff(above)) + 1
    begins = np.concatenate([[0], edges]).astype(int)
    last = np.concatenate([edges, [len(speed)]]).astype(int) - 1
    found: list[tuple[int, int]] = []
    onset = -1
    for begin, end in zip(begins, last, strict=True):
        lasting = days[end] - days[begin] >= least
        if onset < 0 and above[begin] and lasting:
            onset = int(begin)
        elif onset >= 0 and not above[begin] and lasting:
            found.append((onset, int(begin)))
            onset = -1
    if onset >= 0:
        found.append((onset, len(speed)))
    return found


def _replicates(days: np.ndarray, speed: np.ndarray, rule: SurgeRule, number: int, seed: int) -> np.ndarray:
    """Return series of like noise, (replicate, time): each sample times ratios to the running median, drawn in blocks."""
    low = np.searchsorted(days, days - rule.days / 4, "left")
    high = np.searchsorted(days, days + rule.days / 4, "right")
    middle = np.array([np.median(speed[begin:end]) for begin, end in zip(low, high, strict=True)])
    ratio = np.divide(speed, middle, out=np.ones_like(speed), where=middle > 0)
    block = max(1, min(len(speed), round(rule.days / float(np.median(np.diff(days))))))
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, len(speed) - block + 1, (number, -(-len(speed) // block)))
    places = (starts[:, :, None] + np.arange(block)).reshape(number, -1)[:, : len(speed)]
    series: np.ndarray = speed * ratio[places]
    return series


def _described(
    event: tuple[int, int],
    when: np.ndarray,
    days: np.ndarray,
    speed: np.ndarray,
    quiet: float,
    replicates: list[tuple[np.ndarray, list[tuple[int, int]]]],
    level: float,
) -> Surge:
    onset, end = event
    peak = onset + int(np.argmax(speed[onset:end]))
    alike = [(one, _overlapping(event, runs)) for one, runs in replicates]
    found = [(one, run) for one, run in alike if run is not None]
    peaks = [(run[0] + int(np.argmax(one[run[0] : run[1]])), float(one[run[0] : run[1]].max())) for one, run in found]
    tail = (1 - level) / 2
    speeds = np.quantile([value for _, value in peaks] or [speed[peak]], [tail, 1 - tail])
    return Surge(
        onset=when[onset],
        peak=when[peak],
        end=when[end] if end < len(when) else np.datetime64("NaT", "ns"),
        onset_interval=_interval(onset, [run[0] for _, run in found], when, days, tail),
        peak_interval=_interval(peak, [place for place, _ in peaks], when, days, tail),
        end_interval=_interval(end, [run[1] for _, run in found], when, days, tail),
        peak_speed=float(speed[peak]),
        peak_speed_interval=(float(min(speeds[0], speed[peak])), float(max(speeds[1], speed[peak]))),
        quiet_speed=quiet,
        support=len(found) / len(replicates),
    )


def _overlapping(event: tuple[int, int], runs: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the run that shares most samples with the event, or None."""
    shared = [min(event[1], run[1]) - max(event[0], run[0]) for run in runs]
    return runs[int(np.argmax(shared))] if shared and max(shared) > 0 else None


def _interval(place: int, places: list[int], when: np.ndarray, days: np.ndarray, tail: float) -> Interval:
    """Return the percentiles of sample numbers as times, to both sides, half a step at least; NaT where the series has no such time."""
    low, high = np.quantile([*places, place], [tail, 1 - tail], method="nearest").astype(int)
    half = np.timedelta64(round(float(np.median(np.diff(days))) / 2 * 86400), "s")
    never = np.datetime64("NaT", "ns")
    if place == len(when):
        return (when[low] - half if low < place else never), never
    early, late = min(low, place), max(high, place)
    begin = when[max(0, min(early, 2 * place - late))] - half
    return begin, (when[min(len(when) - 1, max(late, 2 * place - early))] + half if late < len(when) else never)
