"""Forecasts as files: NetCDF for analysis, Cloud-Optimized GeoTIFF for QGIS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glaciercast import grid
from glaciercast.export import write_cog, write_netcdf

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["write_cogs", "write_netcdf"]


def write_cogs(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """Write one Cloud-Optimized GeoTIFF for each variable and valid time, with units and times as tags."""
    geobox = grid.of(dataset, "forecast")
    issued = np.datetime_as_string(dataset.issue_time.values, "s")
    paths = []
    for name in (str(n) for n in dataset.data_vars if {"y", "x"} <= set(dataset[n].dims)):
        units = str(dataset[name].attrs.get("units", ""))
        for values in dataset[name].transpose("time", "y", "x"):
            valid = np.datetime_as_string(values.time.values, "D")
            tags = {"valid_time": valid, "issue_time": issued, "units": units, "model": str(dataset.attrs.get("model", ""))}
            path = folder / f"{name}_{valid}.tif"
            paths.append(write_cog(values.values.astype("float32"), geobox, path, f"{name} {valid}", units, tags))
    return paths
