"""Scores by closed form; parts merge into exactly the whole."""

import numpy as np
import pytest

from glaciercast.errors import GlaciercastError
from glaciercast.stats.scores import ErrorSums, skill


def test_weighted_errors_by_hand():
    forecast = np.array([[[1.0, 2.0], [0.0, 5.0]]])  # (1 forecast, 2 leads, 2 pixels)
    truth = np.array([[[0.0, 4.0], [1.0, np.nan]]])
    weight = np.array([[[1.0, 0.5], [1.0, 1.0]]])
    sums = ErrorSums.of(forecast, truth, weight)
    assert sums.mse(0) == pytest.approx((1 + 0.5 * 4) / 1.5) and sums.mae(0) == pytest.approx((1 + 0.5 * 2) / 1.5)
    assert sums.mse(1) == 1 and sums.mse() == pytest.approx((3 + 1) / 2.5)


def test_pixels_that_were_not_observed_never_count():
    rng = np.random.default_rng(0)
    truth, weight = rng.random((3, 2, 4, 4)), (rng.random((3, 2, 4, 4)) < 0.5).astype(float)
    forecast = rng.random((3, 2, 4, 4))
    spoiled = np.where(weight == 0, 1e9, truth)
    assert ErrorSums.of(forecast, truth, weight).mse() == ErrorSums.of(forecast, spoiled, weight).mse()


def test_merging_parts_equals_one_pass():
    rng = np.random.default_rng(1)
    forecast, truth, weight = (rng.random((10, 3, 5, 5)) for _ in range(3))
    whole = ErrorSums.of(forecast, truth, weight)
    merged = ErrorSums.of(forecast[:4], truth[:4], weight[:4]) + ErrorSums.of(forecast[4:], truth[4:], weight[4:])
    assert merged.mse() == whole.mse() and merged.mae(2) == whole.mae(2)
    assert ErrorSums.from_json(whole.to_json()).mse() == whole.mse()


def test_a_model_may_not_choose_its_pixels():
    forecast = np.full((1, 1, 2), np.nan)
    with pytest.raises(GlaciercastError, match="2 forecast values are not finite"):
        ErrorSums.of(forecast, np.zeros((1, 1, 2)), np.ones((1, 1, 2)))


def test_nothing_to_score_is_nan_and_not_zero():
    assert np.isnan(ErrorSums.of(np.zeros((1, 1, 2)), np.zeros((1, 1, 2)), np.zeros((1, 1, 2))).mse())


def test_skill_by_closed_form():
    assert skill(0.0433, 0.0487) == pytest.approx(0.1109, abs=1e-4) and skill(1.0, 1.0) == 0 and skill(2.0, 1.0) == -1
