"""Filling of missing steps of each pixel from its own series: from the past alone, or, for exploration, from both sides."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numba import njit

from glaciercast.cube.gapfill import Filled
from glaciercast.errors import InputError

SEASON_DAYS = 30.0
"""How far from the day of the year an observation of an earlier year still tells about it."""
_YEAR = 365.2425


class Frames(Protocol):
    """Frames (y, x) of a series that can be had by number: an array, a list, or a file."""

    def __getitem__(self, index: int, /) -> np.ndarray: ...


def forward(values: np.ndarray, times: np.ndarray, max_age: float | None = None, decay: float | None = None) -> Filled:
    """Carry each pixel's last observation forward; nothing is taken from later steps.

    Parameters
    ----------
    values
        Series (time, y, x), float32; NaN is missing.
    times
        Its times, datetime64, increasing.
    max_age
        Days after which an observation is not carried any more; None: for ever.
    decay
        Days in which the last observation's weight falls to 1/e, the rest being the pixel's mean of that season in earlier years (see
        `season_mean`); where there is none, the observation is carried as it is. None: no decay.

    Returns
    -------
    Filled
        (time, y, x); observed pixels unchanged.

    Raises
    ------
    InputError
        If the times do not increase or do not fit the values.
    """
    days = days_of(times, values)
    if max_age is not None and max_age < 0:
        raise InputError(f"max_age: expected at least 0 days, found {max_age}")
    if decay is not None and decay <= 0:
        raise InputError(f"decay: expected more than 0 days, found {decay}")
    series = np.ascontiguousarray(values, dtype="float32")
    filled = series.copy()
    last, age = np.full(series.shape[1:], np.nan, "float32"), np.zeros(series.shape[1:])
    for step in range(len(days)):
        past = last
        if decay is not None:
            usual = season_mean(series, days, step)
            share = np.exp(-age / decay)
            past = np.where(np.isnan(usual), last, (share * last + (1 - share) * usual).astype("float32"))
        _carry(filled[step], past, age, np.inf if max_age is None else max_age)
        last, age = np.where(np.isnan(series[step]), last, series[step]), np.where(np.isnan(series[step]), age, 0.0)
        age += days[step + 1] - days[step] if step + 1 < len(days) else 0.0
    return Filled(filled, np.isnan(series) & ~np.isnan(filled))


def interpolate(values: np.ndarray, times: np.ndarray) -> Filled:
    """Fill each pixel linearly in time between the observations before and after; ends stay missing. It looks ahead: for exploration only.

    Parameters and errors as for `forward`. Equal to ``xarray.DataArray.interpolate_na("time")``, in float32.
    """
    days = days_of(times, values)
    filled = np.array(values, dtype="float32", copy=True, order="C")
    _between(filled, days)
    return Filled(filled, np.isnan(values) & ~np.isnan(filled), looks_ahead=True)


def season_mean(values: np.ndarray, days: np.ndarray, step: int, width: float = SEASON_DAYS) -> np.ndarray:
    """Return each pixel's mean over earlier years' observations within `width` days of the step's time of year, float32 (y, x).

    Earlier years end half a year before the step, so that what is now is no part of what is usual. NaN where nothing was seen.

    Parameters
    ----------
    values, days
        Series (time, y, x), NaN missing, and its times in days.
    step
        Whose season it is; only steps before it are read.
    width
        Days on either side, weighted less the farther they are.
    """
    return usual(values, days[step] - days[:step], values.shape[1:], width)


def usual(frames: Frames, lag: np.ndarray, shape: tuple[int, ...], width: float) -> np.ndarray:
    """Return the mean of `season_mean` from earlier frames (y, x), each `lag` days old, float64 (frame,); `shape` is that of a frame."""
    apart = np.abs(lag - np.round(lag / _YEAR) * _YEAR)
    total, weight = np.zeros(shape, "float32"), np.zeros(shape, "float32")
    for index in np.flatnonzero((lag > _YEAR / 2) & (apart < width)):
        _add(frames[int(index)], np.float32(1 - apart[index] / width), total, weight)
    mean: np.ndarray = np.divide(total, weight, out=np.full(shape, np.nan, "float32"), where=weight > 0)
    return mean


def days_of(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return times as days since the first, float64 (time,), after checks; see `forward`."""
    if values.ndim != 3 or len(times) != len(values):
        raise InputError(f"fill in time: expected values (time, y, x) and as many times, found {values.shape} and {len(times)}")
    times = np.asarray(times, dtype="datetime64[ns]")
    days: np.ndarray = (times - times[:1]) / np.timedelta64(1, "D")
    if not (np.diff(days) > 0).all():
        raise InputError("fill in time: expected times that increase, found equal, unsorted or missing ones")
    return days


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _carry(values, past, age, longest):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    for row in range(values.shape[0]):
        for col in range(values.shape[1]):
            if np.isnan(values[row, col]) and age[row, col] <= longest:
                values[row, col] = past[row, col]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _add(values, share, total, weight):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    for row in range(values.shape[0]):
        for col in range(values.shape[1]):
            value = values[row, col]
            total[row, col] += share * value if value == value else np.float32(0)  # without a branch: several pixels at a time
            weight[row, col] += share if value == value else np.float32(0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _between(values, days):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Fill row by row of the scene, so that a row's whole series stays in the cache."""
    steps, height, width = values.shape
    last = np.empty(width, np.int64)
    for row in range(height):
        last[:] = -1
        for step in range(steps):
            line = values[step, row]
            for col in range(width):
                if line[col] == line[col]:
                    before = last[col]
                    if 0 <= before < step - 1:
                        start = np.float64(values[before, row, col])
                        slope = (np.float64(line[col]) - start) / (days[step] - days[before])
                        for gap in range(before + 1, step):
                            values[gap, row, col] = slope * (days[gap] - days[before]) + start
                    last[col] = step
