"""Means of image pairs by the weights of their errors: components, never speeds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from glaciercast.errors import InputError
from glaciercast.sources.itslive_quality import ROUNDING


class WeightedVelocity(NamedTuple):
    """Means of some groups of pairs, (group, y, x); see `error_weighted`."""

    groups: np.ndarray
    vx: np.ndarray
    vy: np.ndarray
    error: np.ndarray
    pairs: np.ndarray


def error_weighted(vx: np.ndarray, vy: np.ndarray, error: np.ndarray, groups: np.ndarray) -> WeightedVelocity:
    """Return the mean velocity of each group of pairs, such as of each year: components weighted by 1/σ², never speeds.

    Parameters
    ----------
    vx, vy
        (pair, y, x), m/yr; NaN where there is none.
    error
        1 sigma, m/yr, of the same shape; less than half a metre (the product's rounding) counts as that. Without one (NaN, infinite) an
        observation does not count.
    groups
        (pair,), anything that sorts: the year of each pair, say.

    Returns
    -------
    WeightedVelocity
        ``groups`` in order; ``vx``, ``vy`` and ``error`` = 1/√(Σ 1/σ²), float32 (group, y, x), m/yr, NaN where no pair has a value;
        ``pairs`` in the mean, int64. The error holds if the pairs' errors are independent and as stated: long pairs that lost the moving
        ice (see `VelocityAlign.max_span_days`) are biased by far more.

    Raises
    ------
    InputError
        If the shapes do not go together.
    """
    if not (vx.shape == vy.shape == error.shape and vx.ndim == 3 and len(groups) == len(vx)):
        shapes = ", ".join(str(np.shape(values)) for values in (vx, vy, error, groups))
        raise InputError(f"error_weighted: expected vx, vy, error (pair, y, x) and groups (pair,), found {shapes}")
    names, group = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(names), 3, *vx.shape[1:]))
    pair = np.arange(len(vx))
    accumulate(vx, vy, error, pair, group, np.ones(len(vx)), sums, np.zeros(len(vx), bool))
    seen = np.isfinite(vx) & np.isfinite(vy) & np.isfinite(error)
    count = np.stack([seen[group == number].sum(axis=0) for number in range(len(names))])
    mean = means(sums)
    return WeightedVelocity(names, mean[:, 0], mean[:, 1], mean[:, 2], count)


def means(sums: np.ndarray) -> np.ndarray:
    """Return mean vx, mean vy and effective error, float32, from the sums of w·vx, w·vy and w, (step, 3, y, x)."""
    weight = np.where(sums[:, 2] > 0, sums[:, 2], np.nan)
    return np.stack([sums[:, 0] / weight, sums[:, 1] / weight, 1 / np.sqrt(weight)], axis=1).astype(np.float32)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def accumulate(vx, vy, error, pairs, steps, shares, sums, used):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Add pair `pairs[n]` with `shares[n]`/σ² to the sums (step, 3, y, x) of step `steps[n]`; `used[n]`: whether it shows any."""
    for number in range(len(pairs)):
        pair, step = pairs[number], steps[number]
        for row in range(vx.shape[1]):
            for col in range(vx.shape[2]):
                x, y, sigma = np.float64(vx[pair, row, col]), np.float64(vy[pair, row, col]), np.float64(error[pair, row, col])
                if np.isfinite(x) and np.isfinite(y) and np.isfinite(sigma):
                    weight = shares[number] / max(sigma, ROUNDING) ** 2
                    sums[step, 0, row, col] += weight * x
                    sums[step, 1, row, col] += weight * y
                    sums[step, 2, row, col] += weight
                    used[number] = True
