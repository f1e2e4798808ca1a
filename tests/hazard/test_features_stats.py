from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.hazard import features_stats as stats

VALUES = np.array([5.0, 1.0, 4.0, 2.0])
CHOSEN = np.array([[True, True, True, True], [True, False, True, False], [False] * 4])


def test_statistics_over_chosen_records():
    np.testing.assert_array_equal(stats.count(CHOSEN), [4, 2, 0])
    np.testing.assert_array_equal(stats.total(VALUES, CHOSEN), [12, 9, 0])
    np.testing.assert_array_equal(stats.mean(VALUES, CHOSEN), [3, 4.5, np.nan])
    np.testing.assert_array_equal(stats.mean(VALUES, CHOSEN, np.array([1.0, 1, 3, 1])), [20 / 6, 17 / 4, np.nan])
    np.testing.assert_array_equal(stats.mean(VALUES, CHOSEN, fewest=3), [3, np.nan, np.nan])
    np.testing.assert_array_equal(stats.newest(CHOSEN), [3, 2, -1])
    np.testing.assert_array_equal(stats.at(VALUES, stats.newest(CHOSEN)), [2, 4, np.nan])
    np.testing.assert_array_equal(stats.quantile(VALUES, CHOSEN, 1 / 3), [2, 4, np.nan])
    np.testing.assert_array_equal(stats.largest(VALUES, CHOSEN, 3), [2, 4, np.nan])


def test_nothing_is_known_of_no_records():
    none = np.zeros((2, 0), dtype=bool)
    empty = np.zeros(0)
    assert np.isnan(stats.mean(empty, none)).all()
    assert np.isnan(stats.quantile(empty, none, 0.5)).all()
    assert np.isnan(stats.largest(empty, none, 1)).all()
    assert np.isnan(stats.slope(empty, empty, none)).all()
    assert np.isnan(stats.at(empty, stats.newest(none))).all()


def test_slope_is_the_median_of_all_pairs_and_shrugs_off_one_wrong_value():
    time = np.array([0.0, 1, 3, 4, 6, 9])
    values = 7 + 2.5 * time
    values[3] = 900
    chosen = np.ones((1, 6), dtype=bool)
    assert stats.slope(time, values, chosen)[0] == pytest.approx(2.5)
    chosen[0, :3] = False
    assert np.isnan(stats.slope(time, values, chosen)[0])
    values[3] = 17
    assert stats.slope(time, values, chosen, fewest=3)[0] == pytest.approx(2.5)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.integers(0, 5))
def test_records_that_are_not_chosen_change_no_bit_of_a_sum(values, others):
    found = np.array(values)
    wide = np.concatenate([found, np.full(others, np.nan)])
    chosen = np.arange(wide.size) < found.size
    alone = stats.total(found, np.ones((1, found.size), dtype=bool))
    assert stats.total(wide, chosen[None, :]).tobytes() == alone.tobytes()
    assert alone[0] == sum(values)


def test_distance_within_the_year():
    assert stats.season_distance(np.array(10.0), np.array(10.0 + 3 * 365.25)) == pytest.approx(0)
    assert stats.season_distance(np.array(0.0), np.array(365.25 - 20)) == pytest.approx(20)
