"""Heads: what the numbers that a network writes for a value mean, how they are scored in training, and which quantiles they state.

A head gives meaning to K numbers a value; all are in standard deviations, relative to the reference forecast. The first is the point
forecast. Any backbone takes any head. No head knows bounds: a quantile of NDSI may lie beyond ±1, where a truth never does.

An untrained network writes zeros. With them, `quantiles` and `gaussian` both state a normal distribution of log 2 = 0.69 standard
deviations around the reference forecast.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from glaciercast.config import Config
from glaciercast.errors import InputError, suggestion, unknown

if TYPE_CHECKING:
    from torch import Tensor


class Head(Config, ABC):
    """Base of the heads; `kind` names it in configs and recipes."""

    kind: str

    @property
    @abstractmethod
    def parameters(self) -> int:
        """K, numbers a value."""

    @abstractmethod
    def loss(self, out: Tensor, target: Tensor) -> Tensor:
        """Return the loss of each value.

        Parameters
        ----------
        out
            (…, K·W, y, x), as the network wrote it.
        target
            (…, W, y, x), the truth; finite.

        Returns
        -------
        (…, W, y, x).
        """

    @abstractmethod
    def quantiles(self, out: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the stated quantiles, (quantile, …, W, y, x), for `levels` in (0, 1).

        Raises
        ------
        InputError
            If the head states none, or not these.
        """

    def split(self, out: Tensor) -> Tensor:
        """Return the K parameters one by one, (K, …, W, y, x)."""
        import torch  # here: configs hold heads, and the commands read configs without torch

        return torch.stack(out.chunk(self.parameters, dim=-3))


class Value(Head):
    """One number: the forecast itself, scored by its squared or absolute error."""

    kind: Literal["value"] = "value"
    error: Literal["squared", "absolute"] = Field(default="squared", description="what is minimised: the mean or the median is learnt")

    @property
    def parameters(self) -> int:
        """One."""
        return 1

    def loss(self, out: Tensor, target: Tensor) -> Tensor:
        """Return the squared or absolute error."""
        difference = out - target
        return difference.square() if self.error == "squared" else difference.abs()

    def quantiles(self, out: Tensor, levels: Sequence[float]) -> Tensor:
        """Refuse: a value has no spread."""
        raise InputError("head 'value' states no quantiles; train with 'quantiles' or 'gaussian', or an ensemble")


