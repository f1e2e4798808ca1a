from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from glaciercast.hazard import records
from glaciercast.simulate import lake, outbursts, outbursts_lakes, weather
from glaciercast.simulate.outbursts import OutburstSpec, SeenSpec
from glaciercast.simulate.seeds import generator

SMALL = OutburstSpec(lakes=6, first=dt.date(2018, 1, 1), last=dt.date(2020, 12, 31), seen=SeenSpec(images=200))
TAKEN = {"areas": "time", "motion": "second", "temperature": "time"}


@pytest.fixture(scope="module")
def made():
    return outbursts.simulate(SMALL, 3)


def test_files_are_records(made, tmp_path):
    outbursts.write(made, tmp_path)
    found = records.read(tmp_path)
    assert list(found.lakes["lake"]) == [f"lake-{number:03d}" for number in range(6)]
    for name, table in made.tables.items():
        assert len(getattr(found, name)) == len(table)
    np.testing.assert_array_equal(found.images, made.images)
    assert len(found.images) == 200
    truth = pd.read_csv(tmp_path / "truth.csv")
    assert list(truth.columns[:5]) == ["lake", "issue", "chance_7", "chance_30", "chance_90"]
    np.testing.assert_allclose(truth["chance_30"], made.truth["chance_30"], rtol=1e-8)


def test_same_seed_same_bytes(made, tmp_path):
    one = outbursts.write(made, tmp_path / "one")
    same = outbursts.write(outbursts.simulate(SMALL, 3), tmp_path / "same")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in same]
    assert not outbursts.simulate(SMALL, 4).truth.equals(made.truth)


def test_nothing_is_available_before_it_was_acquired_nor_acquired_outside_the_watch(made):
    for name, taken in TAKEN.items():
        table = made.tables[name]
        latency = (table["available_at"] - table[taken]).dt.days
        low, high = {"areas": (1, 5), "motion": (20, 40), "temperature": (3, 3)}[name]
        assert latency.between(low, high).all()
        assert table[taken].between(pd.Timestamp(SMALL.first), pd.Timestamp(SMALL.last) + pd.Timedelta(days=1)).all()


def test_areas_are_true_within_their_error_and_rarely_seen_in_winter(made):
    areas = made.tables["areas"]
    true = np.concatenate([
        valley.history.area[valley.history.dates.get_indexer(areas["time"][areas["lake"] == valley.name].dt.normalize())]
        for valley in made.valleys
    ])  # fmt: skip
    far = ((areas["area"] - true) / areas["area_error"])[true > 5e4]
    assert far.mean() == pytest.approx(0, abs=4 / np.sqrt(far.size))
    assert far.std() == pytest.approx(1, abs=0.1)
    month = areas["time"].dt.month
    assert (month == 1).sum() < 0.2 * (month == 7).sum()


def test_pairs_hold_the_mean_components_between_their_images(made):
    valley = made.valleys[0]
    pairs = made.tables["motion"].query("lake == @valley.name")
    dates = valley.history.dates
    first, second = (dates.get_indexer(pairs[key].dt.normalize()) for key in ("first", "second"))
    speed = np.array([valley.speed[a:b].mean() for a, b in zip(first, second, strict=True)])
    for key, part in (("vx", np.sin(valley.azimuth)), ("vy", np.cos(valley.azimuth))):
        far = (pairs[key] - part * speed) / pairs["v_error"]
        assert far.mean() == pytest.approx(0, abs=4 / np.sqrt(far.size))
        assert far.std() == pytest.approx(1, abs=0.25)
    assert (second - first).min() >= 12
    assert (second - first).max() <= 60


def test_ice_never_melts_warmer_than_ice(made):
    found = made.tables["temperature"]
    ice, ground = (found[found["surface"] == name] for name in ("ice", "ground"))
    assert ice["lst_day"].max() == 273.15
    assert ground["lst_day"].max() > 290


def test_images_show_the_true_area_of_water(made):
    seen = made.tables["areas"].dropna(subset="image")
    clear = seen[seen["seen"] > 0.98]
    images = made.images[clear["image"].to_numpy(int)]
    water = np.nansum(images[:, 1] < 0.1, axis=(1, 2)) * SMALL.seen.image_pixel**2
    np.testing.assert_allclose(water, clear["area"], atol=0.15 * clear["area"].max())
    hidden = np.isnan(made.images[seen["image"].to_numpy(int)]).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(hidden, 1 - seen["seen"], atol=1e-3)


def test_floods_begin_within_their_dates(made):
    true = pd.concat([valley.history.events.assign(lake=valley.name) for valley in made.valleys])
    true = true[true["start"].between(pd.Timestamp(SMALL.first), pd.Timestamp(SMALL.last))]
    events = made.tables["events"]
    assert len(events) == len(true) > 0
    assert (events["earliest"].to_numpy() <= true["start"].to_numpy()).all()
    assert (events["latest"].to_numpy() >= true["start"].to_numpy()).all()
    middle = events["earliest"] + (events["latest"] - events["earliest"]) / 2
    np.testing.assert_array_equal(events["start"], middle)


