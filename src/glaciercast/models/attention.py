"""What the transformers share: attention, pre-norm sublayers, and positions in time and space."""

from __future__ import annotations

from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from glaciercast.config import Config


class AttentionOptions(Config):
    """Options that all networks with attention have."""

    width: int = Field(default=64, ge=1, description="numbers a token, a multiple of 4 · heads")
    heads: int = Field(default=4, ge=1, description="heads of each attention")
    feedforward: int = Field(default=128, ge=1, description="hidden units between the two layers that follow an attention")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of what a sublayer adds that is dropped in training")

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.width % (4 * self.heads):
            raise ValueError(f"width: expected a multiple of 4 · heads = {4 * self.heads}, found {self.width}")
        return self


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017, arXiv:1706.03762, section 3.2): in each head, softmax(Q Kᵀ / √e) V with e = width/heads.

    Q, K and V have no biases: that of K cancels in the softmax, and that of V would be one with the projection's.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.project = nn.Linear(width, width)

    def forward(self, tokens: Tensor, context: Tensor | None = None, angles: Tensor | None = None) -> Tensor:
        """Let every token look at the context.

        Parameters
        ----------
        tokens
            (b, n, width).
        context
            (b, m, width); the tokens themselves if None.
        angles
            (n, e/2): by how much queries and keys are turned (see `rotate`), for attention of tokens among themselves.

        Returns
        -------
        (b, n, width).
        """
        key, value = (self._split(part) for part in self.key_value(tokens if context is None else context).chunk(2, dim=-1))
        query = self._split(self.query(tokens))
        if angles is not None:
            query, key = rotate(query, angles), rotate(key, angles)
        attended = nn.functional.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.project(attended.transpose(1, 2).flatten(2))
        return projected

    def _split(self, x: Tensor) -> Tensor:
        """Return (b, n, width) as (b, heads, n, e)."""
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Two layers with a GELU between them, for each token by itself."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class Sublayer(nn.Module):
    """What a layer makes of normalised tokens is added to them: x + dropout(layer(norm(x), …)) (Xiong et al. 2020, arXiv:2002.04745)."""

    def __init__(self, layer: nn.Module, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layer = layer
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, *others: Tensor | None) -> Tensor:
        """Return tokens (…, width) with the layer's contribution; `others` go to the layer as they are."""
        added: Tensor = self.dropout(self.layer(self.norm(tokens), *others))
        return tokens + added


def zero_readout(inputs: int, outputs: int) -> nn.Linear:
    """Return a linear layer whose weights are 0, so that an untrained network forecasts the reference."""
    readout = nn.Linear(inputs, outputs)
    nn.init.zeros_(readout.weight)
    nn.init.zeros_(readout.bias)
    return readout


def sinusoid(positions: Tensor, width: int) -> Tensor:
    """Return sines, then cosines of `positions` (n,) at wavelengths from 2π to 2π · 10⁴, (n, width); Vaswani et al. 2017, section 3.5."""
    angles = positions[:, None] * _frequencies(width // 2, 1e4).to(positions)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def plane_angles(rows: int, columns: int, size: int) -> Tensor:
    """Return the angles of a grid of tokens for `rotate`, (rows · columns, size/2).

    The first quarter of a head's `size` numbers turns with the row, the second with the column (Heo et al. 2024, arXiv:2403.13298,
    axial frequencies with base 100).
    """
    frequencies = _frequencies(size // 4, 1e2)
    by_row = torch.arange(rows)[:, None, None] * frequencies
    by_column = torch.arange(columns)[:, None] * frequencies
    shape = (rows, columns, size // 4)
    return torch.cat([by_row.expand(shape), by_column.expand(shape)], dim=-1).flatten(0, 1)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn the pairs (k, k + e/2) of x (…, n, e) by `angles` (n, e/2).

    The product of two tokens so turned depends on the difference of their angles alone, hence on where one lies as seen from the other
    (rotary positions, Su et al. 2021, arXiv:2104.09864).
    """
    first, second = x.chunk(2, dim=-1)
    cosine, sine = angles.cos(), angles.sin()
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


def _frequencies(count: int, base: float) -> Tensor:
    """Return base^(−k/count) for k = 0 … count − 1."""
    return base ** (-torch.arange(count) / count)
