"""The seasonal cycle of velocity from image pairs: harmonics of components, along and across the flow, with their errors.

A mean of speeds is biased by noise, which has no sign: speed sqrt(vx² + vy²) of a still glacier is about 1.25 σ. So components are fitted,
pixel by pixel, the mean velocity gives each pixel its direction of flow, and only the component along it, whose noise averages out, is
averaged over a zone, pair by pair.

References
----------
Greene, Gardner & Andrews (2020), Detecting seasonal ice dynamics in satellite images, The Cryosphere 14, 4365.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import grid
from glaciercast.explore import cycles, zones
from glaciercast.explore.coverage import coverage
from glaciercast.explore.settings import ExploreConfig
from glaciercast.explore.zones import Zones
from glaciercast.motion import season
from glaciercast.motion.season import SeasonFit

if TYPE_CHECKING:
    import xarray as xr

SURE = 3.0
"""Errors that a pixel's amplitude must have to count as seen: it is never negative, so that noise alone gives 1 to 2."""
LEAST_SHARE = 0.3
"""Share of a zone's pixels that a pair must have seen for its mean."""
NOTE = (
    "Errors of zones let the pairs of a year, or of a quarter of a year, err together, as those that share a scene do. Errors "
    "on the map take pairs as independent and are lower bounds. A surge is no season: where one dominates, errors are large and no season "
    "is seen."
)
DIRECTED = 0.25
"""Share of a zone's pixels that must have a direction of flow: on still ground some have one by chance."""


@dataclass(frozen=True)
class Motion:
    """Pairs and their fits.

    Attributes
    ----------
    first, second
        Acquisitions, datetime64 (pair,).
    east, north
        Fits of vx and vy, each (y, x).
    along
        Fit of the component along the mean flow, (y, x).
    seen
        Share of pixels of each pair, (pair,).
    series
        Mean component along the flow of each zone and pair, with its error, float64 (zone, 2, pair); NaN where too little was seen.
    """

    first: np.ndarray
    second: np.ndarray
    east: SeasonFit
    north: SeasonFit
    along: SeasonFit
    seen: np.ndarray
    series: np.ndarray

    @property
    def speed(self) -> np.ndarray:
        """Of the mean velocity, m/yr (y, x): from mean components."""
        speed: np.ndarray = np.hypot(self.east.mean, self.north.mean)
        return speed

    @property
    def sure(self) -> np.ndarray:
        """Whether a pixel's amplitude has three errors, bool (y, x)."""
        with np.errstate(invalid="ignore"):
            sure: np.ndarray = self.along.amplitude > SURE * self.along.amplitude_error
        return sure


def read(path: str, dataset: xr.Dataset, terrain: xr.Dataset | None, settings: ExploreConfig) -> tuple[Motion, Zones]:
    """Read the pairs of a source and fit mean, trend and season to each pixel and to each zone."""
    where = zones.of(terrain, grid.of(dataset, path), settings)
    first, second = (dataset[name].values for name in ("acquired_first", "acquired_second"))
    order = np.flatnonzero(second > first)
    if "flagged" in dataset:
        order = order[~dataset["flagged"].values[order]]
    part = dataset[["vx", "vy", "v_error"]].isel(pair=order).load()
    vx, vy, error = (part[name].values.astype(np.float64) for name in ("vx", "vy", "v_error"))
    return fitted(vx, vy, error, first[order], second[order], where, settings), where


def fitted(
    vx: np.ndarray, vy: np.ndarray, error: np.ndarray, first: np.ndarray, second: np.ndarray, where: Zones, settings: ExploreConfig
) -> Motion:
    """Fit components, and the component along the mean flow.

    Parameters
    ----------
    vx, vy, error
        m/yr, float64 (pair, y, x), NaN where there is none.
    first, second
        Acquisitions, datetime64 (pair,).
    where
        Zones of the grid.
    """
    east, north = (season.fit(values, error, first, second, settings.fewest_pairs) for values in (vx, vy))
    unit = direction(east, north, settings)
    along = unit[0] * vx + unit[1] * vy
    series = (
        np.stack([zone_series(along, error, where.index == k) for k in range(len(where.zones))]) if where.zones else np.zeros((0, 2, 0))
    )
    seen = np.isfinite(vx).mean(axis=(1, 2))
    return Motion(first, second, east, north, season.fit(along, error, first, second, settings.fewest_pairs), seen, series)


def direction(east: SeasonFit, north: SeasonFit, settings: ExploreConfig) -> np.ndarray:
    """Return the unit vector of the mean velocity, float64 (2, …); NaN where its relative error is too large for a direction."""
    speed = np.hypot(east.mean, north.mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = np.hypot(east.mean_error, north.mean_error) <= settings.direction_error * speed
        unit: np.ndarray = np.where(known, np.stack([east.mean, north.mean]) / speed, np.nan)
    return unit


def zone_series(along: np.ndarray, error: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return mean and error of each pair over a zone; errors of a pair's pixels count as shared, so that the mean has their mean error.

    A pair that saw other pixels than the rest would change the mean by what it saw, not by a change of flow: each pixel's own mean over
    all pairs is taken off before, and their mean over the zone put back.
    """
    usable = inside & np.isfinite(along).any(axis=0)
    if not usable.any() or usable.sum() < DIRECTED * inside.sum():
        return np.full((2, len(along)), np.nan)
    values, sigma = along[:, usable], error[:, usable]
    seen = np.isfinite(values) & np.isfinite(sigma) & (sigma > 0)
    weight = np.where(seen, 1 / np.where(seen, sigma, 1.0) ** 2, 0.0)
    usual = (weight * np.nan_to_num(values)).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-12)
    share = seen.sum(axis=1)
    enough = share >= max(1, LEAST_SHARE * usable.sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(seen, values - usual, 0).sum(axis=1) / share + usual.mean()
        spread = np.where(seen, sigma, 0).sum(axis=1) / share
    return np.where(enough, np.stack([mean, spread]), np.nan)


def describe(found: Motion, where: Zones, settings: ExploreConfig) -> dict[str, Any]:
    """Return what is told of a source: ``coverage``, ``pairs``, ``pixels`` (with a season) and the ``zones``."""
    middle = found.first + (found.second - found.first) / 2
    moving = np.isfinite(found.along.amplitude)
    return {
        "coverage": coverage(middle, found.seen),
        "pairs": len(found.first),
        "pixels": int(moving.sum()),
        "pixels_with_a_season": int((moving & found.sure).sum()),
        "note": NOTE,
        "zones": [_zone(found, where, k, settings) for k in range(len(where.zones))],
    }


def _zone(found: Motion, where: Zones, number: int, settings: ExploreConfig) -> dict[str, Any]:
    zone, (mean, error), part = where.zones[number], found.series[number], where.index == number
    row = cycles.cycle(mean, error, found.first, found.second, settings.fewest_pairs, settings.level)
    return {
        "zone": zone.name, "surface": zone.surface, "low": zone.low, "high": zone.high, "pixels": int(part.sum()), **row,
        "vx": _mean(found.east.mean[part]), "vy": _mean(found.north.mean[part]),
    }  # fmt: skip


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
