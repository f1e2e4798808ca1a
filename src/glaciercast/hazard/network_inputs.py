"""What the networks of the outlook read, made numbers of order one by statistics of the training samples alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from glaciercast.hazard import windows
from glaciercast.hazard.network_layers import Batch
from glaciercast.hazard.records import IMAGE_SIDE, Records
from glaciercast.hazard.samples import Samples

HALF = IMAGE_SIDE // 2
"""Pixels of the side of what the networks see: means of 2×2."""
FAR = 5.0
"""Standardised reflectance is kept within ± so many standard deviations."""
OLDEST = 2.0
"""Years; older images count as so old."""
READ = ("area_share", "speed", "ground", "ice_melting")
"""Series that are read. Speed, not components, whose direction would tell which lake it is; it is taken of their means."""
PAST_AREAS = ("variability", "share_flooded")
"""Features of the lake's areas that reach beyond the window."""
PAST_FLOODS = ("flood_rate", "since_flood")
"""Features of the lake's floods so far."""
CHANNELS = 3 * len(READ) + len(PAST_AREAS)
"""Of `Batch.series`: values, whether they were observed, their ages, and `PAST_AREAS`, the same in all steps."""
YEAR = 365.25


@dataclass(frozen=True)
class Scales:
    """Mean and standard deviation of the images' bands over clear pixels, float64 (band,) each."""

    mean: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True)
class Inputs:
    """Inputs of samples; images are held once, however many samples read them.

    Attributes
    ----------
    pictures
        Bands, water index and mask, float32 (image + 1, channel, `HALF`, `HALF`); the last is empty.
    extents
        Largest water index that a lake had shown, float32 (image + 1, 1, `HALF`, `HALF`); the last is empty.
    picture, extent
        Which of them are a sample's, int64 (sample,).
    sight, series, heard, season
        See `Batch`.
    """

    pictures: Tensor
    extents: Tensor
    picture: Tensor
    extent: Tensor
    sight: Tensor
    series: Tensor
    heard: Tensor
    season: Tensor

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.picture)

    def take(self, rows: Tensor) -> Inputs:
        """Return some samples, by number int64 (row,); images stay where they are."""
        own = (self.picture, self.extent, self.sight, self.series, self.heard, self.season)
        return Inputs(self.pictures, self.extents, *(each[rows] for each in own))

    def at(self, rows: Tensor) -> Batch:
        """Return what the networks read of some samples, by number int64 (row,)."""
        image = torch.cat([self.extents[self.extent[rows]], self.pictures[self.picture[rows]]], dim=1)
        return Batch(image, self.sight[rows], self.series[rows], self.heard[rows], self.season[rows])


def scales(records: Records, made: windows.Windows) -> Scales:
    """Return the statistics of the images that windows of training samples read; mean 0 and deviation 1 where there is none."""
    used = np.unique(made.images[made.images >= 0])
    if not used.size:
        return Scales(np.zeros(records.images.shape[1]), np.ones(records.images.shape[1]))
    bands = np.asarray(records.images[used], dtype="float64").transpose(1, 0, 2, 3).reshape(records.images.shape[1], -1)
    bands = bands[:, np.isfinite(bands).all(0)]
    return Scales(bands.mean(1), np.maximum(bands.std(1), 1e-6)) if bands.size else scales(records, _blind(made))


def make(records: Records, samples: Samples, made: windows.Windows, known: Scales, season: np.ndarray, sees: bool = True) -> Inputs:
    """Return the inputs of windows.

    Parameters
    ----------
    known
        Statistics of the training samples.
    season
        Log odds by the season alone, float64 (sample,).
    sees
        Whether images are read; without, there are none.
    """
    made = made if sees else _blind(made)
    extents, extent = _extents(records, samples) if sees else (np.zeros((0, HALF, HALF)), np.full(len(samples), -1))
    used, place = np.unique(made.images[made.images >= 0], return_inverse=True)
    picture = np.full(len(samples), -1)
    picture[made.images >= 0] = place
    year = 2 * np.pi * samples.day_of_year / YEAR
    age = np.nan_to_num(made.image_age / YEAR)
    series, heard = _series(made)
    past = np.repeat(history(samples, PAST_AREAS)[:, None], series.shape[1], axis=1)
    return Inputs(
        pictures=_float(_with_empty(_pictures(np.asarray(records.images[used]), known))),
        extents=_float(_with_empty(extents[:, None])),
        picture=torch.from_numpy(picture),
        extent=torch.from_numpy(extent),
        sight=_float(np.column_stack([made.images >= 0, np.minimum(age, OLDEST)])),
        series=_float(np.concatenate([series, past], axis=2)),
        heard=_float(heard),
        season=_float(np.column_stack([season, np.sin(year), np.cos(year), history(samples, PAST_FLOODS)])),
    )


