"""Season and trend of one series: by closed form, with intervals that hold what was set, and reasons where nothing can be told."""

import numpy as np
import pandas as pd
import pytest

from glaciercast.explore import cycles, speedups
from glaciercast.motion.surge import SurgeRule

YEAR = 365.25
ORIGIN = np.datetime64("2000-01-01", "ns")


def moment(years):
    return ORIGIN + (np.asarray(years) * YEAR * 86400e9).astype("timedelta64[ns]")


def observed(first, second, mean, trend, amplitude, day):
    """Return means over spans of mean, trend about the middle of all, and harmonic, integrated by hand."""
    begin, end = ((each - ORIGIN) / np.timedelta64(1, "D") / YEAR for each in (first, second))
    centre = (begin.min() + end.max()) / 2

    def integral(at):
        return mean * at + trend * (at - centre) ** 2 / 2 + amplitude * np.sin(2 * np.pi * (at - day / YEAR)) / (2 * np.pi)

    return (integral(end) - integral(begin)) / (end - begin)


def quarters(years=20):
    edges = moment(np.arange(0, years + 0.1, 0.25))
    return edges[:-1], edges[1:]


def remembering(rng, number, memory, spread):
    values = rng.normal(size=number) * spread
    for k in range(1, number):
        values[k] = memory * values[k - 1] + np.sqrt(1 - memory**2) * values[k]
    return values


def test_without_noise_the_season_is_what_was_set_whatever_the_spans():
    rng = np.random.default_rng(0)
    first = moment(np.sort(rng.uniform(5, 15, 200)))
    second = first + rng.integers(5, 400, 200) * np.timedelta64(1, "D")
    row = cycles.cycle(observed(first, second, 50, 2, 12, 200), np.ones(200), first, second, 12)
    assert [row[key] for key in ("mean", "trend", "amplitude", "peak_day")] == pytest.approx([50, 2, 12, 200], abs=1e-6)
    assert row["seasonal"] and row["observations"] == 200 and row["clusters"]["count"] in (10, 11, 41, 42, 43)


def test_the_interval_holds_amplitude_day_and_trend_of_series_that_remember():
    """Twelve years of months, AR(1) 0.5: in 27 or more of 30 seeds, and a season of noise alone in 2 at most."""
    held, false = np.zeros(3), 0
    edges = moment(np.arange(0, 12.01, 1 / 12))
    first, second, error = edges[:-1], edges[1:], np.full(144, 3.0)
    for seed in range(1, 31):
        noise = remembering(np.random.default_rng(seed), 144, 0.5, 3.0)
        values = observed(first, second, 60, -1, 8, 170) + noise
        row, slope = cycles.cycle(values, error, first, second, 12), cycles.long_term(values, error, first, second, 12)
        low, high = row["peak_day_interval"]
        held += [row["amplitude_interval"][0] <= 8 <= row["amplitude_interval"][1], low <= 170 <= high, slope["low"] <= -1 <= slope["high"]]
        false += cycles.cycle(60 + noise, error, first, second, 12)["seasonal"]
    assert (held >= 27).all() and held.sum() >= 83 and false <= 2


def test_a_trend_is_that_of_means_of_years_without_the_season():
    first, second = quarters()
    found = cycles.long_term(observed(first, second, 50, 1.5, 30, 100), np.ones(80), first, second, 12)
    assert found["slope"] == pytest.approx(1.5) and (found["step"], found["count"]) == ("year", 20) and found["low"] <= 1.5 <= found["high"]
    few = cycles.long_term(observed(first, second, 50, 1.5, 30, 100)[:12], np.ones(12), first[:12], second[:12], 12)
    assert few["slope"] == pytest.approx(1.5) and (few["step"], few["count"]) == ("quarter", 12)


def test_one_year_has_no_trend_and_half_a_year_no_season():
    edges = pd.date_range("2020-01-01", "2021-01-01", freq="MS").to_numpy("datetime64[ns]")
    first, second = edges[:-1], edges[1:]
    assert cycles.long_term(np.ones(12), np.ones(12), first, second, 12)["reason"].startswith("looks over 1.0 years: over less than 2")
    assert cycles.unseen(first, second) == "" and cycles.unseen(first[:6], second[:6]).startswith(
        "looks over 0.50 years: a season takes 0.9"
    )
    summers = np.concatenate([first[4:9] + np.timedelta64(365 * year, "D") for year in range(4)])
    assert cycles.unseen(summers, summers + np.timedelta64(16, "D")) == "no look in 7 calendar months in a row"
    assert cycles.unseen(first[:0], second[:0]) == "no look"


