"""The season fill, step by step: the same as over the whole series, taken up where it stopped, and never from the future."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from glaciercast.cube import gapfill, seasonfill, timefill
from glaciercast.cube.seasonfill import SeasonFill, SeasonFiller
from glaciercast.errors import InputError

STEPS = 7
TIMES = np.datetime64("2018-01-10", "ns") + np.array([0, 40, 150, 365, 400, 520, 730]) * np.timedelta64(1, "D")
SERIES = hnp.arrays("float32", (STEPS, 4, 5), elements=st.one_of(st.floats(-1, 1, width=32), st.just(np.nan)))
REMEMBERING = SeasonFill(remember=0.7)


def by_steps(filler, values, times=TIMES):
    return [filler.step(scene, time) for scene, time in zip(values, times, strict=True)]


@settings(max_examples=25)
@given(SERIES, st.integers(0, STEPS), st.sampled_from([None, REMEMBERING]))
def test_steps_equal_the_series_and_go_on_after_a_restart(values, stop, how):
    whole = seasonfill.fill(values, TIMES, how)
    filler = SeasonFiller(how, values.shape[1:])
    filler.restore(zip(values[:stop], TIMES[:stop], strict=True))
    for (filled, made), expected, which in zip(
        by_steps(filler, values[stop:], TIMES[stop:]), whole.values[stop:], whole.filled[stop:], strict=True
    ):
        assert filled.tobytes() == expected.tobytes()
        np.testing.assert_array_equal(made, which)


@settings(max_examples=25)
@given(SERIES, SERIES, st.integers(1, STEPS - 1))
def test_what_comes_later_changes_nothing(values, others, step):
    changed = np.concatenate([values[:step], others[step:]])
    assert seasonfill.fill(changed, TIMES).values[:step].tobytes() == seasonfill.fill(values, TIMES).values[:step].tobytes()


@settings(max_examples=25)
@given(SERIES)
def test_a_second_fill_changes_nothing_and_observed_pixels_stay(values):
    once = seasonfill.fill(values, TIMES).values
    np.testing.assert_array_equal(seasonfill.fill(once, TIMES).values, once)
    np.testing.assert_array_equal(once[~np.isnan(values)], values[~np.isnan(values)])


@settings(max_examples=40)
@given(SERIES)
def test_nothing_is_filled_beyond_what_was_ever_seen(values):
    filled = seasonfill.fill(values, TIMES).values
    for step in range(STEPS):
        seen = values[: step + 1][~np.isnan(values[: step + 1])]
        made = filled[step][~np.isnan(filled[step])]
        assert not made.size or (seen.min() - 1e-6 <= made.min() and made.max() <= seen.max() + 1e-6)


def test_frames_in_a_file_give_the_same(tmp_path):
    values = np.random.default_rng(1).uniform(-1, 1, (STEPS, 6, 7)).astype("float32")
    values[values < -0.3] = np.nan
    spooled = by_steps(SeasonFiller(None, (6, 7), spool=tmp_path), values)
    assert np.stack([filled for filled, _ in spooled]).tobytes() == seasonfill.fill(values, TIMES).values.tobytes()
    assert not list(tmp_path.iterdir())


def test_without_neighbours_only_the_past_fills():
    scenes = np.stack([np.full((8, 8), value, "float32") for value in (0.2, 0.8, 0.5)])
    scenes[2, 2:6, 2:6] = np.nan
    scenes[0, 0, 0] = scenes[1, 0, 0] = scenes[2, 0, 0] = np.nan
    times = np.datetime64("2018-01-10", "ns") + np.array([0, 365, 395]) * np.timedelta64(1, "D")
    filled = seasonfill.fill(scenes, times, SeasonFill(neighbours=False, memory=30)).values
    share = np.exp(-1)  # 30 days after 0.8; the season of a year before was 0.2, at 30 of 45 days
    assert filled[2, 3, 3] == pytest.approx(share * 0.8 + (1 - share) * 0.2, abs=1e-5)
    assert np.isnan(filled[:, 0, 0]).all() and (filled[2, 6:, 6:] == 0.5).all()


def test_a_step_without_observations_is_the_decayed_past():
    scenes = np.stack([np.full((2, 2), value, "float32") for value in (0.2, 0.8, np.nan)])
    times = np.array(["2019-03-01", "2020-01-20", "2020-02-29"], "datetime64[ns]")
    share, year = np.exp(-40 / SeasonFill().memory), 365.2425
    assert abs(365 - year) < 45  # the first scene tells about the season of the third, and about no other
    filled, made = by_steps(SeasonFiller(None, (2, 2)), scenes, times)[-1]
    np.testing.assert_allclose(filled, share * 0.8 + (1 - share) * 0.2, rtol=1e-6)
    assert made.all()


def test_what_is_forgotten_is_not_carried_but_the_season_stays():
    filler = SeasonFiller(None, (2, 2))
    blank = np.full((2, 2), np.nan, "float32")
    filler.step(np.full((2, 2), 0.2, "float32"), np.datetime64("2019-03-01"))
    filler.step(np.full((2, 2), 0.8, "float32"), np.datetime64("2019-11-01"))
    filler.forget()
    np.testing.assert_array_equal(filler.step(blank, np.datetime64("2020-02-29"))[0], np.float32(0.2))
    filler.forget()
    assert np.isnan(filler.step(blank, np.datetime64("2020-07-01"))[0]).all()


def test_detail_of_the_past_is_added_where_the_scene_bears_it_out():
    """A checkerboard that stays: the kernel loses it, the past knows it, and the scene's own pixels tell that it holds."""
    board = (np.indices((40, 40)).sum(0) % 2).astype("float32") * np.float32(0.5)
    gap = np.zeros(board.shape, bool)
    gap[12:20, 14:22] = True
    now = np.where(gap, np.float32(np.nan), board + np.float32(0.1))
    filled = seasonfill.fill(np.stack([board, now]), np.array(["2020-01-01", "2020-02-01"], "datetime64[ns]")).values[1]
    lost = np.abs(gapfill.fill_spatially(now) - (board + 0.1))[gap].mean()
    assert np.abs(filled - (board + 0.1))[gap].mean() < 0.05 < 0.2 < lost


