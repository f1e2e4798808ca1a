from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.hazard.test_features import area_table, at, one_lake

from glaciercast.hazard import features, features_melt
from glaciercast.hazard import features_stats as stats

MELTING = 273.15


def warm(day_of_year):
    """Return degrees above melting: ten in the half of the year from day 92 on, none else."""
    return np.where((day_of_year > 91) & (day_of_year <= 274), 10.0, 0.0)


def ground(first="2019-01-03", last="2021-12-31", excess=warm):
    time = pd.date_range(first, last, freq="8D")
    lst = MELTING + excess(time.day_of_year.to_numpy())
    return pd.DataFrame({"lake": "a", "time": time, "lst_day": lst, "surface": "ground", "available_at": time + pd.Timedelta(days=3)})


def flood(day):
    return pd.DataFrame({"event": ["f"], "lake": "a", "start": day, "earliest": day, "latest": day, "end": day})


def tell(issue, **tables):
    found = features.make(one_lake(**tables), at(issue, ["a"]))
    return {name: found.column(name)[0] for name in found.names}


def test_melt_of_a_year_and_of_a_season():
    issue = stats.days(pd.DatetimeIndex(["2021-06-01"]))
    melt = features_melt.of(ground(), issue)
    assert melt.yearly[0] == pytest.approx(10 * 183, rel=8 / 183)  # seasons are told to eight days
    spring, autumn, after = (
        melt.until(stats.days(pd.DatetimeIndex([day]))[:, None])[0, 0] for day in ("2020-02-01", "2020-12-01", "2021-02-01")
    )
    assert autumn - spring == pytest.approx(melt.yearly[0])
    assert after - autumn == pytest.approx(0, abs=1e-6)


def test_melt_is_not_told_before_each_season_was_seen():
    issue = stats.days(pd.DatetimeIndex(["2019-09-01", "2020-02-01"]))
    known = np.isfinite(features_melt.of(ground(), issue).yearly)
    assert known.tolist() == [False, True]


def test_a_lake_that_fills_with_melt_is_foretold_by_it():
    """Volume grows by the melt alone: three years' melt fills it; in winter nothing moves, in summer as much as the melt to come."""
    time = pd.date_range("2019-01-01", "2021-12-31", freq="5D")
    day = np.arange(0, 3 * 365 + 1)
    melted = np.cumsum(warm(pd.date_range("2019-01-01", periods=day.size).day_of_year.to_numpy())) / 1830 / 3
    volume = np.maximum(np.interp((time - pd.Timestamp("2019-01-01")).days, day, melted), 1e-3)
    areas = area_table(time, 4e5 * volume ** (1 / 1.42), error=100.0)
    found = tell("2021-01-01", areas=areas, temperature=ground())
    largest = 2 / 3  # of what it will hold
    assert found["gain"] == pytest.approx(1 / 3 / largest, rel=0.03)
    assert found["filled_now"] == pytest.approx(1, abs=0.02)
    assert found["filled_90"] == pytest.approx(1, abs=0.03)  # winter
    summer = tell("2021-06-10", areas=areas, temperature=ground())
    now = melted[(pd.Timestamp("2021-06-10") - pd.Timestamp("2019-01-01")).days]
    assert summer["filled_30"] - summer["filled_now"] == pytest.approx(30 / 183 / 3 / now, rel=0.1)


def test_how_long_the_lake_has_stood_as_high():
    time = pd.date_range("2020-01-01", "2020-12-26", freq="5D")
    low, high = 1e5, 4e5
    area = np.where((time >= "2020-03-01") & (time < "2020-05-30") | (time >= "2020-11-01"), high, low)
    tables = {"areas": area_table(time, area, error=100.0)}
    alone = tell("2020-12-31", **tables)
    stayed = (area == high).sum() * 5 - 10  # between looks at both ends of two stays
    assert alone["held"] == pytest.approx(np.log1p(stayed / 30))
    assert alone["held_since"] == alone["held"]
    assert alone["floods_below"] == 0
    assert alone["rate_here"] == pytest.approx(np.log(0.3 / (stayed / 30 + 1)))
    after = tell("2020-12-31", events=flood("2020-05-29"), **tables)
    since = (area[time > "2020-06-01"] == high).sum() * 5 - 5
    assert after["held_since"] == pytest.approx(np.log1p(since / 30))
    assert after["floods_below"] == 1
    assert after["rate_here"] == pytest.approx(np.log(1.3 / (stayed / 30 + 1)))


def test_at_a_low_stage_earlier_floods_lie_above():
    time = pd.date_range("2020-01-01", "2020-12-26", freq="5D")
    area = np.where(time < "2020-05-29", 4e5, 1e5)
    found = tell("2020-12-31", areas=area_table(time, area, error=100.0), events=flood("2020-05-29"))
    assert found["floods_below"] == 0
    assert found["held"] > found["held_since"] > 0


def test_after_a_flood_it_fills_from_empty_though_nothing_was_seen_since():
    time = pd.date_range("2019-01-01", "2020-07-25", freq="5D")
    area = 1e5 + 500.0 * (time - time[0]).days
    tables = {"areas": area_table(time, area, error=100.0), "temperature": ground()}
    before, after = tell("2020-07-29", **tables), tell("2020-08-20", events=flood("2020-07-28"), **tables)
    assert before["filled_now"] > 0.95
    expected = after["gain"] * 22 / 183  # three weeks of melt since the day after the flood
    assert after["filled_now"] == pytest.approx(expected, rel=0.1)
    assert after["ripe"] == pytest.approx(after["filled_now"] * (area[-3] / np.median(area[-6:])) ** 1.42, rel=0.05)
