"""From one grid to another: an exact copy where the lattices agree, else GDAL's reprojection."""

from __future__ import annotations

import functools
import math
import threading
from typing import TYPE_CHECKING, Literal

import numpy as np

from glaciercast import grid
from glaciercast.errors import InputError

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from pyproj import Transformer

How = Literal["continuous", "class"]
Window = tuple[int, int, int, int]
"""First and last + 1 row, first and last + 1 column."""
FINER = 1.52
"""Source pixels that target pixels are wider than where they are averaged: 1.5, and what a map projection stretches (20 to 30 m is not)."""

STRIP = 128
"""Columns that are warped at once."""
_one_at_a_time = threading.Lock()
"""Rasterio changes the filters of warnings while it warps, which belong to all threads."""


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
    GDAL knows the exact positions along the edges of what it warps at once and interpolates between them, whatever tolerance it is
    given; in strips of `STRIP` columns it misses them by less than a hundredth of a pixel (in one piece, by up to an eighth).
    An interpolated pixel has a value where the source pixel has one in which its centre lies; an average, where any of its source pixels
    has one.
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
    from odc.geo.warp import rio_reproject

    finer = _per_target_pixel(geobox, target) > FINER
    if how == "continuous":
        resampling = "average" if finer else "bilinear"
    else:
        resampling = "mode" if finer else "nearest"
    dtype = np.dtype("uint8") if values.dtype == np.bool_ else values.dtype
    source = np.ascontiguousarray(values, dtype=dtype.newbyteorder("="))
    strips = []
    for left in range(0, target.shape.x, STRIP):
        strip = target[:, left : min(left + STRIP, target.shape.x)]
        out = np.full(strip.shape, fill, source.dtype)
        with _one_at_a_time:
            strips.append(rio_reproject(source, out, geobox, strip, resampling=resampling, src_nodata=fill, dst_nodata=fill))
    return np.concatenate(strips, axis=1).astype(values.dtype, copy=False)


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
