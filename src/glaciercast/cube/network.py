"""Where frames lie, adjusted from how far pairs of them lie apart: least squares that a few wrong pairs do not spoil.

Source: Huber (1964), Robust estimation of a location parameter, Annals of Mathematical Statistics 35, 73–101.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

ROUNDS = 10
HUBER = 2.6
"""Length of a residual, in standard deviations along an axis, beyond which it counts less."""
MIDDLE = 1.1774
"""Median length of a vector whose two components are normal with standard deviation 1."""
FAR, SLACK = 4.5, 0.01
"""Median absolute deviations (3 standard deviations if normal) and pixels beyond which a shift is not believed."""
ANCHOR = -1
"""Number of what does not move, such as the relief."""


class Pair(NamedTuple):
    """Two frames by number, and by how many pixels (columns, rows) `second` has to be moved to lie on `first` (or on `ANCHOR`).

    ``weight`` is one over the variance that its shift is expected to have along each axis, px⁻².
    """

    first: int
    second: int
    columns: float
    rows: float
    weight: float


def connected(number: int, pairs: Sequence[Pair]) -> np.ndarray:
    """Return the largest set of frames that pairs or the anchor join, increasing int64; of equal ones that with the first frame."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = np.array([pair[:2] for pair in pairs], dtype="int64").reshape(-1, 2)
    ends = np.where(links == ANCHOR, number, links)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(number + 1, number + 1))
    _, label = connected_components(graph, directed=False)
    return np.flatnonzero(label[:number] == np.bincount(label[:number]).argmax())


def adjust(number: int, pairs: Sequence[Pair], jitter: float) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much each of `number` frames has to be moved so that all lie on each other, and on the anchor if there is one.

    Weighted least squares of the pairs; those that fit worst count less (Huber 1964). That a frame lies where its producer says, to
    `jitter`, counts too, little beside good pairs: it keeps the mean of all frames, and of those that only poor pairs tie to the others.

    Parameters
    ----------
    jitter
        Standard deviation of the producer's geolocation along each axis, pixels.

    Returns
    -------
    shifts : numpy.ndarray
        Columns and rows in pixels, float64 (frame, 2).
    covariance : numpy.ndarray
        Of their errors along each axis, px², float64 (frame, frame); enlarged where pairs fit worse than their weights promise.
    """
    pairs = [*pairs, *(Pair(ANCHOR, one, 0.0, 0.0, jitter**-2) for one in range(number))]
    design = _design(number, pairs)
    apart = np.array([(pair.columns, pair.rows) for pair in pairs])
    given = np.array([pair.weight for pair in pairs])
    trust, shifts, scale = np.ones(len(pairs)), np.zeros((number, 2)), 1.0
    for _ in range(ROUNDS):
        root = np.sqrt(given * trust)[:, None]
        shifts = np.linalg.lstsq(design * root, apart * root, rcond=None)[0]
        size = np.sqrt(given) * np.hypot(*(apart - design @ shifts).T)
        scale = max(float(np.median(size)) / MIDDLE, 1.0)
        trust = np.minimum(1.0, HUBER * scale / np.maximum(size, 1e-12))
    covariance: np.ndarray = np.linalg.inv(design.T @ (design * (given * trust)[:, None])) * scale**2
    return shifts, covariance


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


def variances(frames: np.ndarray, errors: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return what the place that each match gives varies by along each axis, px²: by its error (match,) and that of its frame (match,)."""
    own = np.append(np.diag(covariance), 0.0)  # ANCHOR is the last
    found: np.ndarray = errors**2 + own[frames]
    return found


def error_of_mean(
    frames: np.ndarray, weights: np.ndarray, errors: np.ndarray, covariance: np.ndarray, away: np.ndarray, beside_mean: bool
) -> float:
    """Return the error along each axis, pixels, that is expected of the weighted mean of the places that matches give.

    Parameters
    ----------
    frames
        What each match was made with, a frame's number or `ANCHOR`, int (match,); each at most once.
    weights, errors
        Of each match: its share of the mean, and its expected error along each axis, pixels.
    covariance
        Of the frames' errors, px² (frame, frame).
    away
        Distance of each match's place from the mean, pixels; where larger than expected, so is the error (Birge's ratio, 1932).
    beside_mean
        Whether the error is that beside the best mean of all frames, not beside the anchor.
    """
    shares = np.zeros(len(covariance))
    tied = frames != ANCHOR
    shares[frames[tied]] = weights[tied]
    if beside_mean:
        worth = 1 / np.diag(covariance)
        shares -= worth / worth.sum()
    variance = shares @ covariance @ shares + weights**2 @ errors**2
    ratio = (away**2 / variances(frames, errors, covariance)).sum() / max(2 * (len(frames) - 1), 1)
    return float(np.sqrt(variance * max(ratio, 1.0)))
