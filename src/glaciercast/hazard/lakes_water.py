"""Open water in one scene by NDWI, with what hides it kept apart: cloud, shadow of the terrain, darkness, snow and ice.

Sources: McFeeters (1996), The use of the normalized difference water index (NDWI) in the delineation of open water features,
International Journal of Remote Sensing 17, 1425–1432; Otsu (1979), A threshold selection method from gray-level histograms, IEEE
Transactions on Systems, Man, and Cybernetics 9, 62–66.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from glaciercast.cube.indices import ndsi, ndwi
from glaciercast.hazard.lakes_settings import WaterConfig

BINS = 64
FEWEST, LEAST_SHARE, LEAST_GAP = 8, 0.01, 0.35
"""A scene's threshold counts if both sides have as many pixels and as large a share, and their means lie so far apart in NDWI."""


@dataclass(frozen=True)
class Optics:
    """What a scene shows of the surroundings of a lake; all arrays (y, x).

    Attributes
    ----------
    green, nir, swir16
        Reflectance, float32; NaN is no data.
    clear
        Seen without cloud, cloud shadow or fill, bool.
    lit
        The terrain casts no shadow there, bool.
    slope
        Of the terrain, degrees; NaN where unknown.
    light
        Of the sun on the terrain, cos i, over that on level ground, float32; NaN where unknown. None: unknown everywhere.
    """

    green: np.ndarray
    nir: np.ndarray
    swir16: np.ndarray
    clear: np.ndarray
    lit: np.ndarray
    slope: np.ndarray
    light: np.ndarray | None = None


@dataclass(frozen=True)
class Surface:
    """What a scene's pixels are; all bool (y, x).

    Attributes
    ----------
    index
        NDWI, float32 (y, x); NaN where it is not defined.
    seen
        Clear, lit by the sun and not dark: land or open water can be told. Dim pixels that may be either are not among them.
    water
        Open water, of the pixels seen.
    frozen
        Snow or ice, also thin or patchy, of the pixels seen: no open water, but a lake may lie below.
    threshold
        NDWI above which water was taken.
    own
        Whether the threshold is the scene's own (True) or the fixed one.
    """

    index: np.ndarray
    seen: np.ndarray
    water: np.ndarray
    frozen: np.ndarray
    threshold: float
    own: bool


def classify(scene: Optics, around: np.ndarray, settings: WaterConfig) -> Surface:
    """Return what each pixel is; `around`, bool (y, x), is where the threshold between water and land is looked for.

    Bare ice has an NDWI above many a threshold and is told from water by its brightness, which it lacks on slopes that the sun grazes. So
    the near infrared is judged as on level ground: what would be too bright for water there is not taken for water, unless it lies beside
    such as a lake's shore does.
    """
    index = ndwi(scene.green, scene.nir)
    seen = scene.clear & scene.lit & np.isfinite(index) & (scene.green >= settings.min_green)
    cold = seen & (ndsi(scene.green, scene.swir16) >= settings.frozen_ndsi)
    nir = _on_level_ground(scene, settings.least_light)
    bright = cold & (nir > settings.max_nir)
    threshold = own_threshold(index[seen & around & ~bright], settings) if settings.adaptive else None
    level = settings.threshold if threshold is None else threshold
    gentle = ~(scene.slope > settings.max_slope)
    dark = seen & (index > level) & (scene.nir <= settings.max_nir) & gentle
    sure = dark & (nir <= settings.max_nir)
    water = dark & ndimage.binary_dilation(sure, np.ones((3, 3), bool))  # pixels of the shore are mixtures
    return Surface(index, seen & ~(dark & ~water), water, cold & ~water, level, threshold is not None)


def _on_level_ground(scene: Optics, least: float) -> np.ndarray:
    """Return the near infrared as it would be on level ground where the terrain turns from the sun, no more than 1/`least` as bright."""
    if scene.light is None:
        return scene.nir
    return np.asarray(scene.nir / np.clip(np.nan_to_num(scene.light, nan=1.0), least, 1.0), "float32")


def own_threshold(values: np.ndarray, settings: WaterConfig) -> float | None:
    """Return the NDWI that parts water from land best (Otsu 1979), within the bounds; None where the values do not part.

    Parameters
    ----------
    values
        NDWI (pixel,), finite.
    """
    if values.size < 2 * FEWEST:
        return None
    counts, edges = np.histogram(values, BINS, (-1.0, 1.0))
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1].astype("float64")
    above = values.size - below
    sums = np.cumsum(counts * middles)[:-1]
    total = float((counts * middles).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = (total - sums) / above - sums / below
        between = np.where((below > 0) & (above > 0), below * above * gap**2, -1.0)
    if not between.max() > 0:
        return None
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    chosen = int(best[best.size // 2])  # the middle of an empty stretch of the histogram
    enough = max(FEWEST, LEAST_SHARE * values.size)
    if min(below[chosen], above[chosen]) < enough or not gap[chosen] >= LEAST_GAP:
        return None
    return float(np.clip(edges[chosen + 1], settings.lowest, settings.highest))
