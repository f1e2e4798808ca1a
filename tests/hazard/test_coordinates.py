"""Places that lie elsewhere than they are said to: mended or refused with a line, never silently."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.errors import InputError
from glaciercast.hazard import coordinates

PAKISTAN = coordinates.BOXES["pakistan"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("36.35594", 36.35594),
        ("-35.5", -35.5),
        ("35.5 S", -35.5),
        ("35,5", 35.5),
        ("36°21'21\"N", 36.355833),
        ("74d34m20sE", 74.572222),
        ("15 14.4 W", -15.24),
        ("-15°14'24\"", -15.24),
    ],
)
def test_degrees_are_read_from_decimals_and_from_minutes(text, value):
    assert coordinates.degrees(text) == pytest.approx(value, abs=1e-6)


def test_what_is_no_degree_is_an_error_and_an_empty_cell_is_none():
    assert math.isnan(coordinates.degrees(" "))
    for text in ("abc", "35°75'N", "35 20 80"):
        with pytest.raises(InputError, match="expected degrees"):
            coordinates.degrees(text)


def test_a_place_where_it_should_be_is_left_as_told():
    assert coordinates.settle(74.572267, 36.35594, "Pakistan") == (74.572267, 36.35594, "")


def test_swapped_coordinates_are_swapped_back_with_a_line():
    place = coordinates.settle(36.35594, 74.572267, "Pakistan")
    assert place[:2] == (74.572267, 36.35594)
    assert "outside Pakistan: swapped, read as longitude 74.5723, latitude 36.3559" in place.line


def test_a_lost_sign_is_mended_with_a_line():
    place = coordinates.settle(73.2, -49.3, "Argentina")
    assert place[:2] == (-73.2, -49.3)
    assert "sign of the longitude" in place.line
    assert coordinates.settle(15.24, 64.6, "Iceland")[:2] == (-15.24, 64.6)


def test_packed_degrees_and_minutes_are_unpacked_with_a_line():
    place = coordinates.settle(7434.34, 3621.36, "Pakistan")
    assert place[:2] == pytest.approx((74.572333, 36.356))
    assert "degrees and minutes" in place.line


def test_a_place_that_fits_no_way_or_two_ways_is_refused_with_a_line():
    far = coordinates.settle(10.0, 46.0, "Pakistan")
    assert math.isnan(far.lon) and math.isnan(far.lat) and far.line.endswith("outside Pakistan: refused")
    two = coordinates.settle(-30.0, -40.0, box=(25.0, 25.0, 45.0, 45.0))
    assert two[:2] == (30.0, 40.0), "both signs; swapped alone would not fit"
    either = coordinates.settle(-36.0, 62.0, box=(30.0, 30.0, 70.0, 70.0))
    assert either[:2] == (36.0, 62.0)
    doubtful = coordinates.settle(5.0, -5.0, box=(-6.0, 4.0, -4.0, 6.0))
    assert doubtful[:2] == (-5.0, 5.0), "swapped and both signs tell the same place"


def test_without_a_country_only_what_is_not_on_earth_is_doubted():
    assert coordinates.settle(36.35, 74.57).line == ""
    assert coordinates.settle(36.35, 136.0)[:2] == (136.0, 36.35)
    assert coordinates.settle(74.5, math.nan).line == "one of longitude and latitude is missing: left out"
    assert coordinates.settle(math.nan, math.nan).line == ""


@given(st.floats(PAKISTAN[0], PAKISTAN[2]), st.floats(PAKISTAN[1], PAKISTAN[3]), st.booleans(), st.booleans(), st.booleans())
def test_a_place_is_never_moved_out_of_its_country_nor_in_silence(lon, lat, swap, west, south):
    told = (-lon if west else lon, -lat if south else lat)
    told = told[::-1] if swap else told
    place = coordinates.settle(*told, "Pakistan")
    if place.line:
        assert math.isnan(place.lon) or (
            PAKISTAN[0] - 0.5 <= place.lon <= PAKISTAN[2] + 0.5 and PAKISTAN[1] - 0.5 <= place.lat <= PAKISTAN[3] + 0.5
        )
    else:
        assert place[:2] == told


def test_a_degree_of_latitude_has_111_km():
    assert coordinates.kilometres(0, 0, 0, 1) == pytest.approx(111.195, abs=1e-3)
    assert coordinates.kilometres(179.5, 0, -179.5, 0) == pytest.approx(111.195, abs=1e-3)
    assert coordinates.kilometres(74, 36, 74, 36) == 0
