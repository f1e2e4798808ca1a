"""Filling of missing pixels: from their neighbours in the scene, or from the past; never from the future."""

from __future__ import annotations

import numpy as np
from numba import njit

WEIGHTS = np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1]).astype("float64")
"""The study's 5×5 kernel; the centre does not count, as it is missing."""
REACH = 2


def fill_spatially(values: np.ndarray, radius: int | None = None) -> np.ndarray:
    """Fill missing pixels by the weighted mean of those known within 5×5, again and again, outward from the known ones.

    Each pass reads the state before the pass, so that the result does not depend on the order of pixels.

    Parameters
    ----------
    values
        Scene (y, x), float32; NaN is missing.
    radius
        How far from a known pixel to fill, in pixels (a pass reaches 2 pixels); None fills whatever can be reached.

    Returns
    -------
    numpy.ndarray
        A new array (y, x), float32; known pixels unchanged, still NaN out of reach or where nothing is known at all.

    References
    ----------
    Müller (2023), section on missing pixels.
    """
    if radius is not None and radius < 0:
        raise ValueError(f"radius: expected at least 0 pixels, found {radius}")
    passes = values.size if radius is None else -(-radius // REACH)
    filled = np.array(values, dtype="float32", copy=True)
    if passes and np.isnan(filled).any():
        _fill(filled, WEIGHTS, passes)
    return filled


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _fill(values, weights, passes):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    height, width = values.shape
    rows, cols = np.nonzero(np.isnan(values))
    new = np.empty(rows.size, dtype=np.float32)
    left = rows.size
    for _ in range(passes):
        for k in range(left):
            row, col = rows[k], cols[k]
            total, weight = 0.0, 0.0
            for i in range(max(0, row - REACH), min(height, row + REACH + 1)):
                for j in range(max(0, col - REACH), min(width, col + REACH + 1)):
                    value = values[i, j]
                    if not np.isnan(value):
                        w = weights[i - row + REACH, j - col + REACH]
                        total += w * value
                        weight += w
            new[k] = total / weight if weight > 0 else np.nan
        still = 0
        for k in range(left):
            if np.isnan(new[k]):
                rows[still], cols[still] = rows[k], cols[k]
                still += 1
            else:
                values[rows[k], cols[k]] = new[k]
        if still == 0 or still == left:
            return
        left = still


def carry_forward(values: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
    """Return `values` (y, x) with missing pixels taken from the step before; strictly backward-looking."""
    return values if previous is None else np.where(np.isnan(values), previous, values)
