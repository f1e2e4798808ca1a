"""Filling of a scene's gaps from the past and the season, corrected by what the scene itself shows around them; never from the future."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from glaciercast.config import Config
from glaciercast.cube import timefill
from glaciercast.cube.gapfill import Filled, fill_spatially


class SeasonFill(Config):
    """How far the past, the season and the scene's own pixels are believed; the defaults were chosen by measurement."""

    memory: float = Field(default=20.0, gt=0, description="days in which the weight of the last observation falls to 1/e")
    season: float = Field(default=45.0, gt=0, description="days around the time of year that count as the same season in earlier years")
    remember: float = Field(default=0.0, ge=0, le=1, description="weight, step by step, of what earlier steps told about the past's worth")
    ridge: float = Field(default=1.0, gt=0, description="how much detail must be seen until it is believed, as a sum of squares")


DEPTHS = (2, 5, 10)
"""Upper bounds of classes of depth in a gap, pixels; the worth of the past is learned for each class and beyond."""


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
    settings = settings or SeasonFill()
    days = timefill.days_of(times, values)
    series = np.ascontiguousarray(values, dtype="float32")
    filled = series.copy()
    last, age = np.full(series.shape[1:], np.nan, "float32"), np.zeros(series.shape[1:])
    seen = np.zeros((2, len(DEPTHS) + 1))
    for step, scene in enumerate(series):
        missing = np.isnan(scene)
        if missing.any():
            likely = expected(series, days, step, last, age, settings)
            seen = settings.remember * seen + worth(scene, likely)
            filled[step] = fill_scene(scene, likely, seen[0] / (seen[1] + settings.ridge))
        last, age = np.where(missing, last, scene), np.where(missing, age, 0.0)
        age += days[step + 1] - days[step] if step + 1 < len(days) else 0.0
    return Filled(filled, np.isnan(series) & ~np.isnan(filled))


def expected(series: np.ndarray, days: np.ndarray, step: int, last: np.ndarray, age: np.ndarray, settings: SeasonFill) -> np.ndarray:
    """Return what the past lets expect at a step, float32 (y, x); NaN where nothing was seen before.

    Parameters
    ----------
    series, days
        (time, y, x) and days; only steps before `step` are read.
    last, age
        Each pixel's last observation before the step, and its age in days.
    settings
        How.
    """
    usual = timefill.season_mean(series, days, step, settings.season)
    share = np.exp(-age / settings.memory).astype("float32")
    mixed = share * last + (1 - share) * usual
    return np.where(np.isnan(mixed), np.where(np.isnan(last), usual, last), mixed)


def fill_scene(scene: np.ndarray, likely: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return the scene (y, x) with gaps filled; observed pixels unchanged.

    Parameters
    ----------
    scene, likely
        Observed and expected, float32 (y, x); NaN is missing.
    factors
        How much of the expected detail is added, by class of depth (see `DEPTHS`); clipped to [0, 1].
    """
    gaps = np.isnan(scene)
    near, detail = _parts(scene, likely, gaps)
    added = np.clip(factors, 0, 1)[_depth_class(gaps)] * np.nan_to_num(detail)
    guess = np.where(np.isnan(near), likely, near + added)
    filled = np.where(gaps, guess, scene).astype("float32")
    return fill_spatially(filled) if np.isnan(filled).any() else filled


def worth(scene: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """Return by class of depth the sums of (lost · detail) and of (detail²), float64 (2, class), over known pixels hidden for a try.

    Hidden are the pixels under the step's own gaps, mirrored: real shapes and sizes, where the truth is known.
    """
    gaps = np.isnan(scene)
    sums = np.zeros((2, len(DEPTHS) + 1))
    for mirrored in (gaps[::-1], gaps[:, ::-1], gaps[::-1, ::-1]):
        near, detail = _parts(scene, likely, gaps | mirrored)
        tried = mirrored & ~gaps & np.isfinite(near) & np.isfinite(detail)
        classes, lost = _depth_class(gaps | mirrored)[tried], (scene - near)[tried]
        for row, product in enumerate((lost * detail[tried], detail[tried] ** 2)):
            sums[row] += np.bincount(classes, product, minlength=len(DEPTHS) + 1)
    return sums


def _parts(scene: np.ndarray, likely: np.ndarray, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scene filled by the kernel, and what the expected scene shows beyond its own fill."""
    both = np.where(gaps, np.float32(np.nan), np.stack([scene, likely]).astype("float32"))
    near, smooth = fill_spatially(both)
    return near, likely - smooth


def _depth_class(gaps: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    depth = ndimage.distance_transform_cdt(gaps, "chessboard")
    classes: np.ndarray = np.searchsorted(DEPTHS, depth)
    return classes
