"""From a series and a split to a fitted network: statistics, reference, loaders and training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config as configs
from glaciercast import grid
from glaciercast.models import registry
from glaciercast.models import residual as residuals
from glaciercast.patches import normalise, sampling
from glaciercast.training.config import TrainingConfig
from glaciercast.training.fit import FitResult, fit

if TYPE_CHECKING:
    from glaciercast.models.base import TrainingData
    from glaciercast.models.heads import Head
    from glaciercast.models.residual import ResidualForecaster
    from glaciercast.models.task import Task
    from glaciercast.patches.series import Series
    from glaciercast.patches.splits import Part, TimeSplit


def fit_network(
    name: str, series: Series, task: Task, split: TimeSplit, data: TrainingData, folder: Path, settings: TrainingConfig, *,
    residual: str = "none", preset: str = "small", head: Head | None = None, stride: int = 10, options: dict[str, Any] | None = None,
) -> tuple[ResidualForecaster, FitResult]:  # fmt: skip
    """Fit a network on the training part and return the weights that are best on the validation part.

    Parameters
    ----------
    data
        The training frames: normaliser and reference are fitted on nothing else.
    folder
        Checkpoints and weights; a fit that was interrupted goes on, a finished one is loaded.
    residual, preset, head, options
        Reference that the network corrects; size, head and options of the architecture.
    stride
        Pixels between training patches.
    """
    forecaster = fresh(name, task, data, settings.seed, residual=residual, preset=preset, head=head, options=options)
    train = sampling.loader(windows(series, task, split, "train", stride), settings.batch_size, settings.seed)
    validation = sampling.loader(windows(series, task, split, "validation", stride), settings.batch_size, shuffle=False)
    meta = {**describe(series, split), "stride": stride, "training": configs.plain(settings)}
    return forecaster, fit(forecaster, train, validation, folder, settings, meta)


def fresh(
    name: str, task: Task, data: TrainingData, seed: int, *, residual: str = "none", preset: str = "small", head: Head | None = None,
    options: dict[str, Any] | None = None,
) -> ResidualForecaster:  # fmt: skip
    """Return a network with fresh weights, around it the normaliser and the reference of the training frames."""
    stats = normalise.fit(data.values, data.observed)
    reference = registry.create("climatology", task).fit(data) if residual == "climatology" else None
    return residuals.build(name, task, residual, stats, reference, seed=seed, head=head, preset=preset, **(options or {}))


def windows(series: Series, task: Task, split: TimeSplit, part: Part, stride: int) -> sampling.PatchDataset:
    """Return the patches of a part's windows, every `stride` pixels."""
    origins = sampling.patch_origins(series.shape, task.patch, stride)
    return sampling.PatchDataset(
        series.cache, split.issues(part), origins, task, series.season, series.season_index, (task.patch, task.patch), series.statics
    )


def describe(series: Series, split: TimeSplit) -> dict[str, Any]:
    """Return what a forecaster's file tells of the cube that it was fitted on, as plain JSON types."""
    return {
        "data": series.fingerprint,
        "cadence": series.attributes["cadence"],
        "grid": grid.describe(series.geobox),
        "corner": [series.geobox.boundingbox.left, series.geobox.boundingbox.top],
        "fitted_until": str(series.available_at[: split.targets["validation"].stop].max()),
        "split": {part: [steps.start, steps.stop] for part, steps in split.targets.items()},
    }
