"""Calibration on the logit scale, held against closed forms and known truths."""

import numpy as np
import pytest

from glaciercast.errors import InputError
from glaciercast.hazard import calibration
from glaciercast.hazard.models_base import expit, logit


def test_a_constant_alone_is_the_logit_of_the_mean_with_its_binomial_error():
    label = np.array([1.0, 0, 0, 0] * 50)
    fit = calibration.fit_logit(np.ones((200, 1)), label, np.arange(200))
    assert fit.slopes[0] == pytest.approx(np.log(0.25 / 0.75), abs=1e-6)
    assert fit.covariance[0, 0] == pytest.approx(1 / (200 * 0.25 * 0.75), rel=0.01)  # 1/(n p q), and G/(G − 1)


def test_samples_of_one_cluster_count_once():
    label = np.array([1.0, 0, 0, 0] * 50)
    once = calibration.fit_logit(np.ones((200, 1)), label, np.arange(200))
    tenfold = calibration.fit_logit(np.ones((2000, 1)), np.repeat(label, 10), np.repeat(np.arange(200), 10))
    assert tenfold.covariance[0, 0] == pytest.approx(once.covariance[0, 0], rel=1e-6)


def test_a_known_offset_is_taken_off():
    label = np.array([1.0, 0.0] * 100)
    fit = calibration.fit_logit(np.ones((200, 1)), label, np.arange(200), offset=np.full(200, 0.7))
    assert fit.slopes[0] == pytest.approx(-0.7, abs=1e-6)


def test_nothing_to_calibrate_on_is_refused():
    with pytest.raises(InputError, match="found none"):
        calibration.fit_logit(np.ones((0, 1)), np.zeros(0), np.zeros(0))


def test_true_chances_are_reliable_and_flat_ones_have_a_slope_above_one():
    true = expit(np.random.default_rng(0).normal(-1, 1.5, 4000))
    assert calibration.reliability(true, true) == pytest.approx((0, 1), abs=1e-4)  # the expected label is the chance
    intercept, slope = calibration.reliability(expit(0.5 * logit(true)), true)
    assert (intercept, slope) == pytest.approx((0, 2), abs=1e-3)


def drawn(weight: float, seed: int = 1):
    rng = np.random.default_rng(seed)
    season, apart = rng.normal(-2, 1, 6000), rng.normal(0, 1, 6000)
    label = (rng.random(6000) < expit(season + weight * apart)).astype(float)
    return season, season + apart, label, np.arange(6000)


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_a_model_is_followed_as_far_as_it_is_true(weight):
    found = calibration.blend(*drawn(weight))
    assert found.weight == pytest.approx(weight, abs=0.08)
    assert found.shift == pytest.approx(0, abs=0.1)


def test_a_model_that_tells_nothing_gets_next_to_no_weight():
    assert all(calibration.blend(*drawn(0.0, seed)).weight < 0.08 for seed in range(5))


def test_a_model_that_errs_against_the_season_is_not_followed():
    assert calibration.blend(*drawn(-0.5)) == calibration.SEASON_ALONE


def test_a_blend_without_floods_is_the_season():
    season = np.array([-1.0, 0.5])
    blend = calibration.blend(season, season + 1, np.zeros(2), np.arange(2))
    np.testing.assert_array_equal(blend.apply(season, season + 1), season)
    np.testing.assert_array_equal(blend.variance(season, season + 1), [0, 0])
