"""The baselines that a network must beat: persistence, same season, climatology and damped anomaly persistence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.models.base import Baseline, TrainingData
from glaciercast.models.registry import register
from glaciercast.models.seasonal import fill_seasons, seasonal_mean
from glaciercast.models.task import Task

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch


class _Repeating(Baseline):
    """What repeats a past frame. A pixel that was never seen takes buffer `fallback` (V,): the training mean, NaN until it is fitted."""

    fallback: Tensor

    def __init__(self, task: Task, options: Config | None = None) -> None:
        super().__init__(task, options)
        self.register_buffer("fallback", torch.full((len(task.variables),), torch.nan))

    def fit(self, data: TrainingData) -> Self:
        """Take the observed-weighted mean of each variable over the training frames."""
        mean, weight = seasonal_mean(data)
        total = weight.sum(axis=(0, 2, 3))
        means = np.divide((mean * weight).sum(axis=(0, 2, 3)), total, out=np.full(total.shape, np.nan), where=total > 0)
        self.fallback = torch.from_numpy(means.astype(np.float32)).to(self.fallback.device)
        return self

    def where_seen(self, frames: Tensor) -> Tensor:
        """Return `frames` (b, T, W, y, x) with the fallback where a pixel was never seen."""
        return torch.where(frames.isfinite(), frames, self.fallback[: len(self.task.targets), None, None])


@register("persistence", kind="baseline", summary="The last frame stays as it is.")
class Persistence(_Repeating):
    """Repeat the frame of the issue step at every lead."""

    def forward(self, batch: Batch) -> Tensor:
        """Return the last past frame at every lead, (b, T, W, y, x)."""
        return self.where_seen(self.targets(batch.past[:, -1:]).expand(-1, self.task.n_target, -1, -1, -1))


@register("same_season", kind="baseline", summary="The latest frame of the target's season, one year before it or more.")
class SameSeason(_Repeating):
    """Repeat the latest past frame of the target's season.

    Lead h looks up ``past[H - 1 + h - k * period]`` with the smallest k ≥ 1 that is not after the issue step.

    Raises
    ------
    InputError
        If the task's history is shorter than one period.
    """

    def __init__(self, task: Task, options: Config | None = None) -> None:
        super().__init__(task, options)
        if task.history < task.period:
            raise InputError(f"same_season: expected a history of at least {task.period} steps (one year), found {task.history}")

    def forward(self, batch: Batch) -> Tensor:
        """Return the frame of the same season for every lead, (b, T, W, y, x)."""
        issue, period = batch.past.shape[1] - 1, self.task.period
        steps = [issue + lead - -(-lead // period) * period for lead in range(1, self.task.n_target + 1)]
        return self.where_seen(self.targets(batch.past[:, steps]))


class _Seasonal(Baseline):
    """What holds a seasonal mean per pixel: buffers `mean` and `weight` (period, V, Y, X), empty until they are fitted or loaded."""

    mean: Tensor
    weight: Tensor

    def __init__(self, task: Task, options: Config | None = None) -> None:
        super().__init__(task, options)
        for name in ("mean", "weight"):
            self.register_buffer(name, torch.zeros(task.period, len(task.variables), 0, 0))

    def fit(self, data: TrainingData) -> Self:
        """Take the observed-weighted mean of the training frames per season, variable and pixel, and the sum of the weights.

        Raises
        ------
        InputError
            If the data are of another task, or a variable was never observed.
        """
        expected = (self.task.period, len(self.task.variables))
        if (data.period, data.values.shape[1]) != expected:
            raise InputError(
                f"{self.name}: expected training data of period {expected[0]} with {expected[1]} variables, "
                f"found {data.period} and {data.values.shape[1]}"
            )
        mean, weight = seasonal_mean(data)
        unseen = [name for name, total in zip(self.task.variables, weight.sum(axis=(0, 2, 3)), strict=True) if total == 0]
        if unseen:
            raise InputError(f"{self.name}: '{unseen[0]}' is not observed anywhere in the training part")
        self.mean = torch.from_numpy(fill_seasons(mean, weight > 0).astype(np.float32)).to(self.mean.device)
        self.weight = torch.from_numpy(weight.astype(np.float32)).to(self.mean.device)
        return self

    def seasonal(self, batch: Batch, season: Tensor) -> Tensor:
        """Return the seasonal mean under each patch for `season` (b, n) int, as (b, n, V, y, x).

        Raises
        ------
        InputError
            If nothing was fitted, or a patch reaches beyond the fitted scene.
        """
        return self.mean[self._under(batch, season)]

    def seasonal_of_others(self, batch: Batch, season: Tensor, values: Tensor, observed: Tensor) -> Tensor:
        """Return the seasonal mean that the other training frames give: as if these, which are among them, had not been.

        A model that learns from departures of training frames must not see them counted in the mean that they depart from: with n
        years, the departures would be smaller than those of an unseen year by (n - 1)/n.

        Parameters
        ----------
        season
            (b, n) int.
        values, observed
            (b, n, v, y, x), training frames of those seasons and their observed fractions; the first v of the variables.

        Returns
        -------
        (b, n, v, y, x), NaN where no other frame of the season was seen.
        """
        where = self._under(batch, season, values.shape[2])
        weight, own = self.weight[where], torch.where(values.isfinite(), observed, 0.0)
        others = weight - own
        total = self.mean[where] * weight - own * values.nan_to_num()
        return torch.where(others > 1e-3 * weight.clamp_min(1e-3), total / others, torch.nan)

    def _under(self, batch: Batch, season: Tensor, variables: int | None = None) -> tuple[Tensor, ...]:
        """Return the index of the seasons, first variables and pixels under each patch in `mean` and `weight`."""
        rows, columns = batch.past.shape[-2:]
        height, width = self.mean.shape[-2:]
        if height == 0:
            raise InputError(f"{self.name}: not fitted yet")
        row = batch.origin[:, :1] + torch.arange(rows, device=batch.origin.device)
        column = batch.origin[:, 1:] + torch.arange(columns, device=batch.origin.device)
        if int(batch.origin.min()) < 0 or int(row.max()) >= height or int(column.max()) >= width:
            raise InputError(f"{self.name}: a patch of {rows}×{columns} pixels reaches beyond the fitted scene of {height}×{width}")
        variable = torch.arange(self.mean.shape[1] if variables is None else variables, device=batch.origin.device)
        return season[:, :, None, None, None], variable[:, None, None], row[:, None, None, :, None], column[:, None, None, None, :]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Take the scene's size from what is stored; what belongs to another task is left for torch to refuse."""
        for name in ("mean", "weight"):
            stored = state_dict.get(prefix + name)
            if stored is not None and stored.shape[:2] == getattr(self, name).shape[:2]:
                setattr(self, name, torch.zeros_like(stored, device=self.mean.device))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


