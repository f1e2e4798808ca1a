"""One network from several glaciers, for the one that was left out (see `patches.splits_glacier`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from glaciercast import config as configs
from glaciercast.errors import InputError
from glaciercast.models import residual as residuals
from glaciercast.models.base import TrainingData
from glaciercast.patches import normalise
from glaciercast.patches.sampling import Batch, PatchDataset, Windows
from glaciercast.training import networks
from glaciercast.training.config import TrainingConfig
from glaciercast.training.fit import FitResult, fit

if TYPE_CHECKING:
    from glaciercast.models.heads import Head
    from glaciercast.models.residual import ResidualForecaster
    from glaciercast.models.task import Task
    from glaciercast.patches.series import Series
    from glaciercast.patches.splits import Part
    from glaciercast.patches.splits_glacier import GlacierSplit


class Several(Windows):
    """The windows of several cubes, one after the other; a batch may hold all of them."""

    def __init__(self, cubes: Sequence[PatchDataset]) -> None:
        self.cubes = cubes
        self.bounds = np.concatenate([[0], np.cumsum([len(cube) for cube in cubes])])

    def __len__(self) -> int:
        return int(self.bounds[-1])

    @property
    def scenes(self) -> list[int]:
        """Number of windows of each issue step of each cube, in the order of the windows."""
        return [count for cube in self.cubes for count in cube.scenes]

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Return the windows `indices` as one batch, cube by cube."""
        cube = np.searchsorted(self.bounds, indices, side="right") - 1
        own = [(np.asarray(indices)[cube == number] - self.bounds[number]).tolist() for number in range(len(self.cubes))]
        parts = [self.cubes[number].__getitems__(chosen) for number, chosen in enumerate(own) if chosen]
        return Batch(*(torch.cat(fields) for fields in zip(*parts, strict=True)))


def pooled(glaciers: Mapping[str, Series], splits: Mapping[str, GlacierSplit]) -> TrainingData:
    """Return the training frames of all glaciers that are trained on, their pixels side by side in one row, (step, V, 1, pixel).

    Steps are those of all calendars together; where a glacier has none it is NaN. Fit on it what knows no place: a normaliser, persistence,
    the same season.
    """
    trained = {name: networks.training_data(glaciers[name], split) for name, split in splits.items() if split.training_steps}
    days = reduce(lambda one, two: one.union(two), (glaciers[name].starts[: len(data.steps)] for name, data in trained.items()))
    variables = next(iter(trained.values())).values.shape[1]
    pixels = [data.values[0, 0].size for data in trained.values()]
    values = np.full((len(days), variables, 1, sum(pixels)), np.nan, "float32")
    observed, season, last = np.zeros_like(values), np.zeros(len(days), "int64"), 0
    for (name, data), count in zip(trained.items(), pixels, strict=True):
        first = int(days.searchsorted(glaciers[name].starts[0]))
        here = (slice(first, first + len(data.steps)), slice(None), 0, slice(last, last + count))
        values[here], observed[here] = (each.reshape(len(data.steps), variables, -1) for each in (data.values, data.observed))
        season[here[0]], last = data.season_index, last + count
    return TrainingData(values, observed, season, np.arange(len(days)), next(iter(trained.values())).period)


def fit_elsewhere(
    name: str, glaciers: Mapping[str, Series], splits: Mapping[str, GlacierSplit], task: Task, folder: Path, settings: TrainingConfig, *,
    residual: str = "same_season", preset: str = "small", head: Head | None = None, stride: int = 10, options: dict[str, Any] | None = None,
) -> tuple[ResidualForecaster, FitResult]:  # fmt: skip
    """Fit a network on all glaciers but the one that `splits` leave out; weights are chosen on their validation windows.

    Parameters
    ----------
    glaciers, splits
        Series and split of each glacier by name (`splits_glacier.by_glacier`).
    residual
        Reference that the network corrects, which reads the past of a pixel alone: one that is fitted knows nothing of another place.
    folder, settings, preset, head, stride, options
        As `networks.fit_network`.

    Raises
    ------
    InputError
        If the reference is fitted to a place, or `fit` refuses.
    """
    if residual in residuals.FITTED:
        raise InputError(f"residual '{residual}': is fitted to a place, and says nothing of a glacier that is left out; use 'same_season'")
    data = pooled(glaciers, splits)
    stats = normalise.fit(data.values, data.observed)
    forecaster = residuals.build(name, task, residual, stats, seed=settings.seed, head=head, preset=preset, **(options or {}))

    def windows(part: Part) -> Several:
        held = [(glaciers[each], split) for each, split in splits.items() if not split.held_out]
        return Several([networks.windows(series, task, split, part, stride) for series, split in held])

    train = networks.loader(windows("train"), settings)
    validation = networks.loader(windows("validation"), settings, shuffle=False)
    seen = {each: networks.describe(glaciers[each], split) for each, split in splits.items() if not split.held_out}
    until = max(told["fitted_until"] for told in seen.values())
    cadence, length = (next(iter(seen.values()))[key] for key in ("cadence", "composite_length"))
    meta = {"cadence": cadence, "composite_length": length, "fitted_until": until, "glaciers": seen, "stride": stride}
    return forecaster, fit(forecaster, train, validation, folder, settings, {**meta, "training": configs.plain(settings)})
