"""Samples: one row a lake and day of issue."""

import numpy as np
import pandas as pd
import pytest

from glaciercast.hazard.samples import HORIZONS, Samples


@pytest.fixture
def samples():
    """Return three samples of two features; the outcome of the second is not known within 30 days."""
    events = pd.DataFrame({"event": ["e"], "lake": ["a"], "start": [pd.Timestamp("2020-06-02")]})
    return Samples(
        lake=np.array(["a", "a", "b"], dtype=object),
        issue=np.array(["2020-01-01", "2020-12-31", "2021-03-01"], dtype="datetime64[ns]"),
        values=np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0]]),
        ages=np.array([[0.0, 5.0], [1.0, np.nan], [2.0, 7.0]]),
        names=("area", "speed"),
        labels={7: np.array([0.0, 1.0, 0.0]), 30: np.array([0.0, np.nan, 1.0])},
        floods={7: np.array(["", "e", ""], dtype=object), 30: np.array(["", "", "f"], dtype=object)},
        events=events,
    )


def test_horizons_are_a_week_a_month_and_a_quarter():
    assert HORIZONS == (7, 30, 90)


def test_days_and_years_are_those_of_the_issue(samples):
    assert samples.day_of_year.tolist() == [1, 366, 60]
    assert samples.years.tolist() == [2020, 2020, 2021]
    assert samples.day_of_year.dtype == samples.years.dtype == np.dtype("int64")
    assert len(samples) == 3


def test_a_feature_is_found_by_its_name(samples):
    np.testing.assert_array_equal(samples.column("speed"), [10, np.nan, 30])
    with pytest.raises(ValueError, match="not in tuple"):
        samples.column("colour")


@pytest.mark.parametrize("chosen", [np.array([2, 0]), np.array([True, False, True])])
def test_some_samples_keep_all_that_is_theirs(samples, chosen):
    taken = samples.take(chosen)
    expected = np.array([2, 0]) if chosen.dtype != bool else np.array([0, 2])
    np.testing.assert_array_equal(taken.values, samples.values[expected])
    np.testing.assert_array_equal(taken.ages, samples.ages[expected])
    np.testing.assert_array_equal(taken.issue, samples.issue[expected])
    assert taken.lake.tolist() == samples.lake[expected].tolist()
    for horizon in (7, 30):
        np.testing.assert_array_equal(taken.labels[horizon], samples.labels[horizon][expected])
        assert taken.floods[horizon].tolist() == samples.floods[horizon][expected].tolist()
    assert taken.names == samples.names and taken.events is samples.events


def test_events_to_learn_from_can_be_replaced(samples):
    none = samples.events[:0]
    assert samples.take(np.array([0]), none).events is none
    assert len(samples.events) == 1


def test_known_samples_are_those_with_a_label_of_that_horizon(samples):
    assert samples.known(30).column("area").tolist() == [1, 3]
    assert len(samples.known(7)) == 3
