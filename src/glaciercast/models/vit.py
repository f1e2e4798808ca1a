"""A vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929) whose tokens are small squares of each input and target frame."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.models.attention import Attention, AttentionOptions, FeedForward, Sublayer, plane_angles, sinusoid, zero_readout
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.registry import register
from glaciercast.models.task import Task


class VitOptions(AttentionOptions):
    """Options of `vit`; the defaults are the small preset for a CPU."""

    heads: int = Field(default=2, ge=1, description="heads of each attention; fewer and larger ones are cheaper on a CPU")
    token: int = Field(default=5, ge=1, description="side of a token in pixels")
    depth: int = Field(default=3, ge=1, description="blocks")


class SpaceTimeBlock(nn.Module):
    """Attention within each frame, then along time at each place, then two layers for each token (ViViT, Arnab et al. 2021, model 3).

    For t frames of n tokens this costs t n (n + t) products instead of the (t n)² of attention between all of them (arXiv:2103.15691).
    """

    def __init__(self, options: AttentionOptions) -> None:
        super().__init__()
        width, dropout = options.width, options.dropout
        self.space = Sublayer(Attention(width, options.heads), width, dropout)
        self.time = Sublayer(Attention(width, options.heads), width, dropout)
        self.feedforward = Sublayer(FeedForward(width, options.feedforward), width, dropout)

    def forward(self, tokens: Tensor, angles: Tensor) -> Tensor:
        """Return tokens (b, t, n, width); `angles` (n, e/2) are those of their places (see `attention.plane_angles`)."""
        batch, steps, places, width = tokens.shape
        tokens = self.space(tokens.flatten(0, 1), None, angles).reshape(batch, steps, places, width)
        tokens = self.time(tokens.transpose(1, 2).flatten(0, 1)).reshape(batch, places, steps, width).transpose(1, 2)
        seen: Tensor = self.feedforward(tokens)
        return seen


@register("vit", kind="network", summary="Vision transformer over space and time, tokens of 5×5 pixels; any patch size.")
class Vit(Network):
    """Cut input frames and the targets' reference forecasts into tokens, let them attend to each other, and write the targets' tokens.

    A token holds its square of a frame (or of a reference), the statics under it, its season and its step. All leads are forecast at once,
    and `truth` is not used. Places are told by rotating queries and keys, so that only the distance of two tokens counts, and the weights
    fit patches of any size: padded by repeating the edge, then cropped. Attention spans the whole patch, so the forecast of a pixel
    changes with the patch around it: forecast with patches of about the trained size.

    Preset ``paper`` has the size of ViT-Base (768 numbers a token, 12 heads, 12 blocks, 3072 hidden units). The last layer starts at zero,
    so an untrained network forecasts the reference.
    """

    Options = VitOptions
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {"width": 768, "heads": 12, "feedforward": 3072, "depth": 12, "dropout": 0.1}}
    time: Tensor

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(VitOptions, self.options)
        self.token, width, self.head_size = chosen.token, chosen.width, chosen.width // chosen.heads
        pixels = chosen.token**2
        self.frame = nn.Linear(self.ports.frame * pixels, width)
        self.reference = nn.Linear(self.ports.targets * pixels, width)
        self.season = nn.Linear(2, width, bias=False)
        self.statics = nn.Linear(self.ports.statics * pixels, width, bias=False) if self.ports.statics else None
        self.register_buffer("time", sinusoid(torch.arange(1.0 - task.n_input, 1.0 + task.n_target), width), persistent=False)
        self.blocks = nn.ModuleList(SpaceTimeBlock(chosen) for _ in range(chosen.depth))
        self.norm = nn.LayerNorm(width)
        self.readout = zero_readout(width, self.ports.out * pixels)

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x); see `Network`."""
        rows, columns = inputs.frames.shape[-2:]
        high, wide = -(-rows // self.token), -(-columns // self.token)
        angles = plane_angles(high, wide, self.head_size).to(inputs.frames)
        tokens = self.tokens(inputs)
        for block in self.blocks:
            tokens = block(tokens, angles)
        forecast = self.readout(self.norm(tokens[:, self.task.n_input :]))
        return joined(forecast, self.token, high, wide)[..., :rows, :columns]

    def tokens(self, inputs: Inputs) -> Tensor:
        """Return the tokens of all input and target steps, (b, n_input + n_target, places, width)."""
        known, asked = self.frame(cut(inputs.frames, self.token)), self.reference(cut(inputs.future, self.token))
        tokens: Tensor = torch.cat([known, asked], dim=1) + (self.time + self.season(inputs.season))[:, :, None]
        return tokens if self.statics is None else tokens + self.statics(cut(inputs.statics[:, None], self.token))


def cut(frames: Tensor, size: int) -> Tensor:
    """Cut frames (b, t, c, y, x) into squares, row by row: (b, t, places, c · size²); what is missing at the end repeats the edge."""
    rows, columns = frames.shape[-2:]
    padded = nn.functional.pad(frames.flatten(0, 1), (0, -columns % size, 0, -rows % size), mode="replicate")
    squares = nn.functional.pixel_unshuffle(padded, size).flatten(2).transpose(1, 2)
    return squares.reshape(*frames.shape[:2], *squares.shape[1:])


def joined(squares: Tensor, size: int, high: int, wide: int) -> Tensor:
    """Join squares (b, t, high · wide, c · size²), as `cut` gives them, to frames (b, t, c, high · size, wide · size)."""
    planes = squares.flatten(0, 1).transpose(1, 2)
    frames = nn.functional.pixel_shuffle(planes.reshape(*planes.shape[:2], high, wide), size)
    return frames.reshape(*squares.shape[:2], *frames.shape[1:])
