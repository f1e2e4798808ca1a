"""Compiled parts of `inversion`: each works on some pixels, so that pixels are shared out among threads."""

from __future__ import annotations

import numpy as np
from numba import njit

from glaciercast.motion.banded_kernels import invert_band
from glaciercast.motion.network_kernels import assemble, coverage, residual_lengths
from glaciercast.motion.smoothing_kernels import choose, doubtful, freedom_of, smoothed, variances

HUBER, TUKEY = 1.5, 5.12
"""Tuning of the influence functions for the length of two-dimensional residuals: both are 95 % efficient on Gaussian errors."""
RAYLEIGH = 1.1774100225154747
"""Median length of a pair of independent standard normal numbers, √(2 ln 2)."""
HUBER_ROUNDS, ROUNDS = 5, 25
CHOOSING = (0, 2, 6)
"""Rounds in which the smoothing is chosen: by least squares, with Huber's and with Tukey's weights."""
LAST_CHOSEN = CHOOSING[-1]
SETTLED = 2e-2
"""Of the standard error: smaller changes end the rounds."""
LEAST_SCALE = 1e-3
"""Smaller spreads, in errors of the pairs, are rounding."""
MEDIAN_ROUNDS = 20
COUNTED, REJECTED, SCALE, CLOSURE, ALONG, ACROSS, FREEDOM, FACTS = range(8)
"""Columns of the facts of a pixel, and how many they are."""


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def influence(lengths, scale, tukey, robust):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the weight ψ(u)/u of each residual length u = lengths/scale: of Huber's function, or of Tukey's biweight."""
    for number in range(lengths.size):
        away = lengths[number] / scale
        if tukey:
            robust[number] = (1.0 - (away / TUKEY) ** 2) ** 2 if away < TUKEY else 0.0
        else:
            robust[number] = 1.0 if away <= HUBER else HUBER / away


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def inflation(lengths, scale):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return E[ψ²]·E[ω]/E[ψ′]² of Tukey's biweight: what the inverse normal matrix with weights ω lacks (Huber, 1981, chapter 7)."""
    square, slope, mean = 0.0, 0.0, 0.0
    for number in range(lengths.size):
        part = (lengths[number] / (scale * TUKEY)) ** 2
        if part < 1.0:
            mean += (1.0 - part) ** 2
            square += (1.0 - part) ** 4 * part * TUKEY**2 / 2.0
            slope += (1.0 - part) ** 2 - 2.0 * (1.0 - part) * part
    return square * mean / slope**2 if slope > 0.0 else 1.0


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def settled(values, before, inverse, scale):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return whether no value differs from that of the round before by more than `SETTLED` standard errors; then it is `before`."""
    middle, within = inverse.shape[2] // 2, True
    for side in range(2):
        for row in range(values.shape[1]):
            within &= abs(values[side, row] - before[side, row]) <= SETTLED * scale * np.sqrt(inverse[side, row, middle])
            before[side, row] = values[side, row]
    return within


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def weigh(robust, along, across, sigma, weight, squares):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the weights of the pairs and the weighted sums of squares of both components; return the sum of the robust weights."""
    total = 0.0
    squares[:] = 0.0
    for number in range(robust.size):
        weight[number] = robust[number] / sigma[number] ** 2
        squares[0] += weight[number] * along[number] ** 2
        squares[1] += weight[number] * across[number] ** 2
        total += robust[number]
    return total


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def root_mean_square(lengths):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the root mean square of a component, given the lengths of vectors."""
    total = 0.0
    for length in lengths:
        total += length**2
    return np.sqrt(total / (2.0 * lengths.size))


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def fit(network, members, along, across, sigma, robustly, given, values, inverse, robust, lengths, smoothing):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Invert the pairs `members` of a pixel; return scale of the residuals (NaN: undetermined) and mean degrees of freedom.

    λ is chosen in the rounds `CHOOSING`, of Huber's and then of Tukey's function; after them, rounds end when nothing changes.

    Parameters
    ----------
    along, across, sigma
        float64 (observation,).
    values, inverse, smoothing, robust, lengths
        Written: solution (2, edge), band of the inverse (2, edge, 2·width + 1) and λ (2,) along and across; influence weights and
        residual lengths (observation,). The inverse is that of `doubtful`.
    """
    length, width = network[7], network[8]
    rows, count = length.size + 1, members.size
    band, factor = np.empty((rows, width + 1)), np.empty((rows, width + 1))
    right, before = np.empty((2, rows)), np.empty((2, rows))
    scale, freedom, done, count_robust = 1.0, 0.0, False, 0.0
    weight, squares = np.empty(count), np.empty(2)
    smoothing[:], robust[:], before[:] = given, 1.0, np.nan
    rounds = ROUNDS if robustly else 1
    for turn in range(rounds):
        count_robust = weigh(robust, along, across, sigma, weight, squares)
        assemble(network, members, weight, along, across, band, right)
        last = turn > LAST_CHOSEN and done
        inverting = turn in CHOOSING or last or turn == rounds - 1
        freedom = 0.0 if inverting else freedom
        for side in range(2):
            if given == 0.0 and turn in CHOOSING:
                begun = smoothing[side]
                smoothing[side] = choose(band, right[side], length, squares[side], count_robust, begun, factor, inverse[side], values[side])
            if not smoothed(band, right[side], length, smoothing[side], factor, values[side]):
                return np.nan, np.nan
            if inverting:
                invert_band(factor, inverse[side])
                freedom += freedom_of(inverse[side], length, smoothing[side]) / 2.0
        residual_lengths(network, members, values, along, across, sigma, lengths)
        left = max(count - freedom, 1.0) / count
        scale = max((np.median(lengths) / RAYLEIGH if robustly else root_mean_square(lengths)) / np.sqrt(left), LEAST_SCALE)
        if last:
            break
        done = settled(values, before, inverse, scale)
        if turn < rounds - 1:
            influence(lengths, scale, turn >= HUBER_ROUNDS - 1, robust)
    if given == 0.0:
        for side in range(2):
            doubtful(band, right[side], length, squares[side], count_robust, smoothing[side], factor, inverse[side])
    return scale, freedom


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def direction(east, north, sigma):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the unit vector of the flow: of the spatial median, Σ|v − m|/σ → min (Weiszfeld's iteration), which turns with the axes."""
    x, y = np.median(east), np.median(north)
    for _ in range(MEDIAN_ROUNDS):
        total, sum_x, sum_y = 0.0, 0.0, 0.0
        for number in range(east.size):
            away = np.sqrt((east[number] - x) ** 2 + (north[number] - y) ** 2)
            weight = 1.0 / (sigma[number] * max(away, 1e-3 * sigma[number]))
            total += weight
            sum_x += weight * east[number]
            sum_y += weight * north[number]
        x, y = sum_x / total, sum_y / total
    speed = np.sqrt(x * x + y * y)
    return (x / speed, y / speed) if speed > 0.0 else (1.0, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def seen(vx, vy, sigma, members):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write which pairs show a pixel; return how many."""
    count = 0
    for pair in range(vx.size):
        if np.isfinite(vx[pair]) and np.isfinite(vy[pair]) and np.isfinite(sigma[pair]):
            members[count] = pair
            count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def turned(x, y, one, other, along, across):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the components along and across the unit vector (x, y)."""
    for number in range(one.size):
        along[number], across[number] = x * one[number] + y * other[number], x * other[number] - y * one[number]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def write_steps(x, y, values, variance, series):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write the mean of each step along the axes of the grid, and its errors; NaN where the errors are not known."""
    for step in range(variance.shape[1]):
        if not (0.0 <= variance[0, step] < np.inf and 0.0 <= variance[1, step] < np.inf):
            series[:4, step] = np.nan
            continue
        along, across = (values[0, step] + values[0, step + 1]) / 2.0, (values[1, step] + values[1, step + 1]) / 2.0
        series[0, step], series[1, step] = x * along - y * across, y * along + x * across
        series[2, step] = np.sqrt(x * x * variance[0, step] + y * y * variance[1, step])
        series[3, step] = np.sqrt(y * y * variance[0, step] + x * x * variance[1, step])


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]
def invert(begin, end, network, vx, vy, sigma, fewest, robustly, given, series, facts):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Invert the pixels from `begin` to `end`; see `glaciercast.motion.inversion.invert`.

    Parameters
    ----------
    network
        The fields of `glaciercast.motion.network.Network`, in order.
    vx, vy, sigma
        float32 (pixel, pair).
    given
        Smoothing λ; 0: chosen for each pixel, along and across its flow.
    series
        Written: float32 (pixel, 5, step): vx, vy, their errors, observed.
    facts
        Written: float64 (pixel, `FACTS`).
    """
    span, rows, width, pairs = network[4], network[6].size, network[8], vx.shape[1]
    values, inverse, smoothing = np.empty((2, rows)), np.zeros((2, rows, 2 * width + 1)), np.empty(2)
    variance, members = np.empty((2, rows - 1)), np.empty(pairs, np.int64)
    work = np.empty((7, pairs))
    for pixel in range(begin, end):
        count = seen(vx[pixel], vy[pixel], sigma[pixel], members)
        facts[pixel], series[pixel, :4], series[pixel, 4] = np.nan, np.nan, 0.0
        facts[pixel, COUNTED] = count
        if count < fewest:
            continue
        chosen = members[:count]
        east, north, error, along, across = work[0, :count], work[1, :count], work[2, :count], work[3, :count], work[4, :count]
        robust, lengths = work[5, :count], work[6, :count]
        for number in range(count):
            pair = chosen[number]
            east[number], north[number], error[number] = vx[pixel, pair], vy[pixel, pair], sigma[pixel, pair]
        x, y = direction(east, north, error)
        turned(x, y, east, north, along, across)
        scale, freedom = fit(network, chosen, along, across, error, robustly, given, values, inverse, robust, lengths, smoothing)
        if np.isnan(scale):
            continue
        spread = scale**2 * (inflation(lengths, scale) if robustly else 1.0)
        for side in range(2):
            variances(inverse[side], network[7], spread, variance[side])
        write_steps(x, y, values, variance, series[pixel])
        coverage(network, chosen, robust, series[pixel, 4])
        rejected = 0
        for number in range(count):
            rejected += robust[number] == 0.0
            lengths[number] *= error[number] * span[chosen[number]]
        facts[pixel, REJECTED], facts[pixel, SCALE], facts[pixel, FREEDOM] = rejected, scale, freedom
        facts[pixel, ALONG], facts[pixel, ACROSS], facts[pixel, CLOSURE] = smoothing[0], smoothing[1], np.median(lengths) / RAYLEIGH
