"""Snow, ice, water and rock by thresholds on reflectance: a balance of the cover, not a map to swear by.

References
----------
Dozier (1989), Remote Sens. Environ. 28, 9; Hall, Riggs & Salomonson (1995), Remote Sens. Environ. 54, 127 (near infrared above 0.11 tells
snow from water); McFeeters (1996), Int. J. Remote Sens. 17, 1425 (NDWI).
"""

from __future__ import annotations

import numpy as np

from glaciercast.cube.indices import ndsi, ndwi
from glaciercast.explore.settings import Thresholds

CLASSES = ("snow", "ice", "water", "rock", "shadow")
"""In the order of their numbers; rock is debris, soil and grass, too; shadow is what is too dark to be told."""
SNOW, ICE, WATER, ROCK, SHADOW = range(5)
UNSEEN = 255


def classify(
    green: np.ndarray,
    nir: np.ndarray,
    swir16: np.ndarray,
    clear: np.ndarray,
    rules: Thresholds,
    ice: np.ndarray | None = None,
    slope: np.ndarray | None = None,
    lit: np.ndarray | None = None,
) -> np.ndarray:
    """Return the class of each pixel, uint8 (…), numbers of `CLASSES`; `UNSEEN` where it is not clear or a band is missing.

    Snow and ice: NDSI of 0.4 and more and near infrared above 0.11. Inside the outline it is ice where the near infrared stays below that
    of snow, outside it is snow. Snow in the shadow of a mountain is as dark in the near infrared as water, and as blue: it is told from it
    by the shadow that the terrain casts, where that is known, and by being too steep for water; what remains counts as shadow.

    Parameters
    ----------
    green, nir, swir16
        Surface reflectance, float (…); below 0 counts as 0.
    clear
        bool (…).
    ice, slope, lit
        Inside the outline (bool), degrees (float), reached by the sun's beam (bool), each (…) or None where it is not known.
    """
    seen = clear & np.isfinite(green) & np.isfinite(nir) & np.isfinite(swir16)
    green, nir, swir16 = (np.maximum(band, 0) for band in (green, nir, swir16))  # dark bands often come out below 0
    with np.errstate(invalid="ignore"):
        snowy = ndsi(green, swir16) >= rules.ndsi
        frozen = snowy & (nir >= rules.frozen_nir)
        wet = (ndwi(green, nir) >= rules.ndwi) & (green >= rules.water_green) & (nir <= rules.water_nir)
        bright = nir >= rules.snow_nir
    level = np.ones(green.shape, bool) if slope is None else slope <= rules.water_slope
    beamed = np.ones(green.shape, bool) if lit is None else lit
    water = wet & level & beamed
    dark = ~frozen & ((green < rules.dark_green) | wet | snowy | ~beamed)
    bare = frozen & ~bright & (np.zeros(green.shape, bool) if ice is None else ice)
    found = np.select([~seen, water, bare, frozen, dark], [UNSEEN, WATER, ICE, SNOW, SHADOW], ROCK)
    return np.asarray(found, np.uint8)


def count(classes: np.ndarray, zone: np.ndarray, zones: int) -> np.ndarray:
    """Return how many pixels of each zone are of each class, int64 (zone, class).

    Parameters
    ----------
    classes, zone
        (y, x); zone −1 and class `UNSEEN` count nowhere.
    """
    told = (classes != UNSEEN) & (zone >= 0)
    place = zone[told].astype(np.int64) * len(CLASSES) + classes[told]
    counted: np.ndarray = np.bincount(place, minlength=zones * len(CLASSES)).reshape(zones, len(CLASSES))
    return counted


def shares(counts: np.ndarray) -> dict[str, float | None]:
    """Return class → share of the pixels that are told, and ``shadow`` → share of all; None where nothing was seen.

    Parameters
    ----------
    counts
        (…, class); all but the last dimension are added up.
    """
    total = counts.reshape(-1, len(CLASSES)).sum(axis=0).astype(float)
    told = total[:SHADOW].sum()
    result: dict[str, float | None] = {name: float(total[k] / told) if told else None for k, name in enumerate(CLASSES[:SHADOW])}
    result["shadow"] = float(total[SHADOW] / total.sum()) if total.sum() else None
    return result
