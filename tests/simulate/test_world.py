"""The world as a whole: one seed one world, its grids, its exposure, and what follows from a date."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer
from tests.simulate.views import visit

from glaciercast.errors import InputError
from glaciercast.simulate import pixels, render, scenario, snow, visits, world


def assert_same(a: object, b: object, path: str = "world") -> None:
    """Assert that two trees of dataclasses hold the same values, bit for bit."""
    if isinstance(a, np.ndarray):
        assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), path
    elif isinstance(a, pd.DataFrame | pd.DatetimeIndex):
        assert a.equals(b), path
    elif dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            assert_same(getattr(a, field.name), getattr(b, field.name), f"{path}.{field.name}")
    else:
        assert a == b, path


def test_same_seed_same_world(tiny):
    assert_same(tiny, world.make(scenario.load("tiny"), 1))


def test_another_seed_is_another_world(tiny):
    other = world.make(scenario.load("tiny"), 2)
    assert np.abs(other.elevation - tiny.elevation).max() > 100
    assert (other.ice != tiny.ice).any()
    assert np.abs(other.weather.temperature - tiny.weather.temperature).max() > 3
    assert np.abs(other.flow.creep - tiny.flow.creep).max() > 10
    assert other.texture_seed != tiny.texture_seed
    assert np.corrcoef(np.log(other.roughness).ravel(), np.log(tiny.roughness).ravel())[0, 1] < 0.5


def test_scenes_are_the_same_from_threads_in_any_order(tiny):
    plan = visits.plan(tiny)[:8]
    fresh = dataclasses.replace(tiny)  # without what the other has computed already

    def see(of: world.World, scene: object) -> object:
        return render.scene(of, scene, *visits.grids(of, scene))

    forth = [see(tiny, scene) for scene in plan]
    with ThreadPoolExecutor(4) as pool:
        back = list(pool.map(lambda scene: see(fresh, scene), plan[::-1]))[::-1]
    for one, two in zip(forth, back, strict=True):
        for name in one.bands:
            assert np.array_equal(one.bands[name], two.bands[name], equal_nan=True), name
        for name in ("cover", "snow", "cloud", "shadow", "lit", "valid"):
            assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_the_area_lies_where_the_scenario_says(tiny):
    area = tiny.scenario.area
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32643", always_xy=True).transform(area.lon, area.lat)
    box = tiny.site.boundingbox
    assert abs((box.left + box.right) / 2 - x) <= 15
    assert abs((box.top + box.bottom) / 2 - y) <= 15
    assert all(edge % 30 == 0 for edge in box.bbox)
    assert tiny.site.shape == (128, 128)
    assert tiny.grid.shape == (160, 160) == tiny.elevation.shape
    assert tiny.grid.affine * (16, 16) == tiny.site.affine * (0, 0)
    assert tiny.elevation[tiny.inner].shape == (128, 128)


def test_exposure_is_the_sun_side_of_a_slope(tiny):
    steep = tiny.slope > np.radians(30)
    to_south, to_north = (steep & (np.cos(tiny.aspect) * sign > 0.9) for sign in (-1, 1))
    assert (tiny.exposure[to_south] > 0.4).all()
    assert (tiny.exposure[to_north] < -0.4).all()
    np.testing.assert_allclose(tiny.exposure, -np.cos(tiny.aspect) * np.sin(tiny.slope), atol=1e-6)


def test_roughness_is_log_normal_about_one_on_gentle_ground(tiny):
    gentle = ~tiny.ice & (np.degrees(tiny.slope) < 36)
    logs = np.log(tiny.roughness.astype(float))
    assert np.median(logs[gentle]) == pytest.approx(0, abs=0.1)
    assert 0.3 < logs[gentle].std() < 0.8
    hollow = _curvature(tiny.elevation)
    assert np.corrcoef(hollow[gentle], logs[gentle])[0, 1] < -0.2  # hollows hold snow, ridges are blown bare


def test_steep_slopes_shed_their_snow_and_glaciers_wear_it_evenly(tiny):
    logs, slope = np.log(tiny.roughness.astype(float)), np.degrees(tiny.slope)
    for low, high, share in ((40, 41, (52 - 40.5) / 16), (46, 47, (52 - 46.5) / 16)):
        band = ~tiny.ice & (slope > low) & (slope < high)
        assert np.median(logs[band]) == pytest.approx(-np.log(share), abs=0.2)
    assert np.median(logs[tiny.ice & (slope < 30)]) == pytest.approx(-np.log(1.3), abs=0.1)


def _curvature(elevation: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    return np.clip(ndimage.gaussian_filter(elevation, 4) - elevation, -30, 30)


def test_snow_cover_by_hand(tiny):
    when = pd.Timestamp("2020-07-09")
    swe, _ = tiny.snow.at(when)
    cover = tiny.snow_cover(when)
    for row, column in ((20, 30), (80, 80), (140, 20), (100, 120)):
        at = np.interp(tiny.elevation[row, column], tiny.snow.elevations, np.arange(60))
        low = min(int(at), 58)
        bands = swe[low] + (at - low) * (swe[low + 1] - swe[low])
        amount = np.interp(tiny.exposure[row, column], tiny.snow.exposures, bands)
        expected = np.tanh(snow.WHOLE / 40 * amount / tiny.roughness[row, column])
        assert cover[row, column] == pytest.approx(expected, abs=1e-4)
    assert 0.1 < cover.mean() < 0.95


def test_days_count_from_the_first_of_the_weather(tiny):
    assert tiny.day(pd.Timestamp("2018-12-31")) == 0
    assert tiny.day(pd.Timestamp("2020-03-01T23:59")) == 426
    assert tiny.weather.dates[tiny.day(pd.Timestamp("2021-06-30"))] == pd.Timestamp("2021-06-30")


@pytest.mark.parametrize("when", ["2018-12-30", "2021-07-02"])
def test_days_outside_the_series_are_refused(tiny, when):
    for ask in (tiny.lake_level, tiny.lake_mask, tiny.snow_cover):
        with pytest.raises(InputError):
            ask(pd.Timestamp(when))


def test_the_lake_level_is_that_of_the_history(tiny):
    filled = np.flatnonzero(tiny.lake.volume > 1e5)
    for day in filled[::60]:
        assert tiny.lake_level(tiny.lake.dates[day]) == tiny.lake.level[day]
    assert tiny.lake_level(pd.Timestamp("2019-07-01")) is None


def test_origins_are_counted_from_the_start_of_the_scenario(tiny):
    for part in tiny.origins(pd.Timestamp("2019-01-01")):
        assert (part == 0).all()
    east, north = tiny.origins(pd.Timestamp("2021-06-30"))
    far = np.hypot(east, north)
    assert 100 < far[tiny.ice].max() < 600
    assert (far[~tiny._mobile] == 0).all()
    fast = (np.hypot(*tiny.flow.sliding) > 30) & tiny.ice
    upstream = east * tiny.flow.sliding[0] + north * tiny.flow.sliding[1]
    assert (upstream[fast] < 0).all()  # the ice came from where it flows away from


def test_what_the_renderer_reads(tiny):
    layers = tiny.statics
    assert (layers.dtype, layers.shape) == (np.float32, (160, 160, len(pixels.STATIC)))
    assert np.isfinite(layers).all()
    fields = {
        pixels.ELEVATION: tiny.elevation,
        pixels.ROUGHNESS: tiny.roughness,
        pixels.CREVASSES: tiny.glacier.crevasses,
        pixels.LAKE_FLOOR: tiny.basin.floor,
        pixels.EXPOSURE: tiny.exposure,
    }
    for index, field in fields.items():
        np.testing.assert_array_equal(layers[..., index], np.asarray(field, np.float32))


def test_negative_seeds_are_refused():
    with pytest.raises(InputError, match="seed -1"):
        world.make(scenario.load("tiny"), -1)


def test_a_visit_far_from_the_snow_of_summer_is_white(tiny):
    scene = render.scene(tiny, visit("2020-02-15T05:12"), tiny.site, None)
    assert np.nanmean(scene.snow) > 0.9
    assert scene.snow.min() >= 0
    assert scene.snow.max() <= 1
