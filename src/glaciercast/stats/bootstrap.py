"""Intervals by resampling whole clusters: forecasts that share their weather are drawn together, and glaciers before their time blocks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glaciercast.stats.sums import ratio

MIN_CLUSTERS = 8
"""Below this number of independent clusters no interval is given."""
REPLICATES = 2000
KNOWN_TIMES = "Training has seen these times elsewhere in the scene: an interval is of known times only and says nothing of times to come."


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
        """Number of clusters that an interval rests on: glaciers from 8 of them, else the fewest time blocks of any glacier.

        Blocks are drawn within each glacier, and what few blocks hide of one glacier's spread, many glaciers with as few do not show:
        over 4 glaciers of 2 blocks, intervals of 95 % would hold the mean of normal errors in 75 of 100 cases.
        """
        return self.glaciers if self.by_glacier else int(self.blocks.min())

    @property
    def blocks(self) -> np.ndarray:
        """Number of time blocks of each glacier, int64 (glacier,)."""
        pairs = np.unique(np.stack([self.glacier, self.block]), axis=1)
        counted: np.ndarray = np.unique(pairs[0], return_counts=True)[1]
        return counted

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

    def drawn(self, counts: np.ndarray) -> np.ndarray:
        """Return how often each glacier is drawn in replicates counted (replicate, forecast), float64 (replicate, glacier)."""
        found = []
        for name in np.unique(self.glacier):
            members = np.flatnonzero(self.glacier == name)
            firsts = members[np.unique(self.block[members], return_index=True)[1]]
            found.append(counts[:, firsts].mean(axis=1))  # as many draws of blocks as it has blocks, each time it is drawn
        return np.stack(found, axis=1)


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


def estimate(
    above: np.ndarray, below: np.ndarray, clusters: Clusters, *, alike: bool = False, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Return a ratio of sums, Σ above / Σ below, such as an MSE, with its interval.

    Parameters
    ----------
    above, below
        Sums of each forecast, float (forecast,) or (seed, forecast).
    alike
        Whether each glacier counts alike: the mean over glaciers of the ratio of each, in a replicate as often as it is drawn.
    """
    of = _figure(clusters, alike)
    return _estimate(lambda counts: of(counts, above, below), clusters, level, seed)


def difference(
    ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray], clusters: Clusters, *, alike: bool = False,
    level: float = 0.95, seed: int = 0,
) -> Estimate:  # fmt: skip
    """Return the difference of two models' ratios of sums, ours − theirs, paired: in each replicate both have the same forecasts.

    Parameters
    ----------
    ours, theirs
        Sums above and below, as in `estimate`; of as many seeds, or of one, which is paired with each.
    alike
        As in `estimate`.
    """
    of = _figure(clusters, alike)
    return _estimate(lambda counts: of(counts, *ours) - of(counts, *theirs), clusters, level, seed)


def skill(
    squared: np.ndarray, reference: np.ndarray, clusters: Clusters, *, weight: np.ndarray | None = None, level: float = 0.95, seed: int = 0
) -> Estimate:
    """Return 1 − MSE/MSE(reference) with its interval, paired, from Σw·e² of each forecast on the same pixels, as `difference`.

    With `weight`, Σw of each forecast, an MSE is the mean over glaciers, each of which counts alike (see `estimate`).

    References
    ----------
    Cameron, Gelbach & Miller (2008): bootstrap-based improvements for inference with clustered errors.
    """
    of, below = _figure(clusters, weight is not None), np.ones(squared.shape[-1]) if weight is None else weight
    return _estimate(lambda counts: 1 - ratio(of(counts, squared, below), of(counts, reference, below)), clusters, level, seed)


def bounds(values: np.ndarray, level: float = 0.95) -> tuple[float, float] | None:
    """Return the percentile interval of replicates, (replicate,), without those in which nothing was observed; None if it never was."""
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def sentence(clusters: Clusters, block: int, part: str = "test", known: bool = False) -> str:
    """Return the sentence that says how intervals over several glaciers were made, or why there are none; for one, `interval_sentence`."""
    if clusters.glaciers == 1:
        return interval_sentence(clusters.independent, block, part, known)
    fewest, glaciers = int(clusters.blocks.min()), clusters.glaciers
    if clusters.independent < MIN_CLUSTERS:
        return (
            f"No interval is given: of {glaciers} glaciers one has only {_blocks(fewest, block)} in its {part} part, and below "
            f"{MIN_CLUSTERS} a bootstrap interval would be too narrow to be true."
        )
    blocks = _blocks(int(clusters.blocks.sum()), block)
    if clusters.by_glacier:
        made = f"95 % intervals by bootstrap over {glaciers} glaciers, and over their {blocks} within each (2,000 replicates)."
    else:
        made = (
            f"95 % intervals by bootstrap over {blocks} within {glaciers} glaciers, {fewest} at least in each (2,000 replicates): they are "
            f"about these glaciers{'' if known else ' at other times'}; with fewer than {MIN_CLUSTERS} nothing can be said about others."
        )
    return f"{made} {KNOWN_TIMES}" if known else made


def interval_sentence(clusters: int, block: int, part: str = "test", known: bool = False) -> str:
    """Return the sentence that says how intervals of a part were made, or why there are none.

    `known` tells that training has seen the part's times, as in a split by space alone: time blocks are then no draw of other times.
    """
    if clusters < MIN_CLUSTERS:
        return (
            f"No interval is given: the {part} part holds {clusters} independent time block{'s' if clusters != 1 else ''} "
            f"of {block} steps, and below {MIN_CLUSTERS} a bootstrap interval would be too narrow to be true."
        )
    made = f"95 % intervals by bootstrap over {_blocks(clusters, block)} (2,000 replicates, paired with the best baseline)."
    return f"{made} {KNOWN_TIMES}" if known else made


def _blocks(count: int, steps: int) -> str:
    return f"{count} time block{'s' if count != 1 else ''} of {steps} steps"


def _estimate(figure: Callable[[np.ndarray], np.ndarray], clusters: Clusters, level: float, seed: int) -> Estimate:
    """Return the estimate of a figure, counts (replicate, forecast) → (replicate, seed)."""
    counts = clusters.draws(seed=seed)
    alone = figure(np.ones((1, clusters.block.size)))[0]
    return Estimate.of(alone, None if counts is None else figure(counts), clusters, level)


def _figure(clusters: Clusters, alike: bool) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Return what makes ratios of counts, sums above and sums below: of all forecasts, or the mean over glaciers that count alike."""
    return functools.partial(_mean_of_glaciers, clusters) if alike else _quotient


def _mean_of_glaciers(clusters: Clusters, counts: np.ndarray, above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the mean of the glaciers' ratios, each as often as it is drawn, (replicate, seed); NaN where one drawn has nothing below."""
    drawn, found = clusters.drawn(counts), []
    for name, often in zip(np.unique(clusters.glacier), drawn.T, strict=True):
        own = clusters.glacier == name
        each = _quotient(counts[:, own], above[..., own], below[..., own])
        found.append(np.where(often[:, None] > 0, often[:, None] * each, 0))
    mean: np.ndarray = np.sum(found, axis=0) / drawn.sum(axis=1, keepdims=True)
    return mean


def _quotient(counts: np.ndarray, above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return Σ above / Σ below of each replicate and seed, (replicate, seed); NaN where nothing is below."""
    return ratio(counts @ np.atleast_2d(above).T, counts @ np.atleast_2d(below).T)
