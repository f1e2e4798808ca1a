"""Rasters to be tracked: one band each, on one grid, with its date."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glaciercast import grid
from glaciercast.errors import InputError
from glaciercast.motion import scenes_dates

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

VECTORS = (".shp", ".gpkg", ".geojson", ".json", ".zip")
"""Endings of outlines that are polygons; others are rasters."""


@dataclass(frozen=True)
class Picture:
    """One band of a raster.

    Attributes
    ----------
    path
        Of the file.
    values
        float32 (y, x), in the file's unit; NaN where it has no data.
    grid
        None where the file has no CRS.
    time
        Acquisition (UTC), None where nothing tells it.
    """

    path: Path
    values: np.ndarray
    grid: GeoBox | None
    time: pd.Timestamp | None


def read(path: str | Path, band: int = 1, date: str | None = None, gaps: bool = True) -> Picture:
    """Read one band of a raster.

    Parameters
    ----------
    path
        Of any kind that GDAL reads, with or without georeference.
    band
        Number of the band, from 1.
    date
        Acquisition; default: what tags or name tell (`scenes_dates.acquired`).
    gaps
        Whether the raster's no-data value becomes NaN.

    Raises
    ------
    InputError
        If the file or the band cannot be read or is complex, it is rotated, or the date is none.
    """
    import rasterio

    path = Path(path)
    with _opened(path) as file:
        if band not in file.indexes:
            raise InputError(f"{path}: expected a band {band}, found {file.count} band(s)")
        if file.dtypes[band - 1].startswith("complex"):
            raise InputError(f"{path}: expected a band of real numbers, found {file.dtypes[band - 1]}; take its amplitude")
        try:
            values = file.read(band, masked=gaps)
        except rasterio.errors.RasterioError as error:
            raise InputError(f"{path}: band {band} cannot be read: {' '.join(str(error).split())[:200]}") from error
        tags, place = file.tags(), _grid(file, path)
    time = scenes_dates.acquired(path.name, tags) if date is None else scenes_dates.given(date)
    values = values.astype("float32")
    return Picture(path, values.filled(np.nan) if gaps else values, place, time)


def _opened(path: Path):  # type: ignore[no-untyped-def] # rasterio has no types
    import warnings

    import rasterio

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)  # `_grid` judges that
            return rasterio.open(path)
    except rasterio.errors.RasterioError as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())[:200]}") from error


def _grid(file, path: Path) -> GeoBox | None:  # type: ignore[no-untyped-def]
    from odc.geo.geobox import GeoBox

    if file.crs is None:
        return None
    if file.transform.b or file.transform.d or file.transform.e > 0:
        raise InputError(f"{path}: is rotated or upside down; expected a north-up raster")
    return grid.with_code(GeoBox(file.shape, file.transform, file.crs))


def same_grid(first: Picture, second: Picture) -> None:
    """Check that two rasters share one grid: vectors between others would hold the distance between the grids.

    Raises
    ------
    InputError
        If they differ in shape, CRS or place; the line names both.
    """
    one, two = first.grid, second.grid
    if one is None or two is None:
        if (one is None) != (two is None) or first.values.shape != second.values.shape:
            raise InputError(f"{second.path}: expected {_place(first)} as {first.path.name} has, found {_place(second)}")
        return
    if not grid.same(one, two):
        raise InputError(
            f"{second.path}: expected the grid of {first.path.name}, {_place(first)}, found {_place(second)}; bring both to one grid first"
        )


def metres(picture: Picture) -> GeoBox:
    """Return the grid of a raster if its unit is the metre.

    Raises
    ------
    InputError
        If it has no CRS, or one in degrees or feet.
    """
    if picture.grid is None:
        raise InputError(f"{picture.path}: has no CRS, so that no velocity can be had; --pixels gives displacement in pixels")
    crs = picture.grid.crs
    units = () if crs is None else crs.units
    if crs is None or not crs.projected or set(units) != {"metre"}:
        unit = units[0] if units else "unknown units"
        raise InputError(
            f"{picture.path}: expected a projected CRS in metres, found {grid.crs_name(picture.grid)} in {unit}; reproject both scenes"
        )
    return picture.grid


def read_mask(path: str | Path, like: Picture) -> np.ndarray:
    """Return where a raster is above half of its largest value, bool (y, x): flags of 0 and 1, or drawings in black and white.

    Values count as they are written, the raster's no-data value too: it may be the flag, or its absence.

    Raises
    ------
    InputError
        If it cannot be read or is not on the grid of `like`.
    """
    mask = read(path, date="1970-01-01", gaps=False)
    if mask.grid is None and mask.values.shape == like.values.shape:  # a drawing over the picture
        mask = Picture(mask.path, mask.values, like.grid, None)
    same_grid(like, mask)
    largest = np.nanmax(mask.values, initial=0)
    return np.asarray(mask.values > largest / 2)


def read_outline(path: str | Path, like: Picture, buffer: float) -> tuple[np.ndarray, np.ndarray]:
    """Return where ice is, and where it is when widened, bool (y, x) each, at the pixels of `like`.

    Parameters
    ----------
    path
        Polygons (`sources.outlines.read`), or a raster as `read_mask` takes it.
    buffer
        By how much the ice is widened, m (pixels where `like` has no CRS).

    Raises
    ------
    InputError
        If it cannot be read, polygons are given for a raster without CRS, or no pixel is ice.
    """
    if Path(path).suffix.lower() not in VECTORS:
        ice = read_mask(path, like)
        size = 1.0 if like.grid is None else abs(like.grid.resolution.x)
    elif like.grid is None:
        raise InputError(f"{path}: polygons need a CRS and {like.path.name} has none; give a raster of the ice on its pixels")
    else:
        from glaciercast.sources import outlines

        ice, size = outlines.rasterise(outlines.read(path).geometry, like.grid), abs(like.grid.resolution.x)
    if not ice.any():
        raise InputError(f"{path}: expected ice on the grid of {like.path.name}, found none")
    return ice, widened(ice, buffer / size)


def widened(ice: np.ndarray, pixels: float) -> np.ndarray:
    """Return what is ice or at most so many pixels from it, bool (y, x)."""
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(~ice) <= pixels) if pixels > 0 else ice


def _place(picture: Picture) -> str:
    if picture.grid is None:
        return f"{picture.values.shape[0]}×{picture.values.shape[1]} pixels without CRS"
    corner = picture.grid.affine
    return f"{grid.describe(picture.grid)} from ({corner.c:g}, {corner.f:g})"
