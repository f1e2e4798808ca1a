"""Masks by class and by bit."""

import numpy as np

from glaciercast.cube import masks


def test_snow_and_ice_are_kept_and_clouds_are_not():
    classes = np.arange(12)
    np.testing.assert_array_equal(np.flatnonzero(masks.clear_by_class(classes, masks.SCL_CLEAR)), [2, 4, 5, 6, 7, 11])
    np.testing.assert_array_equal(np.flatnonzero(masks.clear_by_class(classes, masks.SCL_STRICT)), [4, 5, 6, 11])


def test_landsat_bits_follow_the_product_guide():
    # 21824 clear land, 22280 cloud with high confidence, 23888 cloud shadow, 30048 snow, 1 fill, 54596 cirrus
    quality = np.array([21824, 22280, 23888, 30048, 1, 54596], "uint16")
    np.testing.assert_array_equal(masks.clear_by_bits(quality, masks.QA_PIXEL_REJECTED), [True, False, False, True, False, False])
