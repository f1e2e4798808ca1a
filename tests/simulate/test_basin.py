"""The lake's basin: its volume by direct integration, its area in the mask, and the balance of what flows in."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.simulate import basin, scenario, weather, world
from glaciercast.simulate.terrain import DAM_DEPTH


def test_the_hypsometry_integrates_the_depth_over_the_floor(tiny):
    table, ground = tiny.basin.hypsometry, tiny.elevation[tiny.basin.floor].astype(float)
    volume = [np.clip(level - ground, 0, None).sum() * 900 for level in table.level]
    np.testing.assert_allclose(table.volume, volume, rtol=1e-6, atol=0.1)
    area = [(ground < level).sum() * 900.0 for level in table.level]
    np.testing.assert_array_equal(table.area, area)
    assert table.volume[-1] > 1e6
    assert ground.min() == pytest.approx(table.level[0], abs=1e-3)


def test_the_area_is_the_slope_of_the_volume(tiny):
    table = tiny.basin.hypsometry
    slope, mean = np.diff(table.volume) / np.diff(table.level), (table.area[1:] + table.area[:-1]) / 2
    np.testing.assert_allclose(slope, mean, atol=2 * 900 + 0.03 * mean.max())


def test_the_basin_is_one_piece_of_ground_beside_the_ice(tiny):
    from scipy import ndimage

    assert ndimage.label(tiny.basin.floor)[1] == 1
    assert not (tiny.basin.floor & tiny.ice).any()
    assert not (tiny.basin.catchment & tiny.ice).any()
    assert tiny.elevation[tiny.basin.floor].max() < tiny.basin.hypsometry.level[-1]
    assert (np.sign(tiny.plan.trunk.across[tiny.basin.floor]) == -tiny.plan.side).all()
    near = np.abs(tiny.plan.lake_valley.across[tiny.basin.floor])
    assert np.median(near) < 2 * tiny.plan.lake_valley.half_width.flat[0]
    assert (tiny.basin.floor & tiny.basin.catchment).sum() > 0.8 * tiny.basin.floor.sum()


def test_a_full_lake_stands_where_the_dam_floats(tiny):
    table = tiny.basin.hypsometry
    assert table.level[-1] == pytest.approx(table.dam_bed + 0.9 * table.dam_thickness)  # full_share of the scenario
    assert tiny.lake.level.max() <= table.level[-1] + 1e-6
    assert tiny.lake.full == pytest.approx(table.volume[-1])


def test_the_mask_covers_the_area_of_the_lake(tiny):
    days = pd.date_range("2020-04-15", "2021-06-01", freq="19D")
    areas = [(int(tiny.lake_mask(day).sum()) * 900, tiny.lake.area[tiny.day(day)]) for day in days]
    step = np.diff(tiny.basin.hypsometry.area).max()
    assert sum(mask > 30_000 for mask, _ in areas) > 10
    for mask, area in areas:
        assert abs(mask - area) <= step


def test_no_lake_no_mask(tiny):
    assert not tiny.lake_mask(pd.Timestamp("2019-06-01")).any()  # before the dam closes
    without = dataclasses.replace(tiny, basin=None, lake=None)
    assert without.lake_level(pd.Timestamp("2020-06-01")) is None
    assert not without.lake_mask(pd.Timestamp("2020-06-01")).any()


def test_what_flows_in_is_what_falls_less_what_stays(tiny):
    """Over the whole time: rain and melt are the precipitation of the catchment less the growth of its snow (firn flows out)."""
    pack, sky = tiny.snow, tiny.weather
    flow = basin.runoff(tiny.basin, tiny.elevation, pack, sky, 30.0)
    height = tiny.elevation[tiny.basin.catchment].astype(float)
    band = np.abs(height[:, None] - pack.elevations).argmin(axis=1)
    fallen = weather.precipitation_at(sky.spec, sky.precipitation[1:, None], pack.elevations[band])
    middle = pack.swe.shape[2] // 2
    swe = pack.swe[:, band, middle].astype(float)
    assert swe.max() < 2000  # no firn here, so nothing leaves the table
    balance = (fallen.sum() - (swe[-1] - swe[0]).sum()) * 900 / 1000
    assert flow[1:].sum() == pytest.approx(balance, rel=1e-4)
    assert (flow >= 0).all()
    summer = np.isin(sky.dates.month, (6, 7, 8))
    assert flow[summer].mean() > 3 * flow[~summer].mean()


def test_rain_on_bare_ground_runs_off_at_once(tiny):
    pack = dataclasses.replace(tiny.snow, swe=np.zeros_like(tiny.snow.swe))
    flow = basin.runoff(tiny.basin, tiny.elevation, pack, tiny.weather, 30.0)
    dry = tiny.weather.precipitation == 0
    assert dry.any()
    assert (flow[dry] == 0).all()
    mean = weather.precipitation_at(tiny.weather.spec, tiny.weather.precipitation, float(tiny.elevation[tiny.basin.catchment].mean()))
    np.testing.assert_allclose(flow, mean / 1000 * tiny.basin.catchment.sum() * 900, rtol=0.02)


def test_a_valley_outside_the_area_is_told(tiny):
    plan = dataclasses.replace(tiny.plan, lake_valley=dataclasses.replace(tiny.plan.lake_valley, across=tiny.plan.lake_valley.across + 1e6))
    with pytest.raises(InputError, match="outside the area"):
        basin.make(plan, tiny.terrain, tiny.glacier, 80.0, 0.9, 30.0)


def test_the_bed_of_the_dam_is_the_lowest_of_the_valley_floor(tiny):
    table = tiny.basin.hypsometry
    assert table.dam_bed == table.level[0]
    assert 0.5 * tiny.thickness.max() * DAM_DEPTH < table.dam_thickness <= tiny.scenario.glacier.thickness * DAM_DEPTH


@pytest.mark.parametrize("seed", [3, 4])
def test_the_lake_does_not_stand_on_the_plain_below_the_glacier(seed):
    """Seeds whose valley side leaves a low way round the snout: the basin must end where its water would run out."""
    leaky = world.make(scenario.load("tiny"), seed)
    floor, table = leaky.basin.floor, leaky.basin.hypsometry
    assert (leaky.elevation[floor] >= table.dam_bed - 1e-3).all()
    assert (leaky.plan.trunk.along[floor] < leaky.plan.terminus).all()
    volume = [np.clip(level - leaky.elevation[floor].astype(float), 0, None).sum() * 900 for level in table.level]
    np.testing.assert_allclose(table.volume, volume, rtol=1e-6, atol=0.1)
