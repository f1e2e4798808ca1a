"""True means, medians and medoids over windows of time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from glaciercast.align import composite_kernels as kernels
from glaciercast.errors import InputError, unknown

How = Literal["mean", "median", "medoid"]
MOST_SCENES = 2**16 - 1
"""Scenes a window may have: as many as a count holds."""
_GRAIN = 2.0**-24
"""Weights are rounded to multiples of it, so that their sums and their products with float32 values are exact."""


@dataclass(frozen=True)
class Composite:
    """What a window gives."""

    values: np.ndarray
    """float32; NaN where no scene saw the pixel."""
    count: np.ndarray
    """uint16: how many scenes saw it."""


def composite(
    values: np.ndarray, how: How = "mean", weights: Sequence[float] | np.ndarray | None = None, times: np.ndarray | None = None
) -> Composite:
    """Return the composite of the scenes of one window. The order of the scenes does not matter, to the last bit.

    The mean and the median treat each pixel and band on its own; the median of an even number is the mean of the two in the middle. The
    weighted median is the mean of the lower and the upper one: the smallest value at which the weights so far reach half of all, and the
    smallest at which they exceed it. The medoid is an observed spectrum: that of the scene which is nearest, by the sum of squared
    differences, to the bands' (weighted) medians; of equally near scenes the earliest counts. Flood defines it by the distances to all
    other spectra instead; the distance to the median is the quicker variant of Kennedy et al.

    The whole window is in memory; for means of many scenes one at a time see `RunningMean`.

    Parameters
    ----------
    values
        (scene, y, x) or (scene, band, y, x), float32; NaN is missing. The medoid needs bands, and a scene counts at a pixel only where none
        of them is missing.
    how
        ``mean``, ``median`` or ``medoid``.
    weights
        What each scene weighs, 0 … 1 (scene,), such as the fraction of it that is clear; rounded to multiples of 2⁻²⁴. A scene of weight 0
        does not count. None: all weigh alike.
    times
        When each scene was taken (scene,), for the medoid; None: they are in order of time. Of simultaneous and equally near spectra that
        counts which is smaller in the first band in which they differ.

    Returns
    -------
    Composite
        (y, x) or (band, y, x); the medoid's count is (y, x).

    Raises
    ------
    InputError
        If shapes, method or weights do not fit, there are too many scenes, or a value is infinite or beyond ±2²⁷.

    References
    ----------
    Flood, N. (2013), Seasonal composite Landsat TM/ETM+ images using the medoid, Remote Sensing 5, 6481–6500.
    Kennedy, R. E., et al. (2018), Implementation of the LandTrendr algorithm on Google Earth Engine, Remote Sensing 10, 691.
    """
    stack, shares, moments = _checked(values, how, weights, times)
    made = _empty(stack.shape[1:], how)
    _write(stack, np.arange(len(stack)), shares, moments, how, made)
    return made


def resample(
    values: np.ndarray, times: np.ndarray, edges: pd.DatetimeIndex, how: How = "mean", weights: Sequence[float] | np.ndarray | None = None
) -> Composite:
    """Return the composites of all windows of a series; a window without scenes is NaN, with count 0.

    Parameters
    ----------
    values, how, weights
        As for `composite`, with time in place of scene.
    times
        datetime64 (time,), in any order, duplicates allowed; scenes before the first or at or after the last edge are left out.
    edges
        Increasing edges of the windows, one more than there are windows (see `glaciercast.stats.cadence`); a scene on an edge belongs to
        the window that begins there.

    Returns
    -------
    Composite
        The same with the windows as first dimension.

    Raises
    ------
    InputError
        As `composite`, or if a time is missing or the edges do not increase.
    """
    stack, shares, moments = _checked(values, how, weights, times)
    if len(edges) < 2 or not edges.is_monotonic_increasing or not edges.is_unique:
        raise InputError("resample: expected at least two edges of windows, increasing")
    moments = moments.astype("datetime64[ns]")
    if np.isnat(moments).any():
        raise InputError("resample: expected a time for each scene; found a missing one")
    window = edges.to_numpy("datetime64[ns]").searchsorted(moments, side="right") - 1
    made = _empty((len(edges) - 1, *stack.shape[1:]), how)
    for step in range(len(edges) - 1):
        _write(stack, np.flatnonzero(window == step), shares, moments, how, Composite(made.values[step], made.count[step]))
    return made


class RunningMean:
    """Weighted mean of scenes that come one at a time, so that memory does not grow with their number.

    It equals ``composite(…, "mean", …)`` bit for bit, whatever the order of the scenes: each is rounded to multiples of 2⁻⁴⁶ before it is
    summed, and sums of these are exact.

    Parameters
    ----------
    shape
        (y, x).

    Attributes
    ----------
    weight
        What the scenes that saw a pixel weigh together so far, float64 (y, x).
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._coarse, self._fine, self.weight = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._count, self._scenes = np.zeros(shape, "uint16"), 0

    def add(self, values: np.ndarray, weight: float = 1.0) -> None:
        """Add a scene (y, x), float32, NaN missing, of weight 0 … 1; raise InputError as `composite` does."""
        if values.shape != self.weight.shape:
            raise InputError(f"composite: expected scenes of shape {self.weight.shape}, found {values.shape}")
        share = _shares([weight], 1)[0]
        if share == 0:
            return
        self._scenes = _few(self._scenes + 1)
        scene = np.ascontiguousarray(values, dtype="float32")
        over_rows(kernels.add_rows, len(scene), scene, share, self._coarse, self._fine, self.weight, self._count)

    def result(self) -> Composite:
        """Return the mean so far, float32 (y, x), NaN where nothing was seen, and the count."""
        mean = np.divide(self._coarse + self._fine, self.weight, out=np.full(self.weight.shape, np.nan), where=self.weight > 0)
        return Composite(mean.astype("float32"), self._count.copy())


