"""A small fit that takes a fraction of a second; as a program, the same fit in a process that can be killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from tests.models.batches import batch, task, training_data

from glaciercast.models import registry
from glaciercast.models.residual import ResidualForecaster, build
from glaciercast.patches.sampling import Batch
from glaciercast.training.config import TrainingConfig

TASK = task()
CONFIG = TrainingConfig(epochs=4, patience=3, learning_rate=0.01, seed=5, threads=1, device="cpu")
META = {"site": "made"}


class Batches:
    """Batches in an order that the epoch decides; may fail, or kill the process, at one batch of one epoch."""

    def __init__(self, first: int, count: int, fail_at: tuple[int, int] | None = None, failure: type[BaseException] | None = RuntimeError):
        self.batches = [batch(TASK, 8, seed=first + number) for number in range(count)]
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


def forecaster(name: str = "unet_time", seed: int = CONFIG.seed, scene: int = 12, **options) -> ResidualForecaster:
    """Return a small fresh network on top of a fitted climatology."""
    stats = SimpleNamespace(mean=np.array([0.5], "float32"), std=np.array([0.3], "float32"))
    reference = registry.create("climatology", TASK).fit(training_data(scene=scene))
    return build(name, TASK, "climatology", stats, reference, seed=seed, **(options or {"widths": (4, 8)}))


if __name__ == "__main__":
    from glaciercast.training.fit import fit

    fit(forecaster(), Batches(0, 4, fail_at=(2, 2), failure=None), Batches(100, 2), Path(sys.argv[1]), CONFIG, META)
