"""Snow cover by calendar month, under different choices of what is clear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from glaciercast.cube.build import clear_pixels
from glaciercast.cube.indices import SNOW_THRESHOLD, ndsi
from glaciercast.sources.rasters import RasterSource
from glaciercast.sources.recipe import Mask

MONTHS = 12


def snow_fraction_by_month(scenes: Iterable[tuple[np.datetime64, np.ndarray]], threshold: float = SNOW_THRESHOLD) -> np.ndarray:
    """Return the share of snow among all pixels seen in each calendar month, float64 (12,); NaN where none was seen.

    Parameters
    ----------
    scenes
        Pairs of time and NDSI (y, x), NaN where not clear. All pixels of a calendar month count alike, whichever
        year and scene they come from.
    threshold
        NDSI from which a pixel counts as snow.
    """
    snow, seen = np.zeros(MONTHS), np.zeros(MONTHS)
    for time, values in scenes:
        month = int(time.astype("datetime64[M]").astype(int)) % MONTHS
        snow[month] += np.count_nonzero(values >= threshold)
        seen[month] += np.count_nonzero(~np.isnan(values))
    share: np.ndarray = np.divide(snow, seen, out=np.full(MONTHS, np.nan), where=seen > 0)
    return share


def clear_ndsi(source: RasterSource, rule: Mask) -> Iterator[tuple[np.datetime64, np.ndarray]]:
    """Yield time and NDSI (y, x) of each scene, NaN where `rule` does not call it clear."""
    for ref in source.scenes:
        scene = source.read(ref)
        values = ndsi(scene.bands["green"], scene.bands["swir16"])
        yield ref.time, np.where(clear_pixels(scene, rule), values, np.float32(np.nan))
