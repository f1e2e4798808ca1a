"""A cube's series with its task and split, on which models are fitted, scored and shown."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config, grid, store
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.patches.splits import PARTS
from glaciercast.schema import ALIGNED, ALIGNED_VARIABLES
from glaciercast.workflow.settings import BenchmarkConfig, ModelSpec

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.evaluate.leaks import LeakReport
    from glaciercast.models.base import Forecaster, TrainingData
    from glaciercast.models.residual import ResidualForecaster
    from glaciercast.models.task import Task
    from glaciercast.patches.series import Series
    from glaciercast.patches.splits import Part, TimeSplit
    from glaciercast.training.fit import FitResult

BASELINES = ("persistence", "same_season", "climatology", "damped_anomaly", "linear_trend", "advection", "harmonic", "season_shift")


class _CubeTask(Config):
    """What identifies a run on a cube: the cube's content beside the settings."""

    cube: str
    content: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class Workbench:
    """A cube's series with its task and split, and the folder in which models are fitted and scored."""

    cube: Path
    folder: Path
    settings: BenchmarkConfig
    series: Series
    task: Task
    split: TimeSplit
    data: TrainingData

    @classmethod
    def open(cls, cube: str | Path, folder: Path, settings: BenchmarkConfig) -> Workbench:
        """Open a cube for `settings` in a run folder; everything fitted later is fitted on the training part of its split."""
        from glaciercast.models.task import Task
        from glaciercast.patches import series as serieses
        from glaciercast.patches import splits_kinds
        from glaciercast.patches.sampling import patch_origins
        from glaciercast.training import networks

        check(settings)
        windows = settings.windows
        series = serieses.load(cube, folder / "cache", windows.variables, windows.n_target, windows.statics)
        patch_origins(series.shape, windows.patch, windows.stride)  # refuses a scene smaller than a patch before anything is fitted
        history = max(windows.n_input, series.period)
        split = splits_kinds.make(windows, series.n_steps, series.shape, history, series.composite_length)
        _check_calibration(settings.models, len(split.issues("validation")))
        task = Task(
            windows.n_input, windows.n_target, history, series.period, windows.variables, windows.patch, windows.targets, windows.statics
        )
        return cls(store.locate(cube), folder, settings, series, task, split, networks.training_data(series, split))

    def model(self, spec: ModelSpec) -> tuple[nn.Module, dict[str, Any]]:
        """Return a fitted forecaster and its facts; a network, or an ensemble, that was fitted before is loaded."""
        from glaciercast.models import base, registry

        if not is_baseline(spec):
            return self._network(spec)
        baseline = registry.create(spec.name, self.task, **spec.options).fit(self.data)
        return baseline, {"kind": "baseline", "parameters": base.parameter_count(baseline), "train_seconds": None, "residual": None}

    def _network(self, spec: ModelSpec) -> tuple[nn.Module, dict[str, Any]]:
        """Return what is made of the networks of a spec, and what all of them cost."""
        from glaciercast.models import base
        from glaciercast.training import ensembles, networks

        training, stride = self.settings.training, self.settings.windows.stride

        def fit(seed: int, place: Path) -> tuple[ResidualForecaster, FitResult]:
            return networks.fit_network(
                spec.name, self.series, self.task, self.split, self.data, place, training.model_copy(update={"seed": seed}),
                residual=spec.residual, preset=spec.preset, head=spec.head, options=spec.options, stride=stride,
            )  # fmt: skip

        seeds = range(training.seed, training.seed + spec.members)
        meta = {**networks.describe(self.series, self.split), "stride": stride, "training": config.plain(training)}
        calibrate = functools.partial(self._calibrated, spec) if spec.calibrate else None
        forecaster, fits = ensembles.fit_together(fit, seeds, self.folder / "models" / spec.label, meta, calibrate)
        facts = {"kind": "network", "parameters": base.parameter_count(forecaster), "residual": spec.residual}
        return forecaster, {**facts, **ensembles.total(seeds, fits)}

    def _calibrated(self, spec: ModelSpec, forecaster: Forecaster) -> Forecaster:
        """Return a forecaster with its intervals calibrated on the validation part, whose windows are cut side by side."""
        from glaciercast.forecast import traits
        from glaciercast.models import conformal
        from glaciercast.patches import normalise
        from glaciercast.training import networks

        windows = networks.windows(self.series, self.task, self.split, "validation", self.task.patch)
        std = normalise.fit(self.data.values, self.data.observed).std[: len(self.task.targets)]
        return conformal.calibrate(forecaster, windows, std, traits.levels_of(spec.head))

    def describe_split(self) -> dict[str, Any]:
        """Return the split as the results keep it."""
        from glaciercast.evaluate import table

        told, name = table.describe_split(self.series, self.split), self.split.name
        if name == "time":
            return told
        dates = ", ".join(f"{part} {told[part][0]} to {told[part][1]}" for part in PARTS)
        return {**told, "name": name, "text": self.split.sentence if name == "glacier" else f"{self.split.sentence} Targets: {dates}."}

    def leak_report(self, part: Part) -> LeakReport:
        """Return what the leak checker finds of the split when `part` is scored."""
        from glaciercast.evaluate import leaks

        return leaks.report(self.series, self.task, self.split, self.settings.windows.stride, part)

    def site(self) -> dict[str, Any]:
        """Return what the results tell of the place."""
        attributes = self.series.attributes
        return {
            "name": attributes.get("title", ""),
            "title": attributes.get("title", ""),
            "note": attributes.get("comment", ""),
            "attribution": attributes.get("attribution", ""),
            "is_glacier": bool(attributes.get("is_glacier", 1)),
        }

    def about(self) -> dict[str, Any]:
        """Return what a cell tells of the series that it was scored on: site, variable, units, leads and split."""
        series, variable = self.series, self.series.variables[0]
        cadence = series.attributes["cadence"]
        return {
            "site": {**self.site(), "crs": grid.crs_name(series.geobox), "resolution": abs(series.geobox.resolution.x)},
            "variable": variable,
            "units": ALIGNED.variables[variable].units,
            "leads": list(range(1, self.task.n_target + 1)),
            "lead_label": "months" if cadence == "MS" else f"steps of {cadence}",
            "split": self.describe_split(),
        }

    def specs(self) -> list[ModelSpec]:
        """Return all baselines, then the networks of the settings."""
        return all_specs(self.settings.models)


