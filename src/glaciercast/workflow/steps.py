"""The steps of the pipeline, each a function that one command calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from glaciercast import config, runs, store
from glaciercast.align.series import align as align_cube
from glaciercast.align.settings import AlignConfig
from glaciercast.cube.build import build_optical
from glaciercast.cube.settings import Fetching, SiteBuild
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.progress import note
from glaciercast.sources import recipe as recipes
from glaciercast.sources.recipe import Mask, Recipe
from glaciercast.workflow import acquisition, checks, forecasting, model_cells
from glaciercast.workflow import workbench as benches
from glaciercast.workflow.settings import BenchmarkConfig, ModelSpec, RunConfig
from glaciercast.workflow.workbench import Workbench


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


def build(source: str | Path | Recipe | SiteBuild, out: str | Path, fetching: Fetching | None = None) -> dict[str, Any]:
    """Build a cube into the run folder `out`: of a site from satellite archives, or (``/optical`` alone) from a recipe of scenes.

    `source` may be the path of either's YAML file; see `read_source`.
    """
    resolved = read_source(source) if isinstance(source, str | Path) else source
    if isinstance(resolved, SiteBuild):
        return acquisition.build_site(resolved, out, fetching)
    with runs.run_folder(out, "build", resolved) as folder:
        summary = {"cube": str(folder / "cube.zarr"), **build_optical(resolved, folder / "cube.zarr")}
        runs.write_json(folder / "results" / "build.json", summary)
    return summary


def read_source(source: str | Path, overrides: dict[str, Any] | None = None) -> Recipe | SiteBuild:
    """Return what `source` describes: a YAML file with ``files`` is a recipe, one with ``site`` or a site's name is a site's build.

    Raises
    ------
    InputError, ConfigError
        If there is no such file or site, or a key is missing, unknown or unusable.
    """
    if acquisition.is_file(source) and "files" in config.read_yaml(source):
        given = [key for key, value in (overrides or {}).items() if value is not None]
        if given:
            raise InputError(f"{source}: is a recipe of your own scenes, for which there is no {', '.join(given)}")
        return recipes.read(source)
    return acquisition.read_build(source, overrides)


def align(cube: str | Path, settings: AlignConfig | None = None, replace: bool = False) -> dict[str, Any]:
    """Add the regular series ``/aligned`` to a cube; `replace` removes one with other settings first."""
    path = store.locate(cube)
    return {"cube": str(path), **align_cube(path, settings or AlignConfig(), replace)}


def train(cube: str | Path, model: ModelSpec, out: str | Path, settings: BenchmarkConfig | None = None) -> dict[str, Any]:
    """Train one network on the training part of a cube's series, keep the weights that are best on the validation part."""
    settings = (settings or BenchmarkConfig()).model_copy(update={"models": (model,)})
    benches.check(settings)
    with runs.run_folder(out, "train", benches.identity(cube, settings)) as folder:
        workbench = Workbench.open(cube, folder, settings)
        _, facts = workbench.model(model)
        summary = {"model": str(folder / "models" / model.label), "split": workbench.describe_split(), **facts}
        runs.write_json(folder / "results" / "train.json", summary)
    return summary


def benchmark(cube: str | Path, out: str | Path, settings: BenchmarkConfig | None = None, final: bool = False) -> dict[str, Any]:
    """Fit every baseline and the networks of `settings`, score them and write the table.

    Scores are those of the validation part, which is for choosing; with `final` those of the sealed test part, whose opening is logged.
    """
    from glaciercast.evaluate import cells

    settings = settings or BenchmarkConfig()
    benches.check(settings)
    with runs.run_folder(out, "benchmark", benches.identity(cube, settings, {"final": final, "code": cells.code_identity()})) as folder:
        return model_cells.score(Workbench.open(cube, folder, settings), final)


def report(folder: str | Path) -> dict[str, Any]:
    """Write (again) the figures and the page of a finished `benchmark`, `run` or `demo`."""
    from glaciercast.report import assemble, front

    folder = Path(folder)
    if all((folder / part / "results" / "benchmark.json").is_file() for part in front.PARTS):
        for part in front.PARTS:
            assemble.write_report(folder / part)
        return {"report": str(front.write_front(folder))}
    if not (folder / "results" / "benchmark.json").is_file():
        raise InputError(f"{folder}: expected the run folder of a benchmark with results/benchmark.json, found none")
    return {"report": str(assemble.write_report(folder))}


def run(settings: RunConfig, out: str | Path, fetching: Fetching | None = None) -> dict[str, Any]:
    """Do everything: build, align, train, score, forecast, report; all in one run folder."""
    benches.check(settings)
    with runs.run_folder(out, "run", settings) as folder:
        cube = folder / "cube.zarr"
        built = _built(settings, folder, cube, fetching)
        aligned = align_cube(cube, settings.align)
        _compare_masks(settings, folder)
        workbench = Workbench.open(cube, folder, settings)
        results = model_cells.score(workbench, final=True)
        summary = {
            "build": built,
            "align": aligned,
            "benchmark": results,
            "forecast": forecasting.operational(workbench, results),
            "report": report(folder)["report"],
        }
        runs.write_json(folder / "results" / "run.json", summary)
    return summary


def _compare_masks(settings: RunConfig, folder: Path) -> None:
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


def _built(settings: RunConfig, folder: Path, cube: Path, fetching: Fetching | None) -> dict[str, Any]:
    """Build the cube of a whole run; a site's products must cover its glacier before anything is trained on them."""
    if settings.recipe is not None:
        note(f"{settings.recipe.title}: {settings.recipe.note}")
        return build_optical(settings.recipe, cube)
    assert settings.build is not None
    built = acquisition.build_in(settings.build, folder, fetching)
    site = settings.build.site
    if site.outline is None and site.outline_box is None:
        note(f"{site.title}: no outline is known, so its products are not audited")
        return built
    found = checks.audit(cube, site, settings=settings.audit, figure=folder / "figures" / "audit.png")
    runs.write_json(folder / "results" / "audit.json", found)
    if found["verdict"] == "fails":
        raise GlaciercastError(f"audit: {found['line']}")
    return built
