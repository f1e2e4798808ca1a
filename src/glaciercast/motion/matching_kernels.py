"""Compiled loops of the tracker: symmetric deformation, sums of least-squares matching, correlation surfaces."""

from __future__ import annotations

import numpy as np
from numba import njit

SUMS = 9
"""Sums of a chip: weight, gx², gy², gx·gy, gx·d, gy·d, a², b², a·b."""


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def _spline(f):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the four weights of the cubic B-spline at the fraction `f`, float32."""
    one, three, four, sixth = np.float32(1), np.float32(3), np.float32(4), np.float32(1 / 6)
    g = one - f
    f2, g2 = f * f, g * g
    return sixth * g2 * g, sixth * (four - three * f2 * (one + g)), sixth * (four - three * g2 * (one + f)), sixth * f2 * f


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _sample_row(flat, usable, height, width, rows, columns, out, seen):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the spline of coefficients `flat` at (`rows`, `columns`) to `out`; what is not usable or outside makes `seen` 0."""
    wide, down = np.int32(width), np.uint32(width)
    one, two, three = np.uint32(1), np.uint32(2), np.uint32(3)
    lowest, bottom, right = np.float32(1), np.float32(height - 2.01), np.float32(width - 2.01)
    for j in range(rows.size):
        y, x = min(max(rows[j], lowest), bottom), min(max(columns[j], lowest), right)
        i, k = np.int32(y), np.int32(x)
        a0, a1, a2, a3 = _spline(x - np.float32(k))
        b0, b1, b2, b3 = _spline(y - np.float32(i))
        p = np.uint32((i - 1) * wide + k - 1)  # unsigned: no test for places counted from the end
        r0 = a0 * flat[p] + a1 * flat[p + one] + a2 * flat[p + two] + a3 * flat[p + three]
        p += down
        r1 = a0 * flat[p] + a1 * flat[p + one] + a2 * flat[p + two] + a3 * flat[p + three]
        p += down
        r2 = a0 * flat[p] + a1 * flat[p + one] + a2 * flat[p + two] + a3 * flat[p + three]
        p += down
        r3 = a0 * flat[p] + a1 * flat[p + one] + a2 * flat[p + two] + a3 * flat[p + three]
        out[j] = b0 * r0 + b1 * r1 + b2 * r2 + b3 * r3
        near = np.uint32(np.int32(y + np.float32(0.5)) * wide + np.int32(x + np.float32(0.5)))
        inside = (rows[j] > -0.5) & (rows[j] < height - 0.5) & (columns[j] > -0.5) & (columns[j] < width - 0.5)
        seen[j] = seen[j] & usable[near] & np.uint8(inside)


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _half_row(line, node, weights, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write half the spline of `line` (node x + 2) at every pixel of a row to `out`."""
    half, one, two, three = np.float32(0.5), np.uint32(1), np.uint32(2), np.uint32(3)
    w0, w1, w2, w3 = weights
    for j in range(out.size):
        m = node[j]
        out[j] = half * (w0[j] * line[m] + w1[j] * line[m + one] + w2[j] * line[m + two] + w3[j] * line[m + three])


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def deform(first, second, usable1, usable2, nodes, origin, step, top, bottom, a, b, seen):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write both images, each moved half of the displacement towards the other, to rows `top` … `bottom` of `a` and `b`.

    Parameters
    ----------
    first, second
        B-spline coefficients, float32 (y, x).
    usable1, usable2
        uint8 (y, x).
    nodes
        B-spline coefficients of the displacement (columns, rows) at nodes, float32 (2, node y + 2, node x + 2): one more on each side.
    origin, step
        Row and column of the first node, and pixels between nodes.
    a, b, seen
        Where the images, float32, and where both are usable, uint8, are written to; 0 elsewhere.
    """
    height, width = first.shape
    flat1, flat2, ok1, ok2 = first.reshape(-1), second.reshape(-1), usable1.reshape(-1), usable2.reshape(-1)
    lines, across = nodes.shape[1] - 2, nodes.shape[2] - 2
    line = np.empty((2, across + 2), np.float32)
    shift_x, shift_y = np.empty(width, np.float32), np.empty(width, np.float32)
    node, weights = np.empty(width, np.uint32), np.empty((4, width), np.float32)
    for j in range(width):
        place = min(max((j - origin[1]) / step, 0.0), across - 1.0)
        node[j] = min(int(place), across - 2)
        weights[0, j], weights[1, j], weights[2, j], weights[3, j] = _spline(np.float32(place - node[j]))
    rows, columns = np.empty(width, np.float32), np.empty(width, np.float32)
    for i in range(top, bottom):
        place = min(max((i - origin[0]) / step, 0.0), lines - 1.0)
        m = min(int(place), lines - 2)
        w0, w1, w2, w3 = _spline(np.float32(place - m))
        for k in range(across + 2):
            for c in range(2):
                n = nodes[c]
                line[c, k] = w0 * n[m, k] + w1 * n[m + 1, k] + w2 * n[m + 2, k] + w3 * n[m + 3, k]
        for j in range(width):
            seen[i, j] = 1
        _half_row(line[0], node, weights, shift_x)
        _half_row(line[1], node, weights, shift_y)
        for j in range(width):
            rows[j], columns[j] = np.float32(i) - shift_y[j], np.float32(j) - shift_x[j]
        _sample_row(flat1, ok1, height, width, rows, columns, a[i], seen[i])
        for j in range(width):
            rows[j], columns[j] = np.float32(i) + shift_y[j], np.float32(j) + shift_x[j]
        _sample_row(flat2, ok2, height, width, rows, columns, b[i], seen[i])
        for j in range(width):
            a[i, j] *= seen[i, j]
            b[i, j] *= seen[i, j]


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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _cut(image, usable, top, left, patch, flags):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Copy the pixels from (`top`, `left`) on to `patch`; tell whether all are usable. If not, `flags` says which; what is not is 0."""
    height, width = image.shape
    size = flags.shape[0]
    if top >= 0 and left >= 0 and top + size <= height and left + size <= width:
        whole = np.int64(0)
        for i in range(size):
            line, sound = image[top + i, left : left + size], usable[top + i, left : left + size]
            copy = patch[i, :size]
            for j in range(size):
                copy[j] = line[j]
                whole += sound[j]
        if whole == size * size:
            return True
    for i in range(size):
        for j in range(size):
            y, x = top + i, left + j
            inside = 0 <= y < height and 0 <= x < width and usable[y, x] > 0
            patch[i, j] = image[y, x] if inside else np.float32(0)
            flags[i, j] = 1 if inside else 0
    return False


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _product_sum(a, b, dy, dx, line):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return Σ a[i, j] · b[i + dy, j + dx]; `line` is room for one row of `a`."""
    wide = line.size
    for j in range(wide):
        line[j] = 0
    for i in range(0, a.shape[0], 3):  # rows by threes: fewer turns through memory
        a0, a1, a2 = a[i], a[i + 1], a[i + 2]
        b0, b1, b2 = b[i + dy, dx : dx + wide], b[i + dy + 1, dx : dx + wide], b[i + dy + 2, dx : dx + wide]
        for j in range(wide):
            line[j] += a0[j] * b0[j] + a1[j] * b1[j] + a2[j] * b2[j]
    return line.sum()


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _squares(a, b, side, squares):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return Σ a² over the chip, and write sums of b² down its columns to `squares`, from 0 to each row."""
    total = np.float32(0)
    for i in range(side):
        line = a[i, :side]
        for j in range(side):
            total += line[j] * line[j]
    for i in range(squares.shape[0] - 1):
        above, here, line = squares[i], squares[i + 1], b[i]
        for j in range(squares.shape[1]):
            here[j] = above[j] + line[j] * line[j]
    return total


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _spread(a, b, flags_a, flags_b, dy, dx):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return Σ a² · Σ b² over pixels usable in both, b moved by (dy, dx)."""
    aa, bb = np.float32(0), np.float32(0)
    for i in range(flags_a.shape[0]):
        for j in range(flags_a.shape[1]):
            p, q = a[i, j] * flags_b[i + dy, j + dx], b[i + dy, j + dx] * flags_a[i, j]
            aa += p * p
            bb += q * q
    return aa * bb


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
    out
        −1 where nothing can be compared.
    """
    side, low, span = 2 * half + 1, shifts[0], shifts[-1] - shifts[0]
    tall, wide = (side + 2) // 3 * 3, (side + 15) // 16 * 16  # rows by threes, of whole vector registers
    a, b = np.zeros((tall, wide), np.float32), np.zeros((tall + span, wide + span), np.float32)
    flags_a, flags_b = np.zeros((side, side), np.float32), np.zeros((side + span, side + span), np.float32)
    squares, column = np.zeros((side + span + 1, side + span), np.float32), np.zeros(side + span, np.float32)
    line = np.zeros(wide, np.float32)
    for n in range(lowest, highest):
        for m in range(columns.size):
            back_x, back_y = moved[0, n, m] // 2, moved[1, n, m] // 2
            top, left = rows[n] - back_y - half, columns[m] - back_x - half
            flags_a[:] = 1
            flags_b[:] = 1
            whole = _cut(first, usable1, top, left, a, flags_a)
            whole &= _cut(second, usable2, top + moved[1, n, m] + low, left + moved[0, n, m] + low, b, flags_b)
            total = _squares(a, b, side, squares) if whole else np.float32(0)
            for v in range(shifts.size):
                dy = shifts[v] - low
                if whole:
                    for j in range(side + span):
                        column[j] = squares[dy + side, j] - squares[dy, j]
                for u in range(shifts.size):
                    dx = shifts[u] - low
                    spread = total * column[dx : dx + side].sum() if whole else _spread(a, b, flags_a, flags_b, dy, dx)
                    out[n, m, v, u] = _product_sum(a, b, dy, dx, line) / np.sqrt(spread) if spread > 1e-12 else np.float32(-1)