def all_specs(networks: Sequence[ModelSpec]) -> list[ModelSpec]:
    """Return all baselines, then the networks."""
    return [*(ModelSpec(name=name) for name in BASELINES), *networks]


def is_baseline(spec: ModelSpec) -> bool:
    """Tell whether a model is a baseline.

    Raises
    ------
    InputError
        If there is no such model.
    """
    from glaciercast.models import registry

    return registry.find(spec.name).kind == "baseline"


def check(settings: BenchmarkConfig) -> None:
    """Check what needs no cube, so that nothing is made for settings that cannot be used.

    Raises
    ------
    InputError
        If a model, its preset or an option is unknown, a model is there twice or is a baseline, an option of the training does not fit, or
        the targets differ in their units.
    """
    from glaciercast.training.fit import check_options

    _check_models(settings.models)
    check_options(settings.training)
    _check_units(settings.windows.targets)


def _check_units(targets: tuple[str, ...]) -> None:
    units = {name: ALIGNED.variables[name].units for name in targets if name in ALIGNED_VARIABLES}
    if len(set(units.values())) > 1:
        found = ", ".join(f"{name} in {unit}" for name, unit in units.items())
        raise InputError(f"targets: expected variables of one unit, as their errors are added up, found {found}")


def _check_models(specs: tuple[ModelSpec, ...]) -> None:
    from glaciercast.models import registry

    labels = [spec.label for spec in specs]
    for spec in specs:
        if not spec.name:
            raise InputError("models: expected names, found an empty one")
        if is_baseline(spec):
            raise InputError(f"model '{spec.name}': is a baseline, which is always in the table; expected a network")
        if labels.count(spec.label) > 1:
            raise InputError(f"model '{spec.label}': is there twice; give one of them another 'title'")
        registry.resolved(spec.name, spec.preset, spec.options)


def _check_calibration(specs: tuple[ModelSpec, ...], windows: int) -> None:
    from glaciercast.forecast import traits
    from glaciercast.models import conformal

    for spec in specs:
        if spec.calibrate:
            conformal.check_windows(traits.levels_of(spec.head), windows)


def identity(cube: str | Path, settings: Config, more: dict[str, Any] | None = None) -> _CubeTask:
    """Return what identifies a run on a cube."""
    path = store.locate(cube)
    return _CubeTask(cube=str(path), content=store.fingerprint(path, "/aligned"), settings={**config.plain(settings), **(more or {})})
