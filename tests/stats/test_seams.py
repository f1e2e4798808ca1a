"""The seam index tells pasted patches from a scene."""

import numpy as np
import pytest

from glaciercast.errors import InputError
from glaciercast.stats.seams import seam_index, strongest_line

BORDERS = [4, 8]


def ramp(slope: float, step: float) -> np.ndarray:
    """A plane that rises by `slope` a pixel along y and x, and by `step` more at each border."""
    y, x = np.mgrid[:12, :12]
    return slope * (y + x) + step * (y // 4 + x // 4)


@pytest.mark.parametrize(("slope", "step"), [(1.0, 0.0), (0.5, 0.5), (0.1, 1.0), (1.0, -3.0)])
def test_steps_on_a_plane_have_the_closed_form(slope, step):
    assert seam_index(ramp(slope, step), BORDERS, BORDERS) == pytest.approx(abs(slope + step) / slope)


def test_both_directions_and_all_frames_are_taken_together():
    flat, stepped = ramp(1.0, 0.0), ramp(1.0, 2.0)
    assert seam_index(np.stack([flat, stepped]), BORDERS, BORDERS) == pytest.approx(2.0)
    y = np.mgrid[:12, :12][0]
    along_y = y + np.where(
        y >= 4, 5.0, 0.0
    )  # 12 of 24 border pairs have a gradient of 6, the other 12 of 0; the interior 120 of 1, 120 of 0
    assert seam_index(along_y, [4], [4]) == pytest.approx((12 * 6 / 24) / (120 / 240))


def test_a_scene_that_was_not_put_together_has_one():
    noise = np.random.default_rng(0).normal(size=(4, 400, 400))
    assert seam_index(noise, range(50, 400, 50), range(50, 400, 50)) == pytest.approx(1, abs=0.01)


def test_it_does_not_change_with_gain_and_offset():
    scene = np.random.default_rng(1).normal(size=(12, 12)) + ramp(0, 1)
    assert seam_index(5 - 3 * scene, BORDERS, BORDERS) == pytest.approx(seam_index(scene, BORDERS, BORDERS))


def test_pairs_with_a_gap_do_not_count():
    scene = ramp(0.5, 1.0)
    scene[2] = np.nan
    assert seam_index(scene, BORDERS, BORDERS) == pytest.approx(3.0)


def test_what_does_not_vary_has_no_index():
    assert np.isnan(seam_index(np.ones((12, 12)), BORDERS, BORDERS))
    assert np.isinf(seam_index(ramp(0.0, 1.0), BORDERS, BORDERS))


@pytest.mark.parametrize(("rows", "match"), [([0], r"within 1 … 11, found 0"), ([12], r"within 1 … 11, found 12"), ([], r"found none")])
def test_borders_lie_inside(rows, match):
    with pytest.raises(InputError, match=match):
        seam_index(np.ones((12, 12)), rows, [])


def test_the_strongest_line_is_found_wherever_it_lies():
    """A plane of slope 0.5 with one step of 2 between columns 6 and 7: the mean gradient there is 5 times that of any other line."""
    y, x = np.mgrid[:12, :12]
    scene = 0.5 * (y + x) + 2.0 * (x > 6)
    assert strongest_line(scene) == pytest.approx(5.0)
    assert strongest_line(np.stack([scene, 0.5 * (y + x)])) == pytest.approx(3.0)
    gap = scene.copy()
    gap[3], gap[:, 2] = np.nan, np.nan
    assert strongest_line(gap) == pytest.approx(5.0)
    assert seam_index(scene, [4, 8], [4, 8]) < 1  # the index looks elsewhere


def test_lines_near_the_edge_are_left_out():
    y, x = np.mgrid[:12, :12]
    scene = 0.5 * (y + x) + 2.0 * (x > 0) + 1.0 * (y > 10)
    assert [strongest_line(scene, margin) for margin in (0, 1)] == pytest.approx([5.0, 1.0])
    assert np.isnan(strongest_line(np.ones((12, 12))))
