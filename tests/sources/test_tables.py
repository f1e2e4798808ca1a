"""Tables of others: numbers and dates by value, and the line of the cell that is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.sources import tables


def test_numbers_and_dates_with_empty_cells_and_zones(tmp_path):
    path = tmp_path / "made.csv"
    path.write_text("speed,day\n1.5,2020-05-01\n,2020-05-02T06:00:00+06:00\n")
    table = tables.read(path)
    np.testing.assert_array_equal(tables.numbers(table["speed"], path), [1.5, np.nan])
    expected = np.array(["2020-05-01", "2020-05-02"], "datetime64[ns]")
    np.testing.assert_array_equal(tables.dates(table["day"], path), expected)


@pytest.mark.parametrize(
    ("read", "cells", "message"),
    [
        (tables.numbers, ["1", "fast"], "line 3: expected a number as 'it', found 'fast'"),
        (tables.numbers, [1.0, np.inf], "line 3: expected a number as 'it', found 'inf'"),
        (tables.dates, ["2020-05-01", "May"], "line 3: expected a date such as 2020-05-01 as 'it', found 'May'"),
    ],
)
def test_the_line_of_a_cell_that_is_none_is_named(read, cells, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(pd.Series(cells, name="it"), tmp_path / "made.csv")


@pytest.mark.parametrize(("content", "message"), [(None, "no such file"), ("", "cannot be read"), ("a,b\n", "at least one line")])
def test_what_is_no_table_is_refused(content, message, tmp_path):
    path = tmp_path / "made.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        tables.read(path)
