"""Long-term warming of the surface: of ground by Theil–Sen, of melting ice by a fit that takes saturation for what it is.

The season is fitted beside the trend to all clear views of a cell, so that neither takes the other's part nor unequal numbers of clear days
matter. What is left is averaged by calendar month. Ground: Theil–Sen of the monthly anomalies, Sen's interval and the Mann–Kendall test,
widened for autocorrelation (`stats.trends`). Ice: surface temperature stops at melting, so that every view within its error of 273.15 K
says no more than "at least that" (`stats.censored`); the variance of the trend adds up what each month moved it, times the same inflation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.cube.melting import MELTING_POINT
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.stats import censored, longrun, seasonal, trends

DECADE = 10.0
"""Years."""
LEAST_CLEAR = 3
"""Dates with a clear view of a month whose mean counts."""
LEAST_YEARS = 5.0
"""Between the first and the last view: a shorter series has no trend that the weather of a year would not make."""
MARGIN = 2.0
"""Errors below melting from which on a view counts as saturated: a retrieval of melting ice is rarely farther off."""
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
        Views of cells without cloud, and those of them that say "melting" alone.
    cells, months
        In the fit.
    inflation
        Factor on the variance for autocorrelation.
    method
        ``theil-sen`` or ``censored``.
    level
        Of the interval.
    """

    trend: float
    low: float
    high: float
    p_value: float
    clear: int
    saturated: int
    cells: int
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
        K, (n,) or (n, cell); NaN is not clear. Cells are compared with their own season.
    level
        Of the interval.
    least_clear
        Dates that a month's mean takes: 3 of daily views, 1 of composites.

    Raises
    ------
    InputError
        If the views are too few, or span less than 5 years.
    """
    values = _columns(times, kelvin)
    centre = float(seasonal.years(times).mean())
    rest, used = np.full(values.shape, np.nan), 0
    for cell in range(values.shape[1]):
        clear = np.isfinite(values[:, cell])
        if _enough(clear):
            rest[clear, cell] = seasonal.anomalies(times[clear], values[clear, cell], centre)
            used += 1
    if not used:
        raise InputError(_too_few(np.isfinite(values), ""))
    found = trends.trend(_monthly(times, rest, least_clear), 1 / 12, level=level)
    ends = (DECADE * found.slope, DECADE * found.low, DECADE * found.high)
    return Warming(*ends, found.p_value, int(np.isfinite(rest).sum()), 0, used, found.count, found.inflation, "theil-sen", level)


def of_ice(times: np.ndarray, kelvin: np.ndarray, error: np.ndarray | float, level: float = 0.95) -> Warming:
    """Return the warming of ice from clear views: of the temperature that it would have if it could not melt; the mean over cells.

    Parameters
    ----------
    times, kelvin, level
        As of `of_ground`. Cells with too few views below melting are left out.
    error
        Bound on the error of each view, K, of the shape of `kelvin` or one for all; views without a finite one do not count.

    Raises
    ------
    InputError
        If the views below melting are too few, or span less than 5 years.
    """
    values = _columns(times, kelvin)
    bound = np.broadcast_to(np.asarray(error, np.float64), kelvin.shape).reshape(values.shape)
    centre, month = float(seasonal.years(times).mean()), months(times)
    size = int(month.max(initial=0)) + 1
    moved, rest, number = (np.zeros(size) for _ in range(3))
    slopes: list[float] = []
    clear = saturated = 0
    for cell in range(values.shape[1]):
        seen = np.isfinite(values[:, cell]) & np.isfinite(bound[:, cell])
        threshold = MELTING_POINT - MARGIN * bound[seen, cell]
        above = values[seen, cell] >= threshold
        fitted = _fitted(times, seen, centre, np.where(above, threshold, values[seen, cell]), above)
        if fitted is not None:
            slopes.append(float(fitted.coefficients[1]))
            moved += np.bincount(month[seen], fitted.influence[:, 1], size)
            rest += np.bincount(month[seen], fitted.residuals, size)
            number += np.bincount(month[seen], minlength=size)
            clear, saturated = clear + len(above), saturated + int(above.sum())
    if not slopes:
        raise InputError(_too_few(values < MELTING_POINT - MARGIN * bound, " below melting"))
    factor = longrun.inflation(np.where(number > 0, rest / np.maximum(number, 1), np.nan), fitted=2)
    spread = float(np.sqrt(moved @ moved * factor)) / len(slopes)
    return _walled(float(np.mean(slopes)), spread, factor, int((number > 0).sum()), (clear, saturated, len(slopes)), level)


def before_drift(times: np.ndarray) -> np.ndarray:
    """Return which views are older than the drift of Terra's orbit, bool (n,)."""
    early: np.ndarray = times.astype("datetime64[ns]") < DRIFT_FROM
    return early


