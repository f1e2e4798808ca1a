"""Tiles blend into scenes without seams."""

import numpy as np
import pytest
import torch

from glaciercast.errors import InputError
from glaciercast.patches.tiling import Blender, Tiling
from glaciercast.stats.seams import seam_index

CASES = [
    ((64, 64), (16, 16), 8), ((61, 47), (16, 16), 5), ((40, 90), (20, 20), 19), ((32, 48), (16, 16), 0), ((16, 16), (16, 16), 8),
    ((33, 20), (1, 1), 0), ((50, 70), (24, 30), 7), ((37, 61), (16, 16), 0),
]  # fmt: skip


def blended(field: np.ndarray, tiling: Tiling, at_once: int = 3) -> np.ndarray:
    scene = torch.full(field.shape, torch.nan)
    blender = Blender(tiling, scene)
    for first in range(0, len(tiling), at_once):
        numbers = range(first, min(first + at_once, len(tiling)))
        blender.add(first, torch.stack([torch.from_numpy(field[(..., *tiling.window(number))]) for number in numbers]))
    return scene.numpy()


@pytest.mark.parametrize(("shape", "tile", "overlap"), CASES)
def test_tiles_cover_each_pixel_and_share_the_overlap(shape, tile, overlap):
    tiling = Tiling(shape, tile, overlap)
    seen = np.zeros(shape, int)
    for number in range(len(tiling)):
        seen[tiling.window(number)] += 1
    assert (seen > 0).all() and tiling.origins.dtype == np.int64
    for starts, side, size in zip(tiling.starts, tile, shape, strict=True):
        apart = np.diff(starts)
        assert (apart > 0).all() and (apart <= side - overlap).all() and apart.size == -(-(size - side) // (side - overlap))
        assert apart.size == 0 or np.ptp(apart) <= 1  # spread evenly


def test_tiles_without_overlap_are_a_partition():
    tiling = Tiling((32, 48), (16, 16), 0)
    np.testing.assert_array_equal(tiling.origins, [[0, 0], [0, 16], [0, 32], [16, 0], [16, 16], [16, 32]])
    assert all((tiling.weight(number) == 1).all() for number in range(6))
    assert [borders.tolist() for borders in tiling.borders] == [[16], [16, 32]]


def test_the_borders_of_overlapping_tiles_are_where_each_begins_and_ends():
    rows, columns = Tiling((20, 28), (12, 12), 4).borders
    assert rows.tolist() == [8, 12] and columns.tolist() == [8, 12, 16, 20]


@pytest.mark.parametrize(("shape", "tile", "overlap"), CASES)
def test_weights_are_positive_and_sum_to_one_at_every_pixel(shape, tile, overlap):
    tiling = Tiling(shape, tile, overlap)
    total = np.zeros(shape)
    for number in range(len(tiling)):
        assert (tiling.weight(number) > 0).all()
        total[tiling.window(number)] += tiling.weight(number).numpy()
    np.testing.assert_allclose(total, 1, rtol=1e-13)


@pytest.mark.parametrize(("shape", "tile", "overlap"), CASES)
def test_tiles_cut_from_a_field_blend_into_the_field(shape, tile, overlap):
    y, x = np.mgrid[: shape[0], : shape[1]]
    field = np.stack([np.sin(y / 9) * np.cos(x / 7), 0.5 * np.cos((x + y) / 11)])[:, None].astype("float32")
    np.testing.assert_allclose(blended(field, Tiling(shape, tile, overlap)), field, atol=2e-6)


def test_one_tile_as_large_as_the_scene_is_the_scene_bit_for_bit():
    field = np.random.default_rng(0).normal(size=(2, 7, 9)).astype("float32")
    np.testing.assert_array_equal(blended(field, Tiling((7, 9), (7, 9), 0)), field)


def test_two_tiles_that_disagree_meet_along_a_raised_cosine():
    tiling = Tiling((16, 24), (16, 16), 8)
    scene = torch.empty(16, 24)
    Blender(tiling, scene).add(0, torch.stack([torch.zeros(16, 16), torch.ones(16, 16)]))
    row = scene[5].numpy()
    np.testing.assert_allclose(row[8:16], np.sin(np.pi * (np.arange(8) + 0.5) / 16) ** 2, rtol=1e-5)
    assert (row[:8] == 0).all() and (row[16:] == 1).all()


def test_a_scene_of_disagreeing_tiles_has_seams_when_pasted_and_none_when_blended():
    y, x = np.mgrid[:200, :200]
    field = torch.from_numpy((0.02 * y + 0.03 * x).astype("float32"))
    offsets = torch.from_numpy(np.random.default_rng(0).normal(0, 0.5, 400).astype("float32"))
    index = {}
    for overlap in (0, 25):
        tiling, scene = Tiling((200, 200), (50, 50), overlap), torch.empty(200, 200)
        blender = Blender(tiling, scene)
        for number in range(len(tiling)):
            blender.add(number, (field[tiling.window(number)] + offsets[number])[None])
        index[overlap] = seam_index(scene.numpy(), *tiling.borders)
    assert index[0] > 10 and index[25] < 1.05


def test_a_float64_scene_is_blended_in_float64():
    scene = torch.empty(30, 30, dtype=torch.float64)
    tiling = Tiling((30, 30), (12, 12), 6)
    blender = Blender(tiling, scene)
    for number in range(len(tiling)):
        blender.add(number, torch.full((1, 12, 12), 1 / 3, dtype=torch.float64))
    assert scene.sub(1 / 3).abs().max() < 1e-15 and scene.dtype == torch.float64


@pytest.mark.parametrize("overlap", [-1, 16, 17])
def test_an_overlap_that_leaves_no_step_is_refused(overlap):
    with pytest.raises(InputError, match="overlap: expected 0 to 15 pixels of a tile of 16×16, found"):
        Tiling((64, 64), (16, 16), overlap)


def test_a_scene_smaller_than_a_tile_is_refused():
    with pytest.raises(InputError, match="the scene is 64×12 pixels, smaller than a tile of 16×16"):
        Tiling((64, 12), (16, 16), 8)
