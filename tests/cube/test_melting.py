from __future__ import annotations

import numpy as np
import pytest

from glaciercast.cube.melting import melting
from glaciercast.errors import GlaciercastError


def test_ice_within_its_error_of_melting_is_marked_and_nothing_else():
    kelvin = np.array([[272.14, 272.16, 273.15, 280.0], [272.14, 272.16, 273.15, np.nan]], "float32")
    ice = np.array([[True] * 4, [False] * 4])
    np.testing.assert_array_equal(melting(kelvin, 1.0, ice), [[False, True, True, True], [False] * 4])
    assert float(kelvin[0, 2]) < 273.15  # as float32; it is melting all the same
    np.testing.assert_array_equal(melting(kelvin, 0.0, ice)[0], [False, False, True, True])
    np.testing.assert_array_equal(melting(kelvin, 2.0, np.ones((2, 4), bool))[1], [True, True, True, False])


def test_each_pixel_has_its_own_error_and_an_unknown_or_unbounded_one_marks_nothing():
    kelvin = np.full((1, 4), 271.5)
    np.testing.assert_array_equal(melting(kelvin, [[1.0, 2.0, np.inf, np.nan]], np.ones((1, 4), bool)), [[False, True, False, False]])


def test_one_outline_serves_many_dates():
    kelvin = np.stack([np.full((2, 2), 260.0), np.full((2, 2), 273.0)])
    ice = np.array([[True, False], [False, True]])
    np.testing.assert_array_equal(melting(kelvin, 1.0, ice), [np.zeros((2, 2), bool), ice])


def test_negative_errors_are_refused():
    with pytest.raises(GlaciercastError, match=r"expected 0 K or more, found -1 K"):
        melting(np.full((1, 1), 270.0), -1.0, np.ones((1, 1), bool))
