"""Filling of a scene's gaps from the past and the season, corrected by what the scene itself shows around them; never from the future."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from pydantic import Field

from glaciercast.config import Config
from glaciercast.cube import gapfill_kernels, timefill
from glaciercast.cube import seasonfill_kernels as kernels
from glaciercast.cube.frames import Spool
from glaciercast.cube.gapfill import Filled, fill_spatially
from glaciercast.errors import InputError


class SeasonFill(Config):
    """How far the past, the season and the scene's own pixels are believed; the defaults were chosen by measurement."""

    memory: float = Field(default=40.0, gt=0, description="days in which the weight of the last observation falls to 1/e")
    season: float = Field(default=45.0, gt=0, description="days around the time of year that count as the same season in earlier years")
    remember: float = Field(default=0.0, ge=0, le=1, description="weight, step by step, of what earlier steps told about the past's worth")
    neighbours: bool = Field(default=True, description="whether the scene's own pixels tell about a gap; else only the past does")
    ridge: float = Field(default=1.0, gt=0, description="how much detail must be seen until it is believed, as a sum of squares")


DEPTHS = (2, 5, 10)
"""Upper bounds of classes of depth in a gap, pixels; the worth of the past is learned for each class and beyond."""
TILE = 256
"""Pixels along the side up to which a scene is tried as a whole; a larger one is cut into tiles of at most this size."""
TURNS = 2
"""Of a large scene's tiles, one of as many is tried under each kind of mirrored gap: what is left tells enough."""
_BOUNDS = np.array(DEPTHS)


def fill(values: np.ndarray, times: np.ndarray, settings: SeasonFill | None = None) -> Filled:
    """Fill each step's gaps from the neighbours, with as much detail from the past as has proved worth it.

    The 5×5 kernel fills the step and, under the same gaps, what was to be expected: the last observation, and, the older it is, the more
    the mean of the season in earlier years. What the expected scene shows in the gap beyond its own fill is the detail that the kernel
    loses; it is added with a factor between 0 and 1 by depth in the gap. The factor is the regression of what the kernel loses on known
    pixels under the mirrored gaps of the step itself, remembered from earlier steps. Where a step shows nothing at all, what was expected
    is taken. Only the step itself and earlier steps are used.

    Parameters
    ----------
    values
        Series (time, y, x), float32; NaN is missing.
    times
        Its times, datetime64, increasing.
    settings
        How; None: the defaults.

    Returns
    -------
    Filled
        (time, y, x); observed pixels unchanged; NaN where neither the past nor the scene knows anything.

    Raises
    ------
    InputError
        If the times do not increase or do not fit the values.
    """
    timefill.days_of(times, values)
    series = np.ascontiguousarray(values, dtype="float32")
    filler = SeasonFiller(settings, series.shape[1:])
    filled = np.empty_like(series)
    for step, (scene, time) in enumerate(zip(series, np.asarray(times, dtype="datetime64[ns]"), strict=True)):
        filled[step], _ = filler.step(scene, time)
    return Filled(filled, np.isnan(series) & ~np.isnan(filled))


class SeasonFiller:
    """The fill of `fill`, one step at a time: what it returns for a step depends on that step and those before it, and on nothing else.

    It keeps every observed frame, as any of them may tell about the season of a later year: 4 bytes a pixel and step, 2.6 MB a step of
    800×800 pixels. With `spool` they lie in a file without a name, and memory stays the same however long the series is.

    Parameters
    ----------
    settings
        How; None: the defaults.
    shape
        Of a scene (y, x).
    spool
        Folder of the file of frames; None keeps them in memory.
    """

    def __init__(self, settings: SeasonFill | None, shape: tuple[int, ...], spool: Path | None = None) -> None:
        self.settings, self.shape = settings or SeasonFill(), tuple(shape)
        self._frames: list[np.ndarray] | Spool = [] if spool is None else Spool(spool, self.shape)
        self._times: list[np.datetime64] = []
        self._last, self._when = np.full(self.shape, np.nan, "float32"), np.zeros(self.shape, "int32")
        self._seen = np.zeros((2, len(DEPTHS) + 1))

    def step(self, scene: np.ndarray, time: np.datetime64) -> tuple[np.ndarray, np.ndarray]:
        """Return the next scene filled, float32 (y, x), and which of its pixels the fill made, bool (y, x).

        Parameters
        ----------
        scene
            What was observed, float32 (y, x); NaN is missing. It is copied.
        time
            When, after all steps so far.

        Raises
        ------
        InputError
            If the scene has another shape or an infinite value, or its time is not after that of the step before.
        """
        scene = self._arrive(scene, time)
        missing = np.isnan(scene)
        filled = scene
        if missing.any():
            likely = self._expected()
            filled = self._blended(scene, likely) if self.settings.neighbours else np.where(missing, likely, scene)
        self._keep(scene)
        return filled.copy() if filled is scene else filled, missing & ~np.isnan(filled)

    def restore(self, steps: Iterable[tuple[np.ndarray, np.datetime64]]) -> None:
        """Take in scenes that were filled before, as `step` would, without filling them; (scene, time) as observed, in order.

        What follows is then the same bit for bit as if nothing had been interrupted. Errors as for `step`.
        """
        for observed, time in steps:
            scene = self._arrive(observed, time)
            if self.settings.remember and self.settings.neighbours and np.isnan(scene).any():
                self._learn(scene, self._expected())
            self._keep(scene)

    def forget(self) -> None:
        """Take nothing more from the last observations, as after a polar night; what earlier years show of the season stays."""
        self._last[:] = np.nan

    def _arrive(self, scene: np.ndarray, time: np.datetime64) -> np.ndarray:
        if scene.shape != self.shape:
            raise InputError(f"season fill: expected a scene of shape {self.shape}, found {scene.shape}")
        now = time.astype("datetime64[ns]")
        if np.isnat(now) or (self._times and now <= self._times[-1]):
            after = f" after {self._times[-1]}" if self._times else ""
            raise InputError(f"season fill: expected a time{after}, found {now}")
        if np.isinf(scene).any():
            raise InputError("season fill: expected finite values, NaN where missing; found an infinite one")
        self._times.append(now)
        return np.array(scene, dtype="float32", order="C")

    def _expected(self) -> np.ndarray:
        """Return what the past lets expect now, float32 (y, x); NaN where nothing was seen before."""
        lag = (self._times[-1] - np.array(self._times)) / np.timedelta64(1, "D")
        season = timefill.usual(self._frames, lag[:-1], self.shape, self.settings.season)
        likely = np.empty(self.shape, "float32")
        kernels.expect(season, self._last, self._when, np.exp(-lag / self.settings.memory).astype("float32"), likely)
        return likely

    def _learn(self, scene: np.ndarray, likely: np.ndarray) -> None:
        """Weigh what was to be expected of a scene against what the scene shows."""
        self._seen = self.settings.remember * self._seen + worth(scene, likely)

    def _blended(self, scene: np.ndarray, likely: np.ndarray) -> np.ndarray:
        self._learn(scene, likely)
        return fill_scene(scene, likely, self._seen[0] / (self._seen[1] + self.settings.ridge))

    def _keep(self, scene: np.ndarray) -> None:
        self._frames.append(scene)
        kernels.keep(scene, len(self._times) - 1, self._last, self._when)


