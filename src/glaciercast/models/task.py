"""What is forecast from what: the task that every model is built for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from glaciercast.errors import InputError


@dataclass(frozen=True)
class Task:
    """What is forecast from what; every model is built for one task.

    Parameters
    ----------
    n_input
        Frames that a network reads, the issue step included.
    n_target
        Frames that are forecast: leads 1 … n_target.
    history
        Past frames in a batch, at least `n_input`; `same_season` needs `period` of them.
    period
        Steps per year (12 for months).
    variables
        Names of the V variables, in the order of the arrays.
    patch
        Side of a training patch in pixels.
    targets
        Names of the W variables that are forecast, the first of `variables`; none named: all.
    statics
        Names of the S channels that do not change with time, such as elevation.

    Raises
    ------
    InputError
        If a number is below 1, a variable is missing, the targets are not the first variables, or the history is shorter than the input.
    """

    n_input: int
    n_target: int
    history: int
    period: int
    variables: tuple[str, ...]
    patch: int
    targets: tuple[str, ...] = ()
    statics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key in ("n_input", "n_target", "history", "period", "patch"):
            if getattr(self, key) < 1:
                raise InputError(f"{key}: expected at least 1, found {getattr(self, key)}")
        if not self.variables:
            raise InputError("variables: expected at least one name, found none")
        if not self.targets:
            object.__setattr__(self, "targets", self.variables)
        if self.variables[: len(self.targets)] != self.targets:
            raise InputError(f"targets: expected the first of {', '.join(self.variables)}, found {', '.join(self.targets)}")
        if self.history < self.n_input:
            raise InputError(f"history: expected at least n_input = {self.n_input} steps, found {self.history}")

    def plain(self) -> dict[str, Any]:
        """Return the task as plain JSON types."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Task:
        """Build a task from what `plain` returned.

        Raises
        ------
        InputError
            If a key is missing or unknown.
        """
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        try:
            return cls(**values)
        except TypeError as error:
            raise InputError(f"task: expected the keys {', '.join(cls.__dataclass_fields__)}, found {', '.join(data)}") from error
