"""An LSTM encoder–decoder over flattened patches, with peepholes: the architecture of the study that this project started from."""

from __future__ import annotations

from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.recurrent import Repeated, decode, gated
from glaciercast.models.registry import register
from glaciercast.models.task import Task

State = tuple[Tensor, Tensor]


class LstmOptions(Config):
    """Options of `lstm`; the defaults are the small preset for a CPU."""

    hidden: int = Field(default=128, ge=1, description="units of the hidden state of each layer")
    layers: int = Field(default=1, ge=1, le=16, description="layers, each reading the hidden state of the one below")
    season: bool = Field(default=True, description="read the season's sine and cosine too, which the study did not")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of the hidden state that the read-out misses in training")


class PeepholeCell(nn.Module):
    """One step of an LSTM whose gates see the cell state: `recurrent.gated` of W x + U h + b.

    The forget gate's bias starts at 1 (Jozefowicz, Zaremba & Sutskever 2015, Proc. Mach. Learn. Res. 37, 2342–2350) and the peepholes at 0.
    Rows of W, U and b are in the order i, f, g, o.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(4 * hidden, inputs))
        self.recurrent = nn.Parameter(torch.empty(4 * hidden, hidden))
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        self.peephole = nn.Parameter(torch.zeros(3, hidden))  # i, f, o
        for gate in range(4):
            nn.init.xavier_uniform_(self.weight[gate * hidden : (gate + 1) * hidden])
            nn.init.orthogonal_(self.recurrent[gate * hidden : (gate + 1) * hidden])
        nn.init.ones_(self.bias[hidden : 2 * hidden])

    def forward(self, x: Tensor, state: State) -> State:
        """Take one step from input (b, inputs) and state (h, c), (b, hidden) each; return the new state."""
        return self.step(self.project(x), state, Repeated(self.recurrent))

    def project(self, x: Tensor) -> Tensor:
        """Return W x + b for any leading shape: the part of a step that needs no state, so that a sequence takes one product."""
        return nn.functional.linear(x, self.weight, self.bias)

    def step(self, projected: Tensor, state: State, recurrent: Repeated) -> State:
        """Take one step from W x + b, (b, 4 hidden), and state (h, c); `recurrent` is U, the same for all steps of a pass."""
        h, c = state
        return gated(recurrent(projected, h), c, self.peephole)

    def run(self, projected: Tensor) -> tuple[list[Tensor], State]:
        """Take all steps from W x + b, (b, step, 4 hidden), and an empty state; return h after each and the last state."""
        h = projected.new_zeros(len(projected), self.recurrent.shape[1])
        recurrent, state, hidden = Repeated(self.recurrent), (h, h), []
        for one in projected.unbind(1):
            state = self.step(one, state, recurrent)
            hidden.append(state[0])
        return hidden, state


class Layers(nn.ModuleList):
    """Cells one above the other, each reading the hidden state of the one below."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__(PeepholeCell(below, hidden) for below in (inputs, *[hidden] * (layers - 1)))

    @property
    def cells(self) -> list[PeepholeCell]:
        """The cells, lowest first."""
        return [cast(PeepholeCell, cell) for cell in self]

    def run(self, projected: Tensor) -> tuple[list[Tensor], list[State]]:
        """Take all steps from what the lowest cell projects; return the highest h after each, (b, hidden), and each layer's last state."""
        lowest, *others = self.cells
        hidden, state = lowest.run(projected)
        states = [state]
        for cell in others:
            hidden, state = cell.run(cell.project(torch.stack(hidden, dim=1)))
            states.append(state)
        return hidden, states


class Climb:
    """One pass through layers step by step, with the matrices that every step uses."""

    def __init__(self, layers: Layers) -> None:
        self.cells = [(cell, Repeated(cell.recurrent)) for cell in layers.cells]
        self.enter = [Repeated(cell.weight) for cell in layers.cells[1:]]

    def __call__(self, drive: Tensor, states: list[State]) -> list[State]:
        """Take one step of every layer from W x + b of the lowest, (b, 4 hidden); return the new states, lowest first."""
        new: list[State] = []
        for number, ((cell, recurrent), state) in enumerate(zip(self.cells, states, strict=True)):
            if number:
                drive = self.enter[number - 1](cell.bias.expand(len(drive), -1), new[-1][0])
            new.append(cell.step(drive, state, recurrent))
        return new


