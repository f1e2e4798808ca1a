"""Series of velocity made by hand: glaciers side by side, and a small scene with a season."""

import numpy as np
import pandas as pd
import xarray as xr

from glaciercast import grid


def table(vx: np.ndarray, vy: np.ndarray) -> xr.Dataset:
    time = pd.date_range("1980-01-01", periods=len(vx), freq="QS")
    dims = ("time", "glacier")
    made = xr.Dataset({"vx": (dims, vx), "vy": (dims, vy)}, {"time": time, "glacier": np.arange(vx.shape[1])})
    return made.assign_attrs(cadence="QS", title="made", attribution="")


def small_series(step_days=30.0, steps=80, hindcast=1) -> xr.Dataset:
    """Return a series on a grid of 10×9 pixels, a season and noise."""
    rng = np.random.default_rng(3)
    geobox = grid.make(grid.GridSpec(crs="EPSG:32643", resolution=120, box=(75.0, 36.0, 75.011, 36.0095)))
    time = pd.date_range("2014-01-16", periods=steps, freq=f"{int(step_days)}D")
    season = 10 * np.cos(2 * np.pi * np.arange(steps) * step_days / 365)[:, None, None]
    dims, shape = ("time", "y", "x"), (steps, *geobox.shape)
    vx, vy = ((level + season + rng.normal(0, 1, shape)).astype("float32") for level in (40.0, -20.0))
    made = xr.Dataset({"vx": (dims, vx), "vy": (dims, vy)}, {"time": time.to_numpy("datetime64[ns]"), **grid.coordinates(geobox)})
    return made.assign_attrs(step_days=step_days, span_days=60.0, hindcast=hindcast, title="made", attribution="nobody")
