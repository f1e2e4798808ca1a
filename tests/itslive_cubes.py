"""Made ITS_LIVE cubes: small Zarr stores with known velocities, dates and quality facts, and their STAC items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pystac
import zarr
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS

FILL = -32767
GRID = GeoBox((30, 40), Affine(120, 0, 455032.5, 0, -120, 4035127.5), "EPSG:32643")
"""7.5 m off the multiples of 120 m, as the producers' lattice is."""


def table(first: list[str], days: list[float], satellite: list[str] | str = "8", **columns: Any) -> pd.DataFrame:
    """Return pairs as `itslive_quality` wants them; a first acquisition of None is no time."""
    start = pd.to_datetime(pd.Series(first), format="ISO8601" if isinstance(first[0], str) else None)
    pairs = pd.DataFrame({"first": start, "second": start + pd.to_timedelta(days, unit="D"), "satellite_first": satellite})
    from glaciercast.sources.itslive_quality import family

    pairs["satellite_second"] = pairs["satellite_first"]
    pairs["family"] = [family(name) for name in pairs["satellite_first"]]
    pairs["days"] = days
    for name, value in {"stable_x": np.nan, "stable_y": np.nan, "flag": 0, **columns}.items():
        pairs[name] = value
    return pairs


def write(
    folder: Path, pairs: pd.DataFrame, vx: np.ndarray, vy: np.ndarray, *, grid: GeoBox = GRID, error: float = 10, zarr_format: Any = 2,
    name: str = "cube", chunks: tuple[int, int, int] = (20000, 10, 10), units: str = "meter/year", consolidated: bool = True,
    more: Any = None,
    declared_fill: int | None = FILL,
) -> pystac.Item:  # fmt: skip
    """Write a store ``<folder>/<name>/<name>.zarr`` and return its item, whose self href lies beside it.

    Velocities are float (pair, y, x), NaN where there is none; `more` maps names of 1-D variables to their values.
    """
    path = folder / name / f"{name}.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)

    def put(key: str, values: np.ndarray, attributes: dict[str, Any], pieces: tuple[int, ...] | None = None, fill: Any = None) -> None:
        named = {"_ARRAY_DIMENSIONS": ["mid_date", "y", "x"][: values.ndim]} if zarr_format == 2 else {}
        array = group.create_array(
            key, shape=values.shape, dtype=values.dtype, chunks=pieces or values.shape or "auto", fill_value=fill,
            attributes={**attributes, **named},
        )  # fmt: skip
        array[...] = values

    def encoded(values: np.ndarray) -> np.ndarray:
        return np.where(np.isfinite(values), np.rint(values), FILL).astype("int16")

    pieces = tuple(min(a, b) for a, b in zip(chunks, vx.shape, strict=True))
    for key, values in {"vx": vx, "vy": vy, "v_error": np.where(np.isfinite(vx), error, np.nan)}.items():
        put(key, encoded(values), {"units": units, "grid_mapping": "mapping"}, pieces, declared_fill)
    put("x", grid.coordinates["x"].values, {})
    put("y", grid.coordinates["y"].values, {})
    code = grid.crs.epsg
    put("mapping", np.array(0, "int32"), {"crs_wkt": CRS(code).to_wkt(), "spatial_epsg": code})
    epoch = np.datetime64("1970-01-01")
    for image, column in (("1", "first"), ("2", "second")):
        days = (pairs[column].to_numpy("datetime64[ns]") - epoch) / np.timedelta64(1, "D")
        put(f"acquisition_date_img{image}", days.astype("float64"), {"units": "days since 1970-01-01"}, fill=np.nan)
    for image, column in (("1", "satellite_first"), ("2", "satellite_second")):
        put(f"satellite_img{image}", pairs[column].to_numpy("S2" if zarr_format == 2 else "U2"), {})
    put("date_dt", pairs["days"].to_numpy("float32"), {"units": "days"})
    middle = pairs["first"] + (pairs["second"] - pairs["first"]) / 2 + pd.Timedelta(microseconds=74036)
    put(
        "mid_date",
        ((middle.to_numpy("datetime64[ns]") - epoch) / np.timedelta64(1, "D")).astype("float64"),
        {"units": "days since 1970-01-01"},
    )
    for key, column in (("vx_stable_shift", "stable_x"), ("vy_stable_shift", "stable_y")):
        put(key, pairs[column].to_numpy("float32"), {"units": "meter/year"}, fill=np.nan)
    put("stable_shift_flag", pairs["flag"].to_numpy("uint8"), {})
    for key, values in (more or {}).items():
        put(key, np.asarray(values), {})
    if consolidated:
        zarr.consolidate_metadata(path, zarr_format=zarr_format)
    return item(path, name, grid)


def item(store: Path, name: str, grid: GeoBox = GRID) -> pystac.Item:
    """Return the item of a store."""
    box = grid.geographic_extent.boundingbox
    made = pystac.Item(name, grid.geographic_extent.json, list(box.bbox), pd.Timestamp("2020-01-01").to_pydatetime(), {})
    made.set_self_href(str(store.parent / f"{name}.json"))
    made.add_asset("zarr", pystac.Asset(f"./{store.name}"))
    return made
