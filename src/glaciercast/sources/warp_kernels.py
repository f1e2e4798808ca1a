"""Compiled loops of a change of grid, over positions that are exact to a thousandth of a pixel.

Positions are given at nodes, every `step` pixels of the target, and are linear between them; `nodes` (row, column, 2) holds rows and
columns of the source, counted from its corner. Values are float, NaN where there is no data. A position less than `EDGE` before
the edge of a pixel counts as being on it: rounding must not decide where two lattices share their edges.
"""

from __future__ import annotations

import numpy as np
from numba import njit

EDGE = 1e-6


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _places(nodes, step, down, first, rows, columns):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `rows` and `columns` (x,) where the points lie that are `down` and `first`, `first` + 1, … target pixels from the corner."""
    above = min(int(down / step), nodes.shape[0] - 2)
    part = down / step - above
    for node in range(nodes.shape[1] - 1):
        y = nodes[above, node, 0] * (1 - part) + nodes[above + 1, node, 0] * part
        x = nodes[above, node, 1] * (1 - part) + nodes[above + 1, node, 1] * part
        dy = (nodes[above, node + 1, 0] * (1 - part) + nodes[above + 1, node + 1, 0] * part - y) / step
        dx = (nodes[above, node + 1, 1] * (1 - part) + nodes[above + 1, node + 1, 1] * part - x) / step
        for column in range(node * step, min((node + 1) * step, rows.shape[0])):
            right = column - node * step + first
            rows[column], columns[column] = y + right * dy, x + right * dx


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def nearest(values, nodes, step, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `out` (y, x) the value of the pixel in which each centre lies; what lies outside is left as it is."""
    ys, xs = np.empty(out.shape[1]), np.empty(out.shape[1])
    for row in range(out.shape[0]):
        _places(nodes, step, row + 0.5, 0.5, ys, xs)
        for column in range(out.shape[1]):
            y, x = ys[column] + EDGE, xs[column] + EDGE
            if 0 <= y < values.shape[0] and 0 <= x < values.shape[1]:
                out[row, column] = values[int(y), int(x)]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def bilinear(values, nodes, step, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `out` (y, x) what is interpolated between the four nearest pixels; those without data take no part.

    NaN where the pixel in which the centre lies has no data: nothing bleeds.
    """
    height, width = values.shape
    ys, xs = np.empty(out.shape[1]), np.empty(out.shape[1])
    for row in range(out.shape[0]):
        _places(nodes, step, row + 0.5, 0.5, ys, xs)
        for column in range(out.shape[1]):
            y, x = ys[column], xs[column]
            if not (0 <= y + EDGE < height and 0 <= x + EDGE < width):
                out[row, column] = np.nan
                continue
            top, left = int(y + 0.5) - 1, int(x + 0.5) - 1
            below, beside = y - 0.5 - top, x - 0.5 - left
            if 0 <= top < height - 1 and 0 <= left < width - 1:
                upper = values[top, left] * (1 - beside) + values[top, left + 1] * beside
                lower = values[top + 1, left] * (1 - beside) + values[top + 1, left + 1] * beside
                between = upper * (1 - below) + lower * below
                if not np.isnan(between):
                    out[row, column] = between
                    continue
            if np.isnan(values[int(y + EDGE), int(x + EDGE)]):
                out[row, column] = np.nan
                continue
            total, weight = 0.0, 0.0
            for r, high in ((top, 1 - below), (top + 1, below)):
                for c, wide in ((left, 1 - beside), (left + 1, beside)):
                    if 0 <= r < height and 0 <= c < width and not np.isnan(values[r, c]):
                        total += high * wide * values[r, c]
                        weight += high * wide
            out[row, column] = total / weight


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _boxes(nodes, step, row, shape, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `out` (column, 4) top, bottom, left and right of the source that the pixels of a row cover; empty where that is outside."""
    y0, x0, y1, x1 = np.empty(out.shape[0]), np.empty(out.shape[0]), np.empty(out.shape[0]), np.empty(out.shape[0])
    _places(nodes, step, row, 0.0, y0, x0)
    _places(nodes, step, row + 1, 1.0, y1, x1)
    for column in range(out.shape[0]):
        if np.isfinite(y0[column] + y1[column]) and np.isfinite(x0[column] + x1[column]):
            out[column, 0], out[column, 1] = max(0.0, min(y0[column], y1[column])), min(shape[0], max(y0[column], y1[column]))
            out[column, 2], out[column, 3] = max(0.0, min(x0[column], x1[column])), min(shape[1], max(x0[column], x1[column]))
        else:
            out[column] = 0.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _pixels(first, last):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the first pixel that an interval of the source touches, and the last + 1."""
    return int(np.floor(first + EDGE)), int(np.ceil(last - EDGE))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def mean(values, nodes, step, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `out` (y, x) the mean, weighted by area, of the pixels with data between two opposite corners; NaN where there are none."""
    boxes, sums, areas = np.empty((out.shape[1], 4)), np.empty(values.shape[1]), np.empty(values.shape[1])
    for row in range(out.shape[0]):
        _boxes(nodes, step, row, values.shape, boxes)
        y0, y1 = boxes[0, 0], boxes[0, 1]
        straight = (np.abs(boxes[:, 0] - y0) < EDGE).all() and (np.abs(boxes[:, 1] - y1) < EDGE).all()
        if straight:  # one source row after the other, once for all columns
            _column_sums(values, y0, y1, sums, areas)
        for column in range(out.shape[1]):
            y0, y1, x0, x1 = boxes[column]
            total, weight = _row_sum(sums, areas, x0, x1) if straight else _sum(values, y0, y1, x0, x1)
            out[row, column] = total / weight if weight > EDGE else np.nan


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _column_sums(values, y0, y1, sums, areas):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `sums` and `areas` (x,) the values with data between two rows times their heights, and the heights."""
    sums[:], areas[:] = 0.0, 0.0
    r0, r1 = _pixels(y0, y1)
    for r in range(r0, r1):
        high = min(y1, r + 1.0) - max(y0, r)
        for c in range(values.shape[1]):
            known = values[r, c] == values[r, c]
            sums[c] += high * values[r, c] if known else 0.0
            areas[c] += high if known else 0.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _row_sum(sums, areas, x0, x1):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return what lies between two columns of `_column_sums`, and its area."""
    total, weight = 0.0, 0.0
    c0, c1 = _pixels(x0, x1)
    for c in range(c0, c1):
        wide = min(x1, c + 1.0) - max(x0, c)
        total += wide * sums[c]
        weight += wide * areas[c]
    return total, weight


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _sum(values, y0, y1, x0, x1):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the sum of the values with data in a box, weighted by area, and their area."""
    total, weight = 0.0, 0.0
    (r0, r1), (c0, c1) = _pixels(y0, y1), _pixels(x0, x1)
    for r in range(r0, r1):
        for c in range(c0, c1):
            if values[r, c] == values[r, c]:
                share = (min(y1, r + 1.0) - max(y0, r)) * (min(x1, c + 1.0) - max(x0, c))
                total += share * values[r, c]
                weight += share
    return total, weight


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def most_frequent(values, missing, nodes, step, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `out` (y, x) the value that has the largest area between two opposite corners, the first of several.

    What is `missing` (bool, as `values`) does not count; where all is, `out` is left as it is.
    """
    boxes = np.empty((out.shape[1], 4))
    for row in range(out.shape[0]):
        _boxes(nodes, step, row, values.shape, boxes)
        for column in range(out.shape[1]):
            y0, y1, x0, x1 = boxes[column]
            (r0, r1), (c0, c1) = _pixels(y0, y1), _pixels(x0, x1)
            most = max(1, (r1 - r0) * (c1 - c0))
            kinds, areas, known = np.empty(most, values.dtype), np.zeros(most), 0
            for r in range(r0, r1):
                for c in range(c0, c1):
                    if missing[r, c]:
                        continue
                    kind = 0
                    while kind < known and kinds[kind] != values[r, c]:
                        kind += 1
                    kinds[kind] = values[r, c]
                    known = max(known, kind + 1)
                    areas[kind] += (min(y1, r + 1.0) - max(y0, r)) * (min(x1, c + 1.0) - max(x0, c))
            best = 0
            for kind in range(1, known):
                if areas[kind] > areas[best] + EDGE:
                    best = kind
            if known:
                out[row, column] = kinds[best]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def looked_up(numbers, table, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `out` (y, x) what `table` has for each of the `numbers`, unsigned."""
    for row in range(numbers.shape[0]):
        for column in range(numbers.shape[1]):
            out[row, column] = table[numbers[row, column]]
