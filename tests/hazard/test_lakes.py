"""Lakes in cubes: areas, outlines, records and drainage of discs whose areas are known."""

import numpy as np
import pandas as pd
import pytest
import shapely
from tests.hazard import made_lakes as made

from glaciercast.errors import InputError
from glaciercast.hazard import lakes, records
from glaciercast.hazard.lakes_settings import LakeConfig

CENTRE = made.degrees(40, 40)
DAYS = [str(day.date()) for day in pd.date_range("2020-06-01", periods=8, freq="8D")]


def area_of(radius):
    return np.pi * (radius * made.PIXEL) ** 2


def follow(scenes, at=CENTRE, ground=None, **options):
    groups = {"/optical/landsat": scenes} | ({} if ground is None else {"/terrain": made.terrain(ground)})
    return lakes.follow(made.cube(groups), at=at, **options)


def test_areas_of_growing_discs_lie_within_their_errors():
    radii = [6.0, 7.3, 8.1, 9.7, 10.2, 11.4, 12.6, 13.3]
    lake = follow(made.scenes([made.disc(r, (40.3, 39.8)) for r in radii], DAYS))
    found = lake.table()
    true = np.array([area_of(r) for r in radii])
    assert np.abs(found["area"] / true - 1).max() < 0.02
    assert (np.abs(found["area"] - true) <= 2 * found["area_error"]).all()
    assert (found["seen"] == 1).all() and lake.drops == () and lake.warning == ""
    steady = np.median(np.diff(true) / 8)
    assert lake.rate[-1] == pytest.approx(steady, rel=0.35) and lake.rate[-1] > 3 * lake.rate_error[-1]


def test_outlines_lie_where_the_lake_does_in_degrees():
    lake = follow(made.scenes([made.disc(9.0, (40.25, 39.5))] * 2, DAYS[:2]))
    outlines = lake.outlines()
    assert outlines.crs.to_epsg() == 32643 and list(outlines["lake"]) == ["lake"] * 2
    assert outlines.area.iloc[0] == pytest.approx(area_of(9.0), rel=0.02)
    centre = outlines.to_crs("EPSG:4326").geometry.iloc[0].centroid
    lon, lat = made.degrees(40.25, 39.5)
    assert centre.x == pytest.approx(lon, abs=3e-5) and centre.y == pytest.approx(lat, abs=3e-5)  # 3 m


def test_records_keep_when_they_could_be_had():
    lake = follow(made.scenes([made.disc(8.0)] * 3, DAYS[:3], latency="16D"), name="gone")
    tables, images = lake.records()
    areas = tables["areas"]
    assert ((areas["available_at"] - areas["time"]) == pd.Timedelta("16D")).all()
    assert tables["lakes"].loc[0, "lake"] == "gone" and tables["lakes"].loc[0, "lon"] == pytest.approx(CENTRE[0])
    assert images.shape == (3, 3, records.IMAGE_SIDE, records.IMAGE_SIDE) and images.dtype == np.float32
    assert images[0, 1, 12, 12] == pytest.approx(0.025, abs=0.02) and images[0, 1, 0, 0] == pytest.approx(0.185, abs=0.02)
    again = records.make({**tables, "events": pd.DataFrame()}, images)
    assert len(again.until("2020-06-18").areas) == 1


def test_a_cloud_over_half_the_lake_is_no_drop_and_widens_the_error():
    half = np.ones((made.SIDE, made.SIDE), bool)
    half[:, 38:] = False
    ground = np.hypot(*np.meshgrid(np.arange(80) - 39.5, np.arange(80) - 39.5)) * 5 + 2600
    clears = [None, None, None, half, None]
    lake = follow(made.scenes([made.disc(11.0)] * 5, DAYS[:5], clears), ground=ground, settings=LakeConfig(min_seen=0.3))
    found = lake.table()
    assert lake.drops == ()
    assert found["seen"][3] < 0.55 and found["hidden_area"][3] > 0.4 * area_of(11.0)
    assert abs(found["area"][3] - area_of(11.0)) <= 2 * found["area_error"][3]
    assert found["area_error"][3] > 2 * found["area_error"][2]


