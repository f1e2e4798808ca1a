"""What the networks within a forecaster say of themselves."""

from __future__ import annotations

from typing import Literal

from torch import nn

from glaciercast.models.base import Network
from glaciercast.models.conformal import LEVELS, Calibrated
from glaciercast.models.ensemble import Ensemble
from glaciercast.models.heads import Head, Quantiles, Value


def of_networks(forecaster: nn.Module, trait: Literal["any_size", "missing_ok"]) -> bool:
    """Tell whether every network within a forecaster has a trait (see `Network`); an ensemble has several networks, a baseline none."""
    return all(getattr(part, trait) for part in forecaster.modules() if isinstance(part, Network))


def levels_of(head: Head) -> tuple[float, ...]:
    """Return the quantiles that are shown and calibrated of a head: those that it was trained on, or `models.conformal.LEVELS`."""
    return head.levels if isinstance(head, Quantiles) else LEVELS


def stated_levels(forecaster: nn.Module) -> tuple[float, ...]:
    """Return the quantiles that a forecast with this forecaster shows: the calibrated ones or those of its head; none of a value.

    M values say nothing of levels outside 1/(M + 1) … M/(M + 1) (see `models.ensemble`), so an ensemble of them shows no others.
    """
    if isinstance(forecaster, Calibrated):
        return forecaster.levels
    if isinstance(forecaster, Ensemble):
        pooled = forecaster.first.head
        return _within_reach(1 + len(forecaster.others)) if isinstance(pooled, Value) else levels_of(pooled)
    head = getattr(forecaster, "head", None)
    return () if head is None or isinstance(head, Value) else levels_of(head)


def _within_reach(members: int) -> tuple[float, ...]:
    lowest = 1 / (members + 1) - 1e-9
    shown = tuple(level for level in LEVELS if lowest <= level <= 1 - lowest)
    return shown if len(shown) > 1 else ()