@register("climatology", kind="baseline", summary="The mean of the training years, per pixel and season.")
class Climatology(_Seasonal):
    """Forecast the observed-weighted mean of the training part, per pixel and season.

    A season that a pixel never saw is interpolated between its neighbours in the circle of seasons; a pixel that was never seen takes the
    spatial mean of the season.
    """

    def forward(self, batch: Batch) -> Tensor:
        """Return the climatology of each target's season, (b, T, W, y, x)."""
        return self.targets(self.seasonal(batch, batch.index_future))

    def of_others(self, batch: Batch, seen: Batch) -> tuple[Tensor, Tensor]:
        """Return what training compares with: climatology of the input steps, (b, n_input, V, y, x), and forecast, (b, T, W, y, x).

        Each frame departs from a climatology that does not hold it (see `seasonal_of_others`); NaN where nothing else was seen. `seen` is
        what training shows of the window `batch`; a forecast by more than the calendar reads it.
        """
        assert batch.target is not None and batch.target_weight is not None, "training windows have targets"
        steps = self.task.n_input
        past = batch.index_past[:, -steps:], batch.past[:, -steps:], batch.past_observed[:, -steps:].nan_to_num()
        return self.seasonal_of_others(batch, *past), self.seasonal_of_others(batch, batch.index_future, batch.target, batch.target_weight)


@register("damped_anomaly", kind="baseline", summary="Climatology plus the last anomaly, shrunk by a fitted coefficient per lead.")
class DampedAnomaly(_Seasonal):
    """Forecast ``climatology(target) + a[h, v] · (last frame − climatology(its season))``.

    The coefficients are buffer `damping` (T, V) in [0, 1]: least squares over all pairs of training frames h steps apart, weighted by the
    product of their observed fractions: the forecast of a first-order autoregression, with a coefficient of its own at each lead.
    """

    damping: Tensor

    def __init__(self, task: Task, options: Config | None = None) -> None:
        super().__init__(task, options)
        self.register_buffer("damping", torch.zeros(task.n_target, len(task.variables)))

    def fit(self, data: TrainingData) -> Self:
        """Fit the climatology, then the coefficient of each lead and variable.

        Raises
        ------
        InputError
            If the data are of another task, or a variable was never observed.
        """
        super().fit(data)
        self.damping = torch.from_numpy(_damping(data, self.mean.cpu().numpy(), self.task.n_target)).to(self.damping.device)
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Return climatology plus damped anomaly, (b, T, W, y, x); where the last frame is NaN, the climatology."""
        anomaly = batch.past[:, -1:] - self.seasonal(batch, batch.index_past[:, -1:])
        change = self.damping[None, :, :, None, None] * torch.nan_to_num(anomaly)
        return self.targets(self.seasonal(batch, batch.index_future) + change)


def _damping(data: TrainingData, mean: NDArray[np.float32], leads: int) -> NDArray[np.float32]:
    """Return Σ w A(t) A(t+h) / Σ w A(t)² per lead and variable, clipped to [0, 1]; 0 where no pair was seen. Shape (leads, V)."""
    product = np.zeros((leads, mean.shape[1]))
    square = np.zeros_like(product)
    recent: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []  # anomalies and weights, latest first
    for index, season in enumerate(data.season_index):
        values, weight = data.frame(index)
        anomaly = values - mean[season]
        for lead, (earlier, earlier_weight) in enumerate(recent):
            pair = weight * earlier_weight * earlier
            product[lead] += (pair * anomaly).sum(axis=(1, 2))
            square[lead] += (pair * earlier).sum(axis=(1, 2))
        recent = [(anomaly, weight), *recent][:leads]
    return np.clip(np.divide(product, square, out=np.zeros_like(product), where=square > 0), 0.0, 1.0).astype(np.float32)
