"""Co-registration: known shifts come back, motion and clouds do not pull, and what cannot be matched is flagged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from tests.cube.ground import EVERYWHERE, METRES, NOWHERE, SIZE, WHOLE, clouds, ground, scene

from glaciercast.cube import coregister
from glaciercast.cube.coregister import CoregistrationConfig
from glaciercast.cube.coregister_move import Match, move
from glaciercast.errors import InputError


def match(first, second, clear1=EVERYWHERE, clear2=EVERYWHERE, stable=EVERYWHERE, **keys):
    config = CoregistrationConfig(**keys)
    return coregister.match(coregister.textured(first, clear1, stable, config), coregister.textured(second, clear2, stable, config), config)


shifts = st.floats(-6, 6, allow_subnormal=False)


@settings(max_examples=25, deadline=None)
@given(shifts, shifts)
def test_a_shifted_image_comes_back(columns, rows):
    found = match(scene(), scene(columns, rows))
    assert found.accepted
    assert (found.columns, found.rows) == pytest.approx((-columns, -rows), abs=0.01)  # where content has to be moved to


@settings(max_examples=15, deadline=None)
@given(shifts, shifts, st.integers(0, 99))
def test_exchanging_the_images_negates_the_shift(columns, rows, seed):
    first, second = scene(noise=0.1, seed=seed), scene(columns, rows, noise=0.1, seed=seed + 100)
    there, back = match(first, second), match(second, first)
    assert (there.columns, there.rows) == pytest.approx((-back.columns, -back.rows), abs=0.02)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.05, 20), st.floats(-5, 5))
def test_gain_and_offset_do_not_matter(gain, offset):
    first, second = scene(noise=0.05), scene(1.3, -0.6, noise=0.05, seed=1)
    plain, changed = match(first, second), match(first, np.float32(gain) * second + np.float32(offset))
    assert (changed.columns, changed.rows, changed.correlation) == pytest.approx((plain.columns, plain.rows, plain.correlation), abs=2e-3)


def test_an_image_lies_on_itself():
    found = match(scene(), scene())
    assert found.accepted and found.reason == ""
    assert (found.columns, found.rows) == pytest.approx((0, 0), abs=1e-4)
    assert found.correlation == pytest.approx(1, abs=1e-5)


def test_light_that_changes_across_the_scene_does_not_matter():
    light = ndimage.gaussian_filter(np.random.default_rng(5).normal(size=(SIZE, SIZE)), 30)
    light *= 0.3 / np.abs(light).max()
    found = match(scene(noise=0.1), scene(-2.4, 1.7, noise=0.1, seed=1) * (1 + light) + light)
    assert (found.columns, found.rows) == pytest.approx((2.4, -1.7), abs=0.03)


def test_a_moving_glacier_and_clouds_do_not_pull():
    second = scene(0.7, -0.4)
    ice = np.zeros((SIZE, SIZE), bool)
    ice[50:110] = True
    second[ice] = scene(3.7, -0.4)[ice]
    cloud1, cloud2 = clouds(1, 0.15), clouds(2, 0.3)
    first = np.where(cloud1, np.float32(3), scene(noise=0.05))
    second = np.where(cloud2, np.float32(4), second)
    found = match(first, second, ~cloud1, ~cloud2, ~ice)
    assert (found.columns, found.rows) == pytest.approx((-0.7, 0.4), abs=0.02)
    assert found.valid == pytest.approx(0.3, abs=0.15)
    absorbed = match(first, second, ~cloud1, ~cloud2)
    assert abs(absorbed.columns + 0.7) > abs(found.columns + 0.7)  # which is what stable ground is for


def test_nan_is_no_data_whatever_the_mask_says():
    second = scene(1.5, 0.5)
    second[:, 100:] = np.nan
    found = match(scene(), second)
    assert (found.columns, found.rows) == pytest.approx((-1.5, -0.5), abs=0.01)


def test_large_shifts_are_found_where_they_are_searched():
    found = match(scene(), scene(17.3, -14.6), max_shift=20)
    assert found.accepted
    assert (found.columns, found.rows) == pytest.approx((-17.3, 14.6), abs=0.01)


def test_a_shift_beyond_the_largest_is_flagged_and_told():
    found = match(scene(), scene(5.0, 0.0), max_shift=4)
    assert not found.accepted
    assert found.reason == "shift of 5.0 pixels, at most 4"
    assert found.columns == pytest.approx(-5, abs=0.01)


@pytest.mark.parametrize(
    "second, clear, reason",
    [
        (scene(), NOWHERE, "clear stable ground on 0 pixels, at least 500"),
        (np.zeros((SIZE, SIZE), "float32"), EVERYWHERE, "no texture on stable ground"),
    ],
)
def test_scenes_without_ground_or_texture_are_flagged(second, clear, reason):
    found = match(scene(), second, clear2=clear)
    assert not found.accepted and found.reason == reason
    assert np.isnan([found.columns, found.rows, found.correlation]).all()


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_never_accepted(seed):
    noise = np.random.default_rng(seed).normal(size=(SIZE, SIZE)).astype("float32")
    assert not match(scene(), noise).accepted


def about_the_centre(matrix):
    """Return the ground under `matrix` (2, 2), by interpolation of the whole field."""
    field = ndimage.spline_filter(np.fft.ifft2(ground()).real, mode="grid-wrap")
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    place = [matrix[1, 0] * x + matrix[1, 1] * y, matrix[0, 0] * x + matrix[0, 1] * y]
    return ndimage.map_coordinates(field, [v + (WHOLE - 1) / 2 for v in place], mode="grid-wrap", prefilter=False).astype("float32")


def test_rotation_and_affine_motion_come_back():
    angle = np.deg2rad(0.5)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = match(scene(), about_the_centre(turn), motion="euclidean")
    assert found.matrix[:, :2] == pytest.approx(turn.T, abs=1e-4)
    assert (found.columns, found.rows) == pytest.approx((0, 0), abs=0.01)
    stretch = np.array([[1.01, 0.004], [-0.006, 0.995]])
    found = match(scene(), about_the_centre(stretch), motion="affine")
    assert found.matrix[:, :2] == pytest.approx(np.linalg.inv(stretch), abs=3e-4)


def test_metres_are_eastward_and_northward():
    found = match(scene(), scene(2.0, 1.0))  # content lies 2 to the right and 1 down: to the left and up with it
    assert found.metres(METRES) == pytest.approx((-60, 30), abs=0.3)


@pytest.mark.parametrize("how, worst", [("cubic", 0.02), ("bilinear", 0.2)])
def test_a_moved_scene_lies_on_the_reference(how, worst):
    second = scene(1.4, -0.8)
    moved = move(second, match(scene(), second), how)
    seen = np.isfinite(moved)
    assert seen.mean() > 0.97
    assert np.abs(moved - scene())[seen][SIZE:-SIZE].std() < worst


def shifted_by(columns, rows, accepted=True):
    matrix = np.array([[1.0, 0, -columns], [0, 1, -rows]])
    return Match(columns, rows, 0.9, 1.0, matrix, accepted)


def test_moving_by_whole_pixels_copies_them():
    values = np.random.default_rng(0).normal(size=(2, 20, 30)).astype("float32")
    for how in ("nearest", "bilinear", "cubic"):
        moved = move(values, shifted_by(3, -2), how)
        np.testing.assert_array_equal(moved[:, :-2, 3:], values[:, 2:, :-3])
        assert np.isnan(moved[:, -2:]).all() and np.isnan(moved[:, :, :3]).all()


@settings(max_examples=30, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.sampled_from(["nearest", "bilinear", "cubic"]), st.integers(0, 99))
def test_no_data_never_bleeds(columns, rows, how, seed):
    rng = np.random.default_rng(seed)
    values = np.full((30, 40), 0.25, "float32")
    values[rng.random(values.shape) < 0.3] = np.nan
    moved = move(values, shifted_by(columns, rows), how)
    np.testing.assert_allclose(moved[np.isfinite(moved)], 0.25, rtol=1e-6)
    nearest = move(values, shifted_by(columns, rows), "nearest")
    np.testing.assert_array_equal(np.isnan(moved), np.isnan(nearest))  # and no data neither grows nor shrinks


def test_bilinear_never_overshoots_and_classes_stay_classes():
    step = np.zeros((20, 20), "float32")
    step[:, 10:] = 1
    moved = move(step, shifted_by(0.4, 0.0), "bilinear")
    assert np.nanmin(moved) == 0 and np.nanmax(moved) == 1
    assert moved[5, 10] == pytest.approx(0.6)  # the edge moved 0.4 to the right
    classes = np.random.default_rng(1).integers(0, 12, (20, 20)).astype("uint8")
    assert move(classes, shifted_by(0.4, 1.0), "nearest").dtype == np.uint8
    np.testing.assert_array_equal(move(classes, shifted_by(0.4, 1.0), "nearest")[1:], classes[:-1])


@pytest.mark.parametrize("how", ["nearest", "bilinear", "cubic"])
def test_a_flagged_scene_is_left_where_it_is(how):
    values = scene()
    moved = move(values, shifted_by(2.0, 2.0, accepted=False), how)
    np.testing.assert_array_equal(moved, values)
    assert moved is not values


def test_wrong_input_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"values, clear and stable differ in shape: \(160, 160\), \(10, 10\), \(160, 160\)"):
        coregister.textured(scene(), np.ones((10, 10), bool), EVERYWHERE)
    with pytest.raises(InputError, match=r"expected a scene of at least 16×16 pixels, found 8×8"):
        coregister.textured(np.zeros((8, 8)), np.ones((8, 8), bool), np.ones((8, 8), bool))
    whole = coregister.textured(scene(), EVERYWHERE, EVERYWHERE)
    part = coregister.textured(scene()[:100], EVERYWHERE[:100], EVERYWHERE[:100])
    with pytest.raises(InputError, match=r"expected a scene of \(160, 160\) pixels as the reference, found \(100, 160\)"):
        coregister.match(whole, part)
