"""What a scene hides of a lake, from the level of its shore."""

import numpy as np
import pytest

from glaciercast.hazard.lakes_fill import beyond, fill

ROWS = np.repeat(np.arange(20.0)[:, None], 20, axis=1)
"""Elevation that rises by a metre a row: the lake lies to the north."""


def test_hidden_ground_below_the_level_is_water_and_above_it_is_land():
    lake, basin = ROWS < 8, ROWS < 14
    seen = np.ones((20, 20), bool)
    seen[:, 12:] = False
    found = fill(lake & seen, seen, basin, [ROWS])
    assert found.share.sum() == 8 * 8 and (found.share[:8, 12:] == 1).all() and not found.share[8:].any()
    assert 0 < found.error <= 8  # half a pixel along the hidden shore
    assert found.hidden.sum() == 14 * 8


def test_what_no_visible_shore_brackets_stays_open_and_says_so():
    lake, basin = ROWS < 8, ROWS < 14
    seen = ROWS < 5  # all that is seen is water: the level is not
    found = fill(lake & seen, seen, basin, [ROWS])
    assert found.error >= 0.4 * found.hidden.sum()


def test_without_a_rank_the_visible_share_is_taken_with_a_wide_error():
    basin, lake = np.ones((20, 20), bool), ROWS < 10
    seen = np.arange(20)[None, :] < np.full((20, 1), 15)
    found = fill(lake & seen, seen, basin, [np.full((20, 20), np.nan)])
    assert found.share.sum() == pytest.approx(50) and found.error == pytest.approx(25)
    assert fill(lake, np.ones((20, 20), bool), basin, []).error == 0


def test_a_lake_that_rose_in_sight_rose_out_of_sight():
    before, lake = ROWS < 10, ROWS < 15
    visible = np.broadcast_to(np.arange(20)[None, :] < 10, (20, 20))
    assert beyond(lake & visible, visible, before) == pytest.approx(50)
    assert beyond(before & visible, visible, before) == 0 == beyond(lake, np.ones((20, 20), bool), before)
