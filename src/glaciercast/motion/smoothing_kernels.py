"""Tikhonov's smoothing of a banded least-squares problem, compiled: solution, degrees of freedom, cross-validation, variances.

Matrices are kept as in `banded_kernels`; the smoothing is λ Σ (x[k+1] − x[k])²/length[k], a quadratic form λL of three diagonals.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from glaciercast.motion.banded_kernels import factorise, invert_band, solve

LOWEST, HIGHEST = -9, 7
"""Range in which a smoothing is looked for, powers of ten of the mean diagonal of AᵀWA times the mean length of a step."""
PENALTY = 1.4
"""Of a degree of freedom in the cross-validation: with 1 it now and then follows the noise (Kim and Gu, 2004)."""
DOUBT = 1.5
"""Root of the rise of n log(score) within which another smoothing may be as right: standard deviations, were it a likelihood."""
NEAREST = 0.1
"""Powers of ten: how near to a smoothing that pairs are too few for the least one that may be right is looked for."""
FLOOR = 1e-13
"""Of the sum of squares: what rounding leaves of a misfit that is none."""
LEAST = 1e-300
"""Misfit of a component that is 0 everywhere."""


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def add_smoothing(band, length, smoothing):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Add λ Σ (x[k+1] − x[k])²/length[k], which is λ ∫ (dx/dt)² dt, to the band of a quadratic form."""
    width = band.shape[1] - 1
    for step in range(length.size):
        load = smoothing / length[step]
        band[step, width] += load
        band[step + 1, width] += load
        band[step + 1, width - 1] -= load


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def roughness(values, length):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Σ (x[k+1] − x[k])²/length[k]."""
    total = 0.0
    for step in range(length.size):
        total += (values[step + 1] - values[step]) ** 2 / length[step]
    return total


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def smoothed(band, right, length, smoothing, factor, values):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the Cholesky factor of AᵀWA + λL and the solution; return whether the matrix is positive definite."""
    for row in range(band.shape[0]):
        values[row] = right[row]
        for col in range(band.shape[1]):
            factor[row, col] = band[row, col]
    add_smoothing(factor, length, smoothing)
    if not factorise(factor):
        return False
    solve(factor, values)
    return True


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def freedom_of(inverse, length, smoothing):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return tr (AᵀWA + λL)⁻¹AᵀWA = steps − λ tr (AᵀWA + λL)⁻¹L: L has three diagonals, so that the band of the inverse is enough."""
    middle = inverse.shape[1] // 2
    freedom = float(inverse.shape[0])
    for step in range(length.size):
        freedom -= smoothing / length[step] * (inverse[step, middle] + inverse[step + 1, middle] - 2.0 * inverse[step, middle + 1])
    return freedom


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def score(band, right, length, smoothing, squares, count, factor, inverse, values):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the logarithm of RSS/(n − 1.4 tr R)², the score of generalised cross-validation."""
    if not smoothed(band, right, length, smoothing, factor, values):
        return np.inf
    invert_band(factor, inverse)
    left = count - PENALTY * freedom_of(inverse, length, smoothing)
    misfit = squares - smoothing * roughness(values, length)
    for row in range(right.size):
        misfit -= values[row] * right[row]
    misfit = max(misfit, FLOOR * squares, LEAST)
    return np.log(misfit) - 2.0 * np.log(left) if left > 0.0 else np.inf


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def choose(band, right, length, squares, count, start, factor, inverse, values):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the smoothing with the least score: by decades downhill, from `start` or, if that is 0, from the best of every third decade.

    A parabola through the least and its neighbours says where between the decades it lies.
    """
    unit = band[:, -1].mean() * length.mean()
    number = HIGHEST - LOWEST + 1
    scores, waiting = np.full(number, np.nan), np.zeros(number, np.bool_)
    best = min(max(int(np.round(np.log10(start / unit))) - LOWEST, 0), number - 1) if start > 0.0 else 0
    if start > 0.0:
        waiting[best] = True
    else:
        waiting[::3] = True
    while waiting.any():
        for trial in range(number):
            if waiting[trial]:
                waiting[trial] = False
                smoothing = unit * 10.0 ** (trial + LOWEST)
                scores[trial] = score(band, right, length, smoothing, squares, count, factor, inverse, values)
                best = trial if np.isnan(scores[best]) or scores[trial] < scores[best] else best
        for trial in (best - 1, best + 1):
            if 0 <= trial < number and np.isnan(scores[trial]):
                waiting[trial] = True
    place = float(best)
    if 0 < best < number - 1:
        bend = scores[best - 1] + scores[best + 1] - 2.0 * scores[best]
        if np.isfinite(bend) and bend > 0.0:
            place += 0.5 * (scores[best - 1] - scores[best + 1]) / bend
    return unit * 10.0 ** (place + LOWEST)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def doubtful(band, right, length, squares, count, smoothing, factor, inverse):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the band of the inverse for the least smoothing that cross-validation can't tell from the best.

    What is smoothed away, errors of the best smoothing do not tell: where a season is below the noise, λ may come out huge. Few pairs
    have no score where λ is small, as it takes more degrees of freedom than they have: then the least λ that has one, within `NEAREST`.
    """
    values = np.empty(right.size)
    best = score(band, right, length, smoothing, squares, count, factor, inverse, values)
    before, power, stride = 0.0, 0.0, 1.0
    while np.isfinite(best) and power > LOWEST - HIGHEST and stride > NEAREST:
        now = score(band, right, length, smoothing * 10.0 ** (power - stride), squares, count, factor, inverse, values)
        if not np.isfinite(now):
            stride /= 2.0
            continue
        away = np.sqrt(max(count * (now - best), 0.0))  # about linear, as the score is about a parabola
        if away > DOUBT:
            power -= stride * (DOUBT - before) / (away - before)
            break
        before, power = away, power - stride
    smoothed(band, right, length, smoothing * 10.0**power, factor, values)
    invert_band(factor, inverse)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def variances(inverse, length, spread, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the variance of the mean of each step, `spread` times that of the normal matrix.

    It is that of the mean of its edges, and of what lies between them as far as no pair resolves it.

    Between its edges a history whose variance grows by 1/λ a year leaves the straight line, in the mean of the step, with a variance of
    length/(12 λ) (a Brownian bridge). It counts by the share of the smoothing in the value, the diagonal of λ (AᵀWA + λL)⁻¹L.
    """
    middle, steps = inverse.shape[1] // 2, length.size
    share = np.zeros(steps + 1)
    for step in range(steps):
        share[step] += (inverse[step, middle] - inverse[step, middle + 1]) / length[step]
        share[step + 1] += (inverse[step + 1, middle] - inverse[step, middle + 1]) / length[step]
    for step in range(steps):
        ends = inverse[step, middle] + inverse[step + 1, middle] + 2.0 * inverse[step, middle + 1]
        out[step] = spread * (ends / 4.0 + (share[step] + share[step + 1]) / 2.0 * length[step] / 12.0)
