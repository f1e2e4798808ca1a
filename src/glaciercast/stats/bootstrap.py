"""Intervals by resampling whole clusters: forecasts that share their weather are drawn together, and glaciers before their time blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glaciercast.stats.sums import ratio

MIN_CLUSTERS = 8
"""Below this number of independent clusters no interval is given."""
REPLICATES = 2000


def time_blocks(starts: np.ndarray, length: int) -> np.ndarray:
    """Return the cluster of each forecast, int64 (forecast,): whole blocks of `length` steps; what is left over joins the last one."""
    starts = np.asarray(starts, dtype="int64")
    blocks = (starts - starts.min()) // length
    whole = max(1, int(starts.max() - starts.min() + 1) // length)
    clusters: np.ndarray = np.minimum(blocks, whole - 1)
    return clusters


@dataclass(frozen=True)
class Clusters:
    """Which forecasts are drawn together.

    Attributes
    ----------
    block
        Time block of each forecast, int (forecast,); the blocks of one scene share their weather.
    glacier
        Glacier of each forecast, int (forecast,); blocks of two glaciers are two blocks.
    """

    block: np.ndarray
    glacier: np.ndarray

    @classmethod
    def of(cls, block: np.ndarray, glacier: np.ndarray | None = None) -> Clusters:
        """Return the clusters of forecasts with time blocks of any labels, of one glacier if none is told."""
        glacier = np.zeros(len(block), "int64") if glacier is None else np.unique(glacier, return_inverse=True)[1]
        pairs = np.stack([glacier, np.unique(block, return_inverse=True)[1]])
        return cls(np.unique(pairs, axis=1, return_inverse=True)[1].reshape(-1), glacier)

    @property
    def glaciers(self) -> int:
        """Number of glaciers."""
        return len(np.unique(self.glacier))

    @property
    def by_glacier(self) -> bool:
        """Whether glaciers are drawn, and not only blocks within each: from 8 glaciers, that is."""
        return self.glaciers >= MIN_CLUSTERS

    @property
    def independent(self) -> int:
        """Number of clusters that an interval rests on: glaciers from 8 of them, else time blocks."""
        return self.glaciers if self.by_glacier else len(np.unique(self.block))

    def draws(self, replicates: int = REPLICATES, seed: int = 0) -> np.ndarray | None:
        """Return how often each forecast enters each replicate, float64 (replicate, forecast); None below 8 clusters.

        From 8 glaciers on, glaciers are drawn with replacement, and then, of each glacier as often as it was drawn, its time blocks
        (two-level bootstrap): the interval is about glaciers like these. With fewer, each glacier's blocks are drawn and all glaciers
        stay: the interval is about these glaciers at other times.

        References
        ----------
        Davison & Hinkley (1997): Bootstrap Methods and their Application, section 3.8 (hierarchical data).
        """
        if self.independent < MIN_CLUSTERS:
            return None
        rng, names = np.random.default_rng(seed), np.unique(self.glacier)
        times = np.ones((replicates, names.size), "int64")
        if self.by_glacier:
            times = rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=replicates)
        counts = np.zeros((replicates, self.block.size))
        for drawn, name in zip(times.T, names, strict=True):
            members = np.flatnonzero(self.glacier == name)
            blocks, index = np.unique(self.block[members], return_inverse=True)
            often = rng.multinomial(drawn * blocks.size, np.full(blocks.size, 1 / blocks.size))  # n draws of blocks, once a glacier's draw
            counts[:, members] = often[:, index]
        return counts


@dataclass(frozen=True)
class Estimate:
    """A figure with what chance makes of it.

    Attributes
    ----------
    value
        Over all forecasts, and the mean over seeds.
    interval
        Percentile interval of `value` under resampling of clusters; None below 8.
    seed_spread
        Standard deviation over seeds, on the same forecasts; None for a single seed. It is no part of the interval.
    clusters, seeds
        Numbers of independent clusters and of seeds.
    """

    value: float
    interval: tuple[float, float] | None
    seed_spread: float | None
    clusters: int
    seeds: int

    @classmethod
    def of(cls, alone: np.ndarray, replicates: np.ndarray | None, clusters: Clusters, level: float = 0.95) -> Estimate:
        """Return the estimate of a figure from its values, (seed,), and those of its replicates, (replicate, seed) or None."""
        return cls(
            value=float(alone.mean()),
            interval=None if replicates is None else bounds(replicates.mean(axis=1), level),
            seed_spread=float(alone.std(ddof=1)) if alone.size > 1 else None,
            clusters=clusters.independent,
            seeds=alone.size,
        )


def estimate(above: np.ndarray, below: np.ndarray, clusters: Clusters, *, level: float = 0.95, seed: int = 0) -> Estimate:
    """Return a ratio of sums, Σ above / Σ below, such as an MSE, with its interval.

    Parameters
    ----------
    above, below
        Sums of each forecast, float (forecast,) or (seed, forecast).
    """
    return _estimate(lambda counts: _quotient(counts, above, below), clusters, level, seed)


def difference(
    ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray], clusters: Clusters, *, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Return the difference of two models' ratios of sums, ours − theirs, paired: in each replicate both have the same forecasts.

    Parameters
    ----------
    ours, theirs
        Sums above and below, as in `estimate`; of as many seeds, or of one, which is paired with each.
    """
    return _estimate(lambda counts: _quotient(counts, *ours) - _quotient(counts, *theirs), clusters, level, seed)


