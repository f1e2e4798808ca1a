"""Fractal clouds over the terrain: one field of opacity for each visit, the same for all scenes of that visit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from glaciercast.simulate import noise
from glaciercast.simulate.scenario import CloudSpec
from glaciercast.simulate.seeds import generator

LOWEST, HIGHEST = 0.6, 1.6
"""Of the base, relative to the scenario's."""
DEEPEST = 2500.0
"""How far a valley may lie below the mean terrain, m."""
LOWEST_SUN = math.radians(8.0)
"""Below it the shadows at the edge come from the nearest cloud that is known."""
COARSE = 2
"""The field has one value per this many pixels of the master grid along each axis."""


@dataclass(frozen=True)
class Clouds:
    """Opacity of the clouds above every place, and how far their shadows lie from them."""

    opacity: np.ndarray
    """float32 (y, x) on every `COARSE`-th pixel, 0–1; with `pad` more at each edge, whose clouds shade the area from outside."""
    pad: int
    """Cells."""
    height: float
    """Of the base, m above sea level."""
    top_temperature: float
    """K"""


def make(
    spec: CloudSpec,
    shape: tuple[int, int],
    resolution: float,
    elevation: float,
    cover: float,
    key: str,
    seed: int,
    sun: float,
    freezing_level: float,
) -> Clouds:
    """Return the clouds of one visit.

    A power-law field (slope of amplitude 1.6, near the −5/3 of observed cloud water: Davis et al. 1996) is cut at the level
    that leaves `cover` of the area in cloud; opacity grows with the height above that level.

    Parameters
    ----------
    shape, resolution
        Of the master grid, pixels and m.
    elevation
        Mean of the terrain, m.
    cover
        Share of the sky, 0–1.
    sun
        Elevation, rad: a low one sees clouds from farther away.
    freezing_level
        m above sea level, for the temperature of the tops (6.5 K per km above it).
    """
    rng = generator(seed, "clouds", key)
    cell = resolution * COARSE
    pad = int(np.ceil((HIGHEST * spec.base + DEEPEST) / math.tan(max(sun, LOWEST_SUN)) / cell)) + 1
    size = (shape[0] // COARSE + 2 + 2 * pad, shape[1] // COARSE + 2 + 2 * pad)
    field = noise.spectral(size, 1.6, rng, largest=spec.scale / cell, stretch=float(rng.uniform(0.6, 1.6)))
    height = elevation + spec.base * float(rng.uniform(LOWEST, HIGHEST))
    if cover <= 0.005:
        opacity = np.zeros(size, np.float32)
    else:
        level = float(np.quantile(field[pad:-pad, pad:-pad], 1 - min(cover, 0.995)))
        opacity = (1 - np.exp(-spec.sharpness * 0.35 * np.clip(field - level, 0, None))).astype(np.float32)
    top = 273.15 - 6.5e-3 * (height + 800.0 - freezing_level)
    return Clouds(opacity, pad, height, min(top, 278.0))
