"""Intervals over clusters: right coverage, and a sentence where there are too few."""

import numpy as np

from glaciercast.stats import bootstrap


def test_below_eight_clusters_there_is_a_sentence_and_no_interval():
    clusters = np.repeat(np.arange(7), 3)
    assert bootstrap.skill_interval(np.ones(21), np.ones(21), clusters) is None
    assert bootstrap.interval_sentence(7, 5).startswith("No interval is given: the test part holds 7 independent time blocks of 5 steps")
    assert "95 % intervals" in bootstrap.interval_sentence(8, 5)


def test_blocks_of_time():
    np.testing.assert_array_equal(bootstrap.time_blocks(np.arange(53, 60), 3), [0, 0, 0, 1, 1, 1, 1])  # a block of one is none
    np.testing.assert_array_equal(bootstrap.time_blocks(np.arange(4), 9), [0, 0, 0, 0])


def test_the_interval_holds_the_true_skill_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits, n_clusters, size = 0, 40, 4
    for trial in range(200):
        weather = rng.gamma(2, size=(n_clusters, 1))
        model = (0.5 * weather * rng.gamma(5, 1 / 5, size=(n_clusters, size))).ravel()
        base = (weather * rng.gamma(5, 1 / 5, size=(n_clusters, size))).ravel()
        low, high = bootstrap.skill_interval(model, base, np.repeat(np.arange(n_clusters), size), replicates=400, seed=trial)
        hits += low <= 0.5 <= high
    assert 0.88 <= hits / 200 <= 0.99


def test_a_model_that_equals_the_baseline_has_an_interval_of_zero():
    errors = np.random.default_rng(0).random(10)
    assert bootstrap.skill_interval(errors, errors, np.arange(10)) == (0.0, 0.0)
