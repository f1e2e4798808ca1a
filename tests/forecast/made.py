"""A series made by hand, and networks whose forecasts are known, for the tests of forecasts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from odc.geo.geobox import GeoBox
from torch import Tensor, nn

from glaciercast.models.base import Network
from glaciercast.models.residual import ResidualForecaster
from glaciercast.models.task import Task
from glaciercast.patches import cache as caches
from glaciercast.patches.normalise import Stats
from glaciercast.patches.series import Series
from glaciercast.schema import OBSERVED

QUARTERS = 4


def task(**changes) -> Task:
    """Return a small task: 3 quarters in, 2 out, history of a year and a quarter, 8-pixel patches."""
    return Task(**{"n_input": 3, "n_target": 2, "history": 5, "period": QUARTERS, "variables": ("ndsi",), "patch": 8, **changes})


def series(
    folder: Path, shape: tuple[int, int] = (20, 30), steps: int = 12, horizon: int = 8, variables: tuple[str, ...] = ("ndsi",),
    missing: float = 0.0, frames: np.ndarray | None = None,
) -> Series:  # fmt: skip
    """Return quarterly frames of a smooth field with noise, of which a share is NaN, or `frames` (step, variable, y, x), all observed."""
    rng = np.random.default_rng(0)
    if frames is None:
        y, x = np.mgrid[: shape[0], : shape[1]]
        phase = np.arange(steps * len(variables)).reshape(steps, -1, 1, 1)
        frames = (np.sin(y / 9 + phase) + np.cos(x / 7 - phase) + rng.normal(0, 0.1, (steps, len(variables), *shape))).astype("float32")
        frames[rng.random(frames.shape) < missing] = np.nan
    steps, shape = len(frames), frames.shape[-2:]
    stack = np.concatenate([frames, np.isfinite(frames)], axis=1).astype("float32")
    channels = (*variables, *(name + OBSERVED for name in variables))
    starts = pd.date_range("2015-01-01", periods=steps + horizon, freq="QS")
    ends = starts + pd.offsets.QuarterBegin(startingMonth=1)
    index = np.arange(steps + horizon, dtype="int64") % QUARTERS
    phase = 2 * np.pi * index / QUARTERS
    return Series(
        cache=caches.write(folder / "cache", stack, steps, channels, shape, "made"),
        variables=variables,
        starts=starts,
        ends=pd.DatetimeIndex(ends),
        available_at=ends[:steps].to_numpy().astype("datetime64[ns]"),
        season=np.stack([np.sin(phase), np.cos(phase)], axis=1).astype("float32"),
        season_index=index,
        statics=np.zeros((0, *shape), "float32"),
        period=QUARTERS,
        composite_length=1,
        geobox=GeoBox.from_bbox((500010, 4000020, 500010 + 30 * shape[1], 4000020 + 30 * shape[0]), "EPSG:32643", resolution=30),
        attributes={"cadence": "QS", "title": "A made glacier", "attribution": "© made by hand"},
        fingerprint="made",
    )


def wrapped(network: Network, task: Task) -> ResidualForecaster:
    """Return the forecaster of a network with values as they are: no reference, mean 0, standard deviation 1."""
    ones = np.ones(len(task.variables), "float32")
    return ResidualForecaster(network, task, "none", Stats(0 * ones, ones))


class Smooth(Network):
    """Average the last frame over 3×3 pixels, and add the season and a tenth of the lead: what a pixel says depends on its neighbours."""

    def forward(self, inputs, truth: Tensor | None = None) -> Tensor:
        last = inputs.frames[:, -1, : self.ports.targets]
        mean = nn.functional.avg_pool2d(last, 3, stride=1, padding=1, count_include_pad=False)
        lead = 0.1 * torch.arange(1, self.task.n_target + 1)[:, None, None, None]
        return mean[:, None] + lead + inputs.season[:, -self.task.n_target :, :1, None, None]


class Disagreeing(Network):
    """Add a number that hangs on the patch's first pixel, so that no two patches agree: what a scene of pasted patches looks like."""

    def forward(self, inputs, truth: Tensor | None = None) -> Tensor:
        last = inputs.frames[:, -1, : self.ports.targets]
        offset = torch.sin(1e4 * last[..., :1, :1])
        return (last + offset)[:, None].expand(-1, self.task.n_target, -1, -1, -1)
