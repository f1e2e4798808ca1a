"""A small cube of scenes whose ice moves at a known speed, built in the test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from glaciercast import grid, schema, store

SIZE, PIXEL = 144, 10.0
PLACE = GeoBox((SIZE, SIZE), Affine(PIXEL, 0, 466000, 0, -PIXEL, 4030000), "EPSG:32643")
DAYS = pd.to_datetime(["2020-06-01", "2020-06-21", "2020-07-11", "2020-07-31"])
SPEED = (150.0, 90.0)
"""Of the ice, m/yr eastward and northward."""
ICE = np.broadcast_to(abs(np.arange(SIZE) - 72) < 36, (SIZE, SIZE))
SHIFTS = (0.0, 0.4, -0.3, 0.2)
"""By which each scene lies too far to the right, pixels."""


def texture(dx: float, dy: float, seed: int = 7) -> np.ndarray:
    """Return periodic texture moved by (`dx`, `dy`) pixels to the right and downwards, exactly; about 0.1 to 0.5."""
    rows, columns = np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None]
    length = np.hypot(rows, columns)
    amplitude = np.where((length > 0.01) & (length < 0.25), 1 / np.maximum(length, 0.01), 0)
    spectrum = np.fft.rfft2(np.random.default_rng(seed).normal(size=(SIZE, SIZE))) * amplitude
    image = np.fft.irfft2(spectrum * np.exp(-2j * np.pi * (rows * dy + columns * dx)), s=(SIZE, SIZE))
    return 0.3 + 0.08 * image / image.std()


def scene(number: int) -> np.ndarray:
    """Return the scene of a date: rock that lies still and ice that moves, both off by the scene's own shift; float32."""
    years = (DAYS[number] - DAYS[0]).days / 365.25
    moved = SPEED[0] * years / PIXEL, -SPEED[1] * years / PIXEL
    noise = np.random.default_rng(number).normal(size=(SIZE, SIZE)) * 0.004
    ice, rock = texture(SHIFTS[number] + moved[0], moved[1], seed=8), texture(SHIFTS[number], 0.0)
    return (np.where(ICE, ice, rock) + noise).astype("float32")


def cube(path: Path, ids: list[str] | None = None, terrain: bool = True) -> Path:
    """Write a cube of four scenes, 20 days apart, and of the ice."""
    names = ids or [f"sentinel-2a_R134_{day:%Y%m%d}" for day in DAYS]
    times = DAYS.to_numpy("datetime64[ns]")
    coords = xr.Dataset(
        {
            "scene_id": ("time", np.array(names, object)),
            "sensor": ("time", np.array(["Sentinel-2A MSI"] * len(DAYS), object)),
            "shift_x": ("time", np.full(len(DAYS), np.nan, "float32")),
            "shift_y": ("time", np.full(len(DAYS), np.nan, "float32")),
            "available_at": ("time", times + np.timedelta64(1, "D")),
        },
        coords={**grid.coordinates(PLACE), "time": ("time", times)},
        attrs={"attribution": "made up"},
    )
    store.create(path, schema.root_attributes("made"))
    writer = store.RegionWriter(path, "/optical/sentinel2", "made")
    writer.begin(coords, {**dict.fromkeys(("green", "nir", "swir16"), "float32"), "clear": "bool"})
    for number in range(len(DAYS)):
        values, clear = scene(number), np.ones((SIZE, SIZE), bool)
        clear[:24, :24] = number != 1
        writer.write(number, {"green": values, "nir": values, "swir16": values, "clear": clear}, clear_fraction=float(clear.mean()))
    writer.end()
    if terrain:
        _terrain(path)
    return path


def _terrain(path: Path) -> None:
    flat = np.zeros((SIZE, SIZE), "float32")
    arrays = {"elevation": flat, "slope": flat, "aspect": flat, "ice": ICE.copy()}
    writer = store.RegionWriter(path, "/terrain", "made")
    writer.begin(xr.Dataset(coords=grid.coordinates(PLACE)), {name: values.dtype for name, values in arrays.items()}, (SIZE, SIZE))
    writer.write(0, arrays, at=(slice(0, SIZE), slice(0, SIZE)))
    writer.end()
