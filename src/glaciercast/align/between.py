"""Linear filling between steps on both sides, for exploration, with the series on disk, so that memory does not grow with its length."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from glaciercast.cube import timefill

ROWS = 64
"""Rows of the scene that are filled at a time."""


class Spool:
    """Arrays (y, x) of every step of a series, in a file without a name that goes with the process."""

    def __init__(self, folder: Path, names: Sequence[str], shape: tuple[int, int, int]) -> None:
        self.names, self.shape = tuple(names), shape
        with tempfile.TemporaryFile(dir=folder) as file:
            file.truncate(4 * len(self.names) * int(np.prod(shape)))
            self._layers = np.memmap(file, dtype="float32", mode="r+", shape=(len(self.names), *shape))

    def put(self, step: int, arrays: dict[str, np.ndarray]) -> None:
        """Take the arrays of a step; whole numbers up to 2²⁴ stay what they are."""
        for name, layer in zip(self.names, self._layers, strict=True):
            layer[step] = arrays[name]

    def get(self, step: int) -> dict[str, np.ndarray]:
        """Return the arrays of a step, float32 (y, x) by name."""
        return {name: np.array(layer[step]) for name, layer in zip(self.names, self._layers, strict=True)}

    def interpolate(self, name: str, times: np.ndarray, usable: np.ndarray) -> None:
        """Fill a variable linearly in time within each run of usable steps; nothing is drawn over the others, such as a polar night."""
        layer = self._layers[self.names.index(name)]
        for run in runs(usable):
            for top in range(0, self.shape[1], ROWS):
                part = layer[run, top : top + ROWS]
                part[:] = timefill.interpolate(part, times[run]).values


def runs(where: np.ndarray) -> Iterator[slice]:
    """Yield the slices of a bool array (time,) that are true without a break."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], where, [False]])))
    for start, stop in edges.reshape(-1, 2):
        yield slice(int(start), int(stop))
