"""Climatology as a smooth cycle: a few years say little of each month by itself, and more of a sum of harmonics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glaciercast.config import Config
from glaciercast.models.base import TrainingData
from glaciercast.models.baselines import Climatology
from glaciercast.models.registry import register
from glaciercast.models.task import Task

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch

MOST = 4
"""Harmonics: down to a quarter of a year."""
RIDGES = (0.5, 2.0, 8.0)
UNTRIED = (2, 2.0)
"""Harmonics and ridge where one year leaves nothing to choose them by."""
CONSTANT = 1e-3
"""Ridge on the mean, which only keeps unseen pixels solvable."""
SAMPLE = 1024
"""Pixels by which harmonics and ridge are chosen."""
CHUNK = 1 << 16
LEAST = 0.5
"""Observed frames that must be left of a pixel when those of a window are taken out."""

Smoothing = tuple[int, float]


@register("harmonic", kind="baseline", summary="The mean cycle of the training years as a few harmonics, per pixel.")
class Harmonic(Climatology):
    """Forecast ``c₀ + Σₖ aₖ sin kφ + bₖ cos kφ`` of each pixel, φ the phase of the target's season.

    The coefficients minimise ``Σ w (y − ŷ)² + λ Σₖ k²/4 (aₖ² + bₖ²)`` over the training frames, w the observed fractions: λ counts in
    observed frames. The number of harmonics (at most four) and λ are those with the least error on left-out years of the training part.
    With n years the mean of a month has an error of 1/n of the variance; a cycle of five coefficients, where months are twelve, has less
    than half of it. A pixel that was never seen has the mean cycle of the others.

    Buffers: `mean` (period, V, Y, X), the cycle; `weight`, as the climatology has it; `smoothing` (2,): harmonics and λ.
    """

    smoothing: Tensor

    def __init__(self, task: Task, options: Config | None = None) -> None:
        super().__init__(task, options)
        self.register_buffer("smoothing", torch.zeros(2))

    def fit(self, data: TrainingData) -> Self:
        """Choose the smoothing on left-out years, and fit the cycle of every pixel.

        Raises
        ------
        InputError
            If the data are of another task, or a variable was never observed.
        """
        super().fit(data)
        mean, weight = (part.double().cpu().numpy() for part in (self.mean, self.weight))  # filled means have no weight
        chosen = choose(data)
        flat, frames = (array.reshape(data.period, -1) for array in (mean, weight))
        parts = [slice(start, start + CHUNK) for start in range(0, flat.shape[1], CHUNK)]
        cycle = np.concatenate([smooth(flat[:, part], frames[:, part], chosen) for part in parts], axis=1).reshape(mean.shape)
        ever = weight.sum(axis=0) > 0
        usual = np.where(ever, cycle, 0.0).sum(axis=(2, 3)) / ever.sum(axis=(1, 2))
        filled = np.where(ever, cycle, usual[:, :, None, None])
        self.mean = torch.from_numpy(filled.astype(np.float32)).to(self.mean.device)
        self.smoothing = torch.tensor(chosen, dtype=torch.float32, device=self.mean.device)
        return self

    def of_others(self, batch: Batch, seen: Batch) -> tuple[Tensor, Tensor]:
        """Return the cycle at the input steps and at the targets, fitted without any frame of the window; see `Climatology`."""
        coefficients = self.coefficients_of_others(batch)
        past, future = (self.at(coefficients, index) for index in (batch.index_past[:, -self.task.n_input :], batch.index_future))
        return past, self.targets(future)

    def coefficients(self, batch: Batch) -> Tensor:
        """Return the coefficients under each patch, (b, V, y, x, 1 + 2K)."""
        every = torch.arange(self.task.period, device=batch.origin.device).expand(len(batch.past), -1)
        return torch.einsum("bsvyx,is->bvyxi", self.seasonal(batch, every), torch.linalg.pinv(self._basis()))

    def coefficients_of_others(self, batch: Batch) -> Tensor:
        """Return the coefficients as the other training frames give them, (b, V, y, x, 1 + 2K); NaN where too few are left.

        Neighbouring months of one year depart alike, and a smooth cycle follows them: all frames of a window are taken out, its past of a
        year and its targets.
        """
        basis, harmonics = self._basis(), int(self.smoothing[0])
        every = torch.arange(self.task.period, device=batch.origin.device).expand(len(batch.past), -1)
        mean, weight = self.mean[self._under(batch, every)], self.weight[self._under(batch, every)].clone()
        ridge = torch.from_numpy(_ridge(harmonics, float(self.smoothing[1]))).to(mean)
        moment = torch.einsum("bsvyx,si->bvyxi", weight * mean, basis)
        moment += ridge * torch.einsum("bsvyx,is->bvyxi", mean, torch.linalg.pinv(basis))
        for index, values, seen in _own_frames(batch):
            own, first = torch.where(values.isfinite(), seen.nan_to_num(), 0.0), values.shape[2]
            moment[:, :first] -= torch.einsum("bhvyx,bhi->bvyxi", own * values.nan_to_num(), basis[index])
            places = index[:, :, None, None, None].expand(own.shape)
            weight[:, :, :first].scatter_add_(1, places, -own)
        gram = torch.einsum("bsvyx,si,sj->bvyxij", weight.clamp_min(0), basis, basis) + torch.diag(ridge)
        found = torch.linalg.solve(gram, moment)
        return torch.where(weight.sum(dim=1)[..., None] > LEAST, found, torch.nan)

    def at(self, coefficients: Tensor, season: Tensor, slope: bool = False) -> Tensor:
        """Return the cycle, or its slope a step, at `season` (b, n) int, (b, n, V, y, x)."""
        return torch.einsum("bvyxi,bni->bnvyx", coefficients, self._basis(slope)[season])

    def _basis(self, slope: bool = False) -> Tensor:
        made = (_slopes if slope else _waves)(self.task.period, int(self.smoothing[0]))
        return torch.from_numpy(made).to(self.mean)


def smooth(mean: NDArray[np.float64], weight: NDArray[np.float64], smoothing: Smoothing) -> NDArray[np.float64]:
    """Return the cycle (period, n) that fits means of seasons (period, n) of these weights best."""
    basis = _waves(len(mean), smoothing[0])
    gram = np.einsum("sp,si,sj->pij", weight, basis, basis) + np.diag(_ridge(*smoothing))
    moment = np.einsum("sp,si->pi", weight * mean, basis)
    return np.asarray(basis @ np.linalg.solve(gram, moment[..., None])[..., 0].T)


def choose(data: TrainingData) -> Smoothing:
    """Return harmonics and ridge with the least squared error over left-out years, each variable in units of its own variance."""
    frames, variables = data.values.shape[:2]
    years = np.arange(frames) // data.period
    most = min(MOST, (data.period - 1) // 2)
    if years[-1] == 0 or most == 0:
        return min(UNTRIED[0], most), UNTRIED[1]
    values, weights = _sampled(data)
    candidates = [(harmonics, ridge) for harmonics in range(1, most + 1) for ridge in RIDGES]
    errors = np.zeros((len(candidates), variables))
    for year in range(years[-1] + 1):
        mean, weight = _seasonal(values[years != year], weights[years != year], data.season_index[years != year], data.period)
        left = years == year
        for number, candidate in enumerate(candidates):
            cycle = smooth(mean.reshape(data.period, -1), weight.reshape(data.period, -1), candidate).reshape(mean.shape)
            errors[number] += (weights[left] * (values[left] - cycle[data.season_index[left]]) ** 2).sum(axis=(0, 2))
    scale = np.maximum(errors.min(axis=0), np.finfo(float).tiny)
    return candidates[int((errors / scale).sum(axis=1).argmin())]


def _sampled(data: TrainingData) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return values and weights (t, V, n) of pixels spread over the scene; both are 0 where nothing was seen."""
    pixels = data.values.shape[2] * data.values.shape[3]
    picked = np.unique(np.linspace(0, pixels - 1, min(SAMPLE, pixels)).astype(int))
    flat = [np.stack([part.reshape(len(part), -1)[:, picked] for part in data.frame(index)]) for index in range(len(data.values))]
    stacked = np.stack(flat, axis=1)
    return stacked[0], stacked[1]


