"""A small U-Net with time as channels (Ronneberger et al. 2015, arXiv:1505.04597): all frames in at once, all leads out at once."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.task import Task
from glaciercast.models.registry import register


class UnetTimeOptions(Config):
    """Options of `unet_time`; the defaults are the small preset for a CPU (0.12 M parameters)."""

    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(16, 32, 64), min_length=1, description="channels of each level, finest first"
    )
    norm: Literal["group", "none"] = Field(default="group", description="group normalisation within each sample, or none")


class _Block(nn.Sequential):
    """Two 3×3 convolutions at one level."""

    def __init__(self, inputs: int, outputs: int, norm: str) -> None:
        layers: list[nn.Module] = []
        for channels in (inputs, outputs):
            layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=norm == "none")]
            layers += [nn.GroupNorm(_groups(outputs), outputs)] if norm == "group" else []
            layers += [nn.ReLU(inplace=True)]
        super().__init__(*layers)


@register("unet_time", kind="network", summary="Small U-Net with time and the targets' season as channels; any patch size.")
class UnetTime(Network):
    """Read the input frames and the targets' seasons as channels, and write every lead as channels.

    The last layer starts at zero, so an untrained network forecasts the reference. Normalisation stays within a sample; over a
    whole scene its statistics would be others than over a patch, so forecast with patches of the trained size.
    """

    Options = UnetTimeOptions

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(UnetTimeOptions, self.options)
        widths, norm = chosen.widths, chosen.norm
        self.multiple = 2 ** (len(widths) - 1)
        inputs = task.n_input * self.ports.frame + task.n_target * (self.ports.targets + 2) + self.ports.statics
        self.down = nn.ModuleList(_Block(before, after, norm) for before, after in zip((inputs, *widths), widths, strict=False))
        self.up = nn.ModuleList(_Block(fine + coarse, fine, norm) for fine, coarse in zip(widths[-2::-1], widths[:0:-1], strict=True))
        self.readout = nn.Conv2d(widths[0], task.n_target * self.ports.out, 1)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(cast(Tensor, self.readout.bias))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # untyped in torch; a sixth off a step on a CPU

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x); see `Network`."""
        rows, columns = inputs.frames.shape[-2:]
        season = inputs.season_planes(slice(-self.task.n_target, None))
        channels = [inputs.frames.flatten(1, 2), inputs.future.flatten(1, 2), inputs.statics, season.flatten(1, 2)]
        y = torch.cat(channels, dim=1).contiguous(memory_format=torch.channels_last)
        padding = (0, -columns % self.multiple, 0, -rows % self.multiple)
        if any(padding):
            y = nn.functional.pad(y, padding, mode="replicate")
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            if level:
                skips.append(y)
                y = nn.functional.avg_pool2d(y, 2)
            y = block(y)
        for block in self.up:
            y = nn.functional.interpolate(y, scale_factor=2.0, mode="nearest")
            y = block(torch.cat([y, skips.pop()], dim=1))
        forecast: Tensor = self.readout(y)[..., :rows, :columns]
        return forecast.reshape(len(y), self.task.n_target, self.ports.out, rows, columns)


def _groups(channels: int) -> int:
    """Return the largest number of groups, at most 8, that divides `channels`."""
    return next(groups for groups in range(min(8, channels), 0, -1) if channels % groups == 0)
