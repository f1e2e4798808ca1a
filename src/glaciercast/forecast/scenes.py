"""Full-scene forecasts: overlapping tiles through a forecaster, blended into scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast import grid
from glaciercast.errors import InputError, LeakError
from glaciercast.patches import sampling, splits, tiling
from glaciercast.patches.series import Series
from glaciercast.schema import ALIGNED

if TYPE_CHECKING:
    import xarray as xr
    from torch import nn

    from glaciercast.models.task import Task


def forecast_scene(forecaster: nn.Module, series: Series, task: Task, issue: int, batch_size: int = 64) -> np.ndarray:
    """Forecast one whole scene from the steps up to `issue`.

    Baselines work pixel by pixel and see the scene whole; networks see tiles of their patch size that overlap by half,
    blended with a raised cosine.

    Returns
    -------
    numpy.ndarray
        float32 (target step, variable, y, x), in physical units.
    """
    import torch

    from glaciercast.models.base import Baseline

    history = np.arange(issue - task.history + 1, issue + 1)
    splits.check_available(series.available_at, series.available_at[issue], history)
    whole = isinstance(forecaster, Baseline)
    tile = series.shape if whole else (task.patch, task.patch)
    overlap = 0 if whole else task.patch // 2
    origins = np.zeros((1, 2), "int64") if whole else tiling.tile_origins(series.shape, task.patch, overlap)
    dataset = sampling.PatchDataset(
        series.cache, np.array([issue]), origins, task, series.season, series.season_index, tile, series.statics, with_target=False
    )
    blender = tiling.Blender(series.shape, tile, overlap, leading=(task.n_target, len(task.targets)))
    forecaster.eval()
    with torch.inference_mode():
        for start in range(0, len(origins), batch_size):
            rows = range(start, min(start + batch_size, len(origins)))
            tiles = forecaster(dataset.__getitems__(list(rows))).numpy()
            for row, values in zip(rows, tiles, strict=True):
                blender.add(values, origins[row])
    return blender.finish()


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
        If the series has another cadence than the model was trained on, or another grid than the climatology that it corrects.
    LeakError
        If the model was fitted on frames that were not available at the issue time.
    """
    if meta.get("cadence") != series.attributes["cadence"]:
        raise InputError(f"model: was trained on steps of {meta.get('cadence')}, found a series of {series.attributes['cadence']}")
    here = [grid.describe(series.geobox), [series.geobox.boundingbox.left, series.geobox.boundingbox.top]]
    if residual == "climatology" and [meta.get("grid"), meta.get("corner")] != here:
        raise InputError(f"model: its climatology belongs to another grid ({meta.get('grid')}), found {here[0]}; train it on this cube")
    issued, fitted = series.available_at[issue], np.datetime64(meta["fitted_until"])
    if issued < fitted:
        raise LeakError(
            f"issue time {str(issued)[:10]}: the model was fitted on frames up to {str(fitted)[:10]}; train it on an earlier part"
        )


def to_dataset(values: np.ndarray, series: Series, issue: int, task: Task, model: str) -> xr.Dataset:
    """Return a forecast (target step, variable, y, x) as a CF dataset with valid times, issue time, CRS and units."""
    import xarray as xr

    steps = np.arange(issue + 1, issue + 1 + values.shape[0])
    coords = {
        **grid.coordinates(series.geobox),
        "time": ("time", series.starts[steps].to_numpy(), {"standard_name": "time", "bounds": "time_bounds"}),
        "lead": ("time", np.arange(1, len(steps) + 1), {"long_name": "lead time in steps", "units": "1"}),
        "issue_time": ((), series.available_at[issue], {"standard_name": "forecast_reference_time"}),
    }
    bounds = np.stack([series.starts[steps].to_numpy(), series.ends[steps].to_numpy()], axis=1)
    data = {name: (("time", "y", "x"), values[:, i], ALIGNED.variables[name].attributes()) for i, name in enumerate(task.targets)}
    attributes: dict[str, object] = {
        "Conventions": "CF-1.11",
        "model": model,
        **{k: series.attributes[k] for k in ("title", "attribution", "comment") if k in series.attributes},
    }
    return xr.Dataset({**data, "time_bounds": (("time", "bounds"), bounds)}, coords=coords, attrs=attributes)
