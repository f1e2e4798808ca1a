"""What the pixel models see of a pixel, and the pixels that they are solved from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn

from glaciercast.errors import InputError
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.task import Task

if TYPE_CHECKING:
    from glaciercast.models.residual import ResidualForecaster
    from glaciercast.patches.sampling import Batch

Side = Literal[1, 3, 5, 7, 9]
"""Side in pixels of the square around a pixel whose mean is a feature; 1 is the pixel alone."""


class Rows(NamedTuple):
    """Pixels of windows, one a row, with F features and T·W outputs (leads, and in each its targets); float32.

    Attributes
    ----------
    features
        (n, F).
    change
        (n, T·W): the true change of the reference forecast, in standard deviations; 0 where it does not count.
    weight
        (n, T·W): the observed fraction of the target; 0 where there is no reference to depart from.
    """

    features: Tensor
    change: Tensor
    weight: Tensor


def spread(mean_square: Tensor) -> Tensor:
    """Return what heads take for errors of this mean square: numbers whose softplus is the scale of a normal distribution.

    For the head ``gaussian`` that is the scale above its floor; for ``quantiles``, equal steps are those of normal quantiles.
    """
    return torch.log(torch.expm1(mean_square.sqrt().clamp(1e-3, 20.0)))


def names(task: Task, ports: Ports) -> list[str]:
    """Return the name of each plane that `planes` returns, such as ``ndsi_lag0_departure``; lag 0 is the issue step."""
    kinds = ["", "_observed", *(["_departure"] if ports.departures else [])]
    frames = [f"{name}_lag{lag}{kind}" for lag in reversed(range(task.n_input)) for kind in kinds for name in task.variables]
    around = [f"{name}_around{kind}" for kind in kinds for name in task.variables]
    reference = [f"{name}_reference_lead{lead}" for lead in range(1, task.n_target + 1) for name in task.targets]
    return [*frames, *around, *reference, *task.statics, "season_sin", "season_cos"]


def planes(inputs: Inputs, side: int) -> Tensor:
    """Return the features of every pixel.

    They are all input frames, the mean of the last one over `side` × `side` pixels (those inside the patch), the reference forecast of
    every lead, the statics, and the season of the issue step, of which the seasons of all other steps are a rotation.

    Returns
    -------
    (b, F, y, x) float32, in the order of `names`.
    """
    last = inputs.frames[:, -1]
    around = nn.functional.avg_pool2d(last, side, stride=1, padding=side // 2, count_include_pad=False)
    issue = inputs.frames.shape[1] - 1
    season = inputs.season_planes(slice(issue, issue + 1))[:, 0]
    return torch.cat([inputs.frames.flatten(1, 2), around, inputs.future.flatten(1, 2), inputs.statics, season], dim=1)


def rows(forecaster: ResidualForecaster, features: Callable[[Inputs], Tensor], batches: Iterable[Batch]) -> Iterator[Rows]:
    """Yield the pixels of each batch of which some target was observed.

    Parameters
    ----------
    forecaster
        Reads the batches; in training mode its climatology leaves out each window's own year.
    features
        What turns inputs into planes (b, F, y, x).
    batches
        Batches with targets.

    Raises
    ------
    InputError
        If a batch has no targets.
    """
    for batch in batches:
        with torch.no_grad():
            inputs, reference = forecaster.read(batch)
            change, weight = forecaster.change(batch, reference)
            every = Rows(_by_pixel(features(inputs)), _by_pixel(change.flatten(1, 2)), _by_pixel(weight.flatten(1, 2)))
            counts = (every.weight > 0).any(dim=1)
        yield Rows(*(column[counts] for column in every))


def draw(source: Iterable[Rows], samples: int, generator: torch.Generator) -> Rows:
    """Return `samples` of all pixels, each as likely as any other, or all of them if there are no more.

    Every pixel gets a random key, and the smallest keys are kept (Efraimidis & Spirakis 2006, Inf. Process. Lett. 97, 181–185, with
    equal weights): one pass, and memory for twice the samples.

    Raises
    ------
    InputError
        If there is no pixel.
    """
    kept: list[tuple[Tensor, ...]] = []
    limit = 1.0
    for each in source:
        key = torch.rand(len(each.change), generator=generator, dtype=torch.float64)
        below = key < limit
        kept.append((key[below], *(column[below] for column in each)))
        if sum(len(part[0]) for part in kept) > 2 * samples:
            kept = [_smallest(kept, samples)]
            limit = float(kept[0][0][-1])
    if not kept:
        raise InputError("training: expected batches, found none")
    return Rows(*_smallest(kept, samples)[1:])


def _by_pixel(maps: Tensor) -> Tensor:
    """Return maps (b, channel, y, x) as rows (b·y·x, channel)."""
    return maps.movedim(1, -1).flatten(0, 2)


def _smallest(parts: list[tuple[Tensor, ...]], number: int) -> tuple[Tensor, ...]:
    """Return the rows with the smallest keys, which are the first column, in the order of the keys."""
    columns = [torch.cat(column) for column in zip(*parts, strict=True)]
    order = columns[0].argsort(stable=True)[:number]
    return tuple(column[order] for column in columns)
