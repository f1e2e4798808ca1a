"""Several products: one encoder each, a latent that they share, and a U-Net over time that does without those that are missing.

The latent is a mean, so that any set of products gives one of the same scale (as in the hetero-modal networks of Havaei et al. 2016,
arXiv:1607.05194), and products are dropped at random in training (ModDrop, Neverova et al. 2015, arXiv:1501.00102).
"""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.models.base import Network
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.registry import register
from glaciercast.models.task import Task
from glaciercast.models.unet_blocks import ConvBlock, Norm, UNet, Widths, zero_readout

PRODUCTS = {"optical": ("ndsi", "ndwi"), "velocity": ("vx", "vy", "speed"), "temperature": ("lst_day", "lst_night")}
"""Product → the variables that come from it, and that are missing together."""


class MultimodalOptions(Config):
    """Options of `multimodal`; the defaults are the small preset for a CPU."""

    latent: int = Field(default=8, ge=1, description="channels of the latent that the products share, for each frame")
    widths: Widths = Field(default=(16, 32, 64), description="channels of each level of the U-Net, finest first")
    norm: Norm = Field(
        default="none", description="normalisation: over the channels of each pixel (layer), within each sample (group), or none"
    )
    drop: float = Field(default=0.2, ge=0, lt=1, description="probability that a product is left out of a sample, in training only")


@register("multimodal", kind="network", summary="One encoder a product, a shared latent, a U-Net over time; products may be missing.")
class Multimodal(Network):
    """Encode each product's frames, take the mean over the products that are there, and read it with a U-Net.

    A product is missing from a frame of a patch if all its values and observed fractions are 0 in it: it never came, it is late, it does
    not reach there, or the frame is a forecast of other variables. It is missing as a whole and not by pixel: a filled or cloudy pixel
    still tells its encoder something (the observed fraction says what it is worth), and a mean over what is clear would draw the edges of
    clouds into the latent. Where nothing is there the latent is 0, and the forecast rests on reference, season and statics.
    In training each product is dropped from all frames of a sample with probability `drop`, but never the last one that it has: a missing
    product is then nothing new. The reference forecast of a target whose product is dropped stays, since it is what the change is added
    to. The order of the products does not matter.
    """

    Options = MultimodalOptions
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {"latent": 64, "widths": (64, 128, 256, 512, 1024), "norm": "none"}}

    def __init__(self, task: Task, options: Config | None = None, ports: Ports | None = None) -> None:
        super().__init__(task, options, ports)
        chosen = cast(MultimodalOptions, self.options)
        self.drop, self.missing_ok = chosen.drop, chosen.drop > 0
        self.channels = channels_by_product(task.variables, self.ports.frame // self.ports.variables)
        self.encoders = nn.ModuleDict({name: ConvBlock(len(read), chosen.latent, chosen.norm) for name, read in self.channels.items()})
        inputs = task.n_input * chosen.latent + task.n_target * (self.ports.targets + 2) + self.ports.statics
        self.body = UNet(inputs, chosen.widths, chosen.norm, up="nearest")
        self.readout = zero_readout(chosen.widths[0], task.n_target * self.ports.out)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # untyped in torch

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        """Map `inputs` to (b, n_target, K·W, y, x); see `Network`."""
        used = self.present(inputs.frames)
        if self.training:
            used = used & kept(used.any(dim=1), self.drop)[:, None]
        latent = self.latent(inputs.frames, used)
        season = inputs.season_planes(slice(-self.task.n_target, None))
        channels = [part.flatten(1, 2) for part in (latent, inputs.future, season)]
        forecast: Tensor = self.readout(self.body(torch.cat([*channels, inputs.statics], dim=1)))
        return forecast.reshape(len(forecast), self.task.n_target, -1, *forecast.shape[-2:])

    def present(self, frames: Tensor) -> Tensor:
        """Return which products, in the order of `channels`, frames (b, n_input, C, y, x) have: bool (b, n_input, product)."""
        seen = frames[:, :, : 2 * self.ports.variables].ne(0).any(-1).any(-1)
        products = [[channel for channel in read if channel < seen.shape[2]] for read in self.channels.values()]
        return torch.stack([seen[:, :, read].any(2) for read in products], dim=2)

    def latent(self, frames: Tensor, used: Tensor) -> Tensor:
        """Return the mean of the encoders' outputs over the products that are `used` (b, n_input, product), (b, n_input, latent, y, x)."""
        shares = (used / used.sum(2, keepdim=True).clamp(min=1)).flatten(0, 1)
        total = frames.new_zeros(())
        for (name, read), share in zip(self.channels.items(), shares.unbind(1), strict=True):
            product = frames[:, :, read].flatten(0, 1).contiguous(memory_format=torch.channels_last)
            total = total + self.encoders[name](product) * share[:, None, None, None]
        return total.reshape(*frames.shape[:2], *total.shape[1:])


def channels_by_product(variables: tuple[str, ...], blocks: int) -> dict[str, list[int]]:
    """Return the channels of a frame, `blocks` blocks of all variables, that come from each product, by name of the product.

    A variable that `PRODUCTS` does not know is a product of its own.
    """
    product = {variable: name for name, members in PRODUCTS.items() for variable in members}
    grouped: dict[str, list[int]] = {}
    for name in sorted({product.get(variable, variable) for variable in variables}):
        members = [index for index, variable in enumerate(variables) if product.get(variable, variable) == name]
        grouped[name] = [block * len(variables) + index for block in range(blocks) for index in members]
    return grouped


def kept(present: Tensor, drop: float) -> Tensor:
    """Return `present` (b, product) after dropping each product with probability `drop`, but of each sample the luckiest one never."""
    draw = torch.rand(present.shape, device=present.device).masked_fill(~present, -1.0)
    lucky = draw == draw.amax(dim=1, keepdim=True)
    return present & ((draw >= drop) | lucky)
