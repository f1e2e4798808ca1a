"""Tiles blend into scenes without seams."""

import numpy as np
import pytest

from glaciercast.errors import InputError
from glaciercast.patches import tiling

SHAPES = [((64, 64), 16, 8), ((61, 47), 16, 5), ((40, 90), 20, 19), ((32, 48), 16, 0), ((16, 16), 16, 8), ((33, 20), 1, 0)]


@pytest.mark.parametrize(("shape", "tile", "overlap"), [((50, 50), 24, 12), ((37, 61), 16, 8), ((24, 24), 24, 0)])
def test_tiles_cut_from_a_field_blend_into_the_field(shape, tile, overlap):
    y, x = np.mgrid[: shape[0], : shape[1]]
    field = np.stack([np.sin(x / 7) + y / 50, np.cos(y / 5)])
    blender = tiling.Blender(shape, (tile, tile), overlap, leading=(2,))
    for row, col in tiling.tile_origins(shape, tile, overlap):
        blender.add(field[:, row : row + tile, col : col + tile], np.array([row, col]))
    np.testing.assert_allclose(blender.finish(), field, atol=1e-6)


def test_between_two_tiles_that_disagree_there_is_no_step():
    blender = tiling.Blender((24, 40), (24, 24), 8)
    for value, col in ((0.0, 0), (1.0, 16)):
        blender.add(np.full((24, 24), value), np.array([0, col]))
    row = blender.finish()[12]
    assert row[15] == 0 and row[24] == 1 and np.diff(row).max() < 0.25 and (np.diff(row) >= 0).all()


def test_a_pixel_that_no_tile_covers_is_nan():
    blender = tiling.Blender((4, 8), (4, 4), 0)
    blender.add(np.ones((4, 4)), np.array([0, 0]))
    assert np.isnan(blender.finish()[:, 4:]).all()


def test_the_window_is_positive_to_its_corner():
    window = tiling.blend_window((24, 24), 12)
    assert window.min() > 0 and window.max() == pytest.approx(1, abs=0.01)


def blended(field: np.ndarray, tile: int, overlap: int) -> np.ndarray:
    shape = (field.shape[-2], field.shape[-1])
    blender = tiling.Blender(shape, (tile, tile), overlap, field.shape[:-2])
    for row, col in (origins := tiling.tile_origins(shape, tile, overlap)):
        blender.add(field[..., row : row + tile, col : col + tile], np.array([row, col]))
    assert origins.dtype == np.int64
    return blender.finish()


@pytest.mark.parametrize(("shape", "tile", "overlap"), SHAPES)
def test_tiles_cover_each_pixel_and_share_the_overlap(shape: tuple[int, int], tile: int, overlap: int) -> None:
    seen = np.zeros(shape, int)
    origins = tiling.tile_origins(shape, tile, overlap)
    for row, col in origins:
        seen[row : row + tile, col : col + tile] += 1
    assert (seen > 0).all()
    for axis in (0, 1):
        assert (np.diff(np.unique(origins[:, axis])) <= tile - overlap).all()


def test_tiles_without_overlap_are_a_partition() -> None:
    seen = np.zeros((32, 48), int)
    for row, col in tiling.tile_origins((32, 48), 16, 0):
        seen[row : row + 16, col : col + 16] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize(("shape", "tile", "overlap"), SHAPES)
def test_a_constant_stays_a_constant(shape: tuple[int, int], tile: int, overlap: int) -> None:
    np.testing.assert_allclose(blended(np.full(shape, 0.37), tile, overlap), 0.37, rtol=1e-6)


@pytest.mark.parametrize(("shape", "tile", "overlap"), SHAPES)
def test_a_smooth_field_comes_back(shape: tuple[int, int], tile: int, overlap: int) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    field = np.stack([np.sin(y / 9) * np.cos(x / 7), 0.5 * np.cos((x + y) / 11)])[:, None]
    found = blended(field, tile, overlap)
    assert found.shape == field.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, field, atol=1e-6)


def test_the_window_is_positive_and_two_neighbours_sum_to_one() -> None:
    window = tiling.blend_window((16, 20), 6)
    assert window.shape == (16, 20) and (window > 0).all() and window.max() == 1
    profile = window[8] / window[8].max()
    np.testing.assert_allclose(profile[:6] + profile[-6:], 1)
    np.testing.assert_allclose(profile[:6], np.sin(np.pi * (np.arange(6) + 0.5) / 12) ** 2)
    np.testing.assert_array_equal(profile[6:-6], 1)
    assert (tiling.blend_window((5, 5), 0) == 1).all()


def test_two_tiles_that_disagree_meet_without_a_step() -> None:
    blender = tiling.Blender((16, 24), (16, 16), 8)
    blender.add(np.zeros((16, 16)), np.array([0, 0]))
    blender.add(np.ones((16, 16)), np.array([0, 8]))
    row = blender.finish()[8]
    np.testing.assert_allclose(row[8:16], np.sin(np.pi * (np.arange(8) + 0.5) / 16) ** 2, rtol=1e-6)
    assert (row[:8] == 0).all() and (row[16:] == 1).all()


@pytest.mark.parametrize("overlap", [-1, 16, 17])
def test_an_overlap_that_leaves_no_step_is_refused(overlap: int) -> None:
    with pytest.raises(InputError, match="overlap: expected 0 to 15 pixels of a tile of 16"):
        tiling.tile_origins((64, 64), 16, overlap)


def test_a_scene_smaller_than_a_tile_is_refused() -> None:
    with pytest.raises(InputError, match="smaller than a patch of 16"):
        tiling.tile_origins((64, 12), 16, 8)
