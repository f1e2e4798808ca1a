"""Splits by time, and the checks that nothing leaks from one part into another."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, model_validator

from glaciercast.config import Config
from glaciercast.errors import InputError, LeakError
from glaciercast.patches.statics import Static

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
Kind = Literal["both", "space", "time", "published"]
KINDS: tuple[Kind, ...] = ("both", "space", "time", "published")
"""How one cube is split, the hardest first: results are told in this order."""


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
    split: Kind = Field(
        default="time", description="how parts are kept apart; 'published' is the source study's random one, which leaks, to compare with"
    )
    blocks: int = Field(default=4, ge=2, description="blocks along the scene's shorter side, of a split by space")

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

    Splits of other kinds extend it: what fits and scores asks a split for nothing but what is here.

    Attributes
    ----------
    name, honest
        Kind of the split, and whether nothing may leak from one of its parts into another.
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
    name: ClassVar[str] = "time"
    honest: ClassVar[bool] = True

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

    def mask(self, part: Part) -> NDArray[np.bool_] | None:
        """Return the pixels of a part, bool (y, x), which alone are fitted on or scored; None: all, as in a split by time alone."""
        return None

    def chosen(self, part: Part, patches: int) -> NDArray[np.int64] | None:
        """Return which windows are a part's: numbers issue · patches + patch of all that `issues` and `patches` origins give; None: all."""
        return None

    def facts(self) -> dict[str, Any]:
        """Return what tells this split from others of the same steps, plain JSON types."""
        return {"kind": self.name}

    @property
    def sentence(self) -> str:
        """What keeps the parts apart, in one sentence."""
        return (
            f"Split by time: no scene that enters a training target enters a test target, as {self.gap} steps between parts belong to none."
        )


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
