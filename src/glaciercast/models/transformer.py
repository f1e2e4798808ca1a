"""A transformer over time (Vaswani et al. 2017, arXiv:1706.03762): every frame of a patch is a token, and so is every target step."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.models.attention import Attention, AttentionOptions, FeedForward, Sublayer, sinusoid, zero_readout
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.registry import register
from glaciercast.models.task import Task


class TransformerOptions(AttentionOptions):
    """Options of `transformer`; the defaults are the small preset for a CPU."""

    width: int = Field(default=128, ge=1, description="numbers a token, a multiple of 4 · heads")
    feedforward: int = Field(default=256, ge=1, description="hidden units between the two layers that follow an attention")
    depth: int = Field(default=2, ge=1, description="blocks of the encoder, and of the decoder")


class Block(nn.Module):
    """Attention of tokens among themselves, then, in the decoder, to the encoder's tokens, then two layers for each token by itself."""

    def __init__(self, options: AttentionOptions, *, cross: bool) -> None:
        super().__init__()
        width, dropout = options.width, options.dropout
        self.among = Sublayer(Attention(width, options.heads), width, dropout)
        self.across = Sublayer(Attention(width, options.heads), width, dropout) if cross else None
        self.feedforward = Sublayer(FeedForward(width, options.feedforward), width, dropout)

    def forward(self, tokens: Tensor, context: Tensor | None = None) -> Tensor:
        """Return tokens (b, n, width), which in the decoder have seen the context (b, m, width)."""
        tokens = self.among(tokens)
        if self.across is not None:
            tokens = self.across(tokens, context)
        seen: Tensor = self.feedforward(tokens)
        return seen


@register("transformer", kind="network", summary="Attention over time between whole frames of a patch; one patch size.")
class Transformer(Network):
    """Encode the input frames and the statics as tokens, and let the target steps ask them.

    A target's token is made of its reference forecast and its season, which are known for every lead at the issue time. So all leads are
    forecast at once: there is no error to accumulate from lead to lead, no gap between training with the truth and forecasting without it,
    and one pass instead of n_target. `truth` is not used.

    Preset ``paper`` has the size of the published base model (512 numbers a token, 8 heads, 6 + 6 blocks, 2048 hidden units); blocks are
    normalised before each sublayer, and the rectifier is a GELU. The last layer starts at zero, so an untrained network forecasts the
    reference.
    """

    Options = TransformerOptions
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {"width": 512, "heads": 8, "feedforward": 2048, "depth": 6, "dropout": 0.1}}
    time: Tensor

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(TransformerOptions, self.options)
        width, pixels = chosen.width, task.patch**2
        self.frame = nn.Linear(self.ports.frame * pixels, width)
        self.reference = nn.Linear(self.ports.targets * pixels, width)
        self.season = nn.Linear(2, width, bias=False)
        self.statics = nn.Linear(self.ports.statics * pixels, width) if self.ports.statics else None
        self.register_buffer("time", sinusoid(torch.arange(1.0 - task.n_input, 1.0 + task.n_target), width), persistent=False)
        self.encoder = nn.ModuleList(Block(chosen, cross=False) for _ in range(chosen.depth))
        self.decoder = nn.ModuleList(Block(chosen, cross=True) for _ in range(chosen.depth))
        self.encoded_norm = nn.LayerNorm(width)
        self.decoded_norm = nn.LayerNorm(width)
        self.readout = zero_readout(width, self.ports.out * pixels)

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x); see `Network`.

        Raises
        ------
        InputError
            If the patch has another size than the task's.
        """
        patch = self.task.patch
        if inputs.frames.shape[-2:] != (patch, patch):
            rows, columns = inputs.frames.shape[-2:]
            raise InputError(f"transformer: expected patches of {patch}×{patch} pixels, as trained, found {rows}×{columns}")
        known, asked = self.tokens(inputs)
        for block in self.encoder:
            known = block(known)
        known = self.encoded_norm(known)
        for block in self.decoder:
            asked = block(asked, known)
        forecast: Tensor = self.readout(self.decoded_norm(asked))
        return forecast.reshape(*forecast.shape[:2], self.ports.out, patch, patch)

    def tokens(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Return the tokens of what is known, (b, n_input, width) or one more with statics, and of what is asked, (b, n_target, width)."""
        when = self.time + self.season(inputs.season)
        known = self.frame(inputs.frames.flatten(2)) + when[:, : self.task.n_input]
        if self.statics is not None:
            known = torch.cat([known, self.statics(inputs.statics.flatten(1))[:, None]], dim=1)
        return known, self.reference(inputs.future.flatten(2)) + when[:, self.task.n_input :]
