"""What all models of the outlook share: their settings, their interface, and the logit scale."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from pydantic import Field

from glaciercast.config import Config
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Chances, Samples

FEWEST = 1e-6
"""Chances are kept within ``[FEWEST, 1 − FEWEST]``, so that their logit is finite."""


class OutlookConfig(Config):
    """Settings of the models of the outlook.

    Attributes
    ----------
    cost_ratio
        Cost of acting over the loss that acting avoids; `area_rule` chooses its threshold by it. None: the base rate in training, at
        which a rule is worth its Peirce skill score.
    class_weights
        ``balanced`` weighs days before floods as much as all others and corrects the chances back; ``none`` leaves days as they are.
    groups
        In how many groups the lakes, and in how many the years of the training samples are left out in turn, to choose strengths and to
        weigh a model against the season.
    level
        Of the intervals of chances.
    harmonics
        Of the year in the seasonal base rate.
    strengths
        Ridge strengths that `logistic` may choose from, in floods: how many a slope of one per standard deviation weighs.
    rounds
        Numbers of trees that `boosted` may choose from.
    leaves, learning_rate, fewest_floods
        Of the trees: leaves of one, step, and how many floods' worth of days a leaf needs.
    """

    cost_ratio: float | None = Field(default=None, gt=0, lt=1)
    class_weights: Literal["balanced", "none"] = "none"
    groups: int = Field(default=3, ge=2)
    level: float = Field(default=0.95, gt=0, lt=1)
    harmonics: int = Field(default=5, ge=1, le=12)
    strengths: tuple[float, ...] = (0.3, 3.0, 30.0)
    rounds: tuple[int, ...] = (20, 40, 80, 160)
    leaves: int = Field(default=8, ge=2)
    learning_rate: float = Field(default=0.06, gt=0, le=1)
    fewest_floods: float = Field(default=3.0, gt=0)


class Model(Protocol):
    """A model of the outlook: fitted for one horizon, it gives the chance of a flood at any lake and day of issue.

    Whatever the records hold, a model may look up only what was available at the issue of a sample, and dates of past floods in
    ``samples.events`` alone.
    """

    name: str

    def fit(self, records: Records, samples: Samples, horizon: int, seed: int = 0) -> None:
        """Learn from samples whose outcome within `horizon` days is known."""
        ...

    def predict(self, records: Records, samples: Samples) -> Chances:
        """Return the chance of a flood within the horizon that was learnt, for each sample."""
        ...


def logit(chance: np.ndarray) -> np.ndarray:
    """Return log(p/(1 − p)) of chances kept within `FEWEST`, float64."""
    kept = np.clip(np.asarray(chance, dtype="float64"), FEWEST, 1 - FEWEST)
    found: np.ndarray = np.log(kept) - np.log1p(-kept)
    return found


def expit(value: np.ndarray) -> np.ndarray:
    """Return 1/(1 + exp(−x)), float64, without overflow."""
    bounded = np.clip(np.asarray(value, dtype="float64"), -50, 50)
    found: np.ndarray = 1 / (1 + np.exp(-bounded))
    return found


def floods_of(samples: Samples, horizon: int) -> int:
    """Return how many floods make labels of a horizon 1: the number of independent positives, however many days of issue share them."""
    return len({str(name) for name in samples.floods[horizon] if name})


def overlap(samples: Samples, horizon: int) -> float:
    """Return how many samples share a flood on average, 1 or more: what a sample's weight is divided by to count floods."""
    return max(1.0, float(np.nansum(samples.labels[horizon])) / max(1, floods_of(samples, horizon)))
