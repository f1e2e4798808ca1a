"""Forecasts as files: NetCDF for analysis, Cloud-Optimized GeoTIFF for QGIS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glaciercast import grid

if TYPE_CHECKING:
    import xarray as xr


def write_netcdf(dataset: xr.Dataset, path: Path) -> Path:
    """Write a CF dataset as compressed NetCDF-4, whole or not at all."""
    encoding = {
        name: {"zlib": True, "complevel": 4, "_FillValue": np.float32(np.nan)}
        for name in dataset.data_vars
        if dataset[name].dtype.kind == "f"
    }
    out = dataset.copy()
    for name in {"time", "time_bounds", "issue_time"} & set(map(str, out.variables)):
        out[name].encoding = {"units": "seconds since 1970-01-01", "dtype": "int64"}
    for name in map(str, out.data_vars):
        if out[name].attrs.pop("grid_mapping", None):
            encoding[name]["grid_mapping"] = "spatial_ref"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    out.to_netcdf(partial, engine="h5netcdf", encoding=encoding)
    partial.replace(path)
    return path


def write_cogs(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """Write one Cloud-Optimized GeoTIFF for each variable and valid time, with units and times as tags."""
    import rasterio

    geobox = grid.of(dataset, "forecast")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in (n for n in dataset.data_vars if {"y", "x"} <= set(dataset[n].dims)):
        for step in range(dataset.sizes["time"]):
            values = dataset[name].isel(time=step)
            valid = np.datetime_as_string(values.time.values, "D")
            path = folder / f"{name}_{valid}.tif"
            profile = {
                "driver": "COG", "height": geobox.shape.y, "width": geobox.shape.x, "count": 1, "dtype": "float32",
                "crs": grid.crs_name(geobox), "transform": geobox.transform, "nodata": np.nan, "compress": "deflate",
            }  # fmt: skip
            with rasterio.open(path, "w", **profile) as file:
                file.write(values.values.astype("float32"), 1)
                file.set_band_description(1, f"{name} {valid}")
                file.update_tags(
                    valid_time=valid,
                    issue_time=np.datetime_as_string(dataset.issue_time.values, "s"),
                    units=str(dataset[name].attrs.get("units", "")),
                    model=str(dataset.attrs.get("model", "")),
                )
            paths.append(path)
    return paths
