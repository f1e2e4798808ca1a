"""A small fit that takes a fraction of a second; as a program, the same fit in a process that can be killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from tests.models.batches import task, training_data

from glaciercast.models import registry
from glaciercast.models.residual import ResidualForecaster, build
from glaciercast.patches.sampling import Batch, PatchDataset, patch_origins
from glaciercast.training.config import TrainingConfig

TASK = task()
CONFIG = TrainingConfig(epochs=4, patience=3, learning_rate=0.01, seed=5, threads=1, device="cpu", keep_start=False)
META = {"site": "made"}


class Frames:
    """Frames in memory that windows are gathered from, as from a cache; what was filled is plausible."""

    def __init__(self, scene: int = 12, years: int = 4, seed: int = 0) -> None:
        self.data = training_data(years=years, scene=scene, seed=seed)
        self.shape = (scene, scene)
        filled = np.where(self.data.observed > 0, self.data.values, np.float32(0.5))
        self.channels = np.concatenate([filled, self.data.observed], axis=1)

    def gather(self, steps, rows, cols, n_steps, height, width) -> np.ndarray:
        return np.stack(
            [
                self.channels[step : step + n_steps, :, row : row + height, column : column + width]
                for step, row, column in zip(steps, rows, cols, strict=True)
            ]
        )


def windows(frames: Frames | None = None, issues: range = range(4, 14), **changes) -> PatchDataset:
    """Return windows of the frames that the climatology of `forecaster` is fitted on."""
    frames, given = frames or Frames(), task(**changes)
    phase = 2 * np.pi * frames.data.season_index / given.period
    season = np.stack([np.sin(phase), np.cos(phase)], axis=1).astype("float32")
    origins = patch_origins(frames.shape, given.patch, 1)
    return PatchDataset(frames, np.array(issues), origins, given, season, frames.data.season_index, (given.patch, given.patch))


class Batches:
    """Batches in an order that the epoch decides; may fail, or kill the process, at one batch of one epoch."""

    def __init__(
        self,
        seed: int,
        count: int,
        fail_at: tuple[int, int] | None = None,
        failure: type[BaseException] | None = RuntimeError,
        size: int = 8,
    ) -> None:
        dataset = windows()
        chosen = np.random.default_rng(seed).permutation(len(dataset))[: count * size].reshape(count, size)
        self.batches = [dataset.__getitems__(indices) for indices in chosen]
        self.fail_at, self.failure, self.epoch, self.epochs = fail_at, failure, 0, []

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self.epochs.append(epoch)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for position, number in enumerate(np.random.default_rng(self.epoch).permutation(len(self.batches))):
            if (self.epoch, position) == self.fail_at:
                if self.failure is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                raise self.failure("a made failure")
            yield self.batches[number]


def forecaster(name: str = "unet_time", seed: int = CONFIG.seed, frames: Frames | None = None, **options) -> ResidualForecaster:
    """Return a small fresh network on top of a fitted climatology."""
    stats = SimpleNamespace(mean=np.array([0.5], "float32"), std=np.array([0.3], "float32"))
    reference = registry.create("climatology", TASK).fit((frames or Frames()).data)
    return build(name, TASK, "climatology", stats, reference, seed=seed, **(options or {"widths": (4, 8)}))


if __name__ == "__main__":
    from glaciercast.training.fit import fit

    fit(forecaster(), Batches(0, 4, fail_at=(2, 2), failure=None), Batches(100, 2), Path(sys.argv[1]), CONFIG, META)
