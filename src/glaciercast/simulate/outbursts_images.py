"""Small images of simulated lakes: water of the true area in ground, snow and ice, with holes where clouds were."""

from __future__ import annotations

import numpy as np
import pandas as pd

from glaciercast.simulate.outbursts_lakes import Valley
from glaciercast.simulate.outbursts_spec import OutburstSpec
from glaciercast.simulate.seeds import generator

SIDE = 24
"""Pixels of an image's side."""
FINE = 4
"""Cells along a pixel's side, water or not."""
NOISE = 0.006
"""Standard deviation of one reflectance."""
WATER = np.array([0.09, 0.03, 0.015])
GROUND = np.array([0.13, 0.20, 0.26])
SNOW = np.array([0.80, 0.65, 0.10])
ICE = np.array([0.45, 0.35, 0.06])
"""Reflectance in green, nir and swir16."""


def make(spec: OutburstSpec, valley: Valley, areas: pd.DataFrame, snow: np.ndarray, seed: int) -> np.ndarray:
    """Return an image for each row of `areas` (columns ``true_area``, m², and ``seen``), float32 (image, band, y, x), NaN in clouds.

    Parameters
    ----------
    snow
        Share of the ground under snow, float64 (row,).
    """
    rng = generator(seed, "outbursts", "images", valley.name)
    order, ice = _places(rng)
    cell = (spec.seen.image_pixel / FINE) ** 2
    water = _coarse(order < np.minimum(areas["true_area"].to_numpy() / cell, order.size)[:, None, None])
    frozen = np.asarray(snow, "float64")[:, None, None]
    land = [(1 - frozen) * GROUND[band] + frozen * SNOW[band] for band in range(3)]
    pixels = np.stack([water * WATER[band] + (1 - water) * np.where(ice, ICE[band], land[band]) for band in range(3)], axis=1)
    pixels += rng.normal(0, NOISE, pixels.shape)
    pixels[np.broadcast_to(_clouds(areas["seen"].to_numpy(), rng)[:, None], pixels.shape)] = np.nan
    return pixels.astype(np.float32)


def _places(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the rank in which cells fill with water (fine y, fine x), and where the damming ice lies, bool (y, x)."""
    size = SIDE * FINE
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angle, turn = np.arctan2(y, x), rng.uniform(0, 2 * np.pi, 3)
    wobble = 1 + 0.2 * np.cos(2 * angle + turn[0]) + 0.1 * np.cos(3 * angle + turn[1])
    order = np.argsort(np.argsort(np.hypot(y, x).ravel() / wobble.ravel(), kind="stable"), kind="stable").reshape(size, size)
    coarse = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return order, coarse[0] * np.cos(turn[2]) + coarse[1] * np.sin(turn[2]) > SIDE * 0.3


def _coarse(water: np.ndarray) -> np.ndarray:
    """Return the share of water in each pixel, float64 (image, y, x)."""
    return np.asarray(water.reshape(len(water), SIDE, FINE, SIDE, FINE).mean((2, 4)), dtype="float64")


def _clouds(seen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which pixels clouds hide, bool (image, y, x): the share that was not seen, in patches."""
    from scipy import ndimage

    field = ndimage.gaussian_filter(rng.standard_normal((len(seen), SIDE, SIDE)), (0, 3, 3), mode="wrap").reshape(len(seen), SIDE * SIDE)
    rank = np.argsort(np.argsort(field, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(rank >= np.round(seen * SIDE * SIDE)[:, None]).reshape(-1, SIDE, SIDE)
