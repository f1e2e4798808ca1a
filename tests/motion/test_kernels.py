"""Compiled loops over scenes of several strips, blocks and runs agree with whole-array arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate1d, gaussian_filter, map_coordinates, spline_filter, uniform_filter

from glaciercast.motion import matching, matching_kernels, surface_kernels
from glaciercast.motion.matching import Deformed, Pair

SHAPE = 90, 610
NODES = matching.lattice(SHAPE, 16, 16)
Y, X = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype("float64")


def images(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first, second = (gaussian_filter(rng.normal(size=SHAPE), 1.2).astype("float32") * 3 for _ in range(2))
    return first, (first + second).astype("float32")


def gaps(seed: int = 2) -> np.ndarray:
    usable = np.ones(SHAPE, "uint8")
    usable[30:41, 95:133] = usable[60, 300] = 0
    return usable


@pytest.mark.parametrize("masked", [False, True])
def test_sheared_and_resting_ground_is_deformed_as_a_spline_says(masked):
    coefficients = [spline_filter(one.astype("float64"), order=3, mode="mirror").astype("float32") for one in images()]
    usable = gaps() if masked else np.ones(SHAPE, "uint8")
    y, x = np.meshgrid(NODES.rows, NODES.columns, indexing="ij")
    field = np.stack([np.where(x < 300, 0.0, 0.03 * (x - 300)), 0.02 * y * np.sin(x / 60)])
    field += np.random.default_rng(3).normal(0, 0.02, field.shape)  # rest is never quite rest
    pair = Pair(coefficients[0] * usable, coefficients[1], usable, np.ones_like(usable))
    found = matching.deform(pair, field, NODES)
    knots = [spline_filter(np.pad(component, 3, mode="edge"), order=3, mode="mirror") for component in field]
    places = [(Y - NODES.rows[0]).clip(0, NODES.rows[-1] - 16) / 16 + 3, (X - NODES.columns[0]).clip(0, NODES.columns[-1] - 16) / 16 + 3]
    right, down = (map_coordinates(knot, places, order=3, prefilter=False) for knot in knots)
    inner = slice(8, -8), slice(16, -16)
    for image, one, sign in ((found.first, pair.first, -0.5), (found.second, pair.second, 0.5)):
        at = [Y + sign * down, X + sign * right]
        expected = map_coordinates(one.astype("float64"), at, order=3, prefilter=False)
        sound = found.seen[inner].astype(bool)
        np.testing.assert_allclose(image[inner][sound], expected[inner][sound], atol=5e-4)
    there = np.rint([Y - 0.5 * down, X - 0.5 * right]).astype(int)
    nearest = usable[there[0].clip(0, SHAPE[0] - 1), there[1].clip(0, SHAPE[1] - 1)]
    assert (found.seen[inner] == nearest[inner]).mean() > 0.9999


@pytest.mark.parametrize("masked", [False, True])
def test_sums_over_several_strips_are_separable_filters(masked):
    assert SHAPE[1] > 2 * matching_kernels.STRIP
    seen = gaps() if masked else np.ones(SHAPE, "uint8")
    a, b = (one * seen for one in images())
    sigma = 7.0
    found = matching.sums(Deformed(a, b, seen), NODES, sigma)
    whole = np.zeros(SHAPE)
    near = seen[1:-1, 1:-1] & seen[:-2, 1:-1] & seen[2:, 1:-1] & seen[1:-1, :-2] & seen[1:-1, 2:]
    whole[1:-1, 1:-1] = near
    down, across = np.gradient((a + b).astype("float64") / 2)
    gx, gy, d, p, q = whole * across, whole * down, (a - b).astype("float64"), a.astype("float64"), b.astype("float64")
    weights = matching.window(sigma).astype("float64")
    inside = np.zeros(SHAPE)
    inside[1:-1, 1:-1] = 1
    for k, product in enumerate((seen, gx * gx, gy * gy, gx * gy, gx * d, gy * d, p * p, q * q, p * q)):
        expected = correlate1d(correlate1d(product * inside, weights, 0, mode="constant"), weights, 1, mode="constant")
        at_nodes = expected[np.ix_(NODES.rows, NODES.columns)]
        np.testing.assert_allclose(found[..., k], at_nodes, atol=2e-5 * abs(at_nodes).max())


@pytest.mark.parametrize("masked", [False, True])
def test_surfaces_do_not_depend_on_how_chips_are_laid_into_strips(masked):
    first, second = images()
    usable = gaps() if masked else np.ones(SHAPE, "uint8")
    pair = Pair(first * usable, second, usable, np.ones_like(usable))
    half, shifts = 7, np.array([-4, -1, 0, 2])
    moved = np.random.default_rng(5).integers(-2, 3, (2, *NODES.shape))
    moved[:, :, 5:30] = moved[:, :, 5:6]  # long strips among short ones
    found = matching.surfaces(pair, NODES, half, shifts, moved)
    assert surface_kernels.WIDEST < 25 * 16
    for n, m in np.ndindex(*NODES.shape):
        one = matching.Lattice(NODES.rows[n : n + 1], NODES.columns[m : m + 1], NODES.step)
        alone = matching.surfaces(pair, one, half, shifts, moved[:, n : n + 1, m : m + 1])
        np.testing.assert_allclose(found[n, m], alone[0, 0], atol=1e-5)


def test_surfaces_of_a_long_strip_are_those_of_whole_array_filters():
    first, second = (one.astype("float64") for one in images())
    ones = np.ones(SHAPE, "uint8")
    nodes = matching.lattice(SHAPE, 16, 32)
    found = matching.surfaces(Pair(*images(), ones, ones), nodes, 10, np.arange(-2, 3))
    for v, dy in enumerate(range(-2, 3)):
        for u, dx in enumerate(range(-2, 3)):
            there = np.roll(second, (-dy, -dx), (0, 1))
            ab, aa, bb = (uniform_filter(product, 21) for product in (first * there, first * first, there * there))
            expected = (ab / np.sqrt(aa * bb))[np.ix_(nodes.rows, nodes.columns)]
            np.testing.assert_allclose(found[:, :, v, u], expected, atol=2e-5)


def test_scores_of_blocks_add_up_to_those_of_pixels():
    a, b = images()
    seen = gaps()
    a, b = a * seen, b * seen
    found = matching.block_scores(Deformed(a, b, seen), 8)
    down, across = np.gradient((a + b).astype("float64") / 2)
    whole = np.zeros(SHAPE)
    whole[1:-1, 1:-1] = seen[1:-1, 1:-1] & seen[:-2, 1:-1] & seen[2:, 1:-1] & seen[1:-1, :-2] & seen[1:-1, 2:]
    for k, gradient in enumerate((across, down)):
        product = np.pad(whole * gradient * (a - b), ((0, -SHAPE[0] % 8), (0, -SHAPE[1] % 8)))
        blocks = product.reshape(product.shape[0] // 8, 8, -1, 8).sum((1, 3))
        np.testing.assert_allclose(found[..., k], blocks, atol=1e-4)
