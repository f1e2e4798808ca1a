"""From a run folder to its report: figures out of the results, and the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import runs
from glaciercast.report import figures, page, tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIMITS = (
    "NDSI is an index of snow and clean ice seen from above. Debris-covered ice is dark and does not show in it; a change of NDSI is "
    "a change of cover, not a motion of ice.",
    "Where a step was not observed, its value is carried forward from the past; such values feed forecasts (marked as unobserved) but are "
    "never scored.",
)


def write_report(folder: Path) -> Path:
    """Draw the figures of a benchmark's run folder, write ``report.html`` and the table as Markdown in it; returns the page."""
    results = runs.read_json(folder / "results" / "benchmark.json")
    part = tables.scored_part(results)
    (folder / "results" / "benchmark.md").write_text(tables.markdown_table(results) + "\n", encoding="utf-8")
    drawn: dict[str, tuple[Figure | Path, str]] = {
        **_scenes(folder),
        "scores": (figures.scores_by_lead(results), f"Mean squared error on the {part} part at each lead time; baselines are dashed."),
        "skill": (figures.skill_bars(results), "Skill against the best baseline: above 0 is better than the best baseline, below 0 worse."),
        **_shown_parts(folder, results, part),
    }
    season = folder / "results" / "season.json"
    if season.is_file():
        drawn["season"] = (
            _season(season),
            "Share of snow (NDSI ≥ 0.4) among clear pixels by calendar month: two choices of mask, two answers.",
        )
    for name, model in results["models"].items():
        if model.get("history"):
            key = f"training-{name.replace('+', '-on-')}"
            drawn[key] = (figures.training_curve(model["history"], model["best_epoch"]), f"Losses of {name} while it was trained.")
    state, made = (runs.read_json(folder / name) for name in (runs.STATE, "provenance.json"))
    provenance = {**made, "command": state["command"], "config digest": state["config_digest"]}
    return page.write_page(folder / "report.html", results, drawn, list(LIMITS), provenance)


def _shown_parts(folder: Path, results: dict[str, Any], part: str) -> dict[str, tuple[Figure | Path, str]]:
    """Return the figures of one cube's forecast and coverage, which a grid of several has not."""
    if "sites" in results:
        return {}
    best = f"One issue time of the {part} part (the one whose targets were observed best): the best baseline and the best network."
    steps = "What was observed in each step, and which steps serve training, validation and test."
    return {"forecast": (_forecast(folder, results), best), "coverage": (_coverage(folder, results), steps)}


def _scenes(folder: Path) -> dict[str, tuple[Figure | Path, str]]:
    """Return the figure of the scenes where the folder holds the cube that they were built into, as that of `run` does."""
    cube = folder / "cube.zarr"
    found = figures.scenes(cube) if cube.is_dir() else None
    return {} if found is None else {"scenes": found}


def _forecast(folder: Path, results: dict[str, Any]) -> Figure:
    import xarray as xr

    with xr.open_dataset(folder / "results" / "window.nc", engine="h5netcdf", decode_coords="all") as window:
        values = window[results["variable"]].load()
    by_model = {str(name): values.isel(model=i, drop=True).swap_dims(time="lead") for i, name in enumerate(values.model.values)}
    truth, observed = by_model.pop("truth"), by_model.pop("observed")
    shown = {name: by_model[name] for name in _shown(results) if name in by_model}
    units = results["units"]
    return figures.forecast_panel(
        truth, observed, shown, values.issue_time.values, results["variable"].upper(), units, results["lead_label"]
    )


def _shown(results: dict[str, Any]) -> list[str]:
    """Return the best baseline and the best network: a panel of every model would be unreadable."""
    models = results["models"]
    networks = sorted((name for name in models if models[name]["kind"] == "network"), key=lambda name: models[name]["mse"])
    return [results["best_baseline"], *networks[:1]]


def _coverage(folder: Path, results: dict[str, Any]) -> Figure:
    kept = runs.read_json(folder / "results" / "coverage.json")
    parts = {name: results["split"][name] for name in ("train", "validation", "test")}
    return figures.coverage(np.array(kept["time"], dtype="datetime64[ns]"), kept["observed"], parts)


def _season(path: Path) -> Figure:
    kept = runs.read_json(path)
    shares = {label: np.array(entry["snow_fraction"], dtype="float64") for label, entry in kept.items()}
    return figures.season(list(range(1, 13)), shares, "clear pixels")
