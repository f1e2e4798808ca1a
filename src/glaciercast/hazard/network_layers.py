"""Small networks of what images and tables tell of a lake; several at once, each correcting the log odds of the season."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

SEASON = 3
"""Columns of `Batch.season`."""


class Batch(NamedTuple):
    """What a network reads of some samples.

    Attributes
    ----------
    seen
        What is read off the images, standardised, float32 (sample, column).
    sight
        Whether there is an image, float32 (sample,).
    heard
        What is read off series and tables, standardised, float32 (sample, column).
    hearing
        Whether they hold any observation, float32 (sample,).
    season
        Log odds of a flood by the season alone, sine and cosine of the day of the year, float32 (sample, `SEASON`).
    """

    seen: Tensor
    sight: Tensor
    heard: Tensor
    hearing: Tensor
    season: Tensor

    def at(self, rows: Tensor) -> Batch:
        """Return some samples by number, int64 (row,)."""
        return Batch(*(each[rows] for each in self))


@dataclass(frozen=True)
class Shape:
    """How large a network is, and what it leaves out in training.

    Attributes
    ----------
    seen, heard
        Columns of each part of a `Batch`; None where it is not read.
    members, width
        Networks, and units of the hidden layer of each.
    dropout, input_dropout, modality_dropout
        Shares of hidden units, of inputs, and of all that images or all that tables tell; never both of the last.
    """

    seen: int | None
    heard: int | None
    members: int
    width: int
    dropout: float
    input_dropout: float
    modality_dropout: float


class Fused(nn.Module):
    """Images, tables or both beside the season; the last layer starts at zero, so that an untrained network equals the season."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        inputs = SEASON + (shape.seen or 0) + (shape.heard or 0)
        self.into = nn.Parameter(torch.randn(shape.members, inputs, shape.width) * inputs**-0.5)
        self.into_bias = nn.Parameter(0.1 * torch.randn(shape.members, 1, shape.width))
        self.last = nn.Parameter(torch.zeros(shape.members, shape.width, 1))
        self.last_bias = nn.Parameter(torch.zeros(shape.members, 1, 1))

    def forward(self, batch: Batch) -> Tensor:
        """Return each member's log odds, (member, sample): those of the season, exactly, where nothing that it reads is known."""
        sees, hears = self._kept(len(batch.sight))
        parts, known = [batch.season], torch.zeros_like(batch.sight)
        for columns, told, kept, read in (
            (self.shape.seen, batch.seen, sees, batch.sight),
            (self.shape.heard, batch.heard, hears, batch.hearing),
        ):
            if columns is not None:
                parts.append(told * kept)
                known = torch.maximum(known, read)
        inputs = torch.cat(parts, dim=1)
        if self.training and self.shape.input_dropout:
            inputs = inputs * (torch.rand(inputs.shape) >= self.shape.input_dropout)
        hidden = torch.tanh(torch.baddbmm(self.into_bias, inputs.expand(self.shape.members, -1, -1), self.into))
        hidden = nn.functional.dropout(hidden, self.shape.dropout, self.training)
        return batch.season[:, 0] + known * torch.baddbmm(self.last_bias, hidden, self.last)[..., 0]

    def _kept(self, size: int) -> tuple[Tensor, Tensor]:
        """Return which samples keep their images and which their tables, (sample, 1) each."""
        both = self.shape.seen is not None and self.shape.heard is not None
        share = self.shape.modality_dropout if self.training and both else 0.0
        draw = torch.rand(size, 1) if share else torch.full((size, 1), 0.5)
        return (draw >= share).float(), (draw <= 1 - share).float()
