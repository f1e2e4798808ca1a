"""Leave one glacier out: networks are trained on the others, before the test part begins, and scored where they have never been."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config, store
from glaciercast.errors import InputError
from glaciercast.workflow.settings import BenchmarkConfig, ModelSpec
from glaciercast.workflow.site_cells import SiteCells
from glaciercast.workflow.workbench import Workbench

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.evaluate.leaks import LeakReport
    from glaciercast.patches.series import Series
    from glaciercast.patches.splits import Part
    from glaciercast.patches.splits_glacier import GlacierSplit

BASELINES = ("persistence", "same_season", "advection")
"""Those that read the past of a pixel alone: nothing is fitted on the glacier that is left out."""
RESIDUALS = ("none", "last", "same_season")
"""References of which the same is true."""


@dataclass(frozen=True)
class Stranger(Workbench):
    """The glacier that is left out, among all `glaciers`; its networks know the others alone."""

    glaciers: Mapping[str, Series] = field(default_factory=dict)
    splits: Mapping[str, GlacierSplit] = field(default_factory=dict)

    def specs(self) -> list[ModelSpec]:
        """Return the baselines that need no fit, then the networks."""
        return [*(ModelSpec(name=name) for name in BASELINES), *self.settings.models]

    def leak_report(self, part: Part) -> LeakReport:
        """Return what the leak checker finds: nothing here is trained on, and elsewhere nothing near the test part or after it."""
        from glaciercast.evaluate import corruption
        from glaciercast.patches import splits_glacier

        starts = {name: series.starts[: series.n_steps] for name, series in self.glaciers.items()}
        apart = splits_glacier.check_dates(starts, self.splits)
        others = {name: series for name, series in self.glaciers.items() if not self.splits[name].held_out}
        provenance = {name: corruption.provenance(series, self.splits[name]) for name, series in others.items()}
        return replace(super().leak_report(part), apart=apart, provenance=provenance)

    def _network(self, spec: ModelSpec) -> tuple[nn.Module, dict[str, Any]]:
        """Fit a network on the training windows of the others; the weights that are best on their validation windows are kept."""
        from glaciercast.models import base
        from glaciercast.training import ensembles, left_out

        training = self.settings.training
        forecaster, fitted = left_out.fit_elsewhere(
            spec.name, self.glaciers, self.splits, self.task, self.folder / "models" / spec.label, training, residual=spec.residual,
            preset=spec.preset, head=spec.head, stride=self.settings.windows.stride, options=spec.options,
        )  # fmt: skip
        facts = {"kind": "network", "parameters": base.parameter_count(forecaster), "residual": spec.residual}
        return forecaster, {**facts, **ensembles.total([training.seed], [fitted])}


@dataclass(frozen=True)
class LeftOut(SiteCells):
    """A site of a grid in which each is left out once: `rest` are the others."""

    rest: Mapping[str, Path] = field(default_factory=dict)

    @functools.cached_property
    def workbench(self) -> Workbench:
        """The site as one that is left out, beside the others."""
        from glaciercast.patches import splits_glacier
        from glaciercast.training import left_out

        opened = {
            name: Workbench.open(cube, self.folder.parent / name, self.settings)
            for name, cube in {self.site: self.cube, **self.rest}.items()
        }  # fmt: skip
        splits_glacier.check_apart({name: each.series.geobox for name, each in opened.items()})
        task, windows = opened[self.site].task, self.settings.windows
        splits = splits_glacier.by_glacier(
            {name: each.series.starts[: each.series.n_steps] for name, each in opened.items()}, self.site,
            n_input=task.n_input, n_target=task.n_target, history=task.history, fractions=windows.fractions,
            composite_length=max(each.series.composite_length for each in opened.values()),
        )  # fmt: skip
        splits = {name: split for name, split in splits.items() if split.held_out or split.targets["validation"].stop}  # others begin later
        glaciers, home = {name: opened[name].series for name in splits}, opened[self.site]
        data = left_out.pooled(glaciers, splits)
        return Stranger(home.cube, self.folder, self.settings, home.series, task, splits[self.site], data, glaciers, splits)

    @functools.cached_property
    def data(self) -> str:
        """What the cells depend on: the content of this site's series and of the others'."""
        return config.digest([store.fingerprint(cube, "/aligned") for cube in (self.cube, *self.rest.values())])

    def specs(self) -> list[ModelSpec]:
        """Return the baselines that need no fit, then the networks."""
        return [*(ModelSpec(name=name) for name in BASELINES), *self.settings.models]


def check(settings: BenchmarkConfig, sites: int, final: bool) -> None:
    """Check that one glacier of several can be left out.

    Raises
    ------
    InputError
        If there is one glacier, the test part stays sealed, the windows name a split of their own, or a network needs a fit on the glacier
        that it is scored on.
    """
    if sites < 2:
        raise InputError(f"split by glacier: expected at least two sites, found {sites}")
    if not final:
        raise InputError("split by glacier: only the test part of the glacier that is left out is scored; expected --final")
    if settings.windows.split != "time":
        raise InputError(f"split by glacier: expected no other split in 'windows.split', found '{settings.windows.split}'")
    for spec in settings.models:
        if spec.residual not in RESIDUALS or spec.members > 1 or spec.calibrate:
            known = ", ".join(RESIDUALS)
            raise InputError(f"model '{spec.label}': a split by glacier takes single networks on the residual {known}, not calibrated")
