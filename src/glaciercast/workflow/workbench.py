"""A cube's series with its task and split, on which models are fitted, scored and shown."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config, runs, store
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.progress import note
from glaciercast.schema import ALIGNED, ALIGNED_VARIABLES
from glaciercast.sources.recipe import Mask
from glaciercast.workflow.settings import BenchmarkConfig, ModelSpec, RunConfig

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.models.base import Forecaster, TrainingData
    from glaciercast.models.residual import ResidualForecaster
    from glaciercast.models.task import Task
    from glaciercast.patches.series import Series
    from glaciercast.patches.splits import TimeSplit
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

    folder: Path
    settings: BenchmarkConfig
    series: Series
    task: Task
    split: TimeSplit
    data: TrainingData

    @classmethod
    def open(cls, cube: str | Path, folder: Path, settings: BenchmarkConfig) -> Workbench:
        """Open a cube for `settings` in a run folder; everything fitted later is fitted on the training part of its split."""
        import numpy as np

        from glaciercast.models.base import TrainingData
        from glaciercast.models.task import Task
        from glaciercast.patches import series as serieses
        from glaciercast.patches import splits
        from glaciercast.patches.sampling import patch_origins
        from glaciercast.training.fit import check_options

        _check_models(settings.models)
        check_options(settings.training)
        windows = settings.windows
        _check_units(windows.targets)
        series = serieses.load(cube, folder / "cache", windows.variables, windows.n_target, windows.statics)
        patch_origins(series.shape, windows.patch, windows.stride)  # refuses a scene smaller than a patch before anything is fitted
        history = max(windows.n_input, series.period)
        split = splits.by_time(
            series.n_steps,
            n_input=windows.n_input,
            n_target=windows.n_target,
            history=history,
            composite_length=series.composite_length,
            fractions=windows.fractions,
        )
        _check_calibration(settings.models, len(split.issues("validation")))
        task = Task(
            windows.n_input, windows.n_target, history, series.period, windows.variables, windows.patch, windows.targets, windows.statics
        )
        steps = split.training_steps
        values, observed = series.frames(steps)
        data = TrainingData(
            values, observed, series.season_index[steps.start : steps.stop], np.arange(steps.start, steps.stop), series.period
        )
        return cls(folder, settings, series, task, split, data)

    def model(self, spec: ModelSpec) -> tuple[nn.Module, dict[str, Any]]:
        """Return a fitted forecaster and its facts; a network, or an ensemble, that was fitted before is loaded."""
        from glaciercast.models import base, registry

        if registry.find(spec.name).kind != "baseline":
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

        return table.describe_split(self.series, self.split)

    def specs(self) -> list[ModelSpec]:
        """Return all baselines, then the networks of the settings."""
        return [*(ModelSpec(name=name) for name in BASELINES), *self.settings.models]


def _check_units(targets: tuple[str, ...]) -> None:
    units = {name: ALIGNED.variables[name].units for name in targets if name in ALIGNED_VARIABLES}
    if len(set(units.values())) > 1:
        found = ", ".join(f"{name} in {unit}" for name, unit in units.items())
        raise InputError(f"targets: expected variables of one unit, as their errors are added up, found {found}")


def _check_models(specs: tuple[ModelSpec, ...]) -> None:
    from glaciercast.models import registry

    labels = [spec.label for spec in specs]
    for spec in specs:
        if registry.find(spec.name).kind == "baseline":
            raise InputError(f"model '{spec.name}': is a baseline, which is always in the table; expected a network")
        if labels.count(spec.label) > 1:
            raise InputError(f"model '{spec.label}': is there twice; give one of them another 'title'")


def _check_calibration(specs: tuple[ModelSpec, ...], windows: int) -> None:
    from glaciercast.forecast import traits
    from glaciercast.models import conformal

    for spec in specs:
        if spec.calibrate:
            conformal.check_windows(traits.levels_of(spec.head), windows)


def score(workbench: Workbench) -> dict[str, Any]:
    """Fit and score every model; write the results and what the report draws into the run folder."""
    from glaciercast.evaluate import scoring, table
    from glaciercast.training import processes

    series, task, split = workbench.series, workbench.task, workbench.split
    sums, facts = {}, {}
    for spec in workbench.specs():
        note(f"fitting {spec.label}")
        forecaster, facts[spec.label] = workbench.model(spec)
        forecaster.to(processes.device(workbench.settings.training.device))
        key = {"data": series.fingerprint, "config": config.plain(workbench.settings.model_copy(update={"models": (spec,)}))}
        for part in ("validation", "test"):
            cell = workbench.folder / "cells" / f"{spec.label}.{part}.json"
            result = scoring.cell(cell, {**key, "part": part}, forecaster, spec.label, series, task, split, part)
            if part == "validation":
                mse = result.errors.mse()
                facts[spec.label]["validation_mse"] = mse if mse == mse else None  # nothing observed: JSON has no NaN
                continue
            sums[spec.label] = result.errors
            stated = {"bands": result.quantiles, "uncalibrated_bands": result.uncalibrated}
            facts[spec.label] |= {key: table.bands(each) for key, each in stated.items() if each is not None}
    attributes = series.attributes
    site = {
        "name": attributes.get("title", ""),
        "title": attributes.get("title", ""),
        "note": attributes.get("comment", ""),
        "attribution": attributes.get("attribution", ""),
        "is_glacier": bool(attributes.get("is_glacier", 1)),
    }
    results = table.build(series, split, sums, facts, site)
    runs.write_json(workbench.folder / "results" / "benchmark.json", results)
    _keep_for_report(workbench)
    return results


def identity(cube: str | Path, settings: Config, more: dict[str, Any] | None = None) -> _CubeTask:
    """Return what identifies a run on a cube."""
    path = store.locate(cube)
    return _CubeTask(cube=str(path), content=store.fingerprint(path, "/aligned"), settings={**config.plain(settings), **(more or {})})


def _keep_for_report(workbench: Workbench) -> None:
    """Keep what the report draws besides the scores: coverage, and one test window (the best observed one) under every model."""
    import numpy as np
    import xarray as xr

    from glaciercast.evaluate import scoring
    from glaciercast.forecast import export, scenes

    series, task, split = workbench.series, workbench.task, workbench.split
    observed = scoring.observed_share(series)
    coverage = {
        "time": [f"{start:%Y-%m-%d}" for start in series.starts[: series.n_steps]],
        "observed": observed.tolist(),
        "parts": {part: [steps.start, steps.stop - 1] for part, steps in split.targets.items()},
    }
    runs.write_json(workbench.folder / "results" / "coverage.json", coverage)
    issues = split.issues("test")
    issue = int(max(issues, key=lambda step: np.sqrt(observed[step + 1 : step + 1 + task.n_target]).sum()))  # well seen at every lead
    truth, seen = series.frames(range(issue + 1, issue + 1 + task.n_target))
    wanted = len(task.targets)
    shown = {"truth": truth[:, :wanted], "observed": seen[:, :wanted]}
    for spec in workbench.specs():
        shown[spec.label] = scenes.forecast_scene(workbench.model(spec)[0], series, task, issue)
    frames = [scenes.to_dataset(np.asarray(values), series, issue, task, name) for name, values in shown.items()]
    models = xr.Variable("model", np.array(list(shown), dtype=object))
    window = xr.concat(frames, models, data_vars=[task.targets[0]], coords="minimal", compat="override")
    export.write_netcdf(window, workbench.folder / "results" / "window.nc")


def compare_masks(settings: RunConfig, folder: Path) -> None:
    """Compare the snow season under each choice of clear classes: two choices of mask, two answers."""
    if not settings.mask_choices or settings.recipe is None:
        return
    from glaciercast.explore import snow
    from glaciercast.sources.rasters import RasterSource

    source = RasterSource(settings.recipe)
    season = {}
    for label, classes in settings.mask_choices.items():
        rule = Mask(band=settings.recipe.mask.band, clear=classes, nodata=settings.recipe.mask.nodata)
        fractions = snow.snow_fraction_by_month(snow.clear_ndsi(source, rule))
        season[label] = {"classes": list(classes), "snow_fraction": [None if share != share else float(share) for share in fractions]}
    runs.write_json(folder / "results" / "season.json", season)
