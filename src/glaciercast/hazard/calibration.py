"""Chances held against what came: calibration on the logit scale, and how much of a model goes into the outlook."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.errors import InputError
from glaciercast.hazard.models_base import expit, logit

STEPS = 60
"""Newton steps at most; a few suffice."""


@dataclass(frozen=True)
class LogitFit:
    """A logistic regression: logit p = offset + design · slopes.

    Attributes
    ----------
    slopes
        float64 (column,).
    covariance
        Of the slopes, robust to samples of one cluster that go together, float64 (column, column).
    """

    slopes: np.ndarray
    covariance: np.ndarray


def fit_logit(
    design: np.ndarray,
    label: np.ndarray,
    cluster: np.ndarray,
    *,
    offset: np.ndarray | float = 0.0,
    weight: np.ndarray | None = None,
    ridge: np.ndarray | float = 1e-6,
) -> LogitFit:
    """Return the penalised likelihood's maximum by Newton's method, with a covariance robust to clusters.

    Parameters
    ----------
    design
        float64 (sample, column).
    label
        1 or 0, float64 (sample,); shares are allowed.
    cluster
        Numbers of what goes together (a lake's year), int64 (sample,).
    offset
        Known part of the logit.
    weight
        Of samples, float64 (sample,); None: 1.
    ridge
        Penalty ridge/2 · slope² of each column.

    Raises
    ------
    InputError
        If there is no sample.

    References
    ----------
    Liang & Zeger (1986), Biometrika 73, 13–22 (sandwich).
    """
    if not len(label):
        raise InputError("a calibration needs samples, found none")
    counted = np.ones(len(label)) if weight is None else weight
    penalty = np.diag(np.broadcast_to(np.asarray(ridge, dtype="float64"), (design.shape[1],)))
    slopes = np.zeros(design.shape[1])
    for _ in range(STEPS):
        chance = expit(offset + design @ slopes)
        pull = design.T @ (counted * (label - chance)) - penalty @ slopes
        bend = (design.T * (counted * chance * (1 - chance))) @ design + penalty
        step = np.linalg.solve(bend + 1e-12 * np.eye(len(bend)), pull)
        step *= min(1.0, 4.0 / max(1e-12, float(np.abs(step).max())))
        slopes = slopes + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return LogitFit(slopes, sandwich(design, counted * (label - expit(offset + design @ slopes)), cluster, bend))


def reliability(chance: np.ndarray, label: np.ndarray, cluster: np.ndarray | None = None) -> tuple[float, float]:
    """Return intercept and slope of logit P(flood) = intercept + slope · logit(chance): 0 and 1 where chances are true.

    A slope below 1 tells of chances that are too extreme, one above 1 of chances that are too flat.

    References
    ----------
    Cox (1958), Biometrika 45, 562–565.
    """
    groups = np.arange(len(label)) if cluster is None else cluster
    found = fit_logit(np.column_stack([np.ones(len(label)), logit(chance)]), label, groups)
    return float(found.slopes[0]), float(found.slopes[1])


def sandwich(design: np.ndarray, residual: np.ndarray, cluster: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """Return the cluster-robust covariance of slopes, with the factor G/(G − 1) of few clusters, float64 (column, column).

    Parameters
    ----------
    design
        float64 (sample, column).
    residual
        Label less chance, weighed, float64 (sample,).
    cluster
        Numbers of what goes together, int64 (sample,).
    bend
        Negative second derivative of the penalised log likelihood, float64 (column, column).
    """
    _, index = np.unique(cluster, return_inverse=True)
    groups = int(index.max()) + 1
    sums = np.stack([np.bincount(index, column * residual, groups) for column in design.T], axis=1)
    bread = np.linalg.inv(bend + 1e-12 * np.eye(len(bend)))
    found: np.ndarray = bread @ (sums.T @ sums) @ bread * (groups / max(1, groups - 1))
    return found


@dataclass(frozen=True)
class Blend:
    """How far the outlook follows a model: logit p = season + shift + weight · (model − season), all on the logit scale.

    Attributes
    ----------
    shift, weight
        0 and 0 leave the season alone; a weight of 1 follows the model.
    covariance
        Of shift and weight, float64 (2, 2).
    """

    shift: float
    weight: float
    covariance: np.ndarray

    def apply(self, season: np.ndarray, model: np.ndarray) -> np.ndarray:
        """Return the blended logit, float64 (sample,)."""
        found: np.ndarray = season + self.shift + self.weight * (model - season)
        return found

    def variance(self, season: np.ndarray, model: np.ndarray) -> np.ndarray:
        """Return the variance of the blended logit that comes from shift and weight, float64 (sample,)."""
        design = np.column_stack([np.ones(len(season)), model - season])
        spread: np.ndarray = np.einsum("ij,jk,ik->i", design, self.covariance, design)
        return spread


SEASON_ALONE = Blend(0.0, 0.0, np.zeros((2, 2)))
"""The blend of a model that was found to add nothing, or could not be tested."""


def blend(season: np.ndarray, model: np.ndarray, label: np.ndarray, cluster: np.ndarray, most: float = 1.5) -> Blend:
    """Return how far to follow a model, from its predictions of samples that were left out when it was fitted.

    The weight that fits best is shrunk by 1 − 1/z², where z is its number of standard errors (James & Stein's positive part), and the
    shift likewise: where lakes tell nothing more than the season, the weight is near 0 and the outlook is the season's.

    Parameters
    ----------
    season, model
        Logits of both for samples that neither had seen, float64 (sample,).
    label
        1 or 0, float64 (sample,).
    cluster
        Numbers of what goes together, int64 (sample,).
    most
        Largest weight.

    References
    ----------
    James & Stein (1961), Proc. Fourth Berkeley Symp. 1, 361–379.
    """
    apart = np.asarray(model - season, dtype="float64")
    if not (0 < label.sum() < len(label)) or float(np.abs(apart).max()) < 1e-9:
        return SEASON_ALONE
    both = fit_logit(np.column_stack([np.ones(len(label)), apart]), label, cluster, offset=season)
    weight = min(most, max(0.0, both.slopes[1]) * _kept(both.slopes[1], both.covariance[1, 1]))
    if weight == 0:
        return SEASON_ALONE
    rest = fit_logit(np.ones((len(label), 1)), label, cluster, offset=season + weight * apart)
    shift = rest.slopes[0] * _kept(rest.slopes[0], rest.covariance[0, 0])
    return Blend(float(shift), float(weight), both.covariance)


def _kept(value: float, variance: float) -> float:
    """Return the share of an estimate that is kept."""
    return max(0.0, 1.0 - variance / value**2) if value else 0.0
