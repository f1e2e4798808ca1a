"""Flow of forecast scenes against the flow of the true ones, in the window that a benchmark keeps."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast import grid, runs
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.motion import flow as flows

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from glaciercast.motion.flow import Flow

LAST_INPUT = "persistence"
"""Whose forecast is the last input: where it is kept, flow begins there."""
WHOLE = "the last input counts as observed at every pixel, as a benchmark does not keep where it was"
"""What is to be told where flow begins at the last input."""


class _FlowOf(Config):
    """What identifies a figure of flow."""

    run: str = Field(description="run folder of the benchmark")
    window: str = Field(description="SHA-256 of the window that it kept")


class Window(NamedTuple):
    """One window of a benchmark: what came, what of it was seen, and what was forecast.

    Attributes
    ----------
    frames
        ``truth`` and each model → float32 (frame, y, x); all begin with the last input where that is kept.
    observed
        Whether a value of the truth was seen, bool (frame, y, x); of the last input that is not known, and all of it counts as seen.
    times
        Begin of each frame's step, datetime64[ns] (frame,); NaT for the last input.
    issued
        When the forecasts were issued.
    at
        Grid of the frames.
    """

    frames: dict[str, np.ndarray]
    observed: np.ndarray
    times: np.ndarray
    issued: pd.Timestamp
    at: GeoBox


def plot_flow(run: str | Path, out: str | Path) -> dict[str, Any]:
    """Compare the flow of every model's forecast with that of the truth; draw both; write figure and numbers into the run folder `out`.

    Flow is Farnebäck's between successive frames of the window that the benchmark kept, beginning with the last input. End-point errors
    count where the truth was observed in both frames. No flow at all is the baseline: only a forecast with a lower error tells how the
    scene changes.

    Parameters
    ----------
    run
        Folder of a finished benchmark, or of a whole run, which holds one.
    out
        Run folder to write; gets ``figures/flow.png`` and ``results/flow.json``.

    Returns
    -------
    dict
        ``run``, ``variable``, ``issue_time``, ``steps`` (in words), ``pixel_m``, ``spacing_px``, ``no_flow`` and ``models`` (as `scores`
        returns them), ``note`` (what flow between such scenes is, and is not; `WHOLE` where it holds) and ``figure``.

    Raises
    ------
    InputError
        If `run` holds no finished benchmark, or its frames are fewer than two, too small or without contrast.
    """
    source = Path(run) / "results" / "window.nc"
    if not source.is_file():
        raise InputError(f"{run}: expected the folder of a finished benchmark, with results/window.nc, found no such file")
    identity = _FlowOf(run=str(run), window=hashlib.sha256(source.read_bytes()).hexdigest())
    results = runs.read_json(Path(run) / "results" / "benchmark.json")
    window = read_window(source, str(results["variable"]))
    found = {name: flows.successive(frames) for name, frames in window.frames.items()}
    with runs.run_folder(out, "plot flow", identity) as folder:
        summary = {
            "run": str(run),
            "variable": results["variable"],
            "issue_time": f"{window.issued:%Y-%m-%dT%H:%M:%S}",
            "steps": step_words(window.times),
            "pixel_m": abs(window.at.resolution.x),
            "spacing_px": flows.SPACING,
            **scores(found, window.observed, abs(window.at.resolution.x)),
            "note": "; ".join([flows.CAVEAT, *([WHOLE] if np.isnat(window.times[0]) else [])]),
        }
        summary["figure"] = str(_draw(folder, window, found, summary, results))
        runs.write_json(folder / "results" / "flow.json", summary)
    return summary


def read_window(path: Path, variable: str) -> Window:
    """Return the window that a benchmark kept.

    Raises
    ------
    InputError
        If the variable is not in it, or it holds fewer than two frames.
    """
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf", decode_coords="all") as dataset:
        if variable not in dataset:
            raise InputError(f"{path}: expected variable {variable}, found {', '.join(map(str, dataset.data_vars))}")
        values = dataset[variable].load()
    by_name = {str(name): values.values[i] for i, name in enumerate(values["model"].values)}
    observed, times = by_name.pop("observed") > 0, values["time"].values.astype("datetime64[ns]")
    if LAST_INPUT in by_name:
        last = by_name[LAST_INPUT][:1]
        by_name = {name: np.concatenate([last, frames]) for name, frames in by_name.items()}
        observed, times = np.concatenate([np.ones_like(observed[:1]), observed]), np.insert(times, 0, np.datetime64("NaT"))
    if len(times) < 2:
        raise InputError(f"{path}: expected two frames or more, found {len(times)}")
    return Window(by_name, observed, times, pd.Timestamp(str(values["issue_time"].values)), grid.of(values, str(path)))


def step_words(times: np.ndarray) -> list[str]:
    """Return what each flow leads from and to, such as ``2019-10-01 → 2019-11-01``."""
    named = ["last input" if np.isnat(time) else f"{pd.Timestamp(time):%Y-%m-%d}" for time in times]
    return [f"{first} → {second}" for first, second in itertools.pairwise(named)]


def scores(found: Mapping[str, Sequence[Flow]], observed: np.ndarray, pixel: float) -> dict[str, Any]:
    """Return the end-point errors of flows against those of the truth, and of no flow at all.

    Parameters
    ----------
    found
        ``truth`` and each model → a flow a step.
    observed
        Whether the truth was seen, bool (step + 1, y, x): an error counts where it was before and after a step.
    pixel
        m.

    Returns
    -------
    dict
        ``no_flow`` and, by name, ``models``: each ``end_point_error_px`` and ``…_m`` (mean over all pixels that count), ``by_step_px`` and
        ``skill`` (1 − error over that of no flow: 0 for a forecast that does not move). None where nothing counts.
    """
    seen = [before & after & np.isfinite(one.dx) for (before, after), one in zip(itertools.pairwise(observed), found["truth"], strict=True)]
    counts = np.array([each.sum() for each in seen])
    still = _mean([flows.mean_length(one, where) for one, where in zip(found["truth"], seen, strict=True)], counts, pixel)
    models = {}
    for name, of in found.items():
        if name != "truth":
            errors = [flows.end_point_error(one, true, where) for one, true, where in zip(of, found["truth"], seen, strict=True)]
            models[name] = _mean(errors, counts, pixel)
    for each in (still, *models.values()):
        ours, none = each["end_point_error_px"], still["end_point_error_px"]
        each["skill"] = 1 - ours / none if none else None
    return {"no_flow": still, "models": dict(sorted(models.items(), key=lambda item: item[1]["end_point_error_px"] or 0.0))}


def _mean(by_step: list[float], counts: np.ndarray, pixel: float) -> dict[str, Any]:
    """Return the mean over steps of so many pixels each, in pixels and metres."""
    total = float(np.nansum(np.array(by_step) * counts) / counts.sum()) if counts.any() else None
    steps = [None if error != error else error for error in by_step]
    return {"end_point_error_px": total, "end_point_error_m": None if total is None else total * pixel, "by_step_px": steps}


def _draw(folder: Path, window: Window, found: dict[str, list[Flow]], summary: dict[str, Any], results: dict[str, Any]) -> Path:
    """Draw the truth, the best baseline and the best network by the benchmark's own score."""
    from glaciercast.report import style
    from glaciercast.report.flow import FlowRow, flow_figure
    from glaciercast.training.saving import whole

    ranked = sorted((name for name in found if name in results["models"]), key=lambda name: results["models"][name]["mse"])
    kinds = {kind: [name for name in ranked if results["models"][name]["kind"] == kind][:1] for kind in ("baseline", "network")}
    rows = {"truth": FlowRow(window.frames["truth"][:-1], found["truth"], summary["no_flow"]["by_step_px"], window.observed)}
    for name in (*kinds["baseline"], *kinds["network"]):
        rows[name] = FlowRow(window.frames[name][:-1], found[name], summary["models"][name]["by_step_px"])
    label = style.with_units(style.label(results["variable"]), results["units"])
    title = f"Flow of {style.label(results['variable'])}, forecasts issued {window.issued:%Y-%m-%d}"
    path = folder / "figures" / "flow.png"
    path.parent.mkdir(exist_ok=True)
    with whole(path) as partial:
        flow_figure(rows, window.at, summary["steps"], label, title, summary["note"]).savefig(partial, format="png", facecolor="white")
    return path
