"""What is read off images: means of what is clear, the largest water so far, shares of it, and nothing of images that come later."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from glaciercast.hazard import network_views, records
from glaciercast.hazard.network_cache import Cache
from glaciercast.hazard.samples import Samples

WATER, GROUND = (0.09, 0.03, 0.015), (0.13, 0.20, 0.26)


def image(rows: int, hidden: int = 0) -> np.ndarray:
    """Return an image whose first rows are water, and whose last are in cloud."""
    found = np.empty((3, 24, 24), dtype="float32")
    for band in range(3):
        found[band, :rows], found[band, rows:] = WATER[band], GROUND[band]
    found[:, 24 - hidden :] = np.nan
    return found


def lake(images: list[np.ndarray], available: list[str]) -> records.Records:
    times = pd.to_datetime(available)
    areas = pd.DataFrame({"lake": "a", "time": times - pd.Timedelta(days=1), "available_at": times, "image": range(len(images))})
    lakes = {"lake": ["a"], "lon": [74.0], "lat": [36.0], "watched_from": ["2018-01-01"], "watched_to": ["2020-01-01"]}
    return records.make({"lakes": pd.DataFrame(lakes), "areas": areas.assign(area=1e5, area_error=1e3, seen=1.0)}, np.stack(images))


def samples(days: list[str], name: str = "a") -> Samples:
    empty, issue = np.zeros((len(days), 0)), np.array(days, dtype="datetime64[ns]")
    return Samples(np.full(len(days), name, object), issue, empty, empty, (), {}, {}, pd.DataFrame())


def readings(place: records.Records, days: list[str]) -> dict[str, np.ndarray]:
    return dict(zip(network_views.READINGS, network_views.of(place).readings(samples(days)).T, strict=True))


def test_pictures_are_means_over_what_is_clear_of_2x2_pixels():
    whole = image(24)
    whole[:, 0, 0], whole[:, 0, 2:4], whole[:, 1, 2:4] = np.nan, np.nan, np.nan
    picture = network_views.of(lake([whole], ["2018-01-01"])).pictures[0]
    assert picture[:, 0, 0] == pytest.approx([0.09, 0.03, 0.015, 0.5, 0.75], abs=1e-6)
    assert picture[:, 0, 1].tolist() == [0] * 5
    assert picture[:, 5, 5] == pytest.approx([0.09, 0.03, 0.015, 0.5, 1], abs=1e-6)


def test_the_largest_water_so_far_knows_no_image_that_came_in_later():
    days = ["2017-12-31", "2018-01-01", "2018-01-31", "2018-02-01", "2018-04-01"]
    views = network_views.of(lake([image(4), image(12), image(0)], ["2018-01-01", "2018-02-01", "2018-03-01"]))
    row = views.known(samples(days))
    assert row.tolist() == [-1, 0, 0, 1, 2]
    assert views.extents[row[1:], 4, 0] == pytest.approx(np.array([-7 / 33, -7 / 33, 0.5, 0.5]), abs=1e-6)
    assert views.known(samples(days, "b")).tolist() == [-1] * 5


def test_water_is_a_share_of_the_largest_water_in_the_part_that_is_clear():
    place = lake([image(12), image(6), image(6, hidden=18)], ["2018-01-01", "2018-02-01", "2018-02-20"])
    told = readings(place, ["2017-12-01", "2018-01-10", "2018-02-10", "2018-02-20"])
    assert told["water"] == pytest.approx(np.array([np.nan, 1, 0.5, 1]), nan_ok=True)
    assert told["largest_water"] == pytest.approx(np.array([np.nan, 0.5, 0.5, 0.5]), nan_ok=True)
    assert told["clear"] == pytest.approx(np.array([np.nan, 1, 1, 0.25]), nan_ok=True)
    assert told["water_usual"] == pytest.approx(np.array([np.nan, 1, 0.75, 2.5 / 3]), nan_ok=True)
    assert told["full_usual"] == pytest.approx(np.array([np.nan, 1, 0.5, 2 / 3]), nan_ok=True)


def test_a_month_is_weighed_by_what_it_shows_and_compared_with_the_two_before():
    place = lake([image(12), image(6), image(6, hidden=18)], ["2018-01-01", "2018-02-01", "2018-02-20"])
    told = readings(place, ["2018-02-20"])
    assert told["water_month"][0] == pytest.approx((12 * 0.5 + 6 * 1) / 18)
    assert told["water_rise"][0] == pytest.approx((12 * 0.5 + 6 * 1) / 18 - 1)


def test_an_image_that_hides_most_of_the_lake_tells_no_share():
    told = readings(lake([image(12), image(6, hidden=21)], ["2018-01-01", "2018-02-01"]), ["2018-02-10"])
    assert told["water"][0] == pytest.approx(1)


def test_images_to_come_change_no_bit():
    days = ["2018-01-10", "2018-02-10"]
    dates = ["2018-01-01", "2018-02-01", "2018-02-11"]
    before, after = (
        network_views.of(lake([image(12), image(6), last], dates)) for last in (image(3), np.full((3, 24, 24), 9.0, dtype="float32"))
    )
    assert np.array_equal(before.readings(samples(days)), after.readings(samples(days)), equal_nan=True)


def test_what_was_made_once_is_what_would_be_made_anew():
    place = lake([image(12), image(6), image(3)], ["2018-01-01", "2018-02-01", "2018-03-01"])
    days, cache = samples(["2018-01-10", "2018-03-10", "2018-02-10", "2018-01-20"]), Cache(4, 14)
    cache.of(place, days.take(np.array([1, 3])))
    for again in (cache.of(place, days), Cache(4, 14).of(place, days)):
        assert np.array_equal(again.readings, network_views.of(place).readings(days), equal_nan=True)
        assert again.windows.images.tolist() == [0, 2, 1, 0]
    other = replace(place, images=np.roll(place.images, 1, axis=0))
    assert not np.array_equal(cache.of(other, days).readings, cache.of(place, days).readings, equal_nan=True)


def test_who_does_not_see_finds_no_image():
    place = lake([image(12)], ["2018-01-01"])
    blind = Cache(4, 14).of(place, samples(["2018-01-10"]), sees=False)
    assert blind.windows.images.tolist() == [-1]
    assert np.isnan(blind.readings).all()
