"""Tiles: a scene in tiles has the vectors of the whole, lazy arrays are read tile by tile, blank tiles are invalid."""

from __future__ import annotations

import numpy as np
import pytest
from tests.motion.grounds import ground

from glaciercast.errors import InputError
from glaciercast.motion import tracking, tracking_tiles
from glaciercast.motion.matching import lattice
from glaciercast.motion.tracking import TrackingConfig, track
from glaciercast.motion.tracks import no_tracks

SETTINGS = TrackingConfig(chips=(32,), search=6)
SIZE = 400


@pytest.fixture(scope="module")
def scenes():
    return [
        ground(SIZE, dx, dy) + 0.05 * np.random.default_rng(k).normal(size=(SIZE, SIZE)) for k, (dx, dy) in enumerate([(0, 0), (2.4, -1.2)])
    ]


class Lazy:
    """An array that only shows windows of itself, and remembers the largest."""

    def __init__(self, values):
        self.values, self.largest = values, 0
        self.shape, self.ndim = values.shape, values.ndim

    def __getitem__(self, part):
        found = self.values[part]
        self.largest = max(self.largest, *found.shape)
        return found


def test_tiles_have_the_vectors_of_the_whole(scenes, monkeypatch):
    whole = track(*scenes, settings=SETTINGS)
    monkeypatch.setattr(tracking_tiles, "LARGEST", 352)
    lazy = [Lazy(scene) for scene in scenes]
    tiled = track(*lazy, settings=SETTINGS)
    np.testing.assert_array_equal(tiled.x, whole.x)
    np.testing.assert_array_equal(tiled.y, whole.y)
    both = tiled.valid & whole.valid
    assert both.mean() > 0.99
    assert np.abs(tiled.dx - whole.dx)[both].max() < 0.05
    assert np.median(np.abs(tiled.dx - whole.dx)[both]) < 0.005
    assert max(one.largest for one in lazy) <= 352


def test_a_tile_without_texture_is_invalid_and_a_scene_without_any_is_an_error(scenes, monkeypatch):
    monkeypatch.setattr(tracking_tiles, "LARGEST", 352)
    second = scenes[1].copy()
    second[:, 240:] = 0.0
    found = track(scenes[0], second, settings=SETTINGS)
    assert found.valid[found.x < 200].mean() > 0.95
    assert not found.valid[found.x > 260].any()
    with pytest.raises(InputError, match="texture in the second scene, found 1 at every usable pixel"):
        track(scenes[0], np.ones_like(second), settings=SETTINGS)


def test_a_tile_without_common_pixels_is_invalid_and_scenes_without_any_are_an_error(scenes, monkeypatch):
    monkeypatch.setattr(tracking_tiles, "LARGEST", 352)
    first, second = (scene[:160] for scene in scenes)
    left = np.broadcast_to(np.arange(SIZE) < 230, first.shape)
    unseen = (
        ~left & (np.arange(SIZE) < 390),
        ~left & (np.arange(SIZE) >= 390),
    )  # the last tile has usable pixels in each scene, but not in both
    found = track(first, second, mask=unseen, settings=SETTINGS)
    assert found.valid[found.x < 200].mean() > 0.95
    assert np.abs(found.dx - 2.4)[found.valid].max() < 0.3
    assert not found.covered[found.x > 260].any() and np.isnan(found.dx[found.x > 260]).all()
    with pytest.raises(InputError, match="expected pixels that both scenes show, found none"):
        track(first, second, mask=(left, ~left), settings=SETTINGS)


def test_tiles_may_be_narrower_than_twice_the_search(monkeypatch):
    """Of 361 vectors along a side, the last tile has one, the last: its 640 pixels are no reason to refuse a search of 500."""
    sizes = []

    def blank(first, second, masks, prior, settings):
        sizes.append(first.shape)
        return no_tracks(lattice(first.shape, settings.step, settings.step))

    monkeypatch.setattr(tracking, "at_once", blank)
    large, settings = np.broadcast_to(np.float32(0), (5808, 5808)), TrackingConfig(chips=(32,), search=500)
    assert track(large, large, settings=settings).valid.shape == (361, 361) and tracking_tiles.spacing(settings) == (608, 180)
    assert set(sizes) == {(rows, columns) for rows in (3488, 3520, 640) for columns in (3488, 3520, 640)}
    with pytest.raises(InputError, match="search of at most 499 pixels, half the shorter side of the scenes, found 500"):
        track(large[:999], large[:999], settings=settings)


def test_settings_that_leave_a_tile_no_vectors_are_one_clear_line():
    large = Lazy(np.broadcast_to(np.float32(0), (5000, 5000)))
    settings = TrackingConfig(step=512, search=500, chips=(1024,))
    line = r"overlap by at most 1792 on each side, found 2048 \(step 512, search 500, chips 1024\)"
    with pytest.raises(InputError, match=line) as raised:
        track(large, large, settings=settings)
    assert "\n" not in str(raised.value) and large.largest == 0


@pytest.mark.parametrize("step", [4, 16, 64, 100, 512])
@pytest.mark.parametrize("search", [4, 16, 500])
def test_tiles_hold_their_vectors_and_what_they_reach_and_may_always_be_tracked(step, search):
    settings = TrackingConfig(step=step, search=search)
    margin, core = tracking_tiles.spacing(settings)
    assert margin % step == 0 and margin >= max(search + 96 + 64, 3 * step) and margin - step < max(search + 96 + 64, 3 * step)
    assert core * step + 2 * margin <= 4096 < (core + 1) * step + 2 * margin
