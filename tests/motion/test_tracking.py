"""Tracking: known displacement comes back with errors that hold, masks carry no weight, and what can't be measured is invalid."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates
from tests.motion.grounds import ground

from glaciercast.errors import InputError
from glaciercast.motion.tracking import TrackingConfig, Tracks, check_fit, track

SIZE = 160
SHIFTED = 2.3, -1.6
PLAIN = TrackingConfig(chips=(32, 48))
LEFT = np.arange(SIZE)[None] < SIZE // 2 + np.zeros((SIZE, 1))
BARS = {"A": 0.016, "B": 0.070, "C": 0.028, "D": 0.060}


@cache
def scene(dx: float = 0.0, dy: float = 0.0, strain: float = 0.0, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Return the texture of seed 0 moved and stretched; `seed` changes the noise alone."""
    image = ground(SIZE, dx, dy, strain)
    return image + noise * np.random.default_rng(seed).normal(size=image.shape)


def inside(tracks: Tracks, edge: float = 24) -> np.ndarray:
    return (tracks.x >= edge) & (tracks.x < SIZE - edge) & (tracks.y >= edge) & (tracks.y < SIZE - edge)


def test_a_known_shift_comes_back_at_every_vector():
    tracks = track(scene(), scene(*SHIFTED), settings=PLAIN)
    assert tracks.valid[inside(tracks)].all()
    assert np.abs(tracks.dx - SHIFTED[0])[inside(tracks)].max() < 0.02
    assert np.abs(tracks.dy - SHIFTED[1])[inside(tracks)].max() < 0.02


def test_whole_shifts_are_exact():
    wide = ground(SIZE + 92)
    tracks = track(wide[6:-6, 6:-6], wide[2:-10, 9:-3], settings=PLAIN)  # what was at column 6 is at column 3
    where = (abs(tracks.x - 120) < 60) & (abs(tracks.y - 120) < 60)  # away from edges, where each scene sees other ground
    assert tracks.valid.all()
    assert tracks.dx[where] == pytest.approx(-3, abs=2e-3)
    assert tracks.dy[where] == pytest.approx(4, abs=2e-3)


@pytest.mark.parametrize("first", [0.0, 0.1])
def test_ground_at_rest_has_no_displacement_but_noise(first):
    tracks = track(scene(noise=first, seed=1), scene(noise=0.1, seed=2), settings=PLAIN)
    assert tracks.valid.all()
    assert abs(tracks.dx.mean()) < 0.01 and abs(tracks.dy.mean()) < 0.01
    assert np.sqrt(np.mean(tracks.dx**2)) < 2 * np.sqrt(np.mean(tracks.error_x**2))


def test_displacement_is_that_of_the_ground_halfway():
    strain = 0.04
    tracks = track(scene(), scene(strain=strain), settings=PLAIN)
    middle = (SIZE - 1) / 2
    expected = (tracks.x - middle) * strain / (1 + strain / 2)  # x1 + d/2 = x with d = strain · (x1 − middle)
    where = inside(tracks, 32)
    assert np.abs(tracks.dx - expected)[where].mean() < 0.01  # half a displacement farther would be 0.03 off
    assert np.abs(tracks.dx - expected)[where].max() < 0.04


def test_exchanging_the_scenes_negates_displacement():
    first, second = scene(noise=0.1, seed=1), scene(*SHIFTED, noise=0.1, seed=2)
    there, back = track(first, second, settings=PLAIN), track(second, first, settings=PLAIN)
    both = there.valid & back.valid & inside(there)
    assert there.dx[both] == pytest.approx(-back.dx[both], abs=5e-3)
    assert there.dy[both] == pytest.approx(-back.dy[both], abs=5e-3)


@pytest.mark.parametrize(("gain", "offset"), [(0.01, 0.0), (300.0, -50.0)])
def test_gain_and_offset_do_not_matter(gain, offset):
    first, second = scene(noise=0.1, seed=1), scene(*SHIFTED, noise=0.1, seed=2)
    plain, changed = track(first, second, settings=PLAIN), track(first, gain * second + offset, settings=PLAIN)
    assert changed.dx == pytest.approx(plain.dx, abs=1e-3, nan_ok=True)
    assert changed.error_x == pytest.approx(plain.error_x, rel=0.02, nan_ok=True)


def test_whole_numbers_are_tracked_as_any_other_values():
    first, second = (np.rint(100 + 30 * image).clip(0, 255) for image in (scene(), scene(*SHIFTED)))
    floats, bytes_ = (track(first.astype(kind), second.astype(kind), settings=PLAIN) for kind in ("float64", "uint8"))
    np.testing.assert_array_equal(floats.dx, bytes_.dx)
    assert np.nanmedian(np.abs(bytes_.dx - SHIFTED[0])) < 0.01


