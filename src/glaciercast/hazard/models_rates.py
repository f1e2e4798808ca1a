"""The base rate: what a model must beat first."""

from __future__ import annotations

import numpy as np

from glaciercast.errors import InputError
from glaciercast.hazard.models_base import OutlookConfig, floods_of, overlap
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Chances, Samples


def create(name: str, settings: OutlookConfig) -> BaseRate:
    """Return the base rate, for the registry."""
    del name
    return BaseRate(settings)


class BaseRate:
    """The share of days of issue that a flood followed within the horizon: one chance for every lake and day."""

    name = "base_rate"

    def __init__(self, settings: OutlookConfig) -> None:
        self.settings = settings
        self._found = (0.0, 0.0, 1.0)

    def fit(self, records: Records, samples: Samples, horizon: int, seed: int = 0) -> None:
        """Take the share of samples with a flood; its interval counts floods, not days of issue."""
        del records, seed
        self._found = rate(samples, horizon, self.settings.level)

    def predict(self, records: Records, samples: Samples) -> Chances:
        """Return the same chance for each sample."""
        del records
        chance, low, high = (np.full(len(samples), value) for value in self._found)
        return Chances(chance, low, high)


def rate(samples: Samples, horizon: int, level: float) -> tuple[float, float, float]:
    """Return the base rate of a horizon and its interval; samples of one flood count as one.

    The interval is Jeffreys' for as many floods in as many independent days of issue.

    Raises
    ------
    InputError
        If no sample's outcome is known.

    References
    ----------
    Brown, Cai & DasGupta (2001), Statistical Science 16, 101–133.
    """
    from scipy.stats import beta

    label = samples.labels[horizon]
    label = label[~np.isnan(label)]
    if not label.size:
        raise InputError(f"the base rate of {horizon} days needs days of issue whose outcome is known, found none")
    shared = overlap(samples, horizon)
    floods, days = float(floods_of(samples, horizon)), label.size / shared
    floods = min(floods, days)
    low, high = beta.ppf([(1 - level) / 2, (1 + level) / 2], floods + 0.5, days - floods + 0.5)
    mean = float(label.mean())
    return mean, min(mean, float(low)), max(mean, float(high))
