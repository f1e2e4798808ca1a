from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaciercast.errors import InputError
from glaciercast.hazard import features, features_past, records
from glaciercast.simulate import outbursts

SPEC = outbursts.OutburstSpec(
    lakes=2, draining=1.0, first=dt.date(2018, 1, 1), last=dt.date(2021, 12, 31), seen=outbursts.SeenSpec(images=0)
)
MADE = outbursts.simulate(SPEC, 5)
RECORDS = records.make(MADE.tables)
KEYS = {"areas": ("area", "area_error", "seen"), "motion": ("vx", "vy", "v_error"), "temperature": ("lst_day",)}
ISSUES = st.integers(0, 4 * 365).map(lambda day: pd.Timestamp(SPEC.first) + pd.Timedelta(days=day))


def at(issue, lakes=("lake-000", "lake-001")):
    return pd.DataFrame({"lake": list(lakes), "issue": pd.DatetimeIndex([issue] * len(lakes))})


def same(one, other):
    assert one.lake.tolist() == other.lake.tolist()
    assert one.values.tobytes() == other.values.tobytes()
    assert one.ages.tobytes() == other.ages.tobytes()


def noisy(found, issue, seed):
    """Replace all that was not available at the issue by noise, and drop floods that were not over."""
    rng = np.random.default_rng(seed)
    changed = {}
    for name, keys in KEYS.items():
        table = getattr(found, name).copy()
        late = (table["available_at"] > issue).to_numpy()
        for key in keys:
            table.loc[late, key] = rng.normal(0, 1e6, late.sum())
        taken = "second" if name == "motion" else "time"
        table.loc[late, taken] += pd.to_timedelta(rng.integers(0, 500, late.sum()), unit="D")
        table.loc[late, "available_at"] += pd.Timedelta(days=500)
        changed[name] = table.sort_values(["lake", taken], kind="stable", ignore_index=True)
    events = found.events.copy()
    ahead = (events["end"] >= issue).to_numpy()
    events.loc[ahead, ["start", "earliest", "latest", "end"]] += pd.Timedelta(days=2000)
    return dataclasses.replace(found, events=events, **changed)


@settings(max_examples=6, deadline=None)
@given(issue=ISSUES, seed=st.integers(0, 9))
def test_what_was_not_available_changes_no_bit(issue, seed):
    first = features.make(RECORDS, at(issue))
    under_way = features.make(noisy(RECORDS, issue, seed), at(issue))
    chosen = np.isin(under_way.lake, first.lake)  # floods that are moved away are no longer under way
    same(first, under_way.take(chosen))


@settings(max_examples=6, deadline=None)
@given(issue=ISSUES)
def test_features_are_those_of_the_records_until_the_issue(issue):
    one, other = features.make(RECORDS, at(issue)), features.make(RECORDS.until(issue), at(issue))
    same(one, other.take(np.isin(other.lake, one.lake)))


def test_one_issue_at_a_time_or_all_together():
    together = features.make(RECORDS)
    place = [3, 200, 400]
    for number in place:
        alone = features.make(RECORDS, at(together.issue[number], [together.lake[number]]))
        same(alone, together.take(np.array([number])))


@settings(max_examples=6, deadline=None)
@given(issue=ISSUES, late=st.integers(1, 60))
def test_what_is_available_some_days_later_is_known_as_many_days_later(issue, late):
    shifted = {
        name: getattr(RECORDS, name).assign(available_at=getattr(RECORDS, name)["available_at"] + pd.Timedelta(days=late)) for name in KEYS
    }
    later = features.make(dataclasses.replace(RECORDS, **shifted), at(issue))
    before = features.make(RECORDS, at(issue - pd.Timedelta(days=late)))
    lakes = [name for name in later.lake if name in before.lake]
    later, before = (found.take(np.isin(found.lake, lakes)) for found in (later, before))
    of_floods = ("growth", "share_now", "share_flooded", "filled", "share_ahead", "since_fast")  # and counted from the issue
    others = (*of_floods, *features_past.NAMES, *features.SEASON, *features.FLOODS, *features.DAM)
    chosen = [place for place, name in enumerate(features.NAMES) if name not in others]
    assert later.values[:, chosen].tobytes() == before.values[:, chosen].tobytes()
    np.testing.assert_allclose(later.ages[:, chosen], before.ages[:, chosen] + late)


