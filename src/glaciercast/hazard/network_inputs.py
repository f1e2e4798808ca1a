"""What the networks of the outlook read, made numbers of order one by statistics of the training samples alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from glaciercast.hazard import windows
from glaciercast.hazard.network_cache import Seen
from glaciercast.hazard.network_layers import Batch
from glaciercast.hazard.samples import Samples

FARTHEST = 4.0
"""Standardised columns are kept within ± so many standard deviations."""
READ = ("area_share", "speed", "ground", "ice_melting")
"""Series that are read. Speed, not components, whose direction would tell which lake it is; it is taken of their means."""
CALENDAR = ("season_sin", "season_cos", "since_flood", "past_floods", "flood_rate")
"""Features that rest on no satellite: networks that read images alone read them too."""
YEAR = 365.25


@dataclass(frozen=True)
class Standard:
    """How columns of a table become numbers of order one, learnt on the training samples.

    Attributes
    ----------
    middle, scale
        Median and standard deviation about it, float64 (column,).
    told
        Columns whose absence is told beside them, bool (column,).
    """

    middle: np.ndarray
    scale: np.ndarray
    told: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Standard:
        """Learn from columns, float64 (sample, column), NaN where nothing was available."""
        seen = np.isfinite(values)
        middle = np.array([np.median(column[here]) if here.any() else 0.0 for column, here in zip(values.T, seen.T, strict=True)])
        apart = np.where(seen, values - middle, 0)
        scale = np.sqrt((apart**2).sum(0) / np.maximum(1, seen.sum(0)))
        share = seen.mean(0)
        return cls(middle, np.where(scale > 1e-9 * (1 + np.abs(middle)), scale, np.inf), (share > 0.01) & (share < 0.99))

    @property
    def size(self) -> int:
        """Number of columns that `columns` returns."""
        return len(self.middle) + int(self.told.sum())

    def columns(self, values: np.ndarray) -> np.ndarray:
        """Return columns within ± `FARTHEST`, 0 for what is missing, and what is missing, float64 (sample, `size`)."""
        seen = np.isfinite(values)
        alone = np.clip((np.where(seen, values, self.middle) - self.middle) / self.scale, -FARTHEST, FARTHEST)
        return np.column_stack([alone, ~seen[:, self.told]])


def seen_table(samples: Samples, seen: Seen) -> np.ndarray:
    """Return what images tell, and what needs no satellite, float64 (sample, column)."""
    return np.column_stack([seen.readings, *(samples.column(name) for name in CALENDAR if name in samples.names)])


def heard_table(samples: Samples, seen: Seen) -> np.ndarray:
    """Return what series and tables tell, float64 (sample, column): all features, and `latest`."""
    return np.column_stack([samples.values, latest(seen.windows)])


def make(samples: Samples, seen: Seen, known: tuple[Standard, Standard], season: np.ndarray) -> Batch:
    """Return the inputs of samples.

    Parameters
    ----------
    known
        Statistics of `seen_table` and of `heard_table`, of the training samples.
    season
        Log odds by the season alone, float64 (sample,).
    """
    year = 2 * np.pi * samples.day_of_year / YEAR
    hearing = np.isfinite(samples.ages).any(1) | (seen.windows.series[..., _observed()] > 0).any((1, 2))
    return Batch(
        seen=_float(known[0].columns(seen_table(samples, seen))),
        sight=_float(seen.windows.images >= 0),
        heard=_float(known[1].columns(heard_table(samples, seen))),
        hearing=_float(hearing),
        season=_float(np.column_stack([season, np.sin(year), np.cos(year)])),
    )


def latest(made: windows.Windows) -> np.ndarray:
    """Return of each series of windows the newest value, how long it has stood, and its rise over the window, float64 (sample, 3 · series).

    The age is a share of the window. The rise is from the mean of the window's older half, NaN where either is not known.
    """
    columns = []
    for name in READ:
        values, seen = _channel(made, name)
        steps = np.arange(seen.shape[1])
        last = np.where(seen, steps, -1).max(1)
        newest = np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0)[:, None], 1)[:, 0], np.nan)
        older = seen[:, : (seen.shape[1] + 1) // 2]
        count = older.sum(1)
        before = np.where(count > 0, (values[:, : older.shape[1]] * older).sum(1) / np.maximum(count, 1), np.nan)
        columns += [newest, np.where(last >= 0, (len(steps) - 1 - last) / len(steps), np.nan), newest - before]
    return np.column_stack(columns).astype("float64")


def _channel(made: windows.Windows, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a series and where it was observed, both (sample, step)."""
    if name == "speed":
        (vx, seen), (vy, _) = _channel(made, "vx"), _channel(made, "vy")
        return np.hypot(vx, vy), seen
    place = windows.CHANNELS.index(name)
    return made.series[..., place], made.series[..., place + 1] > 0


def _observed() -> list[int]:
    return [place for place, name in enumerate(windows.CHANNELS) if name.endswith("_observed")]


def _float(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype="float32"))
