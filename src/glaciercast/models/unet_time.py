"""A small U-Net with time as channels (Ronneberger et al. 2015, arXiv:1505.04597): all frames in at once, all leads out at once."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor

from glaciercast.config import Config
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.registry import register
from glaciercast.models.task import Task
from glaciercast.models.unet_blocks import Norm, UNet, Widths, zero_readout


class UnetTimeOptions(Config):
    """Options of `unet_time`; the defaults are the small preset for a CPU (0.12 M parameters)."""

    widths: Widths = Field(default=(16, 32, 64), description="channels of each level, finest first")
    norm: Norm = Field(
        default="none", description="normalisation: none, over the channels of each pixel (layer), or within each sample (group)"
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of the channels of each block that is dropped in training")


@register("unet_time", kind="network", summary="Small U-Net with time and the targets' season as channels; any patch size.")
class UnetTime(Network):
    """Read the input frames, the targets' references and seasons and the statics as channels, and write every lead as channels.

    The last layer starts at zero, so an untrained network forecasts the reference. With ``norm=group`` a forecast depends on the size of
    its tile, whose statistics normalise it: forecast with patches of the trained size. With the others only the pixels near a tile's edge
    see where it ends. With none, the default, a training step costs a fifth less than with groups, and short trainings on a synthetic
    snow line went further.
    """

    Options = UnetTimeOptions
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {"widths": (64, 128, 256, 512, 1024)}}

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(UnetTimeOptions, self.options)
        inputs = task.n_input * self.ports.frame + task.n_target * (self.ports.targets + 2) + self.ports.statics
        self.any_size = chosen.norm != "group"
        self.body = UNet(inputs, chosen.widths, chosen.norm, up="nearest", dropout=chosen.dropout)
        self.multiple = self.body.multiple
        self.readout = zero_readout(chosen.widths[0], task.n_target * self.ports.out)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # untyped in torch; a sixth off a step on a CPU

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x); see `Network`."""
        season = inputs.season_planes(slice(-self.task.n_target, None))
        channels = [inputs.frames.flatten(1, 2), inputs.future.flatten(1, 2), inputs.statics, season.flatten(1, 2)]
        forecast: Tensor = self.readout(self.body(torch.cat(channels, dim=1)))
        return forecast.reshape(len(forecast), self.task.n_target, self.ports.out, *forecast.shape[-2:])