def test_a_scene_of_cloud_gives_no_record():
    none = np.zeros((made.SIDE, made.SIDE), bool)
    lake = follow(made.scenes([made.disc(9.0)] * 3, DAYS[:3], [None, none, None]))
    assert len(lake.looks) == 3 and len(lake.records()[0]["areas"]) == 2
    assert lake.table()["area"].isna().tolist() == [False, True, False]
    only = follow(made.scenes([made.disc(9.0)] * 2, DAYS[:2], [none, none]))
    assert "none of 2 scenes shows" in only.warning and len(only.records()[0]["areas"]) == 0


def test_shadow_of_the_terrain_is_no_water():
    ground = np.full((80, 80), 2600.0)
    ground[:, 60:] = 3140.0  # a wall to the east, whose shadow is 18 pixels long
    share = made.disc(6.0, (40, 30))
    dark = made.bands(share)
    shaded = np.zeros((80, 80), bool)
    shaded[:, 42:60] = True
    dark[:, shaded] = np.array([[0.022], [0.006], [0.003]])  # NDWI of 0.57
    scenes = made.scenes([dark] * 3, DAYS[:3], sun=(45.0, 90.0))
    lit = follow(scenes, at=made.degrees(40, 30), ground=ground)
    assert lit.table()["area"].to_numpy() == pytest.approx(area_of(6.0), rel=0.04)
    with pytest.raises(InputError, match=r"no water within 500 m in any of 3 scenes.*the nearest lies"):
        follow(made.scenes([share] * 3, DAYS[:3]), at=made.degrees(10, 70))


def test_ice_on_a_slope_that_the_sun_grazes_is_no_water():
    """A slope of 40° that turns from a sun at 45° gets cos 40° − sin 40° = 0.12 of the light of level ground: ice is as dark as water."""
    ground = np.broadcast_to(2600.0 + np.arange(80)[:, None] * 30.0 * np.tan(np.deg2rad(40)), (80, 80))
    ice, lake = made.disc(3.0, (40, 40)) > 0.5, made.disc(6.0, (40, 40))
    dim = made.bands(np.zeros((80, 80)))
    dim[:, ice] = np.array([[0.24], [0.117], [0.007]])  # NDWI of 0.34
    with pytest.raises(InputError, match="no water within 500 m in any of 3 scenes"):
        follow(made.scenes([dim] * 3, DAYS[:3], sun=(45.0, 180.0)), ground=ground)
    taken = follow(made.scenes([dim] * 3, DAYS[:3], sun=(45.0, 0.0)), ground=ground)  # towards the sun it would be bright if it were ice
    assert taken.table()["area"].to_numpy() == pytest.approx(ice.sum() * 900, rel=0.3)
    real = follow(made.scenes([lake] * 3, DAYS[:3], sun=(45.0, 180.0)), ground=ground)  # a lake where an old model has a slope
    assert real.table()["area"].to_numpy() == pytest.approx(area_of(6.0), rel=0.04)


def test_a_drainage_is_dated_by_the_looks_around_it_and_confirmed_by_the_next():
    radii = [10.0, 10.5, 11.0, 11.4, 4.0, 4.3, 4.9, 5.5]
    lake = follow(made.scenes([made.disc(r) for r in radii], DAYS))
    (drop,) = lake.drops
    assert (str(drop.earliest)[:10], str(drop.latest)[:10]) == (DAYS[3], DAYS[4])
    assert drop.confirmed and drop.confidence == "high" and drop.share == pytest.approx(1 - (4 / 11.4) ** 2, abs=0.02)
    table = lake.drop_table()
    events = records.make({"lakes": lake.records()[0]["lakes"], "events": table}).events
    assert events.loc[0, "available_at"] == drop.available_at >= drop.known_at
    assert events.loc[0, "earliest"] == pd.Timestamp(DAYS[3]) and events.loc[0, "start"] == pd.Timestamp("2020-06-29")


def test_snow_on_the_lake_is_not_a_drop():
    white = made.bands(np.zeros((80, 80)), land=made.SNOW)
    shares = [made.disc(10.0), made.disc(10.2), white, white, made.disc(10.4)]
    lake = follow(made.scenes(shares, DAYS[:5]))
    found = lake.table()
    assert found["area"].isna().tolist() == [False, False, True, True, False] and lake.drops == ()
    assert (found["frozen"][2:4] > 0.99).all()


