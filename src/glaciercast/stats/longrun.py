"""How much autocorrelation widens what a series tells: its long-run variance, gaps allowed.

References
----------
Andrews (1991), Heteroskedasticity and autocorrelation consistent covariance matrix estimation, Econometrica 59, 817; Andrews & Monahan
(1992), An improved heteroskedasticity and autocorrelation consistent covariance matrix estimator, Econometrica 60, 953.
"""

from __future__ import annotations

import numpy as np

STRONGEST = 0.97
"""Largest first-order autocorrelation that prewhitening takes out (Andrews & Monahan 1992)."""


def autocovariance(values: np.ndarray, lags: int) -> np.ndarray:
    """Return the autocovariance about zero at lags 0 … `lags` of a regular series, float64 (lags + 1,).

    Each is a mean over the pairs of steps that both have a value, times the share (n − lag)/n of pairs of a series without gaps.

    Parameters
    ----------
    values
        (n,), NaN where there is none.
    """
    seen = np.isfinite(values)
    filled = np.where(seen, values, 0.0)
    total = len(values)
    found = np.zeros(lags + 1)
    for lag in range(min(lags, total - 1) + 1):
        pairs = np.count_nonzero(seen[lag:] & seen[: total - lag])
        if pairs:
            found[lag] = (filled[lag:] @ filled[: total - lag]) / pairs * (total - lag) / total
    return found


def first_autocorrelation(values: np.ndarray, fitted: int = 0) -> float:
    """Return the autocorrelation at lag 1 of a series of mean zero, within ±`STRONGEST`.

    Parameters
    ----------
    fitted
        Parameters of the mean that were fitted to the series before (2: a straight line). Residuals are less correlated than the errors
        are; to first order by (fitted + (2 + fitted)·r)/n, which is put back (Kendall 1954 for a mean; about that for a line).
    """
    zero, one = autocovariance(values, 1)
    if zero <= 0:
        return 0.0
    count = np.count_nonzero(np.isfinite(values))
    raw = one / zero * len(values) / max(len(values) - 1, 1)
    put_back = (fitted + (2 + fitted) * raw) / count if fitted else 0.0
    return float(np.clip(raw + put_back, -STRONGEST, STRONGEST))


def long_run_variance(values: np.ndarray, fitted: int = 0) -> float:
    """Return the sum of all autocovariances of a regular series of mean zero: n·Var(mean), as n grows.

    The series is whitened by its first autocorrelation r, the rest summed with the quadratic-spectral kernel at Andrews' (1991)
    automatic bandwidth, and the result divided by (1 − r)². For white noise it is the variance, for AR(1) the variance times
    (1 + r)/(1 − r).

    Parameters
    ----------
    values
        (n,), NaN where there is none; n steps of equal length.
    fitted
        As in `first_autocorrelation`.
    """
    strength = first_autocorrelation(values, fitted)
    white = values[1:] - strength * values[:-1]
    count = np.count_nonzero(np.isfinite(white))
    if count < 4:
        return float(np.nanmean(np.square(values))) if np.isfinite(values).any() else float("nan")
    rest = first_autocorrelation(white)
    bandwidth = 1.3221 * (4 * rest**2 / (1 - rest) ** 4 * count) ** 0.2
    covariances = autocovariance(white, min(len(white) - 1, len(white) // 2))
    lags = np.arange(1, len(covariances))
    weights = quadratic_spectral(lags / bandwidth) if bandwidth > 0 else np.zeros(len(lags))
    whole = covariances[0] + 2 * float(weights @ covariances[1:])
    return float(max(whole, 0.1 * covariances[0]) / (1 - strength) ** 2)


def inflation(values: np.ndarray, fitted: int = 0) -> float:
    """Return by how much autocorrelation raises the variance of a mean (or of a trend) of a regular series of mean zero; at least 1.

    Negative autocorrelation, which would narrow an interval, is not believed.
    """
    zero = autocovariance(values, 0)[0]
    return max(1.0, long_run_variance(values, fitted) / zero) if zero > 0 else 1.0


def quadratic_spectral(ratio: np.ndarray) -> np.ndarray:
    """Return the quadratic-spectral kernel (Andrews 1991, eq. 2.7) at lags over the bandwidth, not 0."""
    angle = 6 * np.pi * np.asarray(ratio, np.float64) / 5
    kernel: np.ndarray = 3 / angle**2 * (np.sin(angle) / angle - np.cos(angle))
    return kernel
