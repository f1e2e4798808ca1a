"""Semi-Lagrangian transport: what stands at a pixel after some steps stood, before them, where the motion has carried it from.

Torch's `grid_sample` is not used: its coordinates run from −1 to 1, so that a shift by whole pixels is exact up to rounding only, and its
cubic kernel (a = −0.75, where third order needs −0.5) shifts a ramp by 0.14 pixel, the motion of ice in a month, 0.183 pixel far.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Kernel = Literal["linear", "cubic"]


def carried(frame: Tensor, motion: Tensor, steps: int, kernel: Kernel = "cubic") -> Tensor:
    """Return a frame after 1 … `steps` steps of a steady motion.

    Each of them is interpolated once, from the frame itself, so that many steps blur it no more than one does (Germann & Zawadzki 2002,
    Mon. Weather Rev. 130, 2859–2873). Beyond the border stands the value of the border.

    Parameters
    ----------
    frame
        (b, c, y, x), finite.
    motion
        (b, 2, y, x) pixels a step: along x, to the next column, and along y, to the next row.
    steps
        At least 1.
    kernel
        How the frame is interpolated; see `sampled`.

    Returns
    -------
    (b, steps, c, y, x).
    """
    points = origins(motion, steps).transpose(1, 2).flatten(2, 3)
    n, channels, rows, columns = frame.shape
    return sampled(frame, points, kernel).reshape(n, channels, steps, rows, columns).transpose(1, 2)


def origins(motion: Tensor, steps: int) -> Tensor:
    """Return where that which arrives at each pixel was 1 … `steps` steps ago.

    Trajectories run backwards with the midpoint rule (second order; Staniforth & Côté 1991, Mon. Weather Rev. 119, 2206–2223).

    Parameters
    ----------
    motion
        (b, 2, y, x) pixels a step along x and y; steady.
    steps
        At least 1.

    Returns
    -------
    (b, steps, 2, y, x): column and row in pixels, fractions of them and places outside included.
    """
    rows, columns = (torch.arange(size, dtype=motion.dtype, device=motion.device) for size in motion.shape[-2:])
    point = torch.stack(torch.meshgrid(columns, rows, indexing="xy")).expand_as(motion)
    points = []
    for _ in range(steps):
        middle = point - sampled(motion, point, "linear") / 2
        point = point - sampled(motion, middle, "linear")
        points.append(point)
    return torch.stack(points, dim=1)


def sampled(field: Tensor, points: Tensor, kernel: Kernel) -> Tensor:
    """Interpolate a field at points given in pixels; at whole pixels it is the field itself, bit for bit.

    Parameters
    ----------
    field
        (b, c, y, x), finite.
    points
        (b, 2, …): column and row; those outside are moved to the border.
    kernel
        ``linear``, or ``cubic``: the cubic convolution with a = −1/2, exact for parabolas (Keys 1981, IEEE Trans. Acoust. Speech Signal
        Process. 29, 1153–1160), whose slope at a pixel is that of its two neighbours, so that motion can be learnt from no motion.

    Returns
    -------
    (b, c, …).
    """
    rows, columns = field.shape[-2:]
    x, y = points[:, 0].flatten(1).clamp(0, columns - 1), points[:, 1].flatten(1).clamp(0, rows - 1)
    column, row = x.detach().floor(), y.detach().floor()
    before, after = (0, 1) if kernel == "linear" else (1, 2)
    width = columns + before + after
    corner = row.long() * width + column.long()  # of the neighbours, in the padded field
    values = nn.functional.pad(field, (before, after, before, after), mode="replicate").flatten(2)
    total = field.new_zeros(())
    for down, weight_y in enumerate(_weights(y - row, kernel)):
        line = field.new_zeros(())
        for right, weight_x in enumerate(_weights(x - column, kernel)):
            index = corner + (down * width + right)
            line = line + values.gather(2, index[:, None].expand(-1, field.shape[1], -1)) * weight_x[:, None]
        total = total + line * weight_y[:, None]
    return total.reshape(*field.shape[:2], *points.shape[2:])


def _weights(s: Tensor, kernel: Kernel) -> tuple[Tensor, ...]:
    """Return the weight of each neighbour, from the first to the last, for the fraction `s` in [0, 1) of a pixel."""
    if kernel == "linear":
        return 1 - s, s
    return ((1 - s / 2) * s - 0.5) * s, (1.5 * s - 2.5) * s * s + 1, ((2 - 1.5 * s) * s + 0.5) * s, (s / 2 - 0.5) * s * s
