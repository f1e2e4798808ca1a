"""Peaks of correlation surfaces: where they lie to a part of a pixel, and how far they stand out.

Two estimators of the sub-pixel peak: a parabola through the peak and its two neighbours along each axis, and a Gaussian (a parabola through
the logarithms). Sources: Raffel et al. (2018), Particle Image Velocimetry, 3rd edition, table 6.1.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Estimator = Literal["parabola", "gaussian"]
FLOOR = 1e-3
"""Least correlation that the logarithm is taken of."""


def whole(surface: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row, column and height of the largest entry of each surface (…, shift y, shift x)."""
    flat = surface.reshape(*surface.shape[:-2], -1)
    place = flat.argmax(-1)
    row, column = np.unravel_index(place, surface.shape[-2:])
    return row, column, np.take_along_axis(flat, place[..., None], -1)[..., 0]


def refined(surface: np.ndarray, estimator: Estimator) -> tuple[np.ndarray, np.ndarray]:
    """Return the peak's column and row in entries of the surface (…, shift y, shift x), float64; at its edge the whole entry."""
    row, column, _ = whole(surface)
    size_y, size_x = surface.shape[-2:]
    flat = surface.reshape(*surface.shape[:-2], -1)

    def entry(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        place = np.clip(i, 0, size_y - 1) * size_x + np.clip(j, 0, size_x - 1)
        found = np.take_along_axis(flat, place[..., None], -1)[..., 0].astype("float64")
        return np.asarray(np.log(np.maximum(found, FLOOR)) if estimator == "gaussian" else found)

    centre = entry(row, column)
    part_x = _vertex(entry(row, column - 1), centre, entry(row, column + 1))
    part_y = _vertex(entry(row - 1, column), centre, entry(row + 1, column))
    inside_x, inside_y = (column > 0) & (column < size_x - 1), (row > 0) & (row < size_y - 1)
    return column + np.where(inside_x, part_x, 0.0), row + np.where(inside_y, part_y, 0.0)


def standing_out(surface: np.ndarray, middle: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the entry (`middle`, `middle`) stands out of each surface (…, shift y, shift x) but for itself.

    Returns
    -------
    snr : float32 (…)
        Over the root mean square of all others.
    peak_ratio : float32 (…)
        Over the largest of all others.
    """
    flat = surface.reshape(*surface.shape[:-2], -1)
    centre = middle * surface.shape[-1] + middle
    peak = flat[..., centre]
    others = np.delete(flat, centre, axis=-1)
    spread = np.sqrt(np.mean(np.square(others), axis=-1))
    second = np.maximum(others.max(-1), FLOOR)
    return peak / np.maximum(spread, FLOOR), np.maximum(peak, 0) / second


def _vertex(before: np.ndarray, centre: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return where the parabola through three neighbouring entries peaks, from the middle one, at most half an entry away."""
    curvature = before - 2 * centre + after
    shift = np.divide(before - after, 2 * curvature, out=np.zeros_like(centre), where=curvature < 0)
    return np.asarray(np.clip(shift, -0.5, 0.5))
