"""What the kinds of data have in common: composites of one step, on the common grid, before anything is filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from glaciercast.cube.seasonfill import SeasonFill

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Step:
    """What one step holds."""

    arrays: Arrays
    """Variable → values, float32 (y, x), NaN where nothing is known."""
    observed: Arrays
    """The same names → fraction of the value that was observed, float32 (y, x), 0 … 1; 0 where missing or filled."""
    beside: Arrays = field(default_factory=dict)
    """What else is known of the values, (y, x): counts, errors. It is not filled."""
    facts: dict[str, Any] = field(default_factory=dict)
    """For the manifest."""


class Steps(Protocol):
    """One kind of data, step by step."""

    groups: Sequence[str]
    """Paths of the groups that it reads."""
    names: Sequence[str]
    """Variables that a step holds; `complete` makes those that are not `basic`."""
    basic: Sequence[str]
    """Variables that are composed and filled."""
    beside: Mapping[str, str]
    """Variables beside them, with their dtypes."""
    season_fill: SeasonFill
    """How gaps are filled from the past."""
    looks_ahead: bool
    """Whether a step may show what came after it: no model takes such a series."""
    dark: np.ndarray
    """Steps that are never filled and over which nothing is carried, bool (step,)."""

    @property
    def comment(self) -> str:
        """What was done to the values, in words."""

    def available(self, index: int) -> np.datetime64:
        """Return when all that a step may hold could be had, not before the step's end."""

    def step(self, index: int) -> Step:
        """Return what the window of a step shows, of the basic variables."""

    def complete(self, step: Step) -> Step:
        """Return a step of the basic variables with all of them."""
