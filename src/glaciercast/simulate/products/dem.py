"""Copernicus GLO-30 elevation of the simulated terrain: one item for each one-degree tile that the world touches.

Pixels lie on the lattice of the real tiles (pixel centres on whole arc seconds of latitude; the spacing of longitude widens from
50° north and south, Copernicus DEM Product Handbook 2022). The real files hold whole degrees; these are windowed to the simulated world.
The error is that of a good mountain tile, about 2 m (absolute vertical accuracy below 4 m at 90 %): one part is smooth, one is noise.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.simulate.products import stac
from glaciercast.simulate.products.cog import write_cog
from glaciercast.simulate.seeds import generator

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from glaciercast.simulate.scenario import Scenario
    from glaciercast.simulate.world import World

COLLECTION = "cop-dem-glo-30"
SECOND = 1 / 3600
SMOOTH_ERROR, NOISE = 1.6, 1.2
"""Standard deviations, m; together 2 m."""
SMOOTH_METRES = 1500.0
"""Length over which the smooth error varies."""
SPACINGS = ((85, 10.0), (80, 5.0), (75, 3.0), (70, 3.0), (60, 2.0), (50, 1.5), (0, 1.0))
"""From this latitude on (degrees): the spacing of longitude, arc seconds."""


def longitude_spacing(latitude: int) -> float:
    """Return the spacing of longitude (arc seconds) in the tile whose southern edge is at `latitude` (whole degrees)."""
    nearest_equator = latitude if latitude >= 0 else -(latitude + 1)
    return next(spacing for least, spacing in SPACINGS if nearest_equator >= least)


def tile_geobox(lon: int, lat: int) -> GeoBox:
    """Return the grid of a whole tile by its south-west corner; its first pixel's *centre* is on the north-west corner."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    step = longitude_spacing(lat) * SECOND
    return GeoBox((3600, round(1 / step)), Affine(step, 0, lon - step / 2, 0, -SECOND, lat + 1 + SECOND / 2), "EPSG:4326")


def item_id(lon: int, lat: int) -> str:
    """Return the id of a tile by its south-west corner, such as ``Copernicus_DSM_COG_10_N32_00_E077_00_DEM``."""
    return f"Copernicus_DSM_COG_10_{'N' if lat >= 0 else 'S'}{abs(lat):02d}_00_{'E' if lon >= 0 else 'W'}{abs(lon):03d}_00_DEM"


def write(world: World, archive: Path, scenario: Scenario, seed: int) -> list[str]:
    """Write the elevation items that the archive lacks; return the ids of all.

    Values are interpolated bilinearly from the master grid to the tile's pixel centres, plus the error.
    """
    elevation = world.elevation + error(world, seed)
    written = []
    for lon, lat in _corners(world.grid):
        window = _window(tile_geobox(lon, lat), world.grid)
        if window is None:
            continue
        name = item_id(lon, lat)
        written.append(name)
        if not stac.exists(archive, COLLECTION, name):
            with stac.item_folder(archive, COLLECTION, name) as folder:
                write_cog(folder / f"{name}.tif", _sample(elevation, world.grid, window), window)
                stac.write_item(folder, _item(name, window))
    return written


def error(world: World, seed: int) -> np.ndarray:
    """Return the error of the elevation on the master grid, m, float32 (y, x): standard deviation √(1.6² + 1.2²) = 2."""
    from scipy.ndimage import uniform_filter

    rng = generator(seed, "dem")
    shape = (int(world.grid.shape[0]), int(world.grid.shape[1]))
    cells = max(1, round(SMOOTH_METRES / abs(world.grid.resolution.x)))
    smooth = uniform_filter(rng.standard_normal(shape, dtype=np.float32), cells, mode="wrap") * cells
    total: np.ndarray = SMOOTH_ERROR * smooth + NOISE * rng.standard_normal(shape, dtype=np.float32)
    return total.astype(np.float32)


def _corners(grid: GeoBox) -> list[tuple[int, int]]:
    """Return the south-west corners of the tiles that a grid may touch, one more to the south and east for the half pixel."""
    west, south, east, north = grid.geographic_extent.boundingbox.bbox
    return [
        (lon, lat) for lat in range(math.floor(south) - 1, math.floor(north) + 1) for lon in range(math.floor(west), math.floor(east) + 2)
    ]


def _window(tile: GeoBox, grid: GeoBox) -> GeoBox | None:
    """Return the part of a tile whose pixel centres lie in the grid's bounding box, or None."""
    west, south, east, north = grid.geographic_extent.boundingbox.bbox
    inverse = ~tile.affine
    (left, top), (right, bottom) = inverse * (west, north), inverse * (east, south)
    rows = slice(max(0, math.ceil(top - 0.5)), min(int(tile.shape[0]), math.floor(bottom - 0.5) + 1))
    columns = slice(max(0, math.ceil(left - 0.5)), min(int(tile.shape[1]), math.floor(right - 0.5) + 1))
    return tile[rows, columns] if rows.start < rows.stop and columns.start < columns.stop else None


def _sample(elevation: np.ndarray, grid: GeoBox, window: GeoBox) -> np.ndarray:
    """Return the elevation at the window's pixel centres, float32; beyond the grid the nearest value."""
    from pyproj import Transformer
    from scipy.ndimage import map_coordinates

    assert grid.crs is not None
    lon, lat = np.meshgrid(window.coordinates["longitude"].values, window.coordinates["latitude"].values)
    east, north = Transformer.from_crs("EPSG:4326", grid.crs.proj, always_xy=True).transform(lon, lat)
    column, row = ~grid.affine * (east, north)
    sampled: np.ndarray = map_coordinates(elevation, [row - 0.5, column - 0.5], order=1, mode="nearest", output=np.float32)
    return sampled


def _item(name: str, window: GeoBox) -> dict[str, Any]:
    properties = {"datetime": "2021-04-22T00:00:00Z", "platform": "TanDEM-X", "gsd": 30, "proj:epsg": 4326, **stac.projection(window)}
    data = stac.asset(f"./{name}.tif", name[:-4], ["data"])
    return stac.make_item(name, COLLECTION, window, properties, {"data": data}, ["projection/v1.0.0"])
