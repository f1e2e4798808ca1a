"""Where to search: the median velocity of the ITS_LIVE pairs that were known before a year."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from glaciercast.cube.velocity import tile_edge, tiles
from glaciercast.motion.coarse import Both
from glaciercast.sources import warp

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox


def medians(pairs: xr.Dataset, years: np.ndarray) -> np.ndarray:
    """Return the median of each component over the pairs that were available when a year began, m/yr, float32 (year, 2, y, x).

    Parameters
    ----------
    pairs
        ``vx``, ``vy`` (pair, y, x) and ``available_at``.
    years
        datetime64[Y] (year,).

    Returns
    -------
    numpy.ndarray
        NaN where no pair was known: nothing is taken from later ones, so that a velocity could have been had when its second scene could.
    """
    known = pairs["available_at"].values[None] < years[:, None].astype("datetime64[ns]")
    shape = pairs.sizes["y"], pairs.sizes["x"]
    found = np.full((len(years), 2, *shape), np.nan, np.float32)
    for rows, columns in tiles(shape, tile_edge(pairs.sizes["pair"])):
        for part, name in enumerate(("vx", "vy")):
            values = pairs[name][:, rows, columns].values
            for year, counts in enumerate(known):
                if counts.any():
                    found[year, part, rows, columns] = _median(values[counts])
    return found


def on_scene(velocity: np.ndarray, native: GeoBox, scene: GeoBox) -> Both:
    """Return velocity (2, y, x) along the axes of `native` at the pixels and along the axes of `scene`, m/yr; NaN where unknown."""
    vx, vy = velocity if native.crs == scene.crs else _turned(velocity, native, scene)
    east, north = (warp.onto(np.asarray(part, np.float32), native, scene, "continuous", np.nan) for part in (vx, vy))
    return east, north


def _turned(velocity: np.ndarray, native: GeoBox, scene: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Return velocity along the axes of another CRS: both ends of a year's way are transformed."""
    from pyproj import Transformer

    columns, rows = np.meshgrid(np.arange(native.shape.x) + 0.5, np.arange(native.shape.y) + 0.5)
    x, y = (np.asarray(part) for part in native.affine * (columns, rows))
    to_scene = Transformer.from_crs(str(native.crs), str(scene.crs), always_xy=True)
    known = np.nan_to_num(velocity)
    start, end = to_scene.transform(x, y), to_scene.transform(x + known[0], y + known[1])
    gaps = np.isnan(velocity).any(axis=0)
    east, north = (np.where(gaps, np.nan, after - before) for before, after in zip(start, end, strict=True))
    return east, north


def _median(values: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a pixel without a value has no median: NaN
        median: np.ndarray = np.nanmedian(values, axis=0)
    return median
