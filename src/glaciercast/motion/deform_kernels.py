"""Compiled loops that deform two images symmetrically by a field of displacement.

Where displacement hardly changes, a block of pixels of a row reads the image in order, which takes a fraction of the time of going to each
pixel's place.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BLOCK = 8
"""Pixels of a row that are sampled together."""
SLACK = 1 / 16
"""Pixels by which displacement may leave the interval between two pixels for which a block's piece of the spline holds: what that changes
grows with its cube."""


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def _spline(f):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the four weights of the cubic B-spline at the fraction `f`, float32."""
    one, three, four, sixth = np.float32(1), np.float32(3), np.float32(4), np.float32(1 / 6)
    g = one - f
    f2, g2 = f * f, g * g
    return sixth * g2 * g, sixth * (four - three * f2 * (one + g)), sixth * (four - three * g2 * (one + f)), sixth * f2 * f


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _sample(flat, usable, height, width, y, x):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the spline of coefficients `flat` at (`y`, `x`), and 1 if that is usable and inside, else 0."""
    inside = (y > -0.5) & (y < height - 0.5) & (x > -0.5) & (x < width - 0.5)
    y = min(max(y, np.float32(1)), np.float32(height - 2.01))
    x = min(max(x, np.float32(1)), np.float32(width - 2.01))
    i, k = int(y), int(x)
    a0, a1, a2, a3 = _spline(x - np.float32(k))
    total = np.float32(0)
    line = (i - 1) * width + k - 1
    for b in _spline(y - np.float32(i)):
        total += b * (a0 * flat[line] + a1 * flat[line + 1] + a2 * flat[line + 2] + a3 * flat[line + 3])
        line += width
    near = int(y + np.float32(0.5)) * width + int(x + np.float32(0.5))
    return total, usable[near] & np.uint8(inside)


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _whole(usable, width, first):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Tell whether all pixels between which a block from the place `first` on lies are usable."""
    above, below = usable[first : first + BLOCK + 1], usable[first + width : first + width + BLOCK + 1]
    number = np.int32(0)
    for j in range(BLOCK):
        number += np.int32(above[j] & above[j + 1] & below[j] & below[j + 1])
    return number == BLOCK


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def _alike(moved, start, low):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Tell whether a block from `start` on is moved by between `low` and `low` + 1 pixels, but for `SLACK`.

    Every fourth pixel is looked at: a field of nodes is all but linear from one to the next.
    """
    least, most = low - np.float32(SLACK), low + np.float32(1 + SLACK)
    end = start + BLOCK - 1
    alike = (moved[start] >= least) & (moved[start] <= most) & (moved[end] >= least) & (moved[end] <= most)
    for j in range(start + 4, end, 4):
        alike &= (moved[j] >= least) & (moved[j] <= most)
    return alike


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _sample_run(flat, width, first, down, low_y, right, low_x, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the spline at `down` − `low_y` and `right` − `low_x` after each of the pixels from `first` on to `out`."""
    place = first - width - 1
    line0, line1, line2, line3 = flat[place:], flat[place + width :], flat[place + 2 * width :], flat[place + 3 * width :]
    for j in range(out.size):
        a0, a1, a2, a3 = _spline(right[j] - low_x)
        b0, b1, b2, b3 = _spline(down[j] - low_y)
        row0 = a0 * line0[j] + a1 * line0[j + 1] + a2 * line0[j + 2] + a3 * line0[j + 3]
        row1 = a0 * line1[j] + a1 * line1[j + 1] + a2 * line1[j + 2] + a3 * line1[j + 3]
        row2 = a0 * line2[j] + a1 * line2[j + 1] + a2 * line2[j + 2] + a3 * line2[j + 3]
        row3 = a0 * line3[j] + a1 * line3[j + 1] + a2 * line3[j + 2] + a3 * line3[j + 3]
        out[j] = b0 * row0 + b1 * row1 + b2 * row2 + b3 * row3


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _sample_row(flat, usable, complete, height, width, i, down, right, out, seen):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the spline of `flat` at every pixel of row `i` moved by `down` and `right`; what is not usable makes `seen` 0."""
    start = 0
    while start < width:
        middle = min(start + BLOCK // 2, width - 1)
        low_y, low_x = np.floor(down[middle] + np.float32(SLACK)), np.floor(right[middle] + np.float32(SLACK))
        top, left, end = i + int(low_y), int(low_x), start
        if top >= 1 and top < height - 2 and start + left >= 1:
            last = min(width, width - 2 - left) - BLOCK
            while end <= last and _alike(down, end, low_y) and _alike(right, end, low_x):
                if not complete and not _whole(usable, width, top * width + left + end):
                    break
                end += BLOCK
        if end > start:
            _sample_run(flat, width, top * width + left + start, down[start:end], low_y, right[start:end], low_x, out[start:end])
        else:
            end = min(start + BLOCK, width)
            for j in range(start, end):
                out[j], sound = _sample(flat, usable, height, width, np.float32(i) + down[j], np.float32(j) + right[j])
                seen[j] &= sound
        start = end


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def _across(nodes, node, weights, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write half the spline of a row of `nodes` at every pixel of a row to `out`."""
    half = np.float32(0.5)
    for j in range(out.size):
        m = node[j]
        near = weights[0, j] * nodes[m] + weights[1, j] * nodes[m + 1] + weights[2, j] * nodes[m + 2] + weights[3, j] * nodes[m + 3]
        out[j] = half * near


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def deform(first, second, usable1, usable2, complete, nodes, origin, step, top, bottom, a, b, seen):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write both images, each moved half of the displacement towards the other, to rows `top` … `bottom` of `a` and `b`.

    Parameters
    ----------
    first, second
        B-spline coefficients, float32 (y, x).
    usable1, usable2
        uint8 (y, x), 0 or 1.
    complete
        Whether both are usable everywhere.
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
    node, weights = np.empty(width, np.int32), np.empty((4, width), np.float32)
    for j in range(width):
        place = min(max((j - origin[1]) / step, 0.0), across - 1.0)
        node[j] = min(int(place), across - 2)
        weights[0, j], weights[1, j], weights[2, j], weights[3, j] = _spline(np.float32(place - node[j]))
    halves = np.empty((4, 2, width), np.float32)  # of the rows of nodes around the row of pixels, turn by turn
    done = -1
    right, down = np.empty(width, np.float32), np.empty(width, np.float32)
    for i in range(top, bottom):
        place = min(max((i - origin[0]) / step, 0.0), lines - 1.0)
        m = min(int(place), lines - 2)
        for line in range(max(done + 1, m), m + 4):
            for c in range(2):
                _across(nodes[c, line], node, weights, halves[line % 4, c])
        done = m + 3
        w0, w1, w2, w3 = _spline(np.float32(place - m))
        h0, h1, h2, h3 = halves[m % 4], halves[(m + 1) % 4], halves[(m + 2) % 4], halves[(m + 3) % 4]
        one, two, both = a[i], b[i], seen[i]
        for j in range(width):
            right[j] = -(w0 * h0[0, j] + w1 * h1[0, j] + w2 * h2[0, j] + w3 * h3[0, j])
            down[j] = -(w0 * h0[1, j] + w1 * h1[1, j] + w2 * h2[1, j] + w3 * h3[1, j])
            both[j] = 1
        _sample_row(flat1, ok1, complete, height, width, i, down, right, one, both)
        for j in range(width):
            right[j], down[j] = -right[j], -down[j]
        _sample_row(flat2, ok2, complete, height, width, i, down, right, two, both)
        for j in range(width):
            one[j] *= both[j]
            two[j] *= both[j]
