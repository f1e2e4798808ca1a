from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.simulate import lake
from glaciercast.simulate.scenario import LakeSpec

START = dt.date(2019, 1, 1)
DATES = pd.date_range("2018-12-22", "2022-12-31")
BASIN = lake.Hypsometry(
    np.array([2500.0, 2550, 2600, 2700]), np.array([0.0, 5e6, 15e6, 50e6]), np.array([0.0, 1.5e5, 2.5e5, 4e5]), 2500, 100
)
SPEC = LakeSpec(start=START)
INFLOW = 2e5 * np.maximum(0, np.cos(2 * np.pi * (DATES.day_of_year.to_numpy() - 200) / 365.25)) + 1e3


def fixed(chance):
    """Return a spec whose hazard hardly depends on the level: half of `base_hazard` at every filling."""
    return LakeSpec(start=START, base_hazard=2 * chance, steepness=1e-9, midpoint=0.5)


def test_full_where_the_dam_floats():
    assert BASIN.full_volume(0.5) == pytest.approx(5e6)
    assert BASIN.full_volume(0.9) == pytest.approx(5e6 + 0.8 * 10e6)


def test_water_balance_closes():
    history = lake.make(SPEC, BASIN, INFLOW, DATES, 4)
    before = np.concatenate([[0], history.volume[:-1]])
    np.testing.assert_allclose(history.volume, before + history.inflow - history.spill - history.outflow, atol=1e-6)
    assert history.volume.min() >= 0
    assert history.volume.max() <= history.full * (1 + 1e-12)
    np.testing.assert_allclose(np.interp(history.level, BASIN.level, BASIN.volume), history.volume, atol=1e-6)
    np.testing.assert_allclose(history.filled, before / history.full)


def test_nothing_is_stored_before_the_dam_closes():
    history = lake.make(SPEC, BASIN, INFLOW, DATES, 4)
    early = np.arange(DATES.size) < DATES.get_loc(pd.Timestamp(START))
    assert not history.volume[early].any()
    assert not history.hazard[early].any()
    np.testing.assert_array_equal(history.spill[early], INFLOW[early])


def test_a_full_lake_spills():
    calm = LakeSpec(start=START, base_hazard=1e-12)
    history = lake.make(calm, BASIN, np.full(DATES.size, 1e6), DATES, 0)
    assert history.volume[-1] == history.full
    assert history.spill[-1] == 1e6
    assert history.level[-1] == pytest.approx(2590)


def test_it_drains_to_empty_in_the_stated_days_and_fills_again():
    history = lake.make(LakeSpec(start=START, drain_days=3), BASIN, INFLOW, DATES, 4)
    assert history.drained.any()
    assert len(history.events) == history.drained.sum()
    for row in history.events[history.events.end.notna()].itertuples():
        begin, end = DATES.get_loc(row.start), DATES.get_loc(row.end)
        assert end - begin == 2
        assert history.volume[end] == 0
        assert history.volume[begin] == pytest.approx(row.volume * 2 / 3)
        assert history.draining[begin : end + 1].all()
        assert not history.hazard[begin + 1 : end + 1].any()
        if end + 1 < DATES.size and not history.drained[end + 1]:
            assert history.volume[end + 1] == history.inflow[end + 1]


def test_same_seed_same_lake():
    one, same, other = (lake.make(SPEC, BASIN, INFLOW, DATES, seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.volume, same.volume)
    assert not np.array_equal(one.volume, other.volume)


def test_hazard_is_the_stated_logistic():
    assert lake.hazard(SPEC, 0.85) == pytest.approx(0.04)
    assert lake.hazard(SPEC, 1.0) == pytest.approx(0.08 / (1 + np.exp(-2.1)))
    assert lake.hazard(SPEC, 0.0) < 1e-6


def test_drainages_are_as_frequent_as_the_hazard_says():
    histories = [lake.make(SPEC, BASIN, INFLOW, DATES, seed) for seed in range(40)]
    chance, drained = np.concatenate([h.hazard for h in histories]), np.concatenate([h.drained for h in histories])
    for low, high in ((0, 0.01), (0.01, 0.04), (0.04, 0.1)):
        among = (chance >= low) & (chance < high)
        deviation = np.sqrt((chance * (1 - chance))[among].sum()) / among.sum()
        assert drained[among].mean() == pytest.approx(chance[among].mean(), abs=4 * deviation)


def test_survival_is_the_product_of_the_days_survived():
    histories = [lake.make(fixed(0.02), BASIN, INFLOW[:70], DATES[:70], seed) for seed in range(400)]
    begin = DATES.get_loc(pd.Timestamp(START))
    for days in (10, 50):
        survived = np.mean([not h.drained[begin : begin + days].any() for h in histories])
        expected = 0.98**days
        assert survived == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 400))


def test_warning_of_one_day_is_the_hazard():
    history = lake.make(SPEC, BASIN, INFLOW, DATES, 4)
    chance, outcome = lake.warning(SPEC, history, 1)
    np.testing.assert_allclose(chance, history.hazard, atol=1e-15)
    np.testing.assert_array_equal(outcome, history.drained)


def test_warning_of_a_constant_hazard_has_its_closed_form():
    history = lake.make(fixed(0.02), BASIN, INFLOW, DATES, 4)
    chance, _ = lake.warning(fixed(0.02), history, 14)
    quiet = ~history.draining[: chance.size] & np.asarray(DATES[: chance.size] >= pd.Timestamp(START))
    np.testing.assert_allclose(chance[quiet], 1 - 0.98**14)
    second = np.flatnonzero(history.draining & ~history.drained)[0]  # the second of two days of drainage: one day less to drain anew
    assert chance[second] == pytest.approx(1 - 0.98**13)


def test_warnings_are_calibrated_and_beat_the_base_rate():
    rows = [lake.best_scores(SPEC, lake.make(SPEC, BASIN, INFLOW, DATES, seed), (1, 7, 30)) for seed in range(40)]
    for place, horizon in enumerate((1, 7, 30)):
        brier, expected, base = (np.array([row[place][key] for row in rows]) for key in ("brier", "brier_expected", "brier_base"))
        assert rows[0][place]["horizon"] == horizon
        difference = brier - expected
        assert difference.mean() == pytest.approx(0, abs=4 * difference.std() / np.sqrt(40))
        assert brier.mean() < base.mean()


def test_scores_of_a_lake_that_never_drains():
    calm = LakeSpec(start=START, base_hazard=1e-12)
    row = lake.best_scores(calm, lake.make(calm, BASIN, INFLOW, DATES, 0), (7,))[0]
    assert row["base_rate"] == 0
    assert row["skill"] is None


def test_errors_name_what_is_wrong():
    with pytest.raises(InputError, match="one inflow"):
        lake.make(SPEC, BASIN, INFLOW[1:], DATES, 0)
    with pytest.raises(InputError, match="ascending"):
        lake.Hypsometry(np.array([1.0, 1.0]), np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0, 1)
    with pytest.raises(InputError, match="must be 0"):
        lake.Hypsometry(np.array([1.0, 2.0]), np.array([1.0, 2.0]), np.array([0.0, 1.0]), 0, 1)
    with pytest.raises(InputError, match="holds no lake"):
        lake.Hypsometry(np.array([1.0, 2.0]), np.array([0.0, 2.0]), np.array([0.0, 1.0]), 0, 1).full_volume(0.9)
    history = lake.make(SPEC, BASIN, INFLOW, DATES, 4)
    with pytest.raises(InputError, match="horizon"):
        lake.warning(SPEC, history, 0)
