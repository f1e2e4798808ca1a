"""What models of the outlook learn from: one sample a lake and day of issue, its features with their ages, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

HORIZONS = (7, 30, 90)
"""Days that an outlook looks ahead, by default."""


@dataclass(frozen=True)
class Samples:
    """Samples of lakes and days of issue.

    An outlook of a day is issued at 0:00 UTC and reads what was available by then (``available_at <= issue``). A horizon of h days
    holds the days issue … issue + h − 1.

    Attributes
    ----------
    lake
        Names, object (sample,).
    issue
        Midnights, datetime64[ns] (sample,).
    values
        Features, float64 (sample, feature); NaN where nothing was available.
    ages
        Days since the acquisition (of pairs: the later one) that a feature rests on, float64 (sample, feature); NaN where it has none.
    names
        Of the features.
    labels
        By horizon: 1 where a flood of the lake begins within it, 0 where none does, NaN where that is not known (the lake is not watched on
        all of its days, or the flood's date is too uncertain to tell), float64 (sample,).
    floods
        By horizon: which event makes the label 1, object (sample,); empty elsewhere.
    events
        Events that may be learnt from: columns of ``TABLES["events"]``.
    """

    lake: np.ndarray
    issue: np.ndarray
    values: np.ndarray
    ages: np.ndarray
    names: tuple[str, ...]
    labels: Mapping[int, np.ndarray]
    floods: Mapping[int, np.ndarray]
    events: pd.DataFrame

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.issue)

    @property
    def day_of_year(self) -> np.ndarray:
        """Day of the year of each issue, 1 … 366, int64 (sample,)."""
        return pd.DatetimeIndex(self.issue).day_of_year.to_numpy("int64")

    @property
    def years(self) -> np.ndarray:
        """Calendar year of each issue, int64 (sample,)."""
        return pd.DatetimeIndex(self.issue).year.to_numpy("int64")

    def column(self, name: str) -> np.ndarray:
        """Return one feature, float64 (sample,); raises ValueError where there is none of that name."""
        return self.values[:, self.names.index(name)]

    def take(self, chosen: np.ndarray, events: pd.DataFrame | None = None) -> Samples:
        """Return some samples, by number or bool (sample,), with all events or those given."""
        return Samples(
            lake=self.lake[chosen],
            issue=self.issue[chosen],
            values=self.values[chosen],
            ages=self.ages[chosen],
            names=self.names,
            labels={horizon: labels[chosen] for horizon, labels in self.labels.items()},
            floods={horizon: floods[chosen] for horizon, floods in self.floods.items()},
            events=self.events if events is None else events,
        )

    def known(self, horizon: int) -> Samples:
        """Return the samples whose outcome within `horizon` days is known."""
        return self.take(~np.isnan(self.labels[horizon]))


@dataclass(frozen=True)
class Chances:
    """Probabilities of a flood, each with an interval of what the model does not know; all float64 (sample,), in [0, 1]."""

    chance: np.ndarray
    low: np.ndarray
    high: np.ndarray
