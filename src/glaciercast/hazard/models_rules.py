"""A rule of thumb: one threshold on how full the lake is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.errors import InputError
from glaciercast.hazard.models_base import OutlookConfig, logit, overlap
from glaciercast.hazard.models_blend import Blended
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Samples

FULLNESS = ("share_largest", "filled", "area")
"""Features that tell how full a lake is, the best first."""
_PLACES = 100


def create(name: str, settings: OutlookConfig) -> Blended:
    """Return the rule, for the registry."""
    return Blended(name, AreaRule(settings), settings)


@dataclass(frozen=True)
class AreaRule:
    """Learns the threshold at which acting is cheapest, and the chances above and below it; without an area it is the season's."""

    settings: OutlookConfig

    def learn(self, records: Records, samples: Samples, horizon: int, season: np.ndarray, seed: int) -> Threshold:
        """Choose the threshold that costs least in training: acting costs the ratio, a flood without it costs 1."""
        del records, season, seed
        name = fullness(samples)
        value, label = samples.column(name), samples.labels[horizon]
        seen = np.isfinite(value)
        value, label = value[seen], label[seen]
        if not label.size:
            return Threshold(name, np.inf, (0.0, 0.0))
        ratio = self.settings.cost_ratio or float(np.clip(label.mean(), 1e-4, 1 - 1e-4))
        level = _cheapest(value, label, ratio)
        base, one = label.mean(), overlap(samples, horizon)
        rates = [(label[part].sum() + base * one) / (part.sum() + one) for part in (value < level, value >= level)]
        below, above = logit(np.asarray(rates)) - logit(base)
        return Threshold(name, level, (float(below), float(above)))


@dataclass(frozen=True)
class Threshold:
    """A threshold on a feature and what lies below and above it.

    Attributes
    ----------
    feature
        Its name.
    level
        In its units.
    moves
        Logit of the rate below and above, less that of the base rate.
    """

    feature: str
    level: float
    moves: tuple[float, float]

    def __call__(self, records: Records, samples: Samples, season: np.ndarray, only: int | None = None) -> np.ndarray:
        """Return the season's logit, moved as the side of the threshold tells, float64 (1, sample)."""
        del records, only
        value = samples.column(self.feature)
        move = np.where(value >= self.level, self.moves[1], self.moves[0])
        return (season + np.where(np.isfinite(value), move, 0.0))[None]


def fullness(samples: Samples) -> str:
    """Return the feature that tells best how full a lake is.

    Raises
    ------
    InputError
        If there is none.
    """
    for name in FULLNESS:
        if name in samples.names:
            return name
    raise InputError(f"the rule on areas needs one of the features {', '.join(FULLNESS)}; found {', '.join(samples.names)}")


def _cheapest(value: np.ndarray, label: np.ndarray, ratio: float) -> float:
    """Return the threshold of the least cost ratio·alerts + misses; infinite where never acting is cheapest."""
    levels = np.append(np.unique(np.quantile(value, np.linspace(0, 1, _PLACES, endpoint=False))), np.inf)
    alerts = np.array([(value >= level).sum() for level in levels])
    misses = np.array([label[value < level].sum() for level in levels])
    return float(levels[int(np.argmin(ratio * alerts + misses))])
