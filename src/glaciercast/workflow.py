"""The pipeline as plain functions: the same that the commands call, for notebooks and scripts.

Each function takes paths and settings, writes into a run folder that is never overwritten, and returns a dictionary of
plain JSON types. What was interrupted is taken up where it stopped when the same call is made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from glaciercast import config, runs, store
from glaciercast.align.series import AlignConfig
from glaciercast.align.series import align as align_cube
from glaciercast.config import Config
from glaciercast.cube.build import build_optical
from glaciercast.errors import InputError
from glaciercast.patches.splits import WindowConfig
from glaciercast.progress import note
from glaciercast.sources import recipe as recipes
from glaciercast.sources.recipe import Mask, Recipe
from glaciercast.training.config import TrainingConfig

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.models.base import Task, TrainingData
    from glaciercast.patches.series import Series
    from glaciercast.patches.splits import TimeSplit

Residual = Literal["none", "last", "same_season", "climatology"]
BASELINES = ("persistence", "same_season", "climatology", "damped_anomaly")


class ModelSpec(Config):
    """One model of a benchmark and its options; `residual` is for networks only."""

    name: str
    residual: Residual = "none"
    options: dict[str, Any] = Field(default={}, description="options of the architecture")
    title: str = Field(default="", pattern=r"^[A-Za-z0-9_+-]*$", description="name in the results; needed where two would share one")

    @property
    def label(self) -> str:
        """The name under which results keep the model."""
        return self.title or (self.name if self.residual == "none" else f"{self.name}+{self.residual}")


class BenchmarkConfig(Config):
    """Which models are compared, on which windows, and how they are trained."""

    windows: WindowConfig = WindowConfig()
    models: tuple[ModelSpec, ...] = Field(
        default=(ModelSpec(name="lstm"), ModelSpec(name="unet_time", residual="climatology")),
        description="networks; all baselines are always there",
    )
    training: TrainingConfig = TrainingConfig()


class RunConfig(BenchmarkConfig):
    """The whole chain from scenes to the report page."""

    recipe: Recipe
    align: AlignConfig = AlignConfig()
    mask_choices: dict[str, tuple[int, ...]] = Field(default={}, description="label → clear classes, to compare the snow season under each")


class _CubeTask(Config):
    """What identifies a run on a cube: the cube's content beside the settings."""

    cube: str
    content: str
    settings: dict[str, Any]


def read_run_config(path: str | Path, overrides: dict[str, Any] | None = None) -> RunConfig:
    """Read the config of `run`; ``recipe`` is either written out there or the path of a recipe file beside it."""
    data = config.read_yaml(path)
    if isinstance(data.get("recipe"), str):
        data["recipe"] = config.plain(recipes.read(Path(path).parent / data["recipe"]))
    parsed = config.parse(RunConfig, config.merge(data, overrides or {}), str(path))
    return parsed.model_copy(update={"recipe": recipes.anchored(parsed.recipe, Path(path).parent)})


def read_benchmark_config(path: str | Path | None, overrides: dict[str, Any] | None = None) -> BenchmarkConfig:
    """Read the config of `train` and `benchmark`; without a file, the defaults."""
    data = config.read_yaml(path) if path is not None else {}
    return config.parse(BenchmarkConfig, config.merge(data, overrides or {}), str(path or "options"))


def parse_model(text: str) -> ModelSpec:
    """Return the model that ``NAME`` or ``NAME+RESIDUAL`` stands for, such as ``unet_time+climatology``."""
    name, _, residual = text.strip().partition("+")
    return config.parse(ModelSpec, {"name": name, **({"residual": residual} if residual else {})}, f"model '{text}'")


def scenarios() -> dict[str, Any]:
    """Return the built-in scenarios of `simulate`."""
    from glaciercast.simulate import scenario as scenes

    found = {}
    for name in scenes.names():
        one = scenes.load(name)
        size = f"{one.area.rows}×{one.area.columns} pixels of {one.area.resolution:g} m"
        found[name] = {"title": one.title, "note": one.note, "start": str(one.start), "end": str(one.end), "area": size}
    return found


