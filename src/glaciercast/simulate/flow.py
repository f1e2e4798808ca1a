"""Motion of the ice in time: velocity, and the path of every particle between two dates."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass

import numba
import numpy as np
import pandas as pd

from glaciercast.simulate.scenario import GlacierSpec, SurgeSpec

YEAR = 365.25
STEP = 1.0
"""Greatest distance, in pixels, that one step of the integration may carry a particle."""
KEYS = 64
"""Nodes per year at which the factors of sliding and surge are integrated."""


@dataclass(frozen=True)
class Flow:
    """v(x, t) = creep(x) + season(t) · sliding(x) + pulse(t) · surge(x), on a grid with square pixels, north up.

    Between pixel centres the three fields are interpolated bilinearly; that interpolant *is* the truth.
    """

    creep: np.ndarray
    """float32 (2, y, x): eastward, northward, m/yr."""
    sliding: np.ndarray
    surge: np.ndarray
    resolution: float
    """m"""
    glacier: GlacierSpec
    surge_spec: SurgeSpec | None

    def factors(self, time: pd.DatetimeIndex) -> np.ndarray:
        """Return the factors of creep, sliding and surge, (time, 3)."""
        day = time.day_of_year.to_numpy() + time.hour.to_numpy() / 24
        season = 1 + self.glacier.seasonal_amplitude * np.cos(2 * np.pi * (day - self.glacier.seasonal_peak) / YEAR)
        return np.stack([np.ones(len(time)), season, self._pulse(time)], axis=1)

    def velocity(self, time: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
        """Return the eastward and northward velocity at one moment, float32 (y, x), m/yr."""
        return self._combine(self.factors(pd.DatetimeIndex([time]))[0])

    def mean_velocity(self, start: pd.Timestamp, end: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
        """Return the velocity averaged over time at each place, float32 (y, x), m/yr."""
        years = (pd.Timestamp(end) - pd.Timestamp(start)) / pd.Timedelta(days=YEAR)
        return self._combine(self.integrals(start, end) / years)

    def integrals(self, start: pd.Timestamp, end: pd.Timestamp) -> np.ndarray:
        """Return the time integrals of the three factors from `start` to `end`, (3,), years; exactly the negative backwards."""
        if end < start:
            return -self.integrals(end, start)
        years = (pd.Timestamp(end) - pd.Timestamp(start)) / pd.Timedelta(days=YEAR)
        nodes = max(9, int(abs(years) * KEYS) | 1)
        share = (np.arange(nodes) + 0.5) / nodes
        times = pd.DatetimeIndex(pd.Timestamp(start) + share * (pd.Timestamp(end) - pd.Timestamp(start)))
        return np.asarray(self.factors(times).mean(axis=0) * years)

    def origins(self, time: pd.Timestamp, reference: pd.Timestamp, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where the ice that is at each pixel at `time` was at `reference`, as an offset in metres.

        Parameters
        ----------
        time, reference
            UTC; either may be the earlier.
        where
            bool (y, x): pixels to follow; the others get 0.

        Returns
        -------
        tuple of numpy.ndarray
            Eastward and northward offset, float32 (y, x): ``x(reference) − x(time)``. Fourth-order Runge–Kutta steps of at most
            `STEP` pixels through the velocity; no image is resampled, so nothing blurs.
        """
        edges = self._step_edges(time, reference)
        rows, columns = np.nonzero(where)
        row, column = rows.astype(np.float64), columns.astype(np.float64)
        moving = self._moving
        row, column = row - moving[0].start, column - moving[1].start
        for begin, end in itertools.pairwise(edges):
            east, north = self._combine(self.integrals(begin, end) / self.resolution, moving)
            farthest = max(float(np.abs(east).max()), float(np.abs(north).max()))
            _follow(east, north, row, column, max(1, int(np.ceil(farthest / STEP))))
        row, column = row + moving[0].start, column + moving[1].start
        offsets = np.zeros((2, *where.shape), np.float32)
        offsets[0][where] = (column - columns) * self.resolution
        offsets[1][where] = -(row - rows) * self.resolution
        return offsets[0], offsets[1]

    def _step_edges(self, time: pd.Timestamp, reference: pd.Timestamp) -> list[pd.Timestamp]:
        """Return moments between which the mix of the three fields may be held constant: finely in a surge, else by half-years.

        The direction of quiet flow hardly depends on the mix (creep and sliding are parallel), that of a surge does.
        """
        time, reference = pd.Timestamp(time), pd.Timestamp(reference)
        low, high = min(time, reference), max(time, reference)
        inner = pd.date_range(low, high, freq=pd.Timedelta(days=182.625), inclusive="neither")
        edges = {low, high, *inner}
        if self.surge_spec is not None:
            first, last = pd.Timestamp(self.surge_spec.start), pd.Timestamp(self.surge_spec.end)
            edges |= {t for t in pd.date_range(first, last, freq="20D") if low < t < high}
        return sorted(edges, reverse=reference < time)

    def _pulse(self, time: pd.DatetimeIndex) -> np.ndarray:
        """Return the surge's strength, 0–1: a smooth rise to the peak, a longer smooth decline."""
        if self.surge_spec is None:
            return np.zeros(len(time))
        start, peak, end = (pd.Timestamp(day) for day in (self.surge_spec.start, self.surge_spec.peak, self.surge_spec.end))
        rise = np.clip(((time - start) / (peak - start)).to_numpy(dtype=float), 0, 1)
        fall = np.clip(((end - time) / (end - peak)).to_numpy(dtype=float), 0, 1)
        return np.asarray(np.where(time <= peak, np.sin(rise * np.pi / 2) ** 2, np.sin(fall * np.pi / 2) ** 2))

    @functools.cached_property
    def _moving(self) -> tuple[slice, slice]:
        """The smallest window with a border of 2 pixels that holds everything that ever moves."""
        anywhere = (self.creep != 0).any(axis=0) | (self.sliding != 0).any(axis=0) | (self.surge != 0).any(axis=0)
        if not anywhere.any():
            return slice(0, 2), slice(0, 2)
        bounds = []
        for axis in (1, 0):
            at = np.flatnonzero(anywhere.any(axis=axis))
            bounds.append(slice(max(0, int(at[0]) - 2), int(at[-1]) + 3))
        return bounds[0], bounds[1]

    def _combine(self, factors: np.ndarray, window: tuple[slice, slice] = (slice(None), slice(None))) -> tuple[np.ndarray, np.ndarray]:
        part = (slice(None), *window)
        mixed = self.creep[part] * np.float32(factors[0]) + self.sliding[part] * np.float32(factors[1])
        if factors[2] != 0:
            mixed += self.surge[part] * np.float32(factors[2])
        return mixed[0], mixed[1]