@register("lstm", kind="network", summary="Encoder–decoder LSTM with peepholes over flattened patches (the study's model); one patch size.")
class LstmEncoderDecoder(Network):
    """Encode the input frames, copy h and c of each layer to the decoder, and let it feed on its own forecasts.

    The encoder reads all channels of a frame, the season and the statics; the decoder reads the targets' values in the step before, the
    reference forecast of its step and the season. The read-out sees the highest layer and starts at zero: an untrained network forecasts
    the reference.

    Preset ``paper`` has the size that the script published with the study (Müller 2023) gives: three layers of 2,500 units over flattened
    patches of 50×50 pixels, no season. Its cells have no peepholes there; ours have them, as the study's equations do.
    """

    Options = LstmOptions
    presets = {"paper": {"hidden": 2500, "layers": 3, "season": False}}  # noqa: RUF012

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(LstmOptions, self.options)
        hidden, pixels, season = chosen.hidden, task.patch**2, 2 if chosen.season else 0
        self.season = chosen.season
        self.encoder = Layers(self.ports.frame * pixels + season, hidden, chosen.layers)
        self.decoder = Layers(self.ports.targets * pixels + season, hidden, chosen.layers)
        self.again = nn.Linear(self.ports.targets * pixels, 4 * hidden, bias=False)  # what the decoder reads of its own forecast
        self.statics = nn.Linear(self.ports.statics * pixels, 4 * hidden, bias=False) if self.ports.statics else None
        self.dropout = nn.Dropout(chosen.dropout)
        self.readout = nn.Linear(hidden, self.ports.out * pixels)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x); see `Network`.

        Raises
        ------
        InputError
            If the patch has another size than the task's.
        """
        size, patch = inputs.frames.shape[-2:], self.task.patch
        if size != (patch, patch):
            raise InputError(f"{self.name}: expected patches of {patch}×{patch} pixels, as trained, found {size[0]}×{size[1]}")
        hidden, states = self.encode(inputs)
        memory = self.remember(hidden)
        ahead = self.decoder.cells[0].project(self._flat(inputs.future, inputs.season[:, len(hidden) :])).unbind(1)
        climb, again, readout = Climb(self.decoder), Repeated(self.again.weight), Repeated(self.readout.weight)
        bias = self.readout.bias.expand(len(inputs.frames), -1)

        def step(lead: int, values: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
            states = climb(again(ahead[lead], values.flatten(1)), states)
            out = readout(bias, self.dropout(self.look_back(states[-1][0], memory)))
            return out.reshape(len(out), -1, patch, patch), states

        return decode(step, states, inputs, truth, self.teacher)

    def encode(self, inputs: Inputs) -> tuple[list[Tensor], list[State]]:
        """Return the highest hidden state after each input frame, (b, hidden), and the last state of each layer, lowest first."""
        steps = inputs.frames.shape[1]
        projected = self.encoder.cells[0].project(self._flat(inputs.frames, inputs.season[:, :steps]))
        if self.statics is not None:  # as if they stood in every frame, in one product
            projected = projected + self.statics(inputs.statics.flatten(1))[:, None]
        return self.encoder.run(projected)

    def remember(self, states: list[Tensor]) -> tuple[Tensor, ...]:
        """Return what the decoder keeps of the encoder's hidden states, (b, hidden) each, beside the last: nothing."""
        return ()

    def look_back(self, h: Tensor, memory: tuple[Tensor, ...]) -> Tensor:
        """Return what is read out of the decoder's hidden state (b, hidden): the state itself."""
        return h

    def _flat(self, frames: Tensor, season: Tensor) -> Tensor:
        """Return the pixels of frames (b, step, channel, y, x) in one row a step, and the season after them if it is read."""
        return torch.cat([frames.flatten(2), season], dim=2) if self.season else frames.flatten(2)
