"""Stable ground: shifts and planes are found under blunders and ice, and the spread is that of the noise."""

import numpy as np
import pytest
from scipy import stats

from glaciercast.errors import InputError
from glaciercast.motion.stable import calibrate, correct, nmad

SHAPE = (60, 80)


def scene(seed=0, noise=0.15, blunders=0.1):
    """Return vx, vy of a glacier between two banks, its mask of stable ground, and row and column."""
    rng = np.random.default_rng(seed)
    row, column = np.indices(SHAPE)
    ice = np.abs(column - 40) < 15
    vx, vy = rng.normal(0, noise, (2, *SHAPE))
    vx[ice] += 3.0
    wrong = rng.random(SHAPE) < blunders
    vx[wrong] += rng.uniform(-20, 20, wrong.sum())
    vx[rng.random(SHAPE) < 0.1] = np.nan
    return vx, vy, ~ice, row, column


def test_nmad_is_the_deviation_of_gaussian_errors_and_ignores_blunders():
    values = np.random.default_rng(0).normal(5, 2, 200_000)
    assert nmad(values) == pytest.approx(2, rel=0.01)
    assert nmad(np.array([1.0, 2.0, 3.0, 4.0, 1000.0, np.nan])) == pytest.approx(1.4826)
    assert nmad(values) == pytest.approx(stats.median_abs_deviation(values, scale="normal"), rel=1e-4)
    assert np.isnan(nmad(np.array([np.nan])))


def test_the_median_shift_goes_and_the_ice_keeps_its_motion():
    vx, vy, stable, *_ = scene()
    left_x, _left_y, ground = correct(vx + 0.7, vy - 0.4, stable)
    seen = stable & np.isfinite(vx)
    assert ground.shift_x[0, 0] == pytest.approx(np.median(vx[seen] + 0.7)) and ground.shift_y.std() == 0
    assert abs(ground.shift_x[0, 0] - 0.7) < 0.02 and abs(ground.shift_y[0, 0] + 0.4) < 0.02
    np.testing.assert_allclose(left_x, vx + 0.7 - ground.shift_x)
    assert np.median(left_x[seen]) == pytest.approx(0, abs=1e-12) and abs(np.nanmedian(left_x[~stable]) - 3) < 0.05
    assert ground.vectors == seen.sum() and ground.nmad_y == pytest.approx(0.15, rel=0.06) and ground.nmad_x == pytest.approx(0.17, rel=0.1)
    assert ground.error == pytest.approx(np.sqrt((ground.nmad_x**2 + ground.nmad_y**2) / 2))


def test_a_plane_is_found_under_ten_percent_of_blunders():
    vx, vy, stable, row, column = scene()
    tilt_x, tilt_y = 0.5 - 0.02 * column + 0.01 * row, -0.3 + 0.005 * column
    _left_x, _left_y, ground = correct(vx + tilt_x, vy + tilt_y, stable, plane=True)
    assert np.abs(ground.shift_x - tilt_x).max() < 0.04 and np.abs(ground.shift_y - tilt_y).max() < 0.04
    assert ground.nmad_y == pytest.approx(0.15, rel=0.06)
    assert correct(vx + tilt_x, vy + tilt_y, stable)[2].nmad_x > 3 * ground.nmad_x  # what a median leaves


def test_an_exact_plane_is_returned_exactly():
    *_, row, column = scene()
    stable = np.ones(SHAPE, bool)
    left_x, left_y, _ground = correct(2.0 + 0.1 * column, -1.0 - 0.2 * row, stable, plane=True)
    np.testing.assert_allclose(left_x, 0, atol=1e-9)
    np.testing.assert_allclose(left_y, 0, atol=1e-9)


def test_errors_that_are_stated_too_small_are_scaled_to_what_stable_ground_shows():
    vx, vy, stable, *_ = scene(blunders=0.02)
    rng = np.random.default_rng(1)
    stated = rng.uniform(0.5, 2.0, SHAPE)
    vx, vy = rng.normal(0, 0.3 * stated), rng.normal(0, 0.3 * stated)
    error, factor = calibrate(stated, vx, vy, stable)
    assert factor == pytest.approx(0.3, rel=0.04)
    np.testing.assert_allclose(error, stated * factor)


def test_too_little_stable_ground_shapes_and_lines_are_refused():
    vx, vy, stable, row, _column = scene()
    with pytest.raises(InputError, match=r"expected at least 100 vectors off the ice, found 0"):
        correct(vx, vy, np.zeros(SHAPE, bool))
    with pytest.raises(InputError, match=r"expected at least 100 vectors off the ice, found 0"):
        correct(np.full(SHAPE, np.nan), vy, stable)
    with pytest.raises(InputError, match=r"expected at least 5000 vectors"):
        calibrate(np.ones(SHAPE), vx, vy, stable, fewest=5000)
    with pytest.raises(InputError, match=r"expected vx, vy and the mask of one shape"):
        correct(vx, vy, stable[:5])
    with pytest.raises(InputError, match=r"found a line of vectors"):
        correct(vx, vy, row == 3, plane=True, fewest=10)
