"""Pixel-dates that parts share are counted as a loop counts them, and by the published split as chance has it."""

from math import lgamma

import numpy as np
import pytest
from tests.evaluate import held

from glaciercast.evaluate import overlap
from glaciercast.evaluate.overlap import Overlap
from glaciercast.patches.sampling import patch_origins
from glaciercast.patches.splits_published import PublishedSplit, published
from glaciercast.training import networks


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return held.made(tmp_path_factory.mktemp("held"))


def looped(windows, offsets, n_steps):
    """Return the pixel-dates of windows, one after the other."""
    cover = np.zeros((n_steps, *windows.cache.shape), bool)
    for issue, (row, column) in zip(*windows.places(np.arange(len(windows))), strict=True):
        cover[issue + offsets.start : issue + offsets.stop, row : row + windows.size[0], column : column + windows.size[1]] = True
    return cover


@pytest.mark.parametrize("kind", ["published", "time", "both"])
def test_windows_cover_what_a_loop_says(found, kind):
    split = held.split(found, kind)
    for part, offsets in (("train", range(1, 3)), ("test", range(-4, 3))):
        windows = networks.windows(found, held.TASK, split, part, held.STRIDE)
        np.testing.assert_array_equal(overlap.covered(windows, offsets, found.n_steps), looped(windows, offsets, found.n_steps))


def test_what_is_scored_covers_the_targets_of_all_windows_of_the_part_and_no_others(found):
    for kind in held.HONEST:
        split = held.split(found, kind)
        cover = overlap.scored(found, held.TASK, split, "test", held.STRIDE)
        windows = looped(networks.windows(found, held.TASK, split, "test", 1), range(1, 3), found.n_steps)
        np.testing.assert_array_equal(cover, windows)


def test_composites_share_scenes_when_they_are_fewer_steps_apart_than_they_are_long():
    targets, others = np.zeros((12, 1, 2), bool), np.zeros((12, 1, 2), bool)
    targets[[6, 9], 0, 0], others[3, 0, 0], others[6, 0, 1] = True, True, True
    assert [Overlap.of(targets, others, length).shared for length in (1, 3, 4, 6, 7)] == [0, 0, 1, 1, 2]
    assert Overlap.of(others, targets, 4).shared == 1  # whichever comes first
    assert Overlap.of(targets, others, 4).to_json() == {"pixel_dates": 2, "shared": 1, "share": 0.5}


def expected_share(counts, total, held_out):
    """Return E[tested and trained on] / E[tested] of pixel-dates that lie in `counts` of `total` windows, of which some are held out."""

    def choose(n, k):
        return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)

    trained = np.array([np.exp(choose(total - k, held_out) - choose(total, held_out)) for k in counts])  # all its windows in training
    tested = np.array([np.exp(choose(total - k, held_out - k) - choose(total, held_out)) if k <= held_out else 0 for k in counts])
    return (1 - trained - tested).sum() / (1 - trained).sum()


def test_the_published_protocol_leaks_what_chance_says():
    """50×50 patches every 10 pixels of a 100×100 scene, windows of 4 + 4 steps that begin at every step of 20."""
    steps, origins = 20, patch_origins((100, 100), 50, 10)
    split = published(steps, n_input=4, n_target=4, history=4)
    issues, total = split.issues("test"), len(split.issues("test")) * len(origins)
    count = np.zeros((steps, 100, 100), int)
    for issue in issues:
        for row, column in origins:
            count[issue + 1 : issue + 5, row : row + 50, column : column + 50] += 1
    assert count.max() == 4 * 25 and total == 13 * 36
    shares = []
    for seed in range(20):
        covers = {part: np.zeros(count.shape, bool) for part in ("train", "test")}
        for part, cover in covers.items():
            for number in PublishedSplit(split.targets, 4, 4, 4, 1, seed).chosen(part, len(origins)):
                (row, column), issue = origins[number % 36], issues[number // 36]
                cover[issue + 1 : issue + 5, row : row + 50, column : column + 50] = True
        shares.append(Overlap.of(covers["test"], covers["train"], 1).share)
    values, times = np.unique(count[count > 0], return_counts=True)
    expected = expected_share(np.repeat(values, times), total, round(0.2 * total))
    assert np.mean(shares) == pytest.approx(expected, abs=4 * np.std(shares) / np.sqrt(20)) and 0.98 < expected < 1
