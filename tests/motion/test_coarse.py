"""Coarse search: far displacement is found to a fraction of a pixel, also from a prior."""

from __future__ import annotations

import numpy as np
import pytest
from tests.motion.grounds import ground

from glaciercast.motion import coarse, filters, matching

SIZE = 256
EVERYWHERE = np.ones((SIZE, SIZE), bool)


def found(dx: float, dy: float, search: float, prior: tuple[float, float] | None = None) -> np.ndarray:
    images = tuple(filters.filled(image, EVERYWHERE) for image in (ground(SIZE), ground(SIZE, dx, dy)))
    nodes = matching.lattice((SIZE, SIZE), 16, 48)
    levels = coarse.levels(images, (EVERYWHERE, EVERYWHERE), search)
    field = None if prior is None else np.ones((2, *nodes.shape)) * np.array(prior)[:, None, None]
    field, at = coarse.descend(levels, search, field, nodes)
    return coarse.onto(coarse.textured(*levels[0]), field, at, nodes, coarse.left(levels, search))


@pytest.mark.parametrize(("dx", "dy", "search"), [(13.3, -9.6, 16), (0.4, 0.2, 16), (-2.6, 1.3, 4)])
def test_displacement_within_the_search_is_found(dx, dy, search):
    field = found(dx, dy, search)
    assert np.abs(field[0] - dx).max() < 0.3
    assert np.abs(field[1] - dy).max() < 0.3


def test_the_search_lies_about_the_prior():
    field = found(21.3, -17.6, 4, prior=(20, -19))
    assert np.abs(field[0] - 21.3).max() < 0.3
    assert np.abs(field[1] + 17.6).max() < 0.3


def test_a_wider_search_takes_more_levels():
    images = (np.zeros((512, 512), "float32"),) * 2
    usable = (np.ones((512, 512), bool),) * 2
    assert [len(coarse.levels(images, usable, search)) for search in (4, 8, 16, 39)] == [1, 2, 3, 4]
    assert coarse.levels(images, usable, 8)[1][0][0].shape == (256, 256)
