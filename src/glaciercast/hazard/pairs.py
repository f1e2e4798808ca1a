"""Pairs of chance and outcome that verification scores, pooled over folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from glaciercast.stats.bootstrap import MIN_CLUSTERS, Clusters


@dataclass(frozen=True)
class Pairs:
    """Chances of one model, protocol and horizon beside what came; sorted by lake and issue.

    Attributes
    ----------
    horizon
        Days.
    lake, issue
        Object and datetime64[ns] (sample,).
    chance, label
        Float64 (sample,); labels are 1 or 0.
    season
        Chance of the seasonal base rate of the same fold, float64 (sample,).
    flood
        Name of the event that makes the label 1, object (sample,).
    truth
        The true chance where it is known (simulations), float64 (sample,); else None.
    """

    horizon: int
    lake: np.ndarray
    issue: np.ndarray
    chance: np.ndarray
    label: np.ndarray
    season: np.ndarray
    flood: np.ndarray
    truth: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of pairs."""
        return self.chance.size

    @property
    def floods(self) -> tuple[str, ...]:
        """Names of the floods that follow a sample."""
        return tuple(sorted({str(name) for name in self.flood[self.label == 1]}))

    @property
    def spacing(self) -> float:
        """Median days between two issues for a lake; 1 where no lake has two."""
        same = self.lake[1:] == self.lake[:-1]
        days = np.diff(self.issue)[same] / np.timedelta64(1, "D")
        return float(np.median(days)) if days.size else 1.0

    @property
    def lake_years(self) -> float:
        """Years for which lakes are scored, in sum."""
        return len(self) * self.spacing / 365.25

    def units(self) -> tuple[np.ndarray, Clusters]:
        """Return what a bootstrap draws together: each sample's lake-year, int64 (sample,), and the clusters of lake-years.

        Overlapping samples of a lake and year share their floods: they are drawn as one. From 8 lakes on, lakes are drawn before their
        years; with fewer, lake-years alone.
        """
        keys = np.stack([np.unique(self.lake, return_inverse=True)[1], pd.DatetimeIndex(self.issue).year])
        pairs, number = np.unique(keys, axis=1, return_inverse=True)
        lakes = len(np.unique(pairs[0]))
        block = np.arange(pairs.shape[1])
        return number.reshape(-1), Clusters.of(block, pairs[0] if lakes >= MIN_CLUSTERS else None)


def sums(values: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Return the sum of values (sample,) in each unit, float64 (unit,)."""
    total: np.ndarray = np.bincount(unit, weights=values)
    return total
