"""Dates of catalogues as intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.errors import InputError
from glaciercast.hazard import catalogue_dates as dates


@pytest.mark.parametrize(
    ("text", "earliest", "latest", "precision"),
    [
        ("2021-05-15", "2021-05-15", "2021-05-15", "day"),
        ("2021-5-1", "2021-05-01", "2021-05-01", "day"),
        ("2020-02", "2020-02-01", "2020-02-29", "month"),
        ("2021", "2021-01-01", "2021-12-31", "year"),
        ("850", "0850-01-01", "0850-12-31", "year"),
        ("~ 1890", "1890-01-01", "1890-12-31", "year"),
        ("1960s", "1960-01-01", "1969-12-31", "years"),
        ("1976-1987", "1976-01-01", "1987-12-31", "years"),
        ("1955-66", "1955-01-01", "1966-12-31", "years"),
        ("Before 1966", "NaT", "1966-12-31", "years"),
        ("May to August 2003", "2003-05-01", "2003-08-31", "season"),
        ("June 2003", "2003-06-01", "2003-06-30", "month"),
        ("summer 2003", "2003-06-01", "2003-08-31", "season"),
        ("Winter 2003", "2002-12-01", "2004-02-29", "years"),
        ("", "NaT", "NaT", "unknown"),
    ],
)
def test_a_text_tells_its_interval(text, earliest, latest, precision):
    found = dates.of_text(text)
    assert (str(found.earliest), str(found.latest)) == (earliest, latest)
    assert dates.precision(found) == precision


def test_two_digits_after_a_year_are_a_month_unless_the_column_is_one_of_years():
    assert dates.of_text("2009-10") == dates.of_months(2009, 10, 10)
    assert dates.of_text("2009-10", year_range=True) == dates.spanned(dates.of_text("2009"), dates.of_text("2010"))


def test_a_southern_summer_is_a_northern_winter():
    assert dates.of_text("winter 2003", south=True) == dates.of_months(2003, 6, 8)
    assert dates.of_text("autumn 2003", south=True) == dates.of_months(2003, 3, 5)


@pytest.mark.parametrize("text", ["1830-06-31", "2021-13-01", "2021-13", "soon", "2021-05-15-16", "1987-1976", "Mai 2003 oder so"])
def test_what_is_no_date_is_an_error(text):
    with pytest.raises(InputError, match="date"):
        dates.of_text(text)


def test_intervals_share_their_overlap_and_a_missing_bound_is_the_others():
    may, year = dates.of_text("2003-05"), dates.of_text("2003")
    assert dates.common(may, year) == may
    assert dates.common(dates.of_text("before 2003"), may) == may
    assert dates.common(may, dates.of_text("2004")) is None


@given(st.dates(), st.integers(0, 4000))
def test_precision_never_claims_more_than_the_interval(day, span):
    first = np.datetime64(day, "D")
    found = dates.precision(dates.Interval(first, first + span))
    longest = {"day": 1, "month": 31, "season": 184, "year": 366, "years": 10_000}
    assert span + 1 <= longest[found]
    better = dates.PRECISIONS[: dates.PRECISIONS.index(found)]
    assert all(span + 1 > longest[name] for name in better)
