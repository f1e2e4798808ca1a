"""Forecasts as files: NetCDF and Zarr v3 for analysis, Cloud-Optimized GeoTIFF for QGIS."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast import grid, store
from glaciercast.export import TIME, write_cog, write_netcdf
from glaciercast.forecast.dataset import LEVELS, MISSING, QUANTILE

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["write_cogs", "write_netcdf", "write_zarr"]


def write_zarr(dataset: xr.Dataset, path: Path) -> Path:
    """Write a forecast as one Zarr v3 store with CF metadata, whole or not at all; a store that was there is replaced.

    A chunk is one field (one step, one quantile) of at most 512 pixels along a side. ``spatial_ref`` is the grid mapping, times are seconds
    since 1970.
    """
    out = dataset.copy()
    encoding: dict[str, dict[str, Any]] = {}
    for name in map(str, out.variables):
        variable = out[name]
        if variable.dtype.kind == "M":
            variable.encoding = dict(TIME)
        if {"y", "x"} <= set(variable.dims):
            sides = store.chunks_for((1, *variable.shape[-2:]))[1:]
            encoding[name] = {"chunks": (1,) * (variable.ndim - 2) + sides, "_FillValue": np.float32(np.nan)}
        if mapping := variable.attrs.pop("grid_mapping", None):
            encoding[name]["grid_mapping"] = mapping
    partial = path.with_name(path.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        out.to_zarr(partial, zarr_format=3, consolidated=False, mode="w-", encoding=encoding)
        if path.exists():
            shutil.rmtree(path)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return path


def write_cogs(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """Write one Cloud-Optimized GeoTIFF for each variable, quantile and valid time, with units, times, lead and credits as tags.

    Files are named ``<name>_<date>.tif`` and ``<name>_q<level>_<date>.tif``.
    """
    geobox = grid.of(dataset, "forecast")
    common = _of_all(dataset)
    paths = []
    for name, field in _fields(dataset):
        units = str(field.attrs.get("units", ""))
        for step in range(dataset.sizes["time"]):
            valid = pd.Timestamp(dataset.time.values[step])
            label = f"{valid:%Y-%m-%d}"
            until = pd.Timestamp(dataset.time_bounds.values[step, 1])
            tags = {
                **common,
                "valid_time": label,
                "valid_until": f"{until:%Y-%m-%d}",
                "lead": str(int(dataset.lead.values[step])),
                "units": units,
                "long_name": str(field.attrs.get("long_name", "")),
                "TIFFTAG_DATETIME": f"{valid:%Y:%m:%d %H:%M:%S}",
            }
            if LEVELS in field.coords:
                tags["quantile"] = f"{float(field.coords[LEVELS]):g}"
            values = field.isel(time=step).transpose("y", "x").values.astype("float32")
            paths.append(write_cog(values, geobox, folder / f"{name}_{label}.tif", f"{name} {label}", units, tags))
    return paths


def _fields(dataset: xr.Dataset) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield name and (time, y, x) of every variable, quantile by quantile."""
    for name in map(str, dataset.data_vars):
        field = dataset[name]
        if not {"y", "x"} <= set(field.dims):
            continue
        if LEVELS not in field.dims:
            yield name, field
            continue
        for level in field.coords[LEVELS].values:
            yield f"{name.removesuffix(QUANTILE)}_q{level:g}", field.sel({LEVELS: level})


def _of_all(dataset: xr.Dataset) -> dict[str, str]:
    """Return the tags that all files of a forecast share."""
    credits = {"TIFFTAG_COPYRIGHT": "attribution", "TIFFTAG_IMAGEDESCRIPTION": "title"}
    found = {key: str(dataset.attrs[key]) for key in ("model", MISSING) if dataset.attrs.get(key)}
    found |= {tag: str(dataset.attrs[key]) for tag, key in credits.items() if dataset.attrs.get(key)}
    issued = np.datetime_as_string(dataset.issue_time.values, "s")
    return {**found, "TIFFTAG_SOFTWARE": "glaciercast", "issue_time": issued}
