"""One visit of a satellite and what it saw: the seam between the simulated world and the encoders of the products."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

Product = Literal["landsat", "sentinel2"]


class Cover(IntEnum):
    """What lies at the surface, in the truth."""

    NONE = 0
    SNOW = 1
    ICE = 2
    DEBRIS = 3
    ROCK = 4
    VEGETATION = 5
    WATER = 6


@dataclass(frozen=True)
class Overpass:
    """One visit: who saw the glacier when, on which grid, and with which known errors."""

    product: Product
    platform: str
    time: pd.Timestamp
    """Acquisition, UTC, without time zone."""
    crs: str
    path: int
    row: int
    tile: str
    """MGRS tile of Sentinel-2, empty for Landsat."""
    sun_elevation: float
    sun_azimuth: float
    """Degrees; azimuth clockwise from north."""
    shift_x: float
    shift_y: float
    """Geolocation error, m: what lies at (x, y) appears at (x + shift_x, y + shift_y)."""
    cloud_cover: float
    """Share of the area under cloud, as drawn from the day's weather."""
    part: tuple[float, float] = (0.0, 1.0)
    """Share of the area from north to south (Landsat rows) or west to east (Sentinel-2 tiles) that the scene holds."""
    swath_edge: float = 0.0
    """Share of the area that the edge of the swath cuts off."""
    gaps: bool = False
    """Scan gaps of Landsat 7 since 2003-05-31."""

    @property
    def key(self) -> str:
        """Name of the visit (not of the scene: two rows or tiles of one visit share clouds and errors), for random streams."""
        return f"{self.platform}.{self.time:%Y%m%d}.{self.path:03d}"


@dataclass(frozen=True)
class Scene:
    """What a sensor saw on one visit, before encoding.

    Arrays are (y, x). Reflectance is NaN where the scene has no data (outside the swath, scan gaps).
    """

    overpass: Overpass
    grid: GeoBox
    """30 m (Landsat) or 20 m (Sentinel-2), in the scene's zone."""
    fine: GeoBox | None
    """10 m, for blue, green, red and nir of Sentinel-2; None for Landsat."""
    bands: dict[str, np.ndarray]
    """float32 surface reflectance: coastal blue green red nir swir16 swir22, and nir_narrow of Sentinel-2."""
    temperature: np.ndarray | None
    """float32 surface temperature (cloud top where there is cloud), K, on `grid`; Landsat only."""
    cover: np.ndarray
    """uint8 `Cover` on `grid`."""
    snow: np.ndarray
    """float32 fraction of the pixel under snow, on `grid`."""
    cloud: np.ndarray
    """float32 opacity of the cloud over the pixel, 0–1, on `grid`."""
    shadow: np.ndarray
    """float32 strength of the cloud shadow on the pixel, 0–1, on `grid`."""
    lit: np.ndarray
    """float32 cosine of the sun's incidence on the slope, 0 in terrain shadow, on `grid`."""
    valid: np.ndarray
    """bool, False where the scene has no data, on `grid`."""