@pytest.mark.parametrize(
    ("scene", "time", "words"),
    [
        (np.zeros((2, 3), "float32"), "2020-02-01", r"season fill: expected a scene of shape \(2, 2\), found \(2, 3\)"),
        (np.zeros((2, 2), "float32"), "2020-01-01", r"season fill: expected a time after 2020-01-01T00:00:00\.000000000, found 2020-01-01"),
        (np.zeros((2, 2), "float32"), "NaT", r"season fill: expected a time after .*, found NaT"),
        (np.array([[np.inf, np.nan], [0, 0]], "float32"), "2020-02-01", r"season fill: expected finite values"),
    ],
)
def test_what_does_not_follow_is_refused(scene, time, words):
    filler = SeasonFiller(None, (2, 2))
    filler.step(np.zeros((2, 2), "float32"), np.datetime64("2020-01-01"))
    with pytest.raises(InputError, match=words):
        filler.step(scene, np.datetime64(time))


def test_a_mean_of_the_season_is_by_value_in_both_forms():
    values = np.array([0.2, np.nan, 0.6, 0.0], "float32")[:, None, None]
    days = np.array([0.0, 10.0, 20.0, 365.2425])
    expected = (0.2 * 1 + 0.6 * (1 - 20 / 30)) / (1 + (1 - 20 / 30))
    assert timefill.season_mean(values, days, 3)[0, 0] == pytest.approx(expected, rel=1e-6)
    assert timefill.usual(list(values), days[3] - days[:3], (1, 1), 30.0)[0, 0] == timefill.season_mean(values, days, 3)[0, 0]


def test_a_large_scene_is_tried_in_tiles_that_tell_nearly_the_same(monkeypatch):
    rng = np.random.default_rng(3)
    likely = ndimage.gaussian_filter(rng.normal(size=(96, 90)), 1.5).astype("float32")
    scene = np.float32(0.6) * likely
    scene[ndimage.gaussian_filter(rng.normal(size=scene.shape), 3) > 0.03] = np.nan
    whole = seasonfill.worth(scene, likely)
    monkeypatch.setattr(seasonfill, "TILE", 24)
    tiled = seasonfill.worth(scene, likely)
    assert tiled[1, 0] < whole[1, 0]  # on fewer pixels
    np.testing.assert_allclose(tiled[0, :2] / tiled[1, :2], whole[0, :2] / whole[1, :2], atol=0.03)
    tiles = [part for part, _ in seasonfill._trials(np.isnan(scene))]
    assert max(row.stop - row.start for row, _ in tiles) <= 24 and len(set(map(repr, tiles))) == 16 and len(tiles) == 24


def test_only_what_lies_around_the_gaps_is_filled_and_the_same_as_the_whole():
    rng = np.random.default_rng(4)
    likely, scene = rng.random((2, 30, 40), dtype="float32")
    scene[12:15, 20:26] = np.nan
    filled = seasonfill.fill_scene(scene, likely, np.zeros(4))
    np.testing.assert_array_equal(filled, gapfill.fill_spatially(scene))
