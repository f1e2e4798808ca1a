"""Banded symmetric matrices, compiled: Cholesky's factor, solutions, and the band of the inverse.

A matrix of *m* rows and half-bandwidth *b* is kept as its lower band, row by row: ``band[k, b − d]`` is the element (k, k − d).
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})  # type: ignore[untyped-decorator,unused-ignore]
def factorise(band):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Replace a band by that of its Cholesky factor; return whether the matrix is positive definite.

    Slices that begin at 0 let the compiler work on several numbers at once: here and below they are worth a factor of four.
    """
    rows, width = band.shape[0], band.shape[1] - 1
    for row in range(rows):
        first, line = max(0, row - width), band[row]
        for col in range(first, row + 1):
            low = max(first, col - width)
            ours, theirs = line[low - row + width : col - row + width], band[col, low - col + width : width]
            total = line[col - row + width]
            for step in range(col - low):
                total -= ours[step] * theirs[step]
            if col < row:
                line[col - row + width] = total / band[col, width]
            elif total > 0.0:
                line[width] = np.sqrt(total)
            else:
                return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def solve(factor, right):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Replace the right side (row,) by the solution, given the band of the Cholesky factor."""
    rows, width = factor.shape[0], factor.shape[1] - 1
    for row in range(rows):
        total = right[row]
        for col in range(max(0, row - width), row):
            total -= factor[row, col - row + width] * right[col]
        right[row] = total / factor[row, width]
    for row in range(rows - 1, -1, -1):
        total = right[row] / factor[row, width]
        right[row] = total
        for col in range(max(0, row - width), row):
            right[col] -= factor[row, col - row + width] * total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})  # type: ignore[untyped-decorator,unused-ignore]
def invert_band(factor, inverse):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write both sides of the band of the inverse, (k, l) at ``inverse[k, b + l − k]``, given that of the Cholesky factor.

    From the last row up, each from those below it (Takahashi, Fagan and Chin, 1973).
    """
    rows, width = factor.shape[0], factor.shape[1] - 1
    column = np.empty(width)
    for col in range(rows - 1, -1, -1):
        high, line = min(rows - 1 - col, width), inverse[col]
        for step in range(high):
            column[step] = factor[col + 1 + step, width - 1 - step]
        below = column[:high]
        unit = 1.0 / factor[col, width]
        diagonal = unit
        for away in range(1, high + 1):
            known = inverse[col + away, width + 1 - away : width + 1 - away + high]
            total = 0.0
            for step in range(high):
                total += below[step] * known[step]
            inverse[col + away, width - away] = line[width + away] = -total * unit
            diagonal += below[away - 1] * total * unit
        line[width] = diagonal * unit
