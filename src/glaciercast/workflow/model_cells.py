"""Scores of a workbench's models: cells that are kept, the table of one cube, and what its report draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config, runs
from glaciercast.progress import note
from glaciercast.workflow import sealed
from glaciercast.workflow.settings import BenchmarkConfig, ModelSpec

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.evaluate.cells import Cell
    from glaciercast.patches.splits import Part
    from glaciercast.stats.scores import ErrorSums
    from glaciercast.workflow.workbench import Workbench


def parts(final: bool) -> tuple[Part, ...]:
    """Return the parts that are scored: validation, and with `final` the sealed test part after it."""
    return ("validation", "test") if final else ("validation",)


def make(
    workbench: Callable[[], Workbench], spec: ModelSpec, settings: BenchmarkConfig, data: str, folder: Path, site: str = "",
    seed: int | None = None, wanted: Sequence[Part] = ("validation",),
) -> dict[Part, Cell]:  # fmt: skip
    """Return the cells of one model, those from `folder` that are of the same data, code and config, the others fitted and scored.

    Parameters
    ----------
    workbench
        Gives the workbench; it is asked only if a cell is missing.
    settings, data
        Those of the workbench: what all of the model's numbers depend on.
    folder
        Gets ``<model>[.seed-<n>].<part>.json`` (`evaluate.cells.Cell`).
    site, seed
        Of a grid.
    """
    from glaciercast.evaluate import cells

    stem = spec.label if seed is None else f"{spec.label}.seed-{seed}"
    paths = {part: folder / f"{stem}.{part}.json" for part in wanted}
    plain = config.plain(settings.model_copy(update={"models": (spec,)}))
    keys = {part: cells.Key(data=data, code=cells.code_identity(), config=plain, part=part) for part in wanted}
    found = {part: cells.read(paths[part], keys[part]) for part in wanted}
    missing = [part for part, cell in found.items() if cell is None]
    if missing:
        note(f"fitting {stem}" + (f" on {site}" if site else ""))
        for part, cell in _scored(workbench(), spec, missing, keys, site, seed).items():
            found[part] = cells.write(paths[part], cell)
    return {part: cell for part, cell in found.items() if cell is not None}


def _scored(
    workbench: Workbench, spec: ModelSpec, wanted: Sequence[Part], keys: dict[Part, Any], site: str, seed: int | None
) -> dict[Part, Cell]:
    """Fit a model and score it on parts."""
    from glaciercast.evaluate import scoring
    from glaciercast.evaluate.cells import Cell
    from glaciercast.evaluate.strata import Ground
    from glaciercast.training import processes

    forecaster, facts = workbench.model(spec)
    forecaster.to(processes.device(workbench.settings.training.device))
    about, ground, found = workbench.about(), Ground.read(workbench.cube, workbench.series), {}
    for part in wanted:
        scores = (
            scoring.score(forecaster, spec.label, workbench.series, workbench.task, workbench.split, part, ground)
            if workbench.split.honest
            else scoring.Scores(_on_patches(forecaster, workbench, part))
        )
        found[part] = Cell(
            site=site, model=spec.label, seed=seed, digest=keys[part].digest, key=keys[part], about=about,
            issues=tuple(workbench.split.issues(part).tolist()), gap=workbench.split.gap, facts=facts, scores=scores.to_json(),
        )  # fmt: skip
    return found


def _on_patches(forecaster: nn.Module, workbench: Workbench, part: Part) -> ErrorSums:
    """Return the errors on the windows of the published split, overlapping patches as the study scored them, one row an issue step."""
    import numpy as np

    from glaciercast.evaluate import leaks
    from glaciercast.training import networks

    windows = networks.windows(workbench.series, workbench.task, workbench.split, part, workbench.settings.windows.stride)
    indices = np.unique(np.linspace(0, len(windows) - 1, min(leaks.MOST, len(windows))).astype("int64"))
    steps, _ = windows.places(indices)
    of_issue = steps == workbench.split.issues(part)[:, None]
    return leaks.score_windows(forecaster, windows, indices).weighted(of_issue.astype("float64"))


def score(workbench: Workbench, final: bool) -> dict[str, Any]:
    """Fit and score every model; write the results and what the report draws into the run folder.

    The table tells of the validation part, which is for choosing; with `final` of the test part, whose opening is logged.
    """
    from glaciercast.evaluate import figures, table
    from glaciercast.stats import bootstrap
    from glaciercast.stats.bootstrap import Clusters

    part, told = parts(final)[-1], sealed.checked(workbench, parts(final)[-1])
    clusters = Clusters.of(bootstrap.time_blocks(workbench.split.issues(part), workbench.split.gap))
    sums, facts = {}, {}
    for spec in workbench.specs():
        found = make(
            lambda: workbench, spec, workbench.settings, workbench.series.fingerprint, workbench.folder / "cells", wanted=parts(final)
        )
        result, mse = found[part].result, found["validation"].result.errors.mse()
        stated = {"bands": result.quantiles, "uncalibrated_bands": result.uncalibrated}
        facts[spec.label] = {
            **found[part].facts,
            "figures": figures.report(result, clusters if workbench.split.honest else None),
            "validation_mse": mse if mse == mse else None,  # nothing observed: JSON has no NaN
            **{key: table.bands(each) for key, each in stated.items() if each is not None},
        }
        sums[spec.label] = result.errors
    results = table.build(workbench.series, workbench.split, sums, facts, workbench.site(), part)
    results |= {"part": part, "split": workbench.describe_split(), **told}
    if not workbench.split.honest:
        results = without_intervals(results)
    write(workbench.folder, results)
    _keep_for_report(workbench, part)
    return results


def write(folder: Path, results: dict[str, Any]) -> None:
    """Write the results of a benchmark and its card into a run folder."""
    from glaciercast.evaluate import card, cells

    runs.write_json(folder / "results" / "benchmark.json", results)
    (folder / "card.md").write_text(card.markdown(results, cells.code_identity()), encoding="utf-8")


def without_intervals(results: dict[str, Any]) -> dict[str, Any]:
    """Return results of a split whose windows overlap, over which nothing may be drawn."""
    models = {}
    for name, model in results["models"].items():
        skills = {base: {**each, "interval": None} for base, each in model["skills"].items()}
        figures = {by: found for by, found in model["figures"].items() if by != "interval"}
        models[name] = {**model, "skill_interval": None, "mse_interval": None, "skills": skills, "figures": figures}
    note = "No interval is given: the windows of this split overlap each other and those that were trained on."
    differences = [{**each, "interval": None} for each in results["differences"]]
    return {**results, "clusters": 0, "interval_note": note, "models": models, "differences": differences}


def _keep_for_report(workbench: Workbench, part: Part) -> None:
    """Keep what the report draws besides the scores: coverage, and one window of the part (the best observed one) under every model."""
    import numpy as np
    import xarray as xr

    from glaciercast.evaluate import scoring
    from glaciercast.forecast import export, scenes

    series, task, split = workbench.series, workbench.task, workbench.split
    observed = scoring.observed_share(series)
    coverage = {
        "time": [f"{start:%Y-%m-%d}" for start in series.starts[: series.n_steps]],
        "observed": observed.tolist(),
        "parts": {name: [steps.start, steps.stop - 1] for name, steps in split.targets.items()},
    }
    runs.write_json(workbench.folder / "results" / "coverage.json", coverage)
    issues = split.issues(part)
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
