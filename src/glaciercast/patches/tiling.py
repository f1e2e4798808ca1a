"""Full scenes from overlapping tiles, blended so that no seam shows."""

from __future__ import annotations

import numpy as np

from glaciercast.errors import InputError
from glaciercast.patches.sampling import patch_origins


def tile_origins(shape: tuple[int, int], tile: int, overlap: int) -> np.ndarray:
    """Return the origins of tiles that cover a scene and share `overlap` pixels, int64 (tile, 2).

    Raises
    ------
    InputError
        If the scene is smaller than a tile, or the overlap leaves nothing of it.
    """
    if not 0 <= overlap < tile:
        raise InputError(f"overlap: expected 0 to {tile - 1} pixels of a tile of {tile}, found {overlap}")
    return patch_origins(shape, tile, tile - overlap)


def blend_window(tile: tuple[int, int], overlap: int) -> np.ndarray:
    """Return the weight of each pixel of a tile: 1 inside, a raised cosine over the overlap, positive everywhere; float64 (y, x)."""
    sides = []
    for size in tile:
        distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
        sides.append(np.sin(0.5 * np.pi * np.minimum(distance / max(overlap, 0.5), 1)) ** 2)
    return np.outer(*sides)


class Blender:
    """Weighted mean of tiles; any leading dimensions."""

    def __init__(self, shape: tuple[int, int], tile: tuple[int, int], overlap: int, leading: tuple[int, ...] = ()) -> None:
        self.window = blend_window(tile, overlap)
        self.total = np.zeros((*leading, *shape))
        self.weight = np.zeros(shape)

    def add(self, values: np.ndarray, origin: np.ndarray) -> None:
        """Add one tile (…, y, x) whose first pixel lies at `origin` (row, column)."""
        row, col = int(origin[0]), int(origin[1])
        here = (slice(row, row + self.window.shape[0]), slice(col, col + self.window.shape[1]))
        self.total[(..., *here)] += values * self.window
        self.weight[here] += self.window

    def finish(self) -> np.ndarray:
        """Return the scene, float32 (…, y, x); NaN where no tile lies."""
        blended: np.ndarray = np.divide(self.total, self.weight, out=np.full(self.total.shape, np.nan), where=self.weight > 0)
        return blended.astype("float32")
