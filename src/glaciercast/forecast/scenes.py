"""Full-scene forecasts: overlapping tiles through a forecaster, blended into scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast import grid
from glaciercast.errors import InputError, LeakError
from glaciercast.forecast.dataset import to_dataset
from glaciercast.patches import splits
from glaciercast.patches.series import Series

if TYPE_CHECKING:
    import torch
    from torch import nn

    from glaciercast.models.task import Task
    from glaciercast.patches.sampling import Batch
    from glaciercast.patches.tiling import Tiling

__all__ = ["check_model", "forecast_bands", "forecast_scene", "issue_step", "tiling_for", "to_dataset"]

SIDE, MARGIN = 200, 25
"""Side of the largest tile, and the overlap, of a network that takes any size (chosen by benchmarks/forecast.py)."""
PIXELS = 40_000
"""Pixels that pass through a network at once (chosen by benchmarks/forecast.py)."""


def forecast_scene(
    forecaster: nn.Module, series: Series, task: Task, issue: int, n_target: int | None = None, tiling: Tiling | None = None
) -> np.ndarray:
    """Forecast one whole scene from the steps up to `issue`.

    Parameters
    ----------
    n_target
        Leads to forecast; those of the task if None. Beyond them the forecaster goes on from its own forecasts (see `forecast.rolling`);
        the first ones stay as they are, bit for bit.
    tiling
        How the scene is cut; `tiling_for` chooses if None.

    Returns
    -------
    numpy.ndarray
        float32 (target step, target, y, x), in physical units.

    Raises
    ------
    LeakError
        If a step that is read was not available at the issue time.
    InputError
        If the leads cannot be reached, or the scene is smaller than a tile.
    """
    import torch

    from glaciercast.forecast import rolling
    from glaciercast.patches.tiling import Blender

    wanted, block = task.n_target if n_target is None else n_target, task.n_target
    rolling.check(forecaster, series, task, issue, wanted)
    tiling = tiling_for(forecaster, series.shape, task.patch) if tiling is None else tiling
    scene = torch.empty((-(-wanted // block) * block, len(task.targets), *series.shape), device=_device(forecaster))
    forecaster.eval()
    with torch.inference_mode():
        for done in range(0, len(scene), block):
            blender = Blender(tiling, scene[done : done + block])
            for first, batch in _batches(series, task, issue, tiling, scene.device):
                if done:
                    numbers = range(first, first + len(batch.past))
                    before = torch.stack([scene[(slice(done), slice(None), *tiling.window(number))] for number in numbers])
                    batch = rolling.gone_on(batch, before, series, issue, block)
                blender.add(first, forecaster(batch))
    forecast: np.ndarray = scene[:wanted].cpu().numpy()
    return forecast


def forecast_bands(
    forecaster: nn.Module, series: Series, task: Task, issue: int, levels: Sequence[float], tiling: Tiling | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Forecast one whole scene with its quantiles, which are blended as the values are; each network runs once.

    There are none beyond the trained leads: a forecaster that goes on from its own forecasts takes them for true, so its bands would be
    too narrow.

    Parameters
    ----------
    levels
        Quantiles, each in (0, 1).

    Returns
    -------
    values
        float32 (target step, target, y, x), as `forecast_scene`.
    quantiles
        float32 (quantile, target step, target, y, x), physical units.

    Raises
    ------
    LeakError
        As `forecast_scene`.
    InputError
        If the forecaster states no quantiles, or not these; and as `forecast_scene`.
    """
    import torch

    from glaciercast.forecast import rolling
    from glaciercast.models.conformal import bands
    from glaciercast.patches.tiling import Blender

    rolling.check(forecaster, series, task, issue, task.n_target)
    tiling = tiling_for(forecaster, series.shape, task.patch) if tiling is None else tiling
    scene = torch.empty((1 + len(levels), task.n_target, len(task.targets), *series.shape), device=_device(forecaster))
    blender = Blender(tiling, scene)
    forecaster.eval()
    with torch.inference_mode():
        for first, batch in _batches(series, task, issue, tiling, scene.device):
            blender.add(first, bands(forecaster, batch, levels).movedim(1, 0))
    both = scene.cpu().numpy()
    return both[0], both[1:]