def _series(made: windows.Windows) -> tuple[np.ndarray, np.ndarray]:
    """Return values carried forward, whether they were observed, and their ages in windows; and whether there is any.

    Nothing is carried back: before the first observation, values are 0 and the age is 1.
    """
    values, seen = (np.stack(channels, axis=-1) for channels in zip(*(_channel(made, name) for name in READ), strict=True))
    steps = np.arange(seen.shape[1])[:, None]
    last = np.maximum.accumulate(np.where(seen, steps, -1), axis=1)
    carried = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    age = np.where(last >= 0, (steps - last) / len(steps), 1.0)
    return np.concatenate([np.where(last >= 0, carried, 0.0), seen, age], axis=2), np.asarray(seen.any((1, 2)))


def _channel(made: windows.Windows, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a series and where it was observed, both (sample, step)."""
    if name == "speed":
        (vx, seen), (vy, _) = _channel(made, "vx"), _channel(made, "vy")
        return np.hypot(vx, vy), seen
    place = windows.CHANNELS.index(name)
    return made.series[..., place], made.series[..., place + 1] > 0


def history(samples: Samples, names: Sequence[str]) -> np.ndarray:
    """Return what the samples' features tell of a lake's past, float64 (sample, name); 0 where nothing is known.

    Days since a flood become its freshness, exp(−days/365.25).
    """
    columns = [samples.column(name) if name in samples.names else np.full(len(samples), np.nan) for name in names]
    told = [np.exp(-column / YEAR) if name.startswith("since") else column for name, column in zip(names, columns, strict=True)]
    return np.asarray(np.nan_to_num(np.column_stack(told)))


def _pictures(images: np.ndarray, known: Scales) -> np.ndarray:
    """Return bands, water index and mask, float64 (image, channel, y/2, x/2): means of what is clear in 2×2 pixels, and how much is."""
    clear = np.isfinite(images).all(1)[:, None]
    bands = (images - known.mean[:, None, None]) / known.spread[:, None, None]
    made = np.concatenate([np.clip(bands, -FAR, FAR), water_index(images)[:, None], clear], axis=1)
    return _halved(np.where(clear, made, 0.0))


def _halved(images: np.ndarray) -> np.ndarray:
    """Return means over 2×2 pixels, over clear ones (by the last channel) in all channels but that."""
    count, channels, height, width = images.shape
    mean = images.reshape(count, channels, height // 2, 2, width // 2, 2).mean((3, 5))
    mean[:, :-1] /= np.maximum(mean[:, -1:], 0.25)
    return np.asarray(mean)


def water_index(images: np.ndarray) -> np.ndarray:
    """Return (green − nir)/(green + nir) within ±1, float32 (image, y, x); NaN where not clear, 0 where the sum is not positive.

    References
    ----------
    McFeeters (1996), Int. J. Remote Sens. 17, 1425–1432.
    """
    green, nir = images[:, 0], images[:, 1]
    total = green + nir
    index = np.where(total > 0, (green - nir) / np.where(total > 0, total, 1), 0)
    return np.where(np.isfinite(total), np.clip(index, -1, 1), np.nan).astype("float32")


def _extents(records: Records, samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest water index of each pixel after each image of a lake came in, and which of them was known at each issue.

    Returns
    -------
    tuple
        float32 (image, y/2, x/2), and numbers int64 (sample,), −1 where no image had come in.
    """
    extent, found, before = np.full(len(samples), -1), [np.zeros((0, HALF, HALF), dtype="float32")], 0
    tables = dict(list(records.areas[records.areas["image"].notna()].groupby("lake")))
    for name in np.unique(samples.lake.astype(str)):
        rows, table = np.flatnonzero(samples.lake == name), tables.get(name, pd.DataFrame())
        rows = rows if len(table) else rows[:0]
        if not rows.size:
            continue
        table = table[table["available_at"] <= samples.issue[rows].max()].sort_values("available_at", kind="stable")
        index = np.nan_to_num(water_index(np.asarray(records.images[table["image"].to_numpy("int64")])), nan=-1)
        number = np.searchsorted(table["available_at"].to_numpy("datetime64[ns]"), samples.issue[rows], side="right") - 1
        extent[rows] = np.where(number >= 0, before + number, -1)
        largest = np.maximum.accumulate(index, axis=0)
        found.append(largest.reshape(-1, HALF, 2, HALF, 2).mean((2, 4)))
        before += len(index)
    return np.concatenate(found), extent


def _blind(made: windows.Windows) -> windows.Windows:
    """Return the windows without images."""
    return windows.Windows(made.series, np.full_like(made.images, -1), np.full_like(made.image_age, np.nan))


def _with_empty(images: np.ndarray) -> np.ndarray:
    return np.concatenate([images, np.zeros((1, *images.shape[1:]))])


def _float(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype="float32"))
