"""Drainage in series of areas, and filling rates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaciercast.hazard import lakes_drops
from glaciercast.hazard.lakes_drops import Series
from glaciercast.hazard.lakes_settings import DropConfig

PIXEL = 900.0


def series(days, areas, error=3000.0, seen=1.0, latency=1):
    time = np.datetime64("2020-01-01", "ns") + np.asarray(days) * np.timedelta64(1, "D")
    areas = np.asarray(areas, "float64")
    return Series(time, time + np.timedelta64(latency, "D"), areas, np.full(areas.size, error), np.full(areas.size, seen))


def detect(*args, **options):
    return lakes_drops.detect(series(*args, **options), DropConfig(), PIXEL)


def day(time):
    return int((time - np.datetime64("2020-01-01")) / np.timedelta64(1, "D"))


def test_a_drop_is_bracketed_confirmed_and_known_when_its_look_was():
    (drop,) = detect([0, 10, 20, 30, 40], [1e5, 1.1e5, 1.2e5, 2e4, 3e4])
    assert (day(drop.earliest), day(drop.latest), day(drop.end)) == (20, 30, 30)
    assert drop.confirmed and drop.confidence == "high" and drop.share == pytest.approx(1 - 2 / 12)
    assert (day(drop.known_at), day(drop.confirmed_at)) == (31, 41)
    assert drop.sigmas == pytest.approx(1e5 / np.hypot(3000, 3000))


def test_a_slow_drainage_began_at_the_first_look_that_was_not_full():
    (drop,) = detect([0, 5, 10, 15, 20], [1e5, 1e5, 7e4, 3e4, 1e4])
    assert (day(drop.earliest), day(drop.latest), day(drop.end)) == (5, 10, 20)
    assert (day(drop.known_at), day(drop.available_at)) == (16, 21)  # its end is known from the last look


@pytest.mark.parametrize(
    ("days", "areas", "confidence"),
    [
        ([0, 10, 40], [1e5, 1e5, 1e4], "medium"),  # the last look: large, well seen, 30 days
        ([0, 10, 110], [1e5, 1e5, 1e4], "low"),  # the last look, after a long gap
        ([0, 10, 110, 120], [1e5, 1e5, 1e4, 1.2e4], "medium"),  # confirmed, after a long gap
        ([0, 10, 40, 130], [1e5, 1e5, 1e4, 1e5], "medium"),  # refilled before the next look
        ([0, 10, 20, 25, 30], [1e5, 1e5, 1e4, 1e5, 1e5], "doubtful"),  # full again after five days
    ],
)
def test_sparse_series_say_how_sure_a_drop_is(days, areas, confidence):
    (drop,) = detect(days, areas)
    assert drop.confidence == confidence and drop.confirmed == (days[-1] == 120)


def test_two_floods_of_a_lake_that_refills_quickly_are_two():
    drops = detect([0, 10, 20, 30, 50, 60, 70], [1e5, 1.2e5, 2e4, 6e4, 1.1e5, 1e4, 2e4])
    assert [day(drop.latest) for drop in drops] == [20, 60]


def test_noise_growth_and_small_lakes_are_no_drops():
    rng = np.random.default_rng(0)
    days = np.arange(0, 600, 8)
    assert detect(days, 1e5 + 3000 * rng.standard_normal(days.size)) == []
    assert detect(days, 1e4 + 100.0 * days) == []
    assert detect([0, 8, 16], [4000.0, 4000.0, 0.0], error=300.0) == []  # five pixels
    assert detect([0, 8, 16], [1e5, 1e5, 2e4], error=3e4) == []  # 1.9 σ
    assert detect([], []) == [] == detect([0], [1e5])


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 500), st.integers(0, 90))
def test_a_filling_rate_is_found_with_an_outlier(rate, wild):
    days = np.arange(0, 40, 4)
    areas = 2e5 + rate * days
    areas[5] += 1000 * wild
    found, error = lakes_drops.filling(series(days, areas), [], DropConfig())
    assert found[-1] == pytest.approx(rate, abs=max(1e-6, 0.35 * 1000 * wild / 20)) and np.isnan(found[:2]).all() and (error[2:] > 0).all()


def test_a_filling_rate_starts_anew_after_a_drop_and_waits_for_what_was_not_there():
    days, areas = [0, 5, 10, 15, 20, 25], [1e5, 1.1e5, 1.2e5, 1e4, 1.5e4, 2e4]
    one = series(days, areas)
    drops = lakes_drops.detect(one, DropConfig(), PIXEL)
    rate, _ = lakes_drops.filling(one, drops, DropConfig())
    assert rate[2] == pytest.approx(2000) and np.isnan(rate[3:5]).all() and rate[5] == pytest.approx(1000)
    late = Series(one.time, one.available_at + np.array([0, 30, 0, 0, 0, 0]) * np.timedelta64(1, "D"), one.area, one.error, one.seen)
    assert np.isnan(lakes_drops.filling(late, [], DropConfig())[0][2])
