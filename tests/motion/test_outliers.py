"""Outliers: the normalised median test is that of the paper, and gaps are filled by what is near."""

from __future__ import annotations

import numpy as np
import pytest

from glaciercast.motion.outliers import FEWEST, normalised_residual, stood_in


def slow(values, valid, noise):
    """Equation 2 of Westerweel & Scarano (2005), one vector after the other."""
    out = np.full(values.shape, np.nan)
    for i, j in np.ndindex(values.shape):
        near = [
            values[k, m]
            for k in range(max(0, i - 1), min(values.shape[0], i + 2))
            for m in range(max(0, j - 1), min(values.shape[1], j + 2))
            if (k, m) != (i, j) and valid[k, m]
        ]
        if len(near) >= FEWEST:
            middle = np.median(near)
            out[i, j] = abs(values[i, j] - middle) / (np.median(np.abs(near - middle)) + noise)
    return out


def test_the_compiled_test_is_the_published_one():
    rng = np.random.default_rng(0)
    dx, dy = rng.normal(size=(2, 12, 9))
    valid = rng.random((12, 9)) > 0.3
    expected = np.maximum(slow(dx, valid, 0.1), slow(dy, valid, 0.1))
    np.testing.assert_allclose(normalised_residual(dx, dy, valid), expected, rtol=1e-12)


def test_a_spike_fails_and_uniform_shear_passes():
    x = np.tile(np.arange(9.0), (9, 1))
    dx, dy = 0.5 * x, np.zeros((9, 9))
    dx[4, 4] += 3
    residual = normalised_residual(dx, dy, np.ones((9, 9), bool))
    assert residual[4, 4] == pytest.approx(3 / (0.5 + 0.1))
    assert np.delete(residual[1:-1, 1:-1].ravel(), 24).max() < 1.5


def test_what_is_not_valid_takes_the_mean_of_what_is_near():
    field = np.zeros((2, 20, 20))
    field[0], field[1] = 3.0, -1.0
    valid = np.ones((20, 20), bool)
    valid[5:15, 3:9] = False
    field[:, ~valid] = 99.0
    whole = stood_in(field, valid)
    np.testing.assert_allclose(whole[0], 3.0, rtol=1e-5)
    np.testing.assert_allclose(whole[1], -1.0, rtol=1e-5)
    assert not stood_in(field, np.zeros((20, 20), bool)).any()
