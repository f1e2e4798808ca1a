"""Writing a data set: block by block into a folder beside its own, resumed where it stopped, and put in its place when it is whole."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from glaciercast import runs
from glaciercast.dataset import blocks, describe, tar_form, zarr_form
from glaciercast.dataset.plan import Plan
from glaciercast.errors import InputError
from glaciercast.patches.splits import PARTS, Part
from glaciercast.progress import track

WORK = ".work"
"""Folder in the unfinished data set: caches, state and the log of finished blocks; it goes before the data set takes its place."""
STATE, LOG = "state.json", "blocks.jsonl"
REPLACED = ".replaced"
"""Folder in a data set of the one whose place it took, until that is removed."""


@contextmanager
def unfinished(out: Path, identity: str, replace: bool) -> Iterator[Path]:
    """Give the folder ``OUT.partial`` to write into; it becomes `out` when the block ends without an error.

    A folder that a killed export of the same content has left is taken up. What refuses settings leaves nothing behind.

    Raises
    ------
    InputError
        If the unfinished folder is of other content and is not to be replaced, is no data set's, or is in use.
    """
    folder = beside(out)
    state = folder / WORK / STATE
    if folder.exists() and not (folder / WORK).is_dir():
        raise InputError(f"{folder}: is in the way of the unfinished data set and is none; remove it or choose another --out")
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if state.exists() and runs.read_json(state).get("identity") != identity:
            if not replace:
                raise InputError(f"{folder}: holds an unfinished data set of other content; use --replace or another --out")
            _clear(folder)
        try:
            yield folder
        except BaseException:
            if not state.exists():  # refused before anything was written
                shutil.rmtree(folder)
            raise
        shutil.rmtree(folder / WORK)
    take_place(out)


def begin(folder: Path, identity: str) -> None:
    """Note in an unfinished data set which content it is of."""
    runs.write_json(folder / WORK / STATE, {"identity": identity})


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != WORK:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (folder / WORK).iterdir():
        if path.name != ".lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def beside(out: Path) -> Path:
    """Return where the unfinished data set of `out` is written."""
    return out.with_name(out.name + ".partial")


def take_place(out: Path) -> None:
    """Put the finished data set beside `out` in its place; the one that was there goes only then."""
    if out.exists():
        out.rename(beside(out) / REPLACED)
    beside(out).rename(out)
    clean(out)


def clean(out: Path) -> None:
    """Remove what a kill left of the data set whose place `out` took."""
    if (out / REPLACED).exists():
        shutil.rmtree(out / REPLACED)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / WORK / ".lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"{folder}: another process is writing this data set") from error
        yield


@dataclass(frozen=True)
class Writer:
    """Writes the windows of a plan into a folder, in the forms of its settings."""

    plan: Plan
    folder: Path
    statistics: dict[str, list[float]]

    @cached_property
    def tables(self) -> dict[Part, dict[str, np.ndarray]]:
        """Part → when and where each of its windows is (`blocks.tables`)."""
        return {part: blocks.tables(self.plan, part) for part in PARTS}

    def write(self) -> dict[Part, list[dict[str, Any]]]:
        """Write all blocks that are not there yet, and return what the log tells of each block, by part."""
        log = self.folder / WORK / LOG
        done = {(one["part"], one["block"]): one for one in _read_log(log)}
        if "zarr" in self.plan.settings.forms and not done:
            shutil.rmtree(self.folder / zarr_form.NAME, ignore_errors=True)
            zarr_form.lay_out(self.folder, self.plan, describe.attributes(self.plan, self.statistics), self.tables)
        wanted = [(part, block) for part in PARTS for block in range(-(-self.plan.count(part) // self.plan.settings.shard))]
        with log.open("a", encoding="utf-8") as file:
            for part, block in track([one for one in wanted if one not in done], "Writing windows"):
                done[part, block] = self._block(part, block)
                file.write(json.dumps(done[part, block]) + "\n")
                file.flush()
                os.fsync(file.fileno())
        for stray in self.folder.rglob("*.partial"):  # what kills left half written has another name than what took its place
            stray.unlink()
        return {part: [done[one] for one in wanted if one[0] == part] for part in PARTS}

    def _block(self, part: Part, block: int) -> dict[str, Any]:
        """Write one block in all forms, and return its line of the log: the observed share of each window and variable."""
        size = self.plan.settings.shard
        numbers = np.arange(block * size, min((block + 1) * size, self.plan.count(part)))
        fields = blocks.fields(self.plan, part, numbers)
        if "zarr" in self.plan.settings.forms:
            zarr_form.write(self.folder, part, block, int(numbers[0]), fields)
        if "tar" in self.plan.settings.forms:
            facts = [describe.window(self.plan, part, self.tables[part], number) for number in numbers.tolist()]
            small = {name: self.tables[part][name][numbers] for name in ("inputs_season", "targets_season")}
            tar_form.write(self.folder, part, block, int(numbers[0]), {**fields, **small}, facts)
        shares = {name: fields[f"{name}_observed"].mean((1, 3, 4), dtype="float64").round(6).tolist() for name in ("inputs", "targets")}
        return {"part": part, "block": block, **shares}


def _read_log(log: Path) -> list[dict[str, Any]]:
    """Return the lines of the log, and cut off a last one that a kill left half written."""
    if not log.exists():
        return []
    text = log.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        log.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]