def simulate(scenario: str | Path, out: str | Path, seed: int = 0, workers: int | None = None) -> dict[str, Any]:
    """Write the archive of a simulated glacier (a built-in scenario or a YAML file) and its truth into the run folder `out`."""
    from glaciercast.simulate import archive
    from glaciercast.simulate import scenario as scenes

    return archive.simulate(scenes.load(scenario), out, seed, workers)


def build(recipe: str | Path | Recipe, out: str | Path) -> dict[str, Any]:
    """Build a cube (``/optical``) from a recipe of scenes into the run folder `out`."""
    resolved = recipe if isinstance(recipe, Recipe) else recipes.read(recipe)
    with runs.run_folder(out, "build", resolved) as folder:
        summary = {"cube": str(folder / "cube.zarr"), **build_optical(resolved, folder / "cube.zarr")}
        runs.write_json(folder / "results" / "build.json", summary)
    return summary


def align(cube: str | Path, settings: AlignConfig | None = None, replace: bool = False) -> dict[str, Any]:
    """Add the regular series ``/aligned`` to a cube; `replace` removes one with other settings first."""
    path = store.locate(cube)
    return {"cube": str(path), **align_cube(path, settings or AlignConfig(), replace)}


def train(cube: str | Path, model: ModelSpec, out: str | Path, settings: BenchmarkConfig | None = None) -> dict[str, Any]:
    """Train one network on the training part of a cube's series, keep the weights that are best on the validation part."""
    settings = (settings or BenchmarkConfig()).model_copy(update={"models": (model,)})
    with runs.run_folder(out, "train", _identity(cube, settings)) as folder:
        workbench = _Workbench.open(cube, folder, settings)
        _, facts = workbench.model(model)
        summary = {"model": str(folder / "models" / model.label), "split": workbench.describe_split(), **facts}
        runs.write_json(folder / "results" / "train.json", summary)
    return summary


def benchmark(cube: str | Path, out: str | Path, settings: BenchmarkConfig | None = None) -> dict[str, Any]:
    """Fit every baseline and the networks of `settings`, score them on the test part and write the table."""
    settings = settings or BenchmarkConfig()
    with runs.run_folder(out, "benchmark", _identity(cube, settings)) as folder:
        return _benchmark(_Workbench.open(cube, folder, settings))


def forecast(cube: str | Path, model: str | Path, out: str | Path, issue_time: str | None = None) -> dict[str, Any]:
    """Forecast the scenes after `issue_time` (default: the latest possible) with a trained model.

    Only steps that were available at the issue time are read. Writes NetCDF and one Cloud-Optimized GeoTIFF a step.
    """
    from glaciercast.forecast.scenes import check_model, issue_step
    from glaciercast.patches import series as serieses
    from glaciercast.training import saving

    settings = _identity(cube, Config(), {"model": str(model), "issue_time": issue_time})
    with runs.run_folder(out, "forecast", settings) as folder:
        forecaster, meta = saving.load(Path(model))
        task: Task = forecaster.task
        series = serieses.load(cube, folder / "cache", task.variables, horizon=task.n_target)
        issue = issue_step(series, task.history, issue_time)
        check_model(meta, forecaster.recipe()["residual"], series, issue)
        summary = _write_forecast(forecaster, Path(model).name, series, task, issue, folder)
        runs.write_json(folder / "results" / "forecast.json", summary)
    return summary


def report(folder: str | Path) -> dict[str, Any]:
    """Write (again) the figures and the page of a finished `benchmark`, `run` or `demo`."""
    from glaciercast.report import assemble

    results = Path(folder) / "results" / "benchmark.json"
    if not results.is_file():
        raise InputError(f"{folder}: expected the run folder of a benchmark with results/benchmark.json, found none")
    return {"report": str(assemble.write_report(Path(folder)))}


