"""Where frames lie, adjusted from how far pairs of them lie apart: least squares that a few wrong pairs do not spoil.

Source: Huber (1964), Robust estimation of a location parameter, Annals of Mathematical Statistics 35, 73–101.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from glaciercast.cube.coregister_move import Match

ROUNDS = 10
HUBER = 1.5
"""Standard deviations beyond which a residual counts less."""
FAR, SLACK = 4.5, 0.01
"""Median absolute deviations (3 standard deviations if normal) and pixels beyond which a shift is not believed."""


TYPICAL = 0.35
"""px along each axis: standard deviation of a match of weight 1, on simulated scenes."""
ANCHOR = -1
"""Number of what does not move, such as the relief."""


class Pair(NamedTuple):
    """Two frames by number, and by how many pixels (columns, rows) `second` has to be moved to lie on `first` (or on `ANCHOR`)."""

    first: int
    second: int
    columns: float
    rows: float
    weight: float


def weight(found: Match) -> float:
    """Return what a match counts beside others, from its correlation r: r⁴/(1 − r²)².

    The variance of a shift between images with independent noise falls as (1 − r²)/r²; what differs between seasons is no noise but snow
    and shadow, which move the shift itself. On simulated scenes errors grow in proportion to (1 − r²)/r².
    """
    r2 = found.correlation**2
    return float((r2 / max(1 - r2, 1e-3)) ** 2)


def connected(number: int, pairs: Sequence[Pair]) -> np.ndarray:
    """Return the largest set of frames that pairs or the anchor join, increasing int64; of equal ones that with the first frame."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = np.array([pair[:2] for pair in pairs], dtype="int64").reshape(-1, 2)
    ends = np.where(links == ANCHOR, number, links)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(number + 1, number + 1))
    _, label = connected_components(graph, directed=False)
    return np.flatnonzero(label[:number] == np.bincount(label[:number]).argmax())


def adjust(number: int, pairs: Sequence[Pair], jitter: float) -> np.ndarray:
    """Return by how much each of `number` frames has to be moved so that all lie on each other, and on the anchor if there is one.

    Weighted least squares of the pairs; those that fit worst count less (Huber 1964). That a frame lies where its producer says, to
    `jitter`, counts too, little beside good pairs: it keeps the mean of all frames, and of those that only poor pairs tie to the others.

    Parameters
    ----------
    jitter
        Standard deviation of the producer's geolocation along each axis, pixels.

    Returns
    -------
    numpy.ndarray
        Columns and rows in pixels, float64 (frame, 2).
    """
    pairs = [*pairs, *(Pair(ANCHOR, one, 0.0, 0.0, (TYPICAL / jitter) ** 2) for one in range(number))]
    design = _design(number, pairs)
    apart = np.array([(pair.columns, pair.rows) for pair in pairs])
    given = np.array([pair.weight for pair in pairs])
    trust = np.ones(len(pairs))
    for _ in range(ROUNDS):
        root = np.sqrt(given * trust)[:, None]
        shifts = np.linalg.lstsq(design * root, apart * root, rcond=None)[0]
        size = np.sqrt(given) * np.hypot(*(apart - design @ shifts).T)
        usual = max(1.4826 * float(np.median(size)), TYPICAL)
        trust = np.minimum(1.0, HUBER * usual / np.maximum(size, 1e-12))
    placed: np.ndarray = shifts
    return placed


def _design(number: int, pairs: Sequence[Pair]) -> np.ndarray:
    design = np.zeros((len(pairs), number + 1))
    rows = np.arange(len(pairs))
    design[rows, [pair.second for pair in pairs]] = 1.0
    design[rows, [pair.first for pair in pairs]] -= 1.0  # ANCHOR is the last column
    return design[:, :number]


def trusted(shifts: np.ndarray) -> np.ndarray:
    """Return which of the shifts (frame, 2) lie near the others, bool (frame,)."""
    away = np.abs(shifts - np.median(shifts, axis=0))
    near: np.ndarray = (away <= FAR * np.median(away, axis=0) + SLACK).all(axis=1)
    return near
