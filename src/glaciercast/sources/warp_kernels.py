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
def _between(nodes, step, down):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the positions (column of nodes, 2) on the line `down` target pixels below the first node."""
    row = min(int(down / step), nodes.shape[0] - 2)
    part = down / step - row
    return nodes[row] * (1 - part) + nodes[row + 1] * part


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _along(line, step, right):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the position `right` target pixels from the beginning of a line."""
    column = min(int(right / step), line.shape[0] - 2)
    part = right / step - column
    return line[column, 0] * (1 - part) + line[column + 1, 0] * part, line[column, 1] * (1 - part) + line[column + 1, 1] * part


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def nearest(values, nodes, step, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `out` (y, x) the value of the pixel in which each centre lies; what lies outside is left as it is."""
    for row in range(out.shape[0]):
        line = _between(nodes, step, row + 0.5)
        for column in range(out.shape[1]):
            y, x = _along(line, step, column + 0.5)
            if -EDGE <= y < values.shape[0] - EDGE and -EDGE <= x < values.shape[1] - EDGE:
                out[row, column] = values[int(y + EDGE), int(x + EDGE)]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def bilinear(values, nodes, step, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `out` (y, x) what is interpolated between the four nearest pixels; those without data take no part.

    NaN where the pixel in which the centre lies has no data: nothing bleeds.
    """
    height, width = values.shape
    for row in range(out.shape[0]):
        line = _between(nodes, step, row + 0.5)
        for column in range(out.shape[1]):
            out[row, column] = np.nan
            y, x = _along(line, step, column + 0.5)
            if not (-EDGE <= y < height - EDGE and -EDGE <= x < width - EDGE) or np.isnan(values[int(y + EDGE), int(x + EDGE)]):
                continue
            top, left = int(np.floor(y - 0.5)), int(np.floor(x - 0.5))
            below, beside = y - 0.5 - top, x - 0.5 - left
            total, weight = 0.0, 0.0
            for i in range(2):
                for j in range(2):
                    r, c = top + i, left + j
                    if 0 <= r < height and 0 <= c < width and not np.isnan(values[r, c]):
                        share = (below if i else 1 - below) * (beside if j else 1 - beside)
                        total += share * values[r, c]
                        weight += share
            out[row, column] = total / weight


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _boxes(nodes, step, row, shape, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `out` (column, 4) top, bottom, left and right of the source that the pixels of a row cover; empty where that is outside."""
    upper, lower = _between(nodes, step, row), _between(nodes, step, row + 1)
    for column in range(out.shape[0]):
        y0, x0 = _along(upper, step, column)
        y1, x1 = _along(lower, step, column + 1)
        if np.isfinite(y0 + y1) and np.isfinite(x0 + x1):
            out[column, 0], out[column, 1] = max(0.0, min(y0, y1)), min(float(shape[0]), max(y0, y1))
            out[column, 2], out[column, 3] = max(0.0, min(x0, x1)), min(float(shape[1]), max(x0, x1))
        else:
            out[column] = 0.0


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _pixels(first, last):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the pixels that an interval of the source touches."""
    return range(int(np.floor(first + EDGE)), int(np.ceil(last - EDGE)))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def mean(values, nodes, step, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write to `out` (y, x) the mean, weighted by area, of the pixels with data between two opposite corners; NaN where there are none."""
    boxes = np.empty((out.shape[1], 4))
    for row in range(out.shape[0]):
        _boxes(nodes, step, row, values.shape, boxes)
        for column in range(out.shape[1]):
            y0, y1, x0, x1 = boxes[column]
            total, weight = 0.0, 0.0
            for r in _pixels(y0, y1):
                high = min(y1, r + 1.0) - max(y0, r)
                for c in _pixels(x0, x1):
                    if not np.isnan(values[r, c]):
                        share = high * (min(x1, c + 1.0) - max(x0, c))
                        total += share * values[r, c]
                        weight += share
            out[row, column] = total / weight if weight > 0 else np.nan


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
            most = max(1, len(_pixels(y0, y1)) * len(_pixels(x0, x1)))
            kinds, areas, known = np.empty(most, values.dtype), np.zeros(most), 0
            for r in _pixels(y0, y1):
                for c in _pixels(x0, x1):
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
