"""Compiled parts of `structure`: moments of moving windows, and counts in windows from summed-area tables."""

from __future__ import annotations

import numpy as np
from numba import njit

_SUMS = {"reassoc", "contract"}
"""Sums may be taken in any order, so that they are vectorised; each is over one frame, so merged parts still equal one pass."""


@njit(cache=True, nogil=True, fastmath=_SUMS)  # type: ignore[untyped-decorator,unused-ignore]
def similarity(forecast, truth, weight, side, least, c1, c2):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the sum of SSIM over windows of a frame (y, x) with at least `least` pixels, and their number.

    Sums down the columns of a window are carried from row to row, so that a pixel costs little more in a large window.
    """
    height, width = truth.shape
    wide = max(width - side + 1, 0)
    ring, fresh, columns, line = np.zeros((side, 6, width)), np.zeros((6, width)), np.zeros((6, width)), np.zeros((6, wide))
    total = count = 0.0
    for row in range(height):
        _products(forecast[row], truth[row], weight[row], fresh)
        oldest = ring[row % side]
        for number in range(6):
            for col in range(width):
                columns[number, col] += fresh[number, col] - oldest[number, col]
                oldest[number, col] = fresh[number, col]
        if row + 1 < side:
            continue
        for number in range(6):
            along, sums = columns[number], line[number]
            sums[:] = 0.0
            for offset in range(side):
                part = along[offset : offset + wide]
                for col in range(wide):
                    sums[col] += part[col]
        for col in range(wide):
            n = line[0, col]
            counts = 1.0 if n >= least else 0.0
            share, sample = 1.0 / max(n, 1.0), 1.0 / max(n - 1.0, 1.0)
            x, y = line[1, col] * share, line[2, col] * share
            spread = (line[3, col] + line[4, col] - n * (x * x + y * y)) * sample
            common = (line[5, col] - n * x * y) * sample
            total += counts * (2 * x * y + c1) * (2 * common + c2) / ((x * x + y * y + c1) * (spread + c2))
            count += counts
    return total, count


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _products(forecast, truth, weight, found):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write 1, x, y, x², y² and x·y of a row where it is observed, 0 elsewhere, to `found` (6, x)."""
    for col in range(truth.size):
        seen = weight[col] > 0 and truth[col] == truth[col]
        x, y = (np.float64(forecast[col]), np.float64(truth[col])) if seen else (0.0, 0.0)
        found[0, col], found[1, col], found[2, col] = 1.0 if seen else 0.0, x, y
        found[3, col], found[4, col], found[5, col] = x * x, y * y, x * y


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def tables(forecast, truth, weight, threshold):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return summed-area tables of a frame (y, x): pixels with a truth, snow of the forecast among them, and of the truth (Crow 1984)."""
    height, width = truth.shape
    table = np.zeros((3, height + 1, width + 1), np.int32)
    for row in range(height):
        seen, ours, theirs = 0, 0, 0
        for col in range(width):
            y = truth[row, col]
            if weight[row, col] > 0 and y == y:
                seen += 1
                ours += forecast[row, col] >= threshold
                theirs += y >= threshold
            table[0, row + 1, col + 1] = table[0, row, col + 1] + seen
            table[1, row + 1, col + 1] = table[1, row, col + 1] + ours
            table[2, row + 1, col + 1] = table[2, row, col + 1] + theirs
    return table


@njit(cache=True, nogil=True, fastmath=_SUMS)  # type: ignore[untyped-decorator,unused-ignore]
def fractions(table, side):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return Σ(P − O)² and Σ(P² + O²) of the snow fractions in windows of `side` pixels, of which half have a truth."""
    height, width = table.shape[1] - side, table.shape[2] - side
    least = (side * side + 1) // 2
    different, worst = 0.0, 0.0
    near, far = table[:, :, :width], table[:, :, side:]
    for row in range(height):
        seen_1, seen_2, seen_3, seen_4 = near[0, row], far[0, row], near[0, row + side], far[0, row + side]
        ours_1, ours_2, ours_3, ours_4 = near[1, row], far[1, row], near[1, row + side], far[1, row + side]
        true_1, true_2, true_3, true_4 = near[2, row], far[2, row], near[2, row + side], far[2, row + side]
        for col in range(width):
            seen = seen_4[col] - seen_3[col] - seen_2[col] + seen_1[col]
            ours = ours_4[col] - ours_3[col] - ours_2[col] + ours_1[col]
            theirs = true_4[col] - true_3[col] - true_2[col] + true_1[col]
            share = 1.0 / max(seen, 1) if seen >= least else 0.0
            p, o = ours * share, theirs * share
            different += (p - o) * (p - o)
            worst += p * p + o * o
    return different, worst
