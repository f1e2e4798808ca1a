"""Surface reflectance of everything that lies at the surface, by band.

Snow, ice, rock and water follow the medians of some 8,000 labelled Landsat pixels and 12,000 of Sentinel-2 on four North American glaciers
(a test holds them to that); a sunlit level surface is meant, so that shading comes on top.
"""

from __future__ import annotations

import numpy as np

BANDS = ("coastal", "blue", "green", "red", "nir", "nir_narrow", "swir16", "swir22")
"""Order of the bands in all tables: OLI 1–7 with Sentinel-2's B8A after the broad near infrared."""

FRESH_SNOW = np.array([0.89, 0.90, 0.91, 0.90, 0.84, 0.83, 0.075, 0.055], np.float32)
OLD_SNOW = np.array([0.56, 0.60, 0.63, 0.63, 0.51, 0.49, 0.022, 0.018], np.float32)
"""Coarse wet grains and dust: the visible falls by dust, the infrared by grain size (Wiscombe & Warren 1980; Dozier et al. 2009)."""
ICE = np.array([0.27, 0.30, 0.33, 0.32, 0.21, 0.20, 0.012, 0.011], np.float32)
"""Bare, weathered ice of the ablation zone."""
DEBRIS = np.array([0.085, 0.105, 0.138, 0.152, 0.185, 0.19, 0.225, 0.205], np.float32)
ROCK = np.array([0.070, 0.090, 0.130, 0.145, 0.185, 0.19, 0.232, 0.207], np.float32)
"""Gneiss and granite with lichen; debris is fresher and a little brighter (Casey et al. 2012)."""
GRASS = np.array([0.035, 0.045, 0.075, 0.06, 0.30, 0.31, 0.19, 0.10], np.float32)
DRY_GRASS = np.array([0.07, 0.085, 0.115, 0.14, 0.22, 0.23, 0.27, 0.20], np.float32)
WATER = np.array([0.06, 0.10, 0.15, 0.105, 0.025, 0.022, 0.008, 0.007], np.float32)
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
