"""Filling of the steps of one kind of data: from the past, step by step, or, for exploration, from both sides."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from glaciercast.align.between import Spool
from glaciercast.align.steps import Arrays, Step, Steps
from glaciercast.cube.seasonfill import SeasonFiller
from glaciercast.progress import track
from glaciercast.schema import OBSERVED


class Filler(Protocol):
    """Makes the steps of one kind of data in order."""

    def step(self, index: int) -> Step:
        """Return a step with gaps filled and all variables made."""

    def restore(self, index: int, read: Callable[[str], np.ndarray]) -> None:
        """Take in a step that an earlier run has written; `read` gives a variable of it (y, x)."""


class NoFill:
    """Leaves gaps as they are."""

    def __init__(self, source: Steps) -> None:
        self.source = source

    def step(self, index: int) -> Step:
        """Return what a step shows."""
        return self.source.complete(self.source.step(index))

    def restore(self, index: int, read: Callable[[str], np.ndarray]) -> None:
        """Do nothing: steps do not depend on each other."""


class PastFill:
    """Fills each step from itself, the steps before it and the season in earlier years; what it keeps of them lies on disk.

    While a step is filled, variable by variable at the same time, the next one is composed.
    """

    def __init__(self, source: Steps, times: np.ndarray, shape: tuple[int, int], folder: Path) -> None:
        self.source, self.times = source, times
        self.fillers = {name: SeasonFiller(source.season_fill, shape, folder) for name in source.basic}
        self._reader = ThreadPoolExecutor(1, "compose")
        self._coming: dict[int, Future[Step]] = {}

    def step(self, index: int) -> Step:
        """Return a step, filled unless it is dark."""
        made = self._composed(index)
        if self.source.dark[index]:
            self._forget()
            return self.source.complete(made)
        with ThreadPoolExecutor(len(self.fillers)) as pool:
            filled = pool.map(lambda name: self.fillers[name].step(made.arrays[name], self.times[index])[0], self.fillers)
            arrays = dict(zip(self.fillers, filled, strict=True))
        return self.source.complete(Step(arrays, made.observed, made.beside, made.facts))

    def _composed(self, index: int) -> Step:
        """Return what a step shows, and begin to compose the next one."""
        coming = self._coming.pop(index, None)
        made = self.source.step(index) if coming is None else coming.result()
        if index + 1 < len(self.times):
            self._coming[index + 1] = self._reader.submit(self.source.step, index + 1)
        return made

    def restore(self, index: int, read: Callable[[str], np.ndarray]) -> None:
        """Take in what a step that is written had observed."""
        self._coming.pop(index, None)
        if self.source.dark[index]:
            self._forget()
            return
        for name, filler in self.fillers.items():
            seen = np.where(read(name + OBSERVED) > 0, read(name), np.float32(np.nan))
            filler.restore([(seen, self.times[index])])

    def _forget(self) -> None:
        for filler in self.fillers.values():
            filler.forget()


class TwoSidedFill:
    """Fills all steps linearly in time once all are composed; between them they lie on disk."""

    def __init__(self, source: Steps, times: np.ndarray, shape: tuple[int, int], folder: Path) -> None:
        self.source, self.times = source, times
        layers = (*source.basic, *(name + OBSERVED for name in source.basic), *source.beside)
        self.spool = Spool(folder, layers, (len(times), *shape))
        self.facts = [self._put(index) for index in track(range(len(times)), "Composing")]
        for name in source.basic:
            self.spool.interpolate(name, times, ~source.dark)

    def step(self, index: int) -> Step:
        """Return a step."""
        kept = self.spool.get(index)
        arrays = {name: kept[name] for name in self.source.basic}
        observed = {name: kept[name + OBSERVED] for name in self.source.basic}
        beside = {name: kept[name].astype(dtype) for name, dtype in self.source.beside.items()}
        return self.source.complete(Step(arrays, observed, beside, self.facts[index]))

    def restore(self, index: int, read: Callable[[str], np.ndarray]) -> None:
        """Do nothing: the steps were composed anew."""

    def _put(self, index: int) -> dict[str, object]:
        made = self.source.step(index)
        observed = {name + OBSERVED: values for name, values in made.observed.items()}
        self.spool.put(index, {**made.arrays, **observed, **made.beside})
        return made.facts


def gather(parts: list[Step]) -> Step:
    """Return one step that holds those of several kinds."""
    arrays: Arrays = {}
    observed: Arrays = {}
    beside: Arrays = {}
    facts: dict[str, object] = {}
    for part in parts:
        arrays |= part.arrays
        observed |= part.observed
        beside |= part.beside
        facts |= part.facts
    return Step(arrays, observed, beside, facts)
