"""From a network over normalised tensors to a forecaster in physical units, on top of a reference forecast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glaciercast.errors import InputError, unknown
from glaciercast.models import heads, registry
from glaciercast.models.base import Baseline, Forecaster, Network
from glaciercast.models.baselines import Climatology
from glaciercast.models.heads import Head, Value
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.task import Task

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

    In training mode a climatology that is the reference leaves out the frames of each window: departures from a mean in which they
    count themselves are smaller than those of a year that is still to come.

    Parameters
    ----------
    network
        A `Network` built for `task`, with ports for the head and the residual (`build` does so).
    task
        What is forecast from what.
    residual
        The reference: ``none`` (the mean), ``last`` (persistence), ``same_season`` or ``climatology``. Where it is NaN, the mean stands in.
    stats
        Normaliser of the V variables.
    baseline
        The fitted reference; needed for ``climatology``, made here for the others.
    head
        What the numbers of the network mean; a value if None.

    Raises
    ------
    InputError
        If the residual is unknown, the baseline is missing or another one, or the normaliser does not fit the variables.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, network: Network, task: Task, residual: str, stats: Normaliser, baseline: Baseline | None = None, head: Head | None = None
    ) -> None:
        super().__init__(task, network.options)
        self.name = network.name  # type: ignore[misc]  # a forecaster goes by its network's name
        self.network = network
        self.residual = residual
        self.reference = _reference(task, residual, baseline)
        self.head = Value() if head is None else head
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
        """Return the point forecast (b, T, W, y, x) in physical units; it holds no NaN."""
        inputs, reference = self.read(batch)
        change: Tensor = self.network(inputs)
        return self._physical(reference, change[:, :, : len(self.task.targets)])

    def quantiles(self, batch: Batch, levels: Sequence[float]) -> Tensor:
        """Return the quantiles that the head states, (quantile, b, T, W, y, x) in physical units.

        Raises
        ------
        InputError
            If the head states none, or not these.
        """
        inputs, reference = self.read(batch)
        return self._physical(reference, self.head.quantiles(self.network(inputs), levels))

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return Σ w · loss and Σ w over what was observed, losses being the head's, in standard deviations.

        The ratio of both is the loss of a batch, and the ratio of their sums that of an epoch. What only the window's own year has seen
        counts nothing in training: there is no climatology of other years to depart from.

        Raises
        ------
        InputError
            If the batch has no targets.
        """
        inputs, reference = self.read(batch)
        change, weight = self.change(batch, reference)
        out = self.network(inputs, change) if self.training and self.network.teacher > 0 else self.network(inputs)
        return (weight * self.head.loss(out, change)).sum(), weight.sum()

    def change(self, batch: Batch, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Return the true change of the reference, (b, T, W, y, x) in standard deviations, and its weight; 0 where it does not count.

        Raises
        ------
        InputError
            If the batch has no targets.
        """
        if batch.target is None or batch.target_weight is None:
            raise InputError("training: expected batches with targets, found one without")
        weight = torch.where(reference.isfinite(), batch.target_weight, 0.0)
        return torch.where(weight > 0, (batch.target - reference) / self._scale(), 0.0), weight

    def read(self, batch: Batch) -> tuple[Inputs, Tensor]:
        """Return what the network reads, and the reference forecast (b, T, W, y, x) in physical units.

        The reference is NaN only in training, where no other year has seen what a window is to forecast.
        """
        steps = self.task.n_input
        past, learning = batch.past[:, -steps:], self.training and batch.target is not None
        seen = past.isfinite()
        observed = torch.where(seen, batch.past_observed[:, -steps:].nan_to_num(), 0.0)
        channels = [torch.where(seen, (past - self.mean[:, None, None]) / self.std[:, None, None], 0.0), observed]
        if isinstance(self.reference, Climatology):
            index = batch.index_past[:, -steps:]
            usual = self.reference.seasonal_of_others(batch, index, past, observed) if learning else self.reference.seasonal(batch, index)
            channels.append(((past - usual) / self.std[:, None, None]).nan_to_num())
        season = torch.cat([batch.season_past[:, -steps:], batch.season_future], dim=1)
        reference = self._reference_forecast(batch, learning)
        offset = self.mean[: len(self.task.targets), None, None]
        future = ((reference - offset) / self._scale()).nan_to_num()
        return Inputs(torch.cat(channels, dim=2), future, batch.statics, season), reference

    def recipe(self) -> dict[str, Any]:
        """Return what rebuilds this forecaster, weights aside, as plain JSON types."""
        return {**super().recipe(), "residual": self.residual, "head": self.head.model_dump(mode="json")}

    def _reference_forecast(self, batch: Batch, learning: bool) -> Tensor:
        if learning and isinstance(self.reference, Climatology):
            assert batch.target is not None and batch.target_weight is not None
            return self.reference.seasonal_of_others(batch, batch.index_future, batch.target, batch.target_weight)
        offset = self.mean[: len(self.task.targets), None, None]
        if self.reference is None:
            shape = (len(batch.past), self.task.n_target, len(self.task.targets), *batch.past.shape[-2:])
            return offset.expand(shape)
        forecast: Tensor = self.reference(batch)
        return torch.where(forecast.isfinite(), forecast, offset)

    def _scale(self) -> Tensor:
        return self.std[: len(self.task.targets), None, None]

    def _physical(self, reference: Tensor, change: Tensor) -> Tensor:
        return reference.nan_to_num() + change * self._scale()


def build(
    name: str, task: Task, residual: str, stats: Normaliser, baseline: Baseline | None = None, *, seed: int = 0, head: Head | None = None,
    preset: str = "small", **options: Any,
) -> ResidualForecaster:  # fmt: skip
    """Create network `name` with fresh weights drawn from `seed` and wrap it; torch's own generator stays as it was.

    Raises
    ------
    InputError
        If the model is unknown or no network, a preset or option does not fit, or `ResidualForecaster` refuses.
    """
    if registry.find(name).kind != "network":
        raise InputError(unknown("network", name, registry.names("network")))
    head = Value() if head is None else head
    ports = Ports.of(task, head.parameters, departures=residual == "climatology")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = registry.create(name, task, preset=preset, ports=ports, **options)
    return ResidualForecaster(network, task, residual, stats, baseline, head)


def rebuild(recipe: dict[str, Any]) -> Forecaster:
    """Build the forecaster that `recipe` describes; its weights and fitted values are still to be loaded.

    Raises
    ------
    InputError
        If a key is missing, or the registry refuses.
    """
    if "calibrated" in recipe:
        from glaciercast.models import conformal  # here: it builds on this module

        return conformal.rebuild(recipe)
    if "members" in recipe:
        from glaciercast.models import ensemble

        return ensemble.rebuild(recipe)
    missing = {"model", "options", "task", "residual"} - recipe.keys()
    if missing:
        raise InputError(f"recipe of a forecaster: key '{sorted(missing)[0]}' is missing")
    task = Task.from_plain(recipe["task"])
    if recipe["residual"] is None:
        baseline: Forecaster = registry.create(recipe["model"], task, **recipe["options"])
        return baseline
    reference = registry.create("climatology", task) if recipe["residual"] == "climatology" else None
    head = heads.parse(recipe.get("head", {}))
    return build(recipe["model"], task, recipe["residual"], _Unit(task), reference, head=head, **recipe["options"])


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
