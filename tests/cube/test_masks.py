"""Masks by class, by bit and by confidence, with the real codes of the products."""

import numpy as np
import pytest

from glaciercast.cube import masks
from glaciercast.cube.masks import MaskPolicy

# 21824 clear land, 22280 cloud, 23888 cloud shadow, 30048 snow, 1 fill, 54596 cirrus, 30304 snow with cloud of medium confidence,
# 30242 the same and dilated, 24082 dilated and shadow: all as the products have them
CODES = np.array([21824, 22280, 23888, 30048, 1, 54596, 30304, 30242, 24082], "uint16")
CLASSES = np.arange(12)


def flags(name, quality, values):
    valid = np.ones(values.shape, bool)
    return masks.clear(MaskPolicy(name=name), quality, values, valid, {}, None)


def test_snow_and_ice_are_kept_and_clouds_are_not():
    np.testing.assert_array_equal(np.flatnonzero(masks.clear_by_class(CLASSES, masks.SCL_CLEAR)), [2, 4, 5, 6, 7, 11])
    np.testing.assert_array_equal(np.flatnonzero(masks.clear_by_class(CLASSES, masks.SCL_STRICT)), [4, 5, 6, 11])


def test_landsat_bits_follow_the_product_guide():
    np.testing.assert_array_equal(masks.clear_by_bits(CODES[:6], masks.QA_PIXEL_REJECTED), [True, False, False, True, False, False])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bits", [21824, 30048, 30304]),
        ("bits_confidence", [21824, 30048, 30304, 30242]),  # dilation is no confidence
        ("bits_strict", [21824, 30048]),
    ],
)
def test_policies_on_flags_by_value_landsat(name, expected):
    np.testing.assert_array_equal(CODES[flags(name, "qa_pixel", CODES)], expected)


def test_snow_of_high_confidence_wins_over_cloud_of_high_confidence():
    both = np.array([22280 | 3 << 12], "uint16")
    assert flags("bits_confidence", "qa_pixel", both).all()
    assert not flags("bits", "qa_pixel", both).any()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("bits", [2, 4, 5, 6, 7, 11]), ("bits_confidence", [2, 4, 5, 6, 7, 8, 10, 11]), ("bits_strict", [4, 5, 6, 11])],
)
def test_policies_on_flags_by_value_sentinel2(name, expected):
    np.testing.assert_array_equal(np.flatnonzero(flags(name, "scl", CLASSES)), expected)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64"])
def test_any_integer_type_will_do(dtype):
    np.testing.assert_array_equal(np.flatnonzero(flags("bits", "scl", CLASSES.astype(dtype))), [2, 4, 5, 6, 7, 11])


def test_what_has_no_data_is_never_clear():
    bands = {"green": np.array([0.8, np.nan, 0.8, 0.8]), "swir16": np.array([0.1, 0.1, np.nan, 0.1])}
    valid = np.array([True, True, True, False])
    for name in ("bits", "bits_confidence", "bits_strict", "snow_overrules", "spectra_overrule"):
        found = masks.clear(MaskPolicy(name=name), "scl", np.full(4, 11), valid, bands, np.ones(4, bool))
        np.testing.assert_array_equal(found, [True, False, False, False])
