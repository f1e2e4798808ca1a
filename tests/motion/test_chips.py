"""Chips: smooth motion takes large ones, shear small ones, and bias enters the error."""

from __future__ import annotations

import numpy as np
import pytest

from glaciercast.motion import matching
from glaciercast.motion.chips import Estimate, best

NODES = matching.lattice((400, 400), 8, 16)


def estimate(field: np.ndarray, error: float, chip: int, seed: int, texture: np.ndarray | float = 1.0) -> Estimate:
    noise = error * np.random.default_rng(seed).normal(size=(2, *NODES.shape))
    yes = np.ones(NODES.shape, bool)
    one = np.ones(NODES.shape)
    return Estimate(field + noise, np.full((2, *NODES.shape), error**2), yes, yes, one, 0 * one, texture * one, chip * one)


def test_where_sizes_agree_the_largest_is_taken_and_where_it_is_biased_the_smallest():
    truth = np.zeros((2, *NODES.shape))
    biased = truth.copy()
    biased[0, :, 24:] += 0.2  # the large chip misses the right half by 0.2 px
    found = best([estimate(truth, 0.05, 32, 1), estimate(biased, 0.01, 96, 2)], NODES)
    assert (found.chip[:, :18] == 96).all()
    assert (found.chip[:, 30:] == 32).all()
    assert np.sqrt(found.variance[:, :, :15].mean()) < 0.03
    assert np.sqrt(found.variance[:, :, 32:].mean()) == pytest.approx(0.05, rel=0.01)


def test_a_vector_of_another_motion_is_not_taken_from_a_large_chip():
    truth = np.zeros((2, *NODES.shape))
    other = truth.copy()
    other[:, 10, 10] = 0.5
    found = best([estimate(truth, 0.05, 32, 1), estimate(other, 0.01, 96, 2)], NODES)
    assert found.chip[10, 10] == 32


def test_a_large_chip_does_not_tell_of_ground_whose_texture_lies_beside_it():
    truth, here = np.zeros((2, *NODES.shape)), np.ones(NODES.shape)
    here[:, 24:] = 0.1  # snow: the large chip sees three times as much beside it
    found = best([estimate(truth, 0.05, 32, 1, here), estimate(truth, 0.01, 96, 2, 0.4)], NODES)
    assert (found.chip[:, :24] == 96).all()
    assert (found.chip[:, 24:] == 32).all()


def test_one_size_is_taken_as_it_is():
    only = estimate(np.zeros((2, *NODES.shape)), 0.05, 48, 0)
    assert best([only], NODES) is only