class Quantiles(Head):
    """K quantiles, scored by the pinball loss (Koenker & Bassett 1978, Econometrica 46).

    The first number is the median. The others, in ascending order of level, are the steps between neighbouring quantiles: softplus of the
    number, times the distance of the two levels in a standard normal distribution. Steps are positive, so quantiles never cross.
    """

    kind: Literal["quantiles"] = "quantiles"
    levels: tuple[float, ...] = Field(default=(0.05, 0.25, 0.5, 0.75, 0.95), description="levels that are trained, 0.5 among them")

    @field_validator("levels")
    @classmethod
    def _ascending(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if 0.5 not in levels or list(levels) != sorted(set(levels)) or not 0 < levels[0] <= levels[-1] < 1:
            raise ValueError("expected ascending levels between 0 and 1, 0.5 among them")
        return levels

    @property
    def parameters(self) -> int:
        """One a level."""
        return len(self.levels)

    def stated(self, out: Tensor) -> Tensor:
        """Return the quantiles of the trained levels, (K, …, W, y, x)."""
        import torch

        numbers, middle = self.split(out), self.levels.index(0.5)
        normal = [normal_quantile(level) for level in self.levels]
        distance = numbers.new_tensor([above - below for below, above in pairwise(normal)])
        steps = torch.nn.functional.softplus(numbers[1:]) * distance.reshape(-1, *[1] * (numbers.ndim - 1))
        below = steps[:middle].flip(0).cumsum(0).flip(0)
        return torch.cat([numbers[0] - below, numbers[:1], numbers[0] + steps[middle:].cumsum(0)])

    def loss(self, out: Tensor, target: Tensor) -> Tensor:
        """Return twice the mean pinball loss over the trained levels; with the median alone it is the absolute error."""
        import torch

        error = target - self.stated(out)
        level = target.new_tensor(self.levels).reshape(-1, *[1] * target.ndim)
        return 2 * torch.maximum(level * error, (level - 1) * error).mean(dim=0)

    def quantiles(self, out: Tensor, levels: Sequence[float]) -> Tensor:
        """Return quantiles that are linear in the level between the trained ones.

        Raises
        ------
        InputError
            If a level lies beyond the trained ones.
        """
        import torch

        stated, chosen = self.stated(out), []
        for level in checked(levels):
            if not self.levels[0] <= level <= self.levels[-1]:
                raise InputError(f"head 'quantiles': was trained on levels {self.levels[0]:g} to {self.levels[-1]:g}, found {level:g}")
            below = bisect_right(self.levels, level) - 1
            above = min(below + 1, len(self.levels) - 1)
            span = self.levels[above] - self.levels[below]
            chosen.append(torch.lerp(stated[below], stated[above], (level - self.levels[below]) / span if span else 0.0))
        return torch.stack(chosen)


class Gaussian(Head):
    """A normal distribution, scored by its continuous ranked probability score.

    The first number is the mean; the scale is `floor` + softplus of the second.
    """

    kind: Literal["gaussian"] = "gaussian"
    floor: float = Field(default=0.01, gt=0, lt=0.5, description="smallest scale, in standard deviations of the variable")

    @property
    def parameters(self) -> int:
        """Two."""
        return 2

    def moments(self, out: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and scale, (…, W, y, x) each."""
        import torch

        mean, number = self.split(out)
        return mean, self.floor + torch.nn.functional.softplus(number)

    def loss(self, out: Tensor, target: Tensor) -> Tensor:
        """Return the CRPS in closed form (Gneiting et al. 2005, Monthly Weather Review 133, eq. 5)."""
        import torch

        mean, scale = self.moments(out)
        z = (target - mean) / scale
        density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
        return scale * (z * torch.erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))

    def quantiles(self, out: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the normal quantiles of any levels in (0, 1)."""
        import torch

        mean, scale = self.moments(out)
        return torch.stack([mean + normal_quantile(level) * scale for level in checked(levels)])


HEADS: dict[str, type[Head]] = {"value": Value, "quantiles": Quantiles, "gaussian": Gaussian}


def normal_quantile(level: float) -> float:
    """Return the quantile of the standard normal distribution."""
    from statistics import NormalDist  # here: it takes longer to import than the rest of this module

    return NormalDist().inv_cdf(level)


def checked(levels: Sequence[float]) -> Sequence[float]:
    """Return `levels` as they are.

    Raises
    ------
    InputError
        If there are none, or one is not in (0, 1).
    """
    if len(levels) == 0:
        raise InputError("quantile levels: expected at least one, found none")
    for level in levels:
        if not 0 < level < 1:
            raise InputError(f"quantile level: expected between 0 and 1, found {level:g}")
    return levels


def _with_kind(data: object) -> object:
    """Return the config of a head with its kind, which may be all that was given (pydantic wants a ValueError if there is no such head)."""
    given = {"kind": data} if isinstance(data, str) else data
    if not isinstance(given, dict):
        return given
    kind = str(given.get("kind", "value"))
    if kind not in HEADS:
        raise ValueError(f"expected one of {', '.join(sorted(HEADS))}{suggestion(kind, HEADS)}")
    return {**given, "kind": kind}


AnyHead = Annotated[Value | Quantiles | Gaussian, Field(discriminator="kind"), BeforeValidator(_with_kind)]
"""Any head in a config; the name of its kind alone stands for its defaults."""


def parse(data: dict[str, object] | str) -> Head:
    """Return the head that a config or recipe describes: its kind (without one, a value) and options, or the kind's name alone.

    Raises
    ------
    InputError
        If the kind is unknown, or an option does not fit.
    """
    from glaciercast import config

    given = {"kind": data} if isinstance(data, str) else {"kind": "value", **data}
    kind = str(given["kind"])
    if kind not in HEADS:
        raise InputError(unknown("head", kind, HEADS))
    return config.parse(HEADS[kind], given, "head")
