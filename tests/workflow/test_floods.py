"""The workflow of flood catalogues: plain JSON types, notes of the chosen floods only."""

import json

import pytest

from glaciercast.errors import InputError
from glaciercast.hazard import records
from glaciercast.workflow.floods import floods


def test_notes_are_those_of_the_chosen_floods(tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("lake,date,lon,lat,country\nA,2020,36.3,74.5,Pakistan\nB,2021,74.5,36.3,Pakistan\n", encoding="utf-8")
    every = floods(table)
    assert len(every["notes"]) == 1 and every["notes"][0].startswith("own-1: longitude 36.3")
    assert floods(table, lake="B")["notes"] == []
    assert floods(table, lake="A")["notes"] == every["notes"]
    assert json.loads(json.dumps(every)) == every


def test_a_lake_with_no_exact_date_has_no_baseline(tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("lake,date\nA,2020\n", encoding="utf-8")
    found = floods(table, lake="A")
    assert found["dates"] == []
    assert [rule["mean_error_days"] for rule in found["baselines"]] == [None, None, None]


WATCHED = "lake,lon,lat,watched_from,watched_to\nShisper,74.57,36.36,2017-01-01,2022-12-31\nKyagar,77.19,35.68,2010-01-01,2019-12-31\n"


def test_floods_of_the_lakes_of_records_become_their_events(real_data, tmp_path):
    (tmp_path / "lakes.csv").write_text(WATCHED, encoding="utf-8")
    found = floods(real_data("hmaglofdb/HMAGLOFDB.csv"), first="2010", records=tmp_path)
    assert found["matched"] == {"Shisper": 4, "Kyagar": 6}
    assert found["left_out"] == []
    read = records.read(tmp_path)
    assert read.events["lake"].value_counts().to_dict() == {"Kyagar": 6, "Shisper": 4}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.csv", "lakes.csv"]


def test_floods_are_never_written_over_and_a_watch_is_needed(tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("lake,date,lon,lat\nShisper,2020,74.57,36.36\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"expected a table lakes\.csv, found none"):
        floods(table, records=tmp_path)
    (tmp_path / "lakes.csv").write_text("lake,lon,lat\nShisper,74.57,36.36\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected a column 'watched_from': between which days"):
        floods(table, records=tmp_path)
    (tmp_path / "lakes.csv").write_bytes(b"lake,\xff\n")
    with pytest.raises(InputError, match=r"lakes\.csv: cannot be read as a table"):
        floods(table, records=tmp_path)
    (tmp_path / "lakes.csv").write_text(WATCHED, encoding="utf-8")
    floods(table, records=tmp_path)
    before = (tmp_path / "events.csv").read_bytes()
    with pytest.raises(InputError, match=r"events\.csv: there already"):
        floods(table, records=tmp_path)
    assert (tmp_path / "events.csv").read_bytes() == before
