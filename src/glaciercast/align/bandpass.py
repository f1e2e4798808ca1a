"""Sentinel-2 reflectance as Landsat's OLI would see it: linear band-pass adjustment, band by band.

The coefficients are those of the Harmonized Landsat and Sentinel-2 project, from 500 Hyperion spectra and the spectral responses of both
instruments (Claverie et al. 2018, Remote Sensing of Environment 219, 145–161; HLS v2.0 user guide, "Spectral bandpass adjustment"). In
the near infrared they are for the narrow band 8A; a cube keeps band 8, which is wider than OLI's, and for which there are none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np


class Line(NamedTuple):
    """OLI = slope · MSI + offset."""

    slope: float
    offset: float


COEFFICIENTS: dict[str, dict[str, Line]] = {
    "A": {"green": Line(1.0053, -0.0009), "red": Line(0.9765, 0.0009), "swir16": Line(0.9987, -0.0011)},
    "B": {"green": Line(1.0075, -0.0008), "red": Line(0.9761, 0.0010), "swir16": Line(1.0000, -0.0003)},
}
"""Satellite of Sentinel-2 → band of the cube → line."""
SOURCE = "Sentinel-2 adjusted to Landsat OLI's bands (Claverie et al. 2018; NIR not)"
_SENTINEL = re.compile(r"Sentinel-2([A-D]?)\b")


def family(sensor: str) -> str:
    """Return which instrument a sensor's bands are like: ``MSI`` for Sentinel-2, else ``OLI`` for Landsat, else the sensor itself."""
    if _SENTINEL.match(sensor):
        return "MSI"
    return "OLI" if sensor.startswith("Landsat") else sensor


def line(sensor: str, band: str) -> Line | None:
    """Return how a band of `sensor`, such as ``Sentinel-2B MSI``, is brought to OLI; None where no adjustment is needed or published."""
    match = _SENTINEL.match(sensor)
    return COEFFICIENTS.get(match.group(1), {}).get(band) if match else None


def known(sensor: str) -> bool:
    """Tell whether the bands of a sensor are OLI's or can be brought to them (of Sentinel-2C and D nothing is published)."""
    match = _SENTINEL.match(sensor)
    return match is None or match.group(1) in COEFFICIENTS


def to_oli(reflectance: np.ndarray, sensor: str, band: str) -> np.ndarray:
    """Return reflectance (any shape, 1) of a sensor's band as OLI would see it, float32; the same array where nothing is published."""
    found = line(sensor, band)
    if found is None:
        return reflectance
    adjusted: np.ndarray = np.float32(found.slope) * reflectance + np.float32(found.offset)
    return adjusted
