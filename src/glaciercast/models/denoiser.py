"""A U-Net denoising autoencoder against the seams of pasted patches (Ronneberger et al. 2015, arXiv:1505.04597; Vincent et al. 2008)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from glaciercast.config import Config


class DenoiserOptions(Config):
    """Options of the denoiser; the defaults train within a minute on one core."""

    width: int = Field(default=16, ge=1, description="channels at full resolution; twice as many at half")


class Denoiser(nn.Module):
    """Map a scene with seams to what is to be added to it.

    One frame at a time, normalised, any size. Two levels of two 3×3 convolutions, so a pixel sees some 10 pixels around it: seams are
    lines one pixel wide. No normalisation layer: the correction does not depend on the size of the scene. The last layer starts at zero,
    so an untrained denoiser leaves a scene as it is.
    """

    def __init__(self, options: DenoiserOptions | None = None) -> None:
        super().__init__()
        width = (options or DenoiserOptions()).width
        self.encode = _pair(1, width)
        self.inner = _pair(width, 2 * width)
        self.decode = _pair(3 * width, width)
        self.readout = nn.Conv2d(width, 1, 1)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)  # type: ignore[arg-type]  # there is one

    def forward(self, frames: Tensor) -> Tensor:
        """Return the cleaned frames, (b, y, x) as `frames`, in standard deviations."""
        rows, columns = frames.shape[-2:]
        given = nn.functional.pad(frames[:, None], (0, columns % 2, 0, rows % 2), mode="replicate")
        fine = self.encode(given)
        coarse = nn.functional.interpolate(self.inner(nn.functional.avg_pool2d(fine, 2)), scale_factor=2.0, mode="nearest")
        change: Tensor = self.readout(self.decode(torch.cat([fine, coarse], dim=1)))
        return frames + change[:, 0, :rows, :columns]


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    layers = [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)
