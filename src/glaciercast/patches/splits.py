"""Splits by time, and the checks that nothing leaks from one part into another."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field, PositiveFloat, model_validator

from glaciercast.config import Config
from glaciercast.errors import InputError, LeakError
from glaciercast.patches.statics import Static

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


class WindowConfig(Config):
    """What a window reads and forecasts, how patches are cut, and how time is shared out."""

    targets: tuple[str, ...] = Field(default=("ndsi",), min_length=1, description="variables that are forecast")
    inputs: tuple[str, ...] = Field(default=(), description="further variables that are read")
    statics: tuple[Static, ...] = Field(default=(), description="fields that do not change: elevation, slope, ice")
    n_input: int = Field(default=4, ge=1, description="steps that a network reads")
    n_target: int = Field(default=4, ge=1, description="steps that are forecast")
    patch: int = Field(default=50, ge=4, description="side of a patch, pixels")
    stride: int = Field(default=10, ge=1, description="distance between training patches, pixels")
    fractions: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        default=(0.6, 0.15, 0.25), description="shares of training, validation and test"
    )

    @model_validator(mode="after")
    def _named_once(self) -> WindowConfig:
        for name in self.variables:
            if self.variables.count(name) > 1:
                raise ValueError(f"variable '{name}': expected once among targets and inputs")
        return self

    @property
    def variables(self) -> tuple[str, ...]:
        """All variables of a window, the targets first."""
        return (*self.targets, *self.inputs)


@dataclass(frozen=True)
class TimeSplit:
    """Train, gap, validation, gap, test along the steps of a regular series.

    Attributes
    ----------
    targets
        Part → the steps that its targets may take; inputs may be any earlier step, as it was available by then.
    history
        Steps that a window reads, the issue step included.
    n_input, n_target, composite_length
        Steps that a network reads, steps that it forecasts, steps over which a composite extends.
    """

    targets: dict[Part, range]
    history: int
    n_input: int
    n_target: int
    composite_length: int

    @property
    def gap(self) -> int:
        """Steps between parts, so that no scene that enters a training target enters a test target."""
        return gap_steps(self.n_input, self.n_target, self.composite_length)

    @property
    def training_steps(self) -> range:
        """The steps from which anything may be fitted."""
        return range(self.targets["train"].stop)

    def issues(self, part: Part) -> np.ndarray:
        """Return the issue steps of a part's windows, int64: all targets inside the part, the whole history in the series."""
        steps = self.targets[part]
        first = max(steps.start - 1, self.history - 1)
        return np.arange(first, steps.stop - self.n_target, dtype="int64")


def gap_steps(n_input: int, n_target: int, composite_length: int) -> int:
    """Return the gap between parts in steps: input + target − 1, plus the length of the composite."""
    return n_input + n_target - 1 + composite_length


def by_time(
    n_steps: int,
    *,
    n_input: int,
    n_target: int,
    history: int,
    composite_length: int = 1,
    fractions: tuple[float, float, float] = (0.6, 0.15, 0.25),
) -> TimeSplit:
    """Split a series of `n_steps` steps by time; `fractions` share the steps that history and gaps leave.

    Raises
    ------
    InputError
        If the series is too short for one window in each part.
    """
    gap = gap_steps(n_input, n_target, composite_length)
    usable = n_steps - history - 2 * gap
    shares = np.array(fractions) / sum(fractions)
    n_validation, n_test = (max(n_target, round(usable * share)) for share in shares[1:])
    n_train = usable - n_validation - n_test
    if n_train < n_target:
        needed = history + 2 * gap + 3 * n_target
        raise InputError(
            f"the series has {n_steps} steps, fewer than the {needed} that windows need: {history} of history, two gaps of {gap} "
            f"and {n_target} target steps in each of three parts; use a finer cadence, shorter windows or more scenes"
        )
    train = range(history, history + n_train)
    validation = range(train.stop + gap, train.stop + gap + n_validation)
    test = range(validation.stop + gap, n_steps)
    split = TimeSplit({"train": train, "validation": validation, "test": test}, history, n_input, n_target, composite_length)
    check(split)
    return split


def check(split: TimeSplit) -> None:
    """Check by enumeration that no target of one part shares a scene with a target of another.

    Raises
    ------
    LeakError
        Naming the parts and the step.
    """
    seen: dict[int, Part] = {}
    for part in PARTS:
        for issue in split.issues(part):
            for target in range(issue + 1, issue + 1 + split.n_target):
                if target not in split.targets[part]:
                    raise LeakError(f"a {part} window issued at step {issue} has its target {target} outside the part")
                for step in range(target, target + split.composite_length):
                    if seen.setdefault(step, part) != part:
                        raise LeakError(f"step {step} enters targets of {seen[step]} and of {part}")
    starts = sorted(split.targets.values(), key=lambda steps: steps.start)
    for before, after in itertools.pairwise(starts):
        if after.start - before.stop < split.gap:
            raise LeakError(f"the gap before step {after.start} is {after.start - before.stop} steps, expected at least {split.gap}")


def check_available(available_at: np.ndarray, issue_time: np.datetime64, steps: np.ndarray) -> None:
    """Check that every step that a forecast reads could be had at its issue time.

    Raises
    ------
    LeakError
        Naming the first step that could not.
    """
    late = steps[available_at[steps] > issue_time]
    if late.size:
        raise LeakError(f"step {late[0]} was available at {available_at[late[0]]}, after the issue time {issue_time}")
