"""A series of thirteen years of seasons, and its splits of every kind, for the tests of the leak checker."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from tests.forecast.made import series, task

from glaciercast.patches import splits_kinds
from glaciercast.patches.series import Series
from glaciercast.patches.splits import Kind, TimeSplit, WindowConfig

TASK = task()
STRIDE, STEPS, SIDE = 4, 52, 24
HONEST = ("time", "space", "both")


def made(folder: Path, composite_length: int = 1) -> Series:
    """Return quarterly frames with a season, a trend and noise; a tenth is missing."""
    rng = np.random.default_rng(3)
    step = np.arange(STEPS)[:, None, None, None]
    pattern = rng.normal(0, 0.3, (1, 1, SIDE, SIDE))
    frames = 0.4 * np.cos(np.pi * step / 2) + pattern + 0.002 * step + rng.normal(0, 0.1, (STEPS, 1, SIDE, SIDE))
    frames[rng.random(frames.shape) < 0.1] = np.nan
    return dataclasses.replace(series(folder, frames=frames.astype("float32")), composite_length=composite_length)


def split(found: Series, kind: Kind) -> TimeSplit:
    """Return a split of the series."""
    windows = WindowConfig(split=kind, n_input=TASK.n_input, n_target=TASK.n_target, patch=TASK.patch, stride=STRIDE)
    return splits_kinds.make(windows, found.n_steps, found.shape, TASK.history, found.composite_length)
