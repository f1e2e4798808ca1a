"""Compiled parts of `tally` and `probabilistic`: one pass over the pixels of a frame, summed by stratum."""

from __future__ import annotations

import numpy as np
from numba import njit

ERRORS, SNOW = 4, 4
"""Columns of the sums: w, w·e², w·abs(e), w·e; and hits, misses, false alarms, correct rejections."""


_RUN = 1024
"""Pixels that pass through the loops over levels together: they stay in the processor's nearest cache."""


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def frame(forecast, truth, weight, stratum, threshold, errors, snow):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Add the errors and the snow mask of a frame (y, x) to `errors` and `snow` (stratum, 4); return how many values are not finite.

    With a threshold of NaN there is no mask.
    """
    wrong = 0
    for row in range(truth.shape[0]):
        for col in range(truth.shape[1]):
            w, y = weight[row, col], np.float64(truth[row, col])
            if not w > 0 or y != y:
                continue
            value = np.float64(forecast[row, col])
            if not np.isfinite(value):
                wrong += 1
                continue
            error, place = value - y, stratum[row, col]
            weighted = w * error
            errors[place, 0] += w
            errors[place, 1] += weighted * error
            errors[place, 2] += abs(weighted)
            errors[place, 3] += weighted
            if threshold == threshold:
                snow[place, 2 * (y < threshold) + (value < threshold)] += 1
    return wrong


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator,unused-ignore]
def quantile_frames(quantiles, levels, shares, slope, truth, weight, stratum, sums, crps):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Add what quantiles (level, frame, pixel) are scored by to `sums` (frame, column) and `crps` (frame, stratum); return how many fail.

    Columns: w; w × pinball loss of each level; w × (truth below it), ties half; w × (truth inside) of each central interval; w × its width;
    w × variance. A value fails that is not finite where it is scored. Pixels pass in runs, each level through its own loop, which is
    vectorised; sums may be taken in any order for that.
    """
    n, wrong = levels.size, 0
    central = n // 2
    y, w, loss, deviation, q = np.empty(_RUN), np.empty(_RUN), np.empty(_RUN), np.empty(_RUN), np.empty((n, _RUN))
    for frame in range(truth.shape[0]):
        found = sums[frame]
        for first in range(0, truth.shape[1], _RUN):
            size = min(_RUN, truth.shape[1] - first)
            true, seen = truth[frame, first : first + size], weight[frame, first : first + size]
            total = 0.0
            for pixel in range(size):
                scored = seen[pixel] > 0 and true[pixel] == true[pixel]
                w[pixel] = seen[pixel] if scored else 0.0
                y[pixel] = true[pixel] if scored else 0.0
                loss[pixel] = deviation[pixel] = 0.0
                total += w[pixel]
            found[0] += total
            for number in range(n):
                level, share, steep, stated, line = (
                    levels[number],
                    shares[number],
                    slope[number],
                    quantiles[number, frame, first:],
                    q[number],
                )
                pinball = below = 0.0
                for pixel in range(size):
                    value = np.float64(stated[pixel]) if w[pixel] > 0 else 0.0
                    wrong += not abs(value) < np.inf
                    error = y[pixel] - value
                    one = w[pixel] * max(level * error, (level - 1) * error)
                    pinball += one
                    below += w[pixel] * (0.5 * (error < 0) + 0.5 * (error <= 0))
                    loss[pixel] += 2 * share * one
                    deviation[pixel] += steep * value
                    line[pixel] = value
                found[1 + number] += pinball
                found[1 + n + number] += below
            for number in range(central):
                low, high = q[number], q[n - 1 - number]
                inside = width = 0.0
                for pixel in range(size):
                    inside += w[pixel] * ((low[pixel] <= y[pixel]) & (y[pixel] <= high[pixel]))
                    width += w[pixel] * (high[pixel] - low[pixel])
                found[1 + 2 * n + number] += inside
                found[1 + 2 * n + central + number] += width
            variance = 0.0
            for pixel in range(size):
                variance += w[pixel] * deviation[pixel] * deviation[pixel]
                crps[frame, stratum[first + pixel]] += loss[pixel]
            found[1 + 2 * n + 2 * central] += variance
    return wrong


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def band_counts(forecast, truth, weight, band, threshold, counts):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Add pixels, snow of the forecast and snow of the truth of a frame (y, x) to `counts` (band, 3); bands below 0 don't count."""
    for row in range(truth.shape[0]):
        for col in range(truth.shape[1]):
            y, number = truth[row, col], band[row, col]
            if weight[row, col] > 0 and y == y and number >= 0:
                counts[number, 0] += 1
                counts[number, 1] += forecast[row, col] >= threshold
                counts[number, 2] += y >= threshold


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def gradients(scene, across, down, sums):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Add absolute differences of neighbours of a scene (y, x) to `sums`: (interior, borders) × (sum, pairs).

    `down` (y − 1,) and `across` (x − 1,) are 1 where the step between two rows, or two columns, is across a border.
    """
    for row in range(scene.shape[0]):
        for col in range(scene.shape[1]):
            value = np.float64(scene[row, col])
            if col + 1 < scene.shape[1]:
                step = abs(scene[row, col + 1] - value)
                if step == step:
                    sums[across[col], 0] += step
                    sums[across[col], 1] += 1
            if row + 1 < scene.shape[0]:
                step = abs(scene[row + 1, col] - value)
                if step == step:
                    sums[down[row], 0] += step
                    sums[down[row], 1] += 1
