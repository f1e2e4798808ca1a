"""What a present departure says of the months to come: of its pixel, and of a season that is early or late around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.models.base import TrainingData
from glaciercast.models.harmonic import Harmonic
from glaciercast.models.registry import register
from glaciercast.models.task import Task

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch

SIDE = 51
"""Side of the square, pixels, over which a season is early or late together."""
FLOOR = 0.2
"""Share of the mean squared slope that holds a shift down where the cycle is flat and says nothing of it."""
RIDGE = 0.5
"""Of the mean square: a few winters agree by chance, and what they agree on is believed by two thirds."""
TILE = 64
TILES = 2
"""Per side of the scene: where the coefficients are fitted."""


@register("season_shift", kind="baseline", summary="Smooth climatology, moved by the last departure and by how late the season is.")
class SeasonShift(Harmonic):
    """Forecast ``c(φ + h) + α[h]·d + β[h]·δ·c′(φ + h)``, c the smooth cycle of `harmonic` and c′ its slope.

    d is the departure of the last frame from the cycle. δ is the shift, in steps, that explains the departures around a pixel best,

        δ = Σ w d c′(φ) / (Σ w c′(φ)² + ε)

    over 51×51 pixels, w the observed fractions: snow that melted two weeks early everywhere says so at each pixel, clouds over this one or
    not. α and β, one pair a lead and target, lie between 0 and 1 and never grow with the lead: shrunk least squares over the training
    windows, each of which departs from a cycle without its own frames. As the reference of a network it sees what the network does: of the
    square, the part inside the tile.

    Buffers: those of `harmonic`, `damping` (2, T, W): α and β, and `floor` (V,): the mean square of c′, of which ε is a fifth.
    """

    damping: Tensor
    floor: Tensor

    def __init__(self, task: Task, options: Config | None = None) -> None:
        super().__init__(task, options)
        self.register_buffer("damping", torch.zeros(2, task.n_target, len(task.targets)))
        self.register_buffer("floor", torch.zeros(len(task.variables)))

    def fit(self, data: TrainingData) -> Self:
        """Fit the cycle, then how much of departure and shift lasts.

        Raises
        ------
        InputError
            If the data are of another task, or a variable was never observed.
        """
        super().fit(data)
        slope = torch.einsum("svyx,rs->rvyx", self.mean, self._basis(slope=True) @ torch.linalg.pinv(self._basis()))
        self.floor = slope.square().mean(dim=(0, 2, 3))
        self.damping = torch.from_numpy(_damping(self, data)).to(self.mean)
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Return the moved cycle, (b, T, W, y, x)."""
        return self._moved(batch, self.coefficients(batch))

    def of_others(self, batch: Batch, seen: Batch) -> tuple[Tensor, Tensor]:
        """Return the cycle at the input steps and the forecast, from a cycle without any frame of the window."""
        coefficients = self.coefficients_of_others(batch)
        return self.at(coefficients, batch.index_past[:, -self.task.n_input :]), self._moved(seen, coefficients)

    def signs(self, batch: Batch, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cycle at each target, (b, T, W, y, x), and beside it departure and shifted slope, (2, b, T, W, y, x)."""
        now = batch.index_past[:, -1:]
        departure = (batch.past[:, -1:] - self.at(coefficients, now)).nan_to_num()
        slope = self.at(coefficients, now, slope=True).nan_to_num()
        weight = batch.past_observed[:, -1:].nan_to_num()
        product, square = _around(weight * departure * slope), _around(weight * slope.square())
        shift = product / (square + FLOOR * self.floor[:, None, None]).clamp_min(torch.finfo(product.dtype).tiny)
        ahead = self.at(coefficients, batch.index_future, slope=True)
        both = torch.stack([departure.expand(-1, self.task.n_target, -1, -1, -1), shift * ahead.nan_to_num()])
        wanted = len(self.task.targets)
        return self.targets(self.at(coefficients, batch.index_future)), both[:, :, :, :wanted]

    def _moved(self, batch: Batch, coefficients: Tensor) -> Tensor:
        cycle, both = self.signs(batch, coefficients)
        return cycle + (self.damping[:, None, :, :, None, None] * both).sum(dim=0)


def _around(fields: Tensor) -> Tensor:
    """Return the mean of (b, 1, V, y, x) over the square around each pixel, as much of it as there is; by differences of running sums."""
    for dim in (-2, -1):
        size = fields.shape[dim]
        place = torch.arange(size, device=fields.device)
        low, high = (place - SIDE // 2).clamp_min(0), (place + SIDE // 2 + 1).clamp_max(size)
        sums = nn.functional.pad(fields.double().cumsum(dim), (1, 0) if dim == -1 else (0, 0, 1, 0))
        mean = (sums.index_select(dim, high) - sums.index_select(dim, low)).movedim(dim, -1) / (high - low)
        fields = mean.movedim(-1, dim).to(fields.dtype)
    return fields


def _damping(model: SeasonShift, data: TrainingData) -> NDArray[np.float32]:
    """Return α and β, (2, T, W): shrunk non-negative least squares over the training windows of some tiles, at most 1.

    A departure does not matter more in a later month than in an earlier one: each takes the least of its own and the shorter leads.
    """
    leads, wanted = model.task.n_target, len(model.task.targets)
    gram, moment = np.zeros((leads, wanted, 2, 2)), np.zeros((leads, wanted, 2))
    for batch in _windows(model.task, data):
        assert batch.target is not None and batch.target_weight is not None
        cycle, both = model.signs(batch, model.coefficients_of_others(batch))
        weight = torch.where(cycle.isfinite(), batch.target_weight, 0.0).double()
        change = torch.where(weight > 0, batch.target - cycle, 0.0).double()
        gram += torch.einsum("ibtwyx,jbtwyx,btwyx->twij", both.double(), both.double(), weight).numpy()
        moment += torch.einsum("ibtwyx,btwyx,btwyx->twi", both.double(), change, weight).numpy()
    found = np.zeros((2, leads, wanted), np.float32)
    for lead, target in np.ndindex(leads, wanted):
        found[:, lead, target] = np.clip(_not_negative(gram[lead, target], moment[lead, target]), 0, 1)
    return np.minimum.accumulate(found, axis=1)


def _not_negative(gram: NDArray[np.float64], moment: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ridge solution of two normal equations with what would be negative left out."""
    gram = gram + np.diag(RIDGE * np.diag(gram) + np.finfo(float).tiny)
    both = np.linalg.solve(gram, moment) if np.linalg.det(gram) > 0 else np.zeros(2)
    if (both >= 0).all():
        return np.asarray(both)
    alone = np.maximum(moment / np.diag(gram), 0)
    gain = alone * moment - alone**2 * np.diag(gram) / 2
    return np.asarray(np.where(np.arange(2) == gain.argmax(), alone, 0.0))


def _windows(task: Task, data: TrainingData) -> Iterator[Batch]:
    """Yield all training windows of some tiles that are spread over the scene, those of an issue step as one batch."""
    from glaciercast.patches.sampling import Batch

    rows, columns = (_corners(size) for size in data.values.shape[2:])
    origins = [(row, column) for row in rows for column in columns]
    high, wide = (min(TILE, size) for size in data.values.shape[2:])

    def cut(array: NDArray[np.float32], steps: slice, variables: int | None = None) -> Tensor:
        tiles = [array[steps, :variables, row : row + high, column : column + wide] for row, column in origins]
        return torch.from_numpy(np.stack(tiles))

    number, wanted = len(origins), len(task.targets)
    for issue in range(task.history - 1, len(data.values) - task.n_target):
        past, future = slice(issue + 1 - task.history, issue + 1), slice(issue + 1, issue + 1 + task.n_target)
        index = [torch.from_numpy(data.season_index[steps]).expand(number, -1) for steps in (past, future)]
        target = cut(data.values, future, wanted)
        yield Batch(
            past=cut(data.values, past), past_observed=cut(data.observed, past),
            season_past=torch.zeros(number, task.history, 2), season_future=torch.zeros(number, task.n_target, 2),
            index_past=index[0], index_future=index[1], issue=torch.full((number,), int(data.steps[issue])),
            origin=torch.tensor(origins), statics=torch.zeros(number, 0, high, wide),
            target=target, target_weight=torch.where(target.isnan(), 0.0, cut(data.observed, future, wanted)),
        )  # fmt: skip


def _corners(size: int) -> list[int]:
    if size <= TILE * TILES:
        return sorted({*range(0, max(size - TILE, 0) + 1, TILE), max(size - TILE, 0)})
    return [round(corner) for corner in np.linspace(0, size - TILE, TILES)]
