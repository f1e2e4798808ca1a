"""Estimates combined by their errors: closed forms, calibration on draws, and what contradictions do."""

import numpy as np
import pytest

from glaciercast.motion.combination import combine


def estimates(*sources):
    """Return velocity, error, observed (source, 2, pixel) of (vx, vy, σx, σy, observed) for each source."""
    columns = np.array(sources, "float32")
    return columns[:, :2, None], columns[:, 2:4, None], np.repeat(columns[:, 4:], 2, axis=1)[..., None]


def test_two_estimates_are_weighted_by_inverse_variances_and_disagree_by_their_difference_over_its_error():
    made = combine(*estimates((10, 0, 1, 3, 1.0), (16, 4, 2, 4, 0.0)))
    np.testing.assert_allclose(made.velocity[:, 0], [(10 / 1 + 16 / 4) / (1 + 1 / 4), (0 + 4 / 16) / (1 / 9 + 1 / 16)], rtol=1e-6)
    np.testing.assert_allclose(made.error[:, 0], [(1 + 1 / 4) ** -0.5, (1 / 9 + 1 / 16) ** -0.5], rtol=1e-6)
    np.testing.assert_allclose(made.observed[:, 0], [4 / 5, 16 / 25], rtol=1e-6)
    np.testing.assert_allclose(made.share[:, 0], [(4 / 5 + 16 / 25) / 2, (1 / 5 + 9 / 25) / 2], rtol=1e-6)
    assert made.chi[0] == pytest.approx(np.sqrt((6**2 / 5 + 4**2 / 25) / 2)) and not made.contradicted[0]


def test_beyond_three_sigma_both_errors_grow_by_birges_ratio_and_not_before():
    # of two components, 3 σ (0.27 %) is χ² = −2 ln 0.0027 = 11.83
    for apart, contradicts in ((np.sqrt(11.82 * 2), False), (np.sqrt(11.84 * 2), True), (40.0, True)):
        made = combine(*estimates((0, 0, 1, 1, 1), (apart, 0, 1, 1, 1)))
        ratio = apart / 2
        assert made.chi[0] == pytest.approx(ratio, rel=1e-5) and made.contradicted[0] == contradicts
        np.testing.assert_allclose(made.error[:, 0], np.sqrt(0.5) * (ratio if contradicts else 1), rtol=1e-5)
        np.testing.assert_allclose(made.velocity[:, 0], [apart / 2, 0], rtol=1e-5)


@pytest.mark.parametrize("number", [2, 3])
def test_of_estimates_whose_errors_hold_so_does_the_combined_error_and_contradictions_are_as_rare_as_chance_has_them(number):
    rng = np.random.default_rng(0)
    error = rng.uniform(1, 20, (number, 2, 40_000))
    made = combine(30 + rng.normal(0, 1, error.shape) * error, error, np.ones_like(error))
    assert ((made.velocity - 30) / made.error).std() == pytest.approx(1, abs=0.01)
    assert np.mean(made.chi**2) == pytest.approx(1, abs=0.01) and made.contradicted.mean() == pytest.approx(0.0027, abs=0.0008)
    np.testing.assert_allclose(made.share.sum(axis=0), 1, rtol=1e-6)


def test_what_one_source_alone_has_is_its_own_and_nothing_is_nothing():
    nan = np.nan
    velocity, error, seen = estimates((nan, 1, 2, 2, 0.9), (7, 8, 3, 4, 0.5))
    made = combine(velocity, error, seen)
    assert made.velocity[:, 0].tolist() == [7, 8] and made.error[:, 0].tolist() == [3, 4] and made.observed[:, 0].tolist() == [0.5, 0.5]
    assert np.isnan(made.chi[0]) and not made.contradicted[0] and made.share[:, 0].tolist() == [0, 1]
    for choose in (False, True):
        made = combine(velocity, np.stack([error[0], [[0.0], [3.0]]]), seen, choose)  # an error of 0 is none
        assert np.isnan(made.velocity).all() and np.isnan(made.error).all() and (made.observed == 0).all() and (made.share == 0).all()


def test_choosing_takes_the_vector_with_the_smaller_error_and_of_equal_ones_the_first():
    made = combine(*estimates((10, 0, 3, 3, 1.0), (12, 2, 1, 4, 0.5)), choose=True)  # 9 + 9 against 1 + 16
    assert made.velocity[:, 0].tolist() == [12, 2] and made.error[:, 0].tolist() == [1, 4] and made.share[:, 0].tolist() == [0, 1]
    assert made.observed[:, 0].tolist() == [0.5, 0.5] and made.chi[0] == pytest.approx(np.sqrt((4 / 10 + 4 / 25) / 2))
    equal = combine(*estimates((1, 1, 2, 2, 1), (100, 1, 2, 2, 1)), choose=True)
    assert equal.velocity[0, 0] == 1 and equal.contradicted[0] and equal.error[0, 0] == pytest.approx(2 * 99 / np.sqrt(8) / np.sqrt(2))