def one_lake(**tables):
    lakes = pd.DataFrame(
        {"lake": ["a"], "lon": [74.0], "lat": [36.0], "dam": ["ice"], "watched_from": ["2019-01-01"], "watched_to": ["2021-12-31"]}
    )
    return records.make({"lakes": lakes, "events": pd.DataFrame(columns=list(records.TABLES["events"])), **tables})


def area_table(time, area, error=1e3):
    time = pd.DatetimeIndex(time)
    return pd.DataFrame(
        {"lake": "a", "time": time, "area": area, "area_error": error, "seen": 1.0, "available_at": time + pd.Timedelta(days=2)}
    )


def pair_table(second, vx, vy, days=24, error=5.0):
    second = pd.DatetimeIndex(second)
    return pd.DataFrame(
        {
            "lake": "a", "first": second - pd.Timedelta(days=days), "second": second, "vx": vx, "vy": vy, "v_error": error,
            "available_at": second + pd.Timedelta(days=30),
        }
    )  # fmt: skip


def test_growth_share_and_age_of_a_lake_that_grows_evenly():
    time = pd.date_range("2020-05-01", periods=40, freq="3D")
    found = features.make(one_lake(areas=area_table(time, 1e5 + 1e3 * np.arange(40) * 3)), at("2020-08-28", ["a"]))
    newest = 39 * 3  # 2020-08-26 is available on the 28th
    assert found.ages[0, found.names.index("area")] == 2
    assert found.column("area")[0] == pytest.approx(1e5 + 1e3 * (newest - 6))  # five areas of 12 days, equal errors
    largest = 1e5 + 1e3 * (newest - 6)  # the third largest
    assert found.column("share_largest")[0] == pytest.approx(1)
    assert found.column("growth")[0] == pytest.approx(1e3 / largest)
    assert found.column("share_now")[0] == pytest.approx((1e5 + 1e3 * (newest + 2)) / largest)  # carried on to the issue
    assert found.column("share_ahead")[0] == pytest.approx((1e5 + 1e3 * (newest + 32)) / largest)
    assert found.column("filled")[0] == pytest.approx(found.column("share_now")[0] ** 1.42)


def test_share_of_the_area_before_an_earlier_flood():
    time = pd.date_range("2020-05-01", periods=60, freq="3D")
    area = np.where(time < "2020-08-01", 4e5, 1e5)
    event = pd.DataFrame(
        {"event": ["f"], "lake": "a", "start": "2020-08-01", "earliest": "2020-08-01", "latest": "2020-08-01", "end": "2020-08-03"}
    )
    found = features.make(
        one_lake(areas=area_table(time, area), events=event),
        pd.concat([at(day, ["a"]) for day in ("2020-08-01", "2020-08-02", "2020-08-04", "2020-09-30")]),
    )
    assert found.issue.astype("datetime64[D]").astype(str).tolist() == [
        "2020-08-01",
        "2020-08-04",
        "2020-09-30",
    ]  # at 0:00 of the 1st it is to come
    np.testing.assert_array_equal(np.isnan(found.column("share_flooded")), [True, False, False])
    assert found.column("share_flooded")[2] == pytest.approx(0.25)
    assert found.column("share_now")[2] == pytest.approx(0.25)
    assert found.column("share_now")[1] == 0  # nothing was seen since the flood
    assert found.column("since_flood")[2] == 60
    np.testing.assert_array_equal(found.column("past_floods"), [0, 1, 1])


def test_a_flood_of_which_nobody_could_have_known_changes_no_bit_until_then():
    time = pd.date_range("2020-05-01", periods=60, freq="3D")
    areas = area_table(time, np.where(time < "2020-08-01", 4e5, 1e5))
    day = pd.DataFrame({key: ["2020-08-01"] for key in ("start", "earliest", "latest", "end")})
    event = day.assign(event="f", lake="a", available_at="2020-09-15")
    issues = pd.concat([at(day, ["a"]) for day in ("2020-08-10", "2020-09-14", "2020-09-15", "2020-09-30")])
    told, without = features.make(one_lake(areas=areas, events=event), issues), features.make(one_lake(areas=areas), issues)
    same(told.take(np.array([0, 1])), without.take(np.array([0, 1])))
    np.testing.assert_array_equal(told.column("past_floods"), [0, 0, 1, 1])
    np.testing.assert_array_equal(told.column("since_flood"), [np.nan, np.nan, 45, 60])
    assert told.column("share_flooded")[3] == pytest.approx(0.25)
    at_once = features.make(one_lake(areas=areas, events=event.assign(available_at="")), issues)
    np.testing.assert_array_equal(at_once.column("past_floods"), [1, 1, 1, 1])


