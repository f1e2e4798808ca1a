"""Velocities beside other velocities of the same ground and time: own pairs or series beside ITS_LIVE's."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from glaciercast import grid
from glaciercast.cube import resample
from glaciercast.errors import InputError
from glaciercast.motion.stable import nmad

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

OVERLAP = 0.5
"""Least time that two records share over that which both span together."""


class Records(NamedTuple):
    """Velocities that each hold over a span of time: image pairs, or the steps of a series.

    Attributes
    ----------
    first, second
        Begin and end, datetime64[ns] (record,).
    vx, vy, error_x, error_y
        m/yr along the axes of `at`, (record, y, x).
    at
        Their grid.
    """

    first: np.ndarray
    second: np.ndarray
    vx: np.ndarray
    vy: np.ndarray
    error_x: np.ndarray
    error_y: np.ndarray
    at: GeoBox


@dataclass(frozen=True)
class Agreement:
    """Differences of components, one minus the other; NaN where there is nothing to compare.

    Attributes
    ----------
    values
        Vectors that were compared.
    median_x, median_y, nmad_x, nmad_y
        Of the differences, m/yr.
    within_x, within_y
        Share of them within the errors that both state, √(σ₁² + σ₂²): 0.68 where these are right.
    """

    values: int
    median_x: float
    median_y: float
    nmad_x: float
    nmad_y: float
    within_x: float
    within_y: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types: None for NaN."""
        return {name: None if math.isnan(value) else value for name, value in dataclasses.asdict(self).items()}


@dataclass(frozen=True)
class Comparison:
    """Records of one source beside those of another.

    Attributes
    ----------
    own, other
        Which record is compared with which, int (match,).
    overlap
        Time that both share over that which both span together, (match,).
    difference_x, difference_y, error_x, error_y
        Own less other, and the error of that from those stated, m/yr along the axes of the own grid, float32 (match, y, x).
    """

    own: np.ndarray
    other: np.ndarray
    overlap: np.ndarray
    difference_x: np.ndarray
    difference_y: np.ndarray
    error_x: np.ndarray
    error_y: np.ndarray

    def agreement(self, where: np.ndarray | None = None) -> Agreement:
        """Return the agreement over all matches, at the pixels `where` (bool (y, x), default all)."""
        chosen = slice(None) if where is None else where
        layers = (self.difference_x, self.difference_y, self.error_x, self.error_y)
        return agreement(*(layer[:, chosen].ravel() for layer in layers))


def agreement(difference_x: np.ndarray, difference_y: np.ndarray, error_x: np.ndarray, error_y: np.ndarray) -> Agreement:
    """Return the agreement of differences (value,) whose errors are stated, m/yr; those without a difference or an error don't count."""
    known = np.isfinite(difference_x) & np.isfinite(difference_y) & np.isfinite(error_x) & np.isfinite(error_y)
    if not known.any():
        return Agreement(0, *[math.nan] * 6)
    x, y = difference_x[known].astype("float64"), difference_y[known].astype("float64")
    within = (float((np.abs(values) <= error[known]).mean()) for values, error in ((x, error_x), (y, error_y)))
    return Agreement(int(known.sum()), float(np.median(x)), float(np.median(y)), nmad(x), nmad(y), *within)


def records_of(dataset: xr.Dataset, origin: str) -> Records:
    """Return the pairs or steps of a group of ``/velocity``.

    Raises
    ------
    InputError
        If it holds neither pairs nor a series; the message names `origin`.
    """
    if "acquired_first" in dataset:
        spans = [dataset[name].values for name in ("acquired_first", "acquired_second")]
        errors = [dataset["v_error"].values] * 2
    elif "time_bounds" in dataset:
        spans = list(dataset["time_bounds"].values.T)
        errors = [dataset[name].values for name in ("vx_error", "vy_error")]
    else:
        raise InputError(f"{origin}: expected image pairs or a series of velocity, found neither")
    first, second = (times.astype("datetime64[ns]") for times in spans)
    return Records(first, second, dataset["vx"].values, dataset["vy"].values, errors[0], errors[1], grid.of(dataset, origin))


def compare(own: xr.Dataset, other: xr.Dataset, least_overlap: float = OVERLAP) -> Comparison:
    """Compare each record of one source with the record of the other that shares most of its time.

    The other's components are turned to the axes of the own grid and interpolated bilinearly at its pixels; NaN never bleeds. Errors of one
    component become those of the nearest one.

    Parameters
    ----------
    own, other
        Groups of ``/velocity``: pairs (as ``/velocity/own`` and ``/velocity/itslive``) or series, on grids of their own.
    least_overlap
        Least time that both share over that which both span together.

    Raises
    ------
    InputError
        If either holds no velocities, or no two records overlap enough.
    """
    mine, theirs = records_of(own, "own velocities"), records_of(other, "other velocities")
    left, right, overlap = matches(mine, theirs, least_overlap)
    if not len(left):
        counts = f"{len(mine.first)} and {len(theirs.first)}"
        raise InputError(f"comparison: none of {counts} velocities share {least_overlap:.0%} of the time that they span together")
    place, angle = resample.positions(theirs.at, mine.at), resample.turn(theirs.at, mine.at)
    layers = np.empty((4, len(left), *mine.at.shape), "float32")
    for match, (i, j) in enumerate(zip(left, right, strict=True)):
        other_layers = (*resample.turned(theirs.vx[j], theirs.vy[j], angle), theirs.error_x[j], theirs.error_y[j])
        vx, vy, error_x, error_y = (resample.bilinear(layer, *place) for layer in other_layers)
        layers[:2, match] = mine.vx[i] - vx, mine.vy[i] - vy
        layers[2:, match] = np.hypot(mine.error_x[i], error_x), np.hypot(mine.error_y[i], error_y)
    return Comparison(left, right, overlap, *layers)


def matches(own: Records, other: Records, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which records share most time, (match,) each: own, other, and the share of their common span; each own one at most once."""
    best, overlap = np.zeros(len(own.first), np.int64), np.zeros(len(own.first))
    for i, (first, second) in enumerate(zip(own.first, own.second, strict=True)):
        shared = np.minimum(second, other.second) - np.maximum(first, other.first)
        share = shared / (np.maximum(second, other.second) - np.minimum(first, other.first))
        best[i] = share.argmax()
        overlap[i] = share[best[i]]
    chosen = np.flatnonzero(overlap >= max(least, np.finfo(float).tiny))
    return chosen, best[chosen], overlap[chosen]
