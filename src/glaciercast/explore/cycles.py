"""What one series of velocity tells: its season and its trend, each with an interval that knows of autocorrelation."""

from __future__ import annotations

from typing import Any

import numpy as np

from glaciercast.motion import season
from glaciercast.motion.season import SeasonFit
from glaciercast.stats import trends
from glaciercast.stats.seasonal import YEAR, years

FEWEST_YEARS, FEWEST_QUARTERS = 5, 8
"""Calendar years, and quarters of them, from which on errors are also taken from what each of them moved; the widest count."""
CHANCE = float(np.exp(-4.5))
"""A harmonic that noise makes less often than this (1 in 90) counts as seen: that of three errors of a known spread."""
LEAST_YEARS, LEAST_TREND = 0.9, 2.0
"""Of looks that a season, and a trend beside it, take."""
UNSEEN_MONTHS = 6
"""Calendar months in a row without any look from which on a season is not told."""
MADS = 6.0
"""As of the producers' rule for outliers (`sources.itslive_quality`)."""
SHORT_DAYS = 100.0
"""Longer spans say little of a calendar month."""
FITTED = tuple(name for name in SeasonFit._fields if name != "observations")


def clusters(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    """Return how looks may err together: ``years`` or ``quarters`` → number of the one of each, int (look,); where there are enough."""
    month = (first + (second - first) / 2).astype("datetime64[M]").astype(int)
    found = {}
    for name, length, fewest in (("years", 12, FEWEST_YEARS), ("quarters", 3, FEWEST_QUARTERS)):
        kinds, number = np.unique(month // length, return_inverse=True)
        if len(kinds) >= fewest:
            found[name] = number
    return found


def cycle(values: np.ndarray, error: np.ndarray, first: np.ndarray, second: np.ndarray, fewest: int, level: float = 0.95) -> dict[str, Any]:
    """Return mean, trend and season of looks, with errors, intervals and what they rest on; None where there is no fit.

    Parameters
    ----------
    values, error
        m/yr (look,); NaN where there is none.
    first, second
        Span of each look, datetime64 (look,).
    fewest
        Looks that a fit takes.
    level
        Of the intervals.
    """
    seen = np.isfinite(values) & np.isfinite(error) & (error > 0)
    part = (values[seen], error[seen], first[seen], second[seen])
    row: dict[str, Any] = {**dict.fromkeys(FITTED), "observations": int(seen.sum()), "seasonal": None, "chance": None, "clusters": None}
    row |= dict.fromkeys(("amplitude_interval", "peak_day_interval", "centre"))
    row["years"] = _years_seen(*part[2:])
    if not seen.any():
        return row
    ways: dict[str, np.ndarray | None] = {**clusters(*part[2:])} or {"": None}
    made = {kind: season.clustered(*part, cluster, fewest) for kind, cluster in ways.items()}
    kind = max(made, key=lambda name: np.nan_to_num(_reach(made[name], level) * made[name].fit.amplitude_error))
    found = made[kind]
    if not np.isfinite(found.fit.amplitude):
        return row
    chance = max(one.chance for one in made.values())
    row |= {key: _finite(getattr(found.fit, key)) for key in FITTED}
    row |= {key: _finite(max(getattr(one.fit, key) for one in made.values())) for key in ("mean_error", "trend_error")}
    row |= {"chance": chance, "seasonal": chance < CHANCE, "clusters": {"of": kind, "count": found.clusters} if kind else None}
    row["centre"] = float((years(part[2]).min() + years(part[3]).max()) / 2)
    return row | _intervals(found, level)


def _reach(found: season.Clustered, level: float) -> float:
    """Return Student's quantile of a fit."""
    from scipy.stats import t

    return float(t(found.freedom).ppf((1 + level) / 2))


def _intervals(found: season.Clustered, level: float) -> dict[str, Any]:
    reach, ends = _reach(found, level), {}
    for key in ("amplitude", "peak_day"):
        value, error = float(getattr(found.fit, key)), float(getattr(found.fit, f"{key}_error"))
        low, high = value - reach * error, value + reach * error
        ends[f"{key}_interval"] = [max(low, 0.0) if key == "amplitude" else low, high] if np.isfinite(error) else None
    if ends["peak_day_interval"] is not None and reach * float(found.fit.peak_day_error) > YEAR / 4:
        ends["peak_day_interval"] = None  # any day: the first order of the error says nothing
    return ends


def long_term(
    values: np.ndarray, error: np.ndarray, first: np.ndarray, second: np.ndarray, fewest: int, level: float = 0.95
) -> dict[str, Any]:
    """Return the trend of what the season leaves: Theil–Sen of means of years (of quarters, below 8 of them), or why there is none.

    Returns
    -------
    dict
        ``slope``, ``low``, ``high`` (m/yr per year), ``p_value``, ``inflation``, ``step`` (``year`` or ``quarter``) and ``count`` (of
        steps); or ``reason``.
    """
    seen = np.isfinite(values) & np.isfinite(error) & (error > 0)
    values, error, first, second = values[seen], error[seen], first[seen], second[seen]
    span = float(years(second).max() - years(first).min()) if seen.any() else 0.0
    if span < LEAST_TREND:
        return {"reason": f"looks over {span:.1f} years: over less than {LEAST_TREND:g} a trend and a season are not told apart"}
    found = season.fit(values, error, first, second, fewest)
    rest, middle = values - found.over(first, second), years(first + (second - first) / 2)
    for step, name in ((1.0, "year"), (0.25, "quarter")):
        means = _means(rest, 1 / error**2, middle, step)
        if np.isfinite(means).sum() >= trends.FEWEST:
            made = trends.trend(means, step, level=level)
            told = {key: getattr(made, key) for key in ("slope", "low", "high", "p_value", "inflation", "count")}
            return {**told, "level": level, "step": name}
    return {"reason": f"looks in fewer than {trends.FEWEST} quarters"}


def _means(values: np.ndarray, weight: np.ndarray, moment: np.ndarray, step: float) -> np.ndarray:
    """Return weighted means of steps of time, NaN where a step has none."""
    place = np.floor(moment / step).astype(int)
    place -= place.min()
    total = np.bincount(place, weight)
    means: np.ndarray = np.where(total > 0, np.bincount(place, weight * values) / np.where(total > 0, total, 1), np.nan)
    return means


def by_month(values: np.ndarray, error: np.ndarray, first: np.ndarray, second: np.ndarray, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return ``looks``, and ``value`` and ``error`` of what lies above mean and trend, of the middles in each calendar month.

    Spans of more than 100 days are left out. Looks weigh by their errors; the error of their mean is made from what each year moved it by,
    where there are three years.
    """
    short = np.isfinite(values) & np.isfinite(error) & ((second - first) / np.timedelta64(1, "D") <= SHORT_DAYS)
    middle = (first + (second - first) / 2)[short]
    month, year = middle.astype("datetime64[M]").astype(int) % 12, middle.astype("datetime64[Y]").astype(int)
    rest, weight = values[short], 1 / error[short] ** 2
    if row["mean"] is not None:
        rest = rest - row["mean"] - row["trend"] * (years(middle) - row["centre"])
    found = []
    for number in range(12):
        inside = month == number
        told: dict[str, Any] = {"looks": int(inside.sum()), "value": None, "error": None}
        if row["mean"] is not None and inside.any():
            share = weight[inside] / weight[inside].sum()
            told["value"] = float(share @ rest[inside])
            moved = np.bincount(np.unique(year[inside], return_inverse=True)[1], share * (rest[inside] - told["value"]))
            if len(moved) >= 3:
                told["error"] = float(np.sqrt(moved @ moved * len(moved) / (len(moved) - 1)))
        found.append(told)
    return found


def error_season(values: np.ndarray, error: np.ndarray, first: np.ndarray, second: np.ndarray, row: dict[str, Any]) -> float | None:
    """Return how many times as large the median error is within three months of the fastest day as in the other half of the year.

    Noise whose size has a season (clouds, snow, low sun) passes for a season of the ice where it is not symmetric. None without a season.
    """
    if row["peak_day"] is None:
        return None
    day = np.mod(years(first + (second - first) / 2), 1) * YEAR
    away = np.abs(np.mod(day - row["peak_day"] + YEAR / 2, YEAR) - YEAR / 2)
    near = away <= YEAR / 4
    if not near.any() or near.all():
        return None
    return float(np.median(error[near]) / np.median(error[~near]))


def outlying(values: np.ndarray, error: np.ndarray, first: np.ndarray, second: np.ndarray, fewest: int) -> np.ndarray:
    """Return which looks lie off mean, trend and season by more than 6 MADs, bool (look,).

    Both of what the fit leaves and of that over the errors: a precise look that shares a small departure with its neighbours is no
    outlier, nor is one as far off as its large error says. A MAD is that of all looks or, where it is larger, of the same calendar
    month: what comes back every spring is no outlier.
    """
    off = np.zeros(len(values), bool)
    seen = np.isfinite(values) & np.isfinite(error) & (error > 0)
    month = (first + (second - first) / 2).astype("datetime64[M]").astype(int) % 12
    columns = season.design(first, second)
    for _ in range(3):
        found = season.fit(values, np.where(seen & ~off, error, np.nan), first, second, fewest)
        if not np.isfinite(found.amplitude):
            return np.zeros(len(values), bool)
        left = np.abs(values - columns @ season.coefficients(found))
        off = seen & _far(left, seen, month) & _far(left / error, seen, month)
    return off


def _far(left: np.ndarray, seen: np.ndarray, month: np.ndarray) -> np.ndarray:
    scale = np.full(len(left), np.median(left[seen]))
    for number in range(12):
        own = seen & (month == number)
        scale[own] = np.maximum(scale[own], np.median(left[own]) if own.sum() > 4 else 0)
    far: np.ndarray = left > MADS * scale
    return far


def unseen(first: np.ndarray, second: np.ndarray) -> str:
    """Return why these looks have no season: they span less than a year, or half of it was never seen; empty where they may have."""
    if not len(first):
        return "no look"
    span = float(years(second).max() - years(first).min())
    if span < LEAST_YEARS:
        return f"looks over {span:.2f} years: a season takes {LEAST_YEARS:g} or more"
    month = np.unique((first + (second - first) / 2).astype("datetime64[M]").astype(int) % 12)
    gap = int((np.diff(np.r_[month, month[0] + 12]) - 1).max())
    return f"no look in {gap} calendar months in a row" if gap >= UNSEEN_MONTHS else ""


def _years_seen(first: np.ndarray, second: np.ndarray) -> int:
    return len(np.unique((first + (second - first) / 2).astype("datetime64[Y]")))


def _finite(value: Any) -> float | None:
    single = float(value)
    return single if np.isfinite(single) else None
