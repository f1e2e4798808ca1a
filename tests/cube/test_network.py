"""Adjustment of frames from pairs: exact where pairs agree, unspoilt by few wrong ones, tied to the anchor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.cube import network
from glaciercast.cube.network import ANCHOR, Pair

JITTER = 0.2


def ring(places, weight=1e6):
    """Return pairs of each frame with the next two, as they would be found if frame k lay off by ``places[k]``."""
    number = len(places)
    links = [(k, (k + step) % number) for k in range(number) for step in (1, 2)]
    return [Pair(a, b, *(places[a] - places[b]), weight) for a, b in links]


@given(st.integers(0, 999))
def test_consistent_pairs_come_back_and_the_mean_is_kept(seed):
    places = np.random.default_rng(seed).normal(0, JITTER, (9, 2))
    shifts = network.adjust(9, ring(places), JITTER)[0]
    between = shifts + places
    np.testing.assert_allclose(between - between.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(shifts.mean(0), 0, atol=0.1)


def test_the_anchor_holds_all():
    places = np.random.default_rng(1).normal((0.3, -0.1), JITTER, (6, 2))
    shifts = network.adjust(6, [*ring(places), Pair(ANCHOR, 2, *-places[2], 1e6)], JITTER)[0]
    np.testing.assert_allclose(shifts, -places, atol=1e-3)


def test_one_wrong_pair_does_not_spoil_the_rest():
    places = np.random.default_rng(2).normal(0, JITTER, (12, 2))
    noisy = [
        one._replace(columns=one.columns + error)
        for one, error in zip(ring(places, 1e4), np.random.default_rng(3).normal(0, 0.01, 24), strict=True)
    ]
    wrong = [*noisy, Pair(0, 6, 5.0, -5.0, 1e4)]
    np.testing.assert_allclose(network.adjust(12, wrong, JITTER)[0], network.adjust(12, noisy, JITTER)[0], atol=0.05)


def test_weighted_mean_of_two_pairs_in_closed_form():
    prior = JITTER**-2
    shifts, covariance = network.adjust(1, [Pair(ANCHOR, 0, 0.02, 0.0, 3 * prior)], JITTER)
    assert shifts[0] == pytest.approx((0.015, 0), abs=1e-9)
    assert covariance == pytest.approx(np.array([[JITTER**2 / 4]]))


def test_frames_tied_to_each_other_alone_share_the_error_of_where_they_lie():
    """Two frames, one firm pair: each errs as the mean of two producers' errors does, and both alike."""
    _, covariance = network.adjust(2, [Pair(0, 1, 0.0, 0.0, 1e8)], JITTER)
    np.testing.assert_allclose(covariance, JITTER**2 / 2, rtol=1e-4)


def test_the_covariance_is_that_of_the_errors():
    """A thousand adjustments of noisy pairs scatter as they say."""
    rng, noise = np.random.default_rng(7), 0.05
    errors, told = [], []
    for _ in range(1000):
        places = rng.normal(0, JITTER, (5, 2))
        pairs = [
            one._replace(columns=one.columns + rng.normal(0, noise), rows=one.rows + rng.normal(0, noise))
            for one in ring(places, noise**-2)
        ]
        pairs.append(Pair(ANCHOR, 0, *(rng.normal(0, noise, 2) - places[0]), noise**-2))
        shifts, covariance = network.adjust(5, pairs, JITTER)
        errors.append(shifts + places)
        told.append(covariance)
    found = np.einsum("kif,kjf->ij", np.array(errors), np.array(errors)) / 2000
    np.testing.assert_allclose(np.mean(told, axis=0), found, rtol=0.25)


def test_pairs_that_fit_worse_than_promised_enlarge_the_error():
    places = np.random.default_rng(2).normal(0, JITTER, (12, 2))
    noise = np.random.default_rng(3).normal(0, 0.1, (24, 2))
    loose = [one._replace(columns=one.columns + x, rows=one.rows + y) for one, (x, y) in zip(ring(places, 1e4), noise, strict=True)]
    promised, found = (np.sqrt(np.diag(network.adjust(12, pairs, JITTER)[1]) - JITTER**2 / 12) for pairs in (ring(places, 1e4), loose))
    assert (found > 4 * promised).all()


def test_the_largest_joined_set_is_kept():
    pairs = [Pair(0, 1, 0, 0, 1), Pair(2, 3, 0, 0, 1), Pair(3, 4, 0, 0, 1)]
    assert network.connected(6, pairs).tolist() == [2, 3, 4]
    anchored = [*pairs, Pair(ANCHOR, 0, 0, 0, 1), Pair(ANCHOR, 5, 0, 0, 1), Pair(ANCHOR, 2, 0, 0, 1)]
    assert network.connected(6, anchored).tolist() == [0, 1, 2, 3, 4, 5]
    assert network.connected(2, []).tolist() == [0]


def test_the_error_of_a_mean_in_closed_form():
    """Two matches of 0.03 px with frames that err by 0.04 px each, by themselves or alike, and one with the anchor."""
    errors, half = np.array([0.03, 0.03]), np.array([0.5, 0.5])
    apart, alike, still = np.eye(2) * 0.04**2, np.full((2, 2), 0.04**2), np.zeros(2)
    frames = np.array([0, 1])
    assert network.error_of_mean(frames, half, errors, apart, still, False) == pytest.approx(np.hypot(0.03, 0.04) / np.sqrt(2))
    assert network.error_of_mean(frames, half, errors, alike, still, False) == pytest.approx(np.hypot(0.03 / np.sqrt(2), 0.04))
    assert network.error_of_mean(frames, half, errors, alike, still, True) == pytest.approx(0.03 / np.sqrt(2))
    assert network.error_of_mean(np.array([ANCHOR, 1]), half, errors, apart, still, False) == pytest.approx(
        np.sqrt((2 * 0.03**2 + 0.04**2) / 4)
    )
    contradicting = network.error_of_mean(frames, half, errors, apart, np.array([0.5, 0.5]), False)
    assert contradicting == pytest.approx(np.hypot(0.03, 0.04) / np.sqrt(2) * 10)  # √(2 · 0.25 / 0.0025 / 2)


def test_shifts_far_from_the_others_are_not_trusted():
    shifts = np.array([[0.1, 0.0], [0.105, 0.005], [0.095, 0.0], [0.1, 0.005], [0.1, 2.0]])
    assert network.trusted(shifts).tolist() == [True, True, True, True, False]
