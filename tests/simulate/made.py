"""Hand-made scenes of Landsat and Sentinel-2 with every kind of surface, without a world, and a scenario to write them with."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
from affine import Affine
from odc.geo.geobox import GeoBox

from glaciercast.simulate import scenario, seeds
from glaciercast.simulate.scene import Cover, Overpass, Scene

CRS = "EPSG:32643"
LEFT, TOP = 464_000.0, 4_040_000.0
SIZE = 192
SEED = 5
LOOKS = {  # coastal blue green red nir swir16 swir22
    Cover.SNOW: (0.92, 0.92, 0.90, 0.88, 0.80, 0.10, 0.08),
    Cover.ICE: (0.55, 0.56, 0.54, 0.50, 0.40, 0.05, 0.04),
    Cover.DEBRIS: (0.10, 0.11, 0.13, 0.14, 0.17, 0.20, 0.17),
    Cover.ROCK: (0.12, 0.13, 0.16, 0.19, 0.24, 0.28, 0.24),
    Cover.VEGETATION: (0.03, 0.04, 0.07, 0.05, 0.35, 0.18, 0.09),
    Cover.WATER: (0.08, 0.07, 0.06, 0.04, 0.015, -0.006, -0.008),
}
NAMES = ("coastal", "blue", "green", "red", "nir", "swir16", "swir22")


def specs() -> scenario.Scenario:
    """Return the scenario `tiny`."""
    return scenario.load("tiny")


def overpass(platform: str = "landsat-8", when: str = "2020-12-04T05:26:51.194486", **changes: object) -> Overpass:
    """Return a visit of a satellite."""
    landsat = platform.startswith("landsat")
    facts: dict[str, object] = {
        "product": "landsat" if landsat else "sentinel2",
        "platform": platform,
        "time": pd.Timestamp(when),
        "crs": CRS,
        "path": 147 if landsat else 105,
        "row": 38 if landsat else 0,
        "tile": "" if landsat else "43SFR",
        "sun_elevation": 31.25,
        "sun_azimuth": 158.5,
        "shift_x": 0.0,
        "shift_y": 0.0,
        "cloud_cover": 0.2,
    }
    return Overpass(**(facts | changes))  # type: ignore[arg-type]


@functools.lru_cache(maxsize=4)
def scene(visit: Overpass, size: int = SIZE) -> Scene:
    """Return a scene: bands of six surfaces from west to east, a thick and a thin cloud, a shadow, an unlit strip, a corner without data.

    Its arrays are shared between tests and must not be changed.
    """
    landsat = visit.product == "landsat"
    resolution = 30.0 if landsat else 20.0
    grid = GeoBox((size, size), Affine(resolution, 0, LEFT, 0, -resolution, TOP), visit.crs)
    rows, columns = np.mgrid[:size, :size] / size
    kinds = np.array([Cover.SNOW, Cover.ICE, Cover.DEBRIS, Cover.ROCK, Cover.VEGETATION, Cover.WATER], np.uint8)
    cover = kinds[np.digitize(columns, (0.3, 0.6, 0.7, 0.8, 0.9))]
    thick = np.hypot(rows - 0.2, columns - 0.5) < 0.12
    thin = (np.abs(rows - 0.8) < 0.08) & (columns > 0.2)
    cloud = np.where(thick, 0.45 + 0.5 * columns, np.where(thin, 0.1 + 0.29 * columns, 0)).astype(np.float32)
    shadow = np.where(np.hypot(rows - 0.45, columns - 0.5) < 0.1, np.float32(0.8), np.float32(0))
    valid = rows + columns > 0.1
    lit = np.where((rows > 0.6) & (rows < 0.65), np.float32(0), np.float32(0.6))
    fine = None if landsat else grid.zoom_out(0.5)
    noise = seeds.generator(SEED, "noise")
    bands = {name: _band(number, cover, noise) for number, name in enumerate(NAMES)}
    if not landsat:
        bands["nir_narrow"] = bands["nir"]
        del bands["coastal"]
    bands = {name: np.where(valid, np.where(thick, np.float32(0.6), band), np.float32(np.nan)) for name, band in bands.items()}
    if not landsat:
        for name in ("blue", "green", "red", "nir"):
            wide = np.repeat(np.repeat(bands[name], 2, axis=0), 2, axis=1)
            bands[name] = wide + noise.normal(0, 0.002, wide.shape).astype(np.float32)
    temperature = (250 + 40 * columns + noise.normal(0, 1, cover.shape)).astype(np.float32) if landsat else None
    snow = np.where(cover == Cover.SNOW, np.float32(1), np.float32(0))
    return Scene(visit, grid, fine, bands, temperature, cover, snow, cloud, shadow, lit, valid)


def _band(number: int, cover: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    values = np.zeros(cover.shape, np.float32)
    for kind, look in LOOKS.items():
        values[cover == kind] = look[number]
    return values + noise.normal(0, 0.01 if number < 5 else 0.002, cover.shape).astype(np.float32)