@numba.njit(cache=True, nogil=True, inline="always")
def _sample(field: np.ndarray, row: float, column: float) -> float:
    rows, columns = field.shape
    r, c = min(max(row, 0.0), rows - 1.001), min(max(column, 0.0), columns - 1.001)
    i, j = int(r), int(c)
    u, v = r - i, c - j
    top = field[i, j] + v * (field[i, j + 1] - field[i, j])
    bottom = field[i + 1, j] + v * (field[i + 1, j + 1] - field[i + 1, j])
    return float(top + u * (bottom - top))


@numba.njit(cache=True, nogil=True)
def _follow(east: np.ndarray, north: np.ndarray, row: np.ndarray, column: np.ndarray, steps: int) -> None:
    """Move particles (in place) through a field of total displacement (pixels) in equal Runge–Kutta steps."""
    h = 1.0 / steps
    for p in range(row.size):
        r, c = row[p], column[p]
        for _ in range(steps):
            a, b = _sample(east, r, c), -_sample(north, r, c)
            e, f = _sample(east, r + h / 2 * b, c + h / 2 * a), -_sample(north, r + h / 2 * b, c + h / 2 * a)
            g, k = _sample(east, r + h / 2 * f, c + h / 2 * e), -_sample(north, r + h / 2 * f, c + h / 2 * e)
            m, n = _sample(east, r + h * k, c + h * g), -_sample(north, r + h * k, c + h * g)
            c += h / 6 * (a + 2 * e + 2 * g + m)
            r += h / 6 * (b + 2 * f + 2 * k + n)
        row[p], column[p] = r, c
