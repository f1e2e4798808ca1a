"""Windows of time and true means."""

import numpy as np
import pandas as pd
import pytest

from glaciercast.align import composite
from glaciercast.errors import InputError


def test_months_cover_the_first_and_the_last_scene():
    edges = composite.windows(pd.Timestamp("2015-08-11"), pd.Timestamp("2015-10-01"), "MS")
    assert list(edges) == list(pd.DatetimeIndex(["2015-08-01", "2015-09-01", "2015-10-01", "2015-11-01"]))


def test_a_scene_on_an_edge_belongs_to_the_window_that_begins_there():
    edges = composite.windows(pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-17"), "16D")
    assert list(edges) == list(pd.DatetimeIndex(["2020-01-01", "2020-01-17", "2020-02-02"]))


def test_an_unknown_cadence():
    with pytest.raises(InputError, match="cadence 'monthly': not a pandas frequency"):
        composite.windows(pd.Timestamp("2020-01-01"), pd.Timestamp("2020-02-01"), "monthly")


def test_what_was_seen_outweighs_what_was_filled():
    nan = np.nan
    values = [np.array([[1.0, nan, nan]]), np.array([[2.0, 4.0, nan]]), np.array([[6.0, nan, nan]])]
    filled = [np.array([[1.0, 0.5, nan]]), np.array([[2.0, 4.0, 3.0]]), np.array([[6.0, 9.0, 5.0]])]
    mean, observed = composite.mean_of(zip(values, filled, strict=True), (1, 3))
    np.testing.assert_array_equal(mean, [[3.0, 4.0, 4.0]])
    np.testing.assert_array_equal(observed, [[1, 1, 0]])


def test_it_is_the_mean_of_all_scenes_and_not_the_published_running_average():
    scenes = [np.full((1, 1), value, "float32") for value in (0.0, 0.0, 0.9)]
    mean, _ = composite.mean_of(zip(scenes, scenes, strict=True), (1, 1))
    running = 0.0
    for scene in scenes[1:]:
        running = (running + float(scene[0, 0])) / 2  # (average + next) / 2: the last scene counts half
    assert mean[0, 0] == pytest.approx(0.3) and running == pytest.approx(0.45)


def test_the_order_of_scenes_does_not_matter():
    rng = np.random.default_rng(0)
    scenes = [np.where(rng.random((3, 4)) < 0.3, np.nan, rng.random((3, 4))) for _ in range(5)]
    one, _ = composite.mean_of(zip(scenes, scenes, strict=True), (3, 4))
    other, _ = composite.mean_of(zip(scenes[::-1], scenes[::-1], strict=True), (3, 4))
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_window_without_scenes_is_empty():
    mean, observed = composite.mean_of([], (2, 2))
    assert np.isnan(mean).all() and (observed == 0).all()