def run(settings: RunConfig, out: str | Path, command: str = "run") -> dict[str, Any]:
    """Do everything: build, align, train, score, forecast, report; all in one run folder."""
    with runs.run_folder(out, command, settings) as folder:
        cube = folder / "cube.zarr"
        note(f"{settings.recipe.title}: {settings.recipe.note}")
        built = build_optical(settings.recipe, cube)
        aligned = align_cube(cube, settings.align)
        _mask_choices(settings, folder)
        workbench = _Workbench.open(cube, folder, settings)
        results = _benchmark(workbench)
        summary = {
            "build": built,
            "align": aligned,
            "benchmark": results,
            "forecast": _operational(workbench, results),
            "report": report(folder)["report"],
        }
    return summary


def demo(out: str | Path) -> dict[str, Any]:
    """Run the whole chain on real Sentinel-2 scenes that the Python package ``nrt`` carries (mountains, not a glacier)."""
    with resources.as_file(resources.files("glaciercast") / "demos" / "carpathians.yml") as path:
        return run(read_run_config(path), runs.unused(out), "demo")


@dataclass(frozen=True)
class _Workbench:
    """A cube's series with its task and split, and the folder in which models are fitted and scored."""

    folder: Path
    settings: BenchmarkConfig
    series: Series
    task: Task
    split: TimeSplit
    data: TrainingData

    @classmethod
    def open(cls, cube: str | Path, folder: Path, settings: BenchmarkConfig) -> _Workbench:
        import numpy as np

        from glaciercast.models.base import Task, TrainingData
        from glaciercast.patches import series as serieses
        from glaciercast.patches import splits
        from glaciercast.patches.sampling import patch_origins

        _check_models(settings.models)
        windows = settings.windows
        series = serieses.load(cube, folder / "cache", horizon=windows.n_target)
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
        task = Task(windows.n_input, windows.n_target, history, series.period, series.variables, windows.patch)
        steps = split.training_steps
        values, observed = series.frames(steps)
        data = TrainingData(
            values, observed, series.season_index[steps.start : steps.stop], np.arange(steps.start, steps.stop), series.period
        )
        return cls(folder, settings, series, task, split, data)

    def model(self, spec: ModelSpec) -> tuple[nn.Module, dict[str, Any]]:
        """Return a fitted forecaster and its facts; a network that was fitted before is loaded."""
        from glaciercast.models import base, registry
        from glaciercast.training import networks

        entry = registry.find(spec.name)
        folder = self.folder / "models" / spec.label
        if entry.kind == "baseline":
            baseline = registry.create(spec.name, self.task, **spec.options).fit(self.data)
            return baseline, {"kind": "baseline", "parameters": base.parameter_count(baseline), "train_seconds": None, "residual": None}
        forecaster, fitted = networks.fit_network(
            spec.name, self.series, self.task, self.split, self.data, folder, self.settings.training,
            residual=spec.residual, options=spec.options, stride=self.settings.windows.stride,
        )  # fmt: skip
        facts = {
            "kind": "network",
            "parameters": base.parameter_count(forecaster),
            "train_seconds": fitted.seconds,
            "residual": spec.residual,
        }
        return forecaster, {**facts, "best_epoch": fitted.best_epoch, "history": fitted.history}

    def describe_split(self) -> dict[str, Any]:
        from glaciercast.evaluate import table

        return table.describe_split(self.series, self.split)

    def specs(self) -> list[ModelSpec]:
        return [*(ModelSpec(name=name) for name in BASELINES), *self.settings.models]


def _check_models(specs: tuple[ModelSpec, ...]) -> None:
    from glaciercast.models import registry

    labels = [spec.label for spec in specs]
    for spec in specs:
        if registry.find(spec.name).kind == "baseline":
            raise InputError(f"model '{spec.name}': is a baseline, which is always in the table; expected a network")
        if labels.count(spec.label) > 1:
            raise InputError(f"model '{spec.label}': is there twice; give one of them another 'title'")


