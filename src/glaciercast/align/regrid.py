"""What coarse products need to join the site's grid: group, windows, the cell under each pixel, the turn between two grids' axes."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

import numpy as np
from numba import njit

from glaciercast.errors import InputError, unknown

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from odc.geo.geobox import GeoBox
    from pyproj import Transformer

NUDGE = 50.0
"""Metres on either side of a point over which the direction of an axis is taken."""


def product(cube: xr.DataTree, kind: Literal["velocity", "temperature"], wanted: str | None) -> tuple[str, xr.Dataset] | None:
    """Return name and dataset of the product under ``/<kind>``: `wanted`, or the only one; None where there is none and none is wanted.

    Raises
    ------
    InputError
        If there are several and none is named, or there is none of that name.
    """
    found = dict(cube.children[kind].children) if kind in cube.children else {}
    if kind == "velocity":  # series that were inverted from pairs stand beside them
        found = {name: group for name, group in found.items() if "pair" in group.dims}
    if wanted is None and not found:
        return None
    if wanted is None and len(found) > 1:
        key = f"{kind}.{'source' if kind == 'velocity' else 'product'}"
        raise InputError(f"/{kind}: has several products; name one with --set {key}=NAME: {', '.join(sorted(found))}")
    name = wanted if wanted is not None else next(iter(found))
    if name not in found:
        raise InputError(f"/{kind}: {unknown('product', name, found) if found else f'expected {name}, found none'}")
    return name, found[name].to_dataset()


def windows(edges: pd.DatetimeIndex, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return start and end of the window of each step, datetime64[ns] (step,): its own span and that of the `length` − 1 steps before it.

    Raises
    ------
    InputError
        Unless there are two edges or more, in order.
    """
    times = edges.to_numpy("datetime64[ns]")
    if len(times) < 2 or not (np.diff(times) > np.timedelta64(0, "ns")).all():
        raise InputError(f"steps: expected two edges or more that increase, found {len(times)}{' out of order' if len(times) > 1 else ''}")
    return times[np.maximum(np.arange(len(times) - 1) + 1 - length, 0)], times[1:]


def positions(native: GeoBox, target: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Return where the centre of each pixel of `target` lies in `native`: cells down and across from its corner, float64 (y, x) each.

    Every centre is transformed itself; nothing is interpolated between a few of them, as GDAL does.
    """
    columns, rows = np.meshgrid(np.arange(target.shape.x) + 0.5, np.arange(target.shape.y) + 0.5)
    x, y = target.affine * (columns, rows)
    if native.crs != target.crs:
        x, y = transformer(str(target.crs), str(native.crs)).transform(x, y)
    across, down = ~native.affine * (np.asarray(x), np.asarray(y))
    return down, across


def cells(native: GeoBox, target: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Return the row and the column of the cell of `native` that holds the centre of each pixel of `target`, int32 (y, x); −1 outside."""
    down, across = positions(native, target)
    inside = (across >= 0) & (across < native.shape.x) & (down >= 0) & (down < native.shape.y)
    row, column = (np.where(inside, np.where(inside, place, 0).astype(np.int32), np.int32(-1)) for place in (down, across))
    return row, column


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def bilinear(values, down, across):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return values (row, column) interpolated at `positions`, float32 (y, x).

    Neighbours without a value take no part. NaN where the cell that holds the position has none, or lies outside: nothing bleeds. Equal to
    `sources.warp.onto` but for what GDAL loses between exact positions, at a fifth of its time.
    """
    height, width = values.shape
    out = np.full(down.shape, np.nan, np.float32)
    for row in range(down.shape[0]):
        for col in range(down.shape[1]):
            y, x = down[row, col], across[row, col]
            if not (0 <= y < height and 0 <= x < width) or np.isnan(values[int(y), int(x)]):
                continue
            top, left = int(np.floor(y - 0.5)), int(np.floor(x - 0.5))
            total, weight = 0.0, 0.0
            for r in (top, top + 1):
                for c in (left, left + 1):
                    if 0 <= r < height and 0 <= c < width and not np.isnan(values[r, c]):
                        share = (1 - abs(y - 0.5 - r)) * (1 - abs(x - 0.5 - c))
                        total += share * values[r, c]
                        weight += share
            out[row, col] = total / weight
    return out


def spread(values: np.ndarray, where: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return to each pixel the value of its cell (`cells`), of the dtype of `values` (float); NaN outside."""
    rows, columns = where
    out: np.ndarray = np.where(rows < 0, np.array(np.nan, values.dtype), values[rows, columns])
    return out


def turn(native: GeoBox, target: GeoBox) -> np.ndarray | None:
    """Return the angle by which a vector along the axes of `native` turns so that it is along those of `target`, float64 (y, x).

    Radians, counter-clockwise, at the centres of `native`; None where both have one CRS. The Jacobian of the transformation is taken by
    central differences and reduced to its nearest rotation, atan2(∂Y/∂x − ∂X/∂y, ∂X/∂x + ∂Y/∂y): lengths stay as the product
    states them (within a UTM zone the scale of the map differs from 1 by less than 0.1 %).
    """
    if native.crs == target.crs:
        return None
    columns, rows = np.meshgrid(np.arange(native.shape.x) + 0.5, np.arange(native.shape.y) + 0.5)
    x, y = (np.asarray(part) for part in native.affine * (columns, rows))
    to_target = transformer(str(native.crs), str(target.crs))
    (east_x, east_y), (north_x, north_y) = (
        np.subtract(to_target.transform(x + dx, y + dy), to_target.transform(x - dx, y - dy)) for dx, dy in ((NUDGE, 0), (0, NUDGE))
    )
    angle: np.ndarray = np.arctan2(east_y - north_x, east_x + north_y)
    return angle


def turned(vx: np.ndarray, vy: np.ndarray, angle: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors turned counter-clockwise by `angle` (radians; None: as they are), float32."""
    if angle is None:
        return vx, vy
    cosine, sine = np.cos(angle), np.sin(angle)
    return (cosine * vx - sine * vy).astype(np.float32), (sine * vx + cosine * vy).astype(np.float32)


@functools.lru_cache(maxsize=32)
def transformer(source: str, target: str) -> Transformer:
    """Return pyproj's transformation between two CRS, x first."""
    from pyproj import Transformer

    return Transformer.from_crs(source, target, always_xy=True)
