"""What coarse products need to join the site's grid: group, windows, the cell under each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from glaciercast.cube.resample import positions
from glaciercast.errors import InputError, unknown

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from odc.geo.geobox import GeoBox


def product(cube: xr.DataTree, kind: Literal["velocity", "temperature"], wanted: str | None) -> tuple[str, xr.Dataset] | None:
    """Return name and dataset of the product under ``/<kind>``: `wanted`, or the only one; None where there is none and none is wanted.

    Own velocities beside published ones, and series, which were inverted from pairs that stand beside them, are products only where they
    are named.

    Raises
    ------
    InputError
        If there are several and none is named, or there is none of that name.
    """
    found = dict(cube.children[kind].children) if kind in cube.children else {}
    if kind == "velocity":
        dim = ("pair",) if wanted is None else ("pair", "time")
        found = {name: group for name, group in found.items() if "vx" in group and group["vx"].dims[0] in dim}
        if wanted is None and len(found) > 1:
            found.pop("own", None)
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


def cells(native: GeoBox, target: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Return the row and the column of the cell of `native` that holds the centre of each pixel of `target`, int32 (y, x); −1 outside."""
    down, across = positions(native, target)
    inside = (across >= 0) & (across < native.shape.x) & (down >= 0) & (down < native.shape.y)
    row, column = (np.where(inside, np.where(inside, place, 0).astype(np.int32), np.int32(-1)) for place in (down, across))
    return row, column


def spread(values: np.ndarray, where: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return to each pixel the value of its cell (`cells`), of the dtype of `values` (float); NaN outside."""
    rows, columns = where
    out: np.ndarray = np.where(rows < 0, np.array(np.nan, values.dtype), values[rows, columns])
    return out
