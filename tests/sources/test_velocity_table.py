"""Long tables of velocity: by value on a real one, gaps where there is no line, and one line for what is wrong."""

import numpy as np
import pytest

from glaciercast.errors import InputError
from glaciercast.sources import velocity_table
from glaciercast.sources.velocity_table import VelocityTableConfig

HMA = "itslive_hma/regional_quarterly_velocity.csv.gz"
LINES = "mid_date,v,vx,vy,v_error,RGIId"
PLAIN = VelocityTableConfig(error=None, magnitude=None)


@pytest.fixture
def write(tmp_path):
    def to_file(*lines: str, header: str = LINES):
        path = tmp_path / "table.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return path

    return to_file


def test_the_real_table_is_read_by_value(real_data):
    """14 glaciers, 154 quarters from 1986 to 2024, of which a glacier has 153 or 154; magnitudes are several times the vectors."""
    found = velocity_table.read(real_data(HMA))
    assert found.vx.shape == (154, 14) and found.attrs["cadence"] == "QS"
    assert [str(found.time.values[at])[:10] for at in (0, -1)] == ["1986-07-01", "2024-10-01"]
    counts = np.isfinite(found.vx).sum("time").values
    assert counts.sum() == 2143 and sorted(counts) == [153] * 13 + [154]
    first = found.sel(glacier="RGI2000-v7.0-G-15-11631", time="1986-10-01")
    assert (float(first.vx), float(first.vy), float(first.v)) == tuple(np.float32([41.21, 18.21, 84.74]).tolist())
    last = found.sel(glacier="RGI2000-v7.0-G-15-15966", time="2024-10-01")
    assert (float(last.vx), float(last.vy)) == tuple(np.float32([-5.838, 14.46]).tolist())
    assert int(np.isfinite(found.v_error).sum()) == 2143 - 306
    assert 3 < float(found.v.median() / np.hypot(found.vx, found.vy).median()) < 5


def test_a_missing_quarter_is_a_gap_and_any_day_of_it_will_do(write):
    found = velocity_table.read(write("2020-12-31,9,3,4,1,B", "2020-02-11,9,1,2,1,A", "2020-09-01,9,5,6,,A"))
    assert found.glacier.values.tolist() == ["A", "B"]
    assert [str(time)[:10] for time in found.time.values] == ["2020-01-01", "2020-04-01", "2020-07-01", "2020-10-01"]
    nan = np.nan
    np.testing.assert_array_equal(found.vx.values, np.float32([[1, nan], [nan, nan], [5, nan], [nan, 3]]))
    np.testing.assert_array_equal(found.v_error.values, np.float32([[1, nan], [nan, nan], [nan, nan], [nan, 1]]))


def test_a_vector_of_which_one_component_is_missing_is_missing(write):
    found = velocity_table.read(write("2020-01-01,9,3,,1,A", "2020-04-01,9,1,2,1,A"))
    np.testing.assert_array_equal(found.vx.values[:, 0], np.float32([np.nan, 1]))


def test_names_and_periods_are_settings(write):
    path = write("g,2020-01-31,1,2", "g,2020-03-01,3,4", header="name,month,east,north")
    settings = VelocityTableConfig(glacier="name", time="month", vx="east", vy="north", error=None, magnitude=None, period="M")
    found = velocity_table.read(path, settings)
    np.testing.assert_array_equal(found.vy.values[:, 0], np.float32([2, np.nan, 4]))
    assert found.attrs["cadence"] == "MS" and set(found.data_vars) == {"vx", "vy"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "expected at least one line, found none"),
        (["2020-01-01,1,2,3,4,A", "2020-03-31,1,2,3,4,A"], "expected one line a glacier and period, found two of A in 2020Q1"),
        (["2020-01-01,1,2,3,4,A", "2020-04-01,1,fast,3,4,A"], "line 3: expected a number as 'vx', found 'fast'"),
        (["2020-01-01,1,inf,3,4,A"], "line 2: expected a number as 'vx', found 'inf'"),
        (["spring,1,2,3,4,A"], "line 2: expected a date such as 2020-05-01 as 'mid_date', found 'spring'"),
        (["2020-01-01,1,2,3,4,"], "line 2: expected the name of a glacier, found none"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(write, lines, message):
    with pytest.raises(InputError, match=message) as told:
        velocity_table.read(write(*lines))
    assert "\n" not in str(told.value)


def test_files_that_are_none_are_refused(tmp_path, write):
    with pytest.raises(InputError, match="no such file"):
        velocity_table.read(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="unknown column 'RGIId'"):
        velocity_table.read(write("2020-01-01,1,2", header="mid_date,vx,vy"), PLAIN)
    packed = tmp_path / "table.csv.gz"
    packed.write_bytes(b"no gzip")
    with pytest.raises(InputError, match=r"table.csv.gz: cannot be read as a table"):
        velocity_table.read(packed)
