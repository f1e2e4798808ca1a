"""Means per season and pixel, and how seasons that were never seen are filled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glaciercast.models.base import TrainingData


def seasonal_mean(data: TrainingData) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the observed-weighted mean per season, and its weight.

    Returns
    -------
    mean
        (period, V, Y, X) float64, physical units; 0 where nothing was seen.
    weight
        (period, V, Y, X) float64, the sum of the observed fractions.
    """
    total = np.zeros((data.period, *data.values.shape[1:]))
    weight = np.zeros_like(total)
    for index, season in enumerate(data.season_index):
        values, observed = data.frame(index)
        total[season] += observed * values
        weight[season] += observed
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0), weight


def fill_seasons(mean: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fill the seasons that a pixel never saw.

    They are interpolated linearly in season, around the circle, between the pixel's neighbouring seen seasons (a single seen season holds
    all year). Pixels that never saw any season then take the spatial mean of the others.

    Parameters
    ----------
    mean
        (period, V, Y, X).
    seen
        (period, V, Y, X) bool; at least one pixel of each variable is seen in some season.

    Returns
    -------
    (period, V, Y, X) float64.
    """
    before, back = _nearest_seen(mean, seen)
    after, ahead = (array[::-1] for array in _nearest_seen(mean[::-1], seen[::-1]))
    with np.errstate(invalid="ignore"):  # 0/0 where a season was seen itself
        between = (before * ahead + after * back) / (back + ahead)
    filled = np.where(seen, mean, between)
    ever = seen.any(axis=0)
    spatial = np.where(ever, filled, 0.0).sum(axis=(2, 3)) / ever.sum(axis=(1, 2))
    return np.where(ever, filled, spatial[:, :, None, None])


def _nearest_seen(mean: NDArray[np.float64], seen: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the value of the latest seen season at or before each season, around the circle, and how many seasons back it lies."""
    value, distance = mean.copy(), np.zeros(mean.shape)
    last, age = np.zeros(mean.shape[1:]), np.full(mean.shape[1:], 1.0)
    for season in [*range(len(mean)), *range(len(mean))]:  # the first turn only carries the year's end into its beginning
        age = np.where(seen[season], 0.0, age + 1.0)
        last = np.where(seen[season], mean[season], last)
        value[season], distance[season] = last, age
    return value, distance
