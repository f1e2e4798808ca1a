"""Batches and training data made by hand for the tests of models and training."""

from __future__ import annotations

import numpy as np
import torch

from glaciercast.models.base import TrainingData
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.task import Task
from glaciercast.patches.sampling import Batch


def task(**changes) -> Task:
    """Return a small task: 3 frames in, 2 out, a year of 4 seasons, one variable, 8-pixel patches."""
    return Task(**{"n_input": 3, "n_target": 2, "history": 5, "period": 4, "variables": ("ndsi",), "patch": 8, **changes})


def batch(task: Task, n: int = 3, seed: int = 0, missing: float = 0.2, size: int | None = None, scene: int = 12) -> Batch:
    """Return `n` random samples at random issue steps and origins; a share `missing` of the past is NaN, and of the targets unobserved."""
    generator = np.random.default_rng(seed)
    size, v, w = size or task.patch, len(task.variables), len(task.targets)
    issue = generator.integers(0, task.period, n)
    past_index = (issue[:, None] + np.arange(1 - task.history, 1)) % task.period
    future_index = (issue[:, None] + np.arange(1, task.n_target + 1)) % task.period
    past = generator.normal(0.5, 0.3, (n, task.history, v, size, size))
    observed = np.where(generator.random(past.shape) < missing, 0.0, generator.random(past.shape))
    past[generator.random(past.shape) < missing] = np.nan
    target = generator.normal(0.5, 0.3, (n, task.n_target, w, size, size))
    weight = np.where(generator.random(target.shape) < missing, 0.0, generator.random(target.shape))
    target[weight == 0] = np.nan
    return Batch(
        past=_float(past),
        past_observed=_float(observed),
        season_past=_season(past_index, task.period),
        season_future=_season(future_index, task.period),
        index_past=torch.from_numpy(past_index),
        index_future=torch.from_numpy(future_index),
        issue=torch.from_numpy(7 + issue + 3 * task.period),  # `training_data` begins with step 7 in season 0
        origin=torch.from_numpy(generator.integers(0, max(1, scene - size + 1), (n, 2))),
        statics=_float(generator.normal(size=(n, len(task.statics), size, size))),
        target=_float(target),
        target_weight=_float(weight),
    )


def training_data(
    period: int = 4, years: int = 3, variables: int = 1, scene: int = 12, seed: int = 0, missing: float = 0.3
) -> TrainingData:
    """Return random frames; a share `missing` is filled (observed 0, absurd value) or NaN."""
    generator = np.random.default_rng(seed)
    frames = period * years
    values = generator.normal(0.5, 0.3, (frames, variables, scene, scene)).astype("float32")
    observed = generator.random(values.shape).astype("float32")
    filled = generator.random(values.shape) < missing
    observed[filled] = 0
    values[filled] = 1e6
    values[generator.random(values.shape) < missing / 3] = np.nan
    return TrainingData(values, observed, np.arange(frames) % period, np.arange(frames) + 7, period)


def _float(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype("float32"))


def _season(index: np.ndarray, period: int) -> torch.Tensor:
    phase = 2 * np.pi * index / period
    return _float(np.stack([np.sin(phase), np.cos(phase)], axis=-1))


def inputs(
    task: Task, n: int = 2, seed: int = 0, rows: int | None = None, columns: int | None = None, ports: Ports | None = None
) -> Inputs:
    """Return random normalised inputs of a network for `task` (ports: those of the task by default), float32."""
    generator = torch.Generator().manual_seed(seed)
    ports = ports or Ports.of(task)
    size = (rows or task.patch, columns or rows or task.patch)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    return Inputs(
        frames=drawn(n, task.n_input, ports.frame, *size),
        future=drawn(n, task.n_target, ports.targets, *size),
        statics=drawn(n, ports.statics, *size),
        season=drawn(n, task.n_input + task.n_target, 2),
    )
