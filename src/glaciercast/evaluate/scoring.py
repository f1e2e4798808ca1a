"""Scores of one model on one part of a split: full scenes, observed pixels only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import config, runs
from glaciercast.forecast.scenes import forecast_scene
from glaciercast.patches.series import Series
from glaciercast.patches.splits import Part, TimeSplit
from glaciercast.progress import track
from glaciercast.stats.scores import ErrorSums

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.models.task import Task


def score(forecaster: nn.Module, name: str, series: Series, task: Task, split: TimeSplit, part: Part = "test") -> ErrorSums:
    """Return the error sums of a forecaster, one row a window of `part`, over observed pixels of whole scenes."""
    total: ErrorSums | None = None
    for issue in track(split.issues(part), f"Scoring {name}"):
        truth, observed = series.frames(range(issue + 1, issue + 1 + task.n_target))
        forecast = forecast_scene(forecaster, series, task, int(issue))
        wanted = len(task.targets)
        sums = ErrorSums.of(forecast[None], truth[None, :, :wanted], observed[None, :, :wanted])
        total = sums if total is None else total + sums
    assert total is not None, "a split has at least one window in each part"
    return total


def cell(
    path: Path, key: dict[str, Any], forecaster: nn.Module, name: str, series: Series, task: Task, split: TimeSplit, part: Part
) -> ErrorSums:
    """Return the scores of one cell of the benchmark, from `path` if it holds them for the same `key`, else computed and kept there."""
    digest = config.digest(key)
    if path.exists() and (kept := runs.read_json(path)).get("digest") == digest:
        return ErrorSums.from_json(kept["sums"])
    sums = score(forecaster, name, series, task, split, part)
    runs.write_json(path, {"digest": digest, "key": key, "sums": sums.to_json()})
    return sums


def observed_share(series: Series) -> np.ndarray:
    """Return the observed share of each step over all pixels and variables, float64 (step,)."""
    return np.array([float(series.frames(range(step, step + 1))[1].mean()) for step in range(series.n_steps)])
