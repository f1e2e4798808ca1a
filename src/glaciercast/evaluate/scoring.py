"""Scores of one model on one part of a split: full scenes, observed pixels only."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import config, runs
from glaciercast.forecast.scenes import forecast_bands, forecast_scene
from glaciercast.patches.series import Series
from glaciercast.patches.splits import Part, TimeSplit
from glaciercast.progress import track
from glaciercast.stats.probabilistic import QuantileSums
from glaciercast.stats.scores import ErrorSums

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.models.task import Task


@dataclass(frozen=True)
class Scores:
    """What a model is scored by, one row a window.

    Attributes
    ----------
    errors
        Of the point forecast.
    quantiles
        Of the quantiles that the model states; None if it states none.
    uncalibrated
        Of the same quantiles before they were calibrated; None if they are not.
    """

    errors: ErrorSums
    quantiles: QuantileSums | None = None
    uncalibrated: QuantileSums | None = None

    def __add__(self, other: Scores) -> Scores:
        """Merge the windows of two parts, of one model."""
        pairs = ((self.quantiles, other.quantiles), (self.uncalibrated, other.uncalibrated))
        return Scores(self.errors + other.errors, *(None if one is None or two is None else one + two for one, two in pairs))

    def to_json(self) -> dict[str, Any]:
        """Return plain types."""
        of_bands = {"quantiles": self.quantiles, "uncalibrated": self.uncalibrated}
        return {"sums": self.errors.to_json(), **{key: None if sums is None else sums.to_json() for key, sums in of_bands.items()}}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Scores:
        """Return the scores that `to_json` wrote."""
        of_bands = (None if data[key] is None else QuantileSums.from_json(data[key]) for key in ("quantiles", "uncalibrated"))
        return cls(ErrorSums.from_json(data["sums"]), *of_bands)


def score(forecaster: nn.Module, name: str, series: Series, task: Task, split: TimeSplit, part: Part = "test") -> Scores:
    """Return the scores of a forecaster, one row a window of `part`, over observed pixels of whole scenes."""
    windows = track(split.issues(part), f"Scoring {name}")  # a split has at least one window in each part
    return functools.reduce(operator.add, (_of_window(forecaster, series, task, int(issue)) for issue in windows))


def _of_window(forecaster: nn.Module, series: Series, task: Task, issue: int) -> Scores:
    """Return the scores of the scenes that are issued at one step; the network runs once, and once more where it is calibrated."""
    from glaciercast.forecast import traits
    from glaciercast.models.conformal import Calibrated

    values, observed = series.frames(range(issue + 1, issue + 1 + task.n_target))
    truth, weight = (each[None, :, : len(task.targets)] for each in (values, observed))
    levels = traits.stated_levels(forecaster)
    if len(levels) < 2:
        return Scores(ErrorSums.of(forecast_scene(forecaster, series, task, issue)[None], truth, weight))

    def banded(model: nn.Module) -> tuple[np.ndarray, QuantileSums]:
        forecast, quantiles = forecast_bands(model, series, task, issue, levels)
        return forecast, QuantileSums.of(quantiles[:, None], levels, truth, weight)

    forecast, sums = banded(forecaster)
    before = banded(forecaster.forecaster)[1] if isinstance(forecaster, Calibrated) else None
    return Scores(ErrorSums.of(forecast[None], truth, weight), sums, before)


def cell(
    path: Path, key: dict[str, Any], forecaster: nn.Module, name: str, series: Series, task: Task, split: TimeSplit, part: Part
) -> Scores:
    """Return the scores of one cell of the benchmark, from `path` if it holds them for the same `key`, else computed and kept there."""
    digest = config.digest(key)
    if path.exists() and (kept := runs.read_json(path)).get("digest") == digest:
        return Scores.from_json(kept)
    scores = score(forecaster, name, series, task, split, part)
    runs.write_json(path, {"digest": digest, "key": key, **scores.to_json()})
    return scores


def observed_share(series: Series) -> np.ndarray:
    """Return the observed share of each step over all pixels and variables, float64 (step,)."""
    return np.array([float(series.frames(range(step, step + 1))[1].mean()) for step in range(series.n_steps)])
