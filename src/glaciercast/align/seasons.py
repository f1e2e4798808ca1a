"""Cyclic encoding of the time of year."""

from __future__ import annotations

import numpy as np
import pandas as pd

DAYS_PER_YEAR = 365.2425


def phase(times: pd.DatetimeIndex) -> np.ndarray:
    """Return the elapsed share of the calendar year, float64 (time,) in [0, 1); a leap year has 366 days."""
    start = pd.to_datetime(times.year.astype(str) + "-01-01")
    end = pd.to_datetime((times.year + 1).astype(str) + "-01-01")
    share: np.ndarray = np.asarray((times - start) / (end - start), dtype="float64")
    return share


def encode(times: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
    """Return sine and cosine of 2π·`phase`, float32 (time,) each."""
    angle = 2 * np.pi * phase(times)
    return np.sin(angle).astype("float32"), np.cos(angle).astype("float32")


def steps_per_year(cadence: str) -> int:
    """Return how many steps of a pandas frequency make a year (12 for ``MS``), at least 1: those of four years, leap day included."""
    count = len(pd.date_range("2001-01-01", "2005-01-01", freq=cadence, inclusive="left"))
    return max(1, round(count / 4))


def season_index(middles: pd.DatetimeIndex, period: int) -> np.ndarray:
    """Return the season 0 … period − 1 of each step from the phase of its middle, int64 (time,)."""
    index: np.ndarray = np.minimum((phase(middles) * period).astype("int64"), period - 1)
    return index
