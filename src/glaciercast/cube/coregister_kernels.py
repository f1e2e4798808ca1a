"""Compiled loops of co-registration: texture, pyramid, masked correlation, normal equations, resampling."""

from __future__ import annotations

import numpy as np
from numba import njit

BINOMIAL = np.array([1, 4, 6, 4, 1], dtype="float32") / 16
"""Low pass of one pixel's standard deviation: leaves nothing that cubic interpolation would get wrong."""
REACH = BINOMIAL.size // 2


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def box_mean(values, usable, radius):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the mean over usable pixels within ±`radius`, by running sums, float32 (y, x); 0 where there is none."""
    height, width = values.shape
    out = np.zeros((height, width), np.float32)
    total, count = np.zeros(width + 1), np.zeros(width + 1)
    columns, counts = np.zeros(width), np.zeros(width)
    for row in range(-radius, height):
        new, old = row + radius, row - radius - 1
        if new < height:
            for j in range(width):
                if usable[new, j]:
                    columns[j] += values[new, j]
                    counts[j] += 1.0
        if old >= 0:
            for j in range(width):
                if usable[old, j]:
                    columns[j] -= values[old, j]
                    counts[j] -= 1.0
        if row < 0:
            continue
        for j in range(width):
            total[j + 1] = total[j] + columns[j]
            count[j + 1] = count[j] + counts[j]
        for j in range(width):
            low, high = max(0, j - radius), min(width, j + radius + 1)
            n = count[high] - count[low]
            if n > 0.5:
                out[row, j] = (total[high] - total[low]) / n
    return out


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def low_pass(values, usable):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return `values` smoothed by `BINOMIAL` both ways, float32 (y, x), and where all 5×5 pixels were usable, bool (y, x); 0 elsewhere."""
    height, width = values.shape
    out = np.zeros((height, width), np.float32)
    whole = np.zeros((height, width), np.bool_)
    line, sound = np.zeros(width, np.float32), np.zeros(width, np.uint8)
    for row in range(REACH, height - REACH):
        for j in range(width):
            line[j] = 0
            sound[j] = 0
        for k in range(2 * REACH + 1):
            for j in range(width):
                line[j] += BINOMIAL[k] * values[row + k - REACH, j]
                sound[j] += usable[row + k - REACH, j]
        for j in range(REACH, width - REACH):
            value, n = np.float32(0), 0
            for k in range(2 * REACH + 1):
                value += BINOMIAL[k] * line[j + k - REACH]
                n += sound[j + k - REACH]
            if n == (2 * REACH + 1) ** 2:
                out[row, j] = value
                whole[row, j] = True
    return out, whole


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def halve(values, usable):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return means over the usable of 2×2 pixels, float32 (y / 2, x / 2), and where there are two or more, bool."""
    height, width = values.shape[0] // 2, values.shape[1] // 2
    out = np.zeros((height, width), np.float32)
    sound = np.zeros((height, width), np.bool_)
    for i in range(height):
        for j in range(width):
            total, n = 0.0, 0
            for k in range(4):
                row, col = 2 * i + k // 2, 2 * j + k % 2
                if usable[row, col]:
                    total += values[row, col]
                    n += 1
            if n >= 2:
                out[i, j] = total / n
                sound[i, j] = True
    return out, sound


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def masked_correlation(reference, reference_ok, scene, scene_ok, reach):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return Pearson's r over the common usable pixels for every whole shift within ±`reach`, and their number (rows, columns).

    Entry (reach + v, reach + u) compares reference[i, j] with scene[i + v, j + u] (Padfield 2012, in space instead of by Fourier
    transforms, as the shifts are few); −2 where there is nothing to compare.
    """
    height, width = reference.shape
    size = 2 * reach + 1
    r, number = np.full((size, size), -2.0), np.zeros((size, size))
    for v in range(-reach, reach + 1):
        for u in range(-reach, reach + 1):
            n, a, b, aa, bb, ab = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(max(0, -v), min(height, height - v)):
                for j in range(max(0, -u), min(width, width - u)):
                    w = np.float32(reference_ok[i, j] & scene_ok[i + v, j + u])
                    p, q = w * reference[i, j], w * scene[i + v, j + u]
                    n += float(w)
                    a += p
                    b += q
                    aa += p * p
                    bb += q * q
                    ab += p * q
            number[v + reach, u + reach] = n
            if n > 1:
                spread = (aa - a * a / n) * (bb - b * b / n)
                if spread > 0:
                    r[v + reach, u + reach] = (ab - a * b / n) / np.sqrt(spread)
    return r, number


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def _cubic(f):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return the four weights of cubic convolution (Keys 1981, a = −1/2) at the fraction `f`, float32."""
    one, half = np.float32(1), np.float32(0.5)
    g = one - f
    steep, flat = np.float32(2.5), np.float32(1.5)
    return -half * f * g * g, one - f * f * (steep - flat * f), one - g * g * (steep - flat * g), -half * g * f * f


@njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator,unused-ignore]
def normal_equations(reference, reference_ok, scene, scene_ok, matrix, model, fit, width_of_doubt):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Return what one Gauss–Newton step needs: sums over the common usable pixels.

    The scene at ``matrix`` · (x, y, 1), by cubic convolution, is explained by gain · reference + offset + gain · (gradient of the
    reference) · (what is left of the motion): translation (`model` 2 columns), with rotation (3) or affine (6). `fit` is (gain, offset)
    of the step before; residuals beyond `width_of_doubt` count ever less (Geman–McClure).

    Returns
    -------
    normal : (n, n), right : (n,)
        With n = model + 2, in the order gain, offset, motion; coordinates are counted from the centre.
    sums : (7,)
        Number, Σa, Σb, Σaa, Σbb, Σab, Σ|residual|, unweighted.
    """
    height, width = reference.shape
    rows, cols = scene.shape
    n = model + 2
    normal, right, sums, f = np.zeros((n, n)), np.zeros(n), np.zeros(7), np.zeros(n)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    gain, offset, doubt = fit[0], fit[1], 1 / width_of_doubt
    for i in range(1, height - 1):
        for j in range(1, width - 1):
            if not reference_ok[i, j]:
                continue
            x = matrix[0, 0] * j + matrix[0, 1] * i + matrix[0, 2]
            y = matrix[1, 0] * j + matrix[1, 1] * i + matrix[1, 2]
            if not (1 <= x < cols - 2 and 1 <= y < rows - 2):
                continue
            left, top = int(x), int(y)
            if not (scene_ok[top, left] and scene_ok[top + 1, left] and scene_ok[top, left + 1] and scene_ok[top + 1, left + 1]):
                continue
            c0, c1, c2, c3 = _cubic(np.float32(x - left))
            r0, r1, r2, r3 = _cubic(np.float32(y - top))
            s0 = c0 * scene[top - 1, left - 1] + c1 * scene[top - 1, left] + c2 * scene[top - 1, left + 1] + c3 * scene[top - 1, left + 2]
            s1 = c0 * scene[top, left - 1] + c1 * scene[top, left] + c2 * scene[top, left + 1] + c3 * scene[top, left + 2]
            s2 = c0 * scene[top + 1, left - 1] + c1 * scene[top + 1, left] + c2 * scene[top + 1, left + 1] + c3 * scene[top + 1, left + 2]
            s3 = c0 * scene[top + 2, left - 1] + c1 * scene[top + 2, left] + c2 * scene[top + 2, left + 1] + c3 * scene[top + 2, left + 2]
            b = r0 * s0 + r1 * s1 + r2 * s2 + r3 * s3
            a = reference[i, j]
            residual = b - gain * a - offset
            sums[0] += 1
            sums[1] += a
            sums[2] += b
            sums[3] += a * a
            sums[4] += b * b
            sums[5] += a * b
            sums[6] += abs(residual)
            w = 1 / (1 + (residual * doubt) ** 2)
            w *= w
            gx = np.float32(0.5) * (reference[i, j + 1] - reference[i, j - 1])
            gy = np.float32(0.5) * (reference[i + 1, j] - reference[i - 1, j])
            f[0], f[1], f[2], f[3] = a, 1.0, gx, gy
            if model == 3:
                f[4] = gy * (j - middle_x) - gx * (i - middle_y)
            elif model == 6:
                f[4], f[5] = gx * (j - middle_x), gx * (i - middle_y)
                f[6], f[7] = gy * (j - middle_x), gy * (i - middle_y)
            for k in range(n):
                wf = w * f[k]
                right[k] += wf * b
                for m in range(k + 1):
                    normal[k, m] += wf * f[m]
    for k in range(n):
        for m in range(k):
            normal[m, k] = normal[k, m]
    return normal, right, sums


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def resample(values, matrix, order, out):  # type: ignore[no-untyped-def] # pragma: no cover (compiled)
    """Write `values` at ``matrix`` · (x, y, 1) to `out`; a pixel has data where the nearest has, and only pixels with data are averaged.

    Cubic convolution (`order` 3) where all of its 4×4 pixels have data, else bilinear over those of 2×2 that have; 1: bilinear throughout.
    """
    height, width = out.shape
    rows, cols = values.shape
    for i in range(height):
        for j in range(width):
            x = matrix[0, 0] * j + matrix[0, 1] * i + matrix[0, 2]
            y = matrix[1, 0] * j + matrix[1, 1] * i + matrix[1, 2]
            out[i, j] = np.nan
            near_x, near_y = int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
            if not (0 <= near_x < cols and 0 <= near_y < rows) or np.isnan(values[near_y, near_x]):
                continue
            left, top = int(np.floor(x)), int(np.floor(y))
            fx, fy = x - left, y - top
            total = 0.0
            if order == 3 and 1 <= left < cols - 2 and 1 <= top < rows - 2:
                wx, wy = _cubic(np.float32(fx)), _cubic(np.float32(fy))
                for k in range(4):
                    for m in range(4):
                        weight = wy[k] * wx[m]
                        if weight != 0:
                            total += weight * values[top - 1 + k, left - 1 + m]
                if not np.isnan(total):
                    out[i, j] = total
                    continue
            total, share = 0.0, 0.0
            for k in range(2):
                for m in range(2):
                    row, col = top + k, left + m
                    if 0 <= row < rows and 0 <= col < cols and not np.isnan(values[row, col]):
                        weight = (fy if k else 1 - fy) * (fx if m else 1 - fx)
                        total += weight * values[row, col]
                        share += weight
            out[i, j] = total / share
