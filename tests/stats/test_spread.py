"""Spread over error is 1 for a forecast that knows its error, and parts merge into exactly the whole."""

import numpy as np
import pytest

from glaciercast.stats.spread import SpreadSums


@pytest.mark.parametrize("count", [2, 5])
def test_spread_over_error_is_1_for_members_that_the_truth_is_one_of(count):
    rng = np.random.default_rng(count)
    centre = rng.normal(size=(50, 2, 30, 30))
    members, truth = centre + rng.normal(size=(count, *centre.shape)), centre + rng.normal(size=centre.shape)
    assert SpreadSums.of_members(members, truth, np.ones_like(truth)).ratio() == pytest.approx(1.0, abs=0.01)
    assert SpreadSums.of(centre, np.full_like(truth, 0.25), truth, np.ones_like(truth)).ratio() == pytest.approx(0.5, abs=0.01)


def test_merging_parts_equals_one_pass_and_survives_json():
    mean, truth, weight = (np.random.default_rng(seed).random((6, 2, 5, 5)) for seed in range(3))
    whole = SpreadSums.of(mean, np.ones_like(truth), truth, weight)
    parts = [SpreadSums.of(mean[rows], np.ones_like(truth[rows]), truth[rows], weight[rows]) for rows in (slice(0, 4), slice(4, 6))]
    assert (parts[0] + parts[1]).to_json() == whole.to_json() == SpreadSums.from_json(whole.to_json()).to_json()
    assert np.isnan(SpreadSums.of(mean, mean, truth, np.zeros_like(weight)).ratio())
