"""Intervals by resampling whole clusters: forecasts that share their weather are drawn together."""

from __future__ import annotations

import numpy as np

MIN_CLUSTERS = 8
"""Below this number of independent clusters no interval is given."""


def time_blocks(starts: np.ndarray, length: int) -> np.ndarray:
    """Return the cluster of each forecast, int64 (forecast,): whole blocks of `length` steps; what is left over joins the last one."""
    starts = np.asarray(starts, dtype="int64")
    blocks = (starts - starts.min()) // length
    whole = max(1, int(starts.max() - starts.min() + 1) // length)
    clusters: np.ndarray = np.minimum(blocks, whole - 1)
    return clusters


def skill_interval(
    squared: np.ndarray, reference: np.ndarray, clusters: np.ndarray, *, level: float = 0.95, replicates: int = 2000, seed: int = 0
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
    labels, members = np.unique(clusters, return_inverse=True)
    if labels.size < MIN_CLUSTERS:
        return None
    per_cluster = np.stack([np.bincount(members, weights=values) for values in (squared, reference)])
    draws = np.random.default_rng(seed).integers(0, labels.size, size=(replicates, labels.size))
    model, base = per_cluster[:, draws].sum(axis=2)
    low, high = np.quantile(1 - model / base, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def interval_sentence(clusters: int, block: int) -> str:
    """Return the sentence that says how intervals were made, or why there are none."""
    if clusters < MIN_CLUSTERS:
        return (
            f"No interval is given: the test part holds {clusters} independent time block{'s' if clusters != 1 else ''} "
            f"of {block} steps, and below {MIN_CLUSTERS} a bootstrap interval would be too narrow to be true."
        )
    return f"95 % intervals by bootstrap over {clusters} time blocks of {block} steps (2,000 replicates, paired with the best baseline)."
