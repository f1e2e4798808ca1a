"""Filling of missing pixels from their neighbours in the scene. In time see `timefill`, in both `seasonfill`."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numba import njit

from glaciercast.errors import InputError

WEIGHTS = np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1]).astype("float64")
"""The study's 5×5 kernel; the centre does not count, as it is missing."""
REACH = 2
_FAR = 2**30


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
    passes = max(known.shape) if radius is None else -(-radius // REACH)
    filled = np.empty_like(known)
    with ThreadPoolExecutor(max(1, min(len(known), len(os.sched_getaffinity(0))))) as pool:
        missing = list(pool.map(_first_pass, known, filled))
        if -1 in missing:
            raise InputError("gap fill: expected finite values, NaN where missing; found an infinite one")
        if passes > 1 and any(missing):
            list(pool.map(_more_passes, filled, _worklists(filled, missing, passes - 1)))
    return filled.reshape(values.shape)


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


def _worklists(bands: np.ndarray, missing: list[int], passes: int) -> list[_Worklist]:
    """Return one worklist a band; bands (band, y, x) that miss the same pixels get the same one."""
    lists: list[_Worklist] = []
    masks = np.isnan(bands)
    for band, mask in enumerate(masks):
        twin = next((other for other in range(band) if missing[other] == missing[band] and np.array_equal(masks[other], mask)), None)
        lists.append(_Worklist(*_plan(mask, passes)) if twin is None else lists[twin])
    return lists


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _first_pass(values, filled):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write `values` after one pass into `filled`; return how many are still missing, or −1 if one is infinite.

    The kernel is separable and, with 0 for what is unknown, needs no branch: down the rows first, then along them.
    """
    height, width = values.shape
    known = np.zeros((5, width))
    there = np.zeros((5, width), np.float32)
    sums, weights = np.zeros(width + 2 * REACH), np.zeros(width + 2 * REACH, np.float32)
    missing, infinite = 0, 0
    for row in range(-REACH, height):
        ahead = row + REACH
        slot = ahead % 5
        for col in range(width):
            value = values[ahead, col] if ahead < height else np.float32(np.nan)
            infinite += np.isinf(value)
            known[slot, col] = value if value == value else 0.0
            there[slot, col] = 1.0 if value == value else 0.0
        if row < 0:
            continue
        _down(known, slot, sums)
        _down(there, slot, weights)
        for col in range(width):
            total = (sums[col] + sums[col + 4]) + 2.0 * (sums[col + 1] + sums[col + 3]) + 3.0 * sums[col + 2]
            outer, inner = weights[col] + weights[col + 4], weights[col + 1] + weights[col + 3]
            weight = outer + inner + inner + np.float32(3) * weights[col + 2]
            value = values[row, col]
            mean = np.float32(total / weight) if weight > 0 else np.float32(np.nan)
            filled[row, col] = value if value == value else mean
            missing += weight == 0
    return -1 if infinite else missing


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _down(rows, newest, sums):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Weighted sum down five rows, kept in a ring of which `newest` is the lowest."""
    last, next_to_last = rows[newest], rows[(newest + 4) % 5]
    first, second, third = rows[(newest + 1) % 5], rows[(newest + 2) % 5], rows[(newest + 3) % 5]
    for col in range(first.size):
        inner, middle = second[col] + next_to_last[col], third[col]
        sums[col + REACH] = (first[col] + last[col]) + (inner + inner) + (middle + middle + middle)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _plan(missing, passes):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Order missing pixels by the pass that fills them: half their chessboard distance to the nearest known pixel, rounded up."""
    height, width = missing.shape
    stride = width + 2 * REACH
    turn = _distances(missing)
    counts = np.zeros(passes + 2, np.int64)
    for row in range(1, height + 1):
        turns = turn[row]
        before = 0
        for col in range(1, width + 1):
            number = min(passes + 1, (turns[col] + REACH - 1) >> 1)
            turns[col] = number
            counts[number] += number != before
            before = number
    last = passes
    while last > 0 and counts[last] == 0:
        last -= 1
    starts = np.zeros(last + 1, np.int64)
    for number in range(1, last + 1):
        starts[number] = starts[number - 1] + counts[number]
    places, firsts, place = np.empty(starts[last], np.uint64), np.zeros(starts[last] + 1, np.int64), starts.copy()
    for row in range(height):
        turns = turn[row + 1]
        before, run = 0, 0
        for col in range(width):
            number = turns[col + 1]
            if 0 < number <= last:
                if number != before:
                    run = place[number - 1]
                    place[number - 1] += 1
                    places[run] = row * stride + col
                firsts[run + 1] += 1
            before = number
    for run in range(places.size):
        firsts[run + 1] += firsts[run]
    weights = np.empty(firsts[-1])
    there = np.zeros((height + 2 * REACH) * stride)
    for row in range(height):
        for col in range(width):
            there[(row + REACH) * stride + col + REACH] = not missing[row, col]
    for number in range(last):
        start, stop = starts[number], starts[number + 1]
        _sums(there, stride, places[start:stop], firsts[start : stop + 1], weights)
        for run in range(start, stop):
            centre = places[run] + np.uint64(REACH * stride + REACH)
            for k in range(firsts[run + 1] - firsts[run]):
                there[centre + np.uint64(k)] = 1.0
    return places, firsts, starts, weights


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _distances(missing):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Chessboard distance to the nearest known pixel, with a margin of 1 pixel, in two sweeps (Rosenfeld and Pfaltz 1966)."""
    height, width = missing.shape
    distance = np.full((height + 2, width + 2), _FAR, np.int32)
    for row in range(height):
        above, here, gap = distance[row], distance[row + 1], missing[row]
        for col in range(width):
            here[col + 1] = min(above[col], above[col + 1], above[col + 2]) + 1 if gap[col] else 0
        for col in range(width):
            here[col + 1] = min(here[col + 1], here[col] + 1)
    for row in range(height - 1, -1, -1):
        below, here = distance[row + 2], distance[row + 1]
        for col in range(width):
            here[col + 1] = min(here[col + 1], min(below[col], below[col + 1], below[col + 2]) + 1)
        for col in range(width, 0, -1):
            here[col] = min(here[col], here[col + 1] + 1)
    return distance


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _sums(values, stride, places, firsts, sums):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the sums of the kernel over the 5×5 windows of some runs; places are unsigned, so that none counts from the end.

    Run by run, because neighbours load together, while single pixels make the compiler gather them, which is several times slower.
    """
    step = np.uint64(stride)
    for run in range(places.size):
        first = firsts[run]
        for k in range(firsts[run + 1] - first):
            place = places[run] + np.uint64(k)
            total = 0.0
            for weight in (1.0, 2.0, 3.0, 2.0, 1.0):
                outer, inner = values[place] + values[place + np.uint64(4)], values[place + np.uint64(1)] + values[place + np.uint64(3)]
                total += weight * (outer + 2.0 * inner + 3.0 * values[place + np.uint64(2)])
                place += step
            sums[first + k] = total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _more_passes(filled, worklist):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Fill what a worklist holds of one band (y, x), pass by pass, in place."""
    places, firsts, starts, weights = worklist
    height, width = filled.shape
    stride = width + 2 * REACH
    work = np.zeros((height + 2 * REACH) * stride)
    for row in range(height):
        for col in range(width):
            value = filled[row, col]
            work[(row + REACH) * stride + col + REACH] = value if value == value else 0.0
    sums = np.empty(weights.size)
    for number in range(starts.size - 1):
        start, stop = starts[number], starts[number + 1]
        _sums(work, stride, places[start:stop], firsts[start : stop + 1], sums)
        for run in range(start, stop):
            row, col = divmod(np.int64(places[run]), stride)
            centre = places[run] + np.uint64(REACH * stride + REACH)
            for k in range(firsts[run + 1] - firsts[run]):
                mean = np.float32(sums[firsts[run] + k] / weights[firsts[run] + k])
                work[centre + np.uint64(k)] = mean
                filled[row, col + k] = mean


def carry_forward(values: np.ndarray, previous: np.ndarray | None) -> np.ndarray:
    """Return `values` (y, x) with missing pixels taken from the step before; strictly backward-looking."""
    return values if previous is None else np.where(np.isnan(values), previous, values)
