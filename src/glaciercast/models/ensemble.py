"""Deep ensembles: M networks of one recipe from different seeds, read together (Lakshminarayanan et al. 2017, arXiv:1612.01474)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from glaciercast.errors import InputError
from glaciercast.models import residual
from glaciercast.models.base import Forecaster
from glaciercast.models.heads import Gaussian, Head, Quantiles, Value, checked, normal_quantile
from glaciercast.models.residual import ResidualForecaster

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch

HALVINGS = 8
"""Steps of bisection before a linear step: where the members' quantiles are d apart, that of their mixture is exact to d/256."""
TINY = 1e-12


class Ensemble(Forecaster):
    """M networks behind one reference forecast and one normaliser, which are read and stored once.

    Parameters
    ----------
    members
        At least two `ResidualForecaster` of one recipe, fitted on the same data from different seeds. The ensemble holds the first as it
        is, and of the others their networks.

    Raises
    ------
    InputError
        If there are fewer than two members, or they differ in more than their weights.
    """

    def __init__(self, members: Sequence[Forecaster]) -> None:
        kept = [member for member in members if isinstance(member, ResidualForecaster)]
        if len(kept) < 2 or len(kept) < len(members):
            raise InputError(f"ensemble: expected at least two networks, found {len(kept)} and {len(members) - len(kept)} other models")
        first = kept[0]
        super().__init__(first.task, first.options)
        for number, member in enumerate(kept[1:], start=2):
            _check_alike(first, member, number)
        self.name = first.name  # type: ignore[misc]  # an ensemble goes by its members' name
        self.first = first
        self.others = nn.ModuleList(member.network for member in kept[1:])

    def forward(self, batch: Batch) -> Tensor:
        """Return the mean of the members' point forecasts, (b, T, W, y, x) in physical units."""
        return self.members(batch).mean(dim=0)

    def members(self, batch: Batch) -> Tensor:
        """Return the point forecast of each member, (M, b, T, W, y, x) in physical units."""
        outs, reference = self._read(batch)
        return self._physical(reference, outs[:, :, :, : len(self.task.targets)])

    def quantiles(self, batch: Batch, levels: Sequence[float]) -> Tensor:
        """Return the quantiles that the members state together, (quantile, b, T, W, y, x) in physical units; see `pooled`.

        Raises
        ------
        InputError
            If the head does not state these.
        """
        return self.bands(batch, levels)[1:]

    def bands(self, batch: Batch, levels: Sequence[float]) -> Tensor:
        """Return the forecast and, after it, the quantiles, (1 + quantile, b, T, W, y, x): each network runs once.

        Raises
        ------
        InputError
            As `quantiles`.
        """
        outs, reference = self._read(batch)
        values = self._physical(reference, outs[:, :, :, : len(self.task.targets)]).mean(dim=0, keepdim=True)
        return torch.cat([values, self._physical(reference, pooled(self.first.head, outs, levels))])

    def recipe(self) -> dict[str, Any]:
        """Return the recipe of a member, and under `members` how many there are."""
        return {**self.first.recipe(), "members": 1 + len(self.others)}

    def _read(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what the networks write, (M, b, T, K·W, y, x), and the reference forecast."""
        inputs, reference = self.first.read(batch)
        return torch.stack([network(inputs) for network in (self.first.network, *self.others)]), reference

    def _physical(self, reference: Tensor, change: Tensor) -> Tensor:
        return reference.nan_to_num() + change * self.first.std[: len(self.task.targets), None, None]


def rebuild(recipe: dict[str, Any]) -> Ensemble:
    """Build the ensemble that `recipe` describes; its weights and fitted values are still to be loaded.

    Raises
    ------
    InputError
        If a key is missing, or the registry refuses.
    """
    member = {key: value for key, value in recipe.items() if key != "members"}
    return Ensemble([residual.rebuild(member) for _ in range(recipe["members"])])


@singledispatch
def pooled(head: Head, outs: Tensor, levels: Sequence[float]) -> Tensor:
    """Return the quantiles that M networks state together, each with equal weight.

    Parameters
    ----------
    head
        What the numbers mean.
    outs
        (M, …, K·W, y, x), as the networks wrote it.
    levels
        In (0, 1).

    Returns
    -------
    (quantile, …, W, y, x).

    Raises
    ------
    InputError
        If the head does not state these.
    """
    raise InputError(f"ensemble: head '{head.kind}' states no quantiles")


@pooled.register
def _of_values(head: Value, outs: Tensor, levels: Sequence[float]) -> Tensor:
    """Return empirical quantiles of the M values: the k-th smallest has level k/(M + 1), and between them they are linear.

    Of M + 1 exchangeable numbers the last lies below the k-th smallest of the others with probability k/(M + 1) (Weibull's plotting
    position), so M members say nothing of levels outside 1/(M + 1) … M/(M + 1): there the smallest or largest member stands in. Five
    members hold at most 67 % of truths between them; a nominal 90 % takes 19. And members that are trained on the same data differ by less
    than the truth differs from them: what they span is the doubt about the weights alone, too narrow until calibrated (`models.conformal`).
    """
    ordered, last, chosen = outs.sort(dim=0).values, len(outs) - 1, []
    for level in checked(levels):
        position = min(max(level * (len(outs) + 1) - 1, 0.0), float(last))
        below = int(position)
        chosen.append(torch.lerp(ordered[below], ordered[min(below + 1, last)], position - below))
    return torch.stack(chosen)


@pooled.register
def _of_quantiles(head: Quantiles, outs: Tensor, levels: Sequence[float]) -> Tensor:
    """Return the mean of the members' quantiles (Ratcliff 1979, Psychological Bulletin 86, after Vincent 1912).

    Its spread is the mean spread of the members: unlike a mixture's, it does not grow with their disagreement.
    """
    return head.quantiles(outs, levels).mean(dim=1)


@pooled.register
def _of_gaussians(head: Gaussian, outs: Tensor, levels: Sequence[float]) -> Tensor:
    """Return the quantiles of the mixture of M normal distributions, by bisection between the members' own."""
    mean, scale = head.moments(outs)
    steepness = 1 / (scale * math.sqrt(2))
    centre = mean * steepness

    def below(value: Tensor) -> Tensor:
        """Return twice the probability below a value less 1, in the mixture."""
        return torch.erf((value * steepness).sub_(centre)).mean(dim=0)

    chosen = []
    for level in checked(levels):
        bounds = mean + normal_quantile(level) * scale
        low, high = bounds.amin(dim=0), bounds.amax(dim=0)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            short = below(middle) < 2 * level - 1
            low, high = torch.where(short, middle, low), torch.where(short, high, middle)
        start, end = below(low), below(high)
        share = ((2 * level - 1 - start) / (end - start).clamp_min(TINY)).clamp(0, 1)
        chosen.append(torch.lerp(low, high, share))
    return torch.stack(chosen)


def _check_alike(first: ResidualForecaster, other: ResidualForecaster, number: int) -> None:
    """Refuse a member of another recipe, or fitted on other data."""
    ours, theirs = first.recipe(), other.recipe()
    for key, value in ours.items():
        if theirs.get(key) != value:
            raise InputError(f"ensemble: expected members of one recipe, found another {key} in member {number}: {theirs.get(key)}")
    fixed = {key: value for key, value in first.state_dict().items() if not key.startswith("network.")}
    state = other.state_dict()
    for key, tensor in fixed.items():
        if not torch.equal(tensor.nan_to_num(), state[key].nan_to_num()):  # a fallback that was not fitted is NaN
            raise InputError(f"ensemble: expected members fitted on the same data, found another {key} in member {number}")
