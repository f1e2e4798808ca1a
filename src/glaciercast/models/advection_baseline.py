"""Advection as a baseline: the last frame goes on along the motion seen between the input frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.models.advection import Kernel, carried, sampled
from glaciercast.models.baselines import Persistence
from glaciercast.models.registry import register

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch

COARSEST = 12
"""Fewest pixels along a side of a level of the pyramid after the first."""

STEPS = (5, 2, 2)
"""Gauss–Newton steps at each level, coarsest first: what a finer one starts from is right to a fraction of its pixel."""

STILLNESS = 1e-3
"""Weight of standing still against squared gradients, in frames of variance 1: what has no texture does not move."""
ROUNDING = 1e-5
"""Spread over size below which single precision makes up the differences, as it does between the pixels of a frame that has but one."""


class AdvectionOptions(Config):
    """Options of `advection`."""

    window: float = Field(default=5.0, gt=0, description="standard deviation in pixels of the window that moves as one")


@register("advection", kind="baseline", summary="The last frame goes on along the motion between the input frames.")
class Advection(Persistence):
    """Carry the frame of the issue step along a steady motion, that of `steady_motion` over the input frames, for each target apart.

    What was filled does not count in the motion. A pixel into which something is carried that was never seen keeps what it has.
    """

    Options = AdvectionOptions

    def forward(self, batch: Batch) -> Tensor:
        """Return the carried frame at every lead, (b, T, W, y, x)."""
        past, observed = (self.targets(frames[:, -self.task.n_input :]) for frames in (batch.past, batch.past_observed))
        frames, weight = past.transpose(1, 2).flatten(0, 1), observed.transpose(1, 2).flatten(0, 1).nan_to_num()
        window = cast(AdvectionOptions, self.options).window
        motion = steady_motion(frames.nan_to_num(), torch.where(frames.isfinite(), weight, 0.0), window)
        moved = carried_where_seen(frames[:, -1:], motion, self.task.n_target, window)
        moved = moved.reshape(len(past), past.shape[2], self.task.n_target, *past.shape[-2:]).transpose(1, 2)
        return self.where_seen(torch.where(moved.isfinite(), moved, past[:, -1:]))


def carried_where_seen(frame: Tensor, motion: Tensor, steps: int, window: float) -> Tensor:
    """Carry a frame (n, 1, y, x) that may hold NaN along `motion` for 1 … `steps` steps; NaN where mostly NaN arrives.

    Where the kernel reaches from seen into unseen pixels, it reads the mean of what was seen around them.

    Returns
    -------
    (n, steps, 1, y, x).
    """
    seen = frame.isfinite()
    values, weight = frame.nan_to_num(), seen.to(frame.dtype)
    around = _ratio(_smooth(values, window), _smooth(weight, window))
    moved = carried(torch.where(seen, values, around), motion, steps)
    return torch.where(carried(weight, motion, steps, "linear") > 0.5, moved, torch.nan)


def steady_motion(frames: Tensor, weight: Tensor, window: float) -> Tensor:
    """Return the motion that explains best how each frame follows from the one before it.

    Weighted least squares after Lucas & Kanade (1981, Proc. IJCAI, 674–679) over all pairs of frames at once, coarse to fine, the later
    frame of each pair being warped back by what is known already. Each pair is brought to mean 0 and variance 1 over the pixels that both
    saw, so that gain and offset of a frame are of no account.

    Parameters
    ----------
    frames
        (n, t, y, x), finite, any unit.
    weight
        (n, t, y, x), observed fractions; 0 where a value does not count.
    window
        Standard deviation in pixels of the Gaussian window around each pixel over which the squares are summed.

    Returns
    -------
    (n, 2, y, x) pixels a step, along x and y; 0 where nothing was seen, and where there is one frame only.
    """
    if frames.shape[1] == 1:
        return frames.new_zeros(len(frames), 2, *frames.shape[-2:])
    both = weight[:, :-1] * weight[:, 1:]
    pair = torch.stack([_standardised(frames[:, :-1], both), _standardised(frames[:, 1:], both)])  # 2, n, t - 1, y, x
    seen = torch.stack([weight[:, :-1], weight[:, 1:]])
    pyramid = [(torch.where(seen > 0, pair, 0.0), seen)]
    while len(pyramid) < len(STEPS) and min(pyramid[-1][0].shape[-2:]) >= 2 * COARSEST:
        pyramid.append(_halved(*pyramid[-1]))
    motion = frames.new_zeros(len(frames), 2, *pyramid[-1][0].shape[-2:])
    for steps, (values, seen) in zip(STEPS, reversed(pyramid), strict=False):
        motion = _enlarged(motion, values.shape[-2:])
        for _ in range(steps):
            motion = motion + _step(values, seen, motion, window)
    return motion


def _step(pair: Tensor, weight: Tensor, motion: Tensor, window: float) -> Tensor:
    """Return the Gauss–Newton step, at most a pixel along x and y, towards the least Σ w (I₂(x + u) − I₁(x))² + STILLNESS |u|²."""
    first, second = pair
    later = _followed(second, motion, "cubic")
    # nothing that was not seen enters a value, whose kernel reaches two pixels far, or a gradient
    w = _least_around(weight[0] * _followed(_least_around(weight[1]), motion, "linear"))
    first, later = _standardised(first, w), _standardised(later, w)
    along_x, along_y = _gradient((first + later) / 2)
    change = later - first
    products = (along_x * along_x, along_x * along_y, along_y * along_y, along_x * change, along_y * change)
    squares = torch.stack([(w * product).sum(dim=1) for product in products])
    xx, xy, yy, xt, yt = _smooth(squares, window)
    xx, yy = xx + STILLNESS, yy + STILLNESS
    xt, yt = xt + STILLNESS * motion[:, 0], yt + STILLNESS * motion[:, 1]
    least = STILLNESS * (xx + yy - STILLNESS)  # of the determinant, where rounding leaves nothing of it: gradients of one direction
    step: Tensor = torch.stack([xy * yt - yy * xt, xy * xt - xx * yt], dim=1) / torch.maximum(xx * yy - xy * xy, least)[:, None]
    return step.clamp(-1.0, 1.0)


def _least_around(weight: Tensor) -> Tensor:
    """Return the least weight of 3×3 pixels."""
    return -nn.functional.max_pool2d(-weight, 3, stride=1, padding=1)


def _followed(frames: Tensor, motion: Tensor, kernel: Kernel) -> Tensor:
    """Return frames (n, t, y, x) at the places to which `motion` carries each pixel; 0 outside."""
    rows, columns = (torch.arange(size, dtype=motion.dtype, device=motion.device) for size in motion.shape[-2:])
    points = torch.stack(torch.meshgrid(columns, rows, indexing="xy")) + motion
    last = torch.tensor([motion.shape[-1] - 1, motion.shape[-2] - 1], device=motion.device)[:, None, None]
    inside = ((points >= 0) & (points <= last)).all(dim=1, keepdim=True)
    return torch.where(inside, sampled(frames, points, kernel), 0.0)


def _gradient(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Return central differences along x and y, one-sided ones of half their size at the border."""
    padded = nn.functional.pad(frames, (1, 1, 1, 1), mode="replicate")
    along_x = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    return along_x, (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2


def _standardised(frames: Tensor, weight: Tensor) -> Tensor:
    """Return frames (n, t, y, x) with weighted mean 0 and variance 1 each; 0 where they do not vary by more than rounding."""

    def mean(values: Tensor) -> Tensor:
        return _ratio((weight * values).sum(dim=(2, 3), keepdim=True), total)

    total = weight.sum(dim=(2, 3), keepdim=True)
    departure = frames - mean(frames)
    spread, size = mean(departure.square()).sqrt(), mean(frames.square()).sqrt()
    return _ratio(departure, spread.where(spread > ROUNDING * size, 0.0))


def _halved(values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return weighted means over 2×2 pixels, and the mean weight."""
    size = values.shape[:3]
    total = nn.functional.avg_pool2d(weight.flatten(0, 2), 2)
    mean = _ratio(nn.functional.avg_pool2d((weight * values).flatten(0, 2), 2), total)
    return mean.reshape(*size, *mean.shape[1:]), total.reshape(*size, *total.shape[1:])


def _enlarged(motion: Tensor, size: torch.Size) -> Tensor:
    """Return a motion field on a finer grid, in pixels of that grid."""
    if motion.shape[-2:] == size:
        return motion
    return 2 * nn.functional.interpolate(motion, size=tuple(size), mode="bilinear", align_corners=False)


def _smooth(maps: Tensor, window: float) -> Tensor:
    """Return Σ g · maps over a Gaussian window of weight 1, (…, y, x); nothing stands beyond the border."""
    along_y, along_x = (_window(size, window, maps) for size in maps.shape[-2:])
    return along_y @ maps @ along_x  # at the sizes of patches, products of matrices take an eighth of a convolution's time


def _window(size: int, window: float, like: Tensor) -> Tensor:
    """Return the weight of each pixel of a line for each other one, (size, size)."""
    place = torch.arange(size, dtype=like.dtype, device=like.device)
    return torch.exp(-((place[:, None] - place) ** 2) / (2 * window**2)) / (window * math.sqrt(2 * math.pi))


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return the ratio, 0 where the denominator is 0."""
    return torch.where(denominator > 0, numerator / denominator.where(denominator > 0, 1.0), 0.0)
