"""Compiled loops of the tracker: sums of least-squares matching."""

from __future__ import annotations

import numpy as np
from numba import njit

SUMS = 9
"""Sums of a chip: weight, gx², gy², gx·gy, gx·d, gy·d, a², b², a·b."""


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _products(a, b, seen, i, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the `SUMS` products of the pixels of row `i` to `out` (product, x); gradients need all four neighbours."""
    width = a.shape[1]
    quarter = np.float32(0.25)
    for j in range(1, width - 1):
        p, q = a[i, j], b[i, j]
        w = np.float32(seen[i, j])
        g = np.float32(seen[i, j] & seen[i, j - 1] & seen[i, j + 1] & seen[i - 1, j] & seen[i + 1, j])
        gx = g * quarter * (a[i, j + 1] - a[i, j - 1] + b[i, j + 1] - b[i, j - 1])
        gy = g * quarter * (a[i + 1, j] - a[i - 1, j] + b[i + 1, j] - b[i - 1, j])
        d = p - q
        out[0, j] = w
        out[1, j] = gx * gx
        out[2, j] = gy * gy
        out[3, j] = gx * gy
        out[4, j] = gx * d
        out[5, j] = gy * d
        out[6, j] = p * p
        out[7, j] = q * q
        out[8, j] = p * q


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def chip_sums(a, b, seen, window, rows, columns, lowest, highest, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the weighted sums of chips at `rows` [`lowest`:`highest`] and all `columns` to `out` (node y, node x, sum).

    `window` holds the weights of one side, float32 of odd length; a chip's weight is the product of those of its row and column.
    """
    height, width = a.shape
    reach = window.size // 2
    number = highest - lowest
    product = np.zeros((SUMS, width), np.float32)
    total = np.zeros((number, SUMS, width), np.float32)
    for i in range(max(1, rows[lowest] - reach), min(height - 1, rows[highest - 1] + reach + 1)):
        _products(a, b, seen, i, product)
        for n in range(number):
            k = i - rows[lowest + n] + reach
            if k < 0 or k >= window.size:
                continue
            w = window[k]
            for s in range(SUMS):
                for j in range(width):
                    total[n, s, j] += w * product[s, j]
    for n in range(number):
        for m in range(columns.size):
            left, right = max(0, columns[m] - reach), min(width, columns[m] + reach + 1)
            first = left - columns[m] + reach
            for s in range(SUMS):
                value = np.float32(0)
                for j in range(right - left):
                    value += window[first + j] * total[n, s, left + j]
                out[lowest + n, m, s] = value


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def scores(a, b, seen, block, lowest, highest, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write Σ gx·d and Σ gy·d over blocks of `block`² pixels to rows `lowest` … `highest` of `out` (block y, block x, 2)."""
    height, width = a.shape
    product = np.zeros((SUMS, width), np.float32)
    for n in range(lowest, highest):
        for i in range(max(1, n * block), min(height - 1, (n + 1) * block)):
            _products(a, b, seen, i, product)
            for m in range(out.shape[1]):
                for j in range(m * block, min(width, (m + 1) * block)):
                    out[n, m, 0] += product[4, j]
                    out[n, m, 1] += product[5, j]
