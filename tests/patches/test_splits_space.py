"""Parts in blocks of a scene are a patch apart, and a split by both is apart in time as well."""

import dataclasses

import numpy as np
import pytest

from glaciercast.errors import InputError, LeakError
from glaciercast.patches import sampling, splits, splits_space
from glaciercast.patches.splits import PARTS

TIMES = splits.by_time(96, n_input=4, n_target=4, history=12)
EVERYWHEN = splits_space.everywhen(96, n_input=4, n_target=4, history=12)


@pytest.mark.parametrize(("shape", "patch", "blocks"), [((40, 43), 8, 4), ((31, 64), 6, 3), ((20, 20), 5, 4)])
def test_no_patch_is_wide_enough_to_reach_from_one_part_to_another(shape, patch, blocks):
    split = splits_space.by_space(TIMES, shape, patch, blocks=blocks)
    places = {part: np.argwhere(split.mask(part)) for part in PARTS}
    for one, two in (("train", "validation"), ("train", "test"), ("validation", "test")):
        distance = np.abs(places[one][:, None] - places[two][None]).max(axis=2)
        assert distance.min() >= patch + 1  # so many pixels between them that a patch fits
    assert all(len(sampling.origins_within(sampling.patch_origins(shape, patch, patch), split.mask(part), patch)) for part in PARTS)


def test_blocks_are_whole_patches_shared_out_as_asked():
    split = splits_space.by_space(TIMES, (800, 800), 50)
    cells = {part: split.mask(part).reshape(16, 50, 16, 50) for part in PARTS}
    assert all((cell.all(axis=(1, 3)) == cell.any(axis=(1, 3))).all() for cell in cells.values())
    blocks = cells["test"].all(axis=(1, 3)).reshape(4, 4, 4, 4)
    assert (blocks.all(axis=(1, 3)) == blocks.any(axis=(1, 3))).all() and blocks.all(axis=(1, 3)).sum() == 4  # of 16: a quarter
    assert split.mask("train").mean() > 0.4 and split.mask("validation").mean() > 0.1


def test_what_is_left_over_of_a_scene_belongs_to_its_last_patches():
    split = splits_space.by_space(TIMES, (43, 43), 8)
    np.testing.assert_array_equal(split.mask("test")[40:], np.repeat(split.mask("test")[39:40], 3, axis=0))


def test_training_windows_read_no_pixel_of_another_part():
    split = splits_space.by_space(EVERYWHEN, (40, 40), 8)
    read = np.zeros((40, 40), bool)
    for row, column in sampling.origins_within(sampling.patch_origins((40, 40), 8, 1), split.mask("train"), 8):
        read[row : row + 8, column : column + 8] = True
    assert read.sum() == split.mask("train").sum() and not (read & (split.mask("test") | split.mask("validation"))).any()


def test_by_space_alone_all_parts_have_all_times_and_by_both_they_come_one_after_the_other():
    space, both = (splits_space.by_space(times, (40, 40), 8) for times in (EVERYWHEN, TIMES))
    assert (space.name, both.name) == ("space", "both")
    assert space.issues("train").tolist() == space.issues("test").tolist() == list(range(11, 92)) and space.training_steps == range(96)
    assert both.issues("test").tolist() == TIMES.issues("test").tolist() and both.training_steps == TIMES.training_steps
    np.testing.assert_array_equal(space.mask("test"), both.mask("test"))
    assert space.facts() != both.facts() and space.facts()["pixels"] == both.facts()["pixels"]
    assert splits_space.by_space(TIMES, (40, 40), 8, seed=1).facts() != both.facts()


def test_a_scene_too_small_for_three_parts_says_so():
    with pytest.raises(InputError, match="a scene of 25×25 pixels holds 2×2 patches of 10, too few for three parts"):
        splits_space.by_space(TIMES, (25, 25), 10)
    with pytest.raises(InputError, match="the series has 15 steps, fewer than the 16 that a window needs"):
        splits_space.everywhen(15, n_input=4, n_target=4, history=12)


def test_the_checker_finds_blocks_that_are_too_near():
    split = splits_space.by_space(TIMES, (40, 40), 8)
    wider = np.roll(split.mask("train"), 1, axis=0) | np.roll(split.mask("train"), 1, axis=1)
    with pytest.raises(LeakError, match=r"pixels lie between train and .*, expected at least a patch of 8"):
        splits_space.check(dataclasses.replace(split, pixels={**split.pixels, "train": wider}))
