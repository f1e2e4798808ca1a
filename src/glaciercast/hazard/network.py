"""Networks of images and weekly series in the outlook, each usable alone; they correct the seasonal base rate where lakes tell more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from glaciercast.config import Config
from glaciercast.errors import InputError, unknown
from glaciercast.hazard import windows
from glaciercast.hazard.models_base import OutlookConfig
from glaciercast.hazard.models_blend import Blended, Scorer
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Samples

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.hazard.network_fit import Schedule, State
    from glaciercast.hazard.network_inputs import Scales

SENSES = {"network": (True, True), "network_images": (True, False), "network_series": (False, True)}
"""Whether a network reads the newest image, and the weekly series."""


class NetworkConfig(Config):
    """Settings of the networks of the outlook.

    Attributes
    ----------
    steps, days
        Of the series: how many steps, and days a step.
    width, image_channels
        Units that encode each modality, channels of the first convolution.
    dropout, modality_dropout
        Shares of hidden units, and of images and of series each, that training leaves out.
    members
        Networks whose log odds are averaged, each from its own first weights.
    epochs
        To choose from by what left-out lakes and years say.
    most_others
        Days without a flood that a network is trained on, each standing for as many as needed.
    batch, rate, decay
        See `network_fit.Schedule`.
    """

    steps: int = Field(default=26, ge=1)
    days: int = Field(default=7, ge=1)
    width: int = Field(default=12, ge=1)
    image_channels: int = Field(default=6, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    modality_dropout: float = Field(default=0.15, ge=0, le=0.5)
    members: int = Field(default=3, ge=1)
    epochs: tuple[int, ...] = Field(default=(4, 8, 12), min_length=1)
    most_others: int = Field(default=1500, ge=1)
    batch: int = Field(default=128, ge=1)
    rate: float = Field(default=1e-2, gt=0)
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
    return Blended(name, NetworkLearner(*SENSES[name], network or NetworkConfig(), WindowCache()), settings or OutlookConfig())


@dataclass
class NetworkLearner:
    """Learns from windows: the newest image, the weekly series, or both.

    Attributes
    ----------
    sees, hears
        Whether it reads images and series.
    settings
        Of the networks.
    """

    sees: bool
    hears: bool
    settings: NetworkConfig
    cache: WindowCache = field(repr=False)

    def learn(self, records: Records, samples: Samples, horizon: int, season: np.ndarray, seed: int) -> Scorer:
        """Train the members on all days before floods and as many others as `most_others` allows; see `models_blend.Learner`."""
        import torch

        from glaciercast.hazard import network_fit, network_inputs

        made = self.cache.of(records, samples, self.settings)
        scales = network_inputs.scales(records, made)
        inputs = network_inputs.make(records, samples, made, scales, season, self.sees)
        labels = samples.labels[horizon]
        members = []
        for number in range(self.settings.members):
            rng = np.random.default_rng((seed, horizon, number))
            rows, weights = network_fit.drawn(labels, self.settings.most_others, rng)
            part = inputs.take(torch.from_numpy(rows))
            members.append(network_fit.train(self._build, part, labels[rows], weights, self._schedule(), int(rng.integers(2**31))))
        return NetworkScorer(members, scales, self)

    def _build(self) -> nn.Module:
        from glaciercast.hazard import network_inputs, network_layers

        chosen = self.settings
        return network_layers.Fused(
            self.sees,
            self.hears,
            (chosen.steps, network_inputs.CHANNELS),
            chosen.width,
            chosen.image_channels,
            chosen.dropout,
            chosen.modality_dropout,
        )

    def _schedule(self) -> Schedule:
        from glaciercast.hazard.network_fit import Schedule

        chosen = self.settings
        return Schedule(tuple(sorted(chosen.epochs)), chosen.batch, chosen.rate, chosen.decay)


@dataclass
class NetworkScorer:
    """Trained members and the statistics of what they were trained on."""

    members: list[tuple[nn.Module, list[State]]]
    scales: Scales
    learner: NetworkLearner

    def __call__(self, records: Records, samples: Samples, season: np.ndarray, only: int | None = None) -> np.ndarray:
        """Return the members' mean log odds after each number of epochs, or after `only` one, float64 (epochs, sample)."""
        from glaciercast.hazard import network_fit, network_inputs

        made = self.learner.cache.of(records, samples, self.learner.settings)
        inputs = network_inputs.make(records, samples, made, self.scales, season, self.learner.sees)
        told = [
            network_fit.log_odds(network, states if only is None else states[only : only + 1], inputs) for network, states in self.members
        ]
        return np.asarray(np.mean(told, axis=0))


class WindowCache:
    """The windows that were made last: parts of a model that read the same samples of the same records make them once."""

    def __init__(self) -> None:
        self._key: tuple[Records, Samples] | None = None
        self._made: windows.Windows | None = None

    def of(self, records: Records, samples: Samples, settings: NetworkConfig) -> windows.Windows:
        """Return the windows of samples."""
        if self._made is None or self._key is None or self._key[0] is not records or self._key[1] is not samples:
            self._made, self._key = windows.of(records, samples, settings.steps, settings.days), (records, samples)
        return self._made
