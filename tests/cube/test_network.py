"""Adjustment of frames from pairs: exact where pairs agree, unspoilt by few wrong ones, tied to the anchor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.cube import network
from glaciercast.cube.network import ANCHOR, Pair
from glaciercast.cube.registration import shifted

JITTER = 0.2


def ring(places, weight=1e6):
    """Return pairs of each frame with the next two, as they would be found if frame k lay off by ``places[k]``."""
    number = len(places)
    links = [(k, (k + step) % number) for k in range(number) for step in (1, 2)]
    return [Pair(a, b, *(places[a] - places[b]), weight) for a, b in links]


@given(st.integers(0, 999))
def test_consistent_pairs_come_back_and_the_mean_is_kept(seed):
    places = np.random.default_rng(seed).normal(0, JITTER, (9, 2))
    shifts = network.adjust(9, ring(places), JITTER)
    between = shifts + places
    np.testing.assert_allclose(between - between.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(shifts.mean(0), 0, atol=0.1)


def test_the_anchor_holds_all():
    places = np.random.default_rng(1).normal((0.3, -0.1), JITTER, (6, 2))
    shifts = network.adjust(6, [*ring(places), Pair(ANCHOR, 2, *-places[2], 1e6)], JITTER)
    np.testing.assert_allclose(shifts, -places, atol=1e-3)


def test_one_wrong_pair_does_not_spoil_the_rest():
    places = np.random.default_rng(2).normal(0, JITTER, (12, 2))
    noisy = [
        one._replace(columns=one.columns + error)
        for one, error in zip(ring(places, 100), np.random.default_rng(3).normal(0, 0.01, 24), strict=True)
    ]
    wrong = [*noisy, Pair(0, 6, 5.0, -5.0, 100.0)]
    np.testing.assert_allclose(network.adjust(12, wrong, JITTER), network.adjust(12, noisy, JITTER), atol=0.05)


def test_weighted_mean_of_two_pairs_in_closed_form():
    prior = (network.TYPICAL / JITTER) ** 2
    shifts = network.adjust(1, [Pair(ANCHOR, 0, 0.02, 0.0, 3 * prior)], JITTER)
    assert shifts[0] == pytest.approx((0.015, 0), abs=0.003)


def test_the_largest_joined_set_is_kept():
    pairs = [Pair(0, 1, 0, 0, 1), Pair(2, 3, 0, 0, 1), Pair(3, 4, 0, 0, 1)]
    assert network.connected(6, pairs).tolist() == [2, 3, 4]
    anchored = [*pairs, Pair(ANCHOR, 0, 0, 0, 1), Pair(ANCHOR, 5, 0, 0, 1), Pair(ANCHOR, 2, 0, 0, 1)]
    assert network.connected(6, anchored).tolist() == [0, 1, 2, 3, 4, 5]
    assert network.connected(2, []).tolist() == [0]


def test_better_matches_count_more():
    weights = [network.weight(_with(r)) for r in (0.5, 0.9, 0.99)]
    assert weights[0] == pytest.approx((0.25 / 0.75) ** 2)
    assert weights == sorted(weights) and np.isfinite(network.weight(_with(1.0)))


def test_shifts_far_from_the_others_are_not_trusted():
    shifts = np.array([[0.1, 0.0], [0.105, 0.005], [0.095, 0.0], [0.1, 0.005], [0.1, 2.0]])
    assert network.trusted(shifts).tolist() == [True, True, True, True, False]


def _with(r):
    return replace(shifted(0, 0), correlation=r)
