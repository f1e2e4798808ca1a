"""Linear autoregression of each pixel, solved in closed form: what a network has to beat before its depth counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.models import pixel_features
from glaciercast.models.base import Network
from glaciercast.models.heads import Value
from glaciercast.models.pixel_features import Rows
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.registry import register
from glaciercast.models.task import Task

if TYPE_CHECKING:
    from glaciercast.models.residual import ResidualForecaster
    from glaciercast.patches.sampling import Batch

CONSTANT = 1e-10
"""A variance below this share of the mean square is rounding, and the feature a constant."""


class PixelLinearOptions(Config):
    """Options of `pixel_linear`."""

    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0),
        min_length=1,
        description="ridge penalties in units of each feature's variance; the validation part chooses one for each lead and target",
    )
    around: pixel_features.Side = Field(default=3, description="side of the square around a pixel whose mean is a feature; 1: none")
    seasonal: bool = Field(default=False, description="the coefficients of the last frame vary with the season; for series of many years")


@register("pixel_linear", kind="network", summary="Ridge regression on each pixel's window, solved in closed form; any patch size.")
class PixelLinear(Network):
    """Forecast ``change = b + βᵀ x`` of each pixel, with coefficients of its own for each lead and target, shared by all pixels.

    x are the features of `pixel_features` and, with `seasonal`, the last frame times the season's sine and cosine: a periodic
    autoregression (Jones & Brelsford 1967, Biometrika 54, 403–408) with one harmonic. The coefficients minimise
    ``Σ w (y − b − βᵀ x)² / Σ w + λ Σ var(x_j) β_j²`` (Hoerl & Kennard 1970, Technometrics 12, 55–67), w being the observed fraction; the
    intercept is free. Heads of more than one number a value get normal errors, as large everywhere as in the validation part.
    """

    Options = PixelLinearOptions
    any_size = True

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(PixelLinearOptions, self.options)
        self.around, self.seasonal = chosen.around, chosen.seasonal
        self.penalties = sorted(chosen.penalties, reverse=True)
        features = len(pixel_features.names(task, self.ports)) + (2 * self.ports.frame if chosen.seasonal else 0)
        self.readout = nn.Conv2d(features, task.n_target * self.ports.out, 1)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(cast(Tensor, self.readout.bias))

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x); see `Network`."""
        change: Tensor = self.readout(self.planes(inputs))
        return change.reshape(len(change), self.task.n_target, self.ports.out, *change.shape[-2:])

    def planes(self, inputs: Inputs) -> Tensor:
        """Return the features of every pixel, (b, F, y, x)."""
        base = pixel_features.planes(inputs, self.around)
        if not self.seasonal:
            return base
        last, season = inputs.frames[:, -1], inputs.season[:, inputs.frames.shape[1] - 1, :, None, None]
        return torch.cat([base, last * season[:, :1], last * season[:, 1:]], dim=1)

    def solve(self, forecaster: nn.Module, train: Iterable[Batch], validation: Iterable[Batch]) -> None:
        """Solve for the coefficients that fit the training batches best, with the penalties that the validation batches choose.

        Both are passed over once: the error of a solution on the validation batches is a form of their second moments.

        Raises
        ------
        InputError
            If there is no batch, one has no targets, or the head wants other than squared errors.
        GlaciercastError
            If a lead of some target was never observed in one of both parts.
        """
        reader = cast("ResidualForecaster", forecaster)
        if isinstance(reader.head, Value) and reader.head.error != "squared":
            raise InputError(f"{self.name}: expected the head 'value' with squared errors, found {reader.head.error} ones")
        fitted = second_moments(pixel_features.rows(reader.train(), self.planes, train))
        checked = second_moments(pixel_features.rows(reader.eval(), self.planes, validation))
        if not bool((torch.minimum(fitted, checked)[:, 0, 0] > 0).all()):
            raise GlaciercastError(f"training {self.name}: some lead of a target was nowhere observed in the training or validation part")
        candidates = torch.stack([ridge(fitted, penalty) for penalty in self.penalties])  # penalty, output, 1 + F
        errors, best = (squared_errors(candidates, checked) / checked[:, 0, 0]).min(dim=0)
        self._take(candidates[best, torch.arange(len(best))], pixel_features.spread(errors))

    @torch.no_grad()
    def _take(self, coefficients: Tensor, spread: Tensor) -> None:
        """Let the read-out forecast by coefficients (T·W, 1 + F), with errors of `spread` (T·W,)."""
        blocks = (self.task.n_target, self.ports.parameters, self.ports.targets)
        bias, weight = cast(Tensor, self.readout.bias).view(blocks), self.readout.weight.view(*blocks, -1)
        bias.copy_(spread.view(blocks[0], 1, blocks[2]))
        weight.zero_()
        point = coefficients.view(blocks[0], blocks[2], -1)
        bias[:, 0], weight[:, 0] = point[..., 0], point[..., 1:]


def second_moments(source: Iterable[Rows]) -> Tensor:
    """Return Σ w z zᵀ with z = (1, x, y) for each output: all that a least-squares fit needs of any number of pixels.

    Returns
    -------
    (T·W, F + 2, F + 2) float64.

    Raises
    ------
    InputError
        If there is no batch.
    """
    total: Tensor | None = None
    for features, change, weight in source:
        z = torch.cat([torch.ones(len(features), 1), features, torch.zeros(len(features), 1)], dim=1).double()
        batch = []
        for y, w in zip(change.unbind(1), weight.unbind(1), strict=True):
            z[:, -1] = y
            batch.append((z * w[:, None]).t() @ z)
        total = torch.stack(batch) if total is None else total + torch.stack(batch)
    if total is None:
        raise InputError("training: expected batches, found none")
    return total


def ridge(moments: Tensor, penalty: float) -> Tensor:
    """Return intercept and coefficients of each output, (T·W, 1 + F) float64; a feature that does not vary gets 0.

    Parameters
    ----------
    moments
        (T·W, F + 2, F + 2), as `second_moments` returns them; each output was observed somewhere.
    penalty
        λ > 0, in units of each feature's variance.
    """
    mean = moments[:, 0, 1:] / moments[:, :1, 0]
    square = moments[:, 1:, 1:] / moments[:, :1, :1]
    covariance = square - mean[:, :, None] * mean[:, None, :]
    variance, size = (matrix.diagonal(dim1=1, dim2=2)[:, :-1] for matrix in (covariance, square))
    inverse = torch.where(variance > CONSTANT * size, variance, torch.inf).rsqrt()  # of the standard deviation; 0 for constants
    correlation = inverse[:, :, None] * covariance[:, :-1, :-1] * inverse[:, None, :]
    eye = torch.eye(correlation.shape[1], dtype=correlation.dtype)
    standardised = torch.linalg.solve(correlation + penalty * eye, inverse * covariance[:, :-1, -1])
    slopes = inverse * standardised
    intercept = mean[:, -1] - (slopes * mean[:, :-1]).sum(dim=1)
    return torch.cat([intercept[:, None], slopes], dim=1)


def squared_errors(coefficients: Tensor, moments: Tensor) -> Tensor:
    """Return Σ w (y − b − βᵀ x)² of coefficients (…, T·W, 1 + F) over the pixels behind `moments`, (…, T·W)."""
    residual = torch.cat([-coefficients, torch.ones_like(coefficients[..., :1])], dim=-1)
    return torch.einsum("...oi,oij,...oj->...o", residual, moments, residual)
