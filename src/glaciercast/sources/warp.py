"""From one grid to another: an exact copy where the lattices agree; else nearest, interpolated or averaged at exact positions."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from glaciercast import grid
from glaciercast.errors import InputError

if TYPE_CHECKING:
    from odc.geo.crs import CRS
    from odc.geo.geobox import GeoBox
    from pyproj import Transformer

How = Literal["continuous", "class"]
Window = tuple[int, int, int, int]
"""First and last + 1 row, first and last + 1 column."""
FINER = 1.52
"""Source pixels that target pixels are wider than where they are averaged: 1.5, and what a map projection stretches (20 to 30 m is not)."""

STEP = 32
"""Pixels of the target between positions that are transformed themselves, at most."""
EXACT = 1e-3
"""Pixels of the source by which positions between them may be off."""


def onto(values: np.ndarray, geobox: GeoBox, target: GeoBox, how: How, fill: float) -> np.ndarray:
    """Bring values to another grid.

    Parameters
    ----------
    values
        Numbers or booleans (y, x) on `geobox`.
    geobox, target
        The grid that the values have, and the one they shall have.
    how
        ``continuous``: bilinear, or the mean weighted by area where source pixels are finer than two thirds of the target's.
        ``class``: the nearest pixel, or the most frequent class where they are finer.
    fill
        What stands for no data, before and after (NaN or a number); it takes no part in means.

    Returns
    -------
    np.ndarray
        Of the shape of `target` and the dtype of `values`; `fill` where there is no data. Where `target` has the same CRS and
        its pixels are pixels of `geobox`, every value is a copy, never resampled.

    Notes
    -----
    Positions are right to a thousandth of a source pixel (`EXACT`), however wide the grid. An interpolated pixel has a value where the
    source pixel has one in which its centre lies; an average, where any of its source pixels has one. Averaged is the rectangle
    between two opposite corners of the target pixel, which is its area where both grids have one CRS; there the class with the
    largest area counts too, of several the first.
    """
    if values.shape != tuple(geobox.shape):
        raise ValueError(f"values of shape {values.shape} on a grid of shape {tuple(geobox.shape)}")
    if grid.same(geobox, target):
        return values
    if (moved := shift(geobox, target)) is not None:
        return _copied(values, target, moved, fill)
    if window(geobox, target, padding=0) is None:
        return np.full(target.shape, fill, values.dtype)
    return _reprojected(values, geobox, target, how, fill)


def shift(native: GeoBox, target: GeoBox, tolerance: float = 1e-3) -> tuple[int, int] | None:
    """Return the row and the column of `native` at which `target` begins; None unless their pixels coincide (to `tolerance` pixels).

    The row and the column may lie outside of `native`.
    """
    if native.crs != target.crs:
        return None
    to_native = ~native.affine * target.affine
    size = max(native.shape.y, native.shape.x, target.shape.y, target.shape.x)
    straight = abs(to_native.b) + abs(to_native.d) + abs(to_native.a - 1) + abs(to_native.e - 1)
    row, column = round(to_native.f), round(to_native.c)
    if straight * size > tolerance or max(abs(to_native.f - row), abs(to_native.c - column)) > tolerance:
        return None
    return row, column


def window(native: GeoBox, target: GeoBox, padding: int) -> Window | None:
    """Return the rows and columns of `native` that `target` covers, with `padding` pixels around them unless the lattices agree.

    None where they do not meet.
    """
    if (moved := shift(native, target)) is not None:
        top, left = moved
        rows, columns = (top, top + target.shape.y), (left, left + target.shape.x)
    else:
        bounds = target.boundingbox
        if native.crs != target.crs:
            corners = _transformer(str(target.crs), str(native.crs)).transform_bounds(*bounds.bbox, densify_pts=64)
        else:
            corners = bounds.bbox
        if not all(map(math.isfinite, corners)):
            return None
        (x0, y0), (x1, y1) = (~native.affine * corner for corner in (corners[:2], corners[2:]))
        rows, columns = ((math.floor(min(pair) + 1e-6), math.ceil(max(pair) - 1e-6)) for pair in ((y0, y1), (x0, x1)))
        if min(rows[1], native.shape.y) <= max(rows[0], 0) or min(columns[1], native.shape.x) <= max(columns[0], 0):
            return None
        rows, columns = (rows[0] - padding, rows[1] + padding), (columns[0] - padding, columns[1] + padding)
    top, bottom = max(rows[0], 0), min(rows[1], native.shape.y)
    left, right = max(columns[0], 0), min(columns[1], native.shape.x)
    return (top, bottom, left, right) if top < bottom and left < right else None


def _copied(values: np.ndarray, target: GeoBox, moved: tuple[int, int], fill: float) -> np.ndarray:
    out = np.full(target.shape, fill, values.dtype)
    pairs = []
    for start, have, wanted in zip(moved, values.shape, target.shape, strict=True):
        first, last = max(start, 0), min(start + wanted, have)
        if first >= last:
            return out
        pairs.append((slice(first, last), slice(first - start, last - start)))
    (rows, to_rows), (columns, to_columns) = pairs
    out[to_rows, to_columns] = values[rows, columns]
    return out


def _reprojected(values: np.ndarray, geobox: GeoBox, target: GeoBox, how: How, fill: float) -> np.ndarray:
    from glaciercast.sources import warp_kernels

    finer = _per_target_pixel(geobox, target) > FINER
    nodes, step = _nodes(target, geobox.crs, max(abs(geobox.affine.a), abs(geobox.affine.e)))
    across, down = ~geobox.affine * (nodes[..., 0], nodes[..., 1])
    places = np.stack([down, across], axis=-1)
    values = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    if how == "class":
        out = np.full(target.shape, fill, values.dtype)
        if finer:
            warp_kernels.most_frequent(values, np.isnan(values) if np.isnan(fill) else values == fill, places, step, out)
        else:
            warp_kernels.nearest(values, places, step, out)
        return out
    floating = np.empty(target.shape, values.dtype if values.dtype in (np.float32, np.float64) else np.float64)
    (warp_kernels.mean if finer else warp_kernels.bilinear)(_numbers(values, fill, floating.dtype), places, step, floating)
    return _as_before(floating, values.dtype, fill)


def _numbers(values: np.ndarray, fill: float, dtype: np.dtype[Any]) -> np.ndarray:
    """Return values as `dtype` (floating), NaN where there is no data."""
    if np.isnan(fill):
        return values.astype(dtype, copy=False)
    return np.where(values == fill, np.array(np.nan, dtype), values)


def _as_before(values: np.ndarray, dtype: np.dtype[Any], fill: float) -> np.ndarray:
    """Return values as `dtype`, rounded where that holds whole numbers, with `fill` for NaN."""
    if not np.isnan(fill):
        values[np.isnan(values)] = fill
    rounded = values if dtype.kind == "f" else np.floor(values + 0.5)
    return rounded.astype(dtype, copy=False)


@functools.lru_cache(maxsize=8)
def _nodes(target: GeoBox, crs: CRS, size: float) -> tuple[np.ndarray, int]:
    """Return x and y in another CRS at the corner of every `step`-th pixel of `target`, beyond its end, float64 (row, column, 2); `step`.

    Between the nodes, positions that are taken linearly are off by at most `EXACT` pixels of `size`: a quarter of what the middle
    of three nodes differs from the mean of the other two, along rows and along columns (in a cell's middle the two may cancel, as
    they do between conformal maps).
    """
    step = STEP
    while True:
        rows, columns = (np.arange(2 * -(-length // (2 * step)) + 1) * step for length in target.shape)
        right, down = np.meshgrid(columns, rows)
        place = target.affine
        x, y = place.c + right * place.a + down * place.b, place.f + right * place.d + down * place.e
        if target.crs != crs:
            x, y = _transformer(str(target.crs), str(crs)).transform(x, y)
        nodes = np.stack([x, y], axis=-1).astype(float)
        if step == 1 or _bend(nodes) <= 4 * EXACT * size:
            return nodes, step
        step //= 2


def _bend(nodes: np.ndarray) -> float:
    """Return the sum of what the second of three neighbours differs from the mean of the others at most, along each axis."""
    total = 0.0
    for each in (nodes, nodes.swapaxes(0, 1)):
        with np.errstate(invalid="ignore"):
            differs = np.abs(each[1:-1:2] - (each[:-2:2] + each[2::2]) / 2)
        total += float(np.where(np.isfinite(each[1:-1:2]), np.where(np.isfinite(differs), differs, np.inf), 0).max())
    return total


def _per_target_pixel(geobox: GeoBox, target: GeoBox) -> float:
    """Return how many pixels of `geobox` one pixel of `target` is wide, in the middle of `target`."""
    rows, columns = target.shape
    points = [target.affine * (columns / 2 + right, rows / 2 + down) for right, down in ((0, 0), (1, 0), (0, 1))]
    if geobox.crs != target.crs:
        to_native = _transformer(str(target.crs), str(geobox.crs))
        points = [to_native.transform(*point) for point in points]
    (x0, y0), (x1, y1), (x2, y2) = (~geobox.affine * point for point in points)
    return math.sqrt(abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)))


@functools.lru_cache(maxsize=32)
def _transformer(source: str, target: str) -> Transformer:
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    try:
        return Transformer.from_crs(source, target, always_xy=True)
    except ProjError:
        names = " to ".join(" ".join(crs.split())[:60] for crs in (source, target))
        raise InputError(f"no transformation leads from {names}; is it a CRS of the Earth?") from None
