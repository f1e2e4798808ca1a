"""Date baselines, by value and across the turn of the year."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaciercast.hazard import catalogue, dates

SHISPER = np.array(["2019-06-22", "2020-05-29", "2021-05-15", "2022-05-07"], dtype="datetime64[D]")


def by_rule(days):
    """Return mean error and number of floods by rule."""
    return {rule.name: (round(rule.mean_error, 1), rule.count) for rule in dates.baselines(days)}


def test_shispers_baselines():
    assert by_rule(SHISPER) == {
        "previous year's date": (15.3, 3),
        "mean date of the past": (25.1, 3),
        "mean date of the other years": (20.3, 4),
    }
    np.testing.assert_allclose(dates.previous_year(SHISPER), [np.nan, -23, -15, -8])
    np.testing.assert_allclose(dates.leave_one_out(SHISPER), [107 / 3, 5, -15, -77 / 3])


def test_only_the_mean_of_the_other_years_looks_ahead():
    assert [rule.looks_ahead for rule in dates.baselines(SHISPER)] == [False, False, True]
    last = SHISPER.copy()
    last[-1] = np.datetime64("2022-09-30")
    for rule in (dates.previous_year, dates.past_mean):
        np.testing.assert_array_equal(rule(last)[:-1], rule(SHISPER)[:-1])
    assert (dates.leave_one_out(last)[:-1] != dates.leave_one_out(SHISPER)[:-1]).all()


def test_the_catalogues_shisper_is_the_same(real_data):
    events = catalogue.read(real_data("hmaglofdb/HMAGLOFDB.csv")).events
    np.testing.assert_array_equal(dates.exact(events[events["lake"] == "Shisper"]), SHISPER)


def test_kyagar_is_regular_since_2015_and_was_not_before(real_data):
    events = catalogue.read(real_data("hmaglofdb/HMAGLOFDB.csv")).events
    kyagar = dates.exact(events[events["lake"] == "Kyagar"])
    assert by_rule(kyagar) == {
        "previous year's date": (37.1, 14),
        "mean date of the past": (31.2, 27),
        "mean date of the other years": (29.4, 28),
    }
    assert by_rule(kyagar[kyagar >= np.datetime64("2015")]) == {
        "previous year's date": (9.8, 5),
        "mean date of the past": (13.0, 5),
        "mean date of the other years": (13.4, 6),
    }


def test_dates_round_the_new_year_are_near_each_other():
    days = np.array(["2019-12-28", "2021-01-04", "2021-12-31"], dtype="datetime64[D]")
    assert dates.mean_day(np.array([360.0, 5.0])) == pytest.approx(365.125)
    assert dates.difference(np.array(2.0), np.array(364.0)) == pytest.approx(3.25)
    assert np.nanmax(np.abs(dates.leave_one_out(days))) < 8


def test_days_that_cancel_have_no_mean_and_one_flood_no_baseline():
    assert np.isnan(dates.mean_day(np.array([1.0, 1 + dates.YEAR / 2])))
    assert np.isnan(dates.mean_day(np.array([])))
    assert dates.table(SHISPER[:1])[0] == {"rule": "previous year's date", "mean_error_days": None, "floods": 0, "looks_ahead": False}


def test_two_floods_of_a_year_are_no_year_apart():
    days = np.array(["2016-07-17", "2016-08-11", "2017-08-10"], dtype="datetime64[D]")
    np.testing.assert_allclose(dates.previous_year(days), [np.nan, np.nan, -2])
    np.testing.assert_allclose(dates.past_mean(days), [np.nan, np.nan, 222 - (199 + 224) / 2])


@settings(max_examples=40)
@given(st.lists(st.floats(1, 366), min_size=1, max_size=6), st.floats(-400, 400))
def test_no_day_is_nearer_to_all_than_their_mean(days, shift):
    turned, mean = (dates.mean_day(np.mod(np.array(days) + by, dates.YEAR)) for by in (shift, 0))
    others = np.linspace(0, dates.YEAR, 400)[:, None]
    if not np.isnan(mean):
        least = (dates.difference(np.array(days), others) ** 2).mean(axis=1).min()
        assert (dates.difference(np.array(days), np.array(mean)) ** 2).mean() <= least + 1e-6
    if len(days) == 1:
        assert dates.difference(np.array(turned), np.array(mean + shift)) == pytest.approx(0, abs=1e-6)


@settings(max_examples=40)
@given(st.lists(st.integers(60, 200), min_size=1, max_size=9))
def test_within_a_season_the_mean_is_the_plain_one(days):
    assert dates.mean_day(np.array(days)) == pytest.approx(np.mean(days))