def tiling_for(forecaster: nn.Module, shape: tuple[int, int], patch: int) -> Tiling:
    """Return how a scene is cut for a forecaster.

    Baselines work pixel by pixel or carry pixels far: they see the scene whole. Networks see tiles of their patch size that overlap by a
    quarter, which leaves no more seam than a half and takes half the time (`benchmarks/forecast.py`); those of which a pixel's forecast
    depends on what lies near, and not on the size of the patch (`any_size`), see large tiles.
    """
    from glaciercast.forecast.traits import of_networks
    from glaciercast.models.base import Baseline
    from glaciercast.patches.tiling import Tiling

    if isinstance(forecaster, Baseline):
        return Tiling(shape, shape, 0)
    if not of_networks(forecaster, "any_size"):
        return Tiling(shape, (patch, patch), patch // 4)
    tile = (_side(shape[0]), _side(shape[1]))
    return Tiling(shape, tile, min(MARGIN, min(tile) // 2))


def _side(size: int) -> int:
    """Return the side of as few tiles as cover `size` pixels with sides up to `SIDE`, a multiple of 8 where the scene allows it."""
    count = max(1, -(-(size - MARGIN) // (SIDE - MARGIN)))
    even = -(-(size + (count - 1) * MARGIN) // count)
    return min(size, -(-even // 8) * 8)


def _batches(series: Series, task: Task, issue: int, tiling: Tiling, device: torch.device) -> Iterator[tuple[int, Batch]]:
    """Yield the windows of the tiles, some at a time, each time with the number of the first; they are cut straight from the cache."""
    from glaciercast.patches.sampling import Batch, PatchDataset

    history = np.arange(issue - task.history + 1, issue + 1)
    splits.check_available(series.available_at, series.available_at[issue], history)
    windows = PatchDataset(
        series.cache, np.array([issue]), tiling.origins, task, series.season, series.season_index, tiling.tile, series.statics,
        with_target=False,
    )  # fmt: skip
    size = max(1, PIXELS // (tiling.tile[0] * tiling.tile[1]))
    for first in range(0, len(tiling), size):
        batch = windows.__getitems__(range(first, min(first + size, len(tiling))))
        yield first, Batch(*(None if part is None else part.to(device) for part in batch))  # type: ignore[arg-type]


def _device(forecaster: nn.Module) -> torch.device:
    """Return where a forecaster computes; baselines with nothing to hold compute on the CPU."""
    import torch

    held = next(chain(forecaster.parameters(), forecaster.buffers()), None)
    return torch.device("cpu") if held is None else held.device


def issue_step(series: Series, history: int, issue_time: str | None) -> int:
    """Return the last step from which a forecast could be made at `issue_time` (any time that pandas reads; None: now).

    Raises
    ------
    InputError
        If the time cannot be read, or too little was available by then.
    """
    if issue_time is None:
        return series.n_steps - 1
    try:
        moment = pd.Timestamp(issue_time)
    except ValueError as error:
        raise InputError(f"issue time '{issue_time}': expected a date such as 2020-05-01") from error
    if pd.isna(moment):
        raise InputError(f"issue time '{issue_time}': expected a date such as 2020-05-01")
    moment = moment.tz_convert("UTC").tz_localize(None) if moment.tzinfo else moment
    late = np.flatnonzero(series.available_at > moment.to_datetime64())
    last = int(late[0]) - 1 if late.size else series.n_steps - 1
    if last < history - 1:
        raise InputError(f"issue time {moment:%Y-%m-%d}: {last + 1} steps were available by then, expected at least {history}")
    return last


def check_model(meta: dict[str, Any], residual: str | None, series: Series, issue: int) -> None:
    """Check that a trained model may forecast from step `issue` of this series.

    Raises
    ------
    InputError
        If the series has another cadence or length of composites than the model was trained on, or another grid than the climatology that
        it corrects.
    LeakError
        If the model was fitted on frames that were not available at the issue time.
    """
    from glaciercast.models.residual import FITTED

    if meta.get("cadence") != series.attributes["cadence"]:
        raise InputError(f"model: was trained on steps of {meta.get('cadence')}, found a series of {series.attributes['cadence']}")
    if meta.get("composite_length") != series.composite_length:
        raise InputError(f"model: was trained on composites of {meta.get('composite_length')} steps, found {series.composite_length}")
    here = [grid.describe(series.geobox), [series.geobox.boundingbox.left, series.geobox.boundingbox.top]]
    if residual in FITTED and [meta.get("grid"), meta.get("corner")] != here:
        raise InputError(f"model: its climatology belongs to another grid ({meta.get('grid')}), found {here[0]}; train it on this cube")
    issued, fitted = series.available_at[issue], np.datetime64(meta["fitted_until"])
    if issued < fitted:
        raise LeakError(
            f"issue time {str(issued)[:10]}: the model was fitted on frames up to {str(fitted)[:10]}; train it on an earlier part"
        )
