"""Scenes of lakes whose outline is known below the size of a pixel."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyproj
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from tests import audited

from glaciercast import schema
from glaciercast.hazard.lakes_water import Optics

PIXEL, SIDE, ORIGIN = 30.0, 80, (450000.0, 4030000.0)
WATER, LAND, SNOW = (0.15, 0.025, 0.008), (0.13, 0.185, 0.232), (0.85, 0.80, 0.07)
"""Green, near infrared and 1.6 µm."""
BOX = GeoBox((SIDE, SIDE), Affine(PIXEL, 0, ORIGIN[0], 0, -PIXEL, ORIGIN[1]), audited.UTM)
FINE = 10
"""Parts along the side of a pixel."""


def disc(radius: float, centre=(40.0, 40.0), side=SIDE) -> np.ndarray:
    """Return the share of each pixel within `radius` pixels of `centre` (row, column of pixel edges), float64 (y, x)."""
    fine = (np.arange(side * FINE) + 0.5) / FINE
    inside = np.hypot(fine[:, None] - centre[0], fine[None, :] - centre[1]) <= radius
    return inside.reshape(side, FINE, side, FINE).mean(axis=(1, 3))


def bands(share: np.ndarray, seed: int = 0, noise: float = 0.003, land=LAND, water=WATER) -> np.ndarray:
    """Return the reflectance of a mixture of water and land, float32 (3, y, x)."""
    rng = np.random.default_rng(seed)
    mixed = np.array(water)[:, None, None] * share + np.array(land)[:, None, None] * (1 - share)
    return (mixed + noise * rng.standard_normal(mixed.shape)).astype("float32")


def optics(share: np.ndarray, clear=None, lit=None, slope=None, **drawn) -> Optics:
    """Return what a scene shows of a mixture."""
    green, nir, swir16 = bands(share, **drawn)
    whole = np.ones(share.shape, bool)
    level = np.zeros(share.shape, "float32")
    return Optics(green, nir, swir16, whole if clear is None else clear, whole if lit is None else lit, level if slope is None else slope)


def degrees(row: float, column: float) -> tuple[float, float]:
    """Return lon, lat of a place in pixels of `BOX` (edges)."""
    x, y = BOX.affine * (column, row)
    return pyproj.Transformer.from_crs(audited.UTM, "EPSG:4326", always_xy=True).transform(x, y)


def scenes(shares, days, clears=None, latency="1D", sun=None, **drawn):
    """Return ``/optical/…`` of mixtures (y, x) on `days`."""
    time = np.array(days, "datetime64[ns]")
    whole = np.ones((SIDE, SIDE), bool)
    clear = np.array([whole if clears is None or clears[n] is None else clears[n] for n in range(time.size)])
    values = np.stack([share if np.ndim(share) == 3 else bands(share, seed=n, **drawn) for n, share in enumerate(shares)], axis=1)
    names = {"scene_id": [f"S{n}" for n in range(time.size)], "sensor": ["OLI"] * time.size}
    data = {
        name: (schema.GRID, np.where(clear, layer, np.float32(np.nan)))
        for name, layer in zip(("green", "nir", "swir16"), values, strict=True)
    }
    data |= {name: ("time", np.array(text, object)) for name, text in names.items()}
    data |= {name: ("time", np.zeros(time.size, "float32")) for name in ("shift_x", "shift_y")}
    data |= {"clear": (schema.GRID, clear), "available_at": ("time", time + pd.Timedelta(latency).to_timedelta64())}
    if sun is not None:
        data |= {
            f"sun_{name}": ("time", np.full(time.size, angle, "float32")) for name, angle in zip(("elevation", "azimuth"), sun, strict=True)
        }
    return audited._described(data, BOX, schema.OPTICAL, {"time": ("time", time)})


def terrain(elevation: np.ndarray):
    """Return ``/terrain`` of an elevation (y, x), m."""
    south, east = np.gradient(elevation.astype("float64"), PIXEL)
    slope = np.degrees(np.arctan(np.hypot(south, east))).astype("float32")
    aspect = np.degrees(np.arctan2(-east, south)).astype("float32") % 360
    data = {"elevation": (("y", "x"), elevation.astype("float32")), "slope": (("y", "x"), slope), "aspect": (("y", "x"), aspect)}
    return audited._described(data, BOX, schema.TERRAIN, {})


def cube(groups) -> xr.DataTree:
    """Return a cube in memory."""
    return xr.DataTree.from_dict(groups)
