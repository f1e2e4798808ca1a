"""Forecasts without some of the inputs: those that a cube lacks, or of which nothing was observed in the frames that a network reads.

A network that was trained with products that go missing (`missing_ok`) reads such an input as NaN, none of it observed, as in training.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glaciercast import store
from glaciercast.errors import InputError
from glaciercast.forecast.dataset import MISSING
from glaciercast.forecast.traits import of_networks
from glaciercast.patches import series as serieses
from glaciercast.patches.cache import Cache
from glaciercast.schema import OBSERVED

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.models.base import Forecaster
    from glaciercast.models.task import Task
    from glaciercast.patches.series import Series


@dataclass(frozen=True)
class Partial(Cache):
    """A cache as a task wants it: of a channel that `held` lacks or that is `hidden` values are NaN and fractions 0; nothing is copied."""

    held: Cache
    hidden: frozenset[str]

    def gather(
        self, steps: np.ndarray, rows: np.ndarray, cols: np.ndarray, n_steps: int, height: int, width: int, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return windows, as `Cache.gather`."""
        there = self.held.gather(steps, rows, cols, n_steps, height, width)
        shape = (*there.shape[:2], len(self.channels), height, width)
        windows = np.empty(shape, "float32") if out is None else out
        for place, name in enumerate(self.channels):
            if name in self.held.channels and name.removesuffix(OBSERVED) not in self.hidden:
                windows[:, :, place] = there[:, :, self.held.channels.index(name)]
            else:
                windows[:, :, place] = 0 if name.endswith(OBSERVED) else np.nan
        return windows


def load(cube: str | Path, folder: Path, forecaster: Forecaster, horizon: int) -> Series:
    """Open the series that a forecaster reads, with `horizon` future steps; inputs that the cube lacks are missing in all of it.

    Raises
    ------
    InputError
        If the cube lacks a target, or an input without which a network cannot do; and as `patches.series.load`.
    """
    task, path = forecaster.task, store.locate(cube)
    aligned = store.open_cube(path).get("aligned")
    lacking = [] if aligned is None else [name for name in _inputs(task) if name not in aligned]
    if lacking and not of_networks(forecaster, "missing_ok"):
        raise InputError(
            f"{path}: /aligned has no '{lacking[0]}', which {forecaster.name} reads and was not trained to do without (see 'multimodal')"
        )
    series = serieses.load(path, folder, tuple(name for name in task.variables if name not in lacking), horizon, task.statics)
    return without(series, task, lacking, "not in the cube") if lacking else series


def at(forecaster: nn.Module, series: Series, task: Task, issue: int) -> Series:
    """Return the series from which a forecast is issued: inputs that were not observed in any frame that is read are missing in it.

    What such an input was filled with is hidden from networks that can do without it. Others read it, as they did in training; that
    nothing of it was observed is said all the same.

    Raises
    ------
    InputError
        If a network that cannot do without an input has no value of it to read.
    """
    frames = range(issue - task.n_input + 1, issue + 1)
    values, observed = series.frames(frames)
    known = [name for name in _inputs(task) if name not in _hidden(series)]
    unseen = [name for name in known if not observed[:, task.variables.index(name)].any()]
    if not unseen:
        return series
    why = f"not observed in the {len(frames)} steps up to {series.starts[issue]:%Y-%m-%d}"
    if of_networks(forecaster, "missing_ok"):
        return without(series, task, unseen, why)
    for name in unseen:
        if np.isnan(values[:, task.variables.index(name)]).all():
            reader = getattr(forecaster, "name", "model")
            raise InputError(f"{reader}: reads '{name}', {why}, and was not trained to do without (see 'multimodal')")
    return _told(series, unseen, f"{why}; filled values are read")


def without(series: Series, task: Task, names: Collection[str], why: str) -> Series:
    """Return a series of all variables of `task` in which some are missing, as its attributes say."""
    channels = (*task.variables, *(name + OBSERVED for name in task.variables))
    cache = series.cache
    partial = Partial(cache.path, cache.tiles, channels, cache.shape, held=cache, hidden=frozenset(names))
    return _told(replace(series, cache=partial, variables=task.variables), names, why)


def _told(series: Series, names: Collection[str], why: str) -> Series:
    told = [*filter(None, [series.attributes.get(MISSING)]), f"{', '.join(names)} ({why})"]
    return replace(series, attributes={**series.attributes, MISSING: "; ".join(told)})


def _hidden(series: Series) -> frozenset[str]:
    return series.cache.hidden if isinstance(series.cache, Partial) else frozenset()


def _inputs(task: Task) -> tuple[str, ...]:
    return task.variables[len(task.targets) :]
