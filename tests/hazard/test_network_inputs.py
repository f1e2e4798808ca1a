"""What the networks read: the last observation carried forward and never back, images over clear pixels, the largest water so far."""

import numpy as np
import pandas as pd
import pytest

from glaciercast.hazard import network_inputs, records, windows
from glaciercast.hazard.samples import Samples

CLEAR = np.stack([np.full((24, 24), value, dtype="float32") for value in (0.3, 0.1, 0.05)])


def made(series: np.ndarray, images: list[int]) -> windows.Windows:
    return windows.Windows(series.astype("float32"), np.array(images), np.where(np.array(images) >= 0, 73.05, np.nan).astype("float32"))


def lake(images: np.ndarray, available: list[str]) -> records.Records:
    times = pd.to_datetime(available)
    areas = pd.DataFrame({"lake": "a", "time": times - pd.Timedelta(days=1), "available_at": times, "image": range(len(images))})
    lakes = {"lake": ["a"], "lon": [74.0], "lat": [36.0], "watched_from": ["2018-01-01"], "watched_to": ["2020-01-01"]}
    return records.make({"lakes": pd.DataFrame(lakes), "areas": areas.assign(area=1e5, area_error=1e3, seen=1.0)}, images)


def samples(days: list[str], **features: list[float]) -> Samples:
    values = np.array(list(features.values()), dtype="float64").T.reshape(len(days), len(features))
    issue = np.array(days, dtype="datetime64[ns]")
    return Samples(np.full(len(days), "a", object), issue, values, values, tuple(features), {}, {}, pd.DataFrame())


def test_speed_is_that_of_the_mean_components_and_is_carried_forward_alone():
    series = np.zeros((1, 4, len(windows.CHANNELS)))
    for name, value in (("vx", 3.0), ("vy", -4.0)):
        place = windows.CHANNELS.index(name)
        series[0, 1, place : place + 2] = value, 1
    found = network_inputs.make(
        lake(CLEAR[None], ["2018-01-01"]), samples(["2018-06-01"]), made(series, [-1]), network_inputs.Scales(np.zeros(3), np.ones(3)),
        np.zeros(1),
    )  # fmt: skip
    kinds, speed = len(network_inputs.READ), network_inputs.READ.index("speed")
    assert found.series[0, :, speed].tolist() == [0, 5, 5, 5]
    assert found.series[0, :, kinds + speed].tolist() == [0, 1, 0, 0]
    assert found.series[0, :, 2 * kinds + speed].tolist() == [1, 0, 0.25, 0.5]
    assert found.series[0, :, 0].tolist() == [0, 0, 0, 0]
    assert found.heard.tolist() == [1]


def test_images_are_means_over_clear_pixels_in_units_of_the_training_images():
    image = CLEAR.copy()
    image[:, 0, 0] = np.nan
    known = network_inputs.Scales(np.array([0.2, 0.1, 0.0]), np.array([0.1, 0.1, 0.05]))
    series = np.zeros((2, 1, len(windows.CHANNELS)))
    found = network_inputs.make(lake(image[None], ["2018-01-01"]), samples(["2018-06-01"] * 2), made(series, [0, -1]), known, np.zeros(2))
    largest, green, nir, swir16, water, clear = found.at(np.array([0])).image[0]
    for band, expected in ((green, 1.0), (nir, 0.0), (swir16, 1.0), (water, 0.5)):
        assert band.numpy() == pytest.approx(expected, abs=1e-5)
    assert clear[0, 0] == 0.75
    assert largest[1, 1] == pytest.approx(0.5)
    assert found.sight.numpy() == pytest.approx(np.array([[1, 0.2], [0, 0]]))
    assert not found.at(np.array([1])).image[0, 1:].any()


def test_the_largest_water_so_far_knows_no_image_that_came_in_later():
    dry, wet = CLEAR[[1, 0, 2]], CLEAR
    place = lake(np.stack([dry, wet, dry]), ["2018-01-01", "2018-02-01", "2018-03-01"])
    days = samples(["2017-12-31", "2018-01-01", "2018-01-31", "2018-02-01", "2018-04-01"])
    series = np.zeros((5, 1, len(windows.CHANNELS)))
    known = network_inputs.Scales(np.zeros(3), np.ones(3))
    found = network_inputs.make(place, days, made(series, [-1, 0, 0, 1, 2]), known, np.zeros(5))
    assert found.extents[found.extent][:, 0, 3, 3].numpy() == pytest.approx(np.array([0, -0.5, -0.5, 0.5, 0.5]))


def test_statistics_are_those_of_the_images_that_training_reads():
    images = np.stack([CLEAR, 3 * CLEAR, np.full_like(CLEAR, 50)])
    known = network_inputs.scales(lake(images, ["2018-01-01"] * 3), made(np.zeros((2, 1, len(windows.CHANNELS))), [0, 1]))
    assert known.mean == pytest.approx([0.6, 0.2, 0.1])
    assert known.spread == pytest.approx([0.3, 0.1, 0.05])
    none = network_inputs.scales(lake(images, ["2018-01-01"] * 3), made(np.zeros((1, 1, len(windows.CHANNELS))), [-1]))
    assert none.mean.tolist() == [0, 0, 0]


def test_days_since_a_flood_become_its_freshness():
    told = network_inputs.history(
        samples(["2018-01-01"] * 2, since_flood=[365.25, np.nan], flood_rate=[0.5, 0.1]), ("flood_rate", "since_flood")
    )
    assert told == pytest.approx(np.array([[0.5, np.exp(-1)], [0.1, 0]]))
