"""What SimVP is made of: its convolutions, its encoder and decoder, and the blocks that its middle can be built from.

Group normalisation over all channels stands where the papers have batch normalisation: no sample then sees another, several processes
train as one does, and the number of weights stays the published one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn

BlockName = Literal["convmixer", "gsta", "tau"]


class ConvMixer(nn.Module):
    """Mixing of space by a depthwise 11×11 convolution, then of channels (Trockman & Kolter 2022, arXiv:2201.09792)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.space = nn.Sequential(nn.Conv2d(channels, channels, 11, padding=5, groups=channels), nn.GELU(), nn.GroupNorm(1, channels))
        self.channels = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.GELU(), nn.GroupNorm(1, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, channel, y, x) to the same shape."""
        mixed: Tensor = self.channels(x + self.space(x))
        return mixed


class LargeKernel(nn.Sequential):
    """A depthwise 5×5 and a depthwise 7×7 convolution with dilation 3, which see 23×23 pixels together, then a 1×1 convolution."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 5, padding=2, groups=channels),
            nn.Conv2d(channels, channels, 7, padding=9, dilation=3, groups=channels),
            nn.Conv2d(channels, outputs, 1),
        )


class GatedUnit(nn.Module):
    """Gated spatiotemporal attention: σ(g) ∘ f, both from one large kernel (Tan et al. 2022, arXiv:2211.12509)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.kernel = LargeKernel(channels, 2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, channel, y, x) to the same shape."""
        values, gate = self.kernel(x).chunk(2, dim=1)
        gated: Tensor = torch.sigmoid(gate) * values
        return gated


class TemporalUnit(nn.Module):
    """Temporal attention: x ∘ static attention by a large kernel ∘ dynamic attention by squeeze and excitation (arXiv:2206.12126).

    The excitation's hidden layer has C / max(C / 16, 4) units, as in the authors' code.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.kernel = LargeKernel(channels, channels)
        hidden = max(1, channels // max(channels // 16, 4))
        self.excitation = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.ReLU(inplace=True), nn.Linear(hidden, channels, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, channel, y, x) to the same shape."""
        dynamic: Tensor = self.excitation(x.mean(dim=(-2, -1)))
        static: Tensor = self.kernel(x)
        return dynamic[..., None, None] * static * x


class AttentionBlock(nn.Module):
    """An attention unit between two 1×1 convolutions, then a convolutional feed-forward of eight times the width.

    y = x + s₁ ∘ A(N(x)), z = y + s₂ ∘ F(N(y)), A(n) = n + P₂(unit(GELU(P₁ n))); the layer scales s start at 0.01.
    """

    def __init__(self, channels: int, unit: nn.Module) -> None:
        super().__init__()
        wide = 8 * channels
        self.norms = nn.ModuleList(nn.GroupNorm(1, channels) for _ in range(2))
        self.attention = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.GELU(), unit, nn.Conv2d(channels, channels, 1))
        self.feed_forward = nn.Sequential(
            nn.Conv2d(channels, wide, 1), nn.Conv2d(wide, wide, 3, padding=1, groups=wide), nn.GELU(), nn.Conv2d(wide, channels, 1)
        )
        self.scales = nn.Parameter(torch.full((2, channels, 1, 1), 0.01))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, channel, y, x) to the same shape."""
        n = self.norms[0](x)
        x = x + self.scales[0] * (n + self.attention(n))
        return x + self.scales[1] * cast(Tensor, self.feed_forward(self.norms[1](x)))


def block(name: BlockName, channels: int) -> nn.Module:
    """Return a fresh block of the middle, from (b, channels, y, x) to the same shape; weights as in the papers' code."""
    made: nn.Module
    if name == "convmixer":
        made = ConvMixer(channels)
    else:
        made = AttentionBlock(channels, GatedUnit(channels) if name == "gsta" else TemporalUnit(channels))
    for layer in made.modules():
        if isinstance(layer, nn.Conv2d):  # variance 2 / fan-out of a group, which torch's own initialisers don't divide by the groups
            fan_out = layer.kernel_size[0] * layer.kernel_size[1] * layer.out_channels // layer.groups
            nn.init.normal_(layer.weight, std=(2 / fan_out) ** 0.5)
            nn.init.zeros_(cast(Tensor, layer.bias))
    return made


class Middle(nn.Sequential):
    """The translator: `blocks` blocks over time as channels; a 1×1 convolution after the first and the last changes the width.

    Parameters
    ----------
    inputs, hidden, outputs
        Channels that go in, between the blocks, and out.
    blocks
        At least 2.
    """

    def __init__(self, name: BlockName, inputs: int, hidden: int, outputs: int, blocks: int) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise([inputs, *[hidden] * (blocks - 1), outputs]):
            layers += [block(name, before), *([nn.Conv2d(before, after, 1)] if before != after else [])]
        super().__init__(*layers)


class Conv(nn.Sequential):
    """3×3 convolution, group normalisation and SiLU; it halves (`down`) or doubles (`up`, by pixel shuffle) the sides, or keeps them."""

    def __init__(self, inputs: int, outputs: int, *, down: bool = False, up: bool = False) -> None:
        conv = nn.Conv2d(inputs, 4 * outputs if up else outputs, 3, stride=2 if down else 1, padding=1)
        nn.init.trunc_normal_(conv.weight, std=0.02)
        nn.init.zeros_(cast(Tensor, conv.bias))
        groups = 2 if outputs % 2 == 0 else 1
        super().__init__(conv, *([nn.PixelShuffle(2)] if up else []), nn.GroupNorm(groups, outputs), nn.SiLU(inplace=True))


class Encoder(nn.Module):
    """`layers` convolutions of one frame, every second of which halves the sides."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.first = Conv(inputs, hidden)
        self.rest = nn.Sequential(*(Conv(hidden, hidden, down=layer % 2 == 1) for layer in range(1, layers)))

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Map (b, channel, y, x) to its latent (b, hidden, y / 2^(layers // 2), …) and the first layer's (b, hidden, y, x)."""
        first: Tensor = self.first(frames)
        latent: Tensor = self.rest(first)
        return latent, first


class Decoder(nn.Module):
    """The encoder in reverse; the skip is added before the last convolution."""

    def __init__(self, hidden: int, layers: int) -> None:
        super().__init__()
        self.rest = nn.Sequential(*(Conv(hidden, hidden, up=layer % 2 == 1) for layer in range(layers - 1, 0, -1)))
        self.last = Conv(hidden, hidden)

    def forward(self, latent: Tensor, skip: Tensor) -> Tensor:
        """Map a latent and a skip (b, hidden, y, x) to (b, hidden, y, x)."""
        decoded: Tensor = self.last(self.rest(latent) + skip)
        return decoded
