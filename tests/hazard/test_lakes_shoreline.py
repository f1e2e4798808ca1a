"""Shores below the size of a pixel, and outlines."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hazard import made_lakes as made

from glaciercast.hazard import lakes_shoreline
from glaciercast.hazard.lakes_water import WaterConfig, classify

WHOLE = np.ones((made.SIDE, made.SIDE), bool)


def measured(share, **drawn):
    scene = made.optics(share, **drawn)
    lake = classify(scene, WHOLE, WaterConfig()).water
    return lakes_shoreline.unmixed(lake, WHOLE, np.stack([scene.green, scene.nir]))


@settings(max_examples=15, deadline=None)
@given(st.floats(2.0, 14.0), st.floats(39.5, 40.5), st.floats(39.5, 40.5), st.integers(0, 99))
def test_discs_anywhere_within_pixels_keep_their_area(radius, row, column, seed):
    share = made.disc(radius, (row, column))
    _, shore = measured(share, seed=seed)
    assert shore.pixels == pytest.approx(share.sum(), rel=0.02, abs=0.5)
    assert abs(shore.pixels - share.sum()) <= 3 * shore.pixels_error


def test_a_mixed_pixel_is_half_water_and_ndwi_does_not_say_so():
    share = np.zeros((made.SIDE, made.SIDE))
    share[30:50, 30:50] = 1
    share[30:50, 50] = 0.4
    lake, shore = measured(share)
    assert shore.share[30:50, 50].mean() == pytest.approx(0.4, abs=0.03) and not lake[40, 50]
    assert shore.pixels == pytest.approx(408, abs=3) and shore.edges == 80
    assert lakes_shoreline.counted(lake).pixels == 400


def test_water_as_bright_as_its_shore_is_counted_when_there_is_no_land():
    lake, shore = measured(np.ones((made.SIDE, made.SIDE)))
    assert lake.all() and shore.pixels == made.SIDE**2 and shore.water is None


def test_outlines_have_the_area_and_the_holes_of_the_lake():
    share = made.disc(10.0, (40.2, 39.7)) - made.disc(3.0, (40.2, 39.7))
    outline = lakes_shoreline.outline(share, Affine(30, 0, 1000, 0, -30, 9000))
    assert outline.area / 900 == pytest.approx(np.pi * (100 - 9), rel=0.01)
    assert len(outline.geoms) == 1 and len(outline.geoms[0].interiors) == 1
    assert (outline.centroid.x, outline.centroid.y) == pytest.approx((1000 + 39.7 * 30, 9000 - 40.2 * 30), abs=1)
    assert lakes_shoreline.outline(np.zeros((5, 5)), Affine.identity()).is_empty


def test_an_outline_that_fills_the_window_is_closed():
    assert lakes_shoreline.outline(np.ones((4, 6)), Affine.identity()).area == pytest.approx(24, abs=1)
