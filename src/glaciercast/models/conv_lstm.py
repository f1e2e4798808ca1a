"""A ConvLSTM encoder–decoder with peepholes (Shi et al. 2015, arXiv:1506.04214); any patch size."""

from __future__ import annotations

from typing import Annotated, cast

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.recurrent import decode, gated
from glaciercast.models.registry import register
from glaciercast.models.task import Task

State = tuple[Tensor, Tensor]


class ConvLstmOptions(Config):
    """Options of `conv_lstm`; the defaults are the small preset for a CPU."""

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(16, 16), min_length=1, description="channels of each layer's state")
    kernel: int = Field(default=3, ge=1, description="side of all kernels, an odd number of pixels")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of the states' channels that the read-out misses in training")

    @field_validator("kernel")
    @classmethod
    def _has_a_centre(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError("expected an odd number of pixels")
        return kernel


class ConvPeepholeCell(nn.Module):
    """One step of a ConvLSTM: `recurrent.gated` of W * [x, h] + b, the frame continued by zeros.

    W * [x, h] is the sum of Shi's W_x * x and W_h * h in one convolution, its output channels in the order i, f, g, o. Shi's peepholes are
    a weight for each channel and pixel, which ties the network to one patch size and lets every place in the scene learn a rule of its
    own, though patches come from anywhere; here they are a weight for each channel. The forget gate's bias starts at 1, the peepholes at 0.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(4 * hidden, inputs + hidden, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        self.peephole = nn.Parameter(torch.zeros(3, hidden, 1, 1))  # i, f, o
        for gate in self.weight.chunk(4):
            nn.init.xavier_uniform_(gate)
        nn.init.ones_(self.bias[hidden : 2 * hidden])

    def forward(self, x: Tensor, state: State) -> State:
        """Take one step from input (b, inputs, y, x) and state (h, c), (b, hidden, y, x) each; return the new state."""
        h, c = state
        drive = nn.functional.conv2d(torch.cat([x, h], dim=1), self.weight, self.bias, padding="same")
        return gated(drive, c, self.peephole)


class _Layers(nn.ModuleList):
    """Cells one above the other, each reading the hidden state of the one below."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], kernel: int) -> None:
        super().__init__(ConvPeepholeCell(below, own, kernel) for below, own in zip((inputs, *hidden), hidden, strict=False))

    def forward(self, x: Tensor, states: list[State]) -> list[State]:
        """Take one step of every layer from input (b, inputs, y, x); return the new states, lowest first."""
        x = x.contiguous(memory_format=torch.channels_last)
        new: list[State] = []
        for cell, state in zip(self, states, strict=True):
            new.append(cell(new[-1][0] if new else x, state))
        return new


@register("conv_lstm", kind="network", summary="Encoder–decoder ConvLSTM with peepholes, several layers; any patch size.")
class ConvLstm(Network):
    """Encode the input frames, copy the states of all layers to the decoder, and let it feed on its own forecasts.

    The encoder reads all channels of a frame, the statics and the season; the decoder reads the targets' values in the step before, the
    reference forecast of its step and its season. A 1×1 convolution reads the hidden states of all layers, as Shi's does, and starts at
    zero: an untrained network forecasts the reference.

    Preset ``paper`` has the size of Shi's network for Moving MNIST: layers of 128, 64 and 64 channels, kernels of 5×5.
    """

    Options = ConvLstmOptions
    presets = {"paper": {"hidden": (128, 64, 64), "kernel": 5}}  # noqa: RUF012

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(ConvLstmOptions, self.options)
        self.hidden = chosen.hidden
        self.encoder = _Layers(self.ports.frame + self.ports.statics + 2, chosen.hidden, chosen.kernel)
        self.decoder = _Layers(2 * self.ports.targets + 2, chosen.hidden, chosen.kernel)
        self.dropout = nn.Dropout2d(chosen.dropout)
        self.readout = nn.Conv2d(sum(chosen.hidden), self.ports.out, 1)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(cast(Tensor, self.readout.bias))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # untyped in torch; a sixth off a step on a CPU

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x); see `Network`."""
        past = inputs.frames.shape[1]
        season = inputs.season_planes(slice(None)).unbind(1)
        states = self._empty(inputs.frames)
        for frame, when in zip(inputs.frames.unbind(1), season[:past], strict=True):
            states = self.encoder(torch.cat([frame, inputs.statics, when], dim=1), states)

        def step(lead: int, values: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
            states = self.decoder(torch.cat([values, inputs.future[:, lead], season[past + lead]], dim=1), states)
            return self.readout(self.dropout(torch.cat([h for h, _ in states], dim=1))), states

        return decode(step, states, inputs, truth, self.teacher)

    def _empty(self, frames: Tensor) -> list[State]:
        """Return the states before the first frame: zeros."""
        shapes = [(len(frames), channels, *frames.shape[-2:]) for channels in self.hidden]
        zeros = [frames.new_zeros(shape).contiguous(memory_format=torch.channels_last) for shape in shapes]
        return [(zero, zero) for zero in zeros]
