"""Full scenes from overlapping tiles, blended so that no seam shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from glaciercast.errors import InputError


@dataclass(frozen=True)
class Tiling:
    """Tiles that cover a scene in rows and columns, spread evenly, and how much each counts at each of its pixels.

    A tile counts 1 inside and falls by a raised cosine over the overlap; weights are shared out so that they sum to 1 at every pixel of the
    scene. They are the product of a row's and a column's weights, so nothing of the size of a scene is kept.

    Parameters
    ----------
    shape
        Height and width of the scene in pixels.
    tile
        Height and width of a tile.
    overlap
        Pixels that neighbours share at least; 0 pastes them side by side (they still share some where tiles do not divide the scene).

    Raises
    ------
    InputError
        If the scene is smaller than a tile, or the overlap leaves nothing of it.
    """

    shape: tuple[int, int]
    tile: tuple[int, int]
    overlap: int

    def __post_init__(self) -> None:
        if min(self.tile) < 1 or not 0 <= self.overlap < min(self.tile):
            raise InputError(f"overlap: expected 0 to {min(self.tile) - 1} pixels of a tile of {_words(self.tile)}, found {self.overlap}")
        if any(size < tile for size, tile in zip(self.shape, self.tile, strict=True)):
            raise InputError(f"the scene is {_words(self.shape)} pixels, smaller than a tile of {_words(self.tile)}")

    def __len__(self) -> int:
        return len(self.starts[0]) * len(self.starts[1])

    @cached_property
    def starts(self) -> tuple[np.ndarray, np.ndarray]:
        """First rows of the rows of tiles, and first columns of their columns, int64."""
        rows, columns = (_starts(size, tile, self.overlap) for size, tile in zip(self.shape, self.tile, strict=True))
        return rows, columns

    @cached_property
    def origins(self) -> np.ndarray:
        """Row and column of each tile's first pixel, row by row, int64 (tile, 2)."""
        return np.stack(np.meshgrid(*self.starts, indexing="ij"), axis=-1).reshape(-1, 2)

    @cached_property
    def borders(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns inside the scene at which a tile begins, or the one after a tile's last, int64."""
        rows, columns = (
            np.setdiff1d(np.concatenate([starts, starts + tile]), [0, size])
            for starts, tile, size in zip(self.starts, self.tile, self.shape, strict=True)
        )
        return rows, columns

    @cached_property
    def _shares(self) -> tuple[Tensor, Tensor]:
        rows, columns = (
            torch.from_numpy(_shares(starts, size, tile, self.overlap))
            for starts, size, tile in zip(self.starts, self.shape, self.tile, strict=True)
        )
        return rows, columns

    def weight(self, number: int) -> Tensor:
        """Return the weight of each pixel of tile `number`, float64 (y, x)."""
        row, column = divmod(number, len(self.starts[1]))
        return torch.outer(self._shares[0][row], self._shares[1][column])

    def window(self, number: int) -> tuple[slice, slice]:
        """Return the rows and columns of tile `number` in the scene."""
        row, column = (int(first) for first in self.origins[number])
        return slice(row, row + self.tile[0]), slice(column, column + self.tile[1])


class Blender:
    """The weighted mean of a tiling's tiles, which are added in place one after the other.

    Parameters
    ----------
    tiling
        Where the tiles lie.
    scene
        Gets the mean, (…, Y, X) floats on any device; complete when every tile has been added.
    """

    def __init__(self, tiling: Tiling, scene: Tensor) -> None:
        self.tiling, self.scene = tiling, scene.zero_()

    def add(self, first: int, tiles: Tensor) -> None:
        """Add tiles (tile, …, y, x), number `first` of the tiling and those after it."""
        for number, tile in enumerate(tiles, first):
            part = self.scene[(..., *self.tiling.window(number))]
            part.addcmul_(tile, self.tiling.weight(number).to(part))


def _starts(size: int, tile: int, overlap: int) -> np.ndarray:
    """Return where tiles begin along one side: as few as share `overlap` pixels at least, as far apart as they can be, int64."""
    count = 1 + -(-(size - tile) // (tile - overlap))
    return np.rint(np.linspace(0, size - tile, count)).astype("int64")


def _shares(starts: np.ndarray, size: int, tile: int, overlap: int) -> np.ndarray:
    """Return the share of each tile at each of its pixels along one side, float64 (tile, pixel)."""
    distance = np.minimum(np.arange(tile), np.arange(tile)[::-1]) + 0.5
    profile = np.sin(0.5 * np.pi * np.minimum(distance / max(overlap, 0.5), 1)) ** 2
    total = np.zeros(size)
    for start in starts:
        total[start : start + tile] += profile
    return np.stack([profile / total[start : start + tile] for start in starts])


def _words(shape: tuple[int, int]) -> str:
    return f"{shape[0]}×{shape[1]}"
