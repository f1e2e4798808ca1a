"""Take the seams out of pasted patches with a denoising autoencoder, as the source study did; blending makes none in the first place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field
from torch import nn

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.forecast.scenes import forecast_scene
from glaciercast.models.denoiser import Denoiser, DenoiserOptions
from glaciercast.patches.tiling import Tiling

if TYPE_CHECKING:
    from glaciercast.models.task import Task
    from glaciercast.patches.series import Series


class DenoisingConfig(Config):
    """How a denoiser is fitted; the defaults take less than a minute on one core."""

    steps: int = Field(default=300, ge=1, description="steps of AdamW")
    batch: int = Field(default=16, ge=1, description="crops in a step")
    crop: int = Field(default=64, ge=8, description="side of a random crop, pixels")
    learning_rate: float = Field(default=2e-3, gt=0, description="of AdamW; falls to zero by a cosine")
    seed: int = Field(default=0, ge=0, description="of fresh weights and crops")
    network: DenoiserOptions = Field(default=DenoiserOptions(), description="options of the network")


@dataclass(frozen=True)
class Pairs:
    """What a denoiser learns from: scenes with seams, the truth and its observed fraction, float32 (frame, y, x) each, physical units."""

    noisy: np.ndarray
    truth: np.ndarray
    observed: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """A fitted denoiser with the mean and standard deviation of its scenes."""

    network: Denoiser
    mean: float
    std: float

    def clean(self, scene: np.ndarray) -> np.ndarray:
        """Return a scene without seams, (…, y, x) float32, physical units."""
        frames = torch.from_numpy(scene.reshape(-1, *scene.shape[-2:]))
        with torch.inference_mode():
            cleaned = torch.cat([self.network((frame[None] - self.mean) / self.std) for frame in frames]) * self.std + self.mean
        return cleaned.numpy().reshape(scene.shape).astype("float32")


def pasting(shape: tuple[int, int], patch: int) -> Tiling:
    """Return the published way to cut a scene: patches side by side."""
    return Tiling(shape, (patch, patch), 0)


def pairs(forecaster: nn.Module, series: Series, task: Task, issues: np.ndarray, target: int = 0) -> Pairs:
    """Return pasted forecasts and the truth of one target for some issue steps, which have to be training steps; all leads."""
    cut = pasting(series.shape, task.patch)
    pasted, truth, observed = [], [], []
    for issue in map(int, issues):
        pasted.append(forecast_scene(forecaster, series, task, issue, tiling=cut)[:, target])
        values, seen = series.frames(range(issue + 1, issue + 1 + task.n_target))
        truth.append(values[:, target])
        observed.append(seen[:, target])
    return Pairs(*(np.concatenate(frames) for frames in (pasted, truth, observed)))


def fit(pairs: Pairs, config: DenoisingConfig | None = None) -> Fitted:
    """Fit a denoiser: the mean squared error of random crops over what was observed, by AdamW; the same seed gives the same weights.

    Raises
    ------
    InputError
        If the scenes are smaller than a crop, or do not vary.
    """
    config = config or DenoisingConfig()
    if min(pairs.noisy.shape[-2:]) < config.crop:
        raise InputError(f"denoiser: expected scenes of at least {config.crop} pixels, found {min(pairs.noisy.shape[-2:])}; lower 'crop'")
    mean, std = float(pairs.noisy.mean()), float(pairs.noisy.std())
    if not std > 0:
        raise InputError(f"denoiser: expected scenes that vary, found a standard deviation of {std}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = Denoiser(config.network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, config.steps)
    rng = np.random.default_rng(config.seed)
    for _ in range(config.steps):
        noisy, truth, observed = _crops(pairs, rng, config.batch, config.crop)
        weight = torch.where(truth.isfinite(), observed, 0.0)
        error = torch.where(weight > 0, network((noisy - mean) / std) - (truth - mean) / std, 0.0)
        loss = (weight * error.square()).sum() / weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
        optimiser.step()
        schedule.step()
    return Fitted(network.eval(), mean, std)


def _crops(pairs: Pairs, rng: np.random.Generator, number: int, side: int) -> list[torch.Tensor]:
    """Return random crops of the three fields, (crop, y, x) each."""
    frames, rows, columns = (rng.integers(0, size, number) for size in np.array(pairs.noisy.shape) - [0, side - 1, side - 1])
    corners = list(zip(frames, rows, columns, strict=True))
    fields = (pairs.noisy, pairs.truth, pairs.observed)
    return [torch.from_numpy(np.stack([field[f, r : r + side, c : c + side] for f, r, c in corners])) for field in fields]
