"""One network trained on two cubes: the windows of a guest are brought to where the forecaster of the other cube reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.baselines import Climatology
from glaciercast.models.residual import FITTED, ResidualForecaster
from glaciercast.patches.normalise import Stats
from glaciercast.patches.sampling import Windows

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch, PatchDataset


@dataclass(frozen=True)
class Move:
    """How values and places of a guest become those of home: ``value · factor + offset``, and so many columns to the right.

    A value that lies n standard deviations above the guest's mean lies n above that of home.

    Attributes
    ----------
    factor, offset
        (V,) float32.
    columns
        Width of the scene at home.
    """

    factor: Tensor
    offset: Tensor
    columns: int

    @classmethod
    def between(cls, home: ResidualForecaster, guest: ResidualForecaster, columns: int) -> Move:
        """Return the move from the normaliser of `guest` to that of `home`."""
        factor = home.std / guest.std
        return cls(factor, home.mean - guest.mean * factor, columns)

    def values(self, values: Tensor) -> Tensor:
        """Return values (…, v, y, x) of the first v variables in the units of home."""
        variables = values.shape[-3]
        return values * self.factor[:variables, None, None] + self.offset[:variables, None, None]

    def batch(self, batch: Batch) -> Batch:
        """Return a batch of the guest as one of home."""
        assert batch.target is not None
        origin = batch.origin + torch.tensor([0, self.columns])
        return batch._replace(past=self.values(batch.past), target=self.values(batch.target), origin=origin)


class Together(Windows):
    """The windows of two cubes, the guest's after those at home; a batch may hold both."""

    def __init__(self, home: PatchDataset, guest: PatchDataset, move: Move) -> None:
        self.home, self.guest, self.move = home, guest, move

    def __len__(self) -> int:
        return len(self.home) + len(self.guest)

    @property
    def scenes(self) -> list[int]:
        """Number of windows of each issue step of each cube, in the order of the windows."""
        return [*self.home.scenes, *self.guest.scenes]

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Return the windows `indices` as one batch, those at home first."""
        size = len(self.home)
        own, others = [index for index in indices if index < size], [index - size for index in indices if index >= size]
        parts = [self.home.__getitems__(own)] if own else []
        parts += [self.move.batch(self.guest.__getitems__(others))] if others else []
        return type(parts[0])(*(torch.cat(fields) for fields in zip(*parts, strict=True)))


def beside(home: ResidualForecaster, guest: ResidualForecaster, move: Move) -> ResidualForecaster:
    """Return a forecaster that reads the windows of both cubes, with the network, the normaliser and the head of `home`.

    A climatology that is the reference holds that of the guest to the right of its own, so that each window departs from that of its cube.

    Raises
    ------
    InputError
        If the reference is fitted and no climatology.
    """
    reference = home.reference
    if home.residual in FITTED and home.residual != "climatology":
        raise InputError(f"residual '{home.residual}': cannot be laid beside that of another cube; use 'climatology' to train on both")
    if isinstance(home.reference, Climatology) and isinstance(guest.reference, Climatology):
        reference = registry.create("climatology", home.task)
        assert isinstance(reference, Climatology)
        reference.mean = _side_by_side(home.reference.mean, move.values(guest.reference.mean))
        reference.weight = _side_by_side(home.reference.weight, guest.reference.weight)
    stats = Stats(home.mean.numpy(), home.std.numpy())
    return ResidualForecaster(home.network, home.task, home.residual, stats, reference, home.head)


def _side_by_side(left: Tensor, right: Tensor) -> Tensor:
    """Return two scenes (…, y, x) beside each other; what the lower one lacks at the bottom is 0."""
    height = max(left.shape[-2], right.shape[-2])
    return torch.cat([nn.functional.pad(each, (0, 0, 0, height - each.shape[-2])) for each in (left, right)], dim=-1)
