"""Scores of chances against closed forms and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaciercast.errors import InputError
from glaciercast.hazard import scores


@pytest.fixture(scope="module")
def drawn():
    """True chances of a rare event, and outcomes drawn from them."""
    rng = np.random.default_rng(3)
    truth = rng.beta(0.5, 6, 20_000)
    return truth, (rng.random(truth.size) < truth).astype("float64")


def test_brier_of_four_forecasts_by_hand():
    assert scores.brier(np.array([0.1, 0.2, 0.9, 0.5]), np.array([0, 1, 1, 0.0])) == pytest.approx((0.01 + 0.64 + 0.01 + 0.25) / 4)
    assert scores.skill(0.05, 0.2) == pytest.approx(0.75)
    assert scores.skill(0.1, 0.0) is None


def test_brier_is_scikit_learns(drawn):
    metrics = pytest.importorskip("sklearn.metrics")
    truth, label = drawn
    assert scores.brier(truth, label) == pytest.approx(metrics.brier_score_loss(label, truth), rel=1e-12)


def test_expected_brier_is_the_mean_over_all_outcomes(drawn):
    truth, _ = drawn
    chance, truth = np.clip(truth[:50] * 1.5, 0, 1), truth[:50]
    rng = np.random.default_rng(0)
    mean = np.mean([scores.brier(chance, (rng.random(50) < truth).astype("float64")) for _ in range(4000)])
    assert scores.expected_brier(chance, truth) == pytest.approx(mean, rel=0.02)
    assert scores.expected_brier(truth, truth) == pytest.approx(np.mean(truth * (1 - truth)))


def test_murphys_parts_add_up_and_are_exact_where_bins_hold_one_chance_each():
    chance = np.repeat([0.1, 0.4], [10, 10])
    label = np.concatenate([np.repeat([1.0, 0.0], [2, 8]), np.repeat([1.0, 0.0], [5, 5])])
    parts = scores.murphy(chance, label)
    assert parts.reliability == pytest.approx((0.1**2 + 0.1**2) / 2)
    assert parts.resolution == pytest.approx(0.15**2)
    assert parts.uncertainty == pytest.approx(0.35 * 0.65)
    assert parts.within == pytest.approx(0, abs=1e-12)
    assert parts.reliability - parts.resolution + parts.uncertainty == pytest.approx(scores.brier(chance, label))


@given(st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_murphys_parts_add_up_to_the_brier_score(seed):
    rng = np.random.default_rng(seed)
    chance = rng.random(200)
    label = (rng.random(200) < chance).astype("float64")
    parts = scores.murphy(chance, label)
    assert parts.reliability - parts.resolution + parts.uncertainty + parts.within == pytest.approx(scores.brier(chance, label))


def test_a_constant_risk_has_no_resolution_no_slope_and_no_skill(drawn):
    _, label = drawn
    constant = np.full(label.size, label.mean())
    assert scores.murphy(constant, label).resolution == pytest.approx(0, abs=1e-15)
    assert scores.recalibration(constant, label) is None
    assert scores.skill(scores.brier(constant, label), label.mean() * (1 - label.mean())) == pytest.approx(0, abs=1e-12)
    assert scores.pr_auc(constant, label) == pytest.approx(label.mean())
    assert scores.table(constant, label, 0.0).peirce == 0


def test_the_slope_is_1_for_reliable_chances_and_known_for_distorted_ones(drawn):
    truth, label = drawn
    odds = scores.logit(truth)
    for stretch in (0.5, 1.0, 2.0):
        distorted = 1 / (1 + np.exp(-(stretch * odds + 0.7)))
        exact = scores.recalibration(distorted, truth)
        assert exact == pytest.approx((-0.7 / stretch, 1 / stretch), abs=0.02)
        assert scores.recalibration(distorted, label)[1] == pytest.approx(1 / stretch, rel=0.05)


def test_the_slope_is_that_of_unpenalised_logistic_regression(drawn):
    linear = pytest.importorskip("sklearn.linear_model")
    truth, label = drawn
    x = scores.logit(np.clip(1.3 * truth[:3000], 0, 1))
    fitted = linear.LogisticRegression(C=1e12, tol=1e-10).fit(x[:, None], label[:3000])
    ours = scores.recalibration(np.clip(1.3 * truth[:3000], 0, 1), label[:3000])
    assert ours == pytest.approx((fitted.intercept_[0], fitted.coef_[0, 0]), rel=1e-4)


def test_no_slope_is_given_where_none_is_finite():
    chance = np.array([0.1, 0.2, 0.8, 0.9])
    assert scores.recalibration(chance, np.array([0, 0, 1, 1.0])) is None
    assert scores.recalibration(chance, np.zeros(4)) is None


def test_average_precision_is_scikit_learns(drawn):
    metrics = pytest.importorskip("sklearn.metrics")
    truth, label = drawn
    tied = np.round(truth, 2)
    assert scores.pr_auc(tied, label) == pytest.approx(metrics.average_precision_score(label, tied), rel=1e-12)
    weight = np.random.default_rng(0).integers(0, 3, label.size).astype("float64")
    weighted = metrics.average_precision_score(label, tied, sample_weight=weight)
    assert scores.pr_auc(tied, label, weight) == pytest.approx(weighted, rel=1e-12)
    precision, recall, threshold = metrics.precision_recall_curve(label, tied)
    curve = scores.precision_recall(tied, label)
    np.testing.assert_allclose(curve.threshold[::-1], threshold)
    np.testing.assert_allclose(curve.precision[::-1], precision[:-1])
    np.testing.assert_allclose(curve.recall[::-1], recall[:-1])
    assert scores.pr_auc(tied, np.zeros(label.size)) is None


def test_weights_count_samples(drawn):
    truth, label = (part[:300] for part in drawn)
    weight = np.random.default_rng(1).integers(0, 4, 300)
    often = np.repeat(np.arange(300), weight)
    assert scores.brier(truth, label, weight.astype("float64")) == pytest.approx(scores.brier(truth[often], label[often]))
    slope = scores.recalibration(truth, label, weight.astype("float64"))
    assert slope == pytest.approx(scores.recalibration(truth[often], label[often]))


def test_contingency_table_and_peirces_score_by_hand():
    found = scores.table(np.array([0.9, 0.1, 0.6, 0.2, 0.7]), np.array([1, 1, 0, 0, 0.0]), 0.5)
    assert found == scores.Table(hits=1, misses=1, false_alarms=2, rejections=1)
    assert found.peirce == pytest.approx(1 / 2 - 2 / 3)
    assert scores.table(np.array([0.9]), np.array([0.0]), 0.5).peirce is None


def test_value_is_1_for_perfect_alerts_and_0_for_the_base_rate(drawn):
    _, label = drawn
    ratios = np.array([0.02, 0.05, 0.1, 0.5])
    np.testing.assert_allclose(scores.economic_value(label, label, ratios), 1)
    constant = np.full(label.size, label.mean())
    np.testing.assert_allclose(scores.economic_value(constant, label, ratios), 0, atol=1e-12)
    assert np.isnan(scores.economic_value(constant, np.zeros(label.size), ratios)).all()


def test_value_is_richardsons_of_hit_and_false_rate(drawn):
    truth, label = drawn
    ratio, base = 0.05, label.mean()
    found = scores.table(truth, label, ratio)
    hit, false = found.hit_rate, found.false_rate
    by_hand = (min(ratio, base) - false * ratio * (1 - base) + hit * base * (1 - ratio) - base) / (min(ratio, base) - base * ratio)
    assert scores.economic_value(truth, label, np.array([ratio]))[0] == pytest.approx(by_hand)


def test_reliable_chances_lie_on_the_diagonal(drawn):
    truth, label = drawn
    found = scores.bins(truth, label)
    spread = np.sqrt(found.chance * (1 - found.chance) / found.count)
    assert (np.abs(found.frequency - found.chance) < 4 * spread + 0.002).all()
    assert found.count.sum() == truth.size


def test_chances_outside_0_and_1_are_refused():
    with pytest.raises(InputError, match=r"each chance within 0 and 1, found 1\.2"):
        scores.brier(np.array([0.1, 1.2]), np.array([0.0, 1.0]))
    with pytest.raises(InputError, match="found nan"):
        scores.brier(np.array([0.1, np.nan]), np.array([0.0, 1.0]))
    with pytest.raises(InputError, match="one outcome for each chance"):
        scores.brier(np.array([0.1]), np.array([0.0, 1.0]))
