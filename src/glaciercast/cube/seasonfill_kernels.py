"""Compiled parts of `seasonfill`: each goes once over a scene, or over a tile of it."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def expect(usual, last, when, shares, likely):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write what the past lets expect: the last observation with the share of the step `when` it was made, and for the rest the usual."""
    for row in range(likely.shape[0]):
        for col in range(likely.shape[1]):
            share, known, mean = shares[when[row, col]], last[row, col], usual[row, col]
            mixed = share * known + (np.float32(1) - share) * mean
            single = known if known == known else mean
            likely[row, col] = mixed if mixed == mixed else single


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def keep(scene, step, last, when):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Note what was observed, and at which step."""
    for row in range(scene.shape[0]):
        for col in range(scene.shape[1]):
            value = scene[row, col]
            last[row, col] = value if value == value else last[row, col]
            when[row, col] = step if value == value else when[row, col]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def hide(scene, likely, gaps, both):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the scene and what was to be expected of it into `both`, NaN in the gaps."""
    for row in range(scene.shape[0]):
        for col in range(scene.shape[1]):
            both[0, row, col] = np.float32(np.nan) if gaps[row, col] else scene[row, col]
            both[1, row, col] = np.float32(np.nan) if gaps[row, col] else likely[row, col]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def blend(scene, likely, both, depth, bounds, factors, low, high):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the filled `both[0]` with the detail that `both[1]` lost added in the gaps, within low … high; return how many are unknown."""
    unknown = 0
    for row in range(scene.shape[0]):
        for col in range(scene.shape[1]):
            near = both[0, row, col]
            if depth[row + 1, col + 1] > 0:
                detail = likely[row, col] - both[1, row, col]
                factor = factors[_class(depth[row + 1, col + 1], bounds)]
                guess = min(max(np.float32(near + factor * detail), low), high) if detail == detail else near
                both[0, row, col] = guess if near == near else likely[row, col]
                unknown += both[0, row, col] != both[0, row, col]
    return unknown


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def regress(scene, likely, both, depth, bounds, sums):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Add to `sums` what the pixels tell that were hidden: (lost · detail) and (detail²) by class of depth."""
    for row in range(scene.shape[0]):
        for col in range(scene.shape[1]):
            if depth[row + 1, col + 1] > 0:
                detail, lost = likely[row, col] - both[1, row, col], scene[row, col] - both[0, row, col]
                if abs(detail) < np.inf and abs(lost) < np.inf:  # false where the pixel is truly missing
                    place = _class(depth[row + 1, col + 1], bounds)
                    sums[0, place] += np.float64(lost) * detail
                    sums[1, place] += np.float64(detail) * detail


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _class(depth, bounds):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    place = 0
    while place < bounds.size and depth > bounds[place]:
        place += 1
    return place
