"""Networks of images, series and features in the outlook, each usable alone, beside the logistic regression on what they read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from glaciercast.config import Config
from glaciercast.errors import InputError, unknown
from glaciercast.hazard.models_base import OutlookConfig
from glaciercast.hazard.models_blend import Blended, Scorer
from glaciercast.hazard.models_logistic import Logistic
from glaciercast.hazard.network_cache import Cache, Seen
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Samples

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.hazard.network_fit import Schedule, State
    from glaciercast.hazard.network_inputs import Standard

SENSES = {"network": (True, True), "network_images": (True, False), "network_series": (False, True)}
"""Whether a network reads images, and what is known of areas, motion and temperature."""


class NetworkConfig(Config):
    """Settings of the networks of the outlook.

    Attributes
    ----------
    steps, days
        Of the series: how many steps, and days a step.
    width
        Units of the hidden layer.
    dropout, input_dropout, modality_dropout
        Shares of hidden units, of inputs, and of all that images or that tables tell, that training leaves out.
    members
        Networks whose log odds are averaged, each from its own first weights.
    epochs
        To choose from by what left-out lakes and years say.
    most_others
        Days without a flood that a network is trained on, each standing for as many as needed.
    batch, rate, decay
        See `network_fit.Schedule`.
    """

    steps: int = Field(default=13, ge=1)
    days: int = Field(default=14, ge=1)
    width: int = Field(default=12, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    input_dropout: float = Field(default=0.4, ge=0, lt=1)
    modality_dropout: float = Field(default=0.1, ge=0, le=0.5)
    members: int = Field(default=4, ge=1)
    epochs: tuple[int, ...] = Field(default=(20, 40), min_length=1)
    most_others: int = Field(default=1200, ge=1)
    batch: int = Field(default=512, ge=1)
    rate: float = Field(default=5e-3, gt=0)
    decay: float = Field(default=1e-2, ge=0)


def create(name: str, settings: OutlookConfig | None = None, network: NetworkConfig | None = None) -> Blended:
    """Return a network that has learnt nothing yet, blended with the season.

    Raises
    ------
    InputError
        If there is no network of that name.
    """
    if name not in SENSES:
        raise InputError(unknown("network of the outlook", name, SENSES))
    outlook, chosen = settings or OutlookConfig(), network or NetworkConfig()
    return Blended(name, NetworkLearner(*SENSES[name], chosen, outlook, Cache(chosen.steps, chosen.days)), outlook)


@dataclass
class NetworkLearner:
    """Learns a logistic regression and networks from the same samples.

    Attributes
    ----------
    sees, hears
        Whether it reads images, and tables with their series.
    settings, outlook
        Of the networks, and of the regression.
    """

    sees: bool
    hears: bool
    settings: NetworkConfig
    outlook: OutlookConfig
    cache: Cache = field(repr=False)

    def learn(self, records: Records, samples: Samples, horizon: int, season: np.ndarray, seed: int) -> Scorer:
        """Train the members on all days before floods and as many others as `most_others` allows; see `models_blend.Learner`."""
        import torch

        from glaciercast.hazard import network_fit, network_inputs

        seen = self.cache.of(records, samples, self.sees)
        start = Logistic(self.outlook).learn(records, self.table(samples, seen), horizon, season, seed)
        known = tuple(network_inputs.Standard.of(make(samples, seen)) for make in (network_inputs.seen_table, network_inputs.heard_table))
        rng = np.random.default_rng((seed, horizon))
        rows, weights = network_fit.drawn(samples.labels[horizon], self.settings.most_others, rng)
        inputs = network_inputs.make(samples, seen, (known[0], known[1]), season).at(torch.from_numpy(rows))
        chosen = (inputs, samples.labels[horizon][rows], weights)
        network, states = network_fit.train(lambda: self._build(inputs.seen.shape[1], inputs.heard.shape[1]), *chosen, self._schedule(),
                                            int(rng.integers(2**31)))  # fmt: skip
        return NetworkScorer(self, start, (known[0], known[1]), network, states)

    def table(self, samples: Samples, seen: Seen) -> Samples:
        """Return the samples with the columns that the regression reads: features, and what is read off images."""
        from glaciercast.hazard import network_inputs

        names = samples.names if self.hears else tuple(name for name in samples.names if name in network_inputs.CALENDAR)
        columns = [samples.column(name) for name in names]
        if self.sees:
            names, columns = (*names, *(f"image_{name}" for name in seen.names)), [*columns, *seen.readings.T]
        values = np.column_stack([np.zeros((len(samples), 0)), *columns])
        return replace(samples, values=values, ages=np.full_like(values, np.nan), names=names)

    def _build(self, seen: int, heard: int) -> nn.Module:
        from glaciercast.hazard.network_layers import Fused, Shape

        own, columns = self.settings, (seen if self.sees else None, heard if self.hears else None)
        return Fused(Shape(*columns, own.members, own.width, own.dropout, own.input_dropout, own.modality_dropout))

    def _schedule(self) -> Schedule:
        from glaciercast.hazard.network_fit import Schedule

        chosen = self.settings
        return Schedule(tuple(sorted(chosen.epochs)), chosen.batch, chosen.rate, chosen.decay)


@dataclass(frozen=True)
class NetworkScorer:
    """A regression, trained networks, and the statistics of what they were trained on."""

    learner: NetworkLearner
    start: Scorer
    known: tuple[Standard, Standard]
    network: nn.Module
    states: list[State]

    def __call__(self, records: Records, samples: Samples, season: np.ndarray, only: int | None = None) -> np.ndarray:
        """Return log odds of all candidates or `only` one, float64 (candidate, sample).

        Candidates are the regression with each of its strengths, the mean of each of them and the networks after each number of
        epochs, and the networks alone. Where nothing that they read is known, all say what the season says.
        """
        from glaciercast.hazard import network_fit, network_inputs

        seen = self.learner.cache.of(records, samples, self.learner.sees)
        inputs = network_inputs.make(samples, seen, self.known, season)
        sight, hearing = inputs.sight.numpy() > 0, inputs.hearing.numpy() > 0
        anything = (sight & self.learner.sees) | (hearing & self.learner.hears)
        start = np.where(anything, self.start(records, self.learner.table(samples, seen), season), season)
        told = network_fit.log_odds(self.network, self.states, inputs)
        both = 0.5 * (start[:, None] + told[None]).reshape(-1, len(season))
        found = np.concatenate([start, both, told])
        return found if only is None else found[[only]]
