"""Compiled parts of `network`: sums over the pairs of a pixel, and what a series shows them."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def assemble(network, members, weight, along, across, band, right):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the band of AᵀWA and AᵀW(along, across) of some pairs, (2, edge).

    What a pair adds between the edges that lie inside its span is constant along diagonals but for their `inner`: it is noted where it
    begins and where it ends, and summed once for all pairs.
    """
    first, last, _, _, span, shares, inner, _, width = network
    rows = inner.size
    band[:], right[:] = 0.0, 0.0
    whole, sides = np.zeros((rows + 1, width + 1)), np.zeros((2, rows + 1))
    at = np.empty(4, np.int64)
    for number in range(members.size):
        pair = members[number]
        begin, end = first[pair], last[pair]
        load, east, north = weight[number], along[number], across[number]
        at[0], at[1], at[2], at[3] = begin, begin + 1, end, end + 1
        for one in range(4):
            share = shares[pair, one] * load
            if share == 0.0:
                continue
            row = at[one]
            right[0, row] += share * east
            right[1, row] += share * north
            for other in range(one + 1):
                if at[other] <= row:
                    band[row, width - row + at[other]] += share * shares[pair, other]
        if end <= begin + 2:
            continue
        unit = load / span[pair]
        between = end - begin - 2
        halves, line, next_line = inner[begin + 2 : end], band[end, width - end + begin + 2 :], band[end + 1, width - end + begin + 1 :]
        part, square, stop = shares[pair], unit / span[pair], whole[end, width - between + 1 :]
        for step in range(between):
            line[step] += unit * part[2] * halves[step]
            next_line[step] += unit * part[3] * halves[step]
            stop[step] -= square
        for step in range(between):
            row = band[begin + 2 + step]
            row[width - step - 2] += unit * part[0] * halves[step]
            row[width - step - 1] += unit * part[1] * halves[step]
            whole[begin + 2 + step, width - step] += square
        sides[0, begin + 2] += unit * east
        sides[1, begin + 2] += unit * north
        sides[0, end] -= unit * east
        sides[1, end] -= unit * north
    for row in range(rows):
        if row > 0:
            for apart in range(width + 1):
                whole[row, apart] += whole[row - 1, apart]
            sides[0, row] += sides[0, row - 1]
            sides[1, row] += sides[1, row - 1]
        for apart in range(min(width, row) + 1):
            band[row, width - apart] += whole[row, width - apart] * inner[row] * inner[row - apart]
        right[0, row] += sides[0, row] * inner[row]
        right[1, row] += sides[1, row] * inner[row]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def residual_lengths(network, members, values, along, across, sigma, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the length of each pair's residual vector over its error."""
    first, last, _, _, span, shares, inner, _, _ = network
    rows = inner.size
    path = np.zeros((2, rows + 1))  # displacement of the edges before
    for side in range(2):
        for row in range(rows):
            path[side, row + 1] = path[side, row] + values[side, row] * inner[row]
    for number in range(members.size):
        pair = members[number]
        begin, end = first[pair], last[pair]
        square = 0.0
        for side in range(2):
            seen = shares[pair, 0] * values[side, begin] + shares[pair, 1] * values[side, begin + 1]
            seen += shares[pair, 2] * values[side, end] + shares[pair, 3] * values[side, end + 1]
            if end > begin + 2:
                seen += (path[side, end] - path[side, begin + 2]) / span[pair]
            observed = along[number] if side == 0 else across[number]
            square += (observed - seen) ** 2
        out[number] = np.sqrt(square) / sigma[number]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def coverage(network, members, robust, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the share of each step that pairs of some weight span: wholly, from its begin, to its end, or within it."""
    first, last, lead, tail, _, _, _, length, _ = network
    rows = length.size
    begins, ends = np.zeros(rows), np.zeros(rows)
    whole = np.zeros(rows + 1, np.int64)
    for number in range(members.size):
        if robust[number] > 0.0:
            begin, end = first[members[number]], last[members[number]]
            ends[begin] = max(ends[begin], lead[members[number]])
            if end > begin:
                begins[end] = max(begins[end], tail[members[number]])
                whole[begin + 1] += 1
                whole[end] -= 1
    pairs = 0
    for row in range(rows):
        pairs += whole[row]
        out[row] = 1.0 if pairs > 0 else min(1.0, (begins[row] + ends[row]) / length[row])
