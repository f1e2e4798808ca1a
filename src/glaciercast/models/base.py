"""What every model shares: the task it is built for, the data it is fitted on, and the shapes that go in and out.

A **forecaster** takes a `Batch` of patches and returns its forecast in physical units; baselines are forecasters. A **network** knows
nothing of units or batches: it maps normalised tensors to normalised tensors, and `models.residual.ResidualForecaster` makes a forecaster
of it.
To add an architecture, write one file in this folder with a `Network` under `registry.register`; nothing else needs to know of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.task import Task

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch


@dataclass(frozen=True)
class TrainingData:
    """The frames of the training part, which is all that a baseline may be fitted on.

    Parameters
    ----------
    values
        (t, V, Y, X) float32, physical units, NaN where never seen.
    observed
        (t, V, Y, X) float32, fraction of the value that was seen, 0 where it is filled; filled values are never fitted on.
    season_index
        (t,) int, season 0 … period-1 of each frame.
    steps
        (t,) int, consecutive step numbers.
    period
        Steps per year.

    Raises
    ------
    InputError
        If the shapes disagree, the steps are not consecutive or a season lies outside the period.
    """

    values: NDArray[np.float32]
    observed: NDArray[np.float32]
    season_index: NDArray[np.int64]
    steps: NDArray[np.int64]
    period: int

    def __post_init__(self) -> None:
        if self.values.ndim != 4 or self.values.shape != self.observed.shape:
            raise InputError(
                "training data: expected values and observed of one shape (t, V, Y, X), "
                f"found {self.values.shape} and {self.observed.shape}"
            )
        frames = self.values.shape[0]
        if frames == 0 or self.season_index.shape != (frames,) or self.steps.shape != (frames,):
            raise InputError(
                f"training data: expected a season and a step for each of at least one frame, found {frames} frames, "
                f"{self.season_index.size} seasons and {self.steps.size} steps"
            )
        if not bool((np.diff(self.steps) == 1).all()):
            raise InputError("training data: expected consecutive steps")
        if self.season_index.min() < 0 or self.season_index.max() >= self.period:
            raise InputError(
                f"training data: expected seasons 0 to {self.period - 1}, found {self.season_index.min()} to {self.season_index.max()}"
            )

    def frame(self, index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return values and weights of one frame, (V, Y, X) float64; where nothing was seen both are 0."""
        values = np.asarray(self.values[index], dtype=np.float64)
        observed = np.asarray(self.observed[index], dtype=np.float64)
        seen = np.isfinite(values) & (observed > 0)
        return np.where(seen, values, 0.0), np.where(seen, observed, 0.0)


class NoOptions(Config):
    """Options of a model that has none."""


class Model(nn.Module):
    """Base of all that the registry creates; `name` is set by `registry.register`.

    `presets` maps the name of a preset to the options in which it differs from the defaults, which are the preset ``small``.
    """

    name: ClassVar[str] = ""
    Options: ClassVar[type[Config]] = NoOptions
    presets: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, task: Task, options: Config | None = None) -> None:
        super().__init__()
        self.task = task
        self.options: Config = self.Options() if options is None else options


class Forecaster(Model):
    """A model from patches to a forecast in physical units."""

    def forward(self, batch: Batch) -> Tensor:
        """Return the forecast of the task's targets, (b, T, W, y, x) float32, physical units; NaN only where a baseline knows nothing."""
        raise NotImplementedError

    def recipe(self) -> dict[str, Any]:
        """Return what rebuilds this forecaster, weights aside, as plain JSON types (see `models.residual.rebuild`)."""
        return {"model": self.name, "options": self.options.model_dump(mode="json"), "task": self.task.plain(), "residual": None}


class Baseline(Forecaster):
    """A forecaster without trained weights; what it needs from the training part, `fit` takes."""

    def fit(self, data: TrainingData) -> Self:
        """Fit on the frames of the training part; most baselines have nothing to fit."""
        return self

    def targets(self, frames: Tensor) -> Tensor:
        """Return the targets of frames (b, n, V, y, x), which are their first variables."""
        return frames[:, :, : len(self.task.targets)]


class Network(Model):
    """A network over normalised tensors: how a target departs from its reference forecast.

    `teacher` is the share of decoder steps that read the truth instead of the network's own forecast, which the training sets; networks
    that do not feed on their own forecasts ignore it.

    A network that sets `any_size` forecasts a pixel from what lies near it, whatever the size of the patch, so that tiles may be larger
    than trained; one that sets `missing_ok` was trained with variables that go missing, and goes on where one is unknown.
    """

    any_size: bool = False
    missing_ok: bool = False

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options)
        self.ports = Ports.of(task) if ports is None else ports
        self.teacher = 0.0

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map normalised input to a normalised forecast.

        Parameters
        ----------
        inputs
            See `models.ports.Inputs`.
        truth
            (b, n_target, W, y, x): the true change of the reference, 0 where it was not observed; in training only, for teacher forcing.

        Returns
        -------
        (b, n_target, K·W, y, x): what is added to the reference, in standard deviations; with K > 1, the head's other parameters after it.
        """
        raise NotImplementedError


@runtime_checkable
class Solvable(Protocol):
    """A network that is solved for, in one pass or by a library of its own, and not trained by gradients."""

    def solve(self, forecaster: nn.Module, train: Iterable[Batch], validation: Iterable[Batch]) -> None:
        """Take the weights that fit the training batches best; the validation batches choose what is not fitted.

        Parameters
        ----------
        forecaster
            The `ResidualForecaster` around this network, whose `read` gives what the network sees and the reference.
        train, validation
            Batches with targets.
        """


def parameter_count(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
