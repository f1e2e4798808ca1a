"""Gradient-boosted trees that start from the season and learn what lakes add to it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.hazard.models_base import OutlookConfig, overlap
from glaciercast.hazard.models_blend import Blended
from glaciercast.hazard.models_logistic import heavier
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Samples

if TYPE_CHECKING:
    from lightgbm import Booster

RISING = MappingProxyType({"share_largest": 1, "share_flooded": 1, "filled": 1, "share_ahead": 1})
"""Features with which the chance may only rise: a dam that floats does not sink again as the lake fills."""
THREADS = 1
"""Trees this small gain nothing from more, and lose much where other work runs beside them."""


def create(name: str, settings: OutlookConfig) -> Blended:
    """Return the trees, for the registry."""
    return Blended(name, Trees(settings), settings)


@dataclass(frozen=True)
class Trees:
    """Grows small trees on the season's logit; how many serve is chosen on samples that were left out."""

    settings: OutlookConfig

    def learn(self, records: Records, samples: Samples, horizon: int, season: np.ndarray, seed: int) -> Grown:
        """Grow the largest number of trees; the same seed, samples and version of LightGBM give the same ones."""
        import lightgbm

        del records
        label, one = samples.labels[horizon], overlap(samples, horizon)
        often = heavier(label, self.settings.class_weights)
        parameters = self._parameters(samples.names, one * often, seed)
        data = lightgbm.Dataset(
            samples.values, label, weight=np.where(label == 1, often, 1.0), init_score=season + np.log(often), params=parameters
        )
        return Grown(lightgbm.train(parameters, data, max(self.settings.rounds)), self.settings.rounds)

    def _parameters(self, names: tuple[str, ...], one: float, seed: int) -> dict[str, Any]:
        return {
            "objective": "binary",
            "boost_from_average": False,
            "learning_rate": self.settings.learning_rate,
            "num_leaves": self.settings.leaves,
            "max_bin": 63,
            "min_data_in_leaf": 20,
            "min_sum_hessian_in_leaf": self.settings.fewest_floods * one,
            "lambda_l2": self.settings.fewest_floods * one,
            "feature_fraction": 0.7,
            "monotone_constraints": [RISING.get(name, 0) for name in names],
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,  # the other way round sums in another order
            "num_threads": THREADS,
            "verbosity": -1,
        }


@dataclass(frozen=True)
class Grown:
    """Trees, and the numbers of them that are candidates."""

    booster: Booster
    rounds: tuple[int, ...]

    def __call__(self, records: Records, samples: Samples, season: np.ndarray, only: int | None = None) -> np.ndarray:
        """Return logits, float64 (candidate, sample); candidates come by their number of trees."""
        del records
        if only is not None:
            return np.stack([season + self._raw(samples.values, 0, sorted(self.rounds)[only])])
        ends = sorted(self.rounds)
        raw = [self._raw(samples.values, first, end) for first, end in itertools.pairwise([0, *ends])]
        return np.stack([season + part for part in np.cumsum(raw, axis=0)])

    def _raw(self, values: np.ndarray, first: int, end: int) -> np.ndarray:
        raw = self.booster.predict(values, raw_score=True, start_iteration=first, num_iteration=end - first, num_threads=THREADS)
        return np.asarray(raw, dtype="float64")
