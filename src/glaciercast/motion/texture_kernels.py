"""Compiled loops over images and their transforms: means on rings, contrast of blocks."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def on_rings(plane, rings, sums):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Add the squares of a packed real transform (row, column), and their number, to `sums` (2, ring)."""
    for i in range(plane.shape[0]):
        for j in range(plane.shape[1]):
            sums[0, rings[i, j]] += plane[i, j] * plane[i, j]
            sums[1, rings[i, j]] += 1


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def mean_squares(layer, usable, rows, columns, square, share):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the mean of `layer`² where it is usable, 0 elsewhere, and the share that is usable, of blocks to `square` and `share`.

    Blocks begin at `rows` and `columns`, which end with where the last ones end.
    """
    width = layer.shape[1]
    squares, number = np.empty(width, np.float32), np.empty(width, np.float32)
    for n in range(rows.size - 1):
        squares[:], number[:] = 0, 0
        for i in range(rows[n], rows[n + 1]):
            line, sound = layer[i], usable[i]
            for j in range(width):
                one = np.float32(sound[j])
                squares[j] += one * line[j] * line[j]
                number[j] += one
        for m in range(columns.size - 1):
            area = np.float32((rows[n + 1] - rows[n]) * (columns[m + 1] - columns[m]))
            total, found = np.float32(0), np.float32(0)
            for j in range(columns[m], columns[m + 1]):
                total += squares[j]
                found += number[j]
            square[n, m], share[n, m] = total / area, found / area
