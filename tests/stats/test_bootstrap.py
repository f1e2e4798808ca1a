"""Intervals over clusters: right coverage, and a sentence where there are too few."""

import numpy as np
import pytest

from glaciercast.stats import bootstrap
from glaciercast.stats.bootstrap import Clusters


def test_below_eight_clusters_there_is_a_sentence_and_no_interval():
    clusters = np.repeat(np.arange(7), 3)
    assert bootstrap.skill(np.ones(21), np.ones(21), Clusters.of(clusters)).interval is None
    assert bootstrap.interval_sentence(7, 5).startswith("No interval is given: the test part holds 7 independent time blocks of 5 steps")
    assert "95 % intervals" in bootstrap.interval_sentence(8, 5)


def test_blocks_of_time():
    np.testing.assert_array_equal(bootstrap.time_blocks(np.arange(53, 60), 3), [0, 0, 0, 1, 1, 1, 1])  # a block of one is none
    np.testing.assert_array_equal(bootstrap.time_blocks(np.arange(4), 9), [0, 0, 0, 0])


def test_the_interval_holds_the_true_skill_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits, n_clusters, size = 0, 40, 4
    for trial in range(100):
        weather = rng.gamma(2, size=(n_clusters, 1))
        model = (0.5 * weather * rng.gamma(5, 1 / 5, size=(n_clusters, size))).ravel()
        base = (weather * rng.gamma(5, 1 / 5, size=(n_clusters, size))).ravel()
        low, high = bootstrap.skill(model, base, Clusters.of(np.repeat(np.arange(n_clusters), size)), seed=trial).interval
        hits += low <= 0.5 <= high
    assert 0.88 <= hits / 100 <= 0.99


def test_a_model_that_equals_the_baseline_has_an_interval_of_zero():
    errors = np.random.default_rng(0).random(10)
    assert bootstrap.skill(errors, errors, Clusters.of(np.arange(10))).interval == (0.0, 0.0)
    assert bootstrap.skill(errors, 2 * errors, Clusters.of(np.arange(10))).interval == (0.5, 0.5)


def many(n_glaciers, blocks=6, size=3):
    """Return clusters of forecasts of some glaciers, `size` in each block."""
    glacier = np.repeat(np.arange(n_glaciers), blocks * size)
    return Clusters.of(np.tile(np.repeat(np.arange(blocks), size), n_glaciers), glacier)


def test_forecasts_of_a_block_are_drawn_together_and_as_many_blocks_as_there_are():
    counts = many(1, blocks=9, size=3).draws(500, seed=1)
    assert (counts.reshape(500, 9, 3) == counts.reshape(500, 9, 3)[:, :, :1]).all() and (counts.sum(axis=1) == 27).all()
    share = counts[:, ::3].mean()
    assert share == 1 and counts[:, ::3].var() == pytest.approx(1 - 1 / 9, abs=0.05)  # multinomial


def test_from_eight_glaciers_on_they_are_drawn_first_and_then_their_blocks():
    clusters = many(8, blocks=2, size=1)
    counts = clusters.draws(4000, seed=2).reshape(4000, 8, 2)
    glacier = counts.sum(axis=2)
    assert clusters.by_glacier and clusters.independent == 8
    assert (glacier % 2 == 0).all() and (glacier.sum(axis=1) == 16).all()  # whole glaciers, each with as many blocks as it has
    assert (glacier / 2).var() == pytest.approx(1 - 1 / 8, abs=0.05)
    twice = counts[glacier == 4][:, 0]  # a glacier drawn twice: 4 blocks, each of one or the other kind
    assert twice.var() == pytest.approx(4 * 0.25, abs=0.05)


def test_with_fewer_glaciers_all_stay_and_their_blocks_are_drawn():
    clusters = many(3, blocks=9)
    counts = clusters.draws(200).reshape(200, 3, 27)
    assert not clusters.by_glacier and clusters.independent == 9 and (counts.sum(axis=2) == 27).all()


def uneven(*blocks):
    """Return clusters of glaciers with so many blocks each, of one forecast each."""
    return Clusters.of(np.concatenate([np.arange(count) for count in blocks]), np.repeat(np.arange(len(blocks)), blocks))


@pytest.mark.parametrize("blocks", [(2, 2, 2, 2), (1, 1, 1, 1, 1, 1, 2), (7, 30), (30, 7, 8), (4, 4)])
def test_below_eight_glaciers_an_interval_rests_on_the_fewest_blocks_of_any(blocks):
    clusters = uneven(*blocks)
    assert clusters.independent == min(blocks) and clusters.blocks.tolist() == list(blocks)
    assert clusters.draws(10) is None and bootstrap.estimate(np.ones(sum(blocks)), np.ones(sum(blocks)), clusters).interval is None


@pytest.mark.parametrize("blocks", [(8, 8), (8, 8, 8, 8), (8, 20, 12), (8,) * 7, (2,) * 16, (1,) * 7 + (2,) * 9])
def test_intervals_of_several_glaciers_hold_a_known_mean_about_as_often_as_they_say(blocks):
    clusters, trials, rng = uneven(*blocks), 4000, np.random.default_rng(8)
    values = rng.normal(size=(clusters.block.size, trials))  # of a true mean of 0
    if clusters.by_glacier:
        values += rng.normal(size=(len(blocks), trials))[clusters.glacier]  # glaciers like these differ
    counts = clusters.draws(1000, seed=8)
    low, high = np.quantile((counts @ values) / counts.sum(axis=1, keepdims=True), [0.025, 0.975], axis=0)
    held = ((low <= 0) & (high >= 0)).mean()
    assert 0.9 <= held <= 0.98