def fill_scene(scene: np.ndarray, likely: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return the scene (y, x) with gaps filled; observed pixels unchanged, and nothing beyond what is observed or expected anywhere.

    Parameters
    ----------
    scene, likely
        Observed and expected, float32 (y, x); NaN is missing.
    factors
        How much of the expected detail is added, by class of depth (see `DEPTHS`); clipped to [0, 1].
    """
    gaps = np.isnan(scene)
    if gaps.all():
        return fill_spatially(likely) if np.isnan(likely).any() else likely
    filled, part = scene.copy(), _around(gaps)
    both, depth = _tried(scene[part], likely[part], gaps[part])
    low, high = (limit.reduce((limit.reduce(scene, axis=None), limit.reduce(likely, axis=None))) for limit in (np.fmin, np.fmax))
    unknown = kernels.blend(scene[part], likely[part], both, depth, _BOUNDS, np.clip(factors, 0, 1).astype("float32"), low, high)
    filled[part] = both[0]
    return fill_spatially(filled) if unknown else filled


def worth(scene: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """Return by class of depth the sums of (lost · detail) and of (detail²), float64 (2, class), over known pixels hidden for a try.

    Hidden are the pixels under the step's own gaps, mirrored: real shapes and sizes, where the truth is known. A large scene is tried in
    some of its tiles.
    """
    gaps = np.isnan(scene)

    def learned(trial: tuple[tuple[slice, slice], np.ndarray]) -> np.ndarray:
        part, mirrored = trial
        sums = np.zeros((2, len(DEPTHS) + 1))
        if (mirrored & ~gaps[part]).any():
            both, depth = _tried(scene[part], likely[part], gaps[part] | mirrored)
            kernels.regress(scene[part], likely[part], both, depth, _BOUNDS, sums)
        return sums

    with ThreadPoolExecutor(max(1, len(os.sched_getaffinity(0)))) as pool:
        total: np.ndarray = np.sum(list(pool.map(learned, _trials(gaps))), axis=0)
    return total


def _trials(gaps: np.ndarray) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Yield tiles, and which of their pixels a mirrored gap hides; each of the three kinds in tiles of its own, if there are enough."""
    rows, columns = (_cut(size) for size in gaps.shape)
    turns = min(TURNS, max(len(rows), len(columns)))
    for kind, mirrored in enumerate((gaps[::-1], gaps[:, ::-1], gaps[::-1, ::-1])):
        for line, row in enumerate(rows):
            for place, column in enumerate(columns):
                if (line + place) % turns == kind % turns:
                    yield (row, column), mirrored[row, column]


def _cut(size: int) -> list[slice]:
    edges = np.linspace(0, size, -(-size // TILE) + 1).astype(int).tolist()
    return [slice(*bounds) for bounds in itertools.pairwise(edges)]


def _around(gaps: np.ndarray) -> tuple[slice, slice]:
    """Return the part of a scene that holds all its gaps and whatever the kernel reads around them."""
    rows, columns = (np.flatnonzero(gaps.any(axis=axis)) for axis in (1, 0))
    reach = gapfill_kernels.REACH
    return slice(max(0, rows[0] - reach), rows[-1] + reach + 1), slice(max(0, columns[0] - reach), columns[-1] + reach + 1)


def _tried(scene: np.ndarray, likely: np.ndarray, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return scene and expectation, each without the gaps and filled by the kernel, (2, y, x), and the depth in the gaps with a margin."""
    both = np.empty((2, *scene.shape), "float32")
    kernels.hide(scene, likely, gaps, both)
    return fill_spatially(both), gapfill_kernels.distances(gaps)
