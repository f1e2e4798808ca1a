"""NDSI on reflectance, undefined where it makes no sense."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.cube import indices


def test_closed_form():
    assert indices.ndsi(np.float32(0.9090), np.float32(0.3463)) == pytest.approx(0.5627 / 1.2553, abs=1e-6)


@pytest.mark.parametrize(("green", "swir"), [(-0.01, 0.2), (0.2, -0.01), (0.0, 0.0), (np.nan, 0.2), (-0.2, -0.1)])
def test_negative_reflectance_and_a_zero_sum_are_undefined_and_not_one(green, swir):
    assert np.isnan(indices.ndsi(np.float32(green), np.float32(swir)))


@given(st.floats(0, 2, width=32), st.floats(0, 2, width=32))
def test_it_stays_within_one_and_changes_sign_with_its_bands(a, b):
    forward, backward = indices.normalised_difference(a, b), indices.normalised_difference(b, a)
    if a + b > 0:
        assert -1 <= forward <= 1 and forward == -backward


def test_raw_numbers_give_another_index_because_the_offset_does_not_cancel():
    dn = np.array([40327.0, 19865.0])  # green .9090, swir16 .3463
    assert indices.ndsi(*(dn * 2.75e-5 - 0.2).astype("float32")) == pytest.approx(0.4482, abs=2e-4)
    assert indices.ndsi(*dn.astype("float32")) == pytest.approx(0.340, abs=1e-3)


def test_the_study_mask_keeps_from_its_threshold_on_and_leaves_nan():
    np.testing.assert_array_equal(indices.ndsi_masked(np.array([0.29, 0.3, 0.8, -0.5, np.nan])), [0, 0.3, 0.8, 0, np.nan])
