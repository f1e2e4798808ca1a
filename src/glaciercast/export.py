"""Files for other software: Cloud-Optimized GeoTIFF for QGIS and rasterio, NetCDF (CF-1.11) for xarray; whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import grid

if TYPE_CHECKING:
    import h5netcdf
    import xarray as xr
    from odc.geo.geobox import GeoBox

CONTENT = "glaciercast_content"
"""Tag or attribute that tells what a file was made from."""
TIME = {"units": "seconds since 1970-01-01", "dtype": "int64"}
EDGE = 512


def safe(text: str) -> str:
    """Return a name that every file system takes: letters, digits, dots, hyphens and underscores; it does not begin with a dot."""
    return re.sub(r"^\.+", "_", re.sub(r"[^A-Za-z0-9._-]+", "_", text.strip("/")))


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give the name of a file to write, which becomes `path` when the block ends without an error, and goes if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_cog(values: np.ndarray, geobox: GeoBox, path: Path, name: str, units: str = "", tags: Mapping[str, str] | None = None) -> Path:
    """Write one raster as a Cloud-Optimized GeoTIFF with overviews.

    Parameters
    ----------
    values
        (y, x); floats have NaN for what is missing, booleans become 0 and 1 (uint8).
    geobox
        Its grid.
    path
        Where; an existing file is replaced.
    name, units
        Of the band.
    tags
        Metadata of the file; ``TIFFTAG_…`` become baseline TIFF tags.
    """
    import rasterio

    stored = values.astype("uint8") if values.dtype.kind == "b" else values
    real = stored.dtype.kind == "f"
    profile = {
        "driver": "COG", "height": geobox.shape.y, "width": geobox.shape.x, "count": 1, "dtype": stored.dtype.name,
        "crs": grid.crs_name(geobox), "transform": geobox.transform, "nodata": np.nan if real else None, "compress": "deflate",
        "predictor": "yes", "blocksize": EDGE, "overview_resampling": "average" if real else "nearest",
    }  # fmt: skip
    with atomic(path) as partial, rasterio.open(partial, "w", **profile) as file:
        file.write(stored, 1)
        file.set_band_description(1, name)
        file.set_band_unit(1, units)
        file.update_tags(**(tags or {}))
    return path


def write_netcdf(dataset: xr.Dataset, path: Path) -> Path:
    """Write a CF dataset that fits in memory as compressed NetCDF-4."""
    encoding: dict[str, dict[str, Any]] = {
        str(name): {"zlib": True, "complevel": 4, "_FillValue": np.float32(np.nan)}
        for name in dataset.data_vars
        if dataset[name].dtype.kind == "f"
    }
    out = dataset.copy()
    for name, variable in out.variables.items():
        if variable.dtype.kind == "M":
            out[name].encoding = dict(TIME)
    for name in map(str, out.data_vars):
        if out[name].attrs.pop("grid_mapping", None):
            encoding.setdefault(name, {})["grid_mapping"] = "spatial_ref"
    with atomic(path) as partial:
        out.to_netcdf(partial, engine="h5netcdf", encoding=encoding)
    return path


@contextmanager
def streamed_netcdf(dataset: xr.Dataset, arrays: Mapping[str, xr.DataArray], path: Path) -> Iterator[h5netcdf.File]:
    """Write a NetCDF file whose large arrays are filled by the caller, part by part, so that they need not fit in memory.

    Parameters
    ----------
    dataset
        Coordinates and all that is small; written at once.
    arrays
        What `path`'s ``variables[name]`` are laid out for, by name: dimensions (of `dataset`), dtype and attributes; no value is read.
        Booleans become bytes with CF flags.
    path
        Where; an existing file is replaced when the block ends.
    """
    import h5netcdf

    with atomic(path) as partial:
        write_netcdf(dataset, partial)
        with h5netcdf.File(partial, "a") as file:
            for name, array in arrays.items():
                _lay_out(file, name, array, tuple(dataset.sizes[dim] for dim in array.dims))
            yield file


def _lay_out(file: h5netcdf.File, name: str, array: xr.DataArray, shape: tuple[int, ...]) -> None:
    real, flag = array.dtype.kind == "f", array.dtype.kind == "b"
    chunks = (1, *(min(EDGE, size) for size in shape[1:]))
    variable = file.create_variable(
        name,
        tuple(map(str, array.dims)),
        np.dtype("int8") if flag else array.dtype,
        fillvalue=np.nan if real else None,
        chunks=chunks,
        compression="gzip",
        compression_opts=4,
        shuffle=True,
    )
    flags = {"flag_values": np.array([0, 1], "int8"), "flag_meanings": "no yes"} if flag else {}
    variable.attrs.update({**array.attrs, **flags, "grid_mapping": "spatial_ref"})


def content_of(path: Path) -> str | None:
    """Return what an existing file says that it was made from (see `CONTENT`), or None where it says nothing."""
    if path.suffix == ".nc":
        import h5netcdf

        with h5netcdf.File(path, "r") as file:
            found = file.attrs.get(CONTENT)
    else:
        import rasterio

        with rasterio.open(path) as raster:
            found = raster.tags().get(CONTENT)
    return None if found is None else str(found)
