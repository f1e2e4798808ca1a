"""A model of lakes blended with the season: as much of it as samples that were left out in its training speak for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from glaciercast.errors import InputError
from glaciercast.hazard import calibration, models_season
from glaciercast.hazard.models_base import OutlookConfig, expit
from glaciercast.hazard.models_groups import LeftOut, clusters, left_out
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Chances, Samples


class Scorer(Protocol):
    """What was learnt: it gives logits."""

    def __call__(self, records: Records, samples: Samples, season: np.ndarray, only: int | None = None) -> np.ndarray:
        """Return logits, float64 (candidate, sample), of all candidates or `only` one; `season` is the logit of the season."""
        ...


class Learner(Protocol):
    """A way to learn: it may come in candidates (strengths, numbers of trees), of which left-out samples choose one."""

    def learn(self, records: Records, samples: Samples, horizon: int, season: np.ndarray, seed: int) -> Scorer:
        """Learn from samples whose outcome is known; `season` is the logit of the season learnt from the same samples."""
        ...


@dataclass(frozen=True)
class Learnt:
    """A fit on some of the samples: the season and the scorer that were learnt from them."""

    kind: str
    curve: models_season.Curve
    score: Scorer

    def logits(self, records: Records, samples: Samples, only: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the season's logit, float64 (sample,), and that of all candidates or `only` one, float64 (candidate, sample)."""
        season = self.curve.at(samples)
        return season, self.score(records, samples, season, only)


@dataclass
class Blended:
    """A model whose chances are the season's, moved by what lakes tell as far as left-out lakes and years confirm it.

    Attributes
    ----------
    name
        In the registry.
    learner
        How lakes are learnt from.
    settings
        Of the outlook.
    blend
        How far the model is followed; set by `fit`.
    chosen
        Number of the candidate that was chosen.
    leaving
        What is left out in turn; a model that knows nothing of a lake that it has not learnt from leaves out years alone.
    """

    name: str
    learner: Learner
    settings: OutlookConfig
    blend: calibration.Blend = calibration.SEASON_ALONE
    chosen: int = 0
    leaving: tuple[str, ...] = ("lakes", "years")
    whole: Learnt | None = field(default=None, repr=False)
    parts: list[Learnt] = field(default_factory=list, repr=False)

    def fit(self, records: Records, samples: Samples, horizon: int, seed: int = 0) -> None:
        """Learn from all samples, and find candidate and weight on groups of lakes and runs of years left out in turn.

        Raises
        ------
        InputError
            If no sample has a flood, or all have.
        """
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped,unused-ignore]

        # one thread: matrices this small gain nothing from more, and lose much where other work runs beside them
        with threadpool_limits(1, user_api="blas"):
            self._fit(records, samples.known(horizon), horizon, seed)

    def _fit(self, records: Records, known: Samples, horizon: int, seed: int) -> None:
        curve = models_season.curve(known, horizon, self.settings)
        self.parts, left = [], []
        for part in self._left_out(known, horizon):
            train, test = known.take(part.train), known.take(part.test)
            learnt = self._learnt(records, train, horizon, seed, curve.strength, part.kind)
            self.parts.append(learnt)
            left.append((*learnt.logits(records, test), test.labels[horizon], clusters(known)[part.test]))
        self.whole = Learnt("all", curve, self.learner.learn(records, known, horizon, curve.at(known), seed))
        self.chosen, self.blend = 0, calibration.SEASON_ALONE
        if left:
            self._weigh(*(np.concatenate(values, axis=-1) for values in zip(*left, strict=True)))

    def predict(self, records: Records, samples: Samples) -> Chances:
        """Return blended chances with intervals of what few floods leave open: season, weight, and the model's own fit.

        The model's part is the larger of two delete-a-group jackknives, over groups of lakes and over runs of years. The intervals are
        about the chance given what the model reads; what no record tells of a lake (its inflow to come, the strength of its dam) is
        in the chance itself.

        References
        ----------
        Shao & Tu (1995): The Jackknife and Bootstrap, section 2.3.
        """
        if self.whole is None:
            raise InputError(f"{self.name} has learnt nothing yet: fit it first")
        season, (model,) = self.whole.logits(records, samples, self.chosen)
        rest = self.whole.curve.variance[samples.day_of_year - 1] * (1 - min(1.0, self.blend.weight)) ** 2
        spread = np.sqrt(rest + self.blend.variance(season, model) + self._jackknife(records, samples))
        return models_season.interval(self.blend.apply(season, model), spread, self.settings.level)

    def _left_out(self, known: Samples, horizon: int) -> list[LeftOut]:
        return [part for part in left_out(known, horizon, self.settings.groups) if part.kind in self.leaving]

    def _learnt(self, records: Records, samples: Samples, horizon: int, seed: int, strength: float, kind: str) -> Learnt:
        curve = models_season.curve(samples, horizon, self.settings, strength, robust=False)
        return Learnt(kind, curve, self.learner.learn(records, samples, horizon, curve.at(samples), seed))

    def _weigh(self, season: np.ndarray, models: np.ndarray, label: np.ndarray, cluster: np.ndarray) -> None:
        self.chosen = int(np.argmin([_log_loss(logits, label) for logits in models]))
        self.blend = calibration.blend(season, models[self.chosen], label, cluster)

    def _jackknife(self, records: Records, samples: Samples) -> np.ndarray:
        """Return the variance of the logit that comes from the lakes, or years, that were learnt from: the larger, float64 (sample,)."""
        found = np.zeros(len(samples))
        for kind in ("lakes", "years") if self.blend.weight else ():
            logits = [part.logits(records, samples, self.chosen) for part in self.parts if part.kind == kind]
            if len(logits) > 1:
                own = np.stack([self.blend.apply(season, model) for season, (model,) in logits])
                found = np.maximum(found, (len(own) - 1) * own.var(axis=0))
        return found


def _log_loss(logits: np.ndarray, label: np.ndarray) -> float:
    chance = np.clip(expit(logits), 1e-4, 1 - 1e-4)
    return float(-np.mean(np.where(label == 1, np.log(chance), np.log1p(-chance))))
