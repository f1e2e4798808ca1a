"""Alerts and floods as units: an alert after the flood is no hit, and consecutive alerts are one alarm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from glaciercast.hazard.pairs import Pairs
from glaciercast.hazard.warned import alarms, threshold_for, warned

HORIZON = 7
DAY = np.timedelta64(1, "D")


def made(chance, floods=(), first="2020-05-01", lakes=1, horizon=HORIZON) -> tuple[Pairs, pd.DataFrame]:
    """Return daily pairs from `first` on, with floods on given days counted from it, at the first lake."""
    chance = np.asarray(chance, "float64")
    days = chance.size // lakes
    issue = np.tile(np.datetime64(first) + np.arange(days) * DAY, lakes).astype("datetime64[ns]")
    lake = np.repeat([f"lake {number}" for number in range(lakes)], days).astype(object)
    label, flood = np.zeros(chance.size), np.full(chance.size, "", object)
    for day in sorted(floods, reverse=True):
        near = np.arange(max(0, day - horizon + 1), day + 1)
        label[near], flood[near] = 1, f"flood {day}"
    start = [pd.Timestamp(first) + pd.Timedelta(day, unit="D") for day in floods]
    begun = pd.DatetimeIndex(start)
    events = pd.DataFrame({"event": [f"flood {day}" for day in floods], "lake": "lake 0", "start": begun, "earliest": begun})
    return Pairs(horizon, lake, issue, chance, label, np.full(chance.size, 0.1), flood), events


def on(days, size=60):
    """Return chances of 0.9 on some days and 0.01 on the others."""
    chance = np.full(size, 0.01)
    chance[list(days)] = 0.9
    return chance


def test_an_alert_after_the_flood_is_a_miss_and_a_false_alarm():
    found = warned(*made(on(range(31, 36)), [30]), 0.5)
    assert (found.hits, found.misses, found.alarms, found.false_alarms) == (0, 1, 1, 1)
    assert found.lead_days == {}


def test_an_alert_on_the_day_of_the_flood_warns_of_nothing():
    pairs, events = made(on([30]), [30])
    assert pairs.label[30] == 1
    found = warned(pairs, events, 0.5)
    assert (found.hits, found.misses, found.lead_days) == (0, 1, {})
    assert threshold_for(pairs, events, 1.0) == 0.01


def test_an_alert_too_early_for_its_horizon_is_no_hit():
    found = warned(*made(on(range(20, 24)), [30]), 0.5)
    assert (found.hits, found.misses, found.false_alarms) == (0, 1, 1)


def test_consecutive_alerts_before_a_flood_are_one_alarm_and_one_hit():
    found = warned(*made(on(range(26, 31)), [30]), 0.5)
    assert (found.hits, found.misses, found.alarms, found.false_alarms) == (1, 0, 1, 0)
    assert found.lead_days == {"flood 30": 4}
    assert found.hit_rate == 1


def test_an_alarm_that_goes_on_after_the_flood_is_a_new_and_false_one():
    found = warned(*made(on(range(26, 36)), [30]), 0.5)
    assert (found.hits, found.alarms, found.false_alarms) == (1, 2, 1)


def test_an_alert_held_all_year_is_an_alarm_a_horizon_and_earns_no_lead_beyond_it():
    found = warned(*made(on(range(70), 70), [69]), 0.5)
    assert (found.alarms, found.false_alarms) == (10, 9)
    assert found.lead_days == {"flood 69": HORIZON - 1}
    assert found.alert_share == 1
    assert found.false_per_lake_year == pytest.approx(9 / (70 / 365.25))


def test_alarms_of_two_lakes_are_two():
    pairs, _ = made(on([29, 30], 60), lakes=2)
    np.testing.assert_array_equal(np.flatnonzero(alarms(pairs, pairs.chance > 0.5) >= 0), [29, 30])
    assert alarms(pairs, pairs.chance > 0.5)[[29, 30]].tolist() == [0, 1]


def test_two_floods_within_one_alarm_are_two_hits():
    found = warned(*made(on(range(26, 35)), [30, 34]), 0.5)
    assert (found.hits, found.alarms, found.false_alarms) == (2, 2, 0)
    assert found.lead_days == {"flood 30": 4, "flood 34": 3}


def test_the_threshold_for_a_hit_rate_warns_of_that_share():
    chance = np.full(100, 0.01)
    floods = [10, 30, 50, 70, 90]
    for day, level in zip(floods, (0.2, 0.9, 0.5, 0.7, 0.3), strict=True):
        chance[day - 2] = level
    pairs, events = made(chance, floods)
    assert threshold_for(pairs, events, 0.8) == 0.3
    assert warned(pairs, events, 0.3).hits == 4
    assert threshold_for(pairs, events, 1.0) == 0.2
    assert threshold_for(*made(on([])), 0.8) is None


def test_without_floods_nothing_is_hit_or_missed():
    found = warned(*made(on([5])), 0.5)
    assert (found.hits, found.misses, found.hit_rate, found.false_alarms) == (0, 0, None, 1)
