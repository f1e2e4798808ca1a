"""The calendar of the archive: repeat cycles, the hour, the sun, clouds, the grids, and what scenes of one visit share."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from tests.simulate.views import visit

from glaciercast.simulate import clouds, sun, visits
from glaciercast.simulate.scenario import Area, Scenario, Sensor
from glaciercast.simulate.world import World

PLAIN = Sensor(platform="landsat-8", start="2019-01-05", end="2021-06-30", every_days=16, path=149, row=35)


def archive(world: World, *sensors: Sensor, area: Area | None = None, **optical: object) -> list[visits.Overpass]:
    """Return the plan of a world with other sensors, without clouds in the way unless asked for."""
    changes = {"sensors": sensors, "max_cloud": 1.0, "two_rows": 0.0} | optical
    spec: Scenario = world.scenario.model_copy(update={"optical": world.scenario.optical.model_copy(update=changes)})
    if area is not None:
        spec = spec.model_copy(update={"area": area})
    return visits.plan(dataclasses.replace(world, scenario=spec))


def test_a_path_repeats_every_sixteen_days(tiny):
    days = [scene.time.normalize() for scene in archive(tiny, PLAIN)]
    np.testing.assert_array_equal(days, pd.date_range("2019-01-05", "2021-06-30", freq="16D"))
    later = [scene.time.normalize() for scene in archive(tiny, PLAIN.model_copy(update={"offset_days": 9}))]
    assert later[0] == pd.Timestamp("2019-01-14")


def test_a_path_keeps_its_cycle_when_the_scenario_begins_later(tiny):
    early = PLAIN.model_copy(update={"start": pd.Timestamp("2013-04-11").date()})
    days = [scene.time.normalize() for scene in archive(tiny, early)]
    assert days[0] >= pd.Timestamp("2019-01-01")
    assert ((pd.DatetimeIndex(days) - pd.Timestamp("2013-04-11")).days % 16 == 0).all()


def test_some_visits_are_kept_and_the_others_do_not_change(tiny):
    every, some = (archive(tiny, PLAIN.model_copy(update={"keep": keep})) for keep in (1.0, 0.4))
    assert 0.2 < len(some) / len(every) < 0.6
    assert set(some) <= set(every)


@pytest.mark.parametrize(("platform", "minutes"), [("landsat-8", 611), ("Sentinel-2A", 640)])
@pytest.mark.parametrize("lon", [74.6, -120.0, 8.0])
def test_the_hour_is_local_solar_time(tiny, platform, minutes, lon):
    area = tiny.scenario.area.model_copy(update={"lon": lon})
    sensor = PLAIN.model_copy(update={"platform": platform, "tiles": ("43SDA",)})
    hours = sun.solar_hour([scene.time for scene in archive(tiny, sensor, area=area)], lon)
    assert np.abs(hours * 60 - minutes).max() < 1.01
    assert np.ptp(hours * 60) > 0.5


def test_the_angles_are_those_of_the_sun(tiny):
    for scene in archive(tiny, PLAIN)[::7]:
        elevation, azimuth = sun.position(scene.time, 74.60, 36.42)
        assert (scene.sun_elevation, scene.sun_azimuth) == (pytest.approx(float(elevation)), pytest.approx(float(azimuth)))
        assert 90 < scene.sun_azimuth < 180  # in the morning, in the north: south-east


def test_the_polar_night_has_no_scenes(tiny):
    arctic = tiny.scenario.area.model_copy(update={"lat": 70.0, "lon": 20.0, "crs": "EPSG:32634"})
    daily = PLAIN.model_copy(update={"every_days": 1})
    scenes = archive(tiny, daily, area=arctic)
    dates = pd.DatetimeIndex([scene.time for scene in scenes])
    assert min(scene.sun_elevation for scene in scenes) >= 4
    for solstice in ("2019-12-21", "2020-12-21"):
        assert np.abs(dates - pd.Timestamp(solstice)).min() > pd.Timedelta(days=40)
    assert ((dates > "2020-05-01") & (dates < "2020-08-01")).sum() == 92  # every day of the summer
    low = {scene.time.normalize() for scene in scenes if scene.sun_elevation < 6}
    assert low  # right down to the limit


def test_cloudy_visits_are_not_in_the_archive(tiny):
    daily = PLAIN.model_copy(update={"every_days": 1})
    every, clear = archive(tiny, daily), archive(tiny, daily, max_cloud=0.6)
    assert max(scene.cloud_cover for scene in clear) <= 0.6
    assert {scene for scene in every if scene.cloud_cover <= 0.6} == set(clear)
    sky = np.array([tiny.weather.cloudiness[tiny.day(scene.time)] for scene in every])
    drawn = np.array([scene.cloud_cover for scene in every])
    inside = (sky > 0.25) & (sky < 0.75)
    assert np.std((drawn - sky)[inside]) == pytest.approx(0.08, abs=0.01)
    assert np.mean((drawn - sky)[inside]) == pytest.approx(0, abs=0.01)


def test_geolocation_errors_have_their_spread(tiny):
    scenes = archive(tiny, PLAIN.model_copy(update={"every_days": 1}), jitter=6.0)
    shifts = np.array([(scene.shift_x, scene.shift_y) for scene in scenes])
    np.testing.assert_allclose(shifts.std(axis=0), 6.0, rtol=0.08)
    np.testing.assert_allclose(shifts.mean(axis=0), 0, atol=0.8)
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.1


def test_two_rows_of_one_visit_overlap_and_share_sky_and_error(tiny):
    scenes = archive(tiny, PLAIN, two_rows=1.0)
    for north, south in zip(scenes[::2], scenes[1::2], strict=True):
        assert (north.row, south.row) == (35, 36)
        assert south.time - north.time == pd.Timedelta(seconds=24)  # the satellite flies south
        shared = ("key", "shift_x", "shift_y", "cloud_cover", "sun_elevation", "sun_azimuth")
        assert all(getattr(north, name) == getattr(south, name) for name in shared)
        upper, lower = (visits.grids(tiny, scene)[0] for scene in (north, south))
        assert upper.boundingbox.top > lower.boundingbox.top
        overlap = upper.boundingbox.bottom, lower.boundingbox.top
        assert (overlap[1] - overlap[0]) / (128 * 30) == pytest.approx(0.1, abs=0.02)
        assert (upper.boundingbox.left, upper.boundingbox.right) == (lower.boundingbox.left, lower.boundingbox.right)


def test_two_tiles_of_one_visit_overlap(tiny):
    sensor = PLAIN.model_copy(update={"platform": "Sentinel-2A", "tiles": ("43SDA", "43SEA"), "row": 0, "every_days": 50})
    scenes = archive(tiny, sensor)
    for west, east in zip(scenes[::2], scenes[1::2], strict=True):
        assert (west.tile, east.tile) == ("43SDA", "43SEA")
        assert (west.time, west.key, west.shift_x) == (east.time, east.key, east.shift_x)
        left, right = (visits.grids(tiny, scene)[0].boundingbox for scene in (west, east))
        assert left.left < right.left < left.right < right.right
        assert (left.right - right.left) / (128 * 30) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("part", [(0.0, 1.0), (0.0, 0.53), (0.43, 1.0)])
@pytest.mark.parametrize("crs", ["EPSG:32643", "EPSG:32644"])
def test_landsat_pixels_have_their_centres_on_multiples_of_30_m(tiny, part, crs):
    grid, fine = visits.grids(tiny, visit("2020-01-01", part=part, crs=crs))
    assert fine is None
    assert grid.resolution.xy == (30, -30)
    assert str(grid.crs) == crs
    assert (grid.affine.c + 15) % 30 == 0
    assert (grid.affine.f - 15) % 30 == 0
    _covers(tiny, grid, *((0, 1), part))


@pytest.mark.parametrize("part", [(0.0, 1.0), (0.0, 0.53), (0.43, 1.0)])
@pytest.mark.parametrize("crs", ["EPSG:32643", "EPSG:32644"])
def test_sentinel_2_pixels_have_their_edges_on_multiples_of_20_m(tiny, part, crs):
    seen = visit("2020-01-01", part=part, crs=crs, product="sentinel2", platform="Sentinel-2A", tile="43SDA")
    grid, fine = visits.grids(tiny, seen)
    assert (grid.resolution.xy, fine.resolution.xy) == ((20, -20), (10, -10))
    assert grid.affine.c % 20 == 0
    assert grid.affine.f % 20 == 0
    assert fine.boundingbox == grid.boundingbox
    assert fine.shape == (2 * grid.shape[0], 2 * grid.shape[1])
    _covers(tiny, grid, part, (0, 1))


def _covers(world: World, grid: object, east: tuple[float, float], south: tuple[float, float]) -> None:
    """Assert that a grid covers a part of the area, and no more than it must, to 2 pixels."""
    box = (world.site.extent.to_crs(grid.crs) if grid.crs != world.site.crs else world.site).boundingbox
    wide, high, near = box.right - box.left, box.top - box.bottom, 2 * grid.resolution.x
    assert 0 <= box.left + east[0] * wide - grid.boundingbox.left < near
    assert 0 <= grid.boundingbox.right - box.left - east[1] * wide < near
    assert 0 <= grid.boundingbox.top - box.top + south[0] * high < near
    assert 0 <= box.top - south[1] * high - grid.boundingbox.bottom < near


def test_the_tiny_archive_has_every_trap(tiny):
    scenes = visits.plan(tiny)
    assert {scene.crs for scene in scenes} == {"EPSG:32643", "EPSG:32644"}
    assert {scene.platform for scene in scenes} == {"landsat-7", "landsat-8", "Sentinel-2A"}
    assert all(scene.gaps == (scene.platform == "landsat-7") for scene in scenes)
    assert any(scene.row == 36 for scene in scenes)
    assert [scene.time for scene in scenes] == sorted(scene.time for scene in scenes)
    names = [(scene.key, scene.row, scene.tile) for scene in scenes]
    assert len(set(names)) == len(names)
    lo, hi = pd.Timestamp(tiny.scenario.start), pd.Timestamp(tiny.scenario.end) + pd.Timedelta(days=1)
    assert all(lo <= scene.time < hi for scene in scenes)


def test_the_plan_is_a_function_of_the_seed(tiny):
    assert visits.plan(tiny) == visits.plan(tiny)
    other = visits.plan(dataclasses.replace(tiny, seed=2))
    assert {scene.shift_x for scene in other}.isdisjoint({scene.shift_x for scene in visits.plan(tiny)})


def test_a_sensor_does_not_disturb_the_others(tiny):
    both = archive(tiny, PLAIN, PLAIN.model_copy(update={"platform": "landsat-9", "offset_days": 8}))
    assert [scene for scene in both if scene.platform == "landsat-8"] == archive(tiny, PLAIN)


def test_scenes_of_one_visit_stand_under_one_sky(tiny):
    north, south = archive(tiny, PLAIN, two_rows=1.0)[:2]
    spec = tiny.scenario.clouds
    a, b = (clouds.make(spec, (160, 160), 30.0, 4600.0, scene.cloud_cover, scene.key, tiny.seed, 0.8, 4200.0) for scene in (north, south))
    np.testing.assert_array_equal(a.opacity, b.opacity)
