"""Splits by time leave no way from one part into another."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.errors import InputError, LeakError
from glaciercast.patches import splits


def test_the_gap_follows_its_rule():
    assert splits.gap_steps(4, 4, 1) == 8 and splits.gap_steps(3, 2, 6) == 10


def test_the_split_of_the_demo_by_value():
    split = splits.by_time(66, n_input=3, n_target=2, history=12, fractions=(0.55, 0.16, 0.29))
    assert split.targets == {"train": range(12, 36), "validation": range(41, 48), "test": range(53, 66)}
    assert split.issues("train").tolist() == list(range(11, 34)) and split.issues("test").tolist() == list(range(52, 64))


@given(
    st.integers(20, 300), st.integers(1, 6), st.integers(1, 6), st.integers(1, 23), st.integers(1, 6),
    st.tuples(*[st.floats(0.05, 1)] * 3),
)  # fmt: skip
def test_no_scene_of_a_training_target_enters_a_test_target(n_steps, n_input, n_target, history, length, fractions):
    history = max(history, n_input)
    try:
        split = splits.by_time(n_steps, n_input=n_input, n_target=n_target, history=history, composite_length=length, fractions=fractions)
    except InputError:
        return
    scenes = {}
    for part in splits.PARTS:
        issues = split.issues(part)
        assert issues.size >= 1 and issues[0] - history + 1 >= 0 and issues[-1] + n_target < n_steps
        targets = issues[:, None] + np.arange(1, n_target + 1)
        scenes[part] = {int(step) + back for step in targets.ravel() for back in range(-length + 1, 1)}
    assert not scenes["train"] & scenes["validation"] and not scenes["validation"] & scenes["test"] and not scenes["train"] & scenes["test"]
    assert max(split.training_steps) + split.gap < split.targets["validation"].start


def test_a_memoriser_finds_no_test_scene_among_training_frames():
    """The canary: whoever answers a test target with a training frame of the same date finds none."""
    split = splits.by_time(96, n_input=4, n_target=4, history=12)
    targets = {int(issue) + lead for issue in split.issues("test") for lead in range(1, 5)}
    assert not targets & set(split.training_steps)


def test_a_series_too_short_says_how_long_it_must_be():
    with pytest.raises(InputError, match="the series has 30 steps, fewer than the 40 that windows need"):
        splits.by_time(30, n_input=4, n_target=4, history=12)
    splits.by_time(40, n_input=4, n_target=4, history=12, fractions=(1, 1, 1))


def test_the_checker_finds_parts_that_touch_and_parts_that_overlap():
    good = splits.by_time(96, n_input=4, n_target=4, history=12)
    train, test = good.targets["train"], good.targets["test"]
    near = dataclasses.replace(good, targets={**good.targets, "validation": range(train.stop + 3, good.targets["validation"].stop)})
    with pytest.raises(LeakError, match="the gap before step"):
        splits.check(near)
    overlapping = dataclasses.replace(good, targets={**good.targets, "test": range(train.stop - 6, test.stop)})
    with pytest.raises(LeakError, match="enters targets of"):
        splits.check(overlapping)


def test_a_frame_from_after_the_issue_time_is_a_leak():
    available = np.array(["2020-02-01", "2020-03-01", "2020-05-20"], "M8[ns]")
    splits.check_available(available, np.datetime64("2020-03-01"), np.array([0, 1]))
    with pytest.raises(LeakError, match="step 2 was available at 2020-05-20"):
        splits.check_available(available, np.datetime64("2020-04-01"), np.array([0, 1, 2]))
