"""A data set as sharded tar files in the layout of WebDataset: the files of one sample share a key and stand side by side.

Members have no owner and the time 0, so that the same windows give the same bytes. Arrays are ``.npy``, everything else is JSON: nothing
is pickled.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from glaciercast import export
from glaciercast.patches.splits import Part

FOLDER = "shards"


def name(part: Part, block: int) -> str:
    """Return the name of a shard, relative to the data set."""
    return f"{FOLDER}/{part}-{block:06d}.tar"


def key(part: Part, number: int) -> str:
    """Return the key of a window, which holds no dot: WebDataset cuts names at the first one."""
    return f"{part}-{number:08d}"


def write(
    folder: Path, part: Part, block: int, first: int, fields: Mapping[str, np.ndarray], facts: list[dict[str, Any]]
) -> Path:  # fmt: skip
    """Write the windows of a block as one shard: ``<key>.<field>.npy`` and ``<key>.json``.

    Parameters
    ----------
    first
        Number of the block's first window in its part.
    fields
        Arrays (window, …).
    facts
        What the JSON of each window tells.
    """
    path = folder / name(part, block)
    with export.atomic(path) as partial, tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
        for number, told in enumerate(facts):
            stem = key(part, first + number)
            for field, values in fields.items():
                _add(tar, f"{stem}.{field}.npy", _npy(values[number]))
            _add(tar, f"{stem}.json", (json.dumps(told, allow_nan=False) + "\n").encode())
    return path


def _add(tar: tarfile.TarFile, member: str, data: bytes) -> None:
    info = tarfile.TarInfo(member)
    info.size, info.mtime, info.mode = len(data), 0, 0o644
    tar.addfile(info, io.BytesIO(data))


def _npy(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def read(path: Path) -> Iterator[tuple[str, dict[str, np.ndarray], dict[str, Any]]]:
    """Yield key, arrays and facts of each window of a shard, one after the other."""
    stem = ""
    arrays: dict[str, np.ndarray] = {}
    facts: dict[str, Any] = {}
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            own, _, field = member.name.partition(".")
            if own != stem and stem:
                yield stem, arrays, facts
                arrays, facts = {}, {}
            stem = own
            file = tar.extractfile(member)
            assert file is not None
            if field == "json":
                facts = json.loads(file.read())
            else:
                arrays[field.removesuffix(".npy")] = np.load(io.BytesIO(file.read()), allow_pickle=False)
    if stem:
        yield stem, arrays, facts
