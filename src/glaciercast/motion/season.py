"""The season and the trend of velocity, fitted to what was observed: means over spans of time, of pairs or of regular steps alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from glaciercast.errors import InputError
from glaciercast.stats.seasonal import YEAR, years


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
        begin, end = (years(times) for times in (first, second))
        middle, span = (part.reshape(-1, *[1] * self.amplitude.ndim) for part in ((begin + end) / 2, end - begin))
        phase = 2 * np.pi * (middle - self.peak_day / YEAR)
        curve: np.ndarray = np.nan_to_num(np.sinc(span) * self.amplitude * np.cos(phase))
        return curve


class Clustered(NamedTuple):
    """A fit to one series whose errors let the observations of a cluster err together.

    Attributes
    ----------
    fit
        With errors that are never less than those of independent observations.
    clusters
        That there are.
    freedom
        Degrees of freedom of Student's t that goes with the errors of the harmonic: where a few clusters weigh most, they are fewer
        than the clusters are.
    chance
        Of a harmonic as large where there is none (Hotelling's T² of its cosine and sine).
    """

    fit: SeasonFit
    clusters: int
    freedom: float
    chance: float


PARAMETERS = 4
SINGULAR = 1e12
"""Condition of normal equations that have no answer."""


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
    columns = design(first, second)
    flat, sigma = values.reshape(len(values), -1), error.reshape(len(values), -1)
    seen = np.isfinite(flat) & (sigma > 0) & np.isfinite(sigma)
    weight = np.where(seen, 1 / np.where(seen, sigma, 1.0) ** 2, 0.0)
    observed = np.where(seen, flat, 0.0)
    normal = np.einsum("tp,ti,tj->pij", weight, columns, columns)
    count = seen.sum(axis=0)
    enough = (count >= max(fewest, PARAMETERS + 1)) & (np.linalg.cond(normal) < SINGULAR)
    inverse = np.full(normal.shape, np.nan)
    inverse[enough] = np.linalg.inv(normal[enough])
    found = np.einsum("pij,tp,tj->pi", inverse, weight * observed, columns)
    squares = (weight * (observed - columns @ found.T) ** 2).sum(axis=0)
    scale = np.sqrt(squares / np.where(enough, count - PARAMETERS, np.nan))
    return _described(found, inverse * (scale**2)[:, None, None], scale, count, values.shape[1:])


def clustered(
    values: np.ndarray, error: np.ndarray, first: np.ndarray, second: np.ndarray, cluster: np.ndarray | None = None, fewest: int = 12
) -> Clustered:
    """Fit one series as `fit` does, with errors from what each cluster of its observations moves the parameters by.

    This holds whatever the errors within a cluster have in common, and also where the clusters are few, or a few of them weigh most.
    Without clusters observations are independent.

    Parameters
    ----------
    values, error
        (time,), without NaN, errors above 0.
    first, second, fewest
        As of `fit`.
    cluster
        Number of the cluster of each observation, int (time,), from 0 on; None: each is its own.

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28, 169; Hotelling (1931), Ann. Math. Stat. 2, 360; Liang & Zeger (1986), Biometrika 73, 13.
    """
    found = fit(values, error, first, second, fewest)
    columns, weight = design(first, second), 1 / error**2
    number = len(values) if cluster is None else int(cluster.max()) + 1
    if not np.isfinite(found.amplitude):
        return Clustered(found, number, float("nan"), float("nan"))
    plain = np.linalg.inv(columns.T @ (weight[:, None] * columns)) * float(found.scale) ** 2
    covariances, freedom = [plain], float(len(values) - PARAMETERS)
    best = coefficients(found)
    if cluster is not None:
        together, own = _together(columns, weight, values, best, cluster)
        covariances.append(together)
        freedom = min(freedom, own)
    spreads = [_errors(best, one) for one in covariances]
    errors = {name: np.array(max(spread[name] for spread in spreads)) for name in spreads[0]}
    chance = max(_chance(best[2:], one[2:, 2:], freedom) for one in covariances)
    return Clustered(found._replace(**errors), number, freedom, chance)


def _errors(best: np.ndarray, covariance: np.ndarray) -> dict[str, float]:
    """Return the errors of a fit by their names; infinite where the covariance is."""
    names = [name for name in SeasonFit._fields if name.endswith("_error")]
    if not np.isfinite(covariance).all():
        return dict.fromkeys(names, float("inf"))
    told = _described(best[None], covariance[None], np.ones(1), np.ones(1, np.int64), (1,))
    return {name: float(getattr(told, name)[0]) for name in names}


def _together(
    columns: np.ndarray, weight: np.ndarray, values: np.ndarray, best: np.ndarray, cluster: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the covariance of the parameters where each cluster errs together, (4, 4), and the degrees of freedom of its harmonic.

    The scores of a cluster are turned by (I − N_g M)^−½, of its part N_g of the normal matrix and the inverse M of the whole: what the fit
    took of its errors does not shrink them (CR2 of Bell & McCaffrey 2002). Infinite where a parameter rests on one cluster alone.
    """
    number = int(cluster.max()) + 1
    normal, scores = np.zeros((number, PARAMETERS, PARAMETERS)), np.zeros((number, PARAMETERS))
    np.add.at(normal, cluster, weight[:, None, None] * columns[:, :, None] * columns[:, None, :])
    np.add.at(scores, cluster, (weight * (values - columns @ best))[:, None] * columns)
    inverse = np.linalg.inv(normal.sum(axis=0))
    root = np.linalg.cholesky(inverse)
    share, axes = np.linalg.eigh(root.T @ normal @ root)
    if number < 2 or share.max() > 1 - 1e-9:
        return np.diag(np.full(PARAMETERS, np.inf)), 1.0
    turn = (axes / np.sqrt(1 - share)[:, None, :]) @ axes.transpose(0, 2, 1)
    each = root @ turn @ root.T  # what the scores of a cluster move the parameters by
    moved = np.einsum("gij,gj->gi", each, scores)
    angle = np.arctan2(best[3], best[2])
    freedom = [_freedom(normal, inverse, each @ np.array([0, 0, np.cos(turned), np.sin(turned)])) for turned in (angle, angle + np.pi / 2)]
    return moved.T @ moved, min(freedom)


def _freedom(normal: np.ndarray, inverse: np.ndarray, arms: np.ndarray) -> float:
    """Return Satterthwaite's degrees of freedom of a sum of squares over clusters, Σ (arm · score)², for errors that are independent."""
    pulls = np.einsum("gij,gj->gi", normal, arms)
    products = np.diag(np.einsum("gi,gi->g", arms, pulls)) - pulls @ inverse @ pulls.T
    return float(np.trace(products) ** 2 / (products**2).sum())


def _chance(harmonic: np.ndarray, covariance: np.ndarray, freedom: float) -> float:
    """Return the probability of a harmonic (cosine, sine) that is as many errors from none, by Hotelling's T² as F of 2 and freedom − 1."""
    from scipy.stats import f

    if freedom <= 1 or not np.isfinite(covariance).all():
        return 1.0
    square = float(harmonic @ np.linalg.solve(covariance, harmonic))
    return float(f(2, freedom - 1).sf(square * (freedom - 1) / (2 * freedom)))


def coefficients(found: SeasonFit) -> np.ndarray:
    """Return mean, trend, cosine and sine of a single fit."""
    phase = 2 * np.pi * float(found.peak_day) / YEAR
    amplitude = float(found.amplitude)
    return np.array([float(found.mean), float(found.trend), amplitude * np.cos(phase), amplitude * np.sin(phase)])


def design(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return mean, trend, cosine and sine averaged over each span, float64 (time, 4)."""
    begin, end = years(first), years(second)
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
