"""From a series and a split to a fitted network: statistics, reference, loaders and training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import config as configs
from glaciercast import grid
from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models import residual as residuals
from glaciercast.models.base import Solvable, TrainingData
from glaciercast.patches import normalise, sampling
from glaciercast.training import assembled
from glaciercast.training.config import Loss, TrainingConfig
from glaciercast.training.fit import FitResult, fit

if TYPE_CHECKING:
    from torch.utils.data import DataLoader

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
    loss: Loss = "patch" if isinstance(forecaster.network, Solvable) else settings.loss  # what is solved for is solved for pixel by pixel
    train = loader(windows(series, task, split, "train", stride, loss), settings, loss)
    validation = loader(windows(series, task, split, "validation", stride, loss), settings, loss, shuffle=False)
    meta = {**describe(series, split), "stride": stride, "training": configs.plain(settings)}
    return forecaster, fit(forecaster, train, validation, folder, settings, meta)


def fresh(
    name: str, task: Task, data: TrainingData, seed: int, *, residual: str = "none", preset: str = "small", head: Head | None = None,
    options: dict[str, Any] | None = None,
) -> ResidualForecaster:  # fmt: skip
    """Return a network with fresh weights, around it the normaliser and the reference of the training frames."""
    stats = normalise.fit(data.values, data.observed)
    reference = registry.create(residual, task).fit(data) if residual in residuals.FITTED else None
    return residuals.build(name, task, residual, stats, reference, seed=seed, head=head, preset=preset, **(options or {}))


def training_data(series: Series, split: TimeSplit) -> TrainingData:
    """Return the frames of the training part, whose pixels outside it are NaN and unobserved: all statistics are fitted on these alone.

    What holds something per pixel has nothing of its own to tell of a pixel that the training part leaves out, and takes the mean of the
    others (see `models.seasonal.fill_seasons`): in a split by space, persistence and the same season are the baselines that know a place.
    """
    steps, mask = split.training_steps, split.mask("train")
    values, observed = series.frames(steps)
    if mask is not None:
        values[..., ~mask], observed[..., ~mask] = np.nan, 0.0
    season = series.season_index[steps.start : steps.stop]
    return TrainingData(values, observed, season, np.arange(steps.start, steps.stop), series.period)


def windows(series: Series, task: Task, split: TimeSplit, part: Part, stride: int, loss: Loss = "patch") -> sampling.PatchDataset:
    """Return the patches of a part's windows: every `stride` pixels, or the tiles of whole scenes where the loss is theirs.

    Raises
    ------
    InputError
        If the part holds no whole patch, or the loss is of whole scenes, which a part of the split does not hold.
    """
    if loss == "scene":
        origins = assembled.tiling_for(series.shape, (task.patch, task.patch)).origins
    else:
        origins = sampling.patch_origins(series.shape, task.patch, stride)
    mask, chosen = split.mask(part), split.chosen(part, len(origins))
    if loss == "scene" and not (mask is None and chosen is None):
        raise InputError(f"loss 'scene': expected a split by time, whose parts hold whole scenes, found '{split.name}'")
    if mask is not None:
        origins = sampling.origins_within(origins, mask, task.patch)
    size = (task.patch, task.patch)
    return sampling.PatchDataset(
        series.cache, split.issues(part), origins, task, series.season, series.season_index, size, series.statics, chosen=chosen
    )


def loader(dataset: sampling.Windows, settings: TrainingConfig, loss: Loss = "patch", shuffle: bool = True) -> DataLoader[sampling.Batch]:
    """Return a loader of batches of patches, or of whole scenes where the loss is theirs (see `windows`)."""
    if loss == "scene":
        return assembled.loader(dataset, settings.seed, shuffle)
    return sampling.loader(dataset, settings.batch_size, settings.seed, shuffle)


def describe(series: Series, split: TimeSplit) -> dict[str, Any]:
    """Return what a forecaster's file tells of the cube that it was fitted on, as plain JSON types."""
    return {
        "data": series.fingerprint,
        "cadence": series.attributes["cadence"],
        "composite_length": series.composite_length,
        "grid": grid.describe(series.geobox),
        "corner": [series.geobox.boundingbox.left, series.geobox.boundingbox.top],
        "fitted_until": str(series.available_at[: split.targets["validation"].stop].max()),
        "split": {part: [steps.start, steps.stop] for part, steps in split.targets.items()},
        "split_by": split.facts(),
    }
