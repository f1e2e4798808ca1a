"""Offsets hold what they promise: coverage of a block to come, whatever its size, and no more width than that takes."""

import math

import numpy as np
import pytest

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.stats.conformity import EDGES, RESOLUTION, ConformityScores, intervals

LEVELS = (0.05, 0.5, 0.95)


def counted(truth, weight=None, blocks=None, half_width=1.0, levels=LEVELS, scale=1.0, centre=0.0):
    """Return the scores of intervals of one half-width around `centre` for truths (b, y, x)."""
    truth = np.asarray(truth, "float64")[:, None, None]
    steps = np.linspace(-half_width, half_width, len(levels)).reshape(-1, 1, 1, 1, 1, 1)
    scores = ConformityScores(("ndsi",), np.array([scale]), levels)
    weight = np.ones_like(truth) if weight is None else np.asarray(weight, "float64")[:, None, None]
    scores.add(centre + steps + np.zeros_like(truth), truth, weight, np.arange(len(truth)) if blocks is None else np.asarray(blocks))
    return scores


def offset(scores):
    return scores.offsets()[0].item()


@pytest.mark.parametrize("n", [9, 10, 19, 30, 99])
def test_with_one_score_a_block_it_is_the_order_statistic_of_romano(n):
    truth = np.random.default_rng(n).normal(size=(n, 1, 1))
    score = np.sort(np.maximum(-1 - truth, truth - 1).ravel())[math.ceil((n + 1) * 0.9 - 1e-9) - 1]
    assert score <= offset(counted(truth)) <= score + max(RESOLUTION * abs(score), 1e-4)


def test_blocks_count_the_same_and_pixels_within_them_by_their_observed_fraction():
    rng = np.random.default_rng(0)
    truth, weight = rng.normal(size=(12, 6, 5)) * np.linspace(0.5, 3, 12)[:, None, None], rng.random((12, 6, 5)) ** 4
    weight[3] *= 1e-3
    weight[5, 1:] = 0
    score = np.maximum(-1 - truth, truth - 1)
    share = weight / weight.sum(axis=(1, 2), keepdims=True) / 12
    order = np.argsort(score, axis=None)
    exact = score.ravel()[order][np.searchsorted(np.cumsum(share.ravel()[order]), 0.9 * 13 / 12)]
    assert exact <= offset(counted(truth, weight)) <= exact * (1 + RESOLUTION)


