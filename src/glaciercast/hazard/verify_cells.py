"""Chances of one model under one protocol at one horizon: fitted anew in each fold, kept in a file while nothing they hang on changes."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from glaciercast import config
from glaciercast.errors import GlaciercastError
from glaciercast.hazard import folds
from glaciercast.hazard.folds import Fold, Split
from glaciercast.hazard.models_base import Model
from glaciercast.hazard.pairs import Pairs
from glaciercast.hazard.records import TABLES, Records
from glaciercast.hazard.samples import Samples

SEASON = "season"
"""Name of the model that all others are measured against."""
Create = Callable[[str], Model]


@dataclass(frozen=True)
class Cell:
    """One model, protocol and horizon."""

    model: str
    protocol: str
    horizon: int

    def __str__(self) -> str:
        """Return its name in words."""
        return f"{self.model}, {self.protocol}, {self.horizon} days"

    def path(self, folder: Path) -> Path:
        """Return the file that keeps its chances."""
        return folder / f"{self.protocol}-{self.horizon}-{self.model}.npz"


@dataclass(frozen=True)
class Foretold:
    """Chances for the tested samples, all float64 (sample,); NaN where a sample is in no fold."""

    chance: np.ndarray
    low: np.ndarray
    high: np.ndarray


def cells(models: Sequence[str], horizons: Sequence[int], protocols: Sequence[str]) -> list[Cell]:
    """Return all cells, the season of each protocol and horizon first."""
    names = [SEASON, *(name for name in models if name != SEASON)]
    return [Cell(name, protocol, horizon) for protocol in protocols for horizon in horizons for name in names]


def foretell(cell: Cell, records: Records, samples: Samples, split: Split, create: Create, seed: int = 0) -> Foretold:
    """Fit the model in each fold and return its chances for what the fold tests.

    The model sees the training samples and the events that training may know, nothing else of what came.

    Raises
    ------
    GlaciercastError
        If a model gives a chance that is not within 0 and 1: none may choose its samples.
    """
    found = np.full((3, len(samples)), np.nan)
    for fold in split.folds:
        model = create(cell.model)
        model.fit(records, folds.learnt(samples, fold, cell.horizon), cell.horizon, seed)
        told = model.predict(records, asked(samples, fold))
        given = np.stack([told.chance, told.low, told.high])
        if not ((given >= 0) & (given <= 1)).all():
            raise GlaciercastError(
                f"{cell}, fold {fold.name}: expected chances within 0 and 1, found {given[~((given >= 0) & (given <= 1))][0]:g}"
            )
        found[:, fold.test] = given
    return Foretold(*found)


def asked(samples: Samples, fold: Fold) -> Samples:
    """Return the tested samples of a fold without outcomes, with the events that training may know."""
    tested = samples.take(fold.test, fold.events)
    size = len(tested)
    labels = {horizon: np.full(size, np.nan) for horizon in tested.labels}
    floods = {horizon: np.full(size, "", dtype=object) for horizon in tested.floods}
    return Samples(tested.lake, tested.issue, tested.values, tested.ages, tested.names, labels, floods, tested.events)


@dataclass(frozen=True)
class Kept:
    """Files of cells in a folder, each under the key of what it was made from: cells of another key are not used.

    Attributes
    ----------
    folder
        None: nothing is kept.
    key
        Of the run, see `key_of`.
    """

    folder: Path | None
    key: str

    def of(self, cell: Cell, make: Callable[[], Foretold]) -> Foretold:
        """Return what the cell's file holds, or make and keep it; files cut short and those of another key are made anew."""
        if self.folder is None:
            return make()
        path = cell.path(self.folder)
        if (found := _read(path, self.key)) is not None:
            return found
        found = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        with partial.open("wb") as file:
            np.savez_compressed(file, key=np.array(self.key), chance=found.chance, low=found.low, high=found.high)
        partial.replace(path)
        return found

    def refused(self, cells: Sequence[Cell]) -> str:
        """Return a line on the files that are there and not used; empty where there are none."""
        if self.folder is None:
            return ""
        paths = [path for cell in cells if (path := cell.path(self.folder)).is_file() and _read(path, self.key) is None]
        told = "1 kept cell is" if len(paths) == 1 else f"{len(paths)} kept cells are"
        return f"{self.folder}: {told} of other code, settings or tables, or cut short, and made anew" if paths else ""


def _read(path: Path, key: str) -> Foretold | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            return Foretold(file["chance"], file["low"], file["high"]) if str(file["key"]) == key else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def key_of(records: Records, samples: Samples, rest: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of all that chances hang on: the source of glaciercast, the records, the samples, and what else is told."""
    from glaciercast.evaluate.cells import code_identity

    digest = hashlib.sha256(f"{code_identity()} {config.digest(dict(rest))}".encode())
    for table in (*(getattr(records, name) for name in TABLES), samples.events):
        digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    floods = [",".join(map(str, samples.floods[horizon])) for horizon in samples.floods]
    for text in (*samples.names, *floods, ",".join(map(str, samples.lake))):
        digest.update(text.encode() + b"\0")
    for array in (records.images, samples.issue, samples.values, samples.ages, *samples.labels.values()):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def pair(cell: Cell, samples: Samples, told: Foretold, season: Foretold, truth: np.ndarray | None) -> Pairs:
    """Return the pairs that a cell is scored on: what it foretold, sorted by lake and issue."""
    scored = np.flatnonzero(np.isfinite(told.chance))
    order = scored[np.lexsort((samples.issue[scored], samples.lake[scored].astype(str)))]
    return Pairs(
        cell.horizon, samples.lake[order], samples.issue[order], told.chance[order], samples.labels[cell.horizon][order],
        season.chance[order], samples.floods[cell.horizon][order], None if truth is None else truth[order],
    )  # fmt: skip


def known_chances(truth: pd.DataFrame | None, samples: Samples, horizon: int) -> np.ndarray | None:
    """Return the true chance of each sample, float64 (sample,), NaN where it is not known; None where none is."""
    column = f"chance_{horizon}"
    if truth is None or column not in truth:
        return None
    wanted = pd.MultiIndex.from_arrays([samples.lake, samples.issue])
    by_day = pd.Series(truth[column].to_numpy("float64"), pd.MultiIndex.from_frame(truth[["lake", "issue"]]))
    found = by_day[~by_day.index.duplicated()].reindex(wanted).to_numpy("float64")
    return found if np.isfinite(found).any() else None
