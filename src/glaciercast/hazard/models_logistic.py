"""Logistic regression of floods on all features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.hazard.models_base import OutlookConfig, overlap
from glaciercast.hazard.models_blend import Blended
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Samples

FREE = 10.0
"""The season's logit is scaled up by this, so that the penalty on its slope is small."""
LIMIT = 4.0
"""Standardised features are cut there: a value that was never seen in training is taken as this extreme and no more."""


def create(name: str, settings: OutlookConfig) -> Blended:
    """Return the regression, for the registry."""
    return Blended(name, Logistic(settings), settings)


@dataclass(frozen=True)
class Standard:
    """How features become columns of a regression, learnt on the training samples.

    Attributes
    ----------
    middle, scale
        Median and standard deviation, float64 (feature,).
    told
        Features whose absence is a column of its own, bool (feature,).
    """

    middle: np.ndarray
    scale: np.ndarray
    told: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Standard:
        """Learn from features, float64 (sample, feature), NaN where nothing was available."""
        seen = np.isfinite(values)
        count = np.maximum(1, seen.sum(axis=0))
        mean = np.where(seen, values, 0).sum(axis=0) / count
        scale = np.sqrt((np.where(seen, values - mean, 0) ** 2).sum(axis=0) / count)
        middle = np.array([np.median(column[here]) if here.any() else 0.0 for column, here in zip(values.T, seen.T, strict=True)])
        share = seen.mean(axis=0)
        return cls(middle, np.where(scale > 1e-12 * (1 + np.abs(mean)), scale, np.inf), (share > 0.01) & (share < 0.99))

    def columns(self, values: np.ndarray, season: np.ndarray) -> np.ndarray:
        """Return season, features, their squares, and what is missing, float64 (sample, column)."""
        seen = np.isfinite(values)
        alone = np.clip((np.where(seen, values, self.middle) - self.middle) / self.scale, -LIMIT, LIMIT)
        return np.column_stack([FREE * season, alone, 0.5 * alone**2, ~seen[:, self.told]])


@dataclass(frozen=True)
class Logistic:
    """Learns slopes for each of the ridge strengths; a flood counts as one, however many days of issue precede it."""

    settings: OutlookConfig

    def learn(self, records: Records, samples: Samples, horizon: int, season: np.ndarray, seed: int) -> Slopes:
        """Fit the strongest ridge first; each weaker one starts from the last."""
        from sklearn.linear_model import LogisticRegression

        del records, seed
        label, standard = samples.labels[horizon], Standard.of(samples.values)
        design = standard.columns(samples.values, season)
        often = heavier(label, self.settings.class_weights)
        weight = np.where(label == 1, often, 1.0) / overlap(samples, horizon)
        model = LogisticRegression(solver="newton-cholesky", warm_start=True, max_iter=200, tol=1e-4)
        found = []
        for strength in self.settings.strengths[::-1]:
            model.set_params(C=1 / strength).fit(design, label, sample_weight=weight)
            found.append(np.append(model.coef_[0], model.intercept_[0] - np.log(often)))
        return Slopes(standard, np.stack(found[::-1]))


@dataclass(frozen=True)
class Slopes:
    """Slopes of each candidate, the intercept last, float64 (candidate, column + 1)."""

    standard: Standard
    slopes: np.ndarray

    def __call__(self, records: Records, samples: Samples, season: np.ndarray, only: int | None = None) -> np.ndarray:
        """Return logits, float64 (candidate, sample)."""
        del records
        slopes = self.slopes if only is None else self.slopes[[only]]
        design = self.standard.columns(samples.values, season)
        logits: np.ndarray = slopes[:, :-1] @ design.T + slopes[:, -1:]
        return logits


def heavier(label: np.ndarray, class_weights: str) -> float:
    """Return how much more than another a sample before a flood weighs; the log of it must be taken off the logit again.

    References
    ----------
    King & Zeng (2001), Political Analysis 9, 137–163 (prior correction).
    """
    positive = float((label == 1).sum())
    return (label.size - positive) / positive if class_weights == "balanced" and positive else 1.0
