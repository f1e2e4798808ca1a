"""Compiled parts of `gapfill`: passes of the 5×5 kernel over a scene, and the order in which the passes reach its gaps."""

from __future__ import annotations

import numpy as np
from numba import njit

REACH = 2
_FAR = 2**30


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def first_pass(values, filled):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
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
def plan(missing, passes):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Order missing pixels by the pass that fills them: half their chessboard distance to the nearest known pixel, rounded up."""
    height, width = missing.shape
    stride = width + 2 * REACH
    turn = distances(missing)
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
    weights = np.empty(firsts[-1], np.float32)
    there = np.zeros((height + 2 * REACH) * stride, np.float32)
    for row in range(height):
        for col in range(width):
            there[(row + REACH) * stride + col + REACH] = not missing[row, col]
    for number in range(last):
        start, stop = starts[number], starts[number + 1]
        _sums(there, stride, places[start:stop], firsts[start : stop + 1], weights)
        for run in range(start, stop):
            centre = places[run] + np.uint64(REACH * stride + REACH)
            for k in range(firsts[run + 1] - firsts[run]):
                there[centre + np.uint64(k)] = np.float32(1)
    return places, firsts, starts, weights


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def distances(missing):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
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
    one, two, three = values.dtype.type(1), values.dtype.type(2), values.dtype.type(3)
    for run in range(places.size):
        first = firsts[run]
        for k in range(firsts[run + 1] - first):
            place = places[run] + np.uint64(k)
            total = one - one
            for weight in (one, two, three, two, one):
                outer, inner = values[place] + values[place + np.uint64(4)], values[place + np.uint64(1)] + values[place + np.uint64(3)]
                total += weight * (outer + two * inner + three * values[place + np.uint64(2)])
                place += step
            sums[first + k] = total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def more_passes(filled, places, firsts, starts, weights):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Fill what a worklist holds of one band (y, x), pass by pass, in place."""
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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def few_passes(filled, missing, passes):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Fill a scene (y, x) of which only few pixels, `missing`, are left, pass by pass, in place; the same as `more_passes` to the bit."""
    height, width = filled.shape
    places = np.empty((missing, 2), np.int64)
    found = 0
    for row in range(height):
        for col in range(width):
            if found < missing and filled[row, col] != filled[row, col]:
                places[found] = row, col
                found += 1
    means = np.empty(missing, np.float32)
    for _ in range(passes):
        for number in range(found):
            means[number] = _mean(filled, places[number, 0], places[number, 1])
        left = 0
        for number in range(found):
            row, col = places[number]
            filled[row, col] = means[number]
            if means[number] != means[number]:
                places[left] = row, col
                left += 1
        if left in (0, found):
            break
        found = left


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _mean(values, row, col):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Weighted mean of what is known in the 5×5 window of a pixel; NaN where nothing is."""
    total, weight = 0.0, 0.0
    line, there = np.zeros(5), np.zeros(5)
    for i in range(5):
        line[:], there[:] = 0.0, 0.0
        for j in range(5):
            y, x = row + i - REACH, col + j - REACH
            if 0 <= y < values.shape[0] and 0 <= x < values.shape[1] and values[y, x] == values[y, x]:
                line[j], there[j] = values[y, x], 1.0
        share = 3.0 - abs(i - REACH)
        total += share * ((line[0] + line[4]) + 2.0 * (line[1] + line[3]) + 3.0 * line[2])
        weight += share * ((there[0] + there[4]) + 2.0 * (there[1] + there[3]) + 3.0 * there[2])
    return np.float32(total / weight) if weight > 0 else np.float32(np.nan)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def runs_of(missing):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return how many borders of gaps (y, x) are met along the rows, and down the columns."""
    along, down = 0, 0
    for row in range(missing.shape[0]):
        for col in range(1, missing.shape[1]):
            along += missing[row, col] != missing[row, col - 1]
        if row > 0:
            for col in range(missing.shape[1]):
                down += missing[row, col] != missing[row - 1, col]
    return along, down


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def same_gaps(one, other):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Tell whether two scenes (y, x) miss the same pixels."""
    for row in range(one.shape[0]):
        differ = 0
        for col in range(one.shape[1]):
            differ += (one[row, col] != one[row, col]) != (other[row, col] != other[row, col])
        if differ:
            return False
    return True