def _benchmark(workbench: _Workbench) -> dict[str, Any]:
    from glaciercast.evaluate import scoring, table

    series, task, split = workbench.series, workbench.task, workbench.split
    sums, facts = {}, {}
    for spec in workbench.specs():
        note(f"fitting {spec.label}")
        forecaster, facts[spec.label] = workbench.model(spec)
        key = {"data": series.fingerprint, "config": config.plain(workbench.settings.model_copy(update={"models": (spec,)}))}
        for part in ("validation", "test"):
            cell = workbench.folder / "cells" / f"{spec.label}.{part}.json"
            result = scoring.cell(cell, {**key, "part": part}, forecaster, spec.label, series, task, split, part)
            if part == "validation":
                mse = result.mse()
                facts[spec.label]["validation_mse"] = mse if mse == mse else None  # nothing observed: JSON has no NaN
            else:
                sums[spec.label] = result
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


def _identity(cube: str | Path, settings: Config, more: dict[str, Any] | None = None) -> _CubeTask:
    path = store.locate(cube)
    return _CubeTask(cube=str(path), content=store.fingerprint(path, "/aligned"), settings={**config.plain(settings), **(more or {})})


def _write_forecast(forecaster: nn.Module, name: str, series: Series, task: Task, issue: int, folder: Path) -> dict[str, Any]:
    from glaciercast.forecast import export, scenes

    dataset = scenes.to_dataset(scenes.forecast_scene(forecaster, series, task, issue), series, issue, task, name)
    netcdf = export.write_netcdf(dataset, folder / "forecast" / "forecast.nc")
    cogs = export.write_cogs(dataset, folder / "forecast")
    return {
        "model": name,
        "issue_time": str(dataset.issue_time.values)[:19],
        "valid": [str(time)[:10] for time in dataset.time.values],
        "netcdf": str(netcdf),
        "geotiffs": [str(path) for path in cogs],
    }


def _operational(workbench: _Workbench, results: dict[str, Any]) -> dict[str, Any]:
    """Forecast beyond the last step with the model that is best on the validation part (never chosen on the test part)."""
    scored = [spec for spec in workbench.specs() if results["models"][spec.label]["validation_mse"] is not None]
    if not scored:
        raise InputError("the validation part has no observed pixel; no model can be chosen for the forecast")
    chosen = min(scored, key=lambda spec: results["models"][spec.label]["validation_mse"])
    forecaster, _ = workbench.model(chosen)
    summary = _write_forecast(forecaster, chosen.label, workbench.series, workbench.task, workbench.series.n_steps - 1, workbench.folder)
    runs.write_json(workbench.folder / "results" / "forecast.json", summary)
    return summary


def _keep_for_report(workbench: _Workbench) -> None:
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
    issue = int(max(issues, key=lambda step: observed[step + 1 : step + 1 + task.n_target].min()))
    truth, seen = series.frames(range(issue + 1, issue + 1 + task.n_target))
    shown = {"truth": truth, "observed": seen}
    for spec in workbench.specs():
        shown[spec.label] = scenes.forecast_scene(workbench.model(spec)[0], series, task, issue)
    frames = [scenes.to_dataset(np.asarray(values), series, issue, task, name) for name, values in shown.items()]
    models = xr.Variable("model", np.array(list(shown), dtype=object))
    window = xr.concat(frames, models, data_vars=[task.variables[0]], coords="minimal", compat="override")
    export.write_netcdf(window, workbench.folder / "results" / "window.nc")


def _mask_choices(settings: RunConfig, folder: Path) -> None:
    """Compare the snow season under each choice of clear classes: two choices of mask, two answers."""
    if not settings.mask_choices:
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
