"""Errors and snow masks by stratum are those of a loop over the pixels of each."""

import numpy as np
import pytest
from tests.stats.made_sums import LABELS, SHAPE, scenes, stratum, tallied

from glaciercast.stats.tally import tally


def looped(forecast, truth, weight, chosen, lead):
    """Return MSE, MAE, bias, IoU and F1 of all forecasts at one lead over chosen pixels."""
    total, sums, hits, union, ours, theirs = 0.0, np.zeros(3), 0, 0, 0, 0
    for number in range(len(truth)):
        for row, col in np.argwhere(chosen):
            f, y, w = (each[number, lead, row, col] for each in (forecast, truth, weight))
            if w == 0:
                continue
            total += w
            sums += w * np.array([(f - y) ** 2, abs(f - y), f - y])
            hits += f >= 0.3 and y >= 0.3
            union += f >= 0.3 or y >= 0.3
            ours, theirs = ours + (f >= 0.3), theirs + (y >= 0.3)
    return [*(sums / total), hits / union, 2 * hits / (ours + theirs)]


@pytest.mark.parametrize("number", range(3))
def test_a_stratum_is_that_of_a_loop_over_its_pixels(number):
    arrays = scenes()
    sums = tallied(*arrays).within(lambda label: label == LABELS[number]).total()
    found = [getattr(sums, name)(1)[0] for name in ("mse", "mae", "bias", "iou", "f1")]
    np.testing.assert_allclose(found, looped(*arrays, stratum() == number, 1))


def test_strata_add_up_to_the_whole():
    arrays = scenes()
    whole = tallied(*arrays)
    np.testing.assert_allclose(
        [whole.total().mse(0)[0], whole.total().iou(0)[0]], np.array(looped(*arrays, np.ones(SHAPE, bool), 0))[[0, 3]]
    )
    ice, outside = (whole.within(lambda label, place=place: label[0] == place) for place in ("ice", "outside"))
    assert ice.labels == LABELS[:1] and outside.labels == LABELS[1:]
    np.testing.assert_allclose(ice.errors().squared + outside.errors().squared, whole.errors().squared)


def test_a_month_holds_its_targets_alone():
    forecast, truth, weight = scenes()
    sums = tallied(forecast, truth, weight)  # forecast k has its targets in months k + 1 and k + 2
    march = sums.in_month(3).total()
    expected = [(weight[at] * (forecast[at] - np.nan_to_num(truth[at])) ** 2).sum() for at in ((2, 0), (1, 1))]
    assert march.squared.sum() == pytest.approx(sum(expected))
    assert np.isnan(sums.in_month(11).total().mse()[0])


def test_the_mask_of_scikit_like_contingency_by_hand():
    truth = np.array([0.3, 0.5, 0.29, 0.1, 0.9, np.nan])[None, None, None]
    forecast = np.array([0.3, 0.1, 0.30, 0.2, 0.8, 0.9])[None, None, None]
    sums = tally(forecast, truth, np.full(truth.shape, 0.2), np.zeros((1, 6), "int16"), (("anywhere", None),), np.array([[7]]))
    assert [sums.hits.item(), sums.misses.item(), sums.false_alarms.item(), sums.rejections.item()] == [2, 1, 1, 1]
    assert sums.iou()[0] == 0.5 and sums.f1()[0] == pytest.approx(4 / 6)
    bare = tally(truth * 0, truth * 0, np.ones(truth.shape), np.zeros((1, 6), "int16"), (("anywhere", None),), np.array([[7]]))
    assert np.isnan(bare.iou()[0]) and np.isnan(bare.f1()[0])


def test_other_variables_have_no_mask():
    arrays = scenes()
    sums = tally(*arrays, stratum(), LABELS, np.ones((5, 2), int), snow=False)
    assert sums.mse().tolist() == tallied(*arrays).mse().tolist() and sums.hits.sum() + sums.rejections.sum() == 0
