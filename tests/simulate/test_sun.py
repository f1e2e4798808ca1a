from __future__ import annotations

import json

import numpy as np
import pytest

from glaciercast.simulate import sun

FOLDER = "stac_items/planetary_computer_style"
LANDSAT = ("LC08_L2SP_047027_20201204_02_T1", "LC09_L2SP_010065_20220129_02_T1", "LE07_L2SP_021030_20100109_02_T1")
SENTINEL = "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531"


def _item(real_data, name):
    return json.loads((real_data(FOLDER) / f"{name}.json").read_text(encoding="utf-8"))


def _centre(item):
    corners = np.array(item["geometry"]["coordinates"][0][:4])
    return corners.mean(axis=0)


def _time(item):
    return np.datetime64(item["properties"]["datetime"].rstrip("Z"))


@pytest.mark.parametrize("name", LANDSAT)
def test_the_angles_of_real_landsat_scenes(real_data, name):
    item = _item(real_data, name)
    lon, lat = _centre(item)
    elevation, azimuth = sun.position(_time(item), lon, lat)
    assert elevation == pytest.approx(item["properties"]["view:sun_elevation"], abs=0.05)
    assert azimuth == pytest.approx(item["properties"]["view:sun_azimuth"], abs=0.05)


def test_the_angles_of_a_real_sentinel_scene_some_minutes_after_the_start_of_its_datatake(real_data):
    # An item's datetime is the start of the datatake. One unknown, the minutes from there to the tile, must explain both angles.
    item = _item(real_data, SENTINEL)
    lon, lat = _centre(item)
    minutes = np.arange(0, 10, 0.05)
    times = _time(item) + (minutes * 60e3).astype("timedelta64[ms]")
    elevation, azimuth = sun.position(times, lon, lat)
    best = np.argmin(np.abs(azimuth - item["properties"]["s2:mean_solar_azimuth"]))
    assert 2 < minutes[best] < 4
    assert elevation[best] == pytest.approx(90 - item["properties"]["s2:mean_solar_zenith"], abs=0.05)


def test_overhead_at_the_equator_at_the_equinox():
    # 2020-03-20 03:50 UTC: declination 0; where it is noon, the sun is overhead.
    lon = np.linspace(-180, 180, 7201)
    elevation, _ = sun.position("2020-03-20T03:50", lon, 0)
    assert elevation.max() == pytest.approx(90, abs=0.05)
    assert sun.declination("2020-03-20T03:50") == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(("time", "degrees"), [("2021-06-21T03:32", 23.437), ("2021-12-21T15:59", -23.437)])
def test_declination_at_the_solstices(time, degrees):
    assert sun.declination(time) == pytest.approx(degrees, abs=0.005)


def test_polar_night_and_midnight_sun():
    hours = np.datetime64("2021-12-21") + np.arange(24 * 60).astype("timedelta64[m]")
    assert sun.position(hours, 20, 67)[0].max() < 0
    assert sun.position(hours, 20, 66)[0].max() > 0
    assert sun.position(hours + np.timedelta64(182, "D"), 20, 67)[0].min() > 0


def test_example_by_hand():
    # Meeus, example 25.a: 1992 October 13.0 TD, declination −7.785°.
    assert sun.declination("1992-10-13T00:00") == pytest.approx(-7.78507, abs=0.002)


def test_azimuth_goes_with_the_sun():
    morning, noon, evening = sun.position(["2021-03-20T06:00", "2021-03-20T12:07", "2021-03-20T18:00"], 0, 45)[1]
    assert morning == pytest.approx(89, abs=2)
    assert noon == pytest.approx(180, abs=1)
    assert evening == pytest.approx(269, abs=2)


def test_arguments_broadcast():
    elevation, azimuth = sun.position(np.array(["2021-01-01", "2021-07-01"], dtype="datetime64[s]")[:, None], [0.0, 10.0, 20.0], 30)
    assert elevation.shape == azimuth.shape == (2, 3)


def test_solar_hour_is_utc_shifted_by_longitude():
    assert sun.solar_hour("2021-05-05T05:30", 75) == pytest.approx(10.5)
    assert sun.solar_hour("2021-05-05T23:00", 30) == pytest.approx(1.0)
