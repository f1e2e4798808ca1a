"""Forecasts of movement: every baseline, autoregressions and networks on one series of velocity, scored by their components."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, PositiveFloat

from glaciercast.config import Config
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.evaluate.movement_series import CHANNELS, COMPONENTS
from glaciercast.evaluate.movement_table import compare, describe
from glaciercast.patches import cache as caches
from glaciercast.patches import splits
from glaciercast.patches.series import Series
from glaciercast.patches.splits import TimeSplit
from glaciercast.progress import note, track
from glaciercast.stats import bootstrap
from glaciercast.training.config import TrainingConfig

if TYPE_CHECKING:
    from torch import nn

    from glaciercast.evaluate.autoregression import Of
    from glaciercast.models.base import TrainingData
    from glaciercast.models.task import Task

Clusters = Literal["time", "place"]
BASELINES = ("persistence", "same_season", "climatology", "damped_anomaly", "linear_trend")
AUTOREGRESSIONS: dict[str, Of] = {"linear_ar": "levels", "linear_ar+climatology": "climatology", "linear_ar+last": "changes"}
"""Label → what is regressed."""


class Learner(Config):
    """A network of the registry beside the baselines."""

    name: str
    residual: Literal["none", "last", "same_season", "climatology"] = Field(default="last", description="forecast that it corrects")
    options: dict[str, Any] = Field(default={}, description="options of the architecture")

    @property
    def label(self) -> str:
        """The name under which results keep it."""
        return self.name if self.residual == "none" else f"{self.name}+{self.residual}"


class MovementConfig(Config):
    """Windows over a series of velocity, and what forecasts it."""

    n_input: int = Field(default=6, ge=1, description="steps that a network or an autoregression reads")
    n_target: int = Field(default=6, ge=1, description="steps that are forecast")
    patch: int = Field(default=8, ge=1, description="side of a patch, pixels; 1 for glaciers side by side")
    stride: int = Field(default=4, ge=1, description="distance between training patches, pixels")
    fractions: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        default=(0.6, 0.15, 0.25), description="shares of training, validation and test"
    )
    orders: tuple[int, ...] = Field(default=(1, 2, 3, 4, 6), min_length=1, description="orders of autoregression to choose from")
    clusters: Clusters = Field(default="time", description="what intervals resample: blocks of time, or places (glaciers side by side)")
    learners: tuple[Learner, ...] = Field(default=(Learner(name="pixel_boosted"),), description="networks")
    training: TrainingConfig = TrainingConfig()


@dataclass(frozen=True)
class Bench:
    """A series with its task and split, and the frames from which anything is fitted."""

    series: Series
    task: Task
    split: TimeSplit
    data: TrainingData

    @classmethod
    def of(cls, series: Series, settings: MovementConfig) -> Bench:
        """Split a series by time, as every benchmark of this project does (`patches.splits.by_time`)."""
        from glaciercast.models.base import TrainingData
        from glaciercast.models.task import Task

        history = history_of(series, settings)
        split = splits.by_time(
            series.n_steps,
            n_input=settings.n_input,
            n_target=settings.n_target,
            history=history,
            composite_length=series.composite_length,
            fractions=settings.fractions,
        )
        task = Task(settings.n_input, settings.n_target, history, series.period, COMPONENTS, min(settings.patch, *series.shape))
        steps = split.training_steps
        values, observed = series.frames(steps)
        return cls(
            series, task, split, TrainingData(values, observed, series.season_index[: steps.stop], np.arange(steps.stop), series.period)
        )


def history_of(series: Series, settings: MovementConfig) -> int:
    """Return the steps that a window reads: a network's, or those of a year if they are more, as the season of last year is read."""
    return max(settings.n_input, series.period)


def assess(series: Series, settings: MovementConfig, folder: Path) -> dict[str, Any]:
    """Fit every model on the training part of a series of ``vx`` and ``vy``, and score it on the test part.

    Parameters
    ----------
    series
        As `patches.series.load` or `movement_series.of_table` return it.
    folder
        Fits of the networks; what was fitted there before is loaded.

    Returns
    -------
    dict
        As `movement_table.compare` and `movement_table.describe`, with ``interval_note``; autoregressions have ``chosen``: for each lead
        and component the order and the penalty.

    Raises
    ------
    InputError
        If the series is too short, or has other variables.
    GlaciercastError
        If nothing of the test part was observed.
    """
    from glaciercast.evaluate.autoregression import LinearAR

    bench = _bench(series, settings)
    models = fitted(bench, settings, folder)
    issues = bench.split.issues("test")
    forecast = {name: forecasts(model, series, bench.task, issues) for name, model in models.items()}
    result = _scored(bench, settings, issues, forecast)
    for name, model in models.items():
        if isinstance(model, LinearAR):
            result["models"][name]["chosen"] = [[list(choice) for choice in lead] for lead in model.chosen]
    return result