def test_what_is_masked_carries_no_weight():
    first, second = scene(noise=0.05, seed=1), scene(*SHIFTED, noise=0.05, seed=2)
    masked = np.zeros((SIZE, SIZE), bool)
    masked[:, : SIZE // 2] = True
    spoilt = np.where(masked, scene(-4.0, 3.0, seed=3), second)
    clean, hidden = (track(first, one, mask=masked, settings=PLAIN) for one in (second, spoilt))
    assert not hidden.valid[hidden.x < SIZE // 2 - 16].any()
    right = hidden.valid & (hidden.x >= SIZE // 2 + 16)
    assert right.sum() > 20
    assert hidden.dx[right] == pytest.approx(clean.dx[right], abs=1e-6)
    assert np.abs(hidden.dx[right] - SHIFTED[0]).max() < 0.05


def test_gaps_are_as_good_as_masks_and_each_scene_has_its_own():
    first, second = scene(noise=0.05, seed=1), scene(*SHIFTED, noise=0.05, seed=2)
    here, there = np.zeros((2, SIZE, SIZE), bool)
    here[40:60, 50:80] = there[100:120, 30:60] = True
    gaps = track(np.where(here, np.nan, first), np.where(there, np.nan, second), settings=PLAIN)
    masks = track(first, second, mask=(here, there), settings=PLAIN)
    np.testing.assert_array_equal(gaps.dx, masks.dx)
    assert masks.valid[inside(masks)].mean() > 0.9
    assert np.nanmax(np.abs(masks.dx - SHIFTED[0])) < 0.1


def test_ground_without_texture_is_invalid():
    texture = np.ones((SIZE, SIZE))
    texture[:, : SIZE // 2] = 0
    first, second = (
        one * gaussian_filter(texture, 2) + 0.05 * np.random.default_rng(k).normal(size=texture.shape)
        for k, one in enumerate((scene(), scene(*SHIFTED)))
    )
    tracks = track(first, second, settings=PLAIN)
    assert tracks.valid[tracks.x < SIZE // 2 - 32].mean() < 0.1
    assert tracks.valid[(tracks.x > SIZE // 2 + 16) & inside(tracks)].all()


def test_scenes_that_share_nothing_have_no_valid_vectors():
    tracks = track(ground(SIZE, seed=1), ground(SIZE, seed=2), settings=PLAIN)
    assert tracks.valid.mean() < 0.05
    assert np.isnan(tracks.dx[~tracks.valid]).all() and np.isnan(tracks.error_y[~tracks.valid]).all()


def test_a_vector_for_which_no_neighbours_vouch_is_invalid():
    masked = np.ones((SIZE, SIZE), bool)
    masked[60:100, 60:100] = False  # two by two chips are usable enough
    tracks = track(scene(noise=0.05, seed=1), scene(1.0, noise=0.05, seed=2), mask=masked, settings=TrackingConfig(chips=(32,), step=24))
    assert 0 < tracks.covered.sum() < 4
    assert not tracks.valid.any()


def test_a_prior_finds_what_lies_beyond_the_search():
    far = 30.0, -25.0
    first, second = scene(noise=0.05, seed=1), scene(*far, noise=0.05, seed=2)
    prior = tuple(np.full((SIZE, SIZE), value + 1.5) for value in far)
    tracks = track(first, second, prior=prior, settings=TrackingConfig(chips=(32,), search=4))
    where = inside(tracks, 48)
    assert tracks.valid[where].all()
    assert np.abs(tracks.dx - far[0])[where].max() < 0.05
    assert np.abs(tracks.dy - far[1])[where].max() < 0.05


def test_noise_is_told_by_the_error_of_each_vector():
    shares, over = [], []
    for seed in range(4):
        tracks = track(scene(noise=0.3, seed=seed), scene(*SHIFTED, noise=0.3, seed=seed + 50), settings=TrackingConfig(chips=(32,)))
        where = tracks.valid & inside(tracks)
        for found, truth, error in ((tracks.dx, SHIFTED[0], tracks.error_x), (tracks.dy, SHIFTED[1], tracks.error_y)):
            over.append(np.mean((found - truth)[where] ** 2) / np.mean(error[where] ** 2))
            shares.append(np.mean(np.abs(found - truth)[where] < error[where]))
    assert 0.6 < np.mean(shares) < 0.75
    assert 0.7 < np.mean(over) < 1.4


@pytest.mark.parametrize(
    ("first", "second", "keys", "line"),
    [
        (np.zeros((80, 80)), np.zeros((80, 90)), {}, r"one shape \(y, x\), found \(80, 80\) and \(80, 90\)"),
        (np.zeros((20, 80)), np.zeros((20, 80)), {}, "at least 64×64 pixels, found 20×80"),
        (scene(), scene(1.0), {"settings": TrackingConfig(step=64)}, "at least 192×192 pixels, found 160×160"),
        (scene(), scene(), {"settings": PLAIN}, "different dates, found the same values at every pixel"),
        (scene(), np.full((SIZE, SIZE), 7.0), {"settings": PLAIN}, "texture in the second scene, found 7 at every usable pixel"),
        (np.full((SIZE, SIZE), np.nan), scene(), {"settings": PLAIN}, "usable pixels in the first scene, found all 25600 masked"),
        (scene(), scene(1.0), {"mask": np.ones((SIZE, SIZE), bool), "settings": PLAIN}, "usable pixels in the first scene"),
        (scene(), scene(1.0), {"mask": np.ones((9, 9), bool)}, r"a mask of \(160, 160\) pixels as the scenes, found \(9, 9\)"),
        (
            scene(),
            scene(1.0),
            {"prior": (np.ones((9, 9)),) * 2, "settings": PLAIN},
            r"a prior of \(160, 160\) pixels as the scenes, found \(9, 9\)",
        ),
        (
            np.where(LEFT, scene(), np.nan),
            np.where(LEFT, np.nan, scene(1.0)),
            {"settings": PLAIN},
            "pixels that both scenes show, found none",
        ),
        (scene(), scene(1.0), {"mask": (LEFT, ~LEFT), "settings": PLAIN}, "pixels that both scenes show, found none"),
        (scene(), scene(1.0), {"settings": TrackingConfig(chips=(32,), search=81)}, "search of at most 80 pixels, half the .* found 81"),
        (scene()[:100], scene(1.0)[:100], {"settings": PLAIN.model_copy(update={"search": 50.5})}, "search of at most 50 .* found 50.5"),
        (scene(), scene(1.0), {"settings": TrackingConfig(chips=(96,))}, "chips of at most 80 pixels, half the shorter side .* found 96"),
    ],
)
def test_bad_input_is_one_clear_line(first, second, keys, line):
    with pytest.raises(InputError, match=line) as raised:
        track(first, second, **keys)
    assert "\n" not in str(raised.value)


def test_the_smallest_chip_and_the_search_may_be_half_the_shorter_side_but_no_more():
    check_fit((160, 300), TrackingConfig(chips=(80, 96), search=80))
    for changes, line in (
        ({"search": 80.5}, "search of at most 80 .* found 80.5"),
        ({"chips": (81, 96)}, "chips of at most 80 .* found 81"),
    ):
        with pytest.raises(InputError, match=line):
            check_fit((300, 160), PLAIN.model_copy(update=changes))


def pairs_module(real_data):
    path = Path(real_data("perito_moreno")).parent.parent / "tools" / "motion_pairs.py"
    spec = importlib.util.spec_from_file_location("motion_pairs", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scored(tracks: Tracks, dx: np.ndarray, dy: np.ndarray, edge: int = 40) -> dict[str, float]:
    """Return error over ground that moves more than a tenth of the peak, as the anchors were measured."""
    truth = [map_coordinates(layer, [tracks.y, tracks.x], order=1) for layer in (dx, dy)]
    for _ in range(20):
        at = [tracks.y - truth[1] / 2, tracks.x - truth[0] / 2]
        truth = [map_coordinates(layer, at, order=1, mode="nearest") for layer in (dx, dy)]
    height, width = dx.shape
    moving = np.hypot(*truth) > 0.1 * np.hypot(dx, dy).max()
    moving &= (tracks.x >= edge) & (tracks.x < width - edge) & (tracks.y >= edge) & (tracks.y < height - edge)
    used = moving & tracks.valid
    apart = np.stack([tracks.dx - truth[0], tracks.dy - truth[1]])[:, used]
    within = np.abs(apart) < np.stack([tracks.error_x, tracks.error_y])[:, used]
    return {"error": float(np.hypot(*apart).mean()), "valid": float(tracks.valid[moving].mean()), "within": float(within.mean())}


@pytest.mark.slow
@pytest.mark.parametrize("name", "ABCD")
def test_every_class_of_pair_is_tracked_within_its_bar(real_data, name):
    made = pairs_module(real_data)
    pair = made.make_pair(np.random.default_rng(3), 1024, *made.PAIRS[name])
    found = scored(track(pair["im1"], pair["im2"]), pair["dx"], pair["dy"])
    assert found["error"] <= BARS[name]
    assert found["valid"] >= 0.95
    assert 0.6 <= found["within"] <= 0.75


def test_a_small_noisy_pair_of_moving_ground_is_tracked(real_data):
    made = pairs_module(real_data)
    pair = made.make_pair(np.random.default_rng(5), 256, *made.PAIRS["C"])
    found = scored(track(pair["im1"], pair["im2"]), pair["dx"], pair["dy"], 24)
    assert found["error"] < 0.06 and found["valid"] > 0.95
