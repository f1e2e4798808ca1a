"""Frames of a series on disk, so that memory does not grow with its length."""

from __future__ import annotations

import os
import tempfile
import weakref
from pathlib import Path

import numpy as np


class Spool:
    """Frames (y, x), float32, in a file that has no name and goes with the process."""

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        self.shape, self.size = shape, 4 * int(np.prod(shape))
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (it lives as long as the filler)
        weakref.finalize(self, self.file.close)

    def append(self, frame: np.ndarray) -> None:
        """Write a frame behind the others."""
        self.file.seek(0, os.SEEK_END)
        self.file.write(frame.tobytes())

    def __getitem__(self, index: int, /) -> np.ndarray:
        """Read a frame."""
        self.file.seek(index * self.size)
        return np.frombuffer(self.file.read(self.size), "float32").reshape(self.shape)
