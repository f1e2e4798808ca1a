"""Trends that a few odd values don't move, with intervals that know of autocorrelation.

References
----------
Theil (1950), Proc. Kon. Ned. Akad. Wetensch. A53, 386; Sen (1968), Estimates of the regression coefficient based on Kendall's tau, JASA 63,
1379; Mann (1945), Nonparametric tests against trend, Econometrica 13, 245; Kendall (1975), Rank Correlation Methods; Hamed & Rao (1998), A
modified Mann–Kendall trend test for autocorrelated data, J. Hydrol. 204, 182.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.errors import InputError
from glaciercast.stats import longrun

FEWEST = 8
"""Values that a trend takes: with fewer the normal approximation of S fails."""


@dataclass(frozen=True)
class Trend:
    """A Theil–Sen slope with its interval and the Mann–Kendall test, both widened for autocorrelation.

    Attributes
    ----------
    slope, intercept
        Values per unit of time, and the value at time 0.
    low, high
        Ends of the interval of the slope.
    p_value
        Two-sided, of no trend.
    s, s_variance
        Mann–Kendall's S and its variance without autocorrelation.
    inflation
        Factor on that variance, at least 1.
    count
        Values.
    level
        Of the interval.
    """

    slope: float
    intercept: float
    low: float
    high: float
    p_value: float
    s: float
    s_variance: float
    inflation: float
    count: int
    level: float = 0.95

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out no trend at all."""
        return self.low > 0 or self.high < 0


def theil_sen(time: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return slope and intercept: the median slope of all pairs, and the median of what it leaves (Sen 1968).

    Parameters
    ----------
    time, values
        (n,); NaN counts as missing.

    Raises
    ------
    InputError
        If there are no two values at different times.
    """
    moment, seen = _clean(time, values)
    slope = float(np.median(pair_slopes(moment, seen)))
    return slope, float(np.median(seen - slope * moment))


def pair_slopes(time: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the slopes of all pairs of different time, in order of size, float64 (pairs,); memory grows as n².

    Raises
    ------
    InputError
        If there is no pair.
    """
    first, second = np.triu_indices(len(values), 1)
    run = time[second] - time[first]
    apart = run != 0
    if not apart.any():
        raise InputError(f"trend: expected values at two times or more, found {len(values)} at one")
    slopes: np.ndarray = np.sort((values[second] - values[first])[apart] / run[apart])
    return slopes


def mann_kendall(values: np.ndarray) -> tuple[float, float]:
    """Return Mann–Kendall's S and its variance with ties, for independent values in order of time; NaN counts as missing.

    S = Σ sign(x_j − x_i) over j > i; Var(S) = [n(n−1)(2n+5) − Σ t(t−1)(2t+5)] / 18, t being the sizes of ties (Kendall 1975).
    """
    seen = np.asarray(values, np.float64)
    seen = seen[np.isfinite(seen)]
    first, second = np.triu_indices(len(seen), 1)
    n = len(seen)
    ties = np.unique(seen, return_counts=True)[1].astype(np.float64)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    return float(np.sign(seen[second] - seen[first]).sum()), variance


def rank_inflation(residuals: np.ndarray, fitted: int = 2) -> float:
    """Return the factor by which autocorrelation raises Var(S): the long-run variance of the ranks over their variance, at least 1.

    Hamed & Rao (1998) sum the autocorrelations of the ranks that pass a test; here all count, by the kernel of `longrun`, whose sum
    doesn't hang on which of them pass.

    Parameters
    ----------
    residuals
        A regular series without its trend, (n,); NaN where there is none.
    """
    from scipy.stats import rankdata

    seen = np.isfinite(residuals)
    scores = np.full(len(residuals), np.nan)
    scores[seen] = rankdata(residuals[seen]) - (np.count_nonzero(seen) + 1) / 2
    return longrun.inflation(scores, fitted)


def trend(values: np.ndarray, step: float = 1.0, start: float = 0.0, level: float = 0.95, autocorrelated: bool = True) -> Trend:
    """Return the trend of a regular series.

    The interval is Sen's (1968): of the ordered slopes of pairs those at (N ± C)/2, with C = t·√(Var(S)·inflation), where t is Student's
    quantile for the degrees of freedom of the inflation (`longrun.waves`).

    Parameters
    ----------
    values
        One value a step, (n,); NaN where there is none: gaps stay gaps, so that lags are right.
    step, start
        Length of a step and time of the first value; the slope is per unit of these.
    level
        Of the interval, 0–1.
    autocorrelated
        False: take the values as independent.

    Raises
    ------
    InputError
        If there are fewer than 8 values, or `step` is not positive.
    """
    values = np.asarray(values, np.float64)
    if step <= 0:
        raise InputError(f"trend: expected a step above 0, found {step}")
    count = int(np.count_nonzero(np.isfinite(values)))
    if count < FEWEST:
        raise InputError(f"trend: expected {FEWEST} values or more, found {count}")
    time = start + step * np.arange(len(values))
    moment, seen = _clean(time, values)
    slopes = pair_slopes(moment, seen)
    slope = float(np.median(slopes))
    factor = rank_inflation(values - slope * time) if autocorrelated else 1.0
    s, variance = mann_kendall(seen)
    low, high, p_value = _interval(slopes, s, variance * factor, longrun.waves(count) if autocorrelated else count - 2, level)
    return Trend(slope, float(np.median(seen - slope * moment)), low, high, p_value, s, variance, factor, count, level)


def _interval(slopes: np.ndarray, s: float, variance: float, freedom: float, level: float) -> tuple[float, float, float]:
    """Return the ends of the interval of the slope, and the p-value of S with its correction for continuity."""
    from scipy.stats import t

    spread, student = float(np.sqrt(variance)), t(max(freedom, 2.0))
    reach = float(student.ppf((1 + level) / 2)) * spread
    middle = (len(slopes) - 1) / 2
    places = np.clip([middle - reach / 2, middle + reach / 2], 0, len(slopes) - 1)
    low, high = np.interp(places, np.arange(len(slopes)), slopes)
    p_value = 2 * float(student.sf(max(abs(s) - 1, 0) / spread)) if spread > 0 else 1.0
    return float(low), float(high), min(p_value, 1.0)


def _clean(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    moment, seen = np.asarray(time, np.float64), np.asarray(values, np.float64)
    if moment.shape != seen.shape or moment.ndim != 1:
        raise InputError(f"trend: expected times and values of one length, found {moment.shape} and {seen.shape}")
    known = np.isfinite(seen) & np.isfinite(moment)
    return moment[known], seen[known]
