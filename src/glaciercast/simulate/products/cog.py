"""Cloud-optimised GeoTIFF: one band a file, tiled, compressed, with overviews, whole or not there at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

BLOCK = 512
_LEVEL = 1  # noise hardly compresses better at higher levels, and takes twice as long


def write_cog(
    path: Path,
    array: np.ndarray,
    geobox: GeoBox,
    *,
    nodata: float | None = None,
    scale: float | None = None,
    offset: float | None = None,
    categorical: bool | None = None,
    threads: int = 1,
) -> None:
    """Write an array (y, x) as a cloud-optimised GeoTIFF.

    Parameters
    ----------
    path
        Appears only once the file is whole.
    array
        Integers or floats, of the shape of `geobox`.
    geobox
        Grid with a CRS.
    nodata, scale, offset
        What the file declares; None declares nothing (Landsat's and Sentinel-2's own files declare no scale).
    categorical
        Classes or bits, whose overviews must not be averaged; by default every uint8 array is.
    threads
        Threads that compress. rasterio holds the interpreter's lock while GDAL writes, so scenes in several Python threads do not
        overlap here; these threads do.

    Raises
    ------
    ValueError
        If the shape differs from that of the grid, or the grid has no CRS.

    Notes
    -----
    The layout is that of GDAL's COG driver: DEFLATE, 512 × 512 tiles, predictor 2 (integers) or 3 (floats), header first.
    """
    import rasterio

    if array.shape != tuple(geobox.shape) or geobox.crs is None:
        raise ValueError(f"{path.name}: an array of shape {array.shape} on a grid of shape {tuple(geobox.shape)} and CRS {geobox.crs}")
    nearest = array.dtype == np.uint8 if categorical is None else categorical
    predictor = "FLOATING_POINT" if array.dtype.kind == "f" else "STANDARD"
    crs = f"EPSG:{geobox.crs.epsg}" if geobox.crs.epsg else geobox.crs.to_wkt()
    partial = path.with_name(f"{path.name}.partial")
    with rasterio.open(
        partial,
        "w",
        driver="COG",
        height=array.shape[0],
        width=array.shape[1],
        count=1,
        dtype=array.dtype,
        crs=crs,
        transform=geobox.affine,
        nodata=nodata,
        compress="DEFLATE",
        level=_LEVEL,
        predictor=predictor,
        blocksize=BLOCK,
        overview_resampling="NEAREST" if nearest else "AVERAGE",
        overview_compress="DEFLATE",  # by default GDAL leaves the overviews uncompressed
        overview_predictor=predictor,
        num_threads=threads,
        bigtiff="NO",
    ) as file:
        file.write(array, 1)
        if scale is not None:
            file.scales = (scale,)
        if offset is not None:
            file.offsets = (offset,)
    partial.replace(path)
