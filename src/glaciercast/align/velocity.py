"""Image pairs → velocity of each step: components weighted by their errors, on the site's grid and along its axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast import grid
from glaciercast.align import regrid, weighted
from glaciercast.align.steps import Step
from glaciercast.config import Config
from glaciercast.cube import resample
from glaciercast.cube.seasonfill import SeasonFill
from glaciercast.errors import InputError
from glaciercast.progress import note

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

SUMS_BYTES = 64 * 2**20
"""Of the sums of the steps that are made at once."""
PAIRS = 1024
"""Pairs that are read at once: those of a chunk."""
ROWS = 40
"""Rows that are read at once: those of a chunk."""


class VelocityAlign(Config):
    """How image pairs become the velocity of a step."""

    source: str | None = Field(
        default=None,
        description="which product under /velocity: pairs, or a series, such as itslive_series, to explore; null: the only pairs",
    )
    max_span_days: float = Field(default=128.0, gt=0, description="longer pairs are left out: over them fast ice does not match any more")
    season_fill: SeasonFill = Field(default=SeasonFill(neighbours=False, memory=180), description="how gaps are filled from the past")


def with_speed(step: Step) -> Step:
    """Return a step of ``vx`` and ``vy`` with ``speed``, observed where both components are."""
    arrays = {**step.arrays, "speed": np.hypot(step.arrays["vx"], step.arrays["vy"])}
    observed = {**step.observed, "speed": np.minimum(step.observed["vx"], step.observed["vy"])}
    return Step(arrays, observed, step.beside, step.facts)


class VelocitySteps:
    """The steps of one velocity product on the grid `target`, each made when it is asked for.

    A pair counts with weight *f*/σ², where *f* is the share of its span that lies in the step's window and σ its error (at least the
    product's rounding, half a metre a year). v̂x = Σ f vx/σ² / Σ f/σ², v̂y alike; ``speed`` is their hypotenuse, never a mean of speeds,
    which noise makes larger. ``v_error`` is 1/√(Σ f/σ²): the error of the mean where all spans lie in the window, else more than that, as
    the rest of a span tells of other times. Components are averaged on the product's own grid, turned to the target's axes and then
    interpolated bilinearly; NaN never bleeds.

    Parameters
    ----------
    dataset
        Group of ``/velocity``: ``vx``, ``vy``, ``v_error`` (pair, y, x), m/yr, and the pairs' times.
    settings
        What counts.
    target
        The site's grid.
    edges
        Of the steps, one more than there are; a step holds its first edge and not its last.
    group
        Path of the group, for messages and provenance.
    length
        Steps that a window spans: its own and those before.
    looks_ahead
        Whether every pair that overlaps a step counts; else only those whose later image was taken by the step's end.

    Raises
    ------
    InputError
        If a pair has no times or its later image is not later, edges are out of order, or the dataset has no grid.

    Notes
    -----
    Steps are made in blocks whose sums take at most `SUMS_BYTES`, from pieces of 1024 pairs and 40 rows: memory does not grow with the
    number of pairs or steps. Asked for in order, every piece is decoded about once.
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
        self.dataset, self.settings, self.target = dataset, settings, target
        self.groups: Sequence[str] = [group]
        self.starts, self.ends = regrid.windows(edges, length)
        self.native = grid.of(dataset, group)
        self.first, self.second, self.known = (
            dataset[name].values.astype("datetime64[ns]") for name in ("acquired_first", "acquired_second", "available_at")
        )
        wrong = ~(self.second > self.first) | np.isnat(self.known)
        if wrong.any():
            pair = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"{group}: pair {pair}: expected two acquisitions in order and when they were available, found {self.first[pair]}, "
                f"{self.second[pair]}, {self.known[pair]}"
            )
        self.angle = resample.turn(self.native, target)
        self._positions = resample.positions(self.native, target)
        self.season_fill, self.looks_ahead = settings.season_fill, looks_ahead
        self.comment = self._comment()
        self.dark = np.zeros(len(self.ends), bool)
        if not any(len(self._pairs(step)) for step in range(len(self.ends))):
            note(f"{group}: none of its {len(self.first)} pairs counts in any step; velocity will be missing")
        down, across = self._positions
        if not ((down >= 0) & (down < self.native.shape.y) & (across >= 0) & (across < self.native.shape.x)).any():
            note(f"{group}: lies outside the grid of the scenes; velocity will be missing")
        self._block = max(1, SUMS_BYTES // (3 * 8 * self.native.shape.y * self.native.shape.x))
        self._made: tuple[int, np.ndarray, list[np.ndarray]] = (-1, np.empty(0, np.float32), [])

    def _comment(self) -> str:
        limit = f"of pairs of at most {self.settings.max_span_days:g} days"
        return (
            f"velocity: components weighted by share of span and 1/error², {limit}, along the axes of this grid; speed is their hypotenuse"
        )

    def available(self, index: int) -> np.datetime64:
        """Return when the last pair that counts in a step could be had, not before the step's end."""
        known: np.datetime64 = max([self.ends[index], *self.known[self._pairs(index)]])
        return known

    def step(self, index: int) -> Step:
        """Return ``vx``, ``vy`` and, beside them, ``v_error`` of a step, m/yr, along the target's axes; observed: 1 where a pair counts.

        Raises
        ------
        InputError
            If there is no such step.
        """
        if not 0 <= index < len(self.ends):
            raise InputError(f"velocity: expected a step from 0 to {len(self.ends) - 1}, found {index}")
        begin = index - index % self._block
        if begin != self._made[0]:
            self._made = (begin, *self._make(range(begin, min(begin + self._block, len(self.ends)))))
        vx, vy, error = self._made[1][index - begin]
        vx, vy = resample.turned(vx, vy, self.angle)
        vx, vy, error = (resample.bilinear(values, *self._positions) for values in (vx, vy, error))
        seen = np.isfinite(vx).astype(np.float32)
        return Step({"vx": vx, "vy": vy}, {"vx": seen, "vy": seen.copy()}, {"v_error": error}, {"pairs": len(self._made[2][index - begin])})

    def complete(self, step: Step) -> Step:
        """Return a step with ``speed``."""
        return with_speed(step)

    def _make(self, steps: range) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the means (step, component or error, y, x) and the pairs that are in each step."""
        pair, step, share = self._shares(steps)
        sums = np.zeros((len(steps), 3, *self.native.shape))
        used = np.zeros(len(pair), bool)
        for first in range(0, len(self.first), PAIRS):
            chosen = slice(*np.searchsorted(pair, (first, first + PAIRS)))
            if chosen.start == chosen.stop:
                continue
            low, high = pair[chosen][0], pair[chosen][-1] + 1
            for rows in self._bands():
                vx, vy, error = (self.dataset[name].isel(pair=slice(low, high), y=rows).values for name in ("vx", "vy", "v_error"))
                part = sums[:, :, rows]
                weighted.accumulate(vx, vy, error, pair[chosen] - low, step[chosen] - steps.start, share[chosen], part, used[chosen])
        return weighted.means(sums), [pair[used & (step == number)] for number in steps]

    def _bands(self) -> Iterator[slice]:
        for top in range(0, self.native.shape.y, ROWS):
            yield slice(top, min(top + ROWS, self.native.shape.y))

    def _shares(self, steps: range) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return pair, step and share of the pair's span that lies in the step, sorted by pair, for all that count."""
        found = []
        for step in steps:
            pairs = self._pairs(step)
            inside = np.minimum(self.second[pairs], self.ends[step]) - np.maximum(self.first[pairs], self.starts[step])
            found.append((pairs, np.full(len(pairs), step), inside / (self.second - self.first)[pairs]))
        pair, number, share = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.argsort(pair, kind="stable")
        return pair[order], number[order], share[order]

    def _pairs(self, step: int) -> np.ndarray:
        """Return the pairs that count in a step, whether or not they show anything."""
        start, end = self.starts[step], self.ends[step]
        counts = (self.second - self.first) <= np.timedelta64(round(self.settings.max_span_days * 86400e9), "ns")
        counts &= (self.first < end) & (self.second > start)
        if not self.looks_ahead:
            counts &= self.second <= end
        return np.flatnonzero(counts)
