"""What the last frame becomes where the motion carries it, and a U-Net for growth and decay: for reflectance and fast ice.

Nowcasting takes motion and change apart in the same way (Germann & Zawadzki 2002, Mon. Weather Rev. 130, 2859–2873; Zhang et al. 2023,
doi:10.1038/s41586-023-06184-4). Slow ice stays within its pixels from month to month: there it is a U-Net with a few weights more.
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.models import advection
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.registry import register
from glaciercast.models.task import Task
from glaciercast.models.unet_blocks import Norm, UNet, Widths, zero_readout

VELOCITIES = ("vx", "vy")
PIXELS = 10.0
"""Pixels a step that a weight of 1 stands for: Adam moves a weight by about the learning rate a step, and ice may move several pixels."""


class AdvectUnetOptions(Config):
    """Options of `advect_unet`; the defaults are the small preset for a CPU."""

    widths: Widths = Field(default=(16, 32, 64), description="channels of each level of the U-Net, finest first")
    norm: Norm = Field(
        default="none", description="normalisation: over the channels of each pixel (layer), within each sample (group), or none"
    )
    motion: int = Field(default=16, ge=1, description="channels of the motion's estimate from the frames, where vx and vy are no inputs")


class VelocityMotion(nn.Module):
    """Motion from the latest vx and vy: a factor and an offset each, and none where no velocity is known.

    A displacement is velocity times step over pixel, and the velocity is its normalised value times a deviation plus a mean: four
    numbers that a network does not know and that the data tell. Velocities are measured on texture over short times; between two scenes
    of different seasons a network would find the snow line moving. The grid's axes are those of vx and vy, so the two don't mix; that
    rows run south is the sign of a factor.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        where = [task.variables.index(name) for name in VELOCITIES]
        self.values, self.observed = where, [len(task.variables) + index for index in where]
        self.factor = nn.Parameter(torch.zeros(2, 1, 1))
        self.offset = nn.Parameter(torch.zeros(2, 1, 1))

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (b, n_input, C, y, x) to pixels a step, (b, 2, y, x)."""
        velocity, observed = frames[:, -1, self.values], frames[:, -1, self.observed]
        known = (velocity != 0) | (observed > 0)
        return PIXELS * torch.where(known, self.factor * velocity + self.offset, 0.0)


class EstimatedMotion(nn.Module):
    """Motion from the frames by convolutions that end on every fourth pixel, between which the field is linear: ice moves smoothly."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        channels = [inputs, width, width, width]
        self.body = nn.Sequential()
        for before, after, stride in zip(channels, channels[1:], (2, 2, 1), strict=False):
            self.body.extend([nn.Conv2d(before, after, 3, stride=stride, padding=1), nn.SiLU(inplace=True)])
        self.readout = zero_readout(width, 2)

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (b, n_input, C, y, x) to pixels a step, (b, 2, y, x)."""
        rows, columns = frames.shape[-2:]
        coarse = self.readout(self.body(frames.flatten(1, 2)))
        return nn.functional.interpolate(coarse, scale_factor=4.0, mode="bilinear")[..., :rows, :columns]


@register("advect_unet", kind="network", summary="The last frame carried along the motion, then a small U-Net for growth and decay.")
class AdvectUnet(Network):
    """Add to the reference forecast what motion changes in the last frame, and what a U-Net says of growth and decay.

    With F the last frame and A_h its transport over h steps, lead h is reference_h + s (A_h F − F) + U-Net(frames, A_1 F …, references).
    If the reference is the last frame itself that is A_h F for s = 1: the frame, carried. With any reference a motion of zero, with which
    it starts, changes nothing, so that an untrained network forecasts the reference; and the motion can be learnt from the start.
    If the reference is a climatology, F is the departure from it instead, since what stands still is in both. The share s of each
    target starts at 1 and is learnt: what ice does not carry, such as its own velocity or the temperature, takes less.

    The motion is that of the velocities if vx and vy are among the variables (`VelocityMotion`), otherwise it is estimated from the
    frames (`EstimatedMotion`); it is steady over the leads, and `models.advection` carries the frame along it.
    """

    Options = AdvectUnetOptions
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {"widths": (64, 128, 256, 512, 1024), "norm": "none", "motion": 64}}

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(AdvectUnetOptions, self.options)
        self.any_size = chosen.norm != "group"  # whose statistics are those of the tile
        measured = set(VELOCITIES) <= set(task.variables)
        frames = task.n_input * self.ports.frame
        self.motion = VelocityMotion(task) if measured else EstimatedMotion(frames, chosen.motion)
        self.share = nn.Parameter(torch.ones(self.ports.targets, 1, 1))
        inputs = frames + task.n_target * (2 * self.ports.targets + 2) + self.ports.statics
        self.body = UNet(inputs, chosen.widths, chosen.norm, up="nearest")
        self.readout = zero_readout(chosen.widths[0], task.n_target * self.ports.out)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # untyped in torch

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x); see `Network`."""
        leads, targets = self.task.n_target, self.ports.targets
        first = 2 * self.ports.variables if self.ports.departures else 0
        frame = inputs.frames[:, -1, first : first + targets]
        motion = self.motion(inputs.frames).to(frame.dtype)  # autocast's half precision does not tell the pixels of a patch apart
        carried = advection.carried(frame, motion, leads)
        season = inputs.season_planes(slice(-leads, None))
        channels = [part.flatten(1, 2) for part in (inputs.frames, carried, inputs.future, season)]
        growth = self.readout(self.body(torch.cat([*channels, inputs.statics], dim=1))).unflatten(1, (leads, -1))
        moved = self.share * (carried - frame[:, None])
        return torch.cat([growth[:, :, :targets] + moved, growth[:, :, targets:]], dim=2)
