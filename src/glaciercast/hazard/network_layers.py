"""Small networks of a lake's newest image and its weekly series; their one output corrects the log odds of the season."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from glaciercast.hazard.records import IMAGE_BANDS

IMAGE_CHANNELS = len(IMAGE_BANDS) + 3
"""The largest water index so far, bands, water index, and which pixels are clear."""


HISTORY = 2
"""Numbers that tell of a lake's past floods."""


class Batch(NamedTuple):
    """What a network reads of some samples.

    Attributes
    ----------
    image
        Largest water index so far, normalised bands, water index and mask, float32 (sample, `IMAGE_CHANNELS`, y, x); 0 where not clear.
    sight
        Whether there is an image, and how old it is in years, float32 (sample, 2).
    series
        Weekly series, oldest first, float32 (sample, step, channel).
    heard
        Whether the series holds any observation, float32 (sample,).
    season
        Log odds of a flood by the season alone, sine and cosine of the day of the year, and the lake's past floods, float32
        (sample, 3 + `HISTORY`).
    """

    image: Tensor
    sight: Tensor
    series: Tensor
    heard: Tensor
    season: Tensor

    def at(self, rows: Tensor) -> Batch:
        """Return some samples by number, int64 (row,)."""
        return Batch(*(each[rows] for each in self))


class Vision(nn.Module):
    """Two convolutions and the mean of what they find over what is clear: (b, channel, y, x) → (b, width)."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(IMAGE_CHANNELS, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.out = nn.Linear(2 * channels + 2, width)
        self.missing = nn.Parameter(torch.zeros(width))

    def forward(self, image: Tensor, sight: Tensor) -> Tensor:
        """Return what the image tells; the learnt token where there is none."""
        clear = image[:, -1:]
        found = torch.relu(self.second(torch.relu(self.first(image))))
        mean = (found * clear).sum((2, 3)) / clear.sum((2, 3)).clamp(min=1)
        told = self.out(torch.cat([mean, clear.mean((2, 3)), sight[:, 1:]], dim=1))
        return torch.where(sight[:, :1] > 0, told, self.missing)


class Series(nn.Module):
    """Two convolutions along the weeks, all of which lie before the issue, beside the newest week: (b, step, channel) → (b, width)."""

    def __init__(self, width: int, steps: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(channels, width, 4, stride=2, padding=2)
        self.second = nn.Conv1d(width, width, 4, stride=2, padding=2)
        self.out = nn.Linear(((steps // 2 + 1) // 2 + 1) * width + channels, width)
        self.missing = nn.Parameter(torch.zeros(width))

    def forward(self, series: Tensor, heard: Tensor) -> Tensor:
        """Return what the series tells; the learnt token where nothing was observed."""
        found = torch.relu(self.second(torch.relu(self.first(series.transpose(1, 2)))))
        told = self.out(torch.cat([found.flatten(1), series[:, -1]], dim=1))
        return torch.where(heard[:, None] > 0, told, self.missing)


class Fused(nn.Module):
    """Image, series or both beside the season; the last layer starts at zero, so that an untrained network equals the season.

    Parameters
    ----------
    sees, hears
        Whether it reads the image and the series.
    series
        Steps and channels of `Batch.series`.
    width
        Of each modality's encoding and of the hidden layer.
    image_channels
        Channels of the first convolution.
    dropout
        Share of the hidden units that the last layer misses in training.
    modality_dropout
        Share of the samples that miss the image in training, and as many the series; never both, and only where both are read.
    """

    def __init__(
        self, sees: bool, hears: bool, series: tuple[int, int], width: int, image_channels: int, dropout: float, modality_dropout: float
    ) -> None:
        super().__init__()
        self.vision = Vision(width, image_channels) if sees else None
        self.hearing = Series(width, *series) if hears else None
        self.hidden = nn.Linear(width * (sees + hears) + 3 + HISTORY, width)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(width, 1)
        self.modality_dropout = modality_dropout if sees and hears else 0.0
        self.season = nn.Parameter(torch.ones(()))
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, batch: Batch) -> Tensor:
        """Return the log odds of a flood, (sample,): those of the season, exactly, where nothing that the network reads is known."""
        sight, heard = self._kept(batch.sight, batch.heard)
        parts, known = [batch.season], torch.zeros_like(heard)
        if self.vision is not None:
            parts.append(self.vision(batch.image, sight))
            known = torch.maximum(known, sight[:, 0])
        if self.hearing is not None:
            parts.append(self.hearing(batch.series, heard))
            known = torch.maximum(known, heard)
        hidden = self.dropout(torch.relu(self.hidden(torch.cat(parts, dim=1))))
        season, told = batch.season[:, 0], torch.flatten(self.last(hidden))
        return season + known * ((self.season - 1) * season + told)

    def _kept(self, sight: Tensor, heard: Tensor) -> tuple[Tensor, Tensor]:
        """Return which modalities the samples keep."""
        if not self.training or not self.modality_dropout:
            return sight, heard
        draw = torch.rand(len(heard))
        blind, deaf = draw < self.modality_dropout, draw > 1 - self.modality_dropout
        return sight * (~blind)[:, None], heard * ~deaf
