"""Scenes that were read and judged before it is known which of them count: they wait, packed as the cube will hold them.

A scene's place in a cube is known only once all were judged, and reading it again costs more than everything else. So each is written
once, beside the cube, and its files move to their place when the list is final. What is missing here is read again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import runs, store
from glaciercast.errors import RunFolderError

if TYPE_CHECKING:
    from glaciercast.store import RegionWriter


@dataclass(frozen=True)
class Staging:
    """Waiting scenes of one product, told apart by number.

    Parameters
    ----------
    folder
        Theirs alone; its name tells rules apart, as what was read under others must not be taken.
    shape
        Number of scenes, rows, columns.
    variables
        Name → dtype.
    """

    folder: Path
    shape: tuple[int, int, int]
    variables: Mapping[str, str]

    def lay_out(self) -> None:
        """Create the arrays unless they are there; by one process, before any `put`."""
        import zarr

        if (self.folder / "ready").exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        chunks, shards = store.shards_for(self.shape)
        packing = store.packing()["compressors"]
        group = zarr.open_group(self.folder, mode="w")
        for name, dtype in self.variables.items():
            fill = np.nan if np.dtype(dtype).kind == "f" else False
            group.create_array(
                name,
                shape=self.shape,
                dtype=dtype,
                chunks=chunks,
                shards=shards,
                fill_value=fill,
                compressors=packing,
            )
        (self.folder / "ready").touch()

    def put(self, number: int, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
        """Write a scene's arrays (y, x), then its note with their checksums and `facts`; safe from many threads and processes."""
        self._note(number).unlink(missing_ok=True)
        sums = store.put(self.folder, "", number, arrays)
        held = [name for name in arrays if store.shard_file(self.folder, name, number).exists()]  # a date of nothing but NaN has no file
        runs.write_json(self._note(number), {"sums": sums, "held": held, "facts": dict(facts)})

    def holds(self, number: int) -> bool:
        """Tell whether a scene waits here whole: after a kill, a part of it may have moved."""
        try:
            note = runs.read_json(self._note(number))
        except RunFolderError:
            return False
        return all(store.shard_file(self.folder, name, number).exists() for name in note["held"])

    def arrays(self, number: int, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """Return arrays (y, x) of a scene that waits here, all of them unless `names` tells which."""
        import zarr

        group = zarr.open_group(self.folder, mode="r")
        return {name: np.asarray(group[name][number]) for name in names or self.variables}  # type: ignore[index]

    def facts(self, number: int) -> dict[str, Any]:
        """Return the facts of a scene that waits here."""
        found: dict[str, Any] = runs.read_json(self._note(number))["facts"]
        return found

    def move(self, number: int, writer: RegionWriter, step: int) -> None:
        """Move a scene to the date `step` of the cube and write its line there."""
        note = runs.read_json(self._note(number))
        shards = {name: store.shard_file(self.folder, name, number) if name in note["held"] else None for name in note["sums"]}
        writer.adopt(step, shards, note["sums"], **note["facts"])

    def clear(self) -> None:
        """Remove what waits here, and what waited under other rules."""
        for folder in self.folder.parent.glob(self.folder.name.rpartition("-")[0] + "-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _note(self, number: int) -> Path:
        return self.folder / "notes" / f"{number}.json"
