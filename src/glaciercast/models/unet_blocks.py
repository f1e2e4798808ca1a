"""The U-Net (Ronneberger et al. 2015, arXiv:1505.04597) that `unet_time` and `unet_recurrent` share, and its normalisations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn

Norm = Literal["group", "layer", "none"]
Up = Literal["nearest", "convolution"]
Widths = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


class PixelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel (ConvNeXt, Liu et al. 2022, arXiv:2201.03545).

    Group normalisation takes its statistics over the tile as well, so that a pixel's forecast changes with the size of its tile; here it
    does not.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (b, c, y, x) over c."""
        normalised: Tensor = super().forward(input.movedim(1, -1))
        return normalised.movedim(-1, 1)


class ConvBlock(nn.Sequential):
    """Two 3×3 convolutions of one level, each with a normalisation and a ReLU after it; zeros beyond the edge.

    In training, a share `dropout` of the channels that come out is dropped: whole maps, as neighbouring pixels know each other's values
    (Tompson et al. 2015, arXiv:1411.4280).
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm, dropout: float = 0.0) -> None:
        layers: list[nn.Module] = []
        for channels in (inputs, outputs):
            convolution = nn.Conv2d(channels, outputs, 3, padding=1, bias=norm == "none")
            if norm == "none":  # nothing else keeps the signal's variance from layer to layer (He et al. 2015, arXiv:1502.01852)
                nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            layers += [convolution, *_normalisation(norm, outputs), nn.ReLU(inplace=True)]
        super().__init__(*layers, *([nn.Dropout2d(dropout)] if dropout else []))


class UNet(nn.Module):
    """From (b, inputs, y, x) to (b, widths[0], y, x), for any y and x.

    Each level has half the resolution of the one above it. Sizes that do not halve so often are padded by repeating the edge, and cropped.

    Parameters
    ----------
    inputs
        Channels that go in.
    widths
        Channels of each level, finest first.
    norm
        Normalisation after each convolution: ``layer`` over the channels of a pixel, ``group`` within a sample, or ``none``.
    up
        ``convolution``: maxima on the way down and 2×2 up-convolutions that halve the channels on the way up, as published; ``nearest``:
        means on the way down and repeated pixels on the way up, which is cheaper.
    dropout
        Share of the channels of each block that is dropped in training.
    """

    def __init__(self, inputs: int, widths: Sequence[int], norm: Norm, up: Up, dropout: float = 0.0) -> None:
        super().__init__()
        self.multiple = 2 ** (len(widths) - 1)
        self.pool = nn.MaxPool2d(2) if up == "convolution" else nn.AvgPool2d(2)
        self.down = nn.ModuleList(ConvBlock(before, after, norm, dropout) for before, after in zip((inputs, *widths), widths, strict=False))
        steps = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.enlarge = nn.ModuleList(_enlarging(coarse, fine, up) for coarse, fine in steps)
        merged = ((coarse if up == "nearest" else fine) + fine for coarse, fine in steps)
        self.up = nn.ModuleList(ConvBlock(both, fine, norm, dropout) for both, (_, fine) in zip(merged, steps, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of every pixel, (b, widths[0], y, x)."""
        rows, columns = x.shape[-2:]
        y = x.contiguous(memory_format=torch.channels_last)
        padding = (0, -columns % self.multiple, 0, -rows % self.multiple)
        if any(padding):
            y = nn.functional.pad(y, padding, mode="replicate")
        y = self.down[0](y)
        skips: list[Tensor] = []
        for block in self.down[1:]:
            skips.append(y)
            y = block(self.pool(y))
        for enlarge, block in zip(self.enlarge, self.up, strict=True):
            y = block(torch.cat([enlarge(y), skips.pop()], dim=1))
        features: Tensor = y[..., :rows, :columns]
        return features


def zero_readout(inputs: int, outputs: int) -> nn.Conv2d:
    """Return a 1×1 convolution whose weights are 0, so that an untrained network forecasts the reference."""
    readout = nn.Conv2d(inputs, outputs, 1)
    nn.init.zeros_(readout.weight)
    nn.init.zeros_(cast(Tensor, readout.bias))
    return readout


def _normalisation(norm: Norm, channels: int) -> list[nn.Module]:
    if norm == "none":
        return []
    return [PixelNorm(channels) if norm == "layer" else nn.GroupNorm(_groups(channels), channels)]


def _enlarging(coarse: int, fine: int, up: Up) -> nn.Module:
    return nn.ConvTranspose2d(coarse, fine, 2, stride=2) if up == "convolution" else nn.Upsample(scale_factor=2)


def _groups(channels: int) -> int:
    """Return the largest number of groups, at most 8, that divides `channels`."""
    return next(groups for groups in range(min(8, channels), 0, -1) if channels % groups == 0)
