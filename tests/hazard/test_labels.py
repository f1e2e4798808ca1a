"""Windows of label: what counts as a flood, what as none, and what nobody can tell."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaciercast.errors import InputError
from glaciercast.hazard import labels

LAKES = pd.DataFrame(
    {"lake": ["a", "b"], "watched_from": pd.to_datetime(["2020-01-01", "2020-01-01"]), "watched_to": pd.to_datetime(["2020-12-31"] * 2)}
)


def events(*rows):
    """Return a table of events: lake, earliest, latest; start is the middle."""
    table = pd.DataFrame(rows, columns=["lake", "earliest", "latest"])
    table["earliest"], table["latest"] = pd.to_datetime(table["earliest"]), pd.to_datetime(table["latest"])
    table["start"] = table["earliest"] + (table["latest"] - table["earliest"]) / 2
    return table.assign(event=[f"e{number}" for number in range(len(table))])


def labelled(table, days, horizon=7, lake="a"):
    """Return the labels of one lake on some days."""
    issue = np.array(days, dtype="datetime64[ns]")
    return labels.label(table, LAKES, np.full(len(issue), lake, dtype=object), issue, horizon)


def test_a_flood_counts_from_a_week_before_to_its_own_day():
    found, floods = labelled(events(("a", "2020-06-10", "2020-06-10")), ["2020-06-03", "2020-06-04", "2020-06-10", "2020-06-11"])
    assert found.tolist() == [0, 1, 1, 0]
    assert floods.tolist() == ["", "e0", "e0", ""]


def test_a_well_dated_flood_counts_on_its_middle_day_and_its_margins_are_no_negatives():
    table = events(("a", "2020-06-08", "2020-06-12"))  # the middle is 06-10
    found, _ = labelled(table, ["2020-06-01", "2020-06-02", "2020-06-03", "2020-06-04", "2020-06-10", "2020-06-11", "2020-06-13"])
    np.testing.assert_array_equal(found, [0, np.nan, np.nan, 1, 1, np.nan, 0])


def test_a_flood_dated_to_a_month_needs_its_whole_month_in_the_horizon():
    table = events(("a", "2020-06-01", "2020-06-30"))
    np.testing.assert_array_equal(labelled(table, ["2020-06-01", "2020-06-15"], 7)[0], [np.nan, np.nan])
    np.testing.assert_array_equal(labelled(table, ["2020-05-31", "2020-06-01", "2020-06-02", "2020-07-01"], 30)[0], [np.nan, 1, np.nan, 0])
    assert labelled(table, ["2020-04-15"], 90)[0] == 1


def test_fourteen_days_are_well_dated_and_fifteen_are_not():
    assert labelled(events(("a", "2020-06-01", "2020-06-15")), ["2020-06-08"], 1)[0] == 1
    assert np.isnan(labelled(events(("a", "2020-06-01", "2020-06-16")), ["2020-06-08"], 1)[0])


def test_a_horizon_that_the_watch_does_not_hold_counts_neither_with_a_flood_nor_without():
    """Else it could only ever count where a flood came."""
    table = events(("a", "2020-01-02", "2020-01-02"), ("a", "2020-12-30", "2020-12-30"))
    found, floods = labelled(table, ["2019-06-05", "2019-12-31", "2020-01-01", "2020-12-23", "2020-12-24", "2020-12-25", "2020-12-26"])
    np.testing.assert_array_equal(found, [np.nan, np.nan, 1, 0, 1, 1, np.nan])
    assert floods.tolist() == ["", "", "e0", "", "e1", "e1", ""]


def test_floods_of_another_lake_do_not_count_and_the_earliest_names_the_label():
    table = events(("b", "2020-06-10", "2020-06-10"), ("a", "2020-06-12", "2020-06-12"), ("a", "2020-06-11", "2020-06-11"))
    found, floods = labelled(table, ["2020-06-10"])
    assert (found.tolist(), floods.tolist()) == ([1], ["e2"])
    assert labelled(table, ["2020-06-10"], 1)[0] == 0


def test_what_cannot_be_labelled_is_an_error():
    none = events()
    with pytest.raises(InputError, match="expected 1 day or more, found 0"):
        labelled(none, ["2020-06-10"], 0)
    with pytest.raises(InputError, match="lake 'c'"):
        labelled(none, ["2020-06-10"], 7, "c")
    with pytest.raises(InputError, match="as many lakes as days"):
        labels.label(none, LAKES, np.array(["a", "a"], object), np.array(["2020-06-10"], "datetime64[ns]"), 7)


@settings(max_examples=40)
@given(
    st.integers(1, 90),
    st.lists(st.tuples(st.integers(0, 365), st.integers(0, 60)), max_size=4),
    st.lists(st.integers(-30, 400), max_size=8),
)
def test_labels_agree_with_the_rule_read_day_by_day(horizon, floods, days):
    day = np.datetime64("2020-01-01")
    table = events(*(("a", str(day + first), str(day + (first + span))) for first, span in floods))
    found, _ = labelled(table, [day + number for number in days], horizon)
    for number, value in zip(days, found, strict=True):
        held = set(range(number, number + horizon))
        spans = [(set(range(first, first + span + 1)), first + span // 2) for first, span in floods]
        certain = any(window <= held or (len(window) <= 15 and middle in held) for window, middle in spans)
        watched = held <= set(range(366))
        clear = not any(window & held for window, _ in spans)
        assert (value == 1) == (watched and certain)
        assert (value == 0) == (watched and clear and not certain)
