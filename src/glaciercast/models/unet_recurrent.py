"""A U-Net (Ronneberger et al. 2015, arXiv:1505.04597) from a window of frames to the next one, applied again to what it forecast."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor

from glaciercast.config import Config
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.recurrent import decode
from glaciercast.models.registry import register
from glaciercast.models.task import Task
from glaciercast.models.unet_blocks import Norm, UNet, Widths, zero_readout


class UnetRecurrentOptions(Config):
    """Options of `unet_recurrent`; the defaults are the small preset for a CPU."""

    widths: Widths = Field(default=(16, 32, 64), description="channels of each level, finest first")
    norm: Norm = Field(
        default="none", description="normalisation: none, over the channels of each pixel (layer), or within each sample (group)"
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of the channels of each block that is dropped in training")


@register("unet_recurrent", kind="network", summary="U-Net from the last frames to the next, fed with its own forecasts; any patch size.")
class UnetRecurrent(Network):
    """Forecast one step from the last n_input frames, its reference, its season and the statics; shift the window by it; go on.

    Preset ``paper`` has the 23 convolutional layers of the published network (two 3×3 a level, four 2×2 up-convolutions, a 1×1), here
    padded so that a patch keeps its size. The last layer starts at zero, so an untrained network forecasts the reference.
    """

    Options = UnetRecurrentOptions
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {"widths": (64, 128, 256, 512, 1024), "norm": "none"}}

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(UnetRecurrentOptions, self.options)
        inputs = task.n_input * self.ports.frame + self.ports.targets + 2 + self.ports.statics
        self.any_size = chosen.norm != "group"
        self.body = UNet(inputs, chosen.widths, chosen.norm, up="convolution", dropout=chosen.dropout)
        self.readout = zero_readout(chosen.widths[0], self.ports.out)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # untyped in torch

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x); see `Network`."""
        seasons = inputs.season_planes(slice(self.task.n_input, None))

        def step(lead: int, values: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
            if lead:
                before = inputs.future[:, lead - 1]
                frame = self.ports.fed_back(before, values - before)
                window = torch.cat([window[:, 1:], frame[:, None]], dim=1)
            channels = [window.flatten(1, 2), inputs.future[:, lead], inputs.statics, seasons[:, lead]]
            return self.readout(self.body(torch.cat(channels, dim=1))), window

        return decode(step, inputs.frames, inputs, truth, self.teacher)