def test_speed_is_that_of_mean_components_never_the_mean_of_speeds():
    rng = np.random.default_rng(0)
    second = pd.date_range("2020-06-01", periods=30, freq="2D")
    noise = rng.normal(0, 200, (2, 30))
    noise -= noise.mean(1, keepdims=True)
    found = features.make(one_lake(motion=pair_table(second, 3 + noise[0], 4 + noise[1])), at("2020-09-01", ["a"]))
    assert found.column("speed")[0] == pytest.approx(5)
    assert np.hypot(*noise).mean() > 100
    assert found.ages[0, found.names.index("speed")] == (pd.Timestamp("2020-09-01") - second[-1]).days


def test_pairs_too_long_are_not_read():
    second = pd.date_range("2020-06-01", periods=30, freq="2D")
    found = features.make(one_lake(motion=pair_table(second, 3.0, 4.0, days=65)), at("2020-09-01", ["a"]))
    assert np.isnan(found.column("speed")[0])


def test_anomaly_against_the_same_season_and_surge_against_quiet_ice():
    second = pd.date_range("2019-01-05", "2021-06-30", freq="10D")
    season = 100 + 50 * np.cos(2 * np.pi * second.day_of_year.to_numpy() / 365.25)
    surge = np.where(second >= "2021-02-01", 8.0, 1.0)
    found = features.make(
        one_lake(motion=pair_table(second, 0.6 * season * surge, 0.8 * season * surge)),
        pd.concat([at(day, ["a"]) for day in ("2021-01-15", "2021-07-15")]),
    )
    quiet, surging = found.column("speed_anomaly")
    assert quiet == pytest.approx(0, abs=0.1)
    assert surging == pytest.approx(np.log(8), abs=0.15)
    assert found.column("surging").tolist() == [0, 1]
    assert np.isnan(found.column("since_fast")[0])
    assert found.column("since_fast")[1] == found.ages[1, found.names.index("speed")]


def test_degree_days_of_ground_and_share_of_melting_ice():
    time = pd.date_range("2020-05-01", periods=20, freq="8D")
    both = [
        pd.DataFrame({"lake": "a", "time": time, "lst_day": value, "surface": surface, "available_at": time + pd.Timedelta(days=3)})
        for surface, value in (("ground", 283.15), ("ice", np.where(np.arange(20) >= 18, 273.15, 265.0)))
    ]
    found = features.make(one_lake(temperature=pd.concat(both)), at("2020-10-10", ["a"]))
    assert found.column("lst")[0] == pytest.approx(283.15)
    assert found.column("degree_days_short")[0] == pytest.approx(300)
    assert found.column("degree_days_long")[0] == pytest.approx(900)
    assert found.column("ice_melting")[0] == pytest.approx(0.5)
    assert np.isnan(found.column("lst_anomaly")[0])


def test_what_is_missing_is_nan_with_no_age():
    found = features.make(one_lake(), at("2020-06-01", ["a"]))
    known = ~np.isnan(found.values[0])
    assert {name for name, there in zip(found.names, known, strict=True) if there} == {
        "season_sin",
        "season_cos",
        "past_floods",
        "flood_rate",
        "ice_dam",
    }
    assert np.isnan(found.ages).all()


def test_samples_every_seven_days_while_watched():
    found = features.make(one_lake())
    assert found.issue[0] == np.datetime64("2019-01-01")
    assert set(np.diff(found.issue).astype("timedelta64[D]").astype(int)) == {7}
    assert set(found.labels) == {7, 30, 90}
    assert np.isnan(found.labels[90][-1])
    assert found.labels[90][0] == 0


def test_wrong_issues_are_named():
    with pytest.raises(InputError, match="unknown lake 'b'"):
        features.make(one_lake(), at("2020-06-01", ["b"]))
    with pytest.raises(InputError, match="midnights"):
        features.make(one_lake(), at("2020-06-01T12:00", ["a"]))


@pytest.mark.parametrize(("late", "seen"), [(0, True), (1, False)])
def test_available_at_midnight_is_in_time_and_a_nanosecond_later_is_not(late, seen):
    areas = area_table(["2020-05-01"], 1e5)
    areas["available_at"] = pd.Timestamp("2020-06-01") + pd.Timedelta(late, "ns")
    found = features.make(one_lake(areas=areas), at("2020-06-01", ["a"]))
    assert np.isfinite(found.column("area")[0]) == seen
