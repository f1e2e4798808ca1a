"""What images tell of lakes, worked out once for all samples: coarse pictures, the largest water so far, and how much of it is water."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from glaciercast.hazard import windows
from glaciercast.hazard.records import IMAGE_SIDE, Records
from glaciercast.hazard.samples import Samples

HALF = IMAGE_SIDE // 2
"""Pixels of the side of what the networks see: means of 2×2."""
READINGS = ("water", "water_month", "water_rise", "water_usual", "full_usual", "largest_water", "clear")
"""What is read off the images of a lake; see `Views.readings`."""
DRY, WET = 0.15, 0.45
"""Water index below which there is no water, and from which all is; ice and snow lie below, still water above."""
NEW, BEFORE = 30.0, 90.0
"""Days of the newest images, and of those that they are compared with."""
FULL = 0.85
"""Share of the largest water from which a lake counts as full."""
FEWEST_CLEAR = 0.3
"""Of the largest water: with less in sight, an image tells no share."""
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Own:
    """The images of one lake by availability: numbers int64, datetime64[ns] of availability and acquisition, its first row in `Views`."""

    images: np.ndarray
    available: np.ndarray
    time: np.ndarray
    first: int


@dataclass(frozen=True)
class Views:
    """The images of some records, each looked at once.

    Attributes
    ----------
    pictures
        Means over the clear ones of 2×2 pixels of bands and water index, and how many are clear, float32 (image, band + 2, y/2, x/2).
    extents
        Largest water index of each pixel after each image of a lake came in, float32 (row, y/2, x/2).
    lakes
        By name.
    """

    pictures: np.ndarray
    extents: np.ndarray
    lakes: Mapping[str, Own]

    def known(self, samples: Samples) -> np.ndarray:
        """Return the row of `extents` that was known at each issue, int64 (sample,), −1 where no image had come in."""
        found = np.full(len(samples), -1)
        for own, rows in self._by_lake(samples):
            number = np.searchsorted(own.available, samples.issue[rows], side="right") - 1
            found[rows] = np.where(number >= 0, own.first + number, -1)
        return found

    def readings(self, samples: Samples) -> np.ndarray:
        """Return what is read off the images that had come in, float64 (sample, reading); NaN where it can't be told.

        All but the last two are shares of the largest water so far, of the part of it that an image shows clear:

        - ``water``: in the newest image that shows enough
        - ``water_month``: mean over the last month, weighted by how much is clear
        - ``water_rise``: that less the mean over the two months before
        - ``water_usual``: mean over all images
        - ``full_usual``: how many of all images show a full lake
        - ``largest_water``: share of the image that had ever been water
        - ``clear``: share of the newest image
        """
        found = np.full((len(samples), len(READINGS)), np.nan)
        for own, rows in self._by_lake(samples):
            found[rows] = self._of_lake(own, samples.issue[rows])
        return found

    def _by_lake(self, samples: Samples) -> list[tuple[Own, np.ndarray]]:
        names, number = np.unique(samples.lake.astype(str), return_inverse=True)
        return [(self.lakes[name], np.flatnonzero(number == place)) for place, name in enumerate(names) if name in self.lakes]

    def _of_lake(self, own: Own, issue: np.ndarray) -> np.ndarray:
        number = np.searchsorted(own.available, issue, side="right")
        clear = self.pictures[own.images, -1].reshape(len(own.images), -1).astype("float64")
        seen = np.sum(clear * wet(self.pictures[own.images, -2]).reshape(clear.shape), axis=1)
        largest = wet(self.extents[own.first : own.first + len(own.images)]).reshape(clear.shape)
        some = np.where(number[:, None] > 0, largest[np.maximum(number, 1) - 1], 0.0)
        whole = some.sum(1)
        inside = np.einsum("ij,kj->ik", some, clear)  # one by one, so that images to come change no bit
        enough = (np.arange(len(own.images)) < number[:, None]) & (inside > FEWEST_CLEAR * np.maximum(whole, 1e-6)[:, None])
        share = np.where(enough, np.minimum(seen / np.maximum(inside, 1e-6), 1.2), 0.0)
        age = (issue[:, None] - own.time) / DAY
        newest = np.where(enough.any(1), share[np.arange(len(issue)), _last(enough)], np.nan)
        month = _mean(share, inside * (enough & (age <= NEW)))
        before = _mean(share, inside * (enough & (age > NEW) & (age <= BEFORE)))
        usual, full = _mean(share, enough * 1.0), _mean((share > FULL) * 1.0, enough * 1.0)
        size = np.where(number > 0, whole / some.shape[1], np.nan)
        sight = np.where(number > 0, clear.mean(1)[np.maximum(number, 1) - 1], np.nan)
        return np.column_stack([newest, month, month - before, usual, full, size, sight])


def of(records: Records) -> Views:
    """Look at all images of the lakes of records."""
    table = records.areas[records.areas["image"].notna()]
    pictures, extents, lakes, before = np.zeros((len(records.images), 5, HALF, HALF), "float32"), [], {}, 0
    for name, part in table.groupby("lake"):
        ordered = part.sort_values("available_at", kind="stable")
        numbers = ordered["image"].to_numpy("int64")
        images = np.asarray(records.images[numbers])
        pictures[numbers], largest = _pictures(images), np.maximum.accumulate(np.nan_to_num(water_index(images), nan=-1), axis=0)
        extents.append(largest.reshape(-1, HALF, 2, HALF, 2).mean((2, 4)))
        lakes[str(name)] = Own(numbers, _times(ordered["available_at"]), _times(ordered["time"]), before)
        before += len(numbers)
    return Views(pictures, np.concatenate([np.zeros((0, HALF, HALF), "float32"), *extents]), lakes)


def blind(made: windows.Windows) -> tuple[windows.Windows, Views]:
    """Return windows without images, and views of none."""
    gone = windows.Windows(made.series, np.full_like(made.images, -1), np.full_like(made.image_age, np.nan))
    return gone, Views(np.zeros((0, 5, HALF, HALF), "float32"), np.zeros((0, HALF, HALF), "float32"), {})


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


def wet(index: np.ndarray) -> np.ndarray:
    """Return how much of a pixel is water by its index, float64, 0 … 1."""
    return np.asarray(np.clip((index.astype("float64") - DRY) / (WET - DRY), 0, 1))


def _pictures(images: np.ndarray) -> np.ndarray:
    """Return what `Views.pictures` holds of images (image, band, y, x)."""
    clear = np.isfinite(images).all(1)[:, None]
    made = np.where(clear, np.concatenate([images, water_index(images)[:, None], clear], axis=1), 0.0)
    mean = made.reshape(len(images), made.shape[1], HALF, 2, HALF, 2).mean((3, 5))
    mean[:, :-1] /= np.maximum(mean[:, -1:], 0.25)
    return np.asarray(mean, dtype="float32")


def _times(column: pd.Series) -> np.ndarray:
    return column.to_numpy("datetime64[ns]")


def _last(chosen: np.ndarray) -> np.ndarray:
    """Return the last column that is chosen in each row, int64 (row,); 0 where none is."""
    return np.asarray(np.where(chosen, np.arange(chosen.shape[1]), 0).max(1, initial=0))


def _mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return weighted means of rows, float64 (row,), NaN without weight; summed in order, so that weights of 0 at the end change no bit."""
    whole = np.cumsum(weight, axis=1)[:, -1]
    return np.asarray(np.where(whole > 0, np.cumsum(values * weight, axis=1)[:, -1] / np.where(whole > 0, whole, 1), np.nan))