def leave_one_out(series: Series, settings: MovementConfig, folder: Path) -> dict[str, Any]:
    """Forecast each place of a series one pixel wide in the test part by models that never saw it, fitted on the others' training part.

    What a model knows of the place is its window: where the climatology is asked for, it is the mean of the other places. Returns and
    raises as `assess`.
    """
    bench = _bench(series, settings)
    if series.shape[1] != 1 or series.shape[0] < 2:
        raise InputError(f"leave one out: expected a series of several places side by side, one pixel wide, found {series.shape}")
    issues, places = bench.split.issues("test"), range(series.shape[0])
    found: dict[str, np.ndarray] = {}
    for place in track(places, "Leaving one out"):
        hidden = _bench(without(series, place, folder / f"without-{place}"), settings)
        for name, model in fitted(hidden, settings, folder / f"without-{place}").items():
            rows = forecasts(model, series, bench.task, issues)[..., place, :]
            found.setdefault(name, np.full((*rows.shape[:3], len(places), 1), np.nan, "float32"))[..., place, :] = rows
    return _scored(bench, settings, issues, found)


def fitted(bench: Bench, settings: MovementConfig, folder: Path) -> dict[str, nn.Module]:
    """Return every model fitted on the training part, baselines first; the validation part chooses what is not fitted."""
    from glaciercast.evaluate.autoregression import LinearAR
    from glaciercast.models import registry
    from glaciercast.training import networks

    models: dict[str, nn.Module] = {name: registry.create(name, bench.task).fit(bench.data) for name in BASELINES}
    for label, of in AUTOREGRESSIONS.items():
        reference = registry.create("climatology", bench.task).fit(bench.data) if of == "climatology" else None
        model = LinearAR(bench.task, of, reference, settings.orders)
        models[label] = model.fit_on(bench.series, bench.split, bench.data)
    for learner in settings.learners:
        note(f"fitting {learner.label}")
        models[learner.label], _ = networks.fit_network(
            learner.name, bench.series, bench.task, bench.split, bench.data, folder / learner.label, settings.training,
            residual=learner.residual, options=learner.options, stride=settings.stride,
        )  # fmt: skip
    return models


def forecasts(forecaster: nn.Module, series: Series, task: Task, issues: np.ndarray) -> np.ndarray:
    """Return the forecasts issued at some steps, float32 (issue, lead, component, y, x); what came after each is not read."""
    from glaciercast.forecast.scenes import forecast_scene

    return np.stack([forecast_scene(forecaster, series, task, int(issue)) for issue in issues])


def truth_of(series: Series, issues: np.ndarray, n_target: int) -> np.ndarray:
    """Return what was observed after each issue step, float32 (issue, lead, component, y, x), NaN where a component was not."""
    frames = [series.frames(range(issue + 1, issue + 1 + n_target)) for issue in issues]
    values, observed = (np.stack(part) for part in zip(*frames, strict=True))
    seen = ((observed > 0) & np.isfinite(values)).all(axis=2, keepdims=True)
    return np.where(seen, values, np.float32("nan"))


def without(series: Series, place: int, folder: Path) -> Series:
    """Return a series in which row `place` was never seen."""
    values, observed = series.frames(range(series.n_steps))
    stack = np.concatenate([values, observed], axis=1)
    stack[:, : len(series.variables), place], stack[:, len(series.variables) :, place] = np.nan, 0.0
    content = f"{series.fingerprint} without {place}"
    return dataclasses.replace(
        series, cache=caches.write(folder / "cache", stack, len(stack), CHANNELS, series.shape, content), fingerprint=content
    )


def _bench(series: Series, settings: MovementConfig) -> Bench:
    if series.variables != COMPONENTS:
        raise InputError(f"movement: expected the variables {', '.join(COMPONENTS)}, found {', '.join(series.variables)}")
    return Bench.of(series, settings)


def _scored(bench: Bench, settings: MovementConfig, issues: np.ndarray, forecast: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the table of forecasts and what it is of."""
    truth = truth_of(bench.series, issues, bench.task.n_target)
    if not np.isfinite(truth).any():
        raise GlaciercastError("movement: nothing was observed in the test part; there is nothing to score")
    blocks = bootstrap.time_blocks(issues, bench.split.gap)
    rows = np.arange(bench.series.shape[0])
    labels = blocks[:, None, None] if settings.clusters == "time" else rows[None, :, None]
    clusters = np.broadcast_to(labels, (len(issues), *bench.series.shape))
    baselines = [*BASELINES, *AUTOREGRESSIONS]
    result = compare(forecast, truth, clusters, baselines)
    count = result["clusters"]
    sentence = bootstrap.interval_sentence(count, bench.split.gap) if settings.clusters == "time" else _places_sentence(count)
    return {**describe(bench.series, bench.split), "interval_note": sentence, **result}


def _places_sentence(count: int) -> str:
    """Return the sentence that says how intervals over places were made, or why there are none."""
    if count < bootstrap.MIN_CLUSTERS:
        return f"No interval is given: there are {count} glaciers, and below {bootstrap.MIN_CLUSTERS} one would be too narrow to be true."
    return (
        f"95 % intervals by bootstrap over {count} glaciers (2,000 replicates, paired with the best baseline); they share sensors and "
        "years, so the truth is wider."
    )
