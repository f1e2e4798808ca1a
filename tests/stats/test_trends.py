"""Trends: closed forms of slope, S, variance and inflation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from scipy.signal import lfilter

from glaciercast.errors import InputError
from glaciercast.stats import longrun, trends


def ar1(n, r, seed, spread=1.0):
    rng = np.random.default_rng(seed)
    drive = np.sqrt(1 - r**2) * rng.standard_normal(n + 200)
    return spread * lfilter([1.0], [1.0, -r], drive)[200:]


@given(st.floats(-5, 5), st.floats(-100, 100), st.integers(8, 40))
def test_a_straight_line_gives_its_own_slope(slope, intercept, n):
    time = np.arange(n) * 0.25
    found = trends.theil_sen(time, intercept + slope * time)
    assert found == pytest.approx((slope, intercept), abs=1e-9)


def test_a_quarter_of_wild_values_moves_the_slope_little():
    values = 0.5 * np.arange(41.0)
    values[::5] += 1000
    assert trends.theil_sen(np.arange(41.0), values)[0] == pytest.approx(0.5, abs=1e-12)


def test_slope_and_interval_are_scipys_where_values_are_independent():
    rng = np.random.default_rng(3)
    time, values = np.arange(60.0), 0.02 * np.arange(60) + rng.standard_normal(60)
    found = trends.trend(values, autocorrelated=False)
    slope, _, low, high = scipy_stats.theilslopes(values, time, 0.95)
    assert found.slope == pytest.approx(slope, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), rel=0.05)  # a t with 58 degrees of freedom is wider than a normal


def test_s_and_its_variance_by_hand_with_ties():
    # pairs of 1 3 2 3 5: + + + +, - 0 +, + +, + : 8 up, 1 down, one tie of two
    assert trends.mann_kendall(np.array([1.0, 3, 2, 3, 5])) == (7.0, (5 * 4 * 15 - 2 * 1 * 9) / 18)


def test_s_is_kendalls_tau_times_the_number_of_pairs():
    values = np.random.default_rng(0).standard_normal(30)
    tau = scipy_stats.kendalltau(np.arange(30), values).statistic
    assert trends.mann_kendall(values)[0] == pytest.approx(tau * 30 * 29 / 2)


@pytest.mark.parametrize("r", [0.0, 0.3, 0.6, 0.8])
def test_autocorrelation_of_first_order_inflates_by_one_plus_r_over_one_minus_r(r):
    found = longrun.inflation(ar1(200000, r, seed=5))
    assert found == pytest.approx((1 + r) / (1 - r), rel=0.12)


def test_long_run_variance_of_a_moving_average_is_its_squared_sum():
    noise = np.random.default_rng(8).standard_normal(200001)
    assert longrun.long_run_variance(noise[1:] + 0.5 * noise[:-1]) == pytest.approx(1.5**2, rel=0.15)


def test_gaps_do_not_shift_lags():
    values = ar1(200000, 0.6, seed=6)
    values[np.random.default_rng(1).random(200000) < 0.3] = np.nan
    assert longrun.inflation(values) == pytest.approx(4, rel=0.15)


def test_intervals_of_a_correlated_series_hold_the_slope_and_the_naive_ones_do_not():
    aware = naive = 0
    for seed in range(100):
        values = ar1(120, 0.6, seed) + 0.01 * np.arange(120)
        found, plain = trends.trend(values), trends.trend(values, autocorrelated=False)
        aware += found.low <= 0.01 <= found.high
        naive += plain.low <= 0.01 <= plain.high
    assert aware >= 90 and naive <= 75


def test_time_has_its_unit_and_origin():
    found = trends.trend(3 + 0.2 * np.arange(2000, 2020, 0.5), step=0.5, start=2000.0)
    assert (found.slope, found.intercept) == pytest.approx((0.2, 3.0))
    assert found.significant and found.count == 40 and found.inflation >= 1


def test_missing_values_are_no_values():
    values = np.arange(20.0)
    values[[3, 9]] = np.nan
    found = trends.trend(values)
    assert found.slope == pytest.approx(1) and found.count == 18


def test_too_few_values_are_refused():
    with pytest.raises(InputError, match="expected 8 values or more, found 7"):
        trends.trend(np.arange(7.0))
    with pytest.raises(InputError, match="two times or more"):
        trends.theil_sen(np.zeros(3), np.arange(3.0))
