"""Climatology that goes on changing as it did: a linear trend of each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glaciercast.config import Config
from glaciercast.models.base import TrainingData
from glaciercast.models.baselines import Climatology
from glaciercast.models.registry import register
from glaciercast.models.seasonal import fill_seasons
from glaciercast.models.task import Task

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch

YEARS = 3
"""Frames of one season that a pixel must have seen before it has a trend; two years give a difference and nothing to doubt it by."""


@register("linear_trend", kind="baseline", summary="Climatology plus the linear trend of the training years, per pixel.")
class LinearTrend(Climatology):
    """Forecast ``mean[s] + slope · (t − centre[s])`` for a target at step t of season s.

    It is the least-squares fit, weighted by the observed fractions, of a level per season and one slope per pixel (the within estimator
    of a regression with seasonal dummies): mean and centre are the weighted means of value and step of the season, and

        slope = Σ w (t − centre[s]) (y − mean[s]) / Σ w (t − centre[s])².

    One slope for all seasons, not one for each: a decade has ten frames of a season, of which clouds take half, and the error of a slope
    from n frames that is carried h years beyond the middle of n years is h √(12 / n³) of the noise; shared by 12 seasons it is 3.5 times
    smaller. A trend of one season alone, such as a snow line that rises in late summer, is spread over the year.

    A pixel that saw no season in at least three years has no trend, and the forecast is the climatology; so it is where nothing was ever
    seen. A season that a pixel never saw takes mean and centre between those of its neighbours. The forecast is not clipped.

    Buffers: those of the climatology, `slope` (V, Y, X) in units a step, `centre` (period, V, Y, X) in steps after `first`, the first
    training step.
    """

    slope: Tensor
    centre: Tensor
    first: Tensor

    def __init__(self, task: Task, options: Config | None = None) -> None:
        super().__init__(task, options)
        self.register_buffer("slope", torch.zeros(len(task.variables), 0, 0))
        self.register_buffer("centre", torch.zeros(task.period, len(task.variables), 0, 0))
        self.register_buffer("first", torch.zeros((), dtype=torch.int64))

    def fit(self, data: TrainingData) -> Self:
        """Fit the climatology and the trends.

        Raises
        ------
        InputError
            If the data are of another task, or a variable was never observed.
        """
        super().fit(data)
        slope, centre = _trend(data, self.mean.cpu().numpy())
        self.slope = torch.from_numpy(slope.astype(np.float32)).to(self.mean.device)
        self.centre = torch.from_numpy(centre.astype(np.float32)).to(self.mean.device)
        self.first = torch.tensor(int(data.steps[0]), device=self.mean.device)
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Return climatology plus trend at each target's step, (b, T, W, y, x)."""
        index = self._under(batch, batch.index_future, len(self.task.targets))
        lead = torch.arange(1, self.task.n_target + 1, device=batch.issue.device)
        step = (batch.issue[:, None] + lead - self.first)[:, :, None, None, None]
        return self.mean[index] + self.slope[index[1:]] * (step - self.centre[index])

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Take the scene's size from what is stored; what belongs to another task is left for torch to refuse."""
        for name in ("slope", "centre"):
            stored, own = state_dict.get(prefix + name), getattr(self, name)
            if stored is not None and stored.shape[:-2] == own.shape[:-2]:
                setattr(self, name, torch.zeros_like(stored, device=own.device))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _trend(data: TrainingData, mean: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the slope (V, Y, X) in units a step, and the mean step of each season (period, V, Y, X) counted from the first one.

    Sums run over departures from the season's mean step and value, so that neither large numbers of steps nor large values cost digits.
    """
    shape = (data.period, *data.values.shape[1:])
    steps, weights, frames = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.int64)
    for index, season in enumerate(data.season_index):
        weight = data.frame(index)[1]
        steps[season] += weight * index
        weights[season] += weight
        frames[season] += weight > 0
    centre = np.divide(steps, weights, out=np.zeros(shape), where=weights > 0)
    product, square = np.zeros(shape[1:]), np.zeros(shape[1:])
    for index, season in enumerate(data.season_index):
        values, weight = data.frame(index)
        departure = index - centre[season]
        product += weight * departure * (values - mean[season])
        square += weight * departure**2
    known = (frames.max(axis=0) >= YEARS) & (square > 0)
    slope = np.divide(product, square, out=np.zeros(shape[1:]), where=known)
    return slope, fill_seasons(centre, weights > 0)
