"""Surface reflectance of everything that lies at the surface, by band."""

from __future__ import annotations

import numpy as np

BANDS = ("coastal", "blue", "green", "red", "nir", "nir_narrow", "swir16", "swir22")
"""Order of the bands in all tables: OLI 1–7 with Sentinel-2's B8A after the broad near infrared."""

FRESH_SNOW = np.array([0.90, 0.91, 0.92, 0.91, 0.87, 0.86, 0.09, 0.06], np.float32)
OLD_SNOW = np.array([0.66, 0.68, 0.69, 0.66, 0.53, 0.52, 0.035, 0.025], np.float32)
"""Coarse wet grains and dust: the visible falls by dust, the infrared by grain size (Wiscombe & Warren 1980; Dozier et al. 2009)."""
ICE = np.array([0.47, 0.49, 0.47, 0.41, 0.28, 0.26, 0.025, 0.018], np.float32)
"""Bare, weathered ice of the ablation zone (Naegeli et al. 2017)."""
DEBRIS = np.array([0.10, 0.115, 0.135, 0.155, 0.185, 0.19, 0.22, 0.20], np.float32)
ROCK = np.array([0.085, 0.10, 0.125, 0.145, 0.18, 0.185, 0.225, 0.205], np.float32)
"""Gneiss and granite with lichen; debris is fresher and a little brighter (Casey et al. 2012)."""
GRASS = np.array([0.035, 0.045, 0.075, 0.06, 0.30, 0.31, 0.19, 0.10], np.float32)
DRY_GRASS = np.array([0.07, 0.085, 0.115, 0.14, 0.22, 0.23, 0.27, 0.20], np.float32)
WATER = np.array([0.09, 0.12, 0.14, 0.10, 0.04, 0.035, 0.008, 0.006], np.float32)
"""A lake with glacier flour."""
CLOUD = np.array([0.72, 0.73, 0.73, 0.74, 0.76, 0.74, 0.46, 0.34], np.float32)

SCATTERED = np.array([0.30, 0.24, 0.165, 0.11, 0.065, 0.06, 0.02, 0.012], np.float32)
"""Diffuse share of the light on level ground under a clear sky, sun at 45°, thin mountain air."""
SNOW_AGE = 12.0
"""e-folding time of the ageing of snow, days."""


def ndsi(reflectance: np.ndarray) -> float:
    """Return the NDSI of one row of these tables."""
    green, swir = float(reflectance[BANDS.index("green")]), float(reflectance[BANDS.index("swir16")])
    return (green - swir) / (green + swir)


SURFACES = np.stack([FRESH_SNOW, OLD_SNOW, ICE, DEBRIS, ROCK, GRASS, DRY_GRASS, WATER])
"""(surface, band) as the renderer reads it."""
