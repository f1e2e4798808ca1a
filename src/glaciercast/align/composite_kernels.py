"""Compiled parts of `composite`: each works on some rows of the scene, so that rows are shared out among threads.

Every sum is exact or rounded scene by scene, never in the order of the scenes, and every choice between equals has a rule: results do not
depend on the order of scenes, to the last bit. Kernels return how many values were beyond `LIMIT`; such values count as missing.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LIMIT = 2.0**27
"""Largest magnitude of a value: sums of up to 65,535 of them stay exact."""
_COARSE = 1.5 * 2.0**42
"""Added and taken away again, it rounds a float64 to a multiple of 2⁻¹⁰ (Demmel and Nguyen 2015, Parallel reproducible summation)."""
_FINE = 1.5 * 2.0**6
"""The same with multiples of 2⁻⁴⁶: what a sum leaves out, at most 2⁻⁴⁷ an observation."""
_BLOCK = 256
"""Columns that are sorted together: a month of them fits in the first cache."""


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def add_rows(first, last, values, share, coarse, fine, weights, counts):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Add a scene (y, x) with weight `share` to running sums."""
    outside = 0
    for row in range(first, last):
        outside += _add(values[row], share, coarse[row], fine[row], weights[row], counts[row])
    return outside


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def mean_rows(first, last, values, members, shares, means, counts):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the weighted mean over the `members` of `values` (scene, y, x)."""
    width = values.shape[2]
    coarse, fine, weights = np.empty(width), np.empty(width), np.empty(width)
    outside = 0
    for row in range(first, last):
        coarse[:], fine[:], weights[:] = 0.0, 0.0, 0.0
        counts[row] = 0
        for place in range(members.size):
            outside += _add(values[members[place], row], shares[place], coarse, fine, weights, counts[row])
        for col in range(width):
            means[row, col] = (coarse[col] + fine[col]) / weights[col] if weights[col] > 0 else np.nan
    return outside


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _add(line, share, coarse, fine, weights, counts):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    outside = 0
    for col in range(line.size):
        size = abs(line[col])
        known = size <= LIMIT
        part = np.float64(line[col]) * share if known else 0.0
        rounded = (part + _COARSE) - _COARSE
        coarse[col] += rounded
        fine[col] += ((part - rounded) + _FINE) - _FINE
        weights[col] += share if known else 0.0
        counts[col] += known
        outside += size > LIMIT
    return outside


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def median_rows(first, last, values, members, shares, alike, medians, counts):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the weighted median over the `members` of `values` (scene, y, x); the plain one where all weigh `alike`."""
    number, width = members.size, values.shape[2]
    keys = np.empty((number, _BLOCK), np.float32)
    carried = np.empty((0 if alike else number, _BLOCK), np.float32)
    known = np.empty(_BLOCK, np.int64)
    lower, upper = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32)
    outside = 0
    for row in range(first, last):
        for left in range(0, width, _BLOCK):
            size = min(width - left, _BLOCK)
            known[:] = 0
            for place in range(number):
                line, key = values[members[place], row, left : left + size], keys[place]
                for col in range(size):
                    there = abs(line[col]) <= LIMIT
                    key[col] = line[col] + np.float32(0) if there else np.float32(np.inf)  # + 0: no minus zero
                    known[col] += there
                    outside += abs(line[col]) > LIMIT
                if not alike:
                    _weigh(key, shares[place], carried[place], size)
            _middles(keys, carried, known, size, lower, upper)
            for col in range(size):
                medians[row, left + col] = (lower[col] + upper[col]) * np.float32(0.5)
                counts[row, left + col] = known[col]
    return outside


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def medoid_rows(first, last, values, members, shares, alike, ranks, spectra, counts):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the spectrum nearest to the bands' medians among the `members` of `values` (scene, band, y, x)."""
    number, bands, width = members.size, values.shape[1], values.shape[3]
    keys = np.empty((number, _BLOCK), np.float32)
    carried = np.empty((0 if alike else number, _BLOCK), np.float32)
    whole, apart = np.empty((number, _BLOCK), np.bool_), np.empty((number, _BLOCK))
    known = np.empty(_BLOCK, np.int64)
    lower, upper = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.float32)
    outside = 0
    for row in range(first, last):
        for left in range(0, width, _BLOCK):
            size = min(width - left, _BLOCK)
            outside += _whole(values, members, row, left, size, whole, known)
            apart[:] = 0.0
            for band in range(bands):
                for place in range(number):
                    line, key = values[members[place], band, row, left : left + size], keys[place]
                    for col in range(size):
                        key[col] = line[col] if whole[place, col] else np.float32(np.inf)
                    if not alike:
                        _weigh(key, shares[place], carried[place], size)
                _middles(keys, carried, known, size, lower, upper)
                for place in range(number):
                    line = values[members[place], band, row, left : left + size]
                    for col in range(size):
                        step = line[col] - (np.float64(lower[col]) + np.float64(upper[col])) * 0.5
                        apart[place, col] += step * step
            for col in range(size):
                best = _nearest(values, members, ranks, whole, apart, row, left, col)
                for band in range(bands):
                    chosen = values[members[best], band, row, left + col] + np.float32(0) if best >= 0 else np.float32(np.nan)
                    spectra[band, row, left + col] = chosen
                counts[row, left + col] = known[col]
    return outside


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _whole(values, members, row, left, size, whole, known):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Mark which scenes saw a pixel in all bands, and count them."""
    outside = 0
    known[:] = 0
    for place in range(members.size):
        whole[place] = True
        for band in range(values.shape[1]):
            line = values[members[place], band, row, left : left + size]
            for col in range(size):
                whole[place, col] &= abs(line[col]) <= LIMIT
                outside += abs(line[col]) > LIMIT
        for col in range(size):
            known[col] += whole[place, col]
    return outside


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _nearest(values, members, ranks, whole, apart, row, left, col):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the place of the nearest spectrum; of equals the earliest, of simultaneous ones the first that is smaller in a band."""
    best = -1
    for place in range(members.size):
        if not whole[place, col]:
            continue
        if best < 0 or apart[place, col] < apart[best, col]:
            best = place
        elif apart[place, col] == apart[best, col] and ranks[place] <= ranks[best]:
            smaller = ranks[place] < ranks[best]
            for band in range(values.shape[1]):
                mine, its = values[members[place], band, row, left + col], values[members[best], band, row, left + col]
                if smaller or mine != its:
                    smaller = smaller or mine < its
                    break
            best = place if smaller else best
    return best


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _weigh(key, share, carried, size):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    for col in range(size):
        carried[col] = share if key[col] < np.float32(np.inf) else np.float32(0)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _middles(keys, carried, known, size, lower, upper):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Sort each column and write its lower and upper median; NaN where nothing is known."""
    _sort(keys, carried, size)
    for col in range(size):
        if known[col] == 0:
            lower[col], upper[col] = np.nan, np.nan
        elif len(carried) == 0:
            lower[col], upper[col] = keys[(known[col] - 1) >> 1, col], keys[known[col] >> 1, col]
        else:
            half = 0.0
            for place in range(known[col]):
                half += 0.5 * carried[place, col]
            reached, place = np.float64(carried[0, col]), 0
            while reached < half:
                place += 1
                reached += carried[place, col]
            lower[col], upper[col] = keys[place, col], keys[place if reached > half else place + 1, col]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _sort(keys, carried, size):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Sort each of the first `size` columns by merge exchange (Batcher; Knuth 5.2.2, algorithm M): no branch depends on the values."""
    number, top = len(keys), 1
    while 2 * top < number:
        top *= 2
    step = top
    while step > 0:
        reach, phase, distance = top, 0, step
        while True:
            for low in range(number - distance):
                if low & step == phase:
                    if len(carried):
                        _exchange_both(keys[low], keys[low + distance], carried[low], carried[low + distance], size)
                    else:
                        _exchange(keys[low], keys[low + distance], size)
            if reach == step:
                break
            distance, reach, phase = reach - step, reach // 2, step
        step //= 2


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _exchange(low, high, size):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    for col in range(size):
        one, other = low[col], high[col]
        low[col] = one if one < other else other
        high[col] = other if one < other else one


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _exchange_both(low, high, low_share, high_share, size):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    for col in range(size):
        one, other, mine, its = low[col], high[col], low_share[col], high_share[col]
        low[col] = one if one < other else other
        high[col] = other if one < other else one
        low_share[col] = mine if one < other else its
        high_share[col] = its if one < other else mine
