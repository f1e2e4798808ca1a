"""A U-Net denoising autoencoder against the seams of pasted patches (Vincent et al. 2008; Ronneberger et al. 2015, arXiv:1505.04597)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config
from glaciercast.models.unet_blocks import UNet, Widths, zero_readout


class DenoiserOptions(Config):
    """Options of the denoiser; the defaults train within a minute on one core."""

    widths: Widths = Field(default=(8, 16, 32), description="channels of each level, finest first")


class Denoiser(nn.Module):
    """Add to a scene with seams what it lacks: one frame at a time, normalised, any size.

    Without a normalisation layer the correction depends on the pixels around and not on the size of the scene. The last layer starts at
    zero, so an untrained denoiser leaves a scene as it is.
    """

    def __init__(self, options: DenoiserOptions | None = None) -> None:
        super().__init__()
        widths = (options or DenoiserOptions()).widths
        self.body = UNet(1, widths, "none", up="nearest")
        self.readout = zero_readout(widths[0], 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the cleaned frames, (b, y, x) as `frames`, in standard deviations."""
        change: Tensor = self.readout(self.body(frames[:, None]))
        return frames + change[:, 0]
