"""An LSTM encoder–decoder over flattened patches, with peepholes: the architecture of the study that this project started from."""

from __future__ import annotations

from typing import cast

import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.models.base import Network
from glaciercast.models.task import Task
from glaciercast.models.registry import register


class LstmOptions(Config):
    """Options of `lstm`; the defaults are the small preset for a CPU."""

    hidden: int = Field(default=128, ge=1, description="units of the hidden state")
    season: bool = Field(default=False, description="feed the season's sine and cosine too, which the study did not")


class PeepholeCell(nn.Module):
    """One step of an LSTM whose gates see the cell state (Gers, Schraudolph & Schmidhuber 2002, J. Mach. Learn. Res. 3, 115–143).

    i = σ(W_i x + U_i h + p_i∘c + b_i), f = σ(W_f x + U_f h + p_f∘c + b_f), g = tanh(W_g x + U_g h + b_g),
    c' = f∘c + i∘g, o = σ(W_o x + U_o h + p_o∘c' + b_o), h' = o∘tanh(c').
    The forget gate's bias starts at 1 and the peepholes at 0. Rows of W, U and b are in the order i, f, g, o.
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

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Take one step from input (b, inputs) and state (h, c), (b, hidden) each; return the new state."""
        return self.step(self.project(x), state)

    def project(self, x: Tensor) -> Tensor:
        """Return W x + b for any leading shape: the part of a step that needs no state, so that a sequence takes one product."""
        return nn.functional.linear(x, self.weight, self.bias)

    def step(self, projected: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Take one step from W x + b, (b, 4 hidden), and state (h, c)."""
        h, c = state
        i, f, g, o = torch.addmm(projected, h, self.recurrent.t()).chunk(4, dim=1)
        p_i, p_f, p_o = self.peephole
        c_new = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c) * torch.tanh(g)
        h_new = torch.sigmoid(o + p_o * c_new) * torch.tanh(c_new)
        return h_new, c_new


@register("lstm", kind="network", summary="Encoder–decoder LSTM with peepholes over flattened patches (the study's model); one patch size.")
class LstmEncoderDecoder(Network):
    """Encode the input frames, copy h and c to the decoder, and let it feed on its own forecasts.

    The decoder starts from the values of the last input frame. The read-out starts at zero: an untrained network forecasts the reference.
    """

    Options = LstmOptions

    def __init__(self, task: Task, options: Config | None = None) -> None:
        super().__init__(task, options)
        chosen = cast(LstmOptions, self.options)
        self.season = chosen.season
        self.pixels = len(task.variables) * task.patch**2
        extra = 2 if chosen.season else 0
        self.encoder = PeepholeCell(2 * self.pixels + extra, chosen.hidden)
        self.decoder = PeepholeCell(self.pixels + extra, chosen.hidden)
        self.readout = nn.Linear(chosen.hidden, self.pixels)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)

    def forward(self, x: Tensor, season: Tensor) -> Tensor:
        """Map (b, n_input, 2V, y, x) and (b, n_input + n_target, 2) to (b, n_target, V, y, x); see `Network`.

        Raises
        ------
        InputError
            If the patch has another size than the task's.
        """
        patch, variables = self.task.patch, len(self.task.variables)
        if x.shape[-2:] != (patch, patch):
            raise InputError(f"lstm: expected patches of {patch}×{patch} pixels, as trained, found {x.shape[-2]}×{x.shape[-1]}")
        steps = x.shape[1]
        frames = x.flatten(2)
        if self.season:
            frames = torch.cat([frames, season[:, :steps]], dim=2)
        h = x.new_zeros(len(x), self.encoder.recurrent.shape[1])
        state = (h, h)
        for projected in self.encoder.project(frames).unbind(1):
            state = self.encoder.step(projected, state)
        frame = x[:, -1, :variables].flatten(1)
        forecasts = []
        for lead in range(self.task.n_target):
            fed = torch.cat([frame, season[:, steps + lead]], dim=1) if self.season else frame
            state = self.decoder(fed, state)
            frame = self.readout(state[0])
            forecasts.append(frame)
        return torch.stack(forecasts, dim=1).reshape(len(x), -1, variables, patch, patch)