def test_chance_is_the_share_of_futures_with_a_flood(made):
    valley = next(v for v in made.valleys if v.history.drained.any() and v.spec.base_hazard > 0.01)
    day = int(np.argmax(valley.history.filled[:-60])) - 10
    futures, horizon = 4000, 30
    rng = generator(0, "futures")
    volume, alive = np.full(futures, valley.history.filled[day] * valley.history.full), np.ones(futures, dtype=bool)
    for ahead in range(horizon):
        alive &= rng.random(futures) >= lake.hazard(valley.spec, volume / valley.history.full)
        volume = np.minimum(volume + valley.history.inflow[day + ahead], valley.history.full)
    expected = outbursts_lakes.chances(SMALL, valley, horizon)[day]
    assert 1 - alive.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / futures))


@pytest.mark.parametrize("mode", ["lake", "season"])
def test_floods_are_as_frequent_as_the_hazard_says(mode):
    spec = OutburstSpec(lakes=24, mode=mode, seen=SeenSpec(images=0))
    valleys = [outbursts_lakes.make(spec, 8, number) for number in range(spec.lakes)]
    expected = sum(valley.history.hazard.sum() for valley in valleys)
    found = sum(valley.history.drained.sum() for valley in valleys)
    assert abs(found - expected) < 3 * np.sqrt(expected)


def test_season_alone_counts_where_it_should():
    spec = SMALL.model_copy(update={"mode": "season"})
    made = outbursts.simulate(spec, 3)
    by_day = made.truth.groupby("issue")[["chance_7", "chance_30", "chance_90"]]
    assert (by_day.max() == by_day.min()).all().all()
    year = outbursts_lakes.season_hazard(spec, pd.date_range("2019-01-01", "2019-12-31"))
    assert year.sum() == pytest.approx(spec.hazard.season_rate)
    day = made.truth[(made.truth["lake"] == "lake-000") & (made.truth["issue"] == "2019-07-01")]
    assert day["chance_7"].item() == pytest.approx(1 - np.prod(1 - year[181:188]))
    valley = made.valleys[0]
    before = np.concatenate([[0], valley.history.volume[:-1]])
    balance = before + valley.history.inflow - valley.history.spill - valley.history.outflow
    np.testing.assert_allclose(valley.history.volume, balance, atol=1e-6)


def test_shuffled_floods_keep_their_day_of_the_year(made):
    shuffled = outbursts.simulate(SMALL.model_copy(update={"mode": "shuffled"}), 3)
    one, other = made.tables["events"], shuffled.tables["events"]
    assert sorted(one["start"].dt.day_of_year) == sorted(other["start"].dt.day_of_year)
    assert not one["start"].equals(other["start"])
    pd.testing.assert_frame_equal(made.tables["areas"], shuffled.tables["areas"])
    floods = len(other) / (6 * 3)
    assert shuffled.truth.groupby("lake")["chance_7"].mean().to_numpy() == pytest.approx(floods * 7 / 365.25, rel=0.05)


def test_surges_close_dams_while_lakes_are_watched():
    spec = SMALL.model_copy(update={"surging": 1.0, "draining": 1.0})
    valley = outbursts_lakes.make(spec, 1, 0)
    assert spec.first < valley.spec.start < spec.last
    fast = pd.Series(valley.speed, valley.history.dates)
    assert fast.idxmax() < pd.Timestamp(valley.spec.start)
    assert fast.max() > 3 * fast.median()


def test_neither_dam_nor_surge_tells_who_can_drain():
    spec = SMALL.model_copy(update={"lakes": 40, "surging": 0.5})
    valleys = [outbursts_lakes.make(spec, 2, number) for number in range(spec.lakes)]
    calm = [valley for valley in valleys if valley.spec.base_hazard == outbursts_lakes.NEVER]
    ice = [valley for valley in calm if valley.dam == "ice"]
    assert len(calm) == 20
    assert 5 <= len(ice) <= 15
    assert {valley.dam for valley in calm} == {"ice", "moraine", "bedrock"}
    surged = sum(valley.speed.max() > 3 * np.median(valley.speed) for valley in ice)
    assert 1 <= surged < len(ice)
    assert not any(len(valley.history.events) for valley in calm)


@pytest.mark.slow
def test_default_has_enough_years_with_and_without_floods():
    spec = OutburstSpec(seen=SeenSpec(images=0))
    for seed in range(5):
        valleys = [outbursts_lakes.make(spec, seed, number) for number in range(spec.lakes)]
        starts = [valley.history.events["start"] for valley in valleys]
        years = sum(len({s.year for s in start if spec.first <= s.date() <= spec.last}) for start in starts)
        assert years >= 30
        assert spec.lakes * 8 - years >= 100


def test_a_watch_is_a_year_or_more():
    with pytest.raises(ValidationError, match="a year or more"):
        OutburstSpec(first=dt.date(2020, 1, 1), last=dt.date(2020, 5, 1))
    assert weather.YEAR == 365.25
