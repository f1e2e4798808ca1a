"""How MODIS looks at the glacier: time and angle of the view, clouds, and the retrieval with its quality bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from glaciercast.simulate.seeds import generator

if TYPE_CHECKING:
    from glaciercast.simulate.products.modis_grid import Samples
    from glaciercast.simulate.scenario import TemperatureSpec

Platform = Literal["terra", "aqua"]
CROSSING = {("terra", False): 10.5, ("terra", True): 22.5, ("aqua", False): 13.5, ("aqua", True): 1.5}
"""Local solar time, hours, at the sub-satellite point; the second key is night."""
ORBITS = 233
"""In the repeat cycle of 16 days."""
CYCLE = 16
ALTITUDE = 705.0
EARTH = 6371.0
"""km"""
STEEPEST = 65.0
"""View zenith angle beyond which nothing is retrieved, degrees."""
CLOUD_CELLS = 9
"""Pixels of 1 km over which clouds are coherent."""
SHARED_SKY = 0.6
"""Correlation of the cloud field between the four views of a day."""
CLOUD_EDGE = 0.12
"""Share of clear pixels next to the edge of half-covered skies that a thin cloud cools unnoticed."""
EDGE_COOLING = 2.5
"""Mean cooling there, K; its standard deviation is the same."""
GAPS = 0.004
"""Share of the views that were lost (QC 3)."""
FIRST, STEP = 7500, 0.02
"""Smallest valid number, and K a number."""
CLOUD, NOT_PRODUCED = 2, 3
VIEW_FILL = 255


@dataclass(frozen=True)
class View:
    """When and how one satellite sees the glacier by day or by night, for consecutive days; arrays (day,)."""

    platform: Platform
    night: bool
    hour: np.ndarray
    """Local solar time, 0–24."""
    angle: np.ndarray
    """View zenith angle, degrees, negative where the satellite is to the east."""

    @property
    def key(self) -> str:
        """Name, for random streams."""
        return f"{self.platform}.{'night' if self.night else 'day'}"


def view(platform: Platform, night: bool, days: pd.DatetimeIndex, latitude: float, spec: TemperatureSpec, seed: int) -> View:
    """Return the views of consecutive days.

    The track nearest to the glacier moves through the 16 days of the repeat cycle (233 orbits); a glacier that lies a share u of the
    spacing of the tracks (24.7° of longitude) to the east of it is seen u·1.65 h later than the satellite's crossing.
    """
    spacing = 360.0 * CYCLE / ORBITS
    phase = generator(seed, "modis", "orbit", f"{platform}.{night}").random()
    number = (days - pd.Timestamp("2000-01-01")).days.to_numpy()
    offset = (phase + number * (ORBITS % CYCLE) / CYCLE) % 1.0 - 0.5
    drift = spec.drift_hours_a_year * np.maximum((days - pd.Timestamp(spec.drift_from)).days.to_numpy() / 365.25, 0.0)
    hour = CROSSING[platform, night] + offset * spacing / 15.0 - (drift if platform == "terra" else 0.0)
    return View(platform, night, hour % 24.0, zenith(offset * np.radians(spacing) * np.cos(np.radians(latitude))))


def zenith(arc: np.ndarray) -> np.ndarray:
    """Return the view zenith angle, degrees, at an angular distance (radians at the Earth's centre) from the sub-satellite point."""
    scan = np.arctan2(EARTH * np.sin(np.abs(arc)), EARTH + ALTITUDE - EARTH * np.cos(arc))
    angle: np.ndarray = np.sign(arc) * np.degrees(scan + np.abs(arc))
    return angle


@dataclass(frozen=True)
class Retrieval:
    """What is retrieved of a view.

    Attributes
    ----------
    number
        uint16 (day, pixel), 0.02 K, 0 where there is nothing.
    error
        float32 (day, pixel), expected error, K.
    quality
        uint8 (day, pixel), the QC bits.
    """

    view: View
    number: np.ndarray
    error: np.ndarray
    quality: np.ndarray


def retrieve(
    look: View,
    temperature: np.ndarray,
    cloudiness: np.ndarray,
    shared: np.ndarray,
    samples: Samples,
    spec: TemperatureSpec,
    rng: np.random.Generator,
    part: slice,
) -> Retrieval:
    """Return what is retrieved of one year of views.

    Parameters
    ----------
    temperature
        True surface temperature, K, (day, pixel).
    cloudiness
        Cloud cover of each day, 0–1, (day,).
    shared
        Part of the cloud field that the views of a day have in common, of `sky`, for the whole calendar year.
    part
        The days of `temperature` in that year: random numbers are drawn for whole years, so that a later start changes none.

    Notes
    -----
    The error of a clear retrieval is `spec.noise` at nadir (validation finds it mostly within 1 K: Wan 2014, Remote Sens. Environ.
    140, 36) and, by assumption, twice that at 65° (longer path, larger footprint). Beside clouds, undetected ones cool the retrieval.
    """
    own = sky(rng, len(shared), samples)
    level = _level(np.sqrt(SHARED_SKY) * shared + np.sqrt(1 - SHARED_SKY) * own)[part]
    gap = (rng.random(len(shared)) < GAPS)[part]
    noise, thin = (rng.standard_normal(shared.shape, dtype=np.float32)[part] for _ in range(2))
    cover = cloudiness[:, None]
    lost = (np.abs(look.angle) > STEEPEST) | gap
    clouded = level < cover
    edge = ~clouded & (level < cover + CLOUD_EDGE * cover * (1 - cover) * 4)
    spread = np.broadcast_to((spec.noise * (1 + (look.angle / STEEPEST) ** 2))[:, None], level.shape)
    cooling = np.where(edge, EDGE_COOLING * (1 + thin), 0.0)
    measured = temperature + spread * noise - cooling
    error = np.where(edge, np.hypot(spread, EDGE_COOLING * np.sqrt(2.0)), spread).astype(np.float32)
    seen = ~clouded & ~lost[:, None]
    quality = np.where(seen, quality_bits(error), np.where(lost[:, None], NOT_PRODUCED, CLOUD)).astype(np.uint8)
    return Retrieval(look, np.where(seen, encode(measured), 0).astype(np.uint16), error, quality)


def sky(rng: np.random.Generator, days: int, samples: Samples) -> np.ndarray:
    """Return smooth standard-normal fields at the pixels, independent from day to day, float32 (day, pixel)."""
    from scipy.ndimage import uniform_filter1d

    row, column = samples.row - samples.row.min(), samples.column - samples.column.min()
    field = rng.standard_normal((days, int(row.max()) + CLOUD_CELLS, int(column.max()) + CLOUD_CELLS), dtype=np.float32)
    for axis in (1, 2):
        field = uniform_filter1d(field, CLOUD_CELLS, axis=axis, mode="nearest")
    half = CLOUD_CELLS // 2
    fields: np.ndarray = field[:, row + half, column + half] * np.float32(CLOUD_CELLS)
    return fields


def _level(field: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    level: np.ndarray = ndtr(field)
    return level


def encode(temperature: np.ndarray) -> np.ndarray:
    """Return K as uint16 of 0.02 K, within the valid range."""
    return np.clip(np.rint(temperature / STEP), FIRST, 65535).astype(np.uint16)


def quality_bits(error: np.ndarray) -> np.ndarray:
    """Return the QC byte of clear retrievals: bits 0–1 are 0 where the error is within 1 K, else 1; bits 6–7 ≤ 1, ≤ 2, ≤ 3, > 3 K."""
    group = (error > 1).astype(np.uint8) + (error > 2) + (error > 3)
    return ((group << 6) | (group > 0)).astype(np.uint8)
