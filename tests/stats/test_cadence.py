"""Edges of regular steps: they cover what they shall, and a step begins on an edge."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.errors import InputError
from glaciercast.stats.cadence import edges


def test_months_cover_the_first_and_the_last_scene():
    found = edges(pd.Timestamp("2015-08-11"), pd.Timestamp("2015-10-01"), "MS")
    assert list(found) == list(pd.DatetimeIndex(["2015-08-01", "2015-09-01", "2015-10-01", "2015-11-01"]))


def test_a_scene_on_an_edge_belongs_to_the_step_that_begins_there():
    found = edges(pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-17"), "16D")
    assert list(found) == list(pd.DatetimeIndex(["2020-01-01", "2020-01-17", "2020-02-02"]))


def test_an_unknown_cadence():
    with pytest.raises(InputError, match="cadence 'monthly': not a pandas frequency"):
        edges(pd.Timestamp("2020-01-01"), pd.Timestamp("2020-02-01"), "monthly")


@given(st.text(max_size=8) | st.from_regex(r"-?[0-9]{0,4}(D|W|h|MS|QS|YS|YS-OCT|ME|ns|B)", fullmatch=True))
def test_any_cadence_gives_steps_that_cover_the_scenes_or_one_line(cadence):
    first, last = pd.Timestamp("2019-12-31 05:10"), pd.Timestamp("2020-03-01 00:00")
    try:
        found = edges(first, last, cadence)
    except InputError as error:
        assert str(error).startswith(f"cadence '{cadence}': ")
        return
    assert found[0] <= first and found[-2] <= last < found[-1] and (np.diff(found) >= np.timedelta64(1, "D")).all()
