"""The published split holds out a random fifth of all windows, and nothing else."""

import numpy as np

from glaciercast.patches import splits_published


def test_a_fifth_of_all_windows_is_held_out_at_random_for_validation_and_test_alike():
    split = splits_published.published(40, n_input=4, n_target=4, history=4)
    issues = split.issues("train")
    assert issues.tolist() == split.issues("test").tolist() == list(range(3, 36))
    parts = {part: split.chosen(part, 36) for part in ("train", "validation", "test")}
    assert len(parts["test"]) == round(0.2 * 33 * 36) and np.array_equal(parts["validation"], parts["test"])
    assert np.array_equal(np.sort(np.concatenate([parts["train"], parts["test"]])), np.arange(33 * 36))
    held_out = np.bincount(parts["test"] // 36, minlength=33)
    assert held_out.min() >= 1 and held_out.max() <= 18  # every date is held out in part, none as a whole
    assert not split.honest and split.mask("test") is None and split.training_steps == range(40)


def test_the_listing_hangs_on_the_seed():
    one, two = (splits_published.published(40, n_input=4, n_target=4, history=4, seed=seed) for seed in (0, 1))
    assert np.array_equal(one.chosen("test", 9), one.chosen("test", 9)) and not np.array_equal(one.chosen("test", 9), two.chosen("test", 9))
    assert one.facts() == {"kind": "published", "seed": 0} != two.facts()
