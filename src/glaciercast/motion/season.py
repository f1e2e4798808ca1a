"""The season and the trend of velocity, fitted to what was observed: means over spans of time, of pairs or of regular steps alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from glaciercast.errors import InputError
from glaciercast.motion.network import YEAR


class SeasonFit(NamedTuple):
    """Mean, trend and first harmonic of each pixel with their 1 sigma errors; float64 (…), NaN where too little was observed.

    Attributes
    ----------
    mean
        At the middle of the period, without season.
    trend
        Change in a year of 365.25 days.
    amplitude
        Of the harmonic: half of the range from its least to its greatest value.
    peak_day
        Days after 1 January (00:00 is 0) at which the harmonic is greatest, in [0, 365.25).
    scale
        Spread of the residuals over their errors; the errors above contain it.
    observations
        That are in the fit, int64.
    """

    mean: np.ndarray
    mean_error: np.ndarray
    trend: np.ndarray
    trend_error: np.ndarray
    amplitude: np.ndarray
    amplitude_error: np.ndarray
    peak_day: np.ndarray
    peak_day_error: np.ndarray
    scale: np.ndarray
    observations: np.ndarray

    def over(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the mean of the harmonic, without mean and trend, over spans of time, (time, …); 0 where there is no fit."""
        begin, end = (_years(times) for times in (first, second))
        middle, span = (part.reshape(-1, *[1] * self.amplitude.ndim) for part in ((begin + end) / 2, end - begin))
        phase = 2 * np.pi * (middle - self.peak_day / YEAR)
        curve: np.ndarray = np.nan_to_num(np.sinc(span) * self.amplitude * np.cos(phase))
        return curve


PARAMETERS = 4
NEW_YEAR = np.datetime64("2000-01-01T00:00", "ns")
"""A beginning of a year from which phases count; years of 365.25 days stay within a day of the calendar."""


def _years(times: np.ndarray) -> np.ndarray:
    years: np.ndarray = (times.astype("datetime64[ns]") - NEW_YEAR) / np.timedelta64(1, "D") / YEAR
    return years


def fit(values: np.ndarray, error: np.ndarray, first: np.ndarray, second: np.ndarray, fewest: int = 12) -> SeasonFit:
    """Fit mean, trend and one harmonic a year by weighted least squares, to each pixel on its own.

    What is observed over a span is the mean of the curve over it: the trend at its middle, and the harmonic damped by sinc(span), which
    the fit undoes: the amplitude is that of the ice and not of the pairs. Errors are (AᵀWA)⁻¹ times the square of the residuals' scale,
    which counts observations as independent. Those of an inverted series are not: fit pairs, where there are any, or read its errors
    as lower bounds.

    Parameters
    ----------
    values, error
        (time, …): a component of velocity and its 1 sigma error, m/yr; NaN where there is none.
    first, second
        Begin and end of each span, datetime64 (time,): acquisitions of pairs, or edges of steps.
    fewest
        Observations that a fit takes, at least 5.

    Raises
    ------
    InputError
        If shapes do not go together or spans are reversed.
    """
    if not (values.shape == error.shape and len(first) == len(second) == len(values)):
        raise InputError(f"season: expected values, errors and spans of one length, found {values.shape}, {error.shape}, {len(first)}")
    if not (second > first).all():
        raise InputError("season: expected spans whose end is after their begin")
    design = _design(first, second)
    flat, sigma = values.reshape(len(values), -1), error.reshape(len(values), -1)
    seen = np.isfinite(flat) & (sigma > 0) & np.isfinite(sigma)
    weight = np.where(seen, 1 / np.where(seen, sigma, 1.0) ** 2, 0.0)
    observed = np.where(seen, flat, 0.0)
    normal = np.einsum("tp,ti,tj->pij", weight, design, design)
    count = seen.sum(axis=0)
    enough = (count >= max(fewest, PARAMETERS + 1)) & (np.linalg.cond(normal) < 1e12)
    inverse = np.full(normal.shape, np.nan)
    inverse[enough] = np.linalg.inv(normal[enough])
    found = np.einsum("pij,tp,tj->pi", inverse, weight * observed, design)
    squares = (weight * (observed - design @ found.T) ** 2).sum(axis=0)
    scale = np.sqrt(squares / np.where(enough, count - PARAMETERS, np.nan))
    return _described(found, inverse * (scale**2)[:, None, None], scale, count, values.shape[1:])


def _design(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return mean, trend, cosine and sine averaged over each span, float64 (time, 4)."""
    begin, end = _years(first), _years(second)
    middle, span = (begin + end) / 2, end - begin
    centre = (begin.min() + end.max()) / 2
    damping = np.sinc(span)
    columns = [np.ones(len(middle)), middle - centre, damping * np.cos(2 * np.pi * middle), damping * np.sin(2 * np.pi * middle)]
    return np.stack(columns, axis=1)


def _described(found: np.ndarray, covariance: np.ndarray, scale: np.ndarray, count: np.ndarray, shape: tuple[int, ...]) -> SeasonFit:
    """Return the parameters in words of the field; errors of amplitude and phase to first order."""
    cosine, sine = found[:, 2], found[:, 3]
    amplitude = np.hypot(cosine, sine)
    unit = np.stack([cosine, sine], axis=1) / np.where(amplitude > 0, amplitude, np.nan)[:, None]
    turned = np.stack([-unit[:, 1], unit[:, 0]], axis=1)
    both = covariance[:, 2:, 2:]
    along, across = (np.sqrt(np.einsum("pi,pij,pj->p", axis, both, axis)) for axis in (unit, turned))
    day = YEAR / (2 * np.pi)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = (
            found[:, 0],
            np.sqrt(covariance[:, 0, 0]),
            found[:, 1],
            np.sqrt(covariance[:, 1, 1]),
            amplitude,
            along,
            np.mod(np.arctan2(sine, cosine) * day, YEAR),
            across / amplitude * day,
            scale,
            count,
        )
    return SeasonFit(*(column.reshape(shape) for column in values))
