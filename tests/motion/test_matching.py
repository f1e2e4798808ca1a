"""Matching: deformation is spline interpolation, sums and surfaces are those of slow loops, steps solve the normal equations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates, spline_filter

from glaciercast.motion import matching
from glaciercast.motion.matching import Deformed, Pair

SIZE = 72
NODES = matching.lattice((SIZE, SIZE), 8, 16)


def pair(masked: bool = False) -> Pair:
    rng = np.random.default_rng(0)
    layers = [spline_filter(gaussian_filter(rng.normal(size=(SIZE, SIZE)), 1.5) * 4, order=3).astype("float32") for _ in range(2)]
    flags = np.ones((2, SIZE, SIZE), "uint8")
    if masked:
        flags[0, 20:30, 25:40] = flags[1, 45:50, 10:30] = 0
        layers = [layer * flag for layer, flag in zip(layers, flags, strict=True)]
    return Pair(*layers, *flags)


def test_each_image_moves_half_of_the_way():
    made = pair()
    field = np.stack([np.full(NODES.shape, 1.6), np.full(NODES.shape, -0.7)])
    found = matching.deform(made, field, NODES)
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype("float64")
    inner = slice(4, -4), slice(4, -4)
    for image, coefficients, sign in ((found.first, made.first, -1), (found.second, made.second, 1)):
        expected = map_coordinates(coefficients.astype("float64"), [y - sign * 0.35, x + sign * 0.8], order=3, prefilter=False)
        np.testing.assert_allclose(image[inner], expected[inner], atol=2e-5)
    assert found.seen[inner].all()


def test_the_field_goes_through_its_nodes():
    ramp = np.stack(np.meshgrid(NODES.columns * 0.05, NODES.rows * 0.1)).astype("float64")
    x = np.tile(np.arange(SIZE, dtype="float32"), (SIZE, 1))
    ones = np.ones((SIZE, SIZE), "uint8")
    found = matching.deform(Pair(x, x, ones, ones), ramp, NODES)
    at = np.ix_(NODES.rows, NODES.columns)
    np.testing.assert_allclose((found.second - found.first)[at], ramp[0], atol=2e-3)  # a plane is its own spline


def test_what_is_masked_in_either_image_is_not_seen_where_it_moves_to():
    field = np.stack([np.full(NODES.shape, 4.0), np.zeros(NODES.shape)])
    found = matching.deform(pair(masked=True), field, NODES)
    assert not found.seen[20:30, 27:42].any() and not found.seen[45:50, 8:28].any()
    assert found.seen[22, 43] and found.seen[47, 29]
    assert not found.first[~found.seen.astype(bool)].any()
    assert not found.seen[:, :2].any() and not found.seen[:, -2:].any()  # came from outside


def slow_sums(images: Deformed, row: int, column: int, sigma: float) -> np.ndarray:
    """Return the sums of one chip, pixel by pixel."""
    weights = matching.window(sigma)
    reach = weights.size // 2
    a, b, seen = (layer.astype("float64") for layer in (images.first, images.second, images.seen))
    total = np.zeros(9)
    for i in range(max(1, row - reach), min(SIZE - 1, row + reach + 1)):
        for j in range(max(1, column - reach), min(SIZE - 1, column + reach + 1)):
            w = weights[i - row + reach] * weights[j - column + reach]
            whole = seen[i, j] * seen[i, j - 1] * seen[i, j + 1] * seen[i - 1, j] * seen[i + 1, j]
            gx = whole * (a[i, j + 1] - a[i, j - 1] + b[i, j + 1] - b[i, j - 1]) / 4
            gy = whole * (a[i + 1, j] - a[i - 1, j] + b[i + 1, j] - b[i - 1, j]) / 4
            p, q = a[i, j], b[i, j]
            total += w * np.array([seen[i, j], gx * gx, gy * gy, gx * gy, gx * (p - q), gy * (p - q), p * p, q * q, p * q])
    return total


@pytest.mark.parametrize("masked", [False, True])
def test_sums_of_chips_are_those_of_a_slow_loop(masked):
    images = matching.deform(pair(masked), np.full((2, *NODES.shape), 0.4), NODES)
    found = matching.sums(images, NODES, 6.0)
    for n, m in ((0, 0), (2, 3), (4, 1), (4, 4)):
        expected = slow_sums(images, NODES.rows[n], NODES.columns[m], 6.0)
        np.testing.assert_allclose(found[n, m], expected, rtol=1e-3, atol=1e-3 * abs(expected).max())


def test_a_step_solves_the_normal_equations_and_a_line_is_not_determined():
    total = np.zeros((1, 2, 9), "float32")
    total[0, 0, 1:6] = 4, 2, 1, 3, -1  # gx², gy², gx·gy, gx·d, gy·d
    total[0, 1, 1:6] = 4, 0, 0, 1, 0
    taken, sound = matching.step(total)
    np.testing.assert_allclose(taken[:, 0, 0], np.linalg.solve([[4, 1], [1, 2]], [3, -1]))
    assert sound.tolist() == [[True, False]]


def slow_surface(first, second, ok1, ok2, row, column, half, moved, shifts) -> np.ndarray:
    out = np.full((shifts.size, shifts.size), -1.0)
    back_x, back_y = moved[0] // 2, moved[1] // 2
    for v, dy in enumerate(shifts):
        for u, dx in enumerate(shifts):
            aa = bb = ab = 0.0
            for i in range(row - back_y - half, row - back_y + half + 1):
                for j in range(column - back_x - half, column - back_x + half + 1):
                    k, m = i + moved[1] + dy, j + moved[0] + dx
                    if 0 <= i < SIZE and 0 <= j < SIZE and 0 <= k < SIZE and 0 <= m < SIZE and ok1[i, j] and ok2[k, m]:
                        p, q = float(first[i, j]), float(second[k, m])
                        aa, bb, ab = aa + p * p, bb + q * q, ab + p * q
            if aa * bb > 0:
                out[v, u] = ab / np.sqrt(aa * bb)
    return out


@pytest.mark.parametrize("masked", [False, True])
def test_surfaces_are_those_of_a_slow_loop(masked):
    made, shifts = pair(masked), np.array([-3, -1, 0, 2])
    moved = np.random.default_rng(1).integers(-5, 6, (2, *NODES.shape))
    found = matching.surfaces(made, NODES, 6, shifts, moved)
    for n, m in ((0, 0), (1, 2), (4, 1), (4, 4)):
        expected = slow_surface(
            made.first, made.second, made.usable1, made.usable2, NODES.rows[n], NODES.columns[m], 6, moved[:, n, m], shifts
        )
        np.testing.assert_allclose(found[n, m], expected, atol=2e-4)


def test_a_window_averages_as_a_square_chip_of_its_side():
    weights = matching.window(matching.sigma_of(48)).astype("float64")
    whole = np.outer(weights, weights)
    assert whole.sum() ** 2 / (whole**2).sum() == pytest.approx(48**2, rel=0.03)
