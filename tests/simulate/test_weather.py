from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.simulate import weather
from glaciercast.simulate.scenario import WeatherSpec

SPEC = WeatherSpec(
    reference_elevation=4800, mean_temperature=-4.5, seasonal_amplitude=9.5, annual_precipitation=1000, winter_share=0.65, trend=0.25
)
YEAR = pd.date_range("2001-01-01", "2001-12-31")


def spec(**changes):
    return SPEC.model_copy(update=changes)


@pytest.fixture(scope="module")
def long():
    """Four centuries, so that sample moments are close to the true ones."""
    return weather.make(SPEC, "1700-01-01", "2099-12-31", 3)


def test_a_seed_gives_the_same_weather_and_another_gives_another():
    one, same, other, elsewhere = (
        weather.make(SPEC, "2018-01-01", "2019-12-31", *args) for args in ((1,), (1,), (2,), (1, "another-glacier"))
    )
    for name in ("temperature", "regime", "precipitation", "cloudiness", "states"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    assert not np.allclose(one.temperature, other.temperature)
    assert abs(np.corrcoef(one.states[1], elsewhere.states[1])[0, 1]) < 0.2


def test_states_are_standard_and_forget_at_the_stated_rate(long):
    np.testing.assert_allclose(long.states.mean(axis=1), 0, atol=0.1)
    np.testing.assert_allclose(long.states.std(axis=1), 1, atol=0.05)
    memories = {"REGIME": 60, "SYNOPTIC": 3, "WETNESS": 60, "RAIN": 2, "SKY": 1.5}
    for name, memory in memories.items():
        row = long.states[weather.State[name]]
        for lag in (1, 2, round(memory)):
            assert np.mean(row[lag:] * row[:-lag]) / row.var() == pytest.approx(np.exp(-lag / memory), abs=0.06)


def test_temperature_is_season_trend_and_two_anomalies(long):
    anomaly = long.temperature - long.expected
    np.testing.assert_allclose(anomaly, long.regime + 3.0 * long.states[weather.State.SYNOPTIC], atol=1e-9)
    assert anomaly.std() == pytest.approx(np.hypot(1.2, 3.0), rel=0.02)
    assert long.regime.std() == pytest.approx(1.2, rel=0.05)
    assert long.expected.mean() == pytest.approx(-4.5, abs=0.01)  # the trend turns about the middle
    summer = long.expected[long.dates.day_of_year == 200]
    assert np.polyfit(np.arange(summer.size) / 10, summer, 1)[0] == pytest.approx(0.25, abs=1e-3)
    first = long.expected[long.dates.year == 1700]
    assert (first.max() - first.min()) / 2 == pytest.approx(9.5, abs=0.02)


def test_expected_precipitation_sums_to_the_year_and_winter_has_its_share():
    for share in (0.2, 0.5, 0.65, 0.95):
        expected = weather.expected_precipitation(spec(winter_share=share), YEAR)
        assert expected.sum() == pytest.approx(1000, rel=1e-12)
        assert expected[np.isin(YEAR.month, weather.WINTER)].sum() == pytest.approx(1000 * share, rel=1e-9)


def test_precipitation_has_its_expectation_and_its_wet_days(long):
    mean = long.precipitation.mean() * 365
    assert mean == pytest.approx(1000, rel=0.05)
    winter = np.isin(long.dates.month, weather.WINTER)
    assert long.precipitation[winter].sum() / long.precipitation.sum() == pytest.approx(0.65, abs=0.02)
    assert (long.precipitation > 0).mean() == pytest.approx(weather.WET_SHARE, abs=0.01)
    monthly = long.precipitation[: 400 * 360].reshape(-1, 60).mean(axis=1)
    assert monthly.std() / monthly.mean() > 0.45  # wet and dry spells of months, not only of days


def test_wetness_without_variance_leaves_days_only():
    dry = weather.make(spec(wetness_sd=0.0), "2000-01-01", "2003-12-31", 5)
    wet = dry.precipitation > 0
    expected = weather.expected_precipitation(SPEC, dry.dates)
    np.testing.assert_allclose(dry.precipitation[wet], (expected * dry.amounts / weather.WET_SHARE)[wet])


def test_clouds_are_u_shaped_with_the_stated_mean_and_season(long):
    assert long.cloudiness.min() >= 0
    assert long.cloudiness.max() <= 1
    assert long.cloudiness.mean() == pytest.approx(0.5, abs=0.01)
    for day, mean in ((215, 0.7), (32, 0.3)):
        assert long.cloudiness[np.abs(long.dates.day_of_year - day) < 6].mean() == pytest.approx(mean, abs=0.03)
    share = np.histogram(long.cloudiness, bins=[0, 0.2, 0.4, 0.6, 0.8, 1.0])[0] / long.cloudiness.size
    assert share[0] > 1.7 * share[2]
    assert share[4] > 1.7 * share[2]


def test_clouds_come_with_rain_and_in_summer_with_cold(long):
    summer = np.isin(long.dates.month, (6, 7, 8))
    anomaly = long.temperature - long.expected
    assert np.corrcoef(long.cloudiness, long.precipitation > 0)[0, 1] > 0.3
    assert np.corrcoef(long.cloudiness[summer], anomaly[summer])[0, 1] < -0.2
    winter = np.isin(long.dates.month, (12, 1, 2))
    assert abs(np.corrcoef(long.cloudiness[winter], anomaly[winter])[0, 1]) < 0.05


def test_a_branch_keeps_the_past_and_draws_the_future():
    actual = weather.make(SPEC, "2018-01-01", "2019-12-31", 1)
    at = actual.index("2019-03-01")
    one, same, other = (weather.branch(actual, "2019-03-01", member) for member in (0, 0, 1))
    for name in ("temperature", "regime", "precipitation", "cloudiness", "states", "amounts"):
        values = getattr(one, name)
        np.testing.assert_array_equal(values[..., :at], getattr(actual, name)[..., :at])
        np.testing.assert_array_equal(values, getattr(same, name))
    assert not np.allclose(one.temperature[at:], actual.temperature[at:])
    assert not np.allclose(one.temperature[at:], other.temperature[at:])


def test_an_ensemble_forgets_the_state_as_the_closed_form_says():
    actual = weather.make(SPEC, "2018-01-01", "2019-12-31", 1)
    at = actual.index("2019-03-01")
    drawn = np.stack([weather.forecast(actual, "2019-03-01", member, 60).regime for member in range(400)])
    for lead in (1, 20, 60):
        keep = np.exp(-lead / 60)
        spread = 1.2 * np.sqrt(1 - keep**2)
        assert drawn[:, lead - 1].mean() == pytest.approx(actual.regime[at - 1] * keep, abs=4 * spread / np.sqrt(400))
        assert drawn[:, lead - 1].std() == pytest.approx(spread, rel=0.15)


def test_predictable_share_of_one_process_is_its_squared_correlation():
    assert weather.predictable_share(spec(synoptic_sd=0.0), 30) == pytest.approx(np.exp(-1))
    assert weather.predictable_share(spec(regime_sd=0.0), 3) == pytest.approx(np.exp(-2))
    assert weather.predictable_share(spec(regime_sd=0.0, synoptic_sd=0.0), 3) == 0


def test_predictable_share_of_a_month_against_a_sample(long):
    values = long.temperature - long.expected
    starts = np.arange(100, values.size - 60, 7)
    states = (long.states[:2, starts - 1]).T
    for lead in (1, 31):
        mean = np.stack([values[starts + lead - 1 + day] for day in range(30)]).mean(axis=0)
        fit = states @ np.linalg.lstsq(states, mean, rcond=None)[0]
        assert fit.var() / mean.var() == pytest.approx(weather.predictable_share(SPEC, lead, 30), abs=0.04)


def test_temperature_falls_with_height():
    np.testing.assert_allclose(weather.air_temperature(SPEC, 2.0, [4800, 5800, 3800]), [2.0, -4.5, 8.5])


def test_precipitation_grows_with_height_and_stays_positive():
    factor = weather.precipitation_at(SPEC, 1.0, np.array([1800, 4799, 4800, 4801, 6800.0]))
    assert factor[0] == pytest.approx(np.exp(-1.5))
    assert factor[2] == 1
    assert factor[4] == pytest.approx(2)
    assert factor[3] - factor[2] == pytest.approx(factor[2] - factor[1], rel=1e-3)


def test_part_is_a_slice():
    actual = weather.make(SPEC, "2018-01-01", "2018-12-31", 1)
    cut = weather.part(actual, "2018-02-01", 28)
    assert cut.dates[-1] == pd.Timestamp("2018-02-28")
    np.testing.assert_array_equal(cut.temperature, actual.temperature[31:59])
    np.testing.assert_array_equal(cut.states, actual.states[:, 31:59])


def test_errors_name_what_is_wrong():
    actual = weather.make(SPEC, "2018-01-01", "2018-01-31", 1)
    with pytest.raises(InputError, match="no weather on 2018-02-01"):
        actual.index("2018-02-01")
    with pytest.raises(InputError, match="a day before it"):
        weather.forecast(actual, "2018-01-01", 0)
    with pytest.raises(InputError, match="must end with the weather"):
        weather.forecast(actual, "2018-01-20", 0, 30)
    with pytest.raises(InputError, match="start <= end"):
        weather.make(SPEC, "2018-01-02", "2018-01-01", 1)
    with pytest.raises(InputError, match="winter_share"):
        weather.make(spec(winter_share=1.0), "2018-01-01", "2018-01-31", 1)
