"""Catalogues: told apart, written and read again."""

import pandas as pd
import pytest
from tests.hazard.made_catalogues import global_row, global_sheet, write_hmaglofdb, write_ods

from glaciercast.errors import InputError
from glaciercast.hazard import catalogue


def test_formats_are_told_from_the_file(tmp_path):
    (tmp_path / "own.csv").write_text("lake,date\nL,2020\n", encoding="utf-8")
    other = write_hmaglofdb(tmp_path / "h.csv", {"Year_approx": "2020"})
    book = write_ods(tmp_path / "b.ods", {"Andes": global_sheet(global_row(ID="7", Country="Peru", Date="1941-12-13"))})
    sources = [catalogue.read(path).events.loc[0, "source"] for path in (tmp_path / "own.csv", other, book)]
    assert sources == ["own", "HMAGLOFDB", "Lützow et al. 2023"]


def test_an_unknown_format_and_a_missing_file_are_errors(tmp_path):
    (tmp_path / "a.csv").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="format 'xls'"):
        catalogue.read(tmp_path / "a.csv", "xls")
    with pytest.raises(InputError, match="no such file"):
        catalogue.read(tmp_path / "b.csv")
    with pytest.raises(InputError, match="expected a column lake or lon, found none"):
        catalogue.read(tmp_path / "a.csv")


def test_what_is_written_is_read_again(tmp_path, real_data):
    found = catalogue.read(real_data("hmaglofdb/HMAGLOFDB.csv"))
    again = catalogue.read(catalogue.write(found.events, tmp_path / "out" / "events.csv"))
    pd.testing.assert_frame_equal(again.events, found.events)
    assert again.notes == found.notes[1:], "what was told of the file itself is not told of the table"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["events.csv"]


def test_names_that_say_there_is_none_are_empty():
    assert [catalogue.name_of(text) for text in ("Unnamed", " NA ", "Unknown", "No glacier", "Lake  16 ")] == ["", "", "", "", "Lake 16"]


def test_two_floods_of_a_day_and_place_are_told_and_both_kept(tmp_path):
    rows = (
        "2019-08-14,76.8477,43.0067",
        "2019-08-14,76.85,43.01",
        "2019-08-15,76.85,43.01",
        "2019-08-14,77.85,43.01",
        "2019-08,76.85,43.01",
    )
    (tmp_path / "own.csv").write_text("date,lon,lat\n" + "\n".join(rows), encoding="utf-8")
    found = catalogue.read(tmp_path / "own.csv")
    assert len(found.events) == 5
    assert found.notes == ("own-2: on the day of own-1, 2019-08-14, and 0.4 km from it: perhaps told twice",)


def test_a_broken_table_is_one_line(tmp_path):
    (tmp_path / "own.csv").write_text("lake,date\n" + "x" * 200_000 + ",2020\n", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as a table: field larger than field limit"):
        catalogue.read(tmp_path / "own.csv")
