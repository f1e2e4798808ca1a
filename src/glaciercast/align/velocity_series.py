"""A regular series of velocity → velocity of each step: its mean over the step, on the site's grid and along its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glaciercast import grid
from glaciercast.align import regrid
from glaciercast.align.steps import Step
from glaciercast.align.velocity import VelocityAlign, with_speed
from glaciercast.cube import resample
from glaciercast.errors import InputError
from glaciercast.progress import note

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

READ = ("vx", "vy", "vx_error", "vy_error", "vx_observed", "vy_observed")
READ_BYTES = 64 * 2**20
"""Of the steps of the series that are kept at once: its chunks span all of them, so that each is decoded as seldom as may be."""


class SeriesSteps:
    """The steps of one regular series of velocity, such as ``/velocity/itslive_series``, on the grid `target`.

    A step is the mean of the series over its window: Σ d v / Σ d over the series' steps that pairs span, with *d* the time for which each
    lies in the window; ``_observed`` is the share of the window that pairs span. What the series' smoothing alone fills is missing here,
    and filled as any gap is. ``v_error`` is Σ d σ / Σ d, with σ the root mean square of both components' errors: one smoothing made
    neighbouring steps, so that their mean is no surer than they are.

    **Hindsight.** A series was inverted from the pairs before and after each step. Its steps are available when the last of its pairs
    was, and the series looks ahead, unless its attribute ``looks_ahead`` is 0: what is aligned from it is for exploration, as two-sided
    filling is, and no model takes it.

    Parameters
    ----------
    dataset
        Group of ``/velocity``: `READ` (time, y, x), m/yr, ``time_bounds`` and ``available_at``.
    settings
        How gaps are filled; the longest span is that with which the series was inverted.
    target
        The site's grid.
    edges
        Of the steps, one more than there are.
    group
        Path of the group, for messages and provenance.
    length
        Steps that a window spans: its own and those before.
    looks_ahead
        Whether steps of the series that end after the window count; in a series that looks ahead they do.

    Raises
    ------
    InputError
        If the series' steps overlap or tell no time of availability, edges are out of order, or the dataset has no grid.
    """

    names: Sequence[str] = ("vx", "vy", "speed")
    basic: Sequence[str] = ("vx", "vy")
    beside: Mapping[str, str] = {"v_error": "float32"}

    def __init__(
        self,
        dataset: xr.Dataset,
        settings: VelocityAlign,
        target: GeoBox,
        edges: pd.DatetimeIndex,
        *,
        group: str = "/velocity",
        length: int = 1,
        looks_ahead: bool = False,
    ) -> None:
        self.dataset, self.season_fill = dataset, settings.season_fill
        self.groups: Sequence[str] = [group]
        self.starts, self.ends = regrid.windows(edges, length)
        native = grid.of(dataset, group)
        self.first, self.last = dataset["time_bounds"].values.astype("datetime64[ns]").T
        self.known = dataset["available_at"].values.astype("datetime64[ns]")
        if (self.first[1:] < self.last[:-1]).any() or not (self.last > self.first).all() or np.isnat(self.known).any():
            raise InputError(f"{group}: expected steps one after the other and when they were available, found others")
        self.looks_ahead = looks_ahead or bool(dataset.attrs.get("looks_ahead", 1))
        if self.looks_ahead and not looks_ahead:
            note(f"{group}: was inverted in hindsight; what is aligned from it is to explore, and no model reads it")
        self.angle, self._positions = resample.turn(native, target), resample.positions(native, target)
        self.comment = f"velocity: mean of {group} over each step, along the axes of this grid; {dataset.attrs.get('comment', '')}".rstrip(
            "; "
        )
        self.dark = np.zeros(len(self.ends), bool)
        if not any(len(self._members(step)) for step in range(len(self.ends))):
            note(f"{group}: none of its {len(self.first)} steps counts in any step; velocity will be missing")
        self._fit = max(1, READ_BYTES // (4 * len(READ) * native.shape.y * native.shape.x))
        self._kept, self._arrays = range(0), dict[str, np.ndarray]()

    def available(self, index: int) -> np.datetime64:
        """Return when the last of the series' steps that count in a step could be had, not before the step's end."""
        known: np.datetime64 = max([self.ends[index], *self.known[self._members(index)]])
        return known

    def step(self, index: int) -> Step:
        """Return ``vx``, ``vy`` and, beside them, ``v_error`` of a step, m/yr, along the target's axes, and the share that was observed."""
        if not 0 <= index < len(self.ends):
            raise InputError(f"velocity: expected a step from 0 to {len(self.ends) - 1}, found {index}")
        members = self._members(index)
        vx, vy, error, seen = self._mean(index, members)
        vx, vy = resample.turned(vx, vy, self.angle)
        vx, vy, error, seen = (resample.bilinear(values, *self._positions) for values in (vx, vy, error, seen))
        share = np.nan_to_num(seen)
        return Step({"vx": vx, "vy": vy}, {"vx": share, "vy": share.copy()}, {"v_error": error}, {"series_steps": len(members)})

    def complete(self, step: Step) -> Step:
        """Return a step with ``speed``."""
        return with_speed(step)

    def _members(self, step: int) -> np.ndarray:
        """Return the series' steps that count in a step."""
        counts = (self.first < self.ends[step]) & (self.last > self.starts[step])
        if not self.looks_ahead:
            counts &= self.last <= self.ends[step]
        return np.flatnonzero(counts)

    def _mean(self, step: int, members: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return vx, vy, error and the share of the window that was observed, float32 (y, x) on the series' own grid."""
        vx, vy, error_x, error_y, seen_x, seen_y = self._read(members)
        inside = np.minimum(self.last[members], self.ends[step]) - np.maximum(self.first[members], self.starts[step])
        seen, error = np.minimum(seen_x, seen_y), np.hypot(error_x, error_y) / np.sqrt(2)
        counts = np.isfinite(vx) & np.isfinite(vy) & (seen > 0)
        weight = np.where(counts, (inside / (self.ends[step] - self.starts[step]))[:, None, None], 0.0)
        total = weight.sum(axis=0)
        some = np.where(total > 0, total, np.nan)
        means = [(weight * np.where(counts, values, 0.0)).sum(axis=0) / some for values in (vx, vy, error, seen)]
        means[3] *= total
        return tuple(values.astype(np.float32) for values in means)

    def _read(self, members: np.ndarray) -> list[np.ndarray]:
        """Return the variables `READ` of consecutive steps of the series, float32 (step, y, x) each; some more are kept."""
        low, high = (int(members[0]), int(members[-1]) + 1) if len(members) else (0, 0)
        if not (self._kept.start <= low and high <= self._kept.stop):
            self._kept = range(low, max(high, min(low + self._fit, len(self.first))))
            chosen = self.dataset[list(READ)].isel(time=slice(self._kept.start, self._kept.stop)).load()
            self._arrays = {name: chosen[name].values for name in READ}
        begin = self._kept.start
        if not len(members):
            return [np.empty((0, *self.dataset["vx"].shape[1:]), np.float32) for _ in READ]
        return [self._arrays[name][low - begin : high - begin] for name in READ]
