"""What the networks within a forecaster say of themselves."""

from __future__ import annotations

from typing import Literal

from torch import nn

from glaciercast.models.base import Network
from glaciercast.models.heads import Gaussian, Quantiles

BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles that are shown of a distribution."""


def of_networks(forecaster: nn.Module, trait: Literal["any_size", "missing_ok"]) -> bool:
    """Tell whether every network within a forecaster has a trait (see `Network`); an ensemble has several networks, a baseline none."""
    return all(getattr(part, trait) for part in forecaster.modules() if isinstance(part, Network))


def stated_levels(forecaster: nn.Module) -> tuple[float, ...]:
    """Return the quantiles that a forecast with this forecaster shows: those that its head was trained on, or `BANDS`; none of a value."""
    head = getattr(forecaster, "head", None)
    if isinstance(head, Quantiles):
        return head.levels
    return BANDS if isinstance(head, Gaussian) else ()
