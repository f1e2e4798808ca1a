"""Light on terrain: shadows as long as geometry says, the sweep against rays, and a scene that lies where its light does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from glaciercast.cube import shading
from glaciercast.cube.references import References
from glaciercast.cube.registration import Frame, Registration
from glaciercast.cube.shading import Relief
from glaciercast.errors import InputError
from glaciercast.sources.scene import Sun

SIZE = 128
STABLE = np.ones((SIZE, SIZE), bool)
SUN = Sun(35.0, 140.0)


def hills(seed=0):
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(SIZE, SIZE)), 4)
    return (3000 + 50 * field / field.std()).astype("float32")


def relief(elevation):
    south, east = np.gradient(elevation.astype("float64"), 30.0)
    return Relief(elevation, np.rad2deg(np.arctan(np.hypot(south, east))), np.rad2deg(np.arctan2(-east, south)) % 360, 30.0)


@pytest.mark.parametrize("azimuth, towards", [(0, (-1, 0)), (90, (0, 1)), (180, (1, 0)), (270, (0, -1))])
def test_a_wall_casts_a_shadow_of_its_length(azimuth, towards):
    elevation = np.zeros((61, 61), "float32")
    elevation[30, 30] = 300.0
    dark = ~shading.sunlit(elevation, 30.0, Sun(45.0, azimuth))
    far = [np.array([30, 30]) - k * np.array(towards) for k in range(1, 11)]  # away from the sun, 300 m / tan 45° / 30 m pixels
    assert dark.sum() in (9, 10)  # the tenth is just touched
    assert all(dark[tuple(one)] for one in far[:9])


def test_the_sweep_sees_what_rays_see():
    elevation = hills()
    for azimuth in (10, 75, 140, 222, 300):
        sun = Sun(25.0, azimuth)
        assert (shading.sunlit(elevation, 30.0, sun) == by_rays(elevation, 30.0, sun)).mean() > 0.97


def by_rays(elevation, resolution, sun):
    """Return where a ray that is followed pixel by pixel meets nothing: slow."""
    y, x = np.mgrid[: elevation.shape[0], : elevation.shape[1]].astype("float64")
    right, down = np.sin(np.deg2rad(sun.azimuth)), -np.cos(np.deg2rad(sun.azimuth))
    lit = np.ones(elevation.shape, bool)
    for k in range(1, 120):
        place = [y + k * down, x + k * right]
        ground = ndimage.map_coordinates(elevation, place, order=1, cval=-1e6)
        lit &= ground <= elevation + k * resolution * np.tan(np.deg2rad(sun.elevation))
    return lit


@settings(max_examples=20)
@given(st.floats(5, 85), st.floats(0, 360))
def test_level_ground_is_lit_by_the_sine_of_the_sun(elevation, azimuth):
    level = Relief(np.full((20, 30), 500.0, "float32"), np.zeros((20, 30)), np.full((20, 30), np.nan), 30.0)
    np.testing.assert_allclose(level.light(Sun(elevation, azimuth)), np.sin(np.deg2rad(elevation)), rtol=1e-5)


def test_shadows_grow_as_the_sun_sinks_and_unknown_ground_casts_none():
    elevation = hills()
    shares = [shading.sunlit(elevation, 30.0, Sun(height, 140.0)).mean() for height in (60, 30, 15)]
    assert shares == sorted(shares, reverse=True)
    elevation[60:] = np.nan
    light = relief(elevation).light(Sun(10.0, 180.0))
    assert np.isnan(light[60:]).all() and np.isfinite(light[:58]).all()
    assert shading.sunlit(elevation, 30.0, Sun(10.0, 180.0))[59].all()  # what would shade it is unknown


def test_a_sun_below_the_horizon_is_refused():
    with pytest.raises(InputError, match=r"relief: expected a sun above the horizon, found -3°"):
        relief(hills()).light(Sun(-3.0, 140.0))


def lit_scene(columns, rows, sun, seed):
    """Return reflectance of ground with patches, lit by `sun`, seen off by so much."""
    patches = 0.3 + 0.015 * ndimage.gaussian_filter(np.random.default_rng(7).normal(size=(SIZE, SIZE)), 3) / 0.09
    image = patches * (relief(hills()).light(sun) + 0.1)
    moved = ndimage.shift(image, (rows, columns), order=3, mode="nearest")
    return (moved + np.random.default_rng(seed).normal(0, 0.003, image.shape)).astype("float32")


@pytest.mark.parametrize("sun", [Sun(30.0, 155.0), Sun(50.0, 130.0), Sun(65.0, 110.0)])
def test_a_scene_lies_on_its_own_light_whatever_the_season(sun):
    reference = References.build([], STABLE, Registration(enabled=True, max_error=0.1), relief(hills()))
    found = reference.place(Frame(np.datetime64("2015-01-01"), lit_scene(0.7, -1.2, sun, 1), STABLE, sun))
    assert found.accepted
    assert (found.columns, found.rows) == pytest.approx((-0.7, 1.2), abs=0.06)


def test_terrain_ties_frames_to_itself_and_places_scenes_without_any():
    config = Registration(least=3)
    times = np.array([f"201{k}-0{k + 1}-10" for k in range(6)], "datetime64[ns]")
    suns = [Sun(30.0 + 6 * k, 155.0 - 8 * k) for k in range(6)]
    off = np.random.default_rng(3).normal(0.4, 0.2, (6, 2))
    frames = [
        Frame(time, lit_scene(*shift, sun, k), STABLE, sun) for k, (time, shift, sun) in enumerate(zip(times, off, suns, strict=True))
    ]
    tied = References.build(frames, STABLE, config, relief(hills()))
    np.testing.assert_allclose(tied.shifts, -off, atol=0.08)  # their common error too, which frames alone cannot see
    loose = References.build(frames, STABLE, config.model_copy(update={"relief": False}), relief(hills()))
    assert np.abs(loose.shifts.mean(0)).max() < 0.1
    alone = References.build([], STABLE, config, relief(hills()))
    found = alone.place(Frame(times[0], lit_scene(1.5, -0.6, SUN, 9), STABLE, SUN))
    assert (found.columns, found.rows) == pytest.approx((-1.5, 0.6), abs=0.1)
    assert alone.place(Frame(times[0], lit_scene(1.5, -0.6, SUN, 9), STABLE)).reason == "no frame to match it with, and no relief or sun"
