"""Long-term warming of the surface: of ground by Theil–Sen, of melting ice by a fit that takes saturation for what it is.

The season is fitted beside the trend to all clear views, so that neither takes the other's part nor unequal numbers of clear days matter.
What is left is averaged by calendar month. Ground: Theil–Sen of the monthly anomalies, Sen's interval and the Mann–Kendall test, widened
for autocorrelation (`stats.trends`). Ice: surface temperature stops at melting, so that every view within its error of 273.15 K says no
more than "at least that" (`stats.censored`); the variance of the trend adds up what each month moved it, times the same inflation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.cube.melting import MELTING_POINT
from glaciercast.errors import InputError
from glaciercast.stats import censored, longrun, seasonal, trends

DECADE = 10.0
"""Years."""
LEAST_CLEAR = 3
"""Clear views of a month whose mean counts."""
LEAST_YEARS = 5.0
"""Between the first and the last view: a shorter series has no trend that the weather of a year would not make."""
MARGIN = 2.0
"""Errors below melting from which on a view counts as saturated: beyond two a retrieval of melting ice is rare."""
DRIFT_FROM = np.datetime64("2020-01-01")
"""Terra leaves its time of view some months later; whole years are left out (NASA ended its inclination manoeuvres in February 2020)."""


@dataclass(frozen=True)
class Warming:
    """Trend of a surface temperature.

    Attributes
    ----------
    trend, low, high
        K per decade, with its interval.
    p_value
        Two-sided, of no trend.
    clear, saturated
        Views without cloud, and those of them that say "melting" alone.
    months
        With enough clear views (ground), or any (ice).
    inflation
        Factor on the variance for autocorrelation.
    method
        ``theil-sen`` or ``censored``.
    """

    trend: float
    low: float
    high: float
    p_value: float
    clear: int
    saturated: int
    months: int
    inflation: float
    method: str
    level: float = 0.95


def of_ground(times: np.ndarray, kelvin: np.ndarray, level: float = 0.95, least_clear: int = LEAST_CLEAR) -> Warming:
    """Return the warming of ground from clear views.

    Parameters
    ----------
    times
        datetime64 (n,), in any order.
    kelvin
        K, (n,); NaN is not clear.
    level
        Of the interval.
    least_clear
        Views that a month's mean takes: 3 of daily ones, 1 of composites.

    Raises
    ------
    InputError
        If the views are too few, or span less than 5 years.
    """
    when, seen = _clear(times, kelvin)
    rest = seasonal.deseasonalised(when, seen)
    means = monthly(when, rest, least_clear)
    found = trends.trend(means, 1 / 12, level=level)
    ends = (DECADE * found.slope, DECADE * found.low, DECADE * found.high)
    return Warming(*ends, found.p_value, len(seen), 0, found.count, found.inflation, "theil-sen", level)


def of_ice(times: np.ndarray, kelvin: np.ndarray, error: np.ndarray | float, level: float = 0.95) -> Warming:
    """Return the warming of ice from clear views: of the temperature that it would have if it could not melt.

    Parameters
    ----------
    times, kelvin
        As of `of_ground`.
    error
        Bound on the error of each view, K, (n,) or one for all; views without a finite one do not count.

    Raises
    ------
    InputError
        If the views below melting are too few, or span less than 5 years.
    """
    bound = np.broadcast_to(np.asarray(error, np.float64), kelvin.shape)
    when, seen = _clear(times, np.where(np.isfinite(bound), kelvin, np.nan))
    threshold = MELTING_POINT - MARGIN * bound[np.isfinite(bound) & np.isfinite(kelvin)]
    above = seen >= threshold
    moment = seasonal.years(when)
    fitted = censored.fit(seasonal.design(moment, float(moment.mean())), np.where(above, threshold, seen), above)
    slope = float(fitted.coefficients[1])
    month = months(when)
    moved, rest = _by_month(month, fitted.influence[:, 1]), _by_month(month, fitted.residuals)
    rest[np.bincount(month) == 0] = np.nan
    factor = longrun.inflation(rest, fitted=2)
    return _walled(slope, float(np.sqrt(moved @ moved * factor)), rest, factor, (len(seen), int(above.sum())), level)


def _walled(slope: float, error: float, rest: np.ndarray, factor: float, counts: tuple[int, int], level: float) -> Warming:
    from scipy.stats import t

    number = int(np.count_nonzero(np.isfinite(rest)))
    student = t(longrun.waves(number))
    reach = float(student.ppf((1 + level) / 2)) * error
    ends = (DECADE * part for part in (slope, slope - reach, slope + reach))
    return Warming(*ends, 2 * float(student.sf(abs(slope) / error)), *counts, number, factor, "censored", level)


def before_drift(times: np.ndarray) -> np.ndarray:
    """Return which views are older than the drift of Terra's orbit, bool (n,)."""
    early: np.ndarray = times.astype("datetime64[ns]") < DRIFT_FROM
    return early


def months(times: np.ndarray) -> np.ndarray:
    """Return the number of each calendar month from that of the earliest time on, int64 (n,)."""
    number = times.astype("datetime64[M]").astype(np.int64)
    since: np.ndarray = number - number.min()
    return since


def monthly(times: np.ndarray, values: np.ndarray, least: int = 1) -> np.ndarray:
    """Return the means of calendar months from the first to the last, float64 (month,); NaN where fewer than `least` values are."""
    month = months(times)
    count = np.bincount(month)
    means: np.ndarray = np.where(count >= least, np.bincount(month, values) / np.maximum(count, 1), np.nan)
    return means


def _by_month(month: np.ndarray, values: np.ndarray) -> np.ndarray:
    summed: np.ndarray = np.bincount(month, values)
    return summed


def _clear(times: np.ndarray, kelvin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if times.shape != kelvin.shape:
        raise InputError(f"warming: expected times and temperatures of one length, found {times.shape} and {kelvin.shape}")
    known = np.isfinite(kelvin)
    when, seen = times[known], kelvin[known].astype(np.float64)
    if len(when) == 0:
        raise InputError("warming: no view is clear")
    span = float(np.ptp(seasonal.years(when)))
    if span < LEAST_YEARS:
        raise InputError(f"warming: expected clear views over {LEAST_YEARS:g} years or more, found {span:.1f}")
    return when, seen