def test_later_scenes_change_no_earlier_record():
    radii = [6.0, 8.0, 10.0, 4.0]
    half = np.ones((80, 80), bool)
    half[:, 40:] = False
    clears = [None, half, None, half]
    groups = [made.scenes([made.disc(r) for r in radii[:n]], DAYS[:n], clears[:n]) for n in (2, 4)]
    short, long = (follow(scenes, settings=LakeConfig(min_seen=0.3)) for scenes in groups)
    pd.testing.assert_frame_equal(short.records()[0]["areas"], long.records()[0]["areas"].iloc[:2])


def test_a_sliver_is_called_one():
    lake = follow(made.scenes([made.disc(1.1), made.disc(0.0), made.disc(0.0)], DAYS[:3]))
    assert "a sliver, perhaps shadow or noise; check the point" in lake.warning


def test_a_sliver_beside_a_lake_is_a_point_that_is_off():
    """The first pixel that is mostly water lies 28 pixels of 30 m east of the point: the line names it, and one can go there."""
    shares = [np.maximum(made.disc(9.0, (40.5, 50.5)), made.disc(1.1, (40.5, 14.5))) for _ in range(3)]
    at = made.degrees(40.5, 14.5)
    with pytest.raises(InputError) as told:
        follow(made.scenes(shares, DAYS[:3]), at=at)
    line = str(told.value)
    assert "water in 3 of 3 scenes and never more than 4 pixels, shadow or noise; the nearest lasting water lies 840 m away, at " in line
    assert line.endswith("sliver_pixels=0 follows the sliver all the same")
    lon, lat = (float(part) for part in line.split(", at ")[1].split(" ", maxsplit=1)[0].split(","))
    assert (lon, lat) == pytest.approx(made.degrees(40.5, 42.5), abs=1e-5)
    found = follow(made.scenes(shares, DAYS[:3]), at=(lon, lat)).table()
    assert found["area"].to_numpy() == pytest.approx(area_of(9.0), rel=0.03)
    pond = follow(made.scenes(shares, DAYS[:3]), at=at, settings=LakeConfig(sliver_pixels=0.0))
    assert "a sliver, perhaps shadow or noise; check the point" in pond.warning


def test_a_lake_that_only_two_scenes_saw_is_followed_beside_another():
    """It may have formed between them: a line tells that it was seen twice, no more."""
    both = np.maximum(made.disc(5.0, (40.5, 14.5)), made.disc(9.0, (40.5, 50.5)))
    shares = [made.disc(9.0, (40.5, 50.5))] * 3 + [both] * 2
    lake = follow(made.scenes(shares, DAYS[:5]), at=made.degrees(40.5, 14.5))
    assert lake.table()["area"].to_numpy()[3:] == pytest.approx(area_of(5.0), rel=0.05)
    assert "water in 2 of 5 scenes" in lake.warning


def test_an_outline_bounds_the_lake():
    both = np.maximum(made.disc(6.0, (40, 30)), made.disc(6.0, (40, 55)))
    both = np.maximum(both, (np.abs(np.arange(80)[:, None] - 40) < 1.5) & (np.abs(np.arange(80)[None, :] - 42) < 10))
    corners = [made.degrees(30, 20), made.degrees(30, 40), made.degrees(50, 40), made.degrees(50, 20)]
    found = follow(made.scenes([both] * 2, DAYS[:2]), at=None, outline=shapely.Polygon(corners), settings=LakeConfig(reach=30.0)).table()
    assert (found["area"] < 1.35 * area_of(6.0)).all() and (found["area"] > area_of(6.0)).all()


def test_a_point_outside_the_cube_gets_one_line():
    with pytest.raises(InputError, match=r"lake at lon 10, lat 46: expected a point in the cube .*longitude first"):
        follow(made.scenes([made.disc(8.0)], DAYS[:1]), at=(10.0, 46.0))
    with pytest.raises(InputError, match="unknown product 'sentinel'"):
        follow(made.scenes([made.disc(8.0)], DAYS[:1]), products=("sentinel",))
