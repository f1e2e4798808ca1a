"""The peak of a density: of Gaussian points by closed form, against the kernel's own formula, and with blunders among them."""

from __future__ import annotations

import numpy as np
import pytest

from glaciercast.motion.density import RULE, density, peak, peak_of


def gaussian(number: int = 40_000, sigma: tuple[float, float] = (2.0, 5.0), seed: int = 0) -> np.ndarray:
    """Return (2, point) of standard deviations `sigma` about (1, −3)."""
    return np.array([[1.0], [-3.0]]) + np.array(sigma)[:, None] * np.random.default_rng(seed).normal(size=(2, number))


def test_the_half_width_of_gaussian_points_is_two_sigma_and_what_the_kernel_adds():
    u, v = gaussian()
    found = peak_of(u, v)
    spread = (RULE * np.sqrt(2.0 * 5.0) * len(u) ** (-1 / 6)) ** 2 / 6  # the variance of the kernel along an axis is h²/6
    assert found.half_widths == pytest.approx((2 * np.sqrt(4 + spread), 2 * np.sqrt(25 + spread)), rel=0.04)
    assert (found.u, found.v) == pytest.approx((1.0, -3.0), abs=0.8)


def test_the_share_outside_the_box_is_that_of_gaussian_points():
    u, v = gaussian(sigma=(1.0, 1.0))
    a, b = np.random.default_rng(9).normal(size=(2, 40_000)) + np.array([[1.0], [-3.0]])
    assert peak_of(u, v).outside(a, b) == pytest.approx(1 - 0.9545**2, abs=0.015)


def test_density_is_the_published_sum_of_kernels():
    u, v = gaussian(400, (1.0, 2.0))
    found = density(u, v)
    h = RULE * np.sqrt(np.std(u, ddof=1) * np.std(v, ddof=1)) * 400 ** (-1 / 6)
    rows, columns = np.linspace(10, len(found.v) - 10, 9).astype(int), np.linspace(10, len(found.u) - 10, 9).astype(int)
    slow = np.zeros((9, 9))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            r2 = ((u - found.u[column]) ** 2 + (v - found.v[row]) ** 2) / h**2
            slow[i, j] = (2 / np.pi * np.maximum(1 - r2, 0)).sum() / h**2 / 400
    np.testing.assert_allclose(found.values[np.ix_(rows, columns)], slow, atol=0.02 * slow.max())
    cell = (found.u[1] - found.u[0]) * (found.v[1] - found.v[0])
    assert found.values.sum() * cell == pytest.approx(1, abs=0.03)  # some points lie beyond three standard deviations


def test_the_level_is_that_of_the_peak_times_e_to_minus_two():
    of = density(*gaussian())
    box = peak(of)
    profile = of.values.max(axis=0)
    for side in (box.left, box.right):
        assert np.interp(side, of.u, profile) == pytest.approx(np.exp(-2) * of.values.max(), rel=1e-6)


def test_blunders_hardly_move_the_peak_but_lie_outside():
    u, v = gaussian(20_000, (1.0, 1.0))
    gaussian_share = peak_of(u, v).outside(u, v)
    u[:1000], v[:1000] = np.random.default_rng(5).uniform(-8, 8, (2, 1000))
    found = peak_of(u, v)
    assert found.half_widths == pytest.approx((2.1, 2.1), rel=0.08)
    assert found.outside(u, v) > gaussian_share + 0.03


def test_units_and_origin_scale_with_the_points():
    u, v = gaussian(3000)
    one, two = peak_of(u, v), peak_of(100 + 1e-3 * u, 1e-3 * v)
    np.testing.assert_allclose(np.array(two) - [100, 0, 100, 100, 0, 0], 1e-3 * np.array(one), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("points", [np.empty((2, 0)), np.zeros((2, 50)), np.stack([np.arange(50.0), np.zeros(50)])])
def test_points_that_do_not_differ_have_no_peak(points):
    assert np.isnan(peak_of(*points)).all() and np.isnan(peak_of(*points).outside(*points))
