"""Split-conformal calibration: widen or narrow stated intervals until they held as much of the validation part as they should.

Conformalised quantile regression (Romano et al. 2019, arXiv:1905.03222): the score of a value y against an interval is
max(lower − y, y − upper), negative inside, and both ends of the interval move outwards by a quantile of the scores, for each lead and
variable on its own. The pixels of a scene share their weather and are no independent scores: blocks of windows in the validation part are
what is taken as exchangeable, and each counts the same, however much of it was observed (Lee, Barber & Willett 2023, arXiv:2306.06342).

**What is guaranteed**: if the n blocks of the validation part and the block that is to come are exchangeable, then a pixel of the latter,
drawn in proportion to its observed fraction, lies in the interval with probability at least 1 − α, whatever the network. The probability is
over blocks. **What is not**: coverage within one scene, place, season or glacier, or at several leads at once; of what is never observed;
and anything once blocks are not exchangeable: years that warm, a new sensor, neighbouring windows that share their weather (a longer
`block` helps), or validation frames that chose the weights by early stopping, which makes scores a little too small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from glaciercast.errors import InputError
from glaciercast.models import residual
from glaciercast.models.base import Forecaster
from glaciercast.models.ensemble import Ensemble
from glaciercast.models.heads import Value
from glaciercast.models.residual import ResidualForecaster
from glaciercast.stats.bootstrap import time_blocks
from glaciercast.stats.conformity import ConformityScores, intervals

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch, PatchDataset

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


class Calibrated(Forecaster):
    """A forecaster whose intervals are moved by buffer `offset` (interval, T, W), in physical units, outermost interval first.

    Buffer `blocks` (T, W) says how many blocks of the validation part that was measured on. The point forecast and the median stay as they
    are. An interval that is narrowed ends at the median at most, and none is narrower than one within it; both can only add coverage.

    Parameters
    ----------
    forecaster
        What states the quantiles; around a point forecast, intervals are of constant width.
    levels
        Ascending and symmetric around 0.5, which is among them.
    offset, blocks
        What `stats.conformity.ConformityScores.offsets` returns; still to be loaded if None.

    Raises
    ------
    InputError
        If the levels don't fit, or the forecaster is calibrated already.
    """

    offset: Tensor
    blocks: Tensor

    def __init__(
        self, forecaster: Forecaster, levels: Sequence[float] = LEVELS, offset: NDArray[np.float64] | None = None,
        blocks: NDArray[np.int64] | None = None,
    ) -> None:  # fmt: skip
        if isinstance(forecaster, Calibrated):
            raise InputError(f"{forecaster.name}: is calibrated already")
        super().__init__(forecaster.task, forecaster.options)
        self.name = forecaster.name  # type: ignore[misc]  # it goes by the name of what it calibrates
        self.forecaster, self.levels = forecaster, tuple(levels)
        shape = (len(intervals(self.levels)), self.task.n_target, len(self.task.targets))
        offset = np.full(shape, np.nan) if offset is None else offset
        self.register_buffer("offset", torch.from_numpy(offset.astype("float32")))
        self.register_buffer("blocks", torch.from_numpy(np.zeros(shape[1:], "int64") if blocks is None else blocks))

    def forward(self, batch: Batch) -> Tensor:
        """Return the point forecast as it is, (b, T, W, y, x)."""
        forecast: Tensor = self.forecaster(batch)
        return forecast

    def quantiles(self, batch: Batch, levels: Sequence[float]) -> Tensor:
        """Return calibrated quantiles, (quantile, b, T, W, y, x) in physical units.

        Raises
        ------
        InputError
            If a level was not calibrated.
        """
        return self.bands(batch, levels)[1:]

    def bands(self, batch: Batch, levels: Sequence[float]) -> Tensor:
        """Return the point forecast and, after it, calibrated quantiles, (1 + quantile, b, T, W, y, x): each network runs once.

        Raises
        ------
        InputError
            If a level was not calibrated.
        """
        for level in levels:
            if level not in self.levels:
                raise InputError(f"quantile level: calibrated are {', '.join(f'{known:g}' for known in self.levels)}, found {level:g}")
        both = stated(self.forecaster, batch, self.levels)
        return torch.cat([both[:1], self.adjust(both[1:])[[self.levels.index(level) for level in levels]]])

    def adjust(self, quantiles: Tensor) -> Tensor:
        """Return the calibrated form of stated quantiles of all levels, (level, b, T, W, y, x) in physical units."""
        half = len(self.offset)
        offset = self.offset[:, None, :, :, None, None]
        median = quantiles[half : half + 1]
        lower = torch.cat([median, (quantiles[:half] - offset).flip(0)]).cummin(dim=0).values
        upper = torch.cat([median, quantiles[half + 1 :] + offset.flip(0)]).cummax(dim=0).values
        return torch.cat([lower[1:].flip(0), upper])

    def recipe(self) -> dict[str, Any]:
        """Return the recipe of what is calibrated, and under `calibrated` the levels."""
        return {**self.forecaster.recipe(), "calibrated": list(self.levels)}


def rebuild(recipe: dict[str, Any]) -> Calibrated:
    """Build the calibrated forecaster that `recipe` describes; its weights and fitted values are still to be loaded.

    Raises
    ------
    InputError
        If a key is missing, or the registry refuses.
    """
    inner = {key: value for key, value in recipe.items() if key != "calibrated"}
    return Calibrated(residual.rebuild(inner), recipe["calibrated"])


def calibrate(
    forecaster: Forecaster, dataset: PatchDataset, scale: NDArray[np.float32], levels: Sequence[float] = LEVELS, *, block: int = 1,
    batch_size: int = 64,
) -> Calibrated:  # fmt: skip
    """Calibrate on the windows of the validation part.

    Parameters
    ----------
    dataset
        Windows with targets; those of the training part, which the weights have seen, would give intervals that are too narrow. Pixels
        count as often as patches cover them: cut them side by side. Scenes that are blended of tiles have scores of their own
        (`stats.conformity.ConformityScores.add`).
    scale
        (W,), standard deviation of each target: the unit in which scores are counted.
    levels
        Ascending and symmetric around 0.5, which is among them.
    block
        Steps of issue time that share their weather and count as one block. At 1, every window is a block: its truths are those of no other
        window at the same lead, but neighbours are alike.

    Raises
    ------
    InputError
        If there are too few blocks for a level, or the forecaster does not state one.
    GlaciercastError
        If a stated quantile is not finite where it has to be scored.
    """
    scores, blocks = ConformityScores(forecaster.task.targets, scale, levels), time_blocks(dataset.issues, block)
    forecaster.eval()
    with torch.inference_mode():
        for start in range(0, len(dataset), batch_size):
            rows = np.arange(start, min(start + batch_size, len(dataset)))
            batch = dataset.__getitems__(rows.tolist())
            assert batch.target is not None and batch.target_weight is not None, "windows of a part have targets"
            quantiles = stated(forecaster, batch, levels)[1:].numpy()
            scores.add(quantiles, batch.target.numpy(), batch.target_weight.numpy(), blocks[rows // len(dataset.origins)])
    return Calibrated(forecaster, levels, *scores.offsets())


def check_windows(levels: Sequence[float], windows: int) -> None:
    """Check, before anything is fitted, that so many windows of the validation part can calibrate `levels` at all.

    Raises
    ------
    InputError
        If the levels are not symmetric around 0.5, or the windows are too few for the widest interval.
    """
    widest = intervals(levels)[0]
    needed = math.ceil(widest / (1 - widest) - 1e-6)
    if windows < needed:
        raise InputError(
            f"calibration: a {widest:.0%} interval takes {needed} windows in the validation part, found {windows}; give it a larger share "
            "(windows.fractions), or train a head 'quantiles' of narrower levels"
        )


def bands(forecaster: nn.Module, batch: Batch, levels: Sequence[float]) -> Tensor:
    """Return the point forecast and, after it, the quantiles that a forecaster states: (1 + level, b, T, W, y, x), physical units.

    Each network runs once.

    Raises
    ------
    InputError
        If the forecaster states no quantiles, or not these.
    """
    if isinstance(forecaster, ResidualForecaster):
        return forecaster.quantiles(batch, (0.5, *levels))  # the first number of every head is its median too
    of_both: Callable[[Batch, Sequence[float]], Tensor] | None = getattr(forecaster, "bands", None)
    if of_both is None:
        raise InputError(f"{getattr(forecaster, 'name', 'model')}: states no quantiles")
    return of_both(batch, levels)


def stated(forecaster: Forecaster, batch: Batch, levels: Sequence[float]) -> Tensor:
    """Return what `bands` does; of a forecaster that states no quantiles, its point forecast at every level."""
    probabilistic = isinstance(forecaster, ResidualForecaster) and not isinstance(forecaster.head, Value)
    if isinstance(forecaster, Ensemble) or probabilistic:
        return bands(forecaster, batch, levels)
    forecast: Tensor = forecaster(batch)
    return forecast.expand(1 + len(levels), *forecast.shape)
