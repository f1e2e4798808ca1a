"""Cubes and tables whose footprints are known, for the tests of the audit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyproj
import shapely
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from glaciercast import grid, schema, store

UTM = "EPSG:32643"
SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs +type=crs"
MODIS_PIXEL = 926.625433055833
SHISPER = (74.535, 36.352, 74.681, 36.489)
"""Box of Shisper's outline, degrees."""
DAYS = ("2019-01-10", "2019-01-20", "2019-04-05", "2020-01-15")


def in_degrees(shape, crs=UTM):
    """Return a shapely geometry of a projected CRS in degrees, as an outline comes."""
    back = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    return shapely.transform(shapely.segmentize(shape, 50), lambda points: np.column_stack(back.transform(*points.T)))


def geobox(shape=(10, 10), origin=(450000.0, 4030000.0), pixel=100.0, crs=UTM):
    return GeoBox(shape, Affine(pixel, 0, origin[0], 0, -pixel, origin[1]), crs)


def times(days=DAYS):
    return np.array(days, "datetime64[ns]")


def optical(clear, days=DAYS, box=None):
    """Return /optical of a mask (date, y, x)."""
    clear, time = np.asarray(clear, bool), times(days)
    values = np.where(clear, np.float32(0.5), np.float32(np.nan))
    each = {"scene_id": np.array([f"S{n}" for n in range(time.size)], object), "sensor": np.array(["OLI"] * time.size, object)}
    shift = np.zeros(time.size, "float32")
    data = {
        "green": (schema.GRID, values), "swir16": (schema.GRID, values), "clear": (schema.GRID, clear),
        "shift_x": ("time", shift), "shift_y": ("time", shift), "available_at": ("time", time),
        **{name: ("time", texts) for name, texts in each.items()},
    }  # fmt: skip
    return _described(data, box or geobox(clear.shape[1:]), schema.OPTICAL, {"time": ("time", time)})


def velocity(vx, first, second, vy=None, box=None):
    """Return /velocity of components (pair, y, x); NaN is no velocity."""
    vx = np.asarray(vx, "float32")
    vy = vx if vy is None else np.asarray(vy, "float32")
    dims = ("pair", "y", "x")
    data = {
        "vx": (dims, vx), "vy": (dims, vy), "v_error": (dims, np.abs(vx)),
        "acquired_first": ("pair", times(first)), "acquired_second": ("pair", times(second)), "available_at": ("pair", times(second)),
    }  # fmt: skip
    return _described(data, box or geobox(vx.shape[1:]), schema.VELOCITY, {})


def temperature(day, night=None, days=DAYS, box=None):
    """Return /temperature of kelvins (date, y, x); NaN is no temperature."""
    halves = {"lst_day": day} if night is None else {"lst_day": day, "lst_night": night}
    data = {name: (schema.GRID, np.asarray(values, "float32")) for name, values in halves.items()}
    data["available_at"] = ("time", times(days))
    box = box or geobox(np.shape(day)[1:], pixel=MODIS_PIXEL, crs=SINUSOIDAL)
    return _described(data, box, schema.TEMPERATURE, {"time": ("time", times(days))})


def _described(data, box, contract, coords):
    dataset = xr.Dataset(data, coords={**grid.coordinates(box), **coords})
    for name, wanted in contract.variables.items():
        if name in dataset:
            dataset[name].attrs = {key: value for key, value in wanted.attributes().items() if key != "grid_mapping"}
    return dataset


def terrain(ice, box):
    """Return /terrain with a mask of ice (y, x)."""
    flat = np.zeros(np.shape(ice), "float32")
    data = dict.fromkeys(("elevation", "slope", "aspect"), (("y", "x"), flat))
    return _described({**data, "ice": (("y", "x"), np.asarray(ice, bool))}, box, schema.TERRAIN, {})


def write(path: Path, groups) -> Path:
    """Write a finished cube of the given groups."""
    store.create(path, schema.root_attributes("audited"))
    with store.manifest_path(path).open("w", encoding="utf-8") as manifest:
        for name, dataset in groups.items():
            encoding = {key: {"grid_mapping": "spatial_ref"} for key, values in dataset.data_vars.items() if {"y", "x"} <= set(values.dims)}
            dataset.to_zarr(path, group=name, zarr_format=3, consolidated=False, mode="a", encoding=encoding)
            manifest.writelines(json.dumps({"group": name, "kind": kind}) + "\n" for kind in ("begin", "end"))
    return path


def cube(tmp_path: Path, groups):
    """Write and open a cube of the given groups."""
    return store.open_cube(write(tmp_path / "cube.zarr", groups))


def modis_box(west, south, east, north):
    """Return the cells of the 1 km lattice of MODIS that meet a box in degrees."""
    forth = pyproj.Transformer.from_crs("EPSG:4326", SINUSOIDAL, always_xy=True)
    x, y = forth.transform([west, east, west, east], [south, south, north, north])
    left, right = int(np.floor(min(x) / MODIS_PIXEL)), int(np.ceil(max(x) / MODIS_PIXEL))
    bottom, top = int(np.floor(min(y) / MODIS_PIXEL)), int(np.ceil(max(y) / MODIS_PIXEL))
    affine = Affine(MODIS_PIXEL, 0, left * MODIS_PIXEL, 0, -MODIS_PIXEL, top * MODIS_PIXEL)
    return GeoBox((top - bottom, right - left), affine, SINUSOIDAL)


def utm_box(west, south, east, north, pixel):
    """Return a UTM grid over a box in degrees."""
    return grid.make(grid.GridSpec(crs=UTM, resolution=pixel, box=(west, south, east, north)))


def centres(box):
    """Return longitude and latitude of a grid's pixel centres."""
    back = pyproj.Transformer.from_crs(box.crs.proj, "EPSG:4326", always_xy=True)
    rows, cols = np.mgrid[: box.shape[0], : box.shape[1]] + 0.5
    x, y = box.affine.c + box.affine.a * cols, box.affine.f + box.affine.e * rows
    return back.transform(x.ravel(), y.ravel())


def write_table(path: Path, box, days=DAYS, value=1.0) -> Path:
    """Write a CSV table with a row for each cell and date."""
    lon, lat = centres(box)
    parts = [pd.DataFrame({"longitude": lon, "latitude": lat, "date": day, "value": value}) for day in days]
    pd.concat(parts).to_csv(path, index=False)
    return path


BESIDE = (74.72, 36.36, 74.80, 36.46)
"""A place beside Shisper, as the published velocity table has it: no cell on the outline."""
MOSTLY_BESIDE = (74.71, 36.36, 74.80, 36.46)
"""A place that only touches Shisper's eastern edge, as the published temperature grid does."""
RIGHT = (74.50, 36.30, 74.72, 36.52)
"""Shisper's own box."""


def mismatched(path: Path, velocity_box=BESIDE, temperature_box=MOSTLY_BESIDE) -> Path:
    """Write a cube whose optical scenes see Shisper, and whose velocity and temperature lie in the given boxes."""
    seen, at, on = utm_box(*RIGHT, 250.0), utm_box(*velocity_box, 240.0), modis_box(*temperature_box)
    return write(
        path,
        {
            "/optical/sentinel2": optical(np.ones((4, *seen.shape)), box=seen),
            "/velocity/itslive": velocity(
                np.full((2, *at.shape), 80.0), ("2019-01-01", "2019-02-01"), ("2019-03-01", "2019-04-01"), box=at
            ),
            "/temperature/mod11a2": temperature(np.full((4, *on.shape), 270.0), box=on),
        },
    )
