"""SimVP (Gao et al. 2022, arXiv:2206.05099): an encoder of each frame, a middle over time as channels, and a decoder of each lead."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.registry import register
from glaciercast.models.simvp_blocks import BlockName, Conv, Decoder, Encoder, Middle
from glaciercast.models.task import Task


class SimVPOptions(Config):
    """Options of `simvp`; the defaults are the small preset for a CPU."""

    block: BlockName = Field(
        default="convmixer", description="what the middle is built from: convmixer for a CPU, gsta (SimVP v2) or tau for a GPU"
    )
    hidden: int = Field(default=16, ge=1, description="channels of encoder and decoder (hid_S)")
    middle: int = Field(default=96, ge=1, description="channels of the middle (hid_T)")
    blocks: int = Field(default=4, ge=2, description="blocks of the middle (N_T)")
    layers: int = Field(default=4, ge=1, description="convolutions of encoder and decoder each; every second one halves the sides (N_S)")


@register("simvp", kind="network", summary="SimVP: convolutional encoder, time mixed as channels (ConvMixer, gSTA or TAU), decoder.")
class SimVP(Network):
    """Encode each frame, turn all latents into those of the leads at once, and decode each lead with a skip from a frame.

    The skip of lead i comes from frame i, as published, if there are as many frames as leads; leads beyond the frames take the last one,
    and of more frames than leads the last ones serve. To the skip come the lead's reference forecast and season, and the middle reads
    the reference, averaged to its scale. The read-out starts at zero: an untrained network forecasts the reference.
    Normalisation stays within a sample; over a whole scene its statistics would be others, so forecast with patches of the trained size.
    """

    Options = SimVPOptions
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {"block": "gsta", "hidden": 64, "middle": 512, "blocks": 8, "layers": 4}}

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(SimVPOptions, self.options)
        hidden, leads = chosen.hidden, task.n_target
        self.multiple = 2 ** (chosen.layers // 2)
        self.encoder = Encoder(self.ports.frame + self.ports.statics + 2, hidden, chosen.layers)
        self.known = Conv(self.ports.targets + 2, hidden)
        read = task.n_input * hidden + leads * self.ports.targets
        self.middle = Middle(chosen.block, read, chosen.middle, leads * hidden, chosen.blocks)
        self.decoder = Decoder(hidden, chosen.layers)
        self.readout = nn.Conv2d(hidden, self.ports.out, 1)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(cast(Tensor, self.readout.bias))
        self.skips = [min(lead + max(task.n_input - leads, 0), task.n_input - 1) for lead in range(leads)]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # untyped in torch

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x); see `Network`."""
        rows, columns = inputs.frames.shape[-2:]
        n, steps, leads = len(inputs.frames), self.task.n_input, self.task.n_target
        statics = inputs.statics[:, None].expand(-1, steps, -1, -1, -1)
        frames = self._padded(torch.cat([inputs.frames, statics, inputs.season_planes(slice(0, steps))], dim=2))
        known = self._padded(torch.cat([inputs.future, inputs.season_planes(slice(-leads, None))], dim=2))
        latent, first = self.encoder(frames)
        coarse = nn.functional.adaptive_avg_pool2d(known[:, : self.ports.targets], latent.shape[-2:])
        mixed = self.middle(torch.cat([_joined(latent, n), _joined(coarse, n)], dim=1))
        skip = first.reshape(n, steps, *first.shape[1:])[:, self.skips].flatten(0, 1) + self.known(known)
        decoded = self.decoder(mixed.reshape(n * leads, -1, *mixed.shape[-2:]), skip)
        forecast: Tensor = self.readout(decoded)[..., :rows, :columns]
        return forecast.reshape(n, leads, *forecast.shape[1:])

    def _padded(self, frames: Tensor) -> Tensor:
        """Return (b, step, channel, y, x) as (b · step, channel, y', x'), the edge repeated to sides that can be halved."""
        rows, columns = frames.shape[-2:]
        padding = (0, -columns % self.multiple, 0, -rows % self.multiple)
        frames = frames.flatten(0, 1)
        padded = nn.functional.pad(frames, padding, mode="replicate") if any(padding) else frames
        return padded.contiguous(memory_format=torch.channels_last)


def _joined(frames: Tensor, samples: int) -> Tensor:
    """Return (b · step, channel, y, x) with time as channels, (b, step · channel, y, x)."""
    return frames.reshape(samples, -1, *frames.shape[-2:])
