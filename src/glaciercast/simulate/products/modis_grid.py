"""The sinusoidal grid of MODIS and where the simulated world falls in it.

36 × 18 tiles of 1200 × 1200 pixels on a sphere of 6,371,007.181 m (MODIS Land Tile Grid; Masuoka et al. 1998, IEEE Trans. Geosci.
Remote Sens. 36, 1313). Geodetic latitude is used as latitude on the sphere, as the producers do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from glaciercast.simulate.world import World

RADIUS = 6371007.181
TILE = 2 * np.pi * RADIUS / 36
"""Side of a tile, m."""
SIZE = 1200
PIXEL = TILE / SIZE
EVERY = 8
"""Rows and columns of the master grid between the samples of a 1 km pixel: some 15 samples of 240 m."""
_SPHERE = (
    'BASEGEOGCRS["Unknown datum based upon the custom spheroid",DATUM["Not specified (based on custom spheroid)",'
    'ELLIPSOID["Custom spheroid",6371007.181,0,LENGTHUNIT["metre",1,ID["EPSG",9001]]]],'
    'PRIMEM["Greenwich",0,ANGLEUNIT["degree",0.0174532925199433,ID["EPSG",9122]]]]'
)
_PROJECTION = (
    'CONVERSION["unnamed",METHOD["Sinusoidal"],'
    'PARAMETER["Longitude of natural origin",0,ANGLEUNIT["degree",0.0174532925199433],ID["EPSG",8802]],'
    'PARAMETER["False easting",0,LENGTHUNIT["metre",1],ID["EPSG",8806]],'
    'PARAMETER["False northing",0,LENGTHUNIT["metre",1],ID["EPSG",8807]]]'
)
_AXES = (
    'CS[Cartesian,2],AXIS["easting",east,ORDER[1],LENGTHUNIT["metre",1,ID["EPSG",9001]]],'
    'AXIS["northing",north,ORDER[2],LENGTHUNIT["metre",1,ID["EPSG",9001]]]'
)
WKT = f'PROJCRS["unnamed",{_SPHERE},{_PROJECTION},{_AXES}]'
"""As the items spell it; it has no EPSG code."""


@dataclass(frozen=True, order=True)
class Tile:
    """One tile, by its column (west to east, 0–35) and row (north to south, 0–17)."""

    horizontal: int
    vertical: int

    @property
    def name(self) -> str:
        """As in file names: ``h23v05``."""
        return f"h{self.horizontal:02d}v{self.vertical:02d}"

    @property
    def corner(self) -> tuple[float, float]:
        """Upper left corner, m."""
        return (self.horizontal - 18) * TILE, (9 - self.vertical) * TILE

    def geobox(self) -> GeoBox:
        """Return the tile's grid."""
        from affine import Affine
        from odc.geo.geobox import GeoBox

        west, north = self.corner
        return GeoBox((SIZE, SIZE), Affine(PIXEL, 0, west, 0, -PIXEL, north), WKT)


def project(lon: ArrayLike, lat: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return sinusoidal x, y (m) of degrees."""
    phi = np.radians(np.asarray(lat, dtype=np.float64))
    return RADIUS * np.radians(np.asarray(lon, dtype=np.float64)) * np.cos(phi), RADIUS * phi


def locate(lon: ArrayLike, lat: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column in the global grid of 21,600 × 43,200 pixels; 1200 of either are a tile."""
    x, y = project(lon, lat)
    return np.floor((9 * TILE - y) / PIXEL).astype(np.int64), np.floor((x + 18 * TILE) / PIXEL).astype(np.int64)


def centre(row: ArrayLike, column: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return longitude and latitude (degrees) of the middle of pixels of the global grid."""
    phi = (9 * TILE - (np.asarray(row) + 0.5) * PIXEL) / RADIUS
    x = (np.asarray(column) + 0.5) * PIXEL - 18 * TILE
    return np.degrees(x / (RADIUS * np.cos(phi))), np.degrees(phi)


@dataclass(frozen=True)
class Samples:
    """Points of the master grid and the 1 km pixels that they fall into.

    Attributes
    ----------
    row, column
        int64 (pixel,), of the global grid, ascending by row, then column.
    pixel
        int64 (sample,), index into those.
    y, x
        int64 (sample,), row and column in the master grid.
    """

    row: np.ndarray
    column: np.ndarray
    pixel: np.ndarray
    y: np.ndarray
    x: np.ndarray

    def tiles(self) -> list[Tile]:
        """Return the tiles that hold pixels, sorted."""
        pairs = {(int(c) // SIZE, int(r) // SIZE) for r, c in zip(self.row, self.column, strict=True)}
        return sorted(Tile(*pair) for pair in pairs)

    def within(self, tile: Tile) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which pixels lie in a tile (indices), and their rows and columns in it."""
        inside = np.flatnonzero((self.column // SIZE == tile.horizontal) & (self.row // SIZE == tile.vertical))
        return inside, self.row[inside] - tile.vertical * SIZE, self.column[inside] - tile.horizontal * SIZE


def samples(world: World, every: int = EVERY) -> Samples:
    """Return every `every`-th pixel of the master grid with the 1 km pixel that its centre lies in."""
    from pyproj import Transformer

    rows, columns = world.grid.shape
    y, x = (axis.ravel() for axis in np.meshgrid(np.arange(every // 2, rows, every), np.arange(every // 2, columns, every), indexing="ij"))
    affine = world.grid.affine
    east, north = affine.c + affine.a * (x + 0.5), affine.f + affine.e * (y + 0.5)
    assert world.grid.crs is not None
    lon, lat = Transformer.from_crs(world.grid.crs.proj, "EPSG:4326", always_xy=True).transform(east, north)
    row, column = locate(lon, lat)
    pairs, pixel = np.unique(np.stack([row, column], axis=1), axis=0, return_inverse=True)
    return Samples(pairs[:, 0], pairs[:, 1], pixel.ravel(), y, x)
