"""Compiled loops of the tracker: sums of least-squares matching."""

from __future__ import annotations

import numpy as np
from numba import njit

SUMS = 9
"""Sums of a chip: weight, gx², gy², gx·gy, gx·d, gy·d, a², b², a·b."""


STRIP, GROUP = 256, 8
"""Columns and rows of pixels whose products are held at once, in the nearest cache."""
APART = SUMS * STRIP
"""Products from one row of pixels to the next in memory: known to the compiler, so that a group of rows is added at once."""


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _products(a, b, seen, i, first, wide, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the `SUMS` products of `wide` pixels from (`i`, `first`) on to `out`, `STRIP` apart; gradients need all four neighbours."""
    quarter = np.float32(0.25)
    above, here, below = a[i - 1, first:], a[i, first - 1 :], a[i + 1, first:]
    over, there, under = b[i - 1, first:], b[i, first - 1 :], b[i + 1, first:]
    seen0, seen1, seen2 = seen[i - 1, first:], seen[i, first - 1 :], seen[i + 1, first:]
    for j in range(wide):
        p, q = here[j + 1], there[j + 1]
        g = quarter * np.float32(seen1[j + 1] & seen1[j] & seen1[j + 2] & seen0[j] & seen2[j])
        gx = g * (here[j + 2] - here[j] + there[j + 2] - there[j])
        gy = g * (below[j] - above[j] + under[j] - over[j])
        d = p - q
        out[j] = np.float32(seen1[j + 1])
        out[j + STRIP] = gx * gx
        out[j + 2 * STRIP] = gy * gy
        out[j + 3 * STRIP] = gx * gy
        out[j + 4 * STRIP] = gx * d
        out[j + 5 * STRIP] = gy * d
        out[j + 6 * STRIP] = p * p
        out[j + 7 * STRIP] = q * q
        out[j + 8 * STRIP] = p * q


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _add(products, weights, wide, total):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Add one of the sums of a group of rows, `APART`, under `weights` to `total`."""
    w0, w1, w2, w3, w4, w5, w6, w7 = weights
    for j in range(wide):
        first = w0 * products[j] + w1 * products[j + APART] + w2 * products[j + 2 * APART] + w3 * products[j + 3 * APART]
        k = j + 4 * APART
        total[j] += first + (w4 * products[k] + w5 * products[k + APART] + w6 * products[k + 2 * APART] + w7 * products[k + 3 * APART])


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _strip(a, b, seen, weights, reach, rows, first, wide, total):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write sums down the columns of a strip, from `first` on, for the nodes at `rows` to `total` (node y, sum, x).

    `weights`: those of one side of a chip, with `GROUP` zeros before and after.
    """
    products = np.zeros(GROUP * APART, np.float32)
    bottom = min(a.shape[0] - 1, rows[-1] + reach + 1)
    for i in range(max(1, rows[0] - reach), bottom, GROUP):
        for k in range(GROUP):
            if i + k < bottom:
                _products(a, b, seen, i + k, first, wide, products[k * APART :])
            else:
                products[k * APART : (k + 1) * APART] = 0
        for n in range(rows.size):
            k = i - rows[n] + reach + GROUP
            if k <= 0 or k >= weights.size - GROUP:
                continue
            w = (weights[k], weights[k + 1], weights[k + 2], weights[k + 3], weights[k + 4], weights[k + 5], weights[k + 6], weights[k + 7])
            for s in range(SUMS):
                _add(products[s * STRIP :], w, wide, total[n, s, first:])


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def chip_sums(a, b, seen, window, rows, columns, lowest, highest, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the weighted sums of chips at `rows` [`lowest`:`highest`] and all `columns` to `out` (node y, node x, sum).

    `window` holds the weights of one side, float32 of odd length; a chip's weight is the product of those of its row and column.
    """
    width = a.shape[1]
    reach = window.size // 2
    weights = np.zeros(window.size + 2 * GROUP, np.float32)
    weights[GROUP : GROUP + window.size] = window
    total = np.zeros((highest - lowest, SUMS, width), np.float32)
    for first in range(1, width - 1, STRIP):
        _strip(a, b, seen, weights, reach, rows[lowest:highest], first, min(STRIP, width - 1 - first), total)
    for n in range(highest - lowest):
        for m in range(columns.size):
            left, right = max(0, columns[m] - reach), min(width, columns[m] + reach + 1)
            near = window[left - columns[m] + reach : right - columns[m] + reach]
            for s in range(SUMS):
                line = total[n, s, left:right]
                value = np.float32(0)
                for j in range(near.size):
                    value += near[j] * line[j]
                out[lowest + n, m, s] = value


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def scores(a, b, seen, block, lowest, highest, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write Σ gx·d and Σ gy·d over blocks of `block`² pixels to rows `lowest` … `highest` of `out` (block y, block x, 2)."""
    height, width = a.shape
    quarter = np.float32(0.25)
    across, down = np.zeros(width, np.float32), np.zeros(width, np.float32)
    for n in range(lowest, highest):
        across[:], down[:] = 0, 0
        for i in range(max(1, n * block), min(height - 1, (n + 1) * block)):
            above, here, below = a[i - 1], a[i], a[i + 1]
            over, there, under = b[i - 1], b[i], b[i + 1]
            sound0, sound1, sound2 = seen[i - 1], seen[i], seen[i + 1]
            for j in range(1, width - 1):
                d = quarter * np.float32(sound1[j] & sound1[j - 1] & sound1[j + 1] & sound0[j] & sound2[j]) * (here[j] - there[j])
                across[j] += d * (here[j + 1] - here[j - 1] + there[j + 1] - there[j - 1])
                down[j] += d * (below[j] - above[j] + under[j] - over[j])
        for m in range(out.shape[1]):
            for j in range(m * block, min(width, (m + 1) * block)):
                out[n, m, 0] += across[j]
                out[n, m, 1] += down[j]