def test_where_glaciers_count_alike_each_is_divided_by_what_was_drawn_of_it():
    rng, clusters = np.random.default_rng(9), uneven(3, 1, 2, 4, 2, 2, 1, 3, 5)
    squared, weight = rng.gamma(2, size=(2, 23)), rng.gamma(1, size=23)
    counts, names = clusters.draws(), range(9)
    replicates = []
    for row in counts:
        means, times = [], []
        for name in names:
            own = np.flatnonzero(clusters.glacier == name)
            drawn = np.repeat(own, row[own].astype(int))
            times.append(len(drawn) // len(own))
            means.append(squared[:, drawn].sum(axis=1) / weight[drawn].sum() if len(drawn) else np.zeros(2))
        assert sum(times) == 9
        replicates.append(np.average(means, axis=0, weights=times).mean())
    found = bootstrap.estimate(squared, np.tile(weight, (2, 1)), clusters, alike=True)
    assert found.interval == pytest.approx(tuple(np.quantile(replicates, [0.025, 0.975])), rel=1e-9)
    alone = [squared[:, clusters.glacier == name].sum() / 2 / weight[clusters.glacier == name].sum() for name in names]
    assert found.value == pytest.approx(np.mean(alone))
    fewer = bootstrap.skill(squared[:1] * np.array([[0.5], [0.25]]), squared[0], clusters, weight=weight)
    assert fewer.value == pytest.approx(0.625) and fewer.interval == pytest.approx((0.625, 0.625))
    apart = bootstrap.difference((squared, weight), (squared - 0.1 * weight, weight), clusters, alike=True)
    assert apart.interval == pytest.approx((0.1, 0.1))  # each site's mean is a tenth lower, whatever is drawn


def test_the_spread_between_glaciers_widens_the_interval():
    rng = np.random.default_rng(3)
    squared = np.repeat(rng.gamma(2, size=12), 18) * rng.gamma(50, 1 / 50, size=216)
    apart = bootstrap.estimate(squared, np.ones(216), many(12))
    pooled = bootstrap.estimate(squared, np.ones(216), Clusters.of(np.arange(216) // 3))
    assert np.diff(apart.interval)[0] > 2 * np.diff(pooled.interval)[0] and apart.value == pooled.value == squared.mean()


def test_a_difference_is_paired():
    rng = np.random.default_rng(4)
    weather = np.repeat(rng.gamma(1, size=20), 5)
    weight = np.ones(100)
    ours, theirs = weather + 0.1, weather
    found = bootstrap.difference((ours, weight), (theirs, weight), Clusters.of(np.arange(100) // 5))
    assert found.value == pytest.approx(0.1) and found.interval == pytest.approx((0.1, 0.1))  # the weather cancels
    assert np.diff(bootstrap.estimate(ours, weight, Clusters.of(np.arange(100) // 5)).interval)[0] > 0.5
    assert bootstrap.skill(ours, theirs, Clusters.of(np.arange(100) // 5)).value == pytest.approx(1 - ours.sum() / theirs.sum())


def test_seeds_are_told_apart_from_sampling():
    rng = np.random.default_rng(5)
    base = rng.gamma(2, size=100)
    seeds = base * np.array([[0.8], [1.0], [1.2]])
    clusters = Clusters.of(np.arange(100) // 5)
    found = bootstrap.estimate(seeds, np.ones((3, 100)), clusters)
    alone = bootstrap.estimate(base, np.ones(100), clusters)
    assert found.seeds == 3 and found.seed_spread == pytest.approx(0.2 * base.mean())
    assert found.value == pytest.approx(alone.value) and found.interval == pytest.approx(alone.interval)
    assert alone.seed_spread is None and alone.clusters == 20
    against = bootstrap.difference((seeds, np.ones((3, 100))), (base, np.ones(100)), clusters)
    assert against.value == pytest.approx(0, abs=1e-12) and against.seed_spread == pytest.approx(0.2 * base.mean())


def test_the_same_seed_draws_the_same_and_another_does_not():
    squared, clusters = np.random.default_rng(6).random(90), many(1, blocks=10, size=9)
    first, again = (bootstrap.estimate(squared, np.ones(90), clusters) for _ in range(2))
    assert first == again != bootstrap.estimate(squared, np.ones(90), clusters, seed=1)


def test_where_nothing_was_observed_there_is_no_interval():
    found = bootstrap.estimate(np.zeros(90), np.zeros(90), many(1, blocks=10, size=9))
    assert np.isnan(found.value) and found.interval is None


def test_sentences_say_what_an_interval_is_about():
    assert bootstrap.sentence(many(1, blocks=3), 5) == bootstrap.interval_sentence(3, 5)
    assert bootstrap.sentence(uneven(3, 12), 5, "validation").startswith(
        "No interval is given: of 2 glaciers one has only 3 time blocks of 5 steps in its validation part, and below 8"
    )
    few = bootstrap.sentence(uneven(8, 9, 10), 5)
    assert "27 time blocks of 5 steps within 3 glaciers, 8 at least in each (2,000 replicates)" in few and "at other times" in few
    assert bootstrap.sentence(many(9), 5).startswith(
        "95 % intervals by bootstrap over 9 glaciers, and over their 54 time blocks of 5 steps"
    )


def test_the_sentence_names_the_part_and_says_where_training_knew_the_times():
    assert bootstrap.interval_sentence(1, 5, "validation").startswith(
        "No interval is given: the validation part holds 1 independent time block "
    )
    for clusters in (many(1, blocks=9), many(3, blocks=9), many(9)):
        told, plain = bootstrap.sentence(clusters, 5, "test", known=True), bootstrap.sentence(clusters, 5)
        assert told.endswith("an interval is of known times only and says nothing of times to come.") and "known times" not in plain
        assert "at other times" not in told