def months(times: np.ndarray) -> np.ndarray:
    """Return the number of each calendar month from that of the earliest time on, int64 (n,)."""
    number = times.astype("datetime64[M]").astype(np.int64)
    since: np.ndarray = number - number.min(initial=number[0] if len(number) else 0)
    return since


def _fitted(times: np.ndarray, seen: np.ndarray, centre: float, values: np.ndarray, above: np.ndarray) -> censored.Censored | None:
    """Return the fit of a cell; None where too little was seen below melting for one."""
    columns = seasonal.design(seasonal.years(times[seen]), centre)
    if not _enough(seen) or np.count_nonzero(~above) < 2 * columns.shape[1]:
        return None
    try:
        return censored.fit(columns, values, above)
    except GlaciercastError:  # a season without a view below melting: this cell cannot tell, the others may
        return None


def _walled(slope: float, error: float, factor: float, number: int, counts: tuple[int, int, int], level: float) -> Warming:
    from scipy.stats import t

    student = t(longrun.waves(number))
    reach = float(student.ppf((1 + level) / 2)) * error
    low, high, p_value = slope - reach, slope + reach, 2 * float(student.sf(abs(slope) / error))
    return Warming(DECADE * slope, DECADE * low, DECADE * high, p_value, *counts, number, factor, "censored", level)


def _monthly(times: np.ndarray, values: np.ndarray, least: int) -> np.ndarray:
    """Return the means of calendar months over all cells, float64 (month,); NaN where fewer than `least` dates have a value."""
    month, seen = months(times), np.isfinite(values)
    count, dates = np.bincount(month, seen.sum(axis=1)), np.bincount(month, seen.any(axis=1))
    total = np.bincount(month, np.where(seen, values, 0).sum(axis=1))
    means: np.ndarray = np.where(dates >= least, total / np.maximum(count, 1), np.nan)
    return means


def _columns(times: np.ndarray, kelvin: np.ndarray) -> np.ndarray:
    if len(times) != len(kelvin) or kelvin.ndim not in (1, 2):
        raise InputError(f"warming: expected temperatures (time,) or (time, cell) at {len(times)} times, found the shape {kelvin.shape}")
    if kelvin.size == 0:
        raise InputError("warming: expected clear views, found no view at all")
    values = kelvin.reshape(len(times), -1).astype(np.float64)
    clear = np.isfinite(values).any(axis=1)
    span = float(np.ptp(seasonal.years(times[clear]))) if clear.any() else 0.0
    if span < LEAST_YEARS:
        raise InputError(f"warming: expected clear views over {LEAST_YEARS:g} years or more, found {span:.1f}")
    return values


def _enough(clear: np.ndarray) -> bool:
    return bool(np.count_nonzero(clear) >= 4 * (2 + 2 * seasonal.HARMONICS))


def _too_few(usable: np.ndarray, where: str) -> str:
    needed = 4 * (2 + 2 * seasonal.HARMONICS)
    return (
        f"warming: expected {needed} clear views or more of a cell{where}, at all times of the year, found {int(usable.sum(axis=0).max())}"
    )
