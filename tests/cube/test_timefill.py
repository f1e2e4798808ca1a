"""Filling in time: by value, against xarray, and never from the future unless asked to."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from glaciercast.cube import gapfill, seasonfill, timefill
from glaciercast.errors import InputError

STEPS = 9
SERIES = hnp.arrays("float32", (STEPS, 3, 4), elements=st.one_of(st.floats(-1, 1, width=32), st.just(np.nan)))
TIMES = np.datetime64("2018-01-10", "ns") + np.arange(STEPS) * np.timedelta64(100, "D")
CAUSAL = {
    "forward": timefill.forward,
    "decaying": lambda values, times: timefill.forward(values, times, max_age=300, decay=60),
    "season": seasonfill.fill,
}
ALL = CAUSAL | {"two-sided": timefill.interpolate}


def days(*numbers):
    return np.datetime64("2020-01-01", "ns") + np.array(numbers) * np.timedelta64(1, "D")


def column(*numbers):
    return np.array(numbers, "float32")[:, None, None]


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=40)
@given(values=SERIES)
def test_observed_pixels_stay_and_what_is_filled_is_told(name, values):
    result = ALL[name](values, TIMES)
    known = ~np.isnan(values)
    np.testing.assert_array_equal(result.values[known], values[known])
    np.testing.assert_array_equal(result.filled, ~known & ~np.isnan(result.values))
    assert result.looks_ahead == (name == "two-sided")


@pytest.mark.parametrize("name", CAUSAL)
@settings(deadline=None, max_examples=40)
@given(values=SERIES, later=SERIES, step=st.integers(0, STEPS - 1))
def test_later_steps_change_nothing(name, values, later, step):
    changed = np.concatenate([values[: step + 1], later[step + 1 :]])
    before, after = CAUSAL[name](values, TIMES).values[: step + 1], CAUSAL[name](changed, TIMES).values[: step + 1]
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", ["forward", "two-sided", "season"])
@settings(deadline=None, max_examples=40)
@given(values=SERIES)
def test_filling_twice_changes_nothing(name, values):
    once = ALL[name](values, TIMES).values
    np.testing.assert_array_equal(ALL[name](once, TIMES).values, once)


@settings(deadline=None, max_examples=40)
@given(SERIES)
def test_two_sided_equals_xarray(values):
    series = xr.DataArray(values, dims=("time", "y", "x"), coords={"time": TIMES})
    expected = series.interpolate_na("time").values
    np.testing.assert_allclose(timefill.interpolate(values, TIMES).values, expected, rtol=1e-6, atol=1e-7)


def test_the_age_limit_is_in_days_and_includes_its_last():
    result = timefill.forward(column(1, np.nan, np.nan, np.nan), days(0, 10, 20, 21), max_age=20).values
    np.testing.assert_array_equal(result.ravel(), np.array([1, 1, 1, np.nan], "float32"))


def test_the_decay_goes_to_the_same_season_of_earlier_years():
    values = column(0.8, 0.0, np.nan)
    result = timefill.forward(values, days(0, 305, 365), decay=60).values[2, 0, 0]  # 60 days after 0.0; a year after 0.8
    assert result == pytest.approx(0.8 * (1 - np.exp(-1)), abs=1e-6)


def test_the_season_is_taken_from_earlier_years_and_near_days_count_more():
    values = column(0.2, 0.8, 5.0, np.nan)
    numbers = np.array([0.0, 15.0, 300.0, 365.2425])
    mean = timefill.season_mean(values, numbers, 3, width=30.0)
    assert mean[0, 0] == pytest.approx((1.0 * 0.2 + 0.5 * 0.8) / 1.5, abs=1e-6)
    assert np.isnan(timefill.season_mean(values, numbers, 1)).all()


def test_what_the_scene_shows_around_a_gap_corrects_the_past():
    rng = np.random.default_rng(0)
    ground = rng.uniform(-0.5, 0.5, (40, 40)).astype("float32")
    values = np.stack([ground, ground + np.float32(0.3)])
    values[1, 6:14, 6:14] = np.nan
    settings = seasonfill.SeasonFill(ridge=1e-6)
    result = seasonfill.fill(values, days(0, 10), settings).values[1]
    near = gapfill.fill_spatially(values[1])
    error, alone = np.abs(result - ground - 0.3)[6:14, 6:14].mean(), np.abs(near - ground - 0.3)[6:14, 6:14].mean()
    assert error < 0.15 < 0.2 < alone  # the past alone is 0.3 off


def test_where_nothing_was_ever_seen_the_neighbours_fill():
    values = np.full((1, 5, 5), 0.5, "float32")
    values[0, 2, 2] = np.nan
    assert seasonfill.fill(values, days(0)).values[0, 2, 2] == np.float32(0.5)


@pytest.mark.parametrize("times", [days(0, 0), days(1, 0), days(0), np.array(["2020-01-01", "NaT"], "datetime64[ns]")])
@pytest.mark.parametrize("name", ALL)
def test_times_that_do_not_increase_are_refused(name, times):
    with pytest.raises(InputError, match=r"fill in time: expected"):
        ALL[name](column(1, np.nan), times)


def test_wrong_limits_are_refused():
    with pytest.raises(InputError, match=r"max_age: expected at least 0 days, found -1"):
        timefill.forward(column(1, 2), days(0, 1), max_age=-1)
    with pytest.raises(InputError, match=r"decay: expected more than 0 days, found 0"):
        timefill.forward(column(1, 2), days(0, 1), decay=0)
