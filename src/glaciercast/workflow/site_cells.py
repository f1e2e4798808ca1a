"""One site of a grid: its cells, read where they are kept and made where they are missing."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import runs, store
from glaciercast.workflow import model_cells, sealed
from glaciercast.workflow.settings import BenchmarkConfig, ModelSpec
from glaciercast.workflow.workbench import Workbench, all_specs, is_baseline

if TYPE_CHECKING:
    from glaciercast.evaluate.cells import Cell
    from glaciercast.patches.splits import Part


@dataclass(frozen=True)
class SiteCells:
    """One site of a grid: what makes its cells.

    Attributes
    ----------
    site, cube, folder
        Name of the site in the grid, its cube, and what the site has of the run folder.
    settings
        Of the whole grid; the seed is that of each cell.
    wanted
        Parts that are scored, the one that the table tells of last.
    """

    site: str
    cube: Path
    folder: Path
    settings: BenchmarkConfig
    wanted: tuple[Part, ...]

    @functools.cached_property
    def workbench(self) -> Workbench:
        """The site's workbench, opened when the first cell is missing."""
        return Workbench.open(self.cube, self.folder, self.settings)

    @functools.cached_property
    def data(self) -> str:
        """What the cells depend on: the content of the series."""
        return store.fingerprint(self.cube, "/aligned")

    def specs(self) -> list[ModelSpec]:
        """Return all models."""
        return all_specs(self.settings.models)

    def checked(self) -> dict[str, Any]:
        """Return what is told of leaks and of the test part's opening."""
        kept = self.folder / sealed.SEAL
        return runs.read_json(kept) if kept.is_file() else sealed.checked(self.workbench, self.wanted[-1])

    def cells(self, seeds: Sequence[int]) -> Iterator[Cell]:
        """Yield the cells of all models: baselines once, networks from each seed."""
        for spec in self.specs():
            for seed in (None,) if is_baseline(spec) else seeds:
                settings = self._seeded(spec, seed)
                bench = functools.partial(self._bench, settings, seed)
                yield from model_cells.make(bench, spec, settings, self.data, self.folder / "cells", self.site, seed, self.wanted).values()

    def _seeded(self, spec: ModelSpec, seed: int | None) -> BenchmarkConfig:
        """Return the settings with a seed from which no member of an ensemble shares its own with one of another seed."""
        if seed is None:
            return self.settings
        training = self.settings.training.model_copy(update={"seed": seed * spec.members})
        return self.settings.model_copy(update={"training": training})

    def _bench(self, settings: BenchmarkConfig, seed: int | None) -> Workbench:
        folder = self.folder if seed is None else self.folder / f"seed-{seed}"
        return replace(self.workbench, settings=settings, folder=folder)