def _checked(
    values: np.ndarray, how: How, weights: Sequence[float] | np.ndarray | None, times: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return contiguous values, the weight of each scene, and its time or, without times, its place."""
    if how not in get_args(How):
        raise InputError(f"composite: {unknown('method', how, get_args(How))}")
    dimensions = (4,) if how == "medoid" else (3, 4)
    if values.ndim not in dimensions:
        wanted = "(scene, band, y, x)" if how == "medoid" else "(scene, y, x) or (scene, band, y, x)"
        raise InputError(f"composite: expected values {wanted} for the {how}, found {values.shape}")
    moments = np.arange(len(values)) if times is None else np.asarray(times)
    if moments.shape != values.shape[:1]:
        raise InputError(f"composite: expected a time for each of {len(values)} scenes, found {moments.shape}")
    return np.ascontiguousarray(values, dtype="float32"), _shares(weights, len(values)), moments


def _shares(weights: Sequence[float] | np.ndarray | None, number: int) -> np.ndarray:
    shares = np.ones(number) if weights is None else np.asarray(weights, dtype="float64")
    if shares.shape != (number,) or not ((shares >= 0) & (shares <= 1)).all():
        raise InputError(f"composite: expected {number} weights from 0 to 1, found {weights}")
    return (np.round(shares / _GRAIN) * _GRAIN).astype("float32")


def _few(scenes: int) -> int:
    if scenes > MOST_SCENES:
        raise InputError(f"composite: expected at most {MOST_SCENES} scenes a window, found {scenes}")
    return scenes


def _empty(shape: tuple[int, ...], how: How) -> Composite:
    counted = (*shape[:-3], *shape[-2:]) if how == "medoid" else shape
    return Composite(np.empty(shape, "float32"), np.empty(counted, "uint16"))


def _write(stack: np.ndarray, members: np.ndarray, shares: np.ndarray, moments: np.ndarray, how: How, made: Composite) -> None:
    """Write the composite of some members of a stack, of which those that weigh nothing do not count."""
    members = members[shares[members] > 0]
    _few(len(members))
    weights = shares[members]
    alike = len(weights) == 0 or bool((weights == weights[0]).all())
    if how == "medoid":
        ranks = np.unique(moments[members], return_inverse=True)[1]
        over_rows(kernels.medoid_rows, stack.shape[2], stack, members, weights, alike, ranks, made.values, made.count)
        return
    scene = int(np.prod(stack.shape[1:-1])), stack.shape[-1]  # bands below each other
    lines, values, count = stack.reshape(len(stack), *scene), made.values.reshape(scene), made.count.reshape(scene)
    if how == "median":
        over_rows(kernels.median_rows, len(values), lines, members, weights, alike, values, count)
    else:
        over_rows(kernels.mean_rows, len(values), lines, members, weights, values, count)


def over_rows(kernel: Callable[..., int], rows: int, *arguments: object) -> None:
    """Run a kernel on all rows, shared out among the processors, and refuse what it found too large."""
    threads = max(1, min(rows, len(os.sched_getaffinity(0))))
    edges = np.linspace(0, rows, threads + 1).astype(int)
    with ThreadPoolExecutor(threads) as pool:
        outside = sum(pool.map(lambda first, last: kernel(first, last, *arguments), edges[:-1], edges[1:]))
    if outside:
        raise InputError(f"composite: expected values within ±{kernels.LIMIT:,.0f}, NaN where missing; found {outside} beyond")