def test_blunders_are_outliers_and_what_comes_back_every_spring_is_none():
    first, second = quarters()
    values = observed(first, second, 50, 0, 5, 100) + np.random.default_rng(0).normal(size=80)
    values[[17, 40]] += [300, -90]
    assert np.flatnonzero(cycles.outlying(values, np.ones(80), first, second, 12)).tolist() == [17, 40]
    month = first.astype("datetime64[M]").astype(int) % 12
    springs = 50 + 60.0 * (month == 3) * np.arange(80) / 40 + np.random.default_rng(0).normal(size=80)
    assert not cycles.outlying(springs, np.ones(80), first, second, 12).any()
    precise = np.where(np.arange(80) % 9, 20.0, 0.1)  # a few precise looks that are off by little are none either
    assert not cycles.outlying(50 + np.random.default_rng(1).normal(0, 3, 80), precise, first, second, 12).any()


def test_months_are_what_lies_above_mean_and_trend():
    edges = moment(np.arange(0, 10.01, 1 / 12))
    first, second = edges[:-1], edges[1:]
    values = observed(first, second, 40, 1, 10, 15)
    months = cycles.by_month(values, np.ones(120), first, second, cycles.cycle(values, np.ones(120), first, second, 12))
    assert [month["looks"] for month in months] == [10] * 12
    assert months[0]["value"] == pytest.approx(9.9, abs=0.1) and months[6]["value"] == pytest.approx(-9.9, abs=0.1)
    assert all(month["error"] < 0.2 for month in months)


def test_a_season_of_the_errors_is_told():
    first, second = quarters()
    values, winter = observed(first, second, 50, 0, 5, 0), np.arange(80) % 4 % 3 == 0  # first and last quarter of each year
    row = cycles.cycle(values, np.where(winter, 48.0, 8.0), first, second, 12)
    assert cycles.error_season(values, np.where(winter, 48.0, 8.0), first, second, row) == pytest.approx(6)
    assert cycles.error_season(values, np.ones(80), first, second, row) == 1


def test_noise_and_a_season_make_no_surge_and_a_surge_ends_where_it_ends():
    rng = np.random.default_rng(0)
    times = np.arange("2000-01-01", "2010-01-01", 30, "M8[D]").astype("M8[ns]")
    day = (times - ORIGIN) / np.timedelta64(1, "D")
    winters = 6 * np.exp(1.2 * np.cos(2 * np.pi * day / YEAR)) * np.exp(0.2 * rng.normal(size=len(times)))
    events, why = speedups.surges((times, winters), SurgeRule(), 0.95)
    assert events == [] and why
    surged = np.where((times > np.datetime64("2005-03-01")) & (times < np.datetime64("2006-06-01")), 300.0, 40.0)
    (event,), why = speedups.surges((times, surged * np.exp(0.1 * rng.normal(size=len(times)))), SurgeRule(), 0.95)
    assert str(event.onset)[:7] == "2005-03" and str(event.end)[:7] == "2006-06" and why == ""
    quiet = speedups.outside([event], times, times + np.timedelta64(30, "D"))
    assert not quiet[(times > np.datetime64("2005-03-01")) & (times < np.datetime64("2006-05-01"))].any() and quiet.mean() > 0.8
    assert speedups.surges(None, SurgeRule(), 0.95)[1] == "no speeds in order of time"


def test_monthly_means_are_weighted_and_noise_is_left_out():
    middle = np.array(["2020-01-05", "2020-01-20", "2020-02-10", "2020-03-10"], "M8[ns]")
    times, values = speedups.monthly(middle, np.array([10.0, 40.0, 500.0, 20.0]), np.array([1.0, 2.0, 300.0, 1.0]))
    assert [str(time)[:7] for time in times] == ["2020-01", "2020-03"] and values == pytest.approx([16, 20])
