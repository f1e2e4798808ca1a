"""Which part of a cube is taken out, and its values, compared with their checksums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast import schema, store
from glaciercast.errors import InputError, unknown
from glaciercast.progress import track

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Selection:
    """What is exported of a cube."""

    path: Path
    group: str
    dataset: xr.Dataset
    names: list[str]
    steps: np.ndarray
    """Indices along the first dimension, sorted."""

    @property
    def dim(self) -> str | None:
        """The first dimension of the series: time, pair, or none."""
        return next((dim for dim in ("time", "pair") if any(dim in self.dataset[name].dims for name in self.names)), None)

    @property
    def series(self) -> list[str]:
        """The variables along that dimension."""
        return [name for name in self.names if self.dim is not None and self.dim in self.dataset[name].dims]

    def between(self, start: str | None, end: str | None) -> Selection:
        """Return the part from the first to the last day; a pair from its earlier to its later image.

        Raises
        ------
        InputError
            If there is no time, a day cannot be read, or nothing lies between them.
        """
        if start is None and end is None:
            return self
        if self.dim is None:
            raise InputError(f"{self.group}: has no time; leave out --from and --to")
        first, last = ("acquired_first", "acquired_second") if self.dim == "pair" else ("time", "time")
        inside = np.ones(self.dataset.sizes[self.dim], bool)
        if start is not None:
            inside &= self.dataset[first].values >= _day(start, "--from")
        if end is not None:
            inside &= self.dataset[last].values < _day(end, "--to") + np.timedelta64(1, "D")
        if not inside.any():
            times = self.dataset[first].values[:1], self.dataset[last].values[-1:]
            span = " … ".join(str(each[0])[:10] for each in times if each.size)
            raise InputError(f"{self.group}: has nothing from {start or 'the first'} to {end or 'the last'}; it holds {span}")
        return replace(self, steps=np.flatnonzero(inside))

    def regions(self) -> Iterator[tuple[np.ndarray, tuple[slice, ...], dict[str, np.ndarray]]]:
        """Yield what was written at once and meets the chosen steps: which steps, where (y, x), and the arrays (step, y, x) of the series.

        Raises
        ------
        GlaciercastError
            If an array differs from its checksum.
        """
        entries = [entry for entry in self._entries() if self._inside(entry).size]
        for entry in track(entries, "Exporting"):
            inside, first = self._inside(entry), _first(entry)
            rest = tuple(slice(*bounds) for bounds in entry["at"][1:]) if "at" in entry else (slice(None), slice(None))
            arrays = {name: np.asarray(self.dataset[name].data[(first, *rest)]) for name in self.series}
            self._check(entry, arrays)
            yield inside, rest, {name: values[inside - first.start] for name, values in arrays.items()}

    def timeless(self) -> dict[str, np.ndarray]:
        """Return the rasters without time, compared with their checksums where the manifest has them."""
        arrays = {name: self.dataset[name].values for name in self.names if name not in self.series}
        for entry in self._entries():
            self._check(entry, arrays)
        return arrays

    def _entries(self) -> list[dict[str, Any]]:
        return [entry for entry in store.read_manifest(self.path) if entry["group"] == self.group and entry["kind"] == "region"]

    def _inside(self, entry: dict[str, Any]) -> np.ndarray:
        inside: np.ndarray = self.steps[(self.steps >= _first(entry).start) & (self.steps < _first(entry).stop)]
        return inside

    def _check(self, entry: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        noted = {name: values for name, values in arrays.items() if name in entry["xxh128"]}
        store.check_date(self.path, self.group, entry["step"], noted)


def select(path: Path, group: str, variables: Sequence[str], observed: bool) -> Selection:
    """Return all of a group of the cube at `path`.

    Parameters
    ----------
    path, group
        The cube and the path of the group in it.
    variables
        Which; none: all that have y and x, but for those of `schema.OBSERVED`.
    observed
        Take what says which fraction was observed along with each variable that has it.

    Raises
    ------
    InputError
        If there is no such cube, group or variable.
    """
    cube = store.open_cube(path)
    wanted = "/" + group.strip("/")
    groups = [node.path for node in cube.subtree if {"y", "x"} <= set(node.to_dataset().dims)]
    if wanted not in groups:
        raise InputError(f"{path}: {unknown('group', wanted, groups)}")
    dataset = cube[wanted].to_dataset()
    rasters = [str(name) for name in dataset.data_vars if {"y", "x"} <= set(dataset[name].dims)]
    for name in variables:
        if name not in rasters:
            raise InputError(f"{path}{wanted}: {unknown('variable', name, rasters)}")
    names = list(dict.fromkeys(variables)) or sorted(name for name in rasters if not name.endswith(schema.OBSERVED))
    beside = [name + schema.OBSERVED for name in names if name + schema.OBSERVED in rasters and name + schema.OBSERVED not in names]
    chosen = Selection(path, wanted, dataset, names + (beside if observed else []), np.arange(0))
    return chosen if chosen.dim is None else replace(chosen, steps=np.arange(dataset.sizes[chosen.dim]))


def _first(entry: dict[str, Any]) -> slice:
    """Return which part of the first dimension a region of the manifest holds."""
    return slice(*entry["at"][0]) if "at" in entry else slice(entry["step"], entry["step"] + 1)


def _day(text: str, option: str) -> np.datetime64:
    try:
        day = pd.Timestamp(text)
    except ValueError as error:
        raise InputError(f"{option} '{text}': expected a day such as 2020-05-01") from error
    if pd.isna(day):
        raise InputError(f"{option} '{text}': expected a day such as 2020-05-01")
    return day.tz_localize(None).normalize().to_datetime64()
