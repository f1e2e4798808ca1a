"""Terrain shadow: how much of the sun each place sees over its horizon."""

from __future__ import annotations

import numba
import numpy as np

EVERY = 2
"""Shadows are cast on every second pixel of the master grid, and interpolated."""
PENUMBRA = 0.01
"""Tangent over which a shadow's edge softens (the sun's half degree)."""


def sunlit(elevation: np.ndarray, resolution: float, sun_elevation: float, sun_azimuth: float) -> np.ndarray:
    """Return the share of the direct sun that passes over the terrain, float32 (y, x) of the size of `elevation`, 0–1.

    Angles in degrees, azimuth clockwise from north. A ray goes from each place towards the sun, in steps that grow with the
    distance from one cell on, until it is above the highest ground.
    """
    coarse = np.ascontiguousarray(elevation[::EVERY, ::EVERY], np.float32)
    azimuth, tangent = np.deg2rad(sun_azimuth), np.tan(np.deg2rad(max(sun_elevation, 0.5)))
    lit = _cast(coarse, resolution * EVERY, -np.cos(azimuth), np.sin(azimuth), tangent)
    rows = np.minimum(np.arange(elevation.shape[0]) / EVERY, coarse.shape[0] - 1)
    columns = np.minimum(np.arange(elevation.shape[1]) / EVERY, coarse.shape[1] - 1)
    return _stretch(lit, rows, columns)


def _stretch(field: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return a field interpolated bilinearly at fractional `rows` and `columns`."""
    i = np.minimum(rows.astype(int), field.shape[0] - 2)
    j = np.minimum(columns.astype(int), field.shape[1] - 2)
    u, v = (rows - i).astype(np.float32)[:, None], (columns - j).astype(np.float32)[None, :]
    across = field[:, j] * (1 - v) + field[:, j + 1] * v
    return np.asarray(across[i] * (1 - u) + across[i + 1] * u, np.float32)


@numba.njit(cache=True, nogil=True)
def _cast(elevation: np.ndarray, spacing: float, south: float, east: float, tangent: float) -> np.ndarray:
    rows, columns = elevation.shape
    highest = elevation.max()
    lit = np.ones((rows, columns), np.float32)
    for i in range(rows):
        for j in range(columns):
            here = elevation[i, j]
            worst = -1e9
            distance = 1.0
            while True:
                r, c = i + south * distance, j + east * distance
                ray = here + distance * spacing * tangent
                if ray > highest or r < 0 or c < 0 or r > rows - 1.001 or c > columns - 1.001:
                    break
                k, m = int(r), int(c)
                u, v = r - k, c - m
                top = elevation[k, m] + v * (elevation[k, m + 1] - elevation[k, m])
                bottom = elevation[k + 1, m] + v * (elevation[k + 1, m + 1] - elevation[k + 1, m])
                ground = top + u * (bottom - top)
                worst = max(worst, (ground - ray) / (distance * spacing))
                if worst > PENUMBRA:
                    break
                distance += 1.0 + 0.02 * distance
            lit[i, j] = min(1.0, max(0.0, 0.5 - 0.5 * worst / PENUMBRA))
    return lit
