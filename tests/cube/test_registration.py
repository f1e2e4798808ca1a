"""The stage of co-registration: frames are laid onto each other, later scenes onto them, and nothing later changes what was."""

from __future__ import annotations

import functools
from datetime import date

import numpy as np
import pandas as pd
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cube.ground import EVERYWHERE, METRES, NOWHERE, SIZE, clouds, scene

from glaciercast.cube import registration
from glaciercast.cube.references import References
from glaciercast.cube.registration import Frame, Registration, season_apart, shifted
from glaciercast.errors import GlaciercastError, InputError

NUMBER = 12
TIMES = pd.date_range("2014-01-15", periods=NUMBER, freq="61D").to_numpy()
LATER = np.datetime64("2017-03-03T05:00:00", "ns")
CONFIG = Registration(enabled=True, least=4)


@functools.cache
def jitter():
    """Return columns and rows by which the frames lie off, (frame, 2)."""
    return np.random.default_rng(4).normal(0, 0.3, (NUMBER, 2))


@functools.cache
def frames():
    return tuple(
        Frame(time, scene(*shift, noise=0.05, seed=k), ~clouds(k, 0.2)) for k, (time, shift) in enumerate(zip(TIMES, jitter(), strict=True))
    )


@functools.cache
def made():
    return References.build(frames(), EVERYWHERE, CONFIG)


def test_frames_are_laid_onto_each_other_and_their_mean_stays():
    reference = made()
    np.testing.assert_allclose(reference.shifts, jitter().mean(0) - jitter(), atol=0.05)  # content goes to where the mean lies
    between = reference.shifts + jitter()
    assert np.hypot(*(between - between.mean(0)).T).max() < 0.02


@settings(max_examples=15, deadline=None)
@given(st.floats(-5, 5, allow_subnormal=False), st.floats(-5, 5, allow_subnormal=False), st.integers(0, 99))
def test_a_later_scene_is_laid_onto_the_mean_of_the_frames(columns, rows, seed):
    off = jitter().mean(0)
    found = made().place(Frame(LATER, scene(columns, rows, noise=0.05, seed=seed), ~clouds(seed, 0.3)))
    assert found.accepted
    assert (found.columns, found.rows) == pytest.approx((off[0] - columns, off[1] - rows), abs=0.03)


def test_a_frame_is_matched_with_the_others_alone():
    """A frame whose content is another's altogether would lie on itself, were it asked."""
    noise = np.random.default_rng(8).normal(size=(SIZE, SIZE)).astype("float32")
    odd = Frame(TIMES[5], noise, EVERYWHERE)
    assert not made().place(odd).accepted


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(NUMBER)))
def test_the_order_of_frames_does_not_matter(order):
    some = [frames()[index] for index in order if index < 5]
    assert References.build(some, EVERYWHERE, CONFIG).digest == References.build(frames()[:5], EVERYWHERE, CONFIG).digest


def test_matching_changes_nothing_in_the_reference():
    reference = made()
    before = reference.digest
    first = reference.place(Frame(LATER, scene(1.0, 0.5), EVERYWHERE))
    reference.place(Frame(LATER + np.timedelta64(40, "D"), scene(-4.0, 2.0, noise=1.0), ~clouds(3, 0.6)))
    again = reference.place(Frame(LATER, scene(1.0, 0.5), EVERYWHERE))
    assert reference.digest == before
    np.testing.assert_array_equal(first.matrix, again.matrix)


def test_a_season_is_matched_with_its_own():
    """In summer a shadow's edge lies elsewhere; frames of winter would pull."""
    times = np.array([f"{year}-{month}-05" for year in range(2010, 2014) for month in ("01", "07")], "datetime64[ns]")
    stack = np.stack([scene(0.4 if k % 2 else 0.0, 0, noise=0.05, seed=k) for k in range(len(times))])
    reference = References(times, stack, np.zeros((len(times), 2)), np.eye(len(times)) * 1e-6, EVERYWHERE, CONFIG)
    for month, place in (("01", 0.0), ("02", 0.0), ("06", 0.4), ("08", 0.4)):
        found = reference.place(Frame(np.datetime64(f"2021-{month}-10"), scene(0.1, 0), EVERYWHERE))
        assert found.columns == pytest.approx(place - 0.1, abs=0.02)


def test_seasons_are_days_of_the_year_apart():
    times = np.array(["2015-12-30", "2016-01-04", "2013-07-01", "2019-03-01"], "datetime64[ns]")
    np.testing.assert_allclose(season_apart(times, np.datetime64("2020-01-01")), [2, 3, 182, 60], atol=1)


def test_what_is_kept_comes_back_and_places_scenes_alike(tmp_path):
    kept = tmp_path / "cube.reference.zarr"
    assert References.load(kept, "a", CONFIG) is None
    made().save(kept, "a")
    made().save(kept, "a")  # again, over it
    found = References.load(kept, "a", CONFIG)
    assert found is not None and found.digest == made().digest
    one, other = (reference.place(Frame(LATER, scene(1.3, -0.2), EVERYWHERE)) for reference in (found, made()))
    np.testing.assert_array_equal(one.matrix, other.matrix)
    assert References.load(kept, "of other scenes", CONFIG) is None
    assert [entry.name for entry in tmp_path.iterdir()] == [kept.name]


