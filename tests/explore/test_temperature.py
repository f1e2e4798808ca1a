"""Temperature by zone: which ice is bare, saturation, the time of view, trends or the reason why there is none."""

import numpy as np
import pytest
from tests import audited

from glaciercast.explore import temperature
from glaciercast.explore.settings import ExploreConfig
from glaciercast.stats import seasonal

DAYS = np.arange("2005-01-01", "2023-01-01", 8, "datetime64[D]")


def product(offsets, platform="Aqua", night=False):
    """Return a product of three cells: bare ice, debris, ground, 1 km apart; the first stops at melting."""
    moment = seasonal.years(DAYS)
    rng = np.random.default_rng(0)
    base = 268 - 12 * np.cos(2 * np.pi * moment) + 0.08 * (moment - 14) + 2 * rng.standard_normal(moment.shape)
    cells = base[:, None] + np.asarray(offsets)
    cells[:, 0] = np.minimum(cells[:, 0], 273.15)
    box = audited.geobox((1, 3), pixel=900.0)
    found = audited.temperature(cells[:, None, :], days=DAYS, box=box)
    shape = found["lst_day"].shape
    hour = np.broadcast_to(np.where(moment < 20, 13.5, 13.0)[:, None, None], shape).astype("float32")
    return found.assign(qc_day=(("time", "y", "x"), np.zeros(shape, "uint8")), view_time_day=(("time", "y", "x"), hour)).assign_attrs(
        platform=platform
    )


def terrain():
    ice = np.zeros((9, 27), bool)
    ice[:, :18] = True
    found = audited.terrain(ice, audited.geobox((9, 27)))
    return found.assign(elevation=(("y", "x"), np.full((9, 27), 4100, "float32"), found["elevation"].attrs))


@pytest.fixture(scope="module")
def told():
    return temperature.describe("/temperature/myd11a2", product([0, 10, 8]), terrain(), ExploreConfig())


def test_ice_that_is_warmer_than_melting_is_debris_or_mixed(told):
    zones = {row["zone"]: row for row in told["day"]["zones"]}
    assert {name for name in zones if not name.endswith(" m")} == {"bare ice", "debris or mixed ice", "ground"}
    assert zones["bare ice"]["cells"] == 1 and zones["bare ice"]["clear"] == DAYS.size


def test_trends_are_those_that_were_set_and_only_bare_ice_is_censored(told):
    for row in told["day"]["zones"]:
        found = row["all_years"]
        assert found["low"] <= 0.8 <= found["high"]
        assert found["method"] == ("censored" if row["surface"] == "bare ice" else "theil-sen")
        assert row["without_drift"]["months"] < found["months"]


def test_summer_is_saturated_and_winter_is_not(told):
    shares = next(row for row in told["day"]["zones"] if row["zone"] == "bare ice")["saturated_by_month"]
    assert shares[6] > 0.9 and shares[0] == 0


def test_the_time_of_view_is_told_by_year(told):
    hours = {row["year"]: row["hour"] for row in told["day"]["view_time"]}
    assert hours[2010] == 13.5 and hours[2021] == 13.0


def test_terra_drifts_and_aqua_is_read_whole(told):
    assert not told["drifts"]
    assert temperature.describe("/temperature/mod11a2", product([0, 10, 8], "Terra"), terrain(), ExploreConfig())["drifts"]


def test_a_short_series_says_why_it_has_no_trend():
    short = product([0, 10, 8]).isel(time=slice(0, 90))
    found = temperature.describe("/temperature/myd11a2", short, terrain(), ExploreConfig())
    assert "5 years or more" in found["day"]["zones"][0]["all_years"]["reason"]


def test_hours_of_a_night_stay_on_one_side_of_midnight():
    views = temperature.Half(np.full((2, 1, 1), 260.0), np.ones((2, 1, 1)), np.array([23.8, 0.4])[:, None, None])
    assert temperature._view_time(DAYS[:2], views) == [{"year": 2005, "hour": pytest.approx(24.1)}]


def test_where_no_cell_is_ice_it_is_said():
    ground = terrain()
    found = temperature.describe("/temperature/myd11a2", product([0, 10, 8]), ground.assign(ice=ground["ice"] & False), ExploreConfig())
    assert "No cell here is ice by 75 % or more" in found["note"] and {row["surface"] for row in found["day"]["zones"]} == {"ground"}
