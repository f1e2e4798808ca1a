"""Tiles: a scene in tiles has the vectors of the whole, lazy arrays are read tile by tile, blank tiles are invalid."""

from __future__ import annotations

import numpy as np
import pytest
from tests.motion.grounds import ground

from glaciercast.errors import InputError
from glaciercast.motion import tracking_tiles
from glaciercast.motion.tracking import TrackingConfig, track

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
