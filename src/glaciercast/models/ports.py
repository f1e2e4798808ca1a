"""What goes into a network and what comes out of it: named tensors, and how many channels each has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from glaciercast.models.task import Task


class Inputs(NamedTuple):
    """What a network reads of b windows; V variables, of which the first W are targets; all float32 and finite.

    Attributes
    ----------
    frames
        (b, n_input, C, y, x): V normalised values (0 where nothing was seen), V observed fractions and, if the reference is a climatology,
        V departures from it in the same unit.
    future
        (b, n_target, W, y, x): the reference forecast of each target step, normalised; 0 is the training mean.
    statics
        (b, S, y, x): normalised channels that do not change with time; S may be 0.
    season
        (b, n_input + n_target, 2): sine and cosine of the season of each input and target step.
    """

    frames: Tensor
    future: Tensor
    statics: Tensor
    season: Tensor

    def season_planes(self, steps: slice) -> Tensor:
        """Return the season of some steps as constant channels, (b, step, 2, y, x)."""
        chosen = self.season[:, steps]
        return chosen[..., None, None].expand(*chosen.shape, *self.frames.shape[-2:])


@dataclass(frozen=True)
class Ports:
    """Channels that a network reads and writes.

    Parameters
    ----------
    variables, targets, statics
        V variables, the first W of which are forecast, and S channels that do not change with time.
    parameters
        K, numbers that the head wants for each forecast value.
    departures
        Whether the reference is a climatology, so that frames hold departures from it.
    """

    variables: int
    targets: int
    statics: int = 0
    parameters: int = 1
    departures: bool = False

    @classmethod
    def of(cls, task: Task, parameters: int = 1, *, departures: bool = False) -> Ports:
        """Return the ports of a task, for a head of so many parameters a value and a reference with or without departures."""
        return cls(len(task.variables), len(task.targets), len(task.statics), parameters, departures)

    @property
    def frame(self) -> int:
        """C, channels of each input frame."""
        return (3 if self.departures else 2) * self.variables

    @property
    def out(self) -> int:
        """Channels of each target step: K blocks of the W targets, the first of which is the point forecast."""
        return self.parameters * self.targets

    def fed_back(self, reference: Tensor, out: Tensor) -> Tensor:
        """Return a forecast as the frame of its step, for networks that go on from their own forecasts.

        Parameters
        ----------
        reference
            (b, W, y, x), the reference forecast of the step (`Inputs.future`).
        out
            (b, K·W, y, x), what the network wrote for it: the point forecast's change of the reference, then the head's other parameters.

        Returns
        -------
        (b, C, y, x): values and departures of the targets; nothing of it was observed, and of other variables nothing is known.
        """
        change = out[:, : self.targets]
        unknown = out.new_zeros(len(out), self.variables - self.targets, *out.shape[-2:])
        nothing = out.new_zeros(len(out), self.variables, *out.shape[-2:])
        return torch.cat([reference + change, unknown, nothing, *([change, unknown] if self.departures else [])], dim=1)
