"""The workflow of flood catalogues: plain JSON types, notes of the chosen floods only."""

import json

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
