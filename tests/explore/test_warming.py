"""Warming: the set trend comes back, from ground and from ice that melts, and its interval holds it."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from glaciercast.errors import InputError
from glaciercast.explore import warming
from glaciercast.stats import seasonal

ROOT = Path(__file__).resolve().parents[2]
DAYS = np.arange("2003-01-01", "2020-01-01", dtype="datetime64[D]").astype("datetime64[ns]")


def season(mean, amplitude, per_decade):
    moment = seasonal.years(DAYS)
    return mean - amplitude * np.cos(2 * np.pi * moment) + per_decade * (moment - moment.mean()) / 10


def noise(seed, spread=2.0, cells=None):
    return spread * np.random.default_rng(seed).standard_normal(DAYS.shape if cells is None else (*DAYS.shape, cells))


def cloudy(kelvin, seed, share=0.5):
    return np.where(np.random.default_rng(seed).random(kelvin.shape) < share, np.nan, kelvin)


def test_a_trend_without_noise_comes_back_exactly_through_clouds_and_season():
    found = warming.of_ground(DAYS, cloudy(season(280, 15, 0.8), seed=1))
    assert found.trend == pytest.approx(0.8, abs=0.05) and found.method == "theil-sen" and found.months == 17 * 12
    assert 3000 < found.clear < 3200 and found.saturated == 0


def test_clouds_that_grow_in_summer_do_not_pass_for_cooling():
    kelvin = season(280, 15, 0.0)
    summer, late = kelvin > 285, np.datetime64("2011-01-01") < DAYS
    kelvin[summer & late & (np.random.default_rng(0).random(DAYS.shape) < 0.8)] = np.nan
    found = warming.of_ground(DAYS, kelvin + noise(1))
    assert found.low <= 0 <= found.high and abs(found.trend) < 0.2
    naive = np.polyfit(seasonal.years(DAYS[np.isfinite(kelvin)]), kelvin[np.isfinite(kelvin)], 1)[0] * 10
    assert naive < -1


def test_ice_warms_behind_its_melting_point():
    kelvin = np.minimum(season(268, 12, 0.8) + noise(10, 3.0), 273.15) + noise(11, 0.5)
    found = warming.of_ice(DAYS, cloudy(kelvin, 12), 1.0)
    ignoring = warming.of_ground(DAYS, cloudy(kelvin, 12))
    assert found.low <= 0.8 <= found.high and found.trend == pytest.approx(0.8, abs=0.3) and found.method == "censored"
    assert 0.25 < found.saturated / found.clear < 0.5
    assert ignoring.trend < 0.65 * found.trend


def test_where_nothing_melts_both_estimators_agree():
    kelvin = season(250, 8, 0.8) + noise(5)
    ice, ground = warming.of_ice(DAYS, kelvin, 1.0), warming.of_ground(DAYS, kelvin)
    assert ice.saturated == 0 and ice.trend == pytest.approx(ground.trend, abs=0.05)
    assert ice.high - ice.low == pytest.approx(ground.high - ground.low, rel=0.35)


def test_cells_that_share_their_weather_narrow_nothing():
    shared = season(280, 15, 0.5) + noise(6)
    alone = warming.of_ground(DAYS, shared)
    many = warming.of_ground(DAYS, shared[:, None] + np.arange(4) * 3.0)
    assert (many.trend, many.low, many.high) == pytest.approx((alone.trend, alone.low, alone.high), abs=1e-6)
    cold = shared - 30
    one, four = warming.of_ice(DAYS, cold, 1.0), warming.of_ice(DAYS, np.repeat(cold[:, None], 4, axis=1), 1.0)
    assert (four.trend, four.low, four.high) == pytest.approx((one.trend, one.low, one.high), abs=1e-6) and four.cells == 4


def test_views_without_a_bound_on_their_error_do_not_count():
    kelvin = season(250, 8, 0.8) + noise(7)
    error = np.where(np.arange(DAYS.size) % 2, 1.0, np.inf)
    assert warming.of_ice(DAYS, kelvin, error).clear == DAYS.size // 2


def test_the_years_of_drift_are_those_from_2020_on():
    days = np.array(["2019-12-31", "2020-01-01"], "datetime64[ns]")
    assert warming.before_drift(days).tolist() == [True, False]


def test_too_short_or_too_cloudy_is_refused():
    short = DAYS[: 4 * 365]
    with pytest.raises(InputError, match=r"5 years or more, found 4\.0"):
        warming.of_ground(short, np.zeros(short.shape))
    with pytest.raises(InputError, match=r"below melting.* found 0"):
        warming.of_ice(DAYS, np.full(DAYS.shape, 273.15), 1.0)
    for none in (np.zeros(0), np.zeros((0, 3))):
        with pytest.raises(InputError, match="found no view at all"):
            warming.of_ground(DAYS[:0], none)
        with pytest.raises(InputError, match="found no view at all"):
            warming.of_ice(DAYS[:0], none, 1.0)
    with pytest.raises(InputError, match="found the shape"):
        warming.of_ground(DAYS, np.zeros(3))


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmarks_warming", ROOT / "benchmarks" / "warming.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_set_trend_lies_in_nine_of_ten_intervals_of_the_simulation(benchmark):
    found = benchmark.measure(seeds=25, ideal=2)["cases"]
    for name in ("Terra, ground, without the years of drift", "Terra, ice, without the years of drift", "Aqua, ground", "Aqua, ice"):
        assert found[name]["inside"] >= 22 and found[name]["ratio"] < 1.5, (name, found[name])
    assert found["Aqua, ice, saturation ignored"]["inside"] < 18
    assert found["Terra, ground, all years"]["mean"] < 0.6


def test_the_ideal_of_the_benchmark_is_generalised_least_squares(benchmark):
    spec = benchmark.setting()
    rng = np.random.default_rng(0)
    kelvin = np.where(rng.random(DAYS.size) < 0.95, np.nan, 270.0)
    days = benchmark.pd.DatetimeIndex(DAYS)
    spread = rng.uniform(0.8, 1.6, DAYS.size)
    views = benchmark.Views(days, kelvin, np.ones(DAYS.size), spread, np.zeros(DAYS.size))
    seen = np.flatnonzero(np.isfinite(kelvin))
    moment = seasonal.years(DAYS[seen])
    air, lag = spec.weather, np.abs(seen[:, None] - seen)
    covariance = air.regime_sd**2 * np.exp(-lag / air.regime_memory) + air.synoptic_sd**2 * np.exp(-lag / air.synoptic_memory)
    covariance += np.diag(spread[seen] ** 2)
    columns = seasonal.design(moment, float(moment.mean()))
    error = np.sqrt(np.linalg.inv(columns.T @ np.linalg.solve(covariance, columns))[1, 1])
    found = benchmark.ideal_width(views, spec, np.ones(DAYS.size, bool))
    assert found == pytest.approx(2 * 1.959964 * error * 10, rel=1e-6)
