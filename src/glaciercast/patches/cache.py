"""A memory-mapped copy of a regular stack, laid out so that random windows are nearly contiguous.

Zarr is the archive; training reads windows of a few frames at random places, for which a chunked and compressed store
costs milliseconds. This cache is one uncompressed float32 file (tile row, tile column, step, channel, y, x), no larger
than the stack itself but for the padding of the last tiles. ``cache.json`` is written last: without it there is no cache.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glaciercast import runs
from glaciercast.errors import GlaciercastError, InputError

LAYOUT = 1
TILE = 20
"""Side of a tile in pixels (chosen by benchmarks/patches.py)."""
DATA, FACTS = "data.bin", "cache.json"


@dataclass(frozen=True)
class Cache:
    """An opened cache.

    Attributes
    ----------
    tiles
        The memory map, float32 (tile row, tile column, step, channel, y, x).
    channels
        Names of the channels.
    shape
        Height and width of the scene in pixels.
    """

    path: Path
    tiles: np.ndarray
    channels: tuple[str, ...]
    shape: tuple[int, int]

    def __reduce__(self) -> tuple[Callable[[Path], Cache], tuple[Path]]:
        """Go to another process as a path: the map is opened there, not copied."""
        return _again, (self.path,)

    @property
    def n_steps(self) -> int:
        """Steps of the stack."""
        return int(self.tiles.shape[2])

    def gather(
        self, steps: np.ndarray, rows: np.ndarray, cols: np.ndarray, n_steps: int, height: int, width: int, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return windows that begin at the given steps, rows and columns.

        Parameters
        ----------
        steps, rows, cols
            int64 (window,).
        n_steps, height, width
            Extent of every window.
        out
            Where to write, float32 (window, n_steps, channel, height, width) in C order; new memory if None.

        Raises
        ------
        InputError
            If a window reaches outside the stack, is empty, or lacks a step, row or column.
        """
        from glaciercast.patches.gather import copy_windows

        steps, rows, cols = (np.ascontiguousarray(a, dtype="int64") for a in (steps, rows, cols))
        if steps.ndim != 1 or not steps.shape == rows.shape == cols.shape:
            raise InputError(f"window: expected one step, row and column each, found {steps.shape}, {rows.shape} and {cols.shape}")
        if min(n_steps, height, width) < 1:
            raise InputError(f"window: expected at least one step and pixel, found {n_steps} steps of {height}×{width}")
        axes = (("step", steps, n_steps, self.n_steps), ("row", rows, height, self.shape[0]), ("column", cols, width, self.shape[1]))
        for name, starts, extent, size in axes:
            if starts.size and (starts.min() < 0 or starts.max() + extent > size):
                raise InputError(f"window: expected {name}s within 0 … {size - 1}, found {starts.min()} … {starts.max() + extent - 1}")
        shape = (steps.size, n_steps, len(self.channels), height, width)
        if out is None:
            out = np.empty(shape, "float32")
        elif out.shape != shape or out.dtype != np.float32 or not (out.flags.c_contiguous and out.flags.writeable):
            raise ValueError(f"out: expected writeable float32 {shape} in C order, found {out.dtype} {out.shape}")
        copy_windows(self.tiles, steps, rows, cols, out, (n_steps, height, width))
        return out

    def verify(self) -> None:
        """Compare the file with its checksum.

        Raises
        ------
        GlaciercastError
            If it differs.
        """
        if _checksum(self.path / DATA) != runs.read_json(self.path / FACTS)["sha256"]:
            raise GlaciercastError(f"{self.path}: the cache differs from what was written; delete it, it is made anew")


def write(
    path: Path, frames: Iterable[np.ndarray], n_steps: int, channels: tuple[str, ...], shape: tuple[int, int], fingerprint: str,
    meta: dict[str, Any] | None = None, tile: int = TILE,
) -> Cache:  # fmt: skip
    """Write the cache of a stack, frame by frame, and open it.

    Parameters
    ----------
    frames
        `n_steps` arrays float32 (channel, y, x).
    fingerprint
        Identifies the content that the cache was made from; see `open`.

    Raises
    ------
    InputError
        If the stack is empty.
    ValueError
        If there are fewer or more frames, or one has another shape. The cache that was there stays as it was.
    """
    if min(n_steps, len(channels), tile, *shape) < 1:
        raise InputError(f"{path}: nothing to cache in {n_steps} steps of {len(channels)} channels and {shape[0]}×{shape[1]} pixels")
    path.mkdir(parents=True, exist_ok=True)
    n_rows, n_cols = (-(-size // tile) for size in shape)
    layout = (n_rows, n_cols, n_steps, len(channels), tile, tile)
    # A new file takes the old one's place whole: to cut a file short that is mapped kills the process that reads it.
    partial = path / f"{DATA}.{os.getpid()}.partial"
    try:
        _write_tiles(partial, frames, layout, shape)
        facts = {
            **(meta or {}), "layout": LAYOUT, "tiles": layout, "shape": shape, "channels": channels, "fingerprint": fingerprint,
            "sha256": _checksum(partial),
        }  # fmt: skip
        (path / FACTS).unlink(missing_ok=True)
        partial.replace(path / DATA)
    finally:
        partial.unlink(missing_ok=True)
    runs.write_json(path / FACTS, facts)
    opened = open(path, fingerprint)
    assert opened is not None
    return opened


def open(path: Path, fingerprint: str) -> Cache | None:
    """Open the cache in `path`; None if there is none, it is unfinished, or it was made from other content or in another layout."""
    if not (path / FACTS).is_file():
        return None
    facts = runs.read_json(path / FACTS)
    if facts.get("layout") != LAYOUT or facts.get("fingerprint") != fingerprint:
        return None
    if not (path / DATA).is_file() or (path / DATA).stat().st_size != 4 * int(np.prod(facts["tiles"], dtype="int64")):
        return None
    tiles = np.memmap(path / DATA, dtype="float32", mode="r", shape=tuple(facts["tiles"]))
    base = getattr(tiles, "_mmap", None)
    if base is not None and hasattr(mmap, "MADV_WILLNEED"):
        base.madvise(mmap.MADV_WILLNEED)
    return Cache(path, np.asarray(tiles), tuple(facts["channels"]), (facts["shape"][0], facts["shape"][1]))


def _write_tiles(file: Path, frames: Iterable[np.ndarray], layout: tuple[int, ...], shape: tuple[int, int]) -> None:
    n_rows, n_cols, n_steps, n_channels, tile, _ = layout
    tiles = np.memmap(file, dtype="float32", mode="w+", shape=layout)
    padded = np.full((n_channels, n_rows * tile, n_cols * tile), np.nan, "float32")
    count = 0
    for frame in frames:
        if count == n_steps:
            raise ValueError(f"frames: expected {n_steps}, found more")
        if frame.shape != (n_channels, *shape):
            raise ValueError(f"frames: expected (channel, y, x) = {(n_channels, *shape)}, found {frame.shape}")
        padded[:, : shape[0], : shape[1]] = frame
        tiles[:, :, count] = padded.reshape(n_channels, n_rows, tile, n_cols, tile).transpose(1, 3, 0, 2, 4)
        count += 1
    if count != n_steps:
        raise ValueError(f"frames: expected {n_steps}, found {count}")
    tiles.flush()


def _again(path: Path) -> Cache:
    opened = open(path, runs.read_json(path / FACTS)["fingerprint"])
    if opened is None:
        raise GlaciercastError(f"{path}: the cache is no longer there; make it anew")
    return opened


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
