"""From a network over normalised tensors to a forecaster in physical units, on top of a reference forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glaciercast.errors import InputError, unknown
from glaciercast.models import registry
from glaciercast.models.base import Baseline, Forecaster, Network, Task

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch

REFERENCES = {"none": None, "last": "persistence", "same_season": "same_season", "climatology": "climatology"}


class Normaliser(Protocol):
    """Mean and standard deviation per variable, (V,) each, fitted on the training part (`patches.normalise.Stats`)."""

    @property
    def mean(self) -> NDArray[np.float32]: ...  # noqa: D102
    @property
    def std(self) -> NDArray[np.float32]: ...  # noqa: D102


class ResidualForecaster(Forecaster):
    """``reference(batch) + network(normalised input) · std``; its state holds all it needs: weights, mean, std, the reference's fit.

    Parameters
    ----------
    network
        A `Network` built for `task`.
    task
        What is forecast from what.
    residual
        The reference: ``none`` (the mean), ``last`` (persistence), ``same_season`` or ``climatology``. Where it is NaN, the mean stands in.
    stats
        Normaliser of the V variables.
    baseline
        The fitted reference; needed for ``climatology``, made here for the others.

    Raises
    ------
    InputError
        If the residual is unknown, the baseline is missing or another one, or the normaliser does not fit the variables.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: Network, task: Task, residual: str, stats: Normaliser, baseline: Baseline | None = None) -> None:
        super().__init__(task, network.options)
        self.name = network.name  # type: ignore[misc]  # a forecaster goes by its network's name
        self.network = network
        self.residual = residual
        self.reference = _reference(task, residual, baseline)
        for key in ("mean", "std"):
            values = torch.tensor(np.array(getattr(stats, key), dtype=np.float32))
            if (
                values.shape != (len(task.variables),)
                or not bool(values.isfinite().all())
                or (key == "std" and not bool((values > 0).all()))
            ):
                raise InputError(f"normaliser: expected one usable {key} for each of {', '.join(task.variables)}, found {values.tolist()}")
            self.register_buffer(key, values)

    def forward(self, batch: Batch) -> Tensor:
        """Return the forecast (b, T, V, y, x) in physical units; it holds no NaN."""
        past = batch.past[:, -self.task.n_input :]
        seen = past.isfinite()
        scale, offset = self.std[:, None, None], self.mean[:, None, None]
        values = torch.where(seen, (past - offset) / scale, 0.0)
        observed = torch.where(seen, batch.past_observed[:, -self.task.n_input :].nan_to_num(), 0.0)
        season = torch.cat([batch.season_past[:, -self.task.n_input :], batch.season_future], dim=1)
        change: Tensor = self.network(torch.cat([values, observed], dim=2), season)
        if self.reference is None:
            return offset + change * scale
        reference: Tensor = self.reference(batch)
        return torch.where(reference.isfinite(), reference, offset) + change * scale

    def recipe(self) -> dict[str, Any]:
        """Return what rebuilds this forecaster, weights aside, as plain JSON types."""
        return {**super().recipe(), "residual": self.residual}


def build(
    name: str, task: Task, residual: str, stats: Normaliser, baseline: Baseline | None = None, *, seed: int = 0, **options: Any
) -> ResidualForecaster:
    """Create network `name` with fresh weights drawn from `seed` and wrap it; torch's own generator stays as it was.

    Raises
    ------
    InputError
        If the model is unknown or no network, an option does not fit, or `ResidualForecaster` refuses.
    """
    if registry.find(name).kind != "network":
        raise InputError(unknown("network", name, registry.names("network")))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = registry.create(name, task, **options)
    return ResidualForecaster(network, task, residual, stats, baseline)


def rebuild(recipe: dict[str, Any]) -> Forecaster:
    """Build the forecaster that `recipe` describes; its weights and fitted values are still to be loaded.

    Raises
    ------
    InputError
        If a key is missing, or the registry refuses.
    """
    missing = {"model", "options", "task", "residual"} - recipe.keys()
    if missing:
        raise InputError(f"recipe of a forecaster: key '{sorted(missing)[0]}' is missing")
    task = Task.from_plain(recipe["task"])
    if recipe["residual"] is None:
        baseline: Forecaster = registry.create(recipe["model"], task, **recipe["options"])
        return baseline
    reference = registry.create("climatology", task) if recipe["residual"] == "climatology" else None
    return build(recipe["model"], task, recipe["residual"], _Unit(task), reference, **recipe["options"])


class _Unit:
    """Mean 0 and standard deviation 1, to be overwritten by loaded values."""

    def __init__(self, task: Task) -> None:
        self.mean = np.zeros(len(task.variables), dtype=np.float32)
        self.std = np.ones(len(task.variables), dtype=np.float32)


def _reference(task: Task, residual: str, baseline: Baseline | None) -> Baseline | None:
    if residual not in REFERENCES:
        raise InputError(unknown("residual", residual, REFERENCES))
    wanted = REFERENCES[residual]
    if baseline is not None and baseline.name != wanted:
        raise InputError(f"residual '{residual}': expected {wanted or 'no'} baseline, found {baseline.name}")
    if wanted is None or baseline is not None:
        return baseline
    if wanted == "climatology":
        raise InputError("residual 'climatology': expected a fitted climatology, found none")
    made: Baseline = registry.create(wanted, task)
    return made
