"""Leads beyond the trained horizon: a model goes on from its own forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from glaciercast.errors import InputError
from glaciercast.forecast.traits import of_networks

if TYPE_CHECKING:
    from glaciercast.models.task import Task
    from glaciercast.patches.sampling import Batch
    from glaciercast.patches.series import Series


def check(forecaster: nn.Module, series: Series, task: Task, issue: int, n_target: int) -> None:
    """Check that a forecaster can go on to lead `n_target`.

    What it forecasts becomes its past, of which nothing was observed. Variables that it reads but does not forecast are unknown from then
    on. Baselines need of a variable no more than its own past; a network that was never shown how a variable goes missing is refused
    (its `missing_ok` says that it was).

    Raises
    ------
    InputError
        If the lead is below 1, the calendar of the series ends before the forecast that holds it does, or the forecaster needs a variable
        that is not forecast.
    """
    known = (len(series.season_index) - 1 - issue) // task.n_target * task.n_target
    if not 1 <= n_target <= known:
        raise InputError(f"leads: expected 1 to {known} steps, as far as the calendar of the series goes, found {n_target}")
    unknown = task.variables[len(task.targets) :]
    if n_target > task.n_target and unknown and not of_networks(forecaster, "missing_ok"):
        raise InputError(
            f"leads: expected at most {task.n_target}, as '{unknown[0]}' is read but not forecast; found {n_target}; "
            f"make '{unknown[0]}' a target to go further"
        )


def gone_on(batch: Batch, forecast: Tensor, series: Series, issue: int, n_target: int) -> Batch:
    """Return a batch as if the forecast had come true: the present is its last step.

    Parameters
    ----------
    batch
        Windows issued at step `issue`.
    forecast
        (b, n, W, y, x), leads 1 … n, physical units.
    series
        Its calendar reaches step ``issue + n + n_target``.

    Returns
    -------
    Batch
        The last frames of past and forecast. Of a forecast frame nothing was observed, and what is not forecast is NaN.
    """
    steps, variables = forecast.shape[1], batch.past.shape[2]
    shape = (len(forecast), steps, variables - forecast.shape[2], *forecast.shape[-2:])
    frames = torch.cat([forecast, forecast.new_full(shape, torch.nan)], dim=2)
    past = torch.cat([batch.past[:, steps:], frames[:, -batch.past.shape[1] :]], dim=1)
    observed = torch.cat([batch.past_observed[:, steps:], torch.zeros_like(frames[:, -batch.past.shape[1] :])], dim=1)
    last = issue + steps
    history, future = np.arange(last + 1 - past.shape[1], last + 1), np.arange(last + 1, last + 1 + n_target)

    def calendar(of: np.ndarray, at: np.ndarray) -> Tensor:
        return torch.from_numpy(of[at]).to(past.device).expand(len(past), *of[at].shape)

    return batch._replace(
        past=past,
        past_observed=observed,
        season_past=calendar(series.season, history),
        season_future=calendar(series.season, future),
        index_past=calendar(series.season_index, history),
        index_future=calendar(series.season_index, future),
        issue=batch.issue + steps,
    )
