"""What the networks within a forecaster say of themselves."""

from __future__ import annotations

from typing import Literal

from torch import nn

from glaciercast.models.base import Network


def of_networks(forecaster: nn.Module, trait: Literal["any_size", "missing_ok"]) -> bool:
    """Tell whether every network within a forecaster has a trait (see `Network`); an ensemble has several networks, a baseline none."""
    return all(getattr(part, trait) for part in forecaster.modules() if isinstance(part, Network))
