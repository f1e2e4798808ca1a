"""Vectors against their neighbours: the normalised median test, and what stands in for those that fail it.

Source: Westerweel & Scarano (2005), Experiments in Fluids 39, 1096–1100.
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit

from glaciercast.motion.filters import of_both

NOISE = 0.1
"""Fluctuation of sound vectors that the test always allows for (ε of the paper), pixels."""
FEWEST = 3
"""Neighbours without which a vector can't be tested."""


def normalised_residual(dx: np.ndarray, dy: np.ndarray, valid: np.ndarray, noise: float = NOISE) -> np.ndarray:
    """Return how far each vector lies from the median of its valid neighbours, in units of their own scatter.

    ``|u − m| / (median |uᵢ − m| + noise)`` with m the median of the 8 neighbours, the larger of both components.

    Parameters
    ----------
    dx, dy
        Displacement, pixels, (node y, node x).
    valid
        Neighbours that count, bool (node y, node x); a vector that is not valid itself is tested all the same.
    noise
        Fluctuation that is always allowed for, pixels.

    Returns
    -------
    numpy.ndarray
        float64 (node y, node x); NaN where fewer than `FEWEST` neighbours are valid or the vector is NaN.
    """
    across, down = of_both(lambda component: _residual(component.astype("float64"), valid, noise), dx, dy)
    return np.asarray(np.maximum(across, down))


def stood_in(field: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return `field` (2, node y, node x) with what is not valid replaced by the mean of the nearest that is; 0 where nothing is."""
    whole = np.where(valid, field, 0).astype("float32")
    weight = valid.astype("float32")
    open_ = ~valid
    sigma = 1.0
    totals = whole.copy()
    while open_.any() and valid.any() and sigma < 2 * max(valid.shape):
        near = blurred(weight, sigma)
        found = open_ & (near > 0.01)
        for c in range(2):
            whole[c][found] = blurred(totals[c], sigma)[found] / near[found]
        open_ &= ~found
        sigma *= 2
    return whole


def blurred(layer: np.ndarray, sigma: float) -> np.ndarray:
    """Return a float32 layer smoothed by a Gaussian of `sigma` nodes, mirrored at the edge."""
    return np.asarray(cv2.GaussianBlur(layer.astype("float32"), (0, 0), sigma, borderType=cv2.BORDER_REFLECT))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _residual(values, valid, noise):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    height, width = values.shape
    out = np.full((height, width), np.nan)
    near = np.empty(8)
    for i in range(height):
        for j in range(width):
            n = 0
            for k in range(max(0, i - 1), min(height, i + 2)):
                for m in range(max(0, j - 1), min(width, j + 2)):
                    if valid[k, m] and (k != i or m != j):
                        near[n] = values[k, m]
                        n += 1
            if n < FEWEST:
                continue
            middle = _median(near, n)
            for k in range(n):
                near[k] = abs(near[k] - middle)
            out[i, j] = abs(values[i, j] - middle) / (_median(near, n) + noise)
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _median(values, number):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the median of the first `number` of a few `values`, which are sorted on the way."""
    for i in range(1, number):
        one = values[i]
        j = i - 1
        while j >= 0 and values[j] > one:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = one
    return 0.5 * (values[(number - 1) // 2] + values[number // 2])
