"""Flow: a known shift comes back at any gain, which floats as they are do not give; gaps, quiver, bad input."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.motion.grounds import ground

from glaciercast.errors import InputError
from glaciercast.motion import flow as flows
from glaciercast.motion.flow import Flow, arrows, end_point_error, flow, scaled

INNER = slice(40, -40), slice(40, -40)


def ndsi(dx: float = 0.0) -> np.ndarray:
    """Return ground of 0.1 … 0.9, moved."""
    return 0.5 + 0.1 * ground(dx=dx)


@pytest.mark.parametrize("method", ["farneback", "dis"])
@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.01, 0.4), (10000.0, -300.0)])
def test_a_shift_of_two_pixels_is_two_pixels_at_any_gain(method, gain, offset):
    found = flow(gain * ndsi() + offset, gain * ndsi(2.0) + offset, method)
    assert np.median(found.dx[INNER]) == pytest.approx(2.0, abs=0.005)
    assert np.abs(found.dx[INNER].mean() - 2.0) < 0.02
    assert np.abs(found.dy[INNER]).mean() < 0.05


def test_floats_as_the_study_gave_them_find_no_motion():
    found = cv2.calcOpticalFlowFarneback(*(ndsi(dx).astype("float32") for dx in (0.0, 2.0)), None, **flows.STUDY)
    assert abs(np.median(found[INNER][..., 0])) < 0.02


def test_flow_is_the_same_to_the_bit_for_gains_that_floats_hold():
    one, two = flow(ndsi(), ndsi(2.0)), flow(256 * ndsi(), 256 * ndsi(2.0))
    np.testing.assert_array_equal(one.dx, two.dx)


def test_both_images_share_one_scale():
    one, two, known = scaled(ndsi(), ndsi() + 0.1)
    assert known.all()
    step = 0.1 * 255 / (np.percentile([ndsi(), ndsi() + 0.1], 99.5) - np.percentile([ndsi(), ndsi() + 0.1], 0.5))
    inner = (one > 0) & (two < 255)
    assert (two.astype(int) - one)[inner].mean() == pytest.approx(step, abs=0.1)


def test_gaps_have_no_flow_and_do_not_disturb_what_lies_far():
    first, second = ndsi(), ndsi(2.0)
    first[60:80, 60:80] = np.nan
    second[100:110, 100:110] = np.nan
    found = flow(first, second)
    np.testing.assert_array_equal(np.isnan(found.dx), np.isnan(first) | np.isnan(second))
    assert np.nanmedian(found.dx[INNER]) == pytest.approx(2.0, abs=0.01)


def test_a_quiver_has_an_arrow_every_forty_pixels_where_flow_is_known():
    y, x = np.mgrid[0:120, 0:200].astype("float32")
    dx = x.copy()
    dx[20, 60] = np.nan
    found = arrows(Flow(dx, y))
    assert list(zip(found.x, found.y, strict=True)) == [(i, j) for j in (20, 60, 100) for i in range(20, 200, 40) if (i, j) != (60, 20)]
    np.testing.assert_array_equal(found.dx, found.x)
    np.testing.assert_array_equal(found.dy, found.y)


def test_successive_frames_have_one_flow_less_than_there_are_and_its_mean_length_is_the_shift():
    found = flows.successive(np.stack([ndsi(), ndsi(2.0), ndsi(2.0)]))
    inner = np.zeros((160, 160), bool)
    inner[INNER] = True
    assert [flows.mean_length(one, inner) for one in found] == pytest.approx([2, 0], abs=0.02)
    assert flows.mean_length(Flow(np.full((2, 2), 3.0), np.full((2, 2), -4.0))) == 5


def test_end_point_error_is_the_mean_length_of_the_difference():
    zero, nan = np.zeros((2, 2)), np.array([[np.nan, 0], [0, 0]])
    assert end_point_error(Flow(zero + 3, zero + 4), Flow(zero, zero)) == 5
    assert end_point_error(Flow(nan, nan), Flow(zero + 3, zero), np.array([[True, True], [False, False]])) == 3
    assert np.isnan(end_point_error(Flow(zero * np.nan, zero), Flow(zero, zero)))


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        (np.zeros((40, 40)), np.zeros((40, 41)), r"one shape \(y, x\), found \(40, 40\) and \(40, 41\)"),
        (np.zeros((9, 40)), np.zeros((9, 40)), "at least 32×32 pixels, found 9×40"),
        (np.full((40, 40), np.nan), np.zeros((40, 40)), "pixels with data in both images, found none"),
        (np.zeros((40, 40)), np.zeros((40, 40)), "images with contrast, found 0 nearly everywhere"),
    ],
)
def test_bad_input_is_one_clear_line(first, second, line):
    with pytest.raises(InputError, match=line):
        flow(first, second)
