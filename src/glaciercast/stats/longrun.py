"""How much autocorrelation widens what a series tells: its long-run variance, gaps allowed.

References
----------
Andrews & Monahan (1992), An improved heteroskedasticity and autocorrelation consistent covariance matrix estimator, Econometrica 60, 953;
Phillips (2005), HAC estimation by automated regression, Econometric Theory 21, 116; Lazarus, Lewis, Stock & Watson (2018), HAR inference:
recommendations for practice, J. Bus. Econ. Stat. 36, 541.
"""

from __future__ import annotations

import numpy as np

STRONGEST = 0.97
"""Largest first-order autocorrelation that prewhitening takes out (Andrews & Monahan 1992)."""
SHARE, POWER, LEAST = 0.4, 2 / 3, 3
"""Of the number of slow waves, 0.4·n^(2/3), at least 3 (Lazarus et al. 2018, eq. 4)."""


def waves(n: int) -> int:
    """Return over how many of the slowest waves of `n` values the long-run variance is averaged: the degrees of freedom of its t."""
    return max(LEAST, int(SHARE * n**POWER))


def first_autocorrelation(values: np.ndarray, fitted: int = 0) -> float:
    """Return the autocorrelation at lag 1 of a regular series of mean zero, within ±`STRONGEST`; 0 where there is no variance.

    Parameters
    ----------
    values
        (n,), NaN where there is none.
    fitted
        Parameters of the mean that were fitted to the series before (2: a straight line). Residuals are less correlated than the errors
        are; to first order by (fitted + (2 + fitted)·r)/n, which is put back (Kendall 1954 for a mean; about that for a line).
    """
    seen = np.isfinite(values)
    both = seen[1:] & seen[:-1]
    if not both.any() or not np.any(values[seen]):
        return 0.0
    raw = float(np.mean(values[1:][both] * values[:-1][both]) / np.mean(values[seen] ** 2))
    put_back = (fitted + (2 + fitted) * raw) / np.count_nonzero(seen) if fitted else 0.0
    return float(np.clip(raw + put_back, -STRONGEST, STRONGEST))


def long_run_variance(values: np.ndarray, fitted: int = 0) -> float:
    """Return the sum of all autocovariances of a regular series of mean zero: n·Var(mean), as n grows.

    A positive first autocorrelation r is taken out (prewhitening), the mean square of the slowest cosines of the rest is taken, each
    counting alike, and divided by (1 − r)². For white noise this is the variance, for AR(1) the variance times (1 + r)/(1 − r). Its
    relative error is that of χ² with `waves` degrees of freedom: intervals take Student's t of as many.

    Parameters
    ----------
    values
        (n,), NaN where there is none; n steps of equal length.
    fitted
        As in `first_autocorrelation`. A fitted line has taken away most of the slowest cosine, which then doesn't count.
    """
    from scipy.fft import dct

    strength = max(0.0, first_autocorrelation(values, fitted))
    white = values[1:] - strength * values[:-1]
    seen = np.isfinite(white)
    count, first = int(np.count_nonzero(seen)), 2 if fitted >= 2 else 1
    slow = dct(np.where(seen, white, 0.0), type=2, norm="ortho")[first : first + waves(len(values))]
    return float(np.mean(slow**2) * len(white) / max(count, 1) / (1 - strength) ** 2) if len(slow) else float("nan")


def inflation(values: np.ndarray, fitted: int = 0) -> float:
    """Return by how much autocorrelation raises the variance of a mean (or of a trend) of a regular series of mean zero; at least 1.

    Negative autocorrelation, which would narrow an interval, is not believed.
    """
    seen = values[np.isfinite(values)]
    return max(1.0, long_run_variance(values, fitted) / float(np.mean(seen**2))) if np.any(seen) else 1.0
