"""From a cube to an outlook: motion of the ice and temperature of ice and ground near a lake, as tables of records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast import grid, store
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.hazard import records

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

SURE_ICE, SURE_GROUND = 0.5, 0.05
"""Least share of ice in a cell of ice, and largest in one of ground."""


class TableConfig(Config):
    """Which cells near a lake count."""

    ice_radius: float = Field(default=1500.0, gt=0, description="ice no farther from the lake's point dams it, m")
    ground_radius: float = Field(default=5000.0, gt=0, description="temperature of ice and ground is that of cells no farther, m")
    least_share: float = Field(default=0.3, gt=0, le=1, description="share of these cells that a record must have seen")
    independent_cells: float = Field(default=4.0, ge=1, description="cells whose errors are alike: matching windows overlap")


def of_cube(path: str | Path, lon: float, lat: float, name: str = "lake", settings: TableConfig | None = None) -> dict[str, pd.DataFrame]:
    """Return the tables ``motion`` and ``temperature`` of a lake in a cube, columns of `hazard.records.TABLES`.

    - motion: of each pair under ``/velocity``, vx and vy averaged over the damming ice (cells of ice near the lake, weighted by their
      errors), components apart; a pair that is flagged, or saw too little of it, is left out
    - temperature: of each date under ``/temperature``, ``lst_day`` averaged over cells of ice and of ground near the lake, apart; ice
      under debris warms above melting as ground does, so that its temperatures are hardly ever censored

    Components are those of the source's own grid. Each record keeps the ``available_at`` that the cube has for it. An empty table means
    that the cube has no such group, or that no record saw enough.

    Parameters
    ----------
    lon, lat
        The lake's point, degrees.
    name
        The lake's.

    Raises
    ------
    InputError
        If the lake lies outside the cube, or the cube has no outline of ice, or neither motion nor temperature.
    """
    return of_tree(store.open_cube(path), lon, lat, name, settings, str(path))


def of_tree(
    cube: xr.DataTree, lon: float, lat: float, name: str = "lake", settings: TableConfig | None = None, path: str = "cube"
) -> dict[str, pd.DataFrame]:
    """Return the tables of an open cube; see `of_cube`. Errors name `path`."""
    settings = settings or TableConfig()
    if "terrain" not in cube.children or "ice" not in cube["terrain"]:
        raise InputError(f"{path}: expected /terrain with ice, to tell the damming ice from the ground, found none")
    terrain = cube["terrain"].to_dataset()
    motion = [_motion(terrain, group, where, (lon, lat), settings) for where, group in _groups(cube, "velocity") if "pair" in group.dims]
    temperature = [
        _temperature(terrain, group, where, (lon, lat), settings) for where, group in _groups(cube, "temperature") if "lst_day" in group
    ]
    if not motion and not temperature:
        raise InputError(f"{path}: expected pairs under /velocity or dates under /temperature, found neither")
    tables = {
        key: pd.concat(found, ignore_index=True).assign(lake=name) if found else pd.DataFrame()
        for key, found in (("motion", motion), ("temperature", temperature))
    }
    lakes = pd.DataFrame([{"lake": name, "lon": lon, "lat": lat, "dam": "", "watched_from": "1970-01-01", "watched_to": "1970-01-01"}])
    made = records.make({"lakes": lakes, **tables}, origin=f"{path}: lake {name}")
    return {"motion": made.motion, "temperature": made.temperature}


def _groups(cube: xr.DataTree, kind: str) -> list[tuple[str, xr.Dataset]]:
    if kind not in cube.children:
        return []
    return [(f"/{kind}/{name}", child.to_dataset()) for name, child in cube[kind].children.items()]


def _motion(terrain: xr.Dataset, dataset: xr.Dataset, where: str, at: tuple[float, float], settings: TableConfig) -> pd.DataFrame:
    native = grid.of(dataset, where)
    ice = _ice_share(terrain, native) >= SURE_ICE
    rows, columns, inside = _window(
        _near(native, at, settings.ice_radius, where) & ice, f"{where}: ice within {settings.ice_radius:g} m", at
    )
    order = np.flatnonzero(dataset["acquired_second"].values > dataset["acquired_first"].values)
    if "flagged" in dataset:
        order = order[~dataset["flagged"].values[order]]
    part = dataset[["vx", "vy", "v_error"]].isel(pair=order, y=rows, x=columns).load()
    vx, vy, error = (part[key].values.astype("float64")[:, inside] for key in ("vx", "vy", "v_error"))
    east, north, spread, share = averaged(vx, vy, error, settings.independent_cells)
    times = {key: dataset[name].values[order] for key, name in _PAIR_TIMES.items()}
    made = pd.DataFrame({**times, "vx": east, "vy": north, "v_error": spread})
    chosen: pd.DataFrame = made[share >= settings.least_share]
    return chosen


_PAIR_TIMES = {"first": "acquired_first", "second": "acquired_second", "available_at": "available_at"}


def averaged(vx: np.ndarray, vy: np.ndarray, error: np.ndarray, alike: float) -> tuple[np.ndarray, ...]:
    """Return mean components of each pair over cells, weighted by 1/error², their error, and the share of cells that were seen.

    Parameters
    ----------
    vx, vy, error
        float64 (pair, cell), m/yr; NaN where not matched.
    alike
        Cells whose errors are the same: as many fewer are independent.

    Returns
    -------
    tuple
        vx, vy, error and share, float64 (pair,); NaN (share 0) where no cell was seen.
    """
    seen = np.isfinite(vx) & np.isfinite(vy) & np.isfinite(error)
    weights = np.where(seen, 1 / np.maximum(np.where(seen, error, 1.0), 0.1) ** 2, 0.0)
    whole = weights.sum(1)
    known = np.where(whole > 0, whole, np.nan)
    east, north = (np.where(seen, part * weights, 0.0).sum(1) / known for part in (vx, vy))
    number = np.maximum(seen.sum(1) / alike, 1.0)
    cell_error = np.sqrt(seen.sum(1) / known)
    return east, north, cell_error / np.sqrt(number), seen.mean(1)


def _temperature(terrain: xr.Dataset, dataset: xr.Dataset, where: str, at: tuple[float, float], settings: TableConfig) -> pd.DataFrame:
    native = grid.of(dataset, where)
    near, share = _near(native, at, settings.ground_radius, where), _ice_share(terrain, native)
    kelvin = dataset["lst_day"].values.astype("float64")
    tables = []
    for surface, cells in (("ground", near & (share <= SURE_GROUND)), ("ice", near & (share >= SURE_ICE))):
        if not cells.any():
            continue
        values = kelvin[:, cells]
        seen = np.isfinite(values)
        mean = np.where(seen, values, 0.0).sum(1) / np.maximum(seen.sum(1), 1)
        times = {"time": dataset["time"].values, "available_at": dataset["available_at"].values}
        tables.append(pd.DataFrame({**times, "lst_day": mean, "surface": surface})[seen.mean(1) >= settings.least_share])
    if not tables:
        raise InputError(f"{where}: expected ground or ice within {settings.ground_radius:g} m of the lake, found none")
    made: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return made


def _ice_share(terrain: xr.Dataset, native: GeoBox) -> np.ndarray:
    """Return the share of ice in each cell of a grid, (y, x); NaN outside the terrain."""
    from glaciercast.explore import zones
    from glaciercast.explore.settings import ExploreConfig

    share = zones.of(terrain, native, ExploreConfig()).ice
    return np.full(tuple(native.shape), np.nan) if share is None else share


def _near(native: GeoBox, at: tuple[float, float], radius: float, where: str) -> np.ndarray:
    """Return which cells' centres lie within `radius` of a point, bool (y, x).

    Raises
    ------
    InputError
        If the point lies outside the grid.
    """
    from glaciercast.cube import regions

    x, y = regions.move(np.array([at], dtype="float64"), regions.DEGREES, str(native.crs))[0]
    column, row = ~native.affine * (x, y)
    if not (0 <= column < native.shape.x and 0 <= row < native.shape.y):
        west, south, east, north = native.geographic_extent.boundingbox.bbox
        box = f"lon {west:.3f} to {east:.3f}, lat {south:.3f} to {north:.3f}"
        raise InputError(f"lake at lon {at[0]:g}, lat {at[1]:g}: expected a point in {where} ({box}), longitude first")
    rows, columns = np.mgrid[: native.shape.y, : native.shape.x] + 0.5
    across, down = abs(native.resolution.x), abs(native.resolution.y)
    return np.asarray(np.hypot((columns - column) * across, (rows - row) * down) <= radius)


def _window(cells: np.ndarray, what: str, at: tuple[float, float]) -> tuple[slice, slice, np.ndarray]:
    """Return the rows and columns that hold all cells, and the cells in them."""
    if not cells.any():
        raise InputError(f"{what} of the lake at lon {at[0]:g}, lat {at[1]:g}: found none")
    rows, columns = np.flatnonzero(cells.any(1)), np.flatnonzero(cells.any(0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return (*window, cells[window])