def test_windows_of_one_block_are_one():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(40, 4, 4))
    together = counted(truth.reshape(10, 4, 4, 4).reshape(10, 16, 4))
    apart = counted(truth, blocks=np.arange(40) // 4)
    assert offset(apart) == offset(together) and apart.offsets()[1].tolist() == [[10]]


def test_parts_in_any_order_merge_into_the_whole():
    truth, blocks = np.random.default_rng(2).normal(size=(30, 3, 3)), np.arange(30) // 2
    whole, merged = counted(truth, blocks=blocks), counted(truth[15:], blocks=blocks[15:])
    merged.merge(counted(truth[:15], blocks=blocks[:15]))
    assert offset(merged) == offset(whole) and merged.counts.keys() == whole.counts.keys()
    assert all((merged.counts[block] == whole.counts[block]).all() for block in whole.counts)


@pytest.mark.parametrize("half_width", [0.3, 4.0], ids=["too narrow", "too wide"])
def test_a_block_to_come_is_covered_as_promised_and_not_much_more(half_width):
    """In each of 400 repetitions, 20 blocks and a further one share a draw of weather each, and their pixels differ besides."""
    rng, covered = np.random.default_rng(3), []
    for _ in range(400):
        truth = rng.normal(size=(21, 1, 1)) + 0.5 * rng.normal(size=(21, 5, 5))
        reach = half_width + offset(counted(truth[:20], half_width=half_width))
        covered.append((np.abs(truth[20]) <= reach).mean())
    error = np.std(covered) / 20
    assert 0.9 - 2.5 * error <= np.mean(covered) <= 0.9 + 1 / 21 + 2.5 * error


def test_pixels_taken_for_independent_would_cover_too_little():
    """Why the formula counts blocks and not pixels: the 90 % quantile of 375 pixels in 15 blocks holds 87 % of the next block."""
    rng = np.random.default_rng(4)
    truth = np.abs(rng.normal(size=(4000, 16, 1)) + 0.1 * rng.normal(size=(4000, 16, 25)))
    reach = np.quantile(truth[:, :15].reshape(4000, 375), 0.9 * 376 / 375, axis=1, method="inverted_cdf")
    assert (truth[:, 15] <= reach[:, None]).mean() == pytest.approx(0.875, abs=0.012)


def test_each_interval_lead_and_variable_moves_on_its_own():
    rng, levels, scale = np.random.default_rng(5), (0.1, 0.25, 0.5, 0.75, 0.9), np.array([1.0, 20.0])
    spread = np.array([[1.0, 40.0], [3.0, 80.0]]).reshape(1, 2, 2, 1, 1)  # (T, W)
    truth = spread * rng.normal(size=(400, 2, 2, 4, 4))
    scores = ConformityScores(("ndsi", "vx"), scale, levels)
    scores.add(np.zeros((5, *truth.shape)), truth, np.ones_like(truth), np.arange(400))
    offsets, blocks = scores.offsets()
    np.testing.assert_allclose(offsets[0], 1.2816 * spread[0, :, :, 0, 0], rtol=0.05)
    np.testing.assert_allclose(offsets[1], 0.6745 * spread[0, :, :, 0, 0], rtol=0.05)
    assert (blocks == 400).all()


def test_what_was_not_observed_is_not_scored():
    rng = np.random.default_rng(6)
    truth, weight = rng.normal(size=(12, 4, 4)), (rng.random((12, 4, 4)) < 0.5).astype(float)
    weight[7] = 0
    spoiled = np.where(weight > 0, truth, rng.choice([np.nan, 1e6], size=truth.shape))
    assert offset(counted(spoiled, weight)) == offset(counted(truth, weight))
    assert counted(spoiled, weight).offsets()[1].item() == 11
    with pytest.raises(GlaciercastError, match="expected finite quantiles wherever the truth was observed"):
        counted(truth, half_width=np.nan)


@pytest.mark.parametrize(("levels", "needed"), [(LEVELS, 9), ((0.025, 0.5, 0.975), 19), ((0.1, 0.5, 0.9), 4), ((0.25, 0.5, 0.75), 1)])
def test_too_few_blocks_are_refused_in_one_line(levels, needed):
    truth = np.random.default_rng(7).normal(size=(needed, 2, 2))
    assert np.isfinite(offset(counted(truth, levels=levels)))
    truth[-1] = np.nan
    message = rf"interval takes {needed} blocks in which ndsi was observed at lead 1, found {needed - 1}; ask"
    with pytest.raises(InputError, match=message):
        counted(truth, levels=levels).offsets()
    with pytest.raises(InputError, match="at least one window"):
        ConformityScores(("ndsi",), np.ones(1), levels).offsets()


def test_misses_beyond_all_measure_are_an_error():
    with pytest.raises(GlaciercastError, match="more than 10% of the truths of ndsi at lead 1 lie over 50 outside"):
        counted(np.full((10, 1, 1), 60.0), scale=0.5).offsets()


def test_bins_are_as_fine_as_stated():
    positive = EDGES[EDGES > 0]
    assert (np.diff(positive) <= RESOLUTION * positive[:-1] * (1 + 1e-9)).all()
    assert positive[0] == pytest.approx(1e-4) and positive[-1] == pytest.approx(100) and (-EDGES[::-1] == EDGES).all()


def test_levels_must_be_symmetric():
    assert intervals((0.05, 0.25, 0.5, 0.75, 0.95)) == pytest.approx((0.9, 0.5))
    for levels in ((0.5,), (0.1, 0.5, 0.95), (0.1, 0.9), (0.9, 0.5, 0.1), (0.0, 0.5, 1.0), (0.1, 0.5, 0.5, 0.9)):
        with pytest.raises(InputError, match="levels: expected ascending ones, symmetric around"):
            intervals(levels)