def skill(squared: np.ndarray, reference: np.ndarray, clusters: Clusters, *, level: float = 0.95, seed: int = 0) -> Estimate:
    """Return 1 − MSE/MSE(reference) with its interval, paired, from Σw·e² of each forecast on the same pixels, as `difference`."""
    return _estimate(lambda counts: 1 - _quotient(counts, squared, reference), clusters, level, seed)


def skill_interval(
    squared: np.ndarray, reference: np.ndarray, clusters: np.ndarray, *, level: float = 0.95, replicates: int = REPLICATES, seed: int = 0
) -> tuple[float, float] | None:
    """Return the percentile interval of a skill score under resampling of clusters, paired between model and reference.

    Parameters
    ----------
    squared, reference
        Σw·e² of each forecast of the model and of the reference on the same pixels, float (forecast,).
    clusters
        Cluster of each forecast, int (forecast,).

    Returns
    -------
    tuple or None
        Lower and upper bound; None below `MIN_CLUSTERS` clusters.

    References
    ----------
    Cameron, Gelbach & Miller (2008): bootstrap-based improvements for inference with clustered errors.
    """
    counts = Clusters.of(clusters).draws(replicates, seed)
    return None if counts is None else bounds(1 - _quotient(counts, squared, reference)[:, 0], level)


def bounds(values: np.ndarray, level: float = 0.95) -> tuple[float, float] | None:
    """Return the percentile interval of replicates, (replicate,), without those in which nothing was observed; None if it never was."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def sentence(clusters: Clusters, block: int) -> str:
    """Return the sentence that says how intervals over several glaciers were made, or why there are none; for one, `interval_sentence`."""
    if clusters.glaciers == 1:
        return interval_sentence(clusters.independent, block)
    blocks = f"{len(np.unique(clusters.block))} time blocks of {block} steps"
    if clusters.independent < MIN_CLUSTERS:
        return f"No interval is given: {clusters.glaciers} glaciers hold {blocks} together, and an interval takes {MIN_CLUSTERS} at least."
    if clusters.by_glacier:
        return f"95 % intervals by bootstrap over {clusters.glaciers} glaciers, and over their {blocks} within each (2,000 replicates)."
    return (
        f"95 % intervals by bootstrap over {blocks} within {clusters.glaciers} glaciers (2,000 replicates): they are about these glaciers "
        f"at other times; with fewer than {MIN_CLUSTERS} nothing can be said about others."
    )


def interval_sentence(clusters: int, block: int) -> str:
    """Return the sentence that says how intervals were made, or why there are none."""
    if clusters < MIN_CLUSTERS:
        return (
            f"No interval is given: the test part holds {clusters} independent time block{'s' if clusters != 1 else ''} "
            f"of {block} steps, and below {MIN_CLUSTERS} a bootstrap interval would be too narrow to be true."
        )
    return f"95 % intervals by bootstrap over {clusters} time blocks of {block} steps (2,000 replicates, paired with the best baseline)."


def _estimate(figure: Callable[[np.ndarray], np.ndarray], clusters: Clusters, level: float, seed: int) -> Estimate:
    """Return the estimate of a figure, counts (replicate, forecast) → (replicate, seed)."""
    counts = clusters.draws(seed=seed)
    alone = figure(np.ones((1, clusters.block.size)))[0]
    return Estimate.of(alone, None if counts is None else figure(counts), clusters, level)


def _quotient(counts: np.ndarray, above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return Σ above / Σ below of each replicate and seed, (replicate, seed); NaN where nothing is below."""
    return ratio(counts @ np.atleast_2d(above).T, counts @ np.atleast_2d(below).T)