def _seasonal(
    values: NDArray[np.float64], weights: NDArray[np.float64], season: NDArray[np.int64], period: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and weight (period, V, n) of frames (t, V, n)."""
    total, weight = np.zeros((period, *values.shape[1:])), np.zeros((period, *values.shape[1:]))
    np.add.at(total, season, weights * values)
    np.add.at(weight, season, weights)
    return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0), weight


def _own_frames(batch: Batch) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield season, values and observed fractions of the past and of the targets of a window."""
    yield batch.index_past, batch.past, batch.past_observed
    if batch.target is not None and batch.target_weight is not None:
        yield batch.index_future, batch.target, batch.target_weight


def _waves(period: int, harmonics: int) -> NDArray[np.float64]:
    """Return the basis (period, 1 + 2K): 1, sin φ, cos φ, sin 2φ and so on."""
    phase = 2 * np.pi * np.arange(period) / period
    waves = [wave(k * phase) for k in range(1, harmonics + 1) for wave in (np.sin, np.cos)]
    return np.stack([np.ones(period), *waves], axis=1)


def _slopes(period: int, harmonics: int) -> NDArray[np.float64]:
    """Return the derivative of the basis by the step."""
    phase, step = 2 * np.pi * np.arange(period) / period, 2 * np.pi / period
    slopes = [k * step * sign * wave(k * phase) for k in range(1, harmonics + 1) for sign, wave in ((1, np.cos), (-1, np.sin))]
    return np.stack([np.zeros(period), *slopes], axis=1)


def _ridge(harmonics: int, ridge: float) -> NDArray[np.float64]:
    """Return the penalty of each coefficient, (1 + 2K,)."""
    return np.array([CONSTANT, *(ridge * k**2 / 4 for k in range(1, harmonics + 1) for _ in range(2))])
