"""The sinusoidal 1 km grid of MODIS: its lattice, its tiles, and how windows of them are put together.

36 × 18 tiles of 1200 × 1200 pixels on a sphere of 6,371,007.181 m (Masuoka et al. 1998, IEEE Trans. Geosci. Remote Sens. 36, 1313).
All tiles share one lattice, so that a window that crosses an edge between tiles is copied, never resampled.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glaciercast.errors import SourceError
from glaciercast.grid import Box

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.scene import RawBand

RADIUS = 6371007.181
"""m"""
SIZE = 1200
"""Pixels along the side of a tile."""
PIXEL = 2 * np.pi * RADIUS / 36 / SIZE
"""m, 926.625…"""
CRS = (
    'PROJCRS["MODIS sinusoidal",BASEGEOGCRS["sphere of MODIS",DATUM["sphere of MODIS",'
    'ELLIPSOID["sphere of MODIS",6371007.181,0,LENGTHUNIT["metre",1]]],PRIMEM["Greenwich",0,ANGLEUNIT["degree",0.0174532925199433]]],'
    'CONVERSION["sinusoidal",METHOD["Sinusoidal"],PARAMETER["Longitude of natural origin",0,ANGLEUNIT["degree",0.0174532925199433]],'
    'PARAMETER["False easting",0,LENGTHUNIT["metre",1]],PARAMETER["False northing",0,LENGTHUNIT["metre",1]]],'
    'CS[Cartesian,2],AXIS["easting",east,ORDER[1],LENGTHUNIT["metre",1]],AXIS["northing",north,ORDER[2],LENGTHUNIT["metre",1]]]'
)
"""It has no EPSG code; files and items spell it in many ways, which `is_sinusoidal` recognises."""
OFF_LATTICE = 1e-3
"""Pixels by which a file's grid may miss the lattice: rounding of its georeference."""


class Tile(NamedTuple):
    """One tile, by its column (west to east, 0–35) and row (north to south, 0–17)."""

    column: int
    row: int

    def __str__(self) -> str:
        return f"h{self.column:02d}v{self.row:02d}"


def lattice(box: Box) -> GeoBox:
    """Return the 1 km grid cut to a box in degrees: every pixel of the global lattice that the box touches.

    Geodetic latitude counts as latitude on the sphere, as the producers do.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    west, south, east, north = box
    widest = [np.radians(lat) for lat in (south, north, 0.0) if south <= lat <= north]
    xs = [RADIUS * np.radians(lon) * np.cos(lat) for lon in (west, east) for lat in widest]
    ys = [RADIUS * np.radians(lat) for lat in (south, north)]
    left, right = int(np.floor(min(xs) / PIXEL)), int(np.ceil(max(xs) / PIXEL))
    bottom, top = int(np.floor(min(ys) / PIXEL)), int(np.ceil(max(ys) / PIXEL))
    return GeoBox((top - bottom, right - left), Affine(PIXEL, 0, left * PIXEL, 0, -PIXEL, top * PIXEL), CRS)


def tiles_under(target: GeoBox) -> set[Tile]:
    """Return the tiles that a grid of `lattice` touches."""
    left, top = round(target.affine.c / PIXEL) + 18 * SIZE, 9 * SIZE - round(target.affine.f / PIXEL)
    columns, rows = (
        range(first // SIZE, (first + count - 1) // SIZE + 1) for first, count in ((left, target.shape.x), (top, target.shape.y))
    )
    return {Tile(column, row) for column in columns for row in rows}


@functools.lru_cache(maxsize=64)
def is_sinusoidal(crs: str) -> bool:
    """Tell whether a CRS, in any spelling, is the sinusoidal projection of MODIS: its sphere, no offsets, Greenwich."""
    from pyproj import CRS as Definition
    from pyproj.exceptions import CRSError

    try:
        found = Definition(crs)
    except CRSError:
        return False
    projection, body = found.coordinate_operation, found.ellipsoid
    return (
        projection is not None
        and body is not None
        and projection.method_name == "Sinusoidal"
        and all(float(parameter.value) == 0 for parameter in projection.params)
        and max(abs(axis - RADIUS) for axis in (body.semi_major_metre, body.semi_minor_metre)) < 1e-3
    )


def paste(name: str, band: RawBand, target: GeoBox, out: np.ndarray) -> None:
    """Copy a window into `out` where both overlap."""
    native = band.geobox.affine
    across, down = (native.c - target.affine.c) / PIXEL, (target.affine.f - native.f) / PIXEL
    sizes = native.a / PIXEL - 1, -native.e / PIXEL - 1
    miss = max(abs(across - round(across)), abs(down - round(down)), *(abs(size) * SIZE for size in sizes))
    if miss > OFF_LATTICE:
        raise SourceError(f"{name}: expected pixels of {PIXEL:.4f} m on the lattice of all tiles, found them {miss:.2g} pixels off")
    height, width = band.values.shape
    top, left = round(down), round(across)
    rows = slice(max(top, 0), min(top + height, out.shape[0]))
    columns = slice(max(left, 0), min(left + width, out.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        out[rows, columns] = band.values[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
