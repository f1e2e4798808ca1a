"""Chances of one model under one protocol at one horizon: fitted anew in each fold, kept in a file, never computed twice."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from glaciercast.errors import GlaciercastError
from glaciercast.hazard import folds
from glaciercast.hazard.folds import Fold, Split
from glaciercast.hazard.models_base import Model
from glaciercast.hazard.pairs import Pairs
from glaciercast.hazard.records import Records
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


def kept(cell: Cell, folder: Path | None, size: int, make: Callable[[], Foretold]) -> Foretold:
    """Return what a file of the folder holds of the cell, or make and keep it; files cut short are made anew."""
    if folder is None:
        return make()
    path = cell.path(folder)
    if (found := _read(path, size)) is not None:
        return found
    found = make()
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, chance=found.chance, low=found.low, high=found.high)
    partial.replace(path)
    return found


def _read(path: Path, size: int) -> Foretold | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            found = Foretold(file["chance"], file["low"], file["high"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return found if found.chance.shape == (size,) else None


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
