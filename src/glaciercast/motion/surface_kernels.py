"""Compiled loops of correlation surfaces: chips side by side on a row that are moved alike are worked on as one strip.

Sums run down the columns of a strip first, in long loops over it, and each chip then adds up its own columns.
"""

from __future__ import annotations

import numpy as np
from numba import njit

PITCH = 384
"""Pixels from one row of a strip to the next in memory: known to the compiler, so that many rows are added at once."""
WIDEST = 160
"""Pixels of a strip of several chips."""
EIGHT, LANES = 8, 32
"""Rows that are added at once, and pixels: whole turns of the loop over a row."""
MOST = PITCH - LANES
"""Pixels of a chip and its shifts."""


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _cut(image, usable, top, left, tall, wide, patch, flags):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Copy the pixels from (`top`, `left`) on to `patch`; tell whether all are usable. If not, `flags` says which; what is not is 0."""
    height, width = image.shape
    if top >= 0 and left >= 0 and top + tall <= height and left + wide <= width:
        least = np.uint8(1)
        for i in range(tall):
            line, sound, copy = image[top + i, left : left + wide], usable[top + i, left : left + wide], patch[i * PITCH :]
            for j in range(wide):
                copy[j] = line[j]
                least = min(least, sound[j])
        if least > 0:
            return True
    for i in range(tall):
        for j in range(wide):
            y, x = top + i, left + j
            inside = 0 <= y < height and 0 <= x < width and usable[y, x] > 0
            patch[i * PITCH + j] = image[y, x] if inside else np.float32(0)
            flags[i * PITCH + j] = 1 if inside else 0
    return False


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _down(a, b, dy, dx, tall, wide, line):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write Σ a[i, j] · b[i + dy, j + dx] over the rows i of each column j to `line`."""
    for j in range(wide):
        line[j] = 0
    for i in range(0, tall, EIGHT):
        p, q = a[i * PITCH : (i + EIGHT) * PITCH], b[(i + dy) * PITCH + dx :]
        for j in range(wide):
            first = p[j] * q[j] + p[j + PITCH] * q[j + PITCH] + p[j + 2 * PITCH] * q[j + 2 * PITCH] + p[j + 3 * PITCH] * q[j + 3 * PITCH]
            k = j + 4 * PITCH
            line[j] += first + (
                p[k] * q[k] + p[k + PITCH] * q[k + PITCH] + p[k + 2 * PITCH] * q[k + 2 * PITCH] + p[k + 3 * PITCH] * q[k + 3 * PITCH]
            )


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _squares(patch, top, side, wide, line):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write Σ patch² over `side` rows from `top` on of each column to `line`."""
    for j in range(wide):
        line[j] = 0
    for i in range(top, top + side):
        row = patch[i * PITCH : (i + 1) * PITCH]
        for j in range(wide):
            line[j] += row[j] * row[j]


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _across(line, start, side):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the sum of `side` entries from `start` on."""
    part = line[start : start + side]
    total = np.float32(0)
    for j in range(side):
        total += part[j]
    return total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _alike(moved, n, m, most):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return where the nodes of row `n` from `m` on that are moved alike end, `most` at the most."""
    end = m + 1
    while end < moved.shape[2] and end - m < most and moved[0, n, end] == moved[0, n, m] and moved[1, n, end] == moved[1, n, m]:
        end += 1
    return end


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def surfaces(first, second, usable1, usable2, half, rows, columns, moved, lowest, highest, shifts, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write normalised cross-correlations of square chips of 2·`half` + 1 pixels to `out` (node y, node x, shift y, shift x).

    Parameters
    ----------
    first, second, usable1, usable2
        Images of mean 0, float32 (y, x), and where they are usable, uint8.
    moved
        Whole displacement (columns, rows) that is assumed at each node, int64 (2, node y, node x); half of it applies to each image.
    shifts
        Further displacements along each axis that are compared, growing, int64. Entry (v, u) compares first[i, j] with
        second[i + moved + shifts[v], j + moved + shifts[u]] over pixels that are usable in both (Padfield 2012, by direct sums).
        Chip and shifts together are at most `MOST` pixels wide.
    out
        −1 where nothing can be compared.
    """
    side, low, span = 2 * half + 1, shifts[0], shifts[-1] - shifts[0]
    tall = (side + EIGHT - 1) // EIGHT * EIGHT
    apart = columns[1] - columns[0] if columns.size > 1 else 1
    most = max(1, (min(WIDEST, MOST - span) - side) // apart + 1)
    a, b = np.zeros(tall * PITCH, np.float32), np.zeros((tall + span + 1) * PITCH, np.float32)
    flags_a, flags_b, squares_a, squares_b = np.zeros_like(a), np.zeros_like(b), np.zeros_like(a), np.zeros_like(b)
    products, spread_a, spread_b = np.zeros(PITCH, np.float32), np.zeros(PITCH, np.float32), np.zeros(PITCH, np.float32)
    for n in range(lowest, highest):
        m = 0
        while m < columns.size:
            end = _alike(moved, n, m, most)
            across, down = moved[0, n, m], moved[1, n, m]
            top, left = rows[n] - down // 2 - half, columns[m] - across // 2 - half
            wide = columns[end - 1] - columns[m] + side
            turns = (wide + LANES - 1) // LANES * LANES
            for i in range(side):
                flags_a[i * PITCH : i * PITCH + wide] = 1
            flags_b[:] = 1
            whole = _cut(first, usable1, top, left, side, wide, a, flags_a)
            whole &= _cut(second, usable2, top + down + low, left + across + low, side + span, wide + span, b, flags_b)
            if whole:
                _squares(a, 0, side, wide, spread_a)
            else:
                squares_a[:], squares_b[:] = a * a, b * b
            for v in range(shifts.size):
                dy = shifts[v] - low
                if whole:
                    _squares(b, dy, side, wide + span, spread_b)
                for u in range(shifts.size):
                    dx = shifts[u] - low
                    _down(a, b, dy, dx, tall, turns, products)
                    if not whole:
                        _down(squares_a, flags_b, dy, dx, tall, turns, spread_a)
                        _down(flags_a, squares_b, dy, dx, tall, turns, spread_b)
                    for k in range(m, end):
                        start = columns[k] - columns[m]
                        spread = _across(spread_a, start, side) * _across(spread_b, start + (dx if whole else 0), side)
                        out[n, k, v, u] = _across(products, start, side) / np.sqrt(spread) if spread > 1e-12 else np.float32(-1)
            m = end
