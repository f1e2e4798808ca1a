"""The LSTM encoder–decoder whose decoder looks back: multi-head attention over the encoder's hidden states at each target step."""

from __future__ import annotations

from typing import Self, cast

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.models.lstm import LstmEncoderDecoder, LstmOptions
from glaciercast.models.ports import Ports
from glaciercast.models.registry import register
from glaciercast.models.task import Task


class AttentionLstmOptions(LstmOptions):
    """Options of `attention_lstm`; the defaults are the small preset for a CPU."""

    heads: int = Field(default=4, ge=1, description="heads of the attention; they share the hidden units between them")

    @model_validator(mode="after")
    def _heads_share_the_units(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(f"hidden: expected a multiple of heads = {self.heads}, found {self.hidden}")
        return self


class Attention(nn.Module):
    """Multi-head attention of one query to n states (Vaswani et al. 2017, arXiv:1706.03762, section 3.2).

    Head k: softmax(q_k K_kᵀ / √d) V_k with q = W_q x + b_q, K = W_k s + b_k, V = W_v s + b_v, each cut into heads of d = width / heads;
    the heads side by side go through W_o. W_k and W_v are the halves of one matrix, so that both take one product.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.memory, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return what x (b, width) attends to in `keys` and `values` (b, heads, n, d), as (b, width)."""
        attended = self.weights(x, keys)[:, :, None] @ values
        out: Tensor = self.out(attended.flatten(1))
        return out

    def remember(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of states (b, n, width), (b, heads, n, d) each."""
        both = self.memory(states).reshape(*states.shape[:2], 2, self.heads, -1)
        keys, values = both.permute(2, 0, 3, 1, 4)
        return keys, values

    def weights(self, x: Tensor, keys: Tensor) -> Tensor:
        """Return the weight of each state, (b, heads, n), for x (b, width); they sum to 1 over the states."""
        query = self.query(x).reshape(len(x), self.heads, 1, -1)
        scores = (query @ keys.transpose(2, 3)).squeeze(2)
        return torch.softmax(scores * keys.shape[3] ** -0.5, dim=2)


@register("attention_lstm", kind="network", summary="The LSTM encoder–decoder with multi-head attention in the decoder; one patch size.")
class AttentionLstm(LstmEncoderDecoder):
    """As `lstm`; the read-out sees h + attention(h, hidden states of the encoder), h being the decoder's hidden state.

    Where in time an encoder state stands, only the state itself says: attention does not depend on their order, and the recurrence has
    counted the steps already. It adds to h, as a sublayer of Vaswani et al. does; Luong et al. 2015 (arXiv:1508.04025) attend from the
    new hidden state too. Preset ``paper``: 1,024 units (our choice), no season, and 8 heads as in
    Vaswani et al.
    """

    Options = AttentionLstmOptions
    presets = {"paper": {"hidden": 1024, "season": False, "heads": 8}}  # noqa: RUF012

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(AttentionLstmOptions, self.options)
        self.attention = Attention(chosen.hidden, chosen.heads)

    def remember(self, states: list[Tensor]) -> tuple[Tensor, ...]:
        """Return keys and values of the encoder's hidden states, (b, heads, n_input, hidden / heads) each."""
        return self.attention.remember(torch.stack(states, dim=1))

    def look_back(self, h: Tensor, memory: tuple[Tensor, ...]) -> Tensor:
        """Return the decoder's hidden state (b, hidden) and what it attends to, added."""
        attended: Tensor = self.attention(h, *memory)
        return h + attended