def test_damage_to_what_is_kept_is_told(tmp_path):
    kept = tmp_path / "cube.reference.zarr"
    made().save(kept, "a")
    zarr.open_group(kept, mode="r+")["frames"][2, 30, 30] = 0.5
    with pytest.raises(
        GlaciercastError, match=r"cube\.reference\.zarr: the reference of the co-registration differs from what was kept; delete it"
    ):
        References.load(kept, "a", CONFIG)


def test_a_reference_without_ground_refuses_in_one_line(tmp_path):
    for frames_, stable in (
        ([Frame(frame.time, frame.values, NOWHERE) for frame in frames()], EVERYWHERE),
        (frames(), NOWHERE),
        ([], EVERYWHERE),
    ):
        reference = References.build(frames_, stable, CONFIG)
        found = reference.place(Frame(LATER, scene(), EVERYWHERE))
        assert not found.accepted
        assert found.reason == "reference of 0 frames with clear stable ground, at least 4"
        reference.save(tmp_path / "none", "a")
        kept = References.load(tmp_path / "none", "a", CONFIG)
        assert kept is not None and kept.digest == reference.digest


def test_frames_that_fit_no_other_are_left_out():
    noise = np.random.default_rng(8).normal(size=(SIZE, SIZE)).astype("float32")
    odd = Frame(np.datetime64("2014-06-01", "ns"), noise, EVERYWHERE)
    reference = References.build([*frames(), odd], EVERYWHERE, CONFIG)
    np.testing.assert_array_equal(reference.times, TIMES)
    np.testing.assert_allclose(reference.shifts, made().shifts, atol=0.02)


def test_a_scene_that_cannot_be_matched_stays_as_it_is():
    found = made().place(Frame(LATER, scene(), NOWHERE))
    assert found.reason == "clear stable ground on 0 pixels, at least 500"
    arrays = {"nir": scene(), "clear": ~clouds(1, 0.3)}
    for name, values in registration.apply(arrays, found).items():
        np.testing.assert_array_equal(values, arrays[name])
    told = registration.facts(found, METRES)
    assert told == {
        "registered": False,
        "shift_x": None,
        "shift_y": None,
        "correlation": None,
        "valid": 0.0,
        "error": None,
        "reason": found.reason,
    }


def test_an_accepted_scene_is_moved_each_array_by_its_kind():
    classes = np.random.default_rng(0).integers(0, 9, (SIZE, SIZE)).astype("uint8")
    moved = registration.apply({"nir": scene(2.0, 1.0), "clear": EVERYWHERE, "scl": classes}, shifted(-2.0, -1.0))
    np.testing.assert_array_equal(moved["nir"][:-1, :-2], scene(2.0, 1.0)[1:, 2:])  # whole pixels: copied, nothing interpolated
    assert np.isnan(moved["nir"][-1]).all() and not moved["clear"][-1].any() and moved["clear"][:-1, :-2].all()
    np.testing.assert_array_equal(moved["scl"][:-1, :-2], classes[1:, 2:])
    assert {name: values.dtype.name for name, values in moved.items()} == {"nir": "float32", "clear": "bool", "scl": "uint8"}


def test_facts_are_in_metres_east_and_north():
    found = made().place(Frame(LATER, scene(2.0, 1.0), EVERYWHERE))
    told = registration.facts(found, METRES)
    off = 30 * jitter().mean(0)
    assert told["registered"] is True and told["reason"] == ""
    assert (told["shift_x"], told["shift_y"]) == pytest.approx((off[0] - 60, 30 - off[1]), abs=0.6)


def test_without_an_outline_all_ground_counts():
    assert References.build(frames()[:4], None, CONFIG).stable.all()


@pytest.mark.parametrize(
    "number, keys, expected",
    [
        (20, {}, 7),  # two years of a scene in 121 days
        (20, {"least": 10}, 10),
        (3, {}, 3),
        (20, {"until": date(2015, 1, 1)}, 3),
        (20, {"until": date(2000, 1, 1)}, 0),
    ],
)
def test_the_first_years_make_the_reference(number, keys, expected):
    times = pd.date_range("2014-01-15", periods=number, freq="121D").to_numpy()
    picked = registration.chosen(times[::-1], Registration(**({"least": 2} | keys)))
    np.testing.assert_array_equal(picked[::-1], np.arange(number) < expected)


def test_frames_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"values, clear and stable differ in shape: \(100, 160\), \(100, 160\), \(160, 160\)"):
        made().place(Frame(LATER, scene()[:100], EVERYWHERE[:100]))
    odd = Frame(LATER, scene()[:100], EVERYWHERE[:100])
    with pytest.raises(InputError, match=r"values, clear and stable differ in shape"):
        References.build([*frames()[:2], odd], EVERYWHERE, CONFIG)
