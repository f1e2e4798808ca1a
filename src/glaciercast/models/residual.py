"""From a network over normalised tensors to a forecaster in physical units, on top of a reference forecast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from glaciercast.errors import InputError, unknown
from glaciercast.models import heads, registry
from glaciercast.models.base import Baseline, Forecaster, Network
from glaciercast.models.baselines import Climatology
from glaciercast.models.heads import Head, Value
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.task import Task
from glaciercast.models.usual import Usual
from glaciercast.patches.normalise import Stats

if TYPE_CHECKING:
    from glaciercast.patches.augment import Views
    from glaciercast.patches.sampling import Batch

FITTED = ("climatology", "harmonic", "season_shift")
"""References that are fitted on the training part, for the place where it lies."""
REFERENCES = {"none": None, "last": "persistence", "same_season": "same_season", **{name: name for name in FITTED}}


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
        The reference: ``none`` (the mean), ``last`` (persistence), ``same_season`` or one of `FITTED`. Where it is NaN, the mean stands in.
    stats
        Mean and standard deviation of the V variables, fitted on the training part.
    baseline
        The fitted reference; needed for those of `FITTED`, made here for the others.
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
        self, network: Network, task: Task, residual: str, stats: Stats, baseline: Baseline | None = None, head: Head | None = None
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

    def loss(self, batch: Batch, views: Views | None = None) -> tuple[Tensor, Tensor]:
        """Return Σ w · loss and Σ w over what was observed, losses being the head's, in standard deviations.

        The ratio of both is the loss of a batch, and the ratio of their sums that of an epoch. What only the window's own year has seen
        counts nothing in training: there is no climatology of other years to depart from. With `views` it is the loss of varied windows.

        Raises
        ------
        InputError
            If the batch has no targets.
        """
        inputs, change, weight = self.lesson(batch, views)
        out = self.network(inputs, change) if self.training and self.network.teacher > 0 else self.network(inputs)
        return (weight * self.head.loss(out, change)).sum(), weight.sum()

    def lesson(self, batch: Batch, views: Views | None = None) -> tuple[Inputs, Tensor, Tensor]:
        """Return what the network reads, what it should answer and how much each pixel of that counts (see `change`).

        The climatology of a window is looked up where it lies and without its own frames, clouds or not; `views` show both varied.

        Raises
        ------
        InputError
            If the batch has no targets.
        """
        names = self.task.variables
        usual = self.usual(batch, None if views is None else views.veil(batch, names))
        if views is not None:
            batch = views.batch(batch, names)
            usual = None if usual is None else usual.seen(views, names)
        inputs, reference = self.read(batch, usual)
        return inputs, *self.change(batch, reference)

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

    def usual(self, batch: Batch, seen: Batch | None = None) -> Usual | None:
        """Return the climatology under each patch, of the other years in training; None if the reference is another one.

        `seen` is what training shows of the window (default: all of it).
        """
        if not isinstance(self.reference, Climatology):
            return None
        learning = self.training and batch.target is not None
        return Usual.of_others(self.reference, batch, seen) if learning else Usual.of_all(self.reference, batch)

    def read(self, batch: Batch, usual: Usual | None = None) -> tuple[Inputs, Tensor]:
        """Return what the network reads, and the reference forecast (b, T, W, y, x) in physical units.

        The reference is NaN only in training, where no other year has seen what a window is to forecast. `usual` is looked up if None.
        """
        usual = self.usual(batch) if usual is None else usual
        past = batch.past[:, -self.task.n_input :]
        seen = past.isfinite()
        observed = torch.where(seen, batch.past_observed[:, -self.task.n_input :].nan_to_num(), 0.0)
        channels = [torch.where(seen, (past - self.mean[:, None, None]) / self.std[:, None, None], 0.0), observed]
        if usual is not None:
            channels.append(((past - usual.past) / self.std[:, None, None]).nan_to_num())
        season = torch.cat([batch.season_past[:, -self.task.n_input :], batch.season_future], dim=1)
        reference = self._repeated(batch) if usual is None else usual.future
        offset = self.mean[: len(self.task.targets), None, None]
        future = ((reference - offset) / self._scale()).nan_to_num()
        return Inputs(torch.cat(channels, dim=2), future, batch.statics, season), reference

    def recipe(self) -> dict[str, Any]:
        """Return what rebuilds this forecaster, weights aside, as plain JSON types."""
        return {**super().recipe(), "residual": self.residual, "head": self.head.model_dump(mode="json")}

    def _repeated(self, batch: Batch) -> Tensor:
        """Return the reference forecast that the past alone gives, (b, T, W, y, x); where it is NaN, the mean."""
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
    name: str, task: Task, residual: str, stats: Stats, baseline: Baseline | None = None, *, seed: int = 0, head: Head | None = None,
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
    ports = Ports.of(task, head.parameters, departures=residual in FITTED)
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
    reference = registry.create(recipe["residual"], task) if recipe["residual"] in FITTED else None
    head, ones = heads.parse(recipe.get("head", {})), np.ones(len(task.variables), "float32")  # what is normalised by is loaded later
    return build(recipe["model"], task, recipe["residual"], Stats(0 * ones, ones), reference, head=head, **recipe["options"])


def _reference(task: Task, residual: str, baseline: Baseline | None) -> Baseline | None:
    if residual not in REFERENCES:
        raise InputError(unknown("residual", residual, REFERENCES))
    wanted = REFERENCES[residual]
    if baseline is not None and baseline.name != wanted:
        raise InputError(f"residual '{residual}': expected {wanted or 'no'} baseline, found {baseline.name}")
    if wanted is None or baseline is not None:
        return baseline
    if wanted in FITTED:
        raise InputError(f"residual '{residual}': expected a fitted {wanted}, found none")
    made: Baseline = registry.create(wanted, task)
    return made
