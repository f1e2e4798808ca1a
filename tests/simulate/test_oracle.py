from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.simulate import oracle, scenario, weather
from glaciercast.simulate.scenario import WeatherSpec

CLIMATE = WeatherSpec(reference_elevation=4000, mean_temperature=0, seasonal_amplitude=8, annual_precipitation=900, regime_memory=60)


def temperature_shares(spec, members=10, years=60):
    """Return the shares for monthly temperature itself, through the same scoring as NDSI."""
    drawn = weather.make(spec, "1950-01-01", f"{1949 + years}-12-31", 2)
    months = oracle.whole_months(drawn.dates)
    number = drawn.dates.to_period("M").asi8 - months.asi8[0]
    truth = (np.bincount(number, drawn.temperature) / np.bincount(number))[:, None]
    forecasts = {}
    for issue in oracle.issues(len(months), 4)[::2]:
        ahead = months[issue : issue + 4]
        days = ahead.days_in_month.to_numpy()
        runs = np.stack([weather.forecast(drawn, ahead[0].start_time, m, int(days.sum())).temperature for m in range(members)])
        starts = np.concatenate([[0], days.cumsum()[:-1]])
        forecasts[issue] = (np.add.reduceat(runs, starts, axis=1) / days)[..., None]
    return oracle.score(truth, months, forecasts)


def pixels(number=30):
    rng = np.random.default_rng(1)
    return oracle.Pixels(
        elevation=rng.uniform(3400, 5600, number),
        exposure=rng.uniform(-0.6, 0.6, number),
        roughness=np.exp(0.4 * rng.standard_normal(number)),
        debris=rng.random(number) * 0.5,
        ice=rng.random(number) < 0.5,
    )


def scene_of(**changes):
    base = scenario.load("tiny")
    update = {"start": pd.Timestamp("2016-01-01").date(), "end": pd.Timestamp("2021-12-31").date()}
    return base.model_copy(update={**update, "weather": base.weather.model_copy(update=changes)})


def test_the_share_of_temperature_is_the_closed_form():
    found = temperature_shares(CLIMATE)
    for row in found["leads"]:
        expected = weather.predictable_share(CLIMATE, 1 + 30 * (row["lead"] - 1), 30)
        assert row["predictable_share"] == pytest.approx(expected, abs=0.13)
    assert found["season_and_place"] == pytest.approx(1 - found["sd_about_climatology"] ** 2 / found["total_variance"])


def test_nothing_slow_leaves_nothing_beyond_the_first_month():
    found = temperature_shares(CLIMATE.model_copy(update={"regime_sd": 0.0}))
    for row in found["leads"][1:]:
        assert abs(row["predictable_share"]) < 0.1


def test_a_long_memory_alone_is_nearly_all_predictable():
    # the memory must stay far below the length of the series, else the other years know the anomaly too
    spec = CLIMATE.model_copy(update={"synoptic_sd": 0.0, "regime_memory": 800.0})
    shares = [row["predictable_share"] for row in temperature_shares(spec, members=2, years=100)["leads"]]
    expected = [weather.predictable_share(spec, 1 + 30 * lead, 30) for lead in range(4)]
    assert shares[0] > 0.93
    np.testing.assert_allclose(shares, expected, atol=0.1)


def test_scores_by_hand():
    months = pd.period_range("2018-01", "2020-12", freq="M")
    truth = np.repeat([[1.0], [2.0], [6.0]], 12, axis=0) + np.zeros((36, 2))
    found = oracle.score(truth, months, {24: np.stack([np.full((1, 2), 5.0), np.full((1, 2), 6.0)])})
    mse = found["leads"][0]["mse"]
    assert mse == pytest.approx({"oracle": 0.25, "climatology": 4.5**2, "same_season": 16, "persistence": 16})
    assert found["leads"][0]["predictable_share"] == pytest.approx(1 - 0.25 * (2 / 3) / (4.5**2 * (2 / 3)))


def test_snow_without_slow_weather_is_less_predictable():  # but not unpredictable: what lies on the ground has to melt
    sample, quiet = pixels(), {"regime_sd": 0.0, "wetness_sd": 0.0}
    with_regime = oracle.assess(scene_of(regime_sd=2.5, regime_memory=300.0, synoptic_sd=0.5), 1, sample, members=6)
    without = oracle.assess(scene_of(**quiet), 1, sample, members=6)
    assert with_regime["leads"][0]["predictable_share"] > 0.5
    assert with_regime["leads"][3]["predictable_share"] > without["leads"][3]["predictable_share"]


def test_the_result_is_json_and_repeats():
    sample = pixels(8)
    one, same = (oracle.assess(scene_of(), 3, sample, members=2, leads=2) for _ in range(2))
    assert json.loads(json.dumps(one)) == same
    assert [row["lead"] for row in one["leads"]] == [1, 2]
    assert 0.5 < one["season_and_place"] < 1


def test_a_weather_that_begins_before_the_scenario_is_judged_within_it():
    chosen, sample = scene_of(), pixels(8)
    early = weather.make(chosen.weather, "2010-01-01", chosen.end, 3)
    found = oracle.assess(chosen, 3, sample, members=2, leads=2, weather=early)
    assert found["issues"] == oracle.assess(chosen, 3, sample, members=2, leads=2)["issues"]


def test_seeds_are_pooled_by_their_squared_errors():
    def result(oracle_mse, climatology_mse):
        row = {
            "lead": 1,
            "cases": 3,
            "mse": {"oracle": oracle_mse},
            "mse_corrected": {"oracle": oracle_mse, "climatology": climatology_mse},
        }
        return {"members": 4, "issues": 3, "total_variance": 10.0, "leads": [row]}

    found = oracle.pooled([result(1.0, 2.0), result(0.0, 6.0)])
    assert found["leads"][0]["predictable_share"] == pytest.approx(1 - 0.5 / 4)
    assert found["issues"] == 6
    assert found["season_and_place"] == pytest.approx(0.6)


def test_ground_without_snow():
    sample = oracle.Pixels(np.zeros(3), np.zeros(3), np.ones(3), np.array([0.0, 1.0, 0.0]), np.array([True, True, False]))
    np.testing.assert_allclose(sample.ground(oracle.GREEN), [0.33, 0.138, 0.13], atol=1e-6)
    np.testing.assert_allclose(sample.ground(oracle.SWIR), [0.012, 0.225, 0.232], atol=1e-6)


def test_months_are_whole():
    months = oracle.whole_months(pd.date_range("2019-01-02", "2019-04-30"))
    assert [str(month) for month in months] == ["2019-02", "2019-03", "2019-04"]


def test_too_short_a_series():
    months = pd.period_range("2020-01", "2020-10", freq="M")
    with pytest.raises(InputError, match="too short"):
        oracle.score(np.zeros((10, 1)), months, {})
    with pytest.raises(InputError, match="cannot be scored"):
        oracle.score(np.zeros((10, 1)), months, {5: np.zeros((2, 1, 1))})
