"""Heads: what the numbers that a network writes for a value mean, how they are scored in training, and which quantiles they state.

A head gives meaning to K numbers a value; all are in standard deviations, relative to the reference forecast. The first is the point
forecast. Any backbone takes any head.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from glaciercast.config import Config
from glaciercast.errors import InputError, unknown

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


HEADS: dict[str, type[Head]] = {"value": Value}
AnyHead = Annotated[Value, Field(discriminator="kind")]


def parse(data: dict[str, object]) -> Head:
    """Return the head that a config or recipe describes.

    Raises
    ------
    InputError
        If the kind is unknown, or an option does not fit.
    """
    from glaciercast import config

    kind = str(data.get("kind", "value"))
    if kind not in HEADS:
        raise InputError(unknown("head", kind, HEADS))
    return config.parse(HEADS[kind], data, "head")
