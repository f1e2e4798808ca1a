"""The shore of a lake below the size of a pixel: which share of each shore pixel is water, how sure that is, and the outline.

A shore pixel is a mixture of the water and the land beside it, and reflectance, unlike NDWI, mixes linearly: its share of water is read
off the line between the two in green and near infrared, seen along the direction in which they stand out best from their own variety
(Fisher 1936). Source of linear mixing: Adams, Smith & Johnson (1986), Spectral mixture modeling, Journal of Geophysical Research 91,
8098–8112. Source of the direction: Fisher (1936), Annals of Eugenics 7, 179–188.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

AROUND = np.ones((3, 3), bool)
NEAR, WIDE = 7, 15
"""Sides of the square in which the land beside a shore pixel is looked for, pixels."""
FEWEST = 4
"""Fewer pixels give no end member."""
MURKY = 0.035
"""Near-infrared reflectance of water with much silt."""
GRAIN = 0.004
"""Reflectance: noise that is there at least."""
ALIKE = 0.05
"""Error of the end members that all shore pixels of a scene share, in shares of water; from the benchmark."""
UNSURE = 0.1
"""The same of lakes too small to show open water; from the benchmark."""
TOGETHER = 2.0
"""Neighbouring shore pixels that err together; from the benchmark."""
COUNTED, COUNTED_ALIKE = 0.3, 0.12
"""Of a counted shore pixel: its own error (uniform: 1/√12), and one that all share, as a threshold is not the half; from the benchmark."""


@dataclass(frozen=True)
class Shore:
    """Shares of water.

    Attributes
    ----------
    share
        Share of each pixel that is water, float64 (y, x); 0 away from the lake, 1 within it.
    error
        1 σ of each share, float64 (y, x); 0 away from the shore.
    edges
        Sides of pixels between lake and land.
    alike
        Error that all shore pixels share, in shares of water.
    water
        Median green and near-infrared reflectance of the open water, float64 (2,), or None where the lake is too small to show it.
    """

    share: np.ndarray
    error: np.ndarray
    edges: int
    alike: float
    water: np.ndarray | None

    @property
    def pixels(self) -> float:
        """Area in pixels."""
        return float(self.share.sum())

    @property
    def pixels_error(self) -> float:
        """1 σ of the area in pixels, from the shore alone."""
        return float(np.sqrt(TOGETHER * np.square(self.error).sum() + (self.alike * self.edges) ** 2))


def counted(lake: np.ndarray) -> Shore:
    """Return whole pixels: bool (y, x) as shares of 0 and 1."""
    rim = lake & ~ndimage.binary_erosion(lake, AROUND)
    return Shore(lake.astype("float64"), np.where(rim, COUNTED, 0.0), edges_of(lake), COUNTED_ALIKE, None)


def unmixed(lake: np.ndarray, usable: np.ndarray, bands: np.ndarray, known_water: np.ndarray | None = None) -> tuple[np.ndarray, Shore]:
    """Return the lake with its shore unmixed.

    Parameters
    ----------
    lake
        Pixels that are water by a threshold, bool (y, x).
    usable
        Pixels whose reflectance counts, bool (y, x).
    bands
        Green and near-infrared reflectance, (2, y, x).
    known_water
        Reflectance of the lake in earlier scenes (2,), for lakes too small to have open water of their own.

    Returns
    -------
    lake, Shore
        Pixels that are water by half and more, and the shares. Where there is too little land or water to compare with, pixels are counted.
    """
    values = bands.astype("float64")
    found = _shares(lake, usable, values, known_water)
    if found is None:
        return lake, counted(lake)
    better = found[0] >= 0.5
    again = _shares(better, usable, values, known_water)
    if again is None or not better.any():
        return lake, counted(lake)
    share, error, water = again
    own = (ndimage.binary_erosion(better, AROUND) & usable).sum() >= FEWEST
    return better, Shore(share, error, edges_of(better), ALIKE if own else UNSURE, water if own else None)


def edges_of(lake: np.ndarray) -> int:
    """Return how many sides of pixels part lake from land."""
    padded = np.pad(lake, 1).astype("int8")
    return int(np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum())


def _shares(
    lake: np.ndarray, usable: np.ndarray, values: np.ndarray, known_water: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return shares (y, x), their errors (y, x) and the water (2,), or None where there is nothing to compare with."""
    inner = ndimage.binary_erosion(lake, AROUND)
    band = ndimage.binary_dilation(lake, AROUND) & ~inner & usable
    land = usable & ~ndimage.binary_dilation(lake, AROUND, 2) & ndimage.binary_dilation(lake, AROUND, WIDE // 2 + 1)
    pure = inner & usable
    if land.sum() < FEWEST or not band.any() or not (lake & usable).any():
        return None
    water = _water(lake & usable, pure, values, known_water)
    beside = _local(values, land)
    spread = _spread(values, beside, land, pure, water)
    inverse = np.linalg.inv(spread)
    towards = water[:, None] - beside[:, band]
    weights = inverse @ towards
    power = np.maximum((towards * weights).sum(axis=0), 1e-9)
    mixed = ((values[:, band] - beside[:, band]) * weights).sum(axis=0) / power
    share = lake.astype("float64")
    share[band] = np.clip(mixed, 0.0, 1.0)
    error = np.zeros(lake.shape)
    error[band] = np.minimum(1 / np.sqrt(power), 0.5)
    return share, error, water


def _water(lake: np.ndarray, pure: np.ndarray, values: np.ndarray, known: np.ndarray | None) -> np.ndarray:
    """Return the reflectance of open water: within the lake, else in earlier scenes, else of the lake's darkest pixels in the infrared.

    The darkest of very few pixels are still mixed with land: they are taken for no brighter in the infrared than `MURKY`.
    """
    if pure.sum() >= FEWEST:
        return np.asarray(np.median(values[:, pure], axis=1))
    if known is not None:
        return known
    dark = values[:, lake]
    order = np.argsort(dark[1])[: max(1, int(lake.sum()) // 4)]
    green, nir = dark[:, order].mean(axis=1)
    return np.array([green, min(nir, MURKY)])


def _local(values: np.ndarray, land: np.ndarray) -> np.ndarray:
    """Return the mean reflectance of the land near each pixel, (2, y, x): of a small square, else of a wide one, else of all."""
    everywhere = values[:, land].mean(axis=1)
    result = np.broadcast_to(everywhere[:, None, None], values.shape).copy()
    filled = np.where(land, values, 0.0)
    for side in (WIDE, NEAR):
        number = ndimage.uniform_filter(land.astype("float64"), side, mode="constant") * side**2
        enough = number > FEWEST - 0.5
        for band in range(len(values)):
            total = ndimage.uniform_filter(filled[band], side, mode="constant") * side**2
            result[band][enough] = total[enough] / number[enough]
    return result


def _spread(values: np.ndarray, beside: np.ndarray, land: np.ndarray, pure: np.ndarray, water: np.ndarray) -> np.ndarray:
    """Return the covariance (2, 2) of what a shore pixel's two ends differ from their means by."""
    of_land = (values - beside)[:, land]
    spread = of_land @ of_land.T / of_land.shape[1]
    if pure.sum() >= FEWEST:
        of_water = values[:, pure] - water[:, None]
        spread = (spread + of_water @ of_water.T / of_water.shape[1]) / 2
    return np.asarray(spread + GRAIN**2 * np.eye(len(values)))


def outline(share: np.ndarray, affine: Any) -> Any:
    """Return the line along which half of a pixel is water, as a shapely MultiPolygon in the grid's CRS; empty where there is no water.

    Parameters
    ----------
    share
        Share of water (y, x).
    affine
        From column and row of pixel edges to x and y.
    """
    import shapely
    from contourpy import FillType, contour_generator

    if not (share >= 0.5).any():
        return shapely.MultiPolygon()
    padded = np.pad(share, 1)
    lines = contour_generator(z=padded, fill_type=FillType.OuterOffset).filled(0.5, 2.0)
    polygons = []
    for points, offsets in zip(*lines, strict=True):
        if points is None:
            continue
        rings = [_placed(points[start:stop], affine) for start, stop in itertools.pairwise(offsets)]
        polygons.append(shapely.Polygon(rings[0], rings[1:]))
    valid = shapely.make_valid(shapely.MultiPolygon(polygons))
    kept = [part for part in shapely.get_parts(shapely.get_parts(valid)) if part.geom_type == "Polygon"]
    return shapely.MultiPolygon(kept)


def _placed(points: np.ndarray, affine: Any) -> np.ndarray:
    """Return x and y of points whose columns and rows count padded pixel centres."""
    column, row = points[:, 0] - 0.5, points[:, 1] - 0.5
    return np.column_stack([affine.a * column + affine.b * row + affine.c, affine.d * column + affine.e * row + affine.f])
