"""What the networks of the outlook read, made numbers of order one by statistics of the training samples alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from glaciercast.hazard import windows
from glaciercast.hazard.network_layers import Batch
from glaciercast.hazard.records import IMAGE_SIDE, Records
from glaciercast.hazard.samples import Samples

FAR = 5.0
"""Standardised reflectance is kept within ± so many standard deviations."""
OLDEST = 2.0
"""Years; older images count as so old."""
SEASONAL = 3
"""The last channels of the windows tell the season and the image's age, which the networks have from elsewhere."""
CHANNELS = 3 * ((len(windows.CHANNELS) - SEASONAL) // 2)
"""Channels of `Batch.series`: values, whether they were observed, and their ages."""


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
        Bands, water index and mask, float32 (image + 1, channel, y, x); the last is empty.
    extents
        Largest water index that a lake had shown, float32 (image + 1, 1, y, x); the last is empty.
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
    extents, extent = _extents(records, samples) if sees else (np.zeros((0, IMAGE_SIDE, IMAGE_SIDE)), np.full(len(samples), -1))
    used, place = np.unique(made.images[made.images >= 0], return_inverse=True)
    picture = np.full(len(samples), -1)
    picture[made.images >= 0] = place
    year = 2 * np.pi * samples.day_of_year / 365.25
    age = np.nan_to_num(made.image_age / 365.25)
    series, heard = _series(made)
    return Inputs(
        pictures=_float(_with_empty(_pictures(np.asarray(records.images[used]), known))),
        extents=_float(_with_empty(extents[:, None])),
        picture=torch.from_numpy(picture),
        extent=torch.from_numpy(extent),
        sight=_float(np.column_stack([made.images >= 0, np.minimum(age, OLDEST)])),
        series=_float(series),
        heard=_float(heard),
        season=_float(np.column_stack([season, np.sin(year), np.cos(year)])),
    )


def _series(made: windows.Windows) -> tuple[np.ndarray, np.ndarray]:
    """Return values carried forward, whether they were observed, and their ages in windows; and whether there is any.

    Nothing is carried back: before the first observation, values are 0 and the age is 1.
    """
    values, seen = made.series[..., 0:-SEASONAL:2], made.series[..., 1:-SEASONAL:2] > 0
    steps = np.arange(seen.shape[1])[:, None]
    last = np.maximum.accumulate(np.where(seen, steps, -1), axis=1)
    carried = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    age = np.where(last >= 0, (steps - last) / len(steps), 1.0)
    return np.concatenate([np.where(last >= 0, carried, 0.0), seen, age], axis=2), np.asarray(seen.any((1, 2)))


def _pictures(images: np.ndarray, known: Scales) -> np.ndarray:
    """Return bands, water index and mask, float64 (image, channel, y, x); 0 where not clear."""
    clear = np.isfinite(images).all(1)[:, None]
    bands = (images - known.mean[:, None, None]) / known.spread[:, None, None]
    made = np.concatenate([np.clip(bands, -FAR, FAR), water_index(images)[:, None], clear], axis=1)
    return np.where(clear, made, 0.0)


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
        float32 (image, y, x), and numbers int64 (sample,), −1 where no image had come in.
    """
    extent, found, before = np.full(len(samples), -1), [np.zeros((0, IMAGE_SIDE, IMAGE_SIDE), dtype="float32")], 0
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
        found.append(np.maximum.accumulate(index, axis=0))
        before += len(index)
    return np.concatenate(found), extent


def _blind(made: windows.Windows) -> windows.Windows:
    """Return the windows without images."""
    return windows.Windows(made.series, np.full_like(made.images, -1), np.full_like(made.image_age, np.nan))


def _with_empty(images: np.ndarray) -> np.ndarray:
    return np.concatenate([images, np.zeros((1, *images.shape[1:]))])


def _float(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype="float32"))
