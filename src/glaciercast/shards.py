"""One date of a (time, y, x) array as one shard of Zarr v3, written straight into its file.

Zarr's own writer spends several times as long on bookkeeping as on packing. What it writes and what is written here are equal byte for
byte (Zarr v3 specification; ``sharding_indexed`` 1.0: packed chunks in Morton order, then offset and length of each in row-major
order, with a CRC-32C). Arrays that are laid out in any other way are left to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

EMPTY = np.uint64(2**64 - 1)
"""Offset and length of a chunk that holds nothing but the fill value: it is not stored."""
_INDEX = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
_KEYS = {"name": "default", "configuration": {"separator": "/"}}
_SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}
_FILLS = {"bool": False, "float32": np.nan, "uint16": 0}
"""Type → the only fill value that is written here."""


class Layout(NamedTuple):
    """How the dates of an array are packed: `shape` (y, x) of a date, `chunk` (y, x) of its chunks, `codec` of numcodecs."""

    folder: Path
    dates: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    chunk: tuple[int, int]
    codec: Any

    @property
    def chunks(self) -> tuple[int, int]:
        """Chunks along y and x."""
        rows, columns = (-(-size // chunk) for size, chunk in zip(self.shape, self.chunk, strict=True))
        return rows, columns


def layout(folder: Path) -> Layout | None:
    """Return how an array is packed; None where it is no array, or one that is not packed as `store.create_group` does it."""
    from numcodecs import Blosc

    try:
        told = json.loads((folder / "zarr.json").read_bytes())
    except FileNotFoundError:
        return None
    codecs = told.get("codecs", [])
    if told.get("node_type") != "array" or told.get("data_type") not in _FILLS or len(told["shape"]) != 3 or len(codecs) != 1:
        return None
    (dates, *shape), dtype, sharding = told["shape"], np.dtype(told["data_type"]), codecs[0]
    packing = sharding.get("configuration", {})
    inner = packing.get("codecs", [])
    if sharding["name"] != "sharding_indexed" or len(inner) != 2 or inner[1]["name"] != "blosc" or told["chunk_key_encoding"] != _KEYS:
        return None
    blosc, one = inner[1]["configuration"], packing["chunk_shape"]
    made = Layout(
        folder, dates, (shape[0], shape[1]), dtype, (one[1], one[2]),
        Blosc(blosc["cname"], blosc["clevel"], _SHUFFLES[blosc["shuffle"]], blosc["blocksize"], typesize=blosc["typesize"]),
    )  # fmt: skip
    whole = [1, *(number * size for number, size in zip(made.chunks, made.chunk, strict=True))]
    ours = (
        inner[0]["name"] == "bytes"
        and inner[0].get("configuration", {}).get("endian", "little") == "little"
        and packing["index_codecs"] == _INDEX
        and packing.get("index_location", "end") == "end"
        and one[0] == 1
        and told["chunk_grid"] == {"name": "regular", "configuration": {"chunk_shape": whole}}
        and told["fill_value"] == ("NaN" if dtype.kind == "f" else _FILLS[dtype.name])
        and not told.get("storage_transformers")
    )
    return made if ours else None


def write(place: Layout, step: int, values: np.ndarray) -> None:
    """Write a date (y, x), or remove its file where it holds nothing but the fill value, as Zarr does.

    Raises
    ------
    IndexError
        If there is no such date.
    """
    if not 0 <= step < place.dates:
        raise IndexError(f"date {step} of {place.dates}")
    file, packed = shard_file(place.folder, step), pack(place, values)
    if packed is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(packed)


def shard_file(folder: Path, step: int) -> Path:
    """Return where Zarr v3 keeps the shard of a date of the (time, y, x) array in `folder`."""
    return folder / "c" / str(step) / "0" / "0"


def pack(place: Layout, values: np.ndarray) -> bytes | None:
    """Return the shard of a date (y, x); None where it holds nothing but the fill value."""
    from numcodecs.checksum32 import CRC32C

    index = np.full((*place.chunks, 2), EMPTY, "<u8")
    parts, end = [], 0
    for row, column in _in_morton_order(place.chunks):
        chunk = _chunk(place, values, row, column)
        if chunk is not None:
            parts.append(place.codec.encode(chunk))
            index[row, column] = end, len(parts[-1])
            end += len(parts[-1])
    return b"".join([*parts, CRC32C(location="end").encode(index.tobytes())]) if parts else None


def _chunk(place: Layout, values: np.ndarray, row: int, column: int) -> np.ndarray | None:
    """Return a chunk, filled up at the edges of the date; None where it holds nothing but the fill value."""
    (height, width), fill = place.chunk, _FILLS[place.dtype.name]
    part = values[row * height : (row + 1) * height, column * width : (column + 1) * width]
    if np.isnan(part).all() if place.dtype.kind == "f" else not part.any():
        return None
    chunk = np.full(place.chunk, fill, place.dtype.newbyteorder("<")) if part.shape != place.chunk else np.empty(place.chunk, place.dtype)
    chunk[: part.shape[0], : part.shape[1]] = part
    return chunk


def _in_morton_order(shape: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield the chunks of a shard so that the bits of their row and their column take turns."""

    def key(place: tuple[int, int]) -> int:
        return sum((place[axis] >> bit & 1) << (2 * bit + axis) for bit in range(max(shape).bit_length()) for axis in (0, 1))

    return iter(sorted(np.ndindex(shape), key=key))
