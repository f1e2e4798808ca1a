"""What every model shares: the task it is built for, the data it is fitted on, and the shapes that go in and out.

A **forecaster** takes a `Batch` of patches and returns its forecast in physical units; baselines are forecasters. A **network** knows
nothing of units or batches: it maps normalised tensors to normalised tensors, and `models.residual.ResidualForecaster` makes a forecaster
of it.
To add an architecture, write one file in this folder with a `Network` under `registry.register`; nothing else needs to know of it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.errors import InputError

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch


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

    Raises
    ------
    InputError
        If a number is below 1, a variable is missing, or the history is shorter than the input.
    """

    n_input: int
    n_target: int
    history: int
    period: int
    variables: tuple[str, ...]
    patch: int

    def __post_init__(self) -> None:
        for key in ("n_input", "n_target", "history", "period", "patch"):
            if getattr(self, key) < 1:
                raise InputError(f"{key}: expected at least 1, found {getattr(self, key)}")
        if not self.variables:
            raise InputError("variables: expected at least one name, found none")
        if self.history < self.n_input:
            raise InputError(f"history: expected at least n_input = {self.n_input} steps, found {self.history}")

    def plain(self) -> dict[str, Any]:
        """Return the task as plain JSON types."""
        return {**asdict(self), "variables": list(self.variables)}

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Task:
        """Build a task from what `plain` returned.

        Raises
        ------
        InputError
            If a key is missing or unknown.
        """
        try:
            return cls(**{**data, "variables": tuple(data["variables"])})
        except (KeyError, TypeError) as error:
            raise InputError(f"task: expected the keys {', '.join(cls.__dataclass_fields__)}, found {', '.join(data)}") from error


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
    """Base of all that the registry creates; `name` is set by `registry.register`."""

    name: ClassVar[str] = ""
    Options: ClassVar[type[Config]] = NoOptions

    def __init__(self, task: Task, options: Config | None = None) -> None:
        super().__init__()
        self.task = task
        self.options: Config = self.Options() if options is None else options


class Forecaster(Model):
    """A model from patches to a forecast in physical units."""

    def forward(self, batch: Batch) -> Tensor:
        """Return the forecast (b, T, V, y, x), float32, physical units; NaN only where a baseline has nothing to go by."""
        raise NotImplementedError

    def recipe(self) -> dict[str, Any]:
        """Return what rebuilds this forecaster, weights aside, as plain JSON types (see `models.residual.rebuild`)."""
        return {"model": self.name, "options": self.options.model_dump(mode="json"), "task": self.task.plain(), "residual": None}


class Baseline(Forecaster):
    """A forecaster without trained weights; what it needs from the training part, `fit` takes."""

    def fit(self, data: TrainingData) -> Self:
        """Fit on the frames of the training part; most baselines have nothing to fit."""
        return self


class Network(Model):
    """A network over normalised tensors."""

    def forward(self, x: Tensor, season: Tensor) -> Tensor:
        """Map normalised input to a normalised forecast.

        Parameters
        ----------
        x
            (b, n_input, 2V, y, x) float32: V normalised values (0 where nothing was seen), then V observed fractions.
        season
            (b, n_input + n_target, 2) float32: sine and cosine of the season of each input and target step.

        Returns
        -------
        (b, n_target, V, y, x), normalised.
        """
        raise NotImplementedError


def parameter_count(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
