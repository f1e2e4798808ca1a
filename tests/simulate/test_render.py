"""One scene: light, surfaces, clouds with their shadows, temperature, and what is missing; the same world on every grid."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy import ndimage
from tests.simulate.views import centres, everywhere, over, sampled, shift, visit

from glaciercast.simulate import clouds, render, scenario, spectra, visits
from glaciercast.simulate.scene import Cover, Scene
from glaciercast.simulate.world import World

SUMMER, WINTER = "2020-08-28T05:12", "2020-01-20T05:12"
DRY = "2019-08-28T05:12"
"""Before there is a lake, whose outline is as sharp as a pixel."""
ALL = render.LANDSAT_BANDS


def see(world: World, when: str, grid: GeoBox | None = None, **changes: object) -> Scene:
    return render.scene(world, visit(when, **changes), grid or world.site, None)


def ndsi(scene: Scene) -> np.ndarray:
    return (scene.bands["green"] - scene.bands["swir16"]) / (scene.bands["green"] + scene.bands["swir16"])


# ---- surfaces


@pytest.mark.parametrize(("kind", "low", "high"), [(Cover.SNOW, 0.7, 1.0), (Cover.ICE, 0.5, 0.95), (Cover.ROCK, -0.5, 0.0)])
def test_the_ndsi_of_pure_surfaces(tiny, silent, kind, low, high):
    scene = see(tiny, SUMMER)
    pure = np.abs(scene.snow - (kind == Cover.SNOW)) < 0.02
    pure &= (scene.cover == kind) & (sampled(tiny.debris, tiny, tiny.site) < (0.05 if kind == Cover.ICE else 2))
    assert pure.sum() > 50
    values = ndsi(scene)[pure]
    assert low < np.quantile(values, 0.01)
    assert np.quantile(values, 0.99) < high


def test_the_debris_covered_tongue_is_dark_in_the_ndsi(bare, silent):
    scene = see(bare, SUMMER)
    covered, clean = (bare.ice[bare.inner] & choice for choice in (bare.debris[bare.inner] > 0.95, bare.debris[bare.inner] < 0.02))
    assert covered.sum() > 100
    assert (scene.cover[covered] == Cover.DEBRIS).mean() > 0.97
    assert np.median(ndsi(scene)[covered]) < 0
    assert np.median(ndsi(scene)[clean]) > 0.7


def test_the_table_of_surfaces():
    assert 0.75 < spectra.ndsi(spectra.FRESH_SNOW) < 0.95
    assert spectra.ndsi(spectra.OLD_SNOW) > 0.85
    assert 0.5 < spectra.ndsi(spectra.ICE) < 0.95
    for dark in (spectra.DEBRIS, spectra.ROCK, spectra.GRASS, spectra.DRY_GRASS):
        assert spectra.ndsi(dark) < -0.1
    assert 0.1 < spectra.ndsi(spectra.CLOUD) < 0.4
    assert (spectra.SURFACES > 0).all()
    assert (spectra.SURFACES < 1).all()


def test_snow_ages(tiny, silent):
    """The near infrared of snow falls with e-folding `SNOW_AGE`, from fresh to old, in the light of level ground."""
    scene = see(tiny, "2020-02-20T05:12")
    swe, age = tiny.snow.at(pd.Timestamp("2020-02-20"))
    days = sampled(tiny.snow_lookup(age), tiny, tiny.site)
    level = (tiny.slope[tiny.inner] < np.radians(12)) & (scene.snow > 0.99) & (scene.lit > 0.5)
    young = np.exp(-days / 12)
    nir = spectra.OLD_SNOW[4] + young * (spectra.FRESH_SNOW[4] - spectra.OLD_SNOW[4])
    light = scene.lit / np.sin(np.radians(55))
    assert swe.max() > 0
    np.testing.assert_allclose(scene.bands["nir"][level] / (nir * light)[level], 1, atol=0.12)


def test_light_follows_the_incidence_of_the_sun(bare, silent):
    """sin h cos s + cos h sin s cos(azimuth − aspect), from slope and aspect, where nothing shades."""
    scene = see(bare, SUMMER, sun_elevation=40.0, sun_azimuth=110.0)
    slope, turn = bare.slope[bare.inner], np.radians(110) - bare.aspect[bare.inner]
    cosine = np.sin(np.radians(40)) * np.cos(slope) + np.cos(np.radians(40)) * np.sin(slope) * np.cos(turn)
    land = (scene.cover != Cover.WATER) & (scene.lit > 0)
    assert np.quantile(np.abs(scene.lit - np.clip(cosine, 0, None))[land & (cosine > 0)], 0.9) < 0.01
    rock = (scene.cover == Cover.ROCK) & (scene.cloud == 0)
    assert np.corrcoef(scene.lit[rock], scene.bands["nir"][rock])[0, 1] > 0.8
    assert scene.lit[cosine < 0].max() <= 1e-6


def test_a_lower_sun_makes_longer_shadows(bare, silent):
    dark = [float((see(bare, SUMMER, sun_elevation=height).lit < 0.02).mean()) for height in (15.0, 35.0, 60.0)]
    assert dark[0] > dark[1] > dark[2]


def test_the_lake_is_where_its_mask_says(tiny, silent):
    for when in ("2020-05-30", "2020-07-09", "2020-08-28"):
        scene = see(tiny, f"{when}T05:12")
        np.testing.assert_array_equal(scene.cover == Cover.WATER, tiny.lake_mask(pd.Timestamp(when))[tiny.inner])
    water = (scene.cover == Cover.WATER) & (scene.lit > 0.5) & (scene.snow < 0.01)
    assert water.sum() > 20
    for name in ("green", "nir"):
        np.testing.assert_allclose(scene.bands[name][water], spectra.WATER[spectra.BANDS.index(name)], rtol=0.12)
    assert not (see(tiny, "2019-08-28T05:12").cover == Cover.WATER).any()


# ---- temperature


def test_melting_ice_stays_at_melting_and_rock_is_warm(bare, silent):
    scene = see(bare, "2020-07-30T05:12")
    air = float(bare.weather.temperature[bare.day(pd.Timestamp("2020-07-30"))])
    assert air > 2
    ice = ndimage.binary_erosion(bare.ice & (bare.debris < 0.005), iterations=2)[bare.inner]
    assert ice.sum() > 100
    assert scene.temperature[ice].max() <= 273.15 + 0.05  # what debris is left among it is warm
    rock = ~ndimage.binary_dilation(bare.ice, iterations=3)[bare.inner] & (scene.cover == Cover.ROCK)
    assert (scene.temperature[rock & (bare.elevation[bare.inner] < 4800)] > 273).all()
    assert np.median(scene.temperature[rock]) > 280
    debris = ndimage.binary_erosion(bare.ice & (bare.debris > 0.95), iterations=2)[bare.inner]
    assert np.median(scene.temperature[debris]) > 276


def test_winter_is_cold(tiny, silent):
    scene = see(tiny, WINTER)
    assert scene.temperature.max() < 273.15
    high, low = (scene.temperature[band].mean() for band in (tiny.elevation[tiny.inner] > 4900, tiny.elevation[tiny.inner] < 4400))
    assert 1 < low - high < 8  # 6.5 K a kilometre


# ---- clouds


def test_under_a_whole_sheet_of_cloud_only_cloud_is_seen(tiny, silent, monkeypatch):
    monkeypatch.setattr(render.clouds, "make", lambda *_: everywhere(tiny, 1.0))
    scene = see(tiny, SUMMER, cloud_cover=1.0)
    assert (scene.cloud == 1).all()
    for name in ALL:  # the sheet shades itself a little: 0.85
        np.testing.assert_allclose(scene.bands[name], 0.85 * spectra.CLOUD[spectra.BANDS.index(name)], rtol=1e-5)
    np.testing.assert_allclose(scene.temperature, 250.0, atol=1e-3)


def test_thin_cloud_mixes_with_the_ground(tiny, silent, monkeypatch):
    clear = see(tiny, SUMMER)
    monkeypatch.setattr(render.clouds, "make", lambda *_: everywhere(tiny, 0.3))
    veiled = see(tiny, SUMMER, cloud_cover=0.3)
    np.testing.assert_allclose(veiled.cloud, 0.3, atol=1e-6)
    np.testing.assert_allclose(veiled.shadow, 0.3, atol=1e-6)
    np.testing.assert_allclose(veiled.temperature, 0.7 * clear.temperature + 0.3 * 250, rtol=1e-5)
    shaded = clear.bands["red"] <= veiled.bands["red"]
    assert shaded[clear.bands["red"] < 0.15].all()  # dark ground is brighter through cloud


@pytest.mark.parametrize(("elevation", "azimuth"), [(30.0, 150.0), (50.0, 110.0), (40.0, 250.0), (60.0, 20.0)])
def test_a_single_cloud_shades_the_place_away_from_the_sun(tiny, silent, monkeypatch, elevation, azimuth):
    """The shadow on ground at z is the cloud's opacity at (height − z) / tan(elevation) towards the sun, and its own place is right."""
    pad, height = 100, 5600.0
    east, north = 600.0, -300.0  # of the middle of the master grid, which is 2400 m from its edges

    def opacity(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 0.9 * np.exp(-((x - east) ** 2 + (y - north) ** 2) / (2 * 500.0**2))

    at = (np.arange(160 // 2 + 2 + 2 * pad) - pad) * 60.0 + 15.0 - 2400.0  # centres of every second pixel, from the middle
    field = opacity(at[None, :], -at[:, None]).astype(np.float32)
    monkeypatch.setattr(render.clouds, "make", lambda *_: clouds.Clouds(field, pad, height, 250.0))
    scene = see(tiny, SUMMER, sun_elevation=elevation, sun_azimuth=azimuth)
    x, y = centres(tiny.site)
    middle = tiny.site.boundingbox
    x, y = x - (middle.left + middle.right) / 2, y - (middle.bottom + middle.top) / 2
    np.testing.assert_allclose(scene.cloud, opacity(x, y), atol=5e-3)
    length = (height - tiny.elevation[tiny.inner]) / np.tan(np.radians(elevation))
    sun = opacity(x + length * np.sin(np.radians(azimuth)), y + length * np.cos(np.radians(azimuth)))
    np.testing.assert_allclose(scene.shadow, sun, atol=5e-3)
    assert scene.shadow.max() > 0.5
    along = np.array([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))])
    moved = [np.array([(x * w).sum(), (y * w).sum()]) / w.sum() for w in (scene.cloud, scene.shadow)]
    assert (moved[1] - moved[0]) @ along < -500  # away from the sun


def test_shadows_darken_the_ground(bare, silent, monkeypatch):
    clear = see(bare, SUMMER)

    def half(*_: object) -> clouds.Clouds:
        sheet = everywhere(bare, 0.0)
        sheet.opacity[sheet.opacity.shape[0] // 2 :] = 0.999  # the southern half of the sky, the sun in the south
        return sheet

    monkeypatch.setattr(render.clouds, "make", half)
    scene = see(bare, SUMMER, sun_azimuth=180.0)
    dark = (scene.cloud == 0) & (scene.shadow > 0.9) & (see(bare, SUMMER, sun_azimuth=180.0).lit > 0.3)
    assert dark.sum() > 500
    for name, least, most in (("nir", 0.1, 0.45), ("blue", 0.2, 0.7)):  # what remains is the sky's light, most of it blue
        ratio = (scene.bands[name] / clear.bands[name])[dark]
        assert least < np.median(ratio) < most


def test_the_sky_is_wide_enough_for_the_longest_shadows():
    """Noon in the Alps in December: a high cloud's shadow lies farther away than the field's padding, beyond which it is smeared."""
    spec = scenario.load("aletsch-like")
    mean, lowest = 2600.0, 1500.0
    field = clouds.make(spec.clouds, (680, 680), 30.0, mean, 0.5, "any", 1, np.deg2rad(20.0), 2500.0)
    highest = mean + 1.6 * spec.clouds.base
    assert field.pad * 30.0 * clouds.COARSE >= (highest - lowest) / np.tan(np.radians(20.0))


# ---- grids


def test_a_scene_in_the_other_zone_shows_the_same_world(tiny, silent, monkeypatch):
    other = visit(SUMMER, crs="EPSG:32644", cloud_cover=0.4)
    scene = render.scene(tiny, other, visits.grids(tiny, other)[0], None)
    x, y = centres(scene.grid, tiny.site.crs)
    box = tiny.site.boundingbox
    inside = (x > box.left + 60) & (x < box.right - 60) & (y > box.bottom + 60) & (y < box.top - 60)
    here = dataclasses.replace(other, crs="EPSG:32643")
    rng = np.random.default_rng(2)
    light = render._Light(tiny, here)  # once for all: it does not depend on the grid
    monkeypatch.setattr(render, "_Light", lambda *_: light)
    for row, column in rng.choice(np.argwhere(inside), 300, replace=False):
        pixel = GeoBox((1, 1), Affine(30, 0, x[row, column] - 15, 0, -30, y[row, column] + 15), "EPSG:32643")
        single = render.scene(tiny, here, pixel, None)
        for name in ("green", "nir", "swir16"):
            assert abs(single.bands[name][0, 0] - scene.bands[name][row, column]) < 2e-3
        assert abs(single.cloud[0, 0] - scene.cloud[row, column]) < 1e-3
        assert abs(single.temperature[0, 0] - scene.temperature[row, column]) < 0.05


def test_fine_pixels_lie_over_coarse_ones(bare, silent):
    seen = visit(DRY, product="sentinel2", platform="Sentinel-2A", tile="43SDA")
    fine = render.scene(bare, seen, over(bare.site, 20), over(bare.site, 10)).bands["red"]
    coarse = see(bare, DRY).bands["red"]
    blocks = fine.reshape(128, 3, 128, 3).mean(axis=(1, 3))
    east, north = shift(np.log(coarse), np.log(blocks))
    assert np.hypot(east, north) < 0.03
    assert np.corrcoef(blocks.ravel(), coarse.ravel())[0, 1] > 0.97
    assert abs(np.median(blocks / coarse) - 1) < 0.01


def test_the_two_resolutions_of_sentinel_2_lie_over_each_other(bare, silent):
    seen = visit(DRY, product="sentinel2", platform="Sentinel-2A", tile="43SDA")
    bands = render.scene(bare, seen, over(bare.site, 20), over(bare.site, 10)).bands
    assert set(bands) == {"blue", "green", "red", "nir", "nir_narrow", "swir16", "swir22"}
    blocks = bands["nir"].reshape(192, 2, 192, 2).mean(axis=(1, 3))
    assert np.hypot(*shift(np.log(bands["nir_narrow"]), np.log(blocks))) < 0.03
    assert np.corrcoef(blocks.ravel(), bands["nir_narrow"].ravel())[0, 1] > 0.98


def test_neighbouring_rows_agree_where_they_overlap(tiny, silent):
    first = visit(SUMMER, cloud_cover=0.5, part=(0.0, 0.55), shift_x=5.0)
    scenes = [
        render.scene(tiny, part, visits.grids(tiny, part)[0], None)
        for part in (first, dataclasses.replace(first, row=36, part=(0.45, 1.0)))
    ]
    rows = round((scenes[0].grid.affine.f - scenes[1].grid.affine.f) / 30)
    shared = scenes[0].grid.shape[0] - rows
    assert shared > 8
    for name in ALL:
        np.testing.assert_allclose(scenes[0].bands[name][rows:], scenes[1].bands[name][:shared], atol=1e-4)


# ---- what is missing


def test_reflectance_is_nan_exactly_where_nothing_was_seen(tiny):
    landsat = see(tiny, SUMMER, gaps=True, swath_edge=0.3)
    sentinel = render.scene(
        tiny, visit(SUMMER, product="sentinel2", platform="Sentinel-2A", swath_edge=0.25), over(tiny.site, 20), over(tiny.site, 10)
    )
    for scene in (landsat, sentinel):
        assert 0.1 < scene.valid.mean() < 0.9
        for image in scene.bands.values():
            times = image.shape[0] // scene.valid.shape[0]
            np.testing.assert_array_equal(np.isfinite(image), np.kron(scene.valid, np.ones((times, times), bool)))
        assert (scene.cover[~scene.valid] == Cover.NONE).all()
        assert (scene.cover[scene.valid] != Cover.NONE).all()
    assert np.isnan(landsat.temperature[~landsat.valid]).all()
    assert np.isfinite(landsat.temperature[landsat.valid]).all()
    assert sentinel.temperature is None
    assert see(tiny, SUMMER).valid.all()


@pytest.mark.parametrize("share", [0.1, 0.35, 0.6])
def test_the_swath_cuts_off_its_share(tiny, share):
    valid = render.seen(tiny.site, visit(SUMMER, swath_edge=share))
    assert 1 - valid.mean() == pytest.approx(share, abs=0.01)
    width = valid.sum(axis=1)
    lean = abs(np.polyfit(np.arange(width.size), width, 1)[0])
    assert 8 < np.degrees(np.arctan(lean)) < 16


def test_a_descending_swath_leans_to_the_west():
    """Real footprints (LC08 047027: north-west 124.27° W, south-west 124.90° W): going south, their edges go west."""
    grid = GeoBox((400, 400), Affine(30, 0, 0, 0, -30, 0), "EPSG:32643")
    valid = render.seen(grid, visit(SUMMER, swath_edge=0.5))
    change = np.argmax(valid != valid[:, :1], axis=1).astype(float)  # the column of the edge
    assert np.polyfit(np.arange(400), change, 1)[0] < -0.1


def test_scan_gaps_widen_to_a_good_fifth_of_the_scene():
    """22 % of a scene is missing on average (USGS): wedges of up to 14 of 33 lines at the edge of the swath."""
    grid = GeoBox((990, 1900), Affine(30, 0, 0, 0, -30, 0), "EPSG:32643")
    valid = render.seen(grid, visit(SUMMER, gaps=True))
    across = (np.arange(1900) + 900) / 3700
    np.testing.assert_allclose(1 - valid.mean(axis=0), 14 / 33 * across, atol=1.01 / 33)  # whole lines
    runs = np.diff(np.flatnonzero(np.diff(valid[:, 1000].astype(int)) < 0))
    assert (runs == 33).all()


def test_scan_lines_lie_across_the_track():
    """Going east, the scan lines of a descending orbit go south (LE07 021030: 44.14° N to 43.80° N)."""
    grid = GeoBox((330, 330), Affine(30, 0, 0, 0, -30, 0), "EPSG:32643")
    gap = ~render.seen(grid, visit(SUMMER, gaps=True))
    start = [int(np.flatnonzero(np.diff(gap[:, column].astype(int)) == 1)[3]) for column in (0, 20)]
    assert 0 < start[1] - start[0] < 10


# ---- noise


def test_noise_and_gain_have_their_spread(bare):
    quiet = dataclasses.replace(
        bare, scenario=bare.scenario.model_copy(update={"optical": bare.scenario.optical.model_copy(update={"noise": 0.0})})
    )
    noisy, clean = see(bare, SUMMER).bands["red"], see(quiet, SUMMER).bands["red"]
    error = (noisy - clean) / (0.5 + np.abs(clean))
    assert error.std() == pytest.approx(0.004, rel=0.03)
    assert abs(error.mean()) < 1e-4
    gains = [float(np.median(see(quiet, f"2019-08-{day:02d}T05:12").bands[name])) for day in (3, 4) for name in ("red", "nir")]
    assert len(set(gains)) == 4


def test_sensors_of_one_day_do_not_share_their_noise(bare):
    one, two = (see(bare, SUMMER, row=row).bands["red"] for row in (35, 36))
    ratio = one / two
    residual = ratio - np.median(ratio)
    assert residual.std() > 0.005
    assert abs(np.corrcoef(residual.ravel()[:-1], residual.ravel()[1:])[0, 1]) < 0.1
