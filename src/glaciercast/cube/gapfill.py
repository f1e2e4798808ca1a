"""Filling of missing pixels from their neighbours in the scene. In time see `timefill`, in both `seasonfill`."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from glaciercast.cube import gapfill_kernels as kernels
from glaciercast.errors import InputError

WEIGHTS = np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1]).astype("float64")
"""The study's 5×5 kernel; the centre does not count, as it is missing."""
FEW = 1000
"""Missing pixels that are sooner looked at on each pass than put in order."""


class Filled(NamedTuple):
    """What a fill gives."""

    values: np.ndarray
    """float32, the shape of what was filled; NaN where nothing could be filled."""
    filled: np.ndarray
    """bool, the same shape: which of them the fill made. They are not observed."""
    looks_ahead: bool = False
    """Whether later steps were used: then the result is for exploration, never for a forecast."""


def fill_spatially(values: np.ndarray, radius: int | None = None) -> np.ndarray:
    """Fill missing pixels by the weighted mean of those known within 5×5, again and again, outward from the known ones.

    Each pass reads the state before the pass, so that the result does not depend on the order of pixels. Bands with the same missing
    pixels share the search for them; several bands are filled in parallel.

    Parameters
    ----------
    values
        Scene (y, x) or bands (band, y, x), float32; NaN is missing. Each band is filled on its own.
    radius
        How far from a known pixel to fill, in pixels (a pass reaches 2 pixels); None fills whatever can be reached.

    Returns
    -------
    numpy.ndarray
        A new array of the same shape, float32; known pixels unchanged, still NaN out of reach or where nothing is known at all.

    Raises
    ------
    ValueError
        If the radius is negative.
    InputError
        If a value is infinite.

    References
    ----------
    Müller (2023), section on missing pixels.
    """
    if radius is not None and radius < 0:
        raise ValueError(f"radius: expected at least 0 pixels, found {radius}")
    known = np.ascontiguousarray(values, dtype="float32").reshape(-1, *values.shape[-2:])
    if radius == 0 or known.size == 0:
        return np.array(values, dtype="float32")
    passes = max(known.shape) if radius is None else -(-radius // kernels.REACH)
    filled = np.empty_like(known)
    with ThreadPoolExecutor(max(1, min(len(known), len(os.sched_getaffinity(0))))) as pool:
        begun = pool.submit(_begin, known[0], filled[0], passes - 1)  # most often all bands have the gaps of the first
        missing = [*pool.map(kernels.first_pass, known[1:], filled[1:])]
        first, worklist = begun.result()
        missing.insert(0, first)
        if -1 in missing:
            raise InputError("gap fill: expected finite values, NaN where missing; found an infinite one")
        if passes > 1 and any(missing):
            left = [band for band, number in enumerate(missing) if number]
            worklists = _worklists(pool, filled, missing, passes - 1, worklist)
            list(pool.map(lambda band: _finish(filled[band], missing[band], passes - 1, worklists[band]), left))
    return filled.reshape(values.shape)


def _begin(known: np.ndarray, filled: np.ndarray, passes: int) -> tuple[int, _Worklist | None]:
    """Write a band after one pass into `filled`; return how many pixels are still missing, and the worklist of further passes."""
    missing = kernels.first_pass(known, filled)
    return missing, _worklist(filled, passes) if passes and missing > FEW else None


def _finish(filled: np.ndarray, missing: int, passes: int, worklist: _Worklist | None) -> None:
    """Fill what is still missing of a band, in place."""
    if worklist is None:
        kernels.few_passes(filled, missing, passes)
    elif worklist.turned:
        turned = np.ascontiguousarray(filled.T)
        kernels.more_passes(turned, *worklist[:4])
        filled[:] = turned.T
    else:
        kernels.more_passes(filled, *worklist[:4])


class _Worklist(NamedTuple):
    """Missing pixels of a mask, as runs along the rows, in the order in which the passes reach them."""

    places: np.ndarray
    """Where the 5×5 window of each run's first pixel starts in a flat array with a margin of 2 pixels, uint64."""
    firsts: np.ndarray
    """The number of each run's first pixel in the order of filling, and that after the last one."""
    starts: np.ndarray
    """The first run of each pass, and that after the last one."""
    weights: np.ndarray
    """float64, one a pixel in the order of filling: what the known pixels around it weigh together when its turn comes."""
    turned: bool
    """Whether the runs go down the columns: rows and columns of the scene are swapped, as that makes fewer and longer runs."""


def _worklist(band: np.ndarray, passes: int) -> _Worklist:
    gaps = np.isnan(band)
    along, down = kernels.runs_of(gaps)
    turned = 2 * down < along
    places, firsts, starts, weights = kernels.plan(np.ascontiguousarray(gaps.T) if turned else gaps, passes)
    return _Worklist(places, firsts, starts, weights, turned)


def _worklists(
    pool: ThreadPoolExecutor, bands: np.ndarray, missing: list[int], passes: int, first: _Worklist | None
) -> dict[int, _Worklist | None]:
    """Return one worklist a band that needs one, None for the others; bands that miss the same pixels have the same one."""
    twins: dict[int, int] = {}
    for band, number in enumerate(missing):
        if number > FEW:
            same = (other for other in set(twins.values()) if missing[other] == number and kernels.same_gaps(bands[other], bands[band]))
            twins[band] = next(same, band)
    due = sorted(set(twins.values()) - {0})
    made = dict(zip(due, pool.map(lambda band: _worklist(bands[band], passes), due), strict=True)) | {0: first}
    return {band: made[twins[band]] if band in twins else None for band in range(len(missing))}
