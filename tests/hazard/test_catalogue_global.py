"""The global inventory: a workbook with a sheet a region."""

import pytest
from tests.hazard.made_catalogues import global_row, global_sheet, write_ods, write_xlsx

from glaciercast.errors import InputError
from glaciercast.hazard import catalogue

ICELAND = {"Country": "Iceland", "Longitude": "-17.3", "Latitude": "64.4", "Lake": "Grænalón", "Glacier": "Skeiðarárjökull"}
ASIA = {"Country": "Pakistan", "Longitude": "74.57", "Latitude": "36.36", "Lake_type": "ice"}
SHEETS = {
    "Iceland": global_sheet(
        global_row(ID="1", Lake_type="ice – volc", Date="1996-11-05", **ICELAND),
        global_row(ID="2", Lake_type="ice/moraine", Date="1898", Date_Min="1898-05", Date_Max="1898-07-15", **ICELAND),
        global_row(ID="2", Lake_type="snow", Date_Max="1902", **ICELAND),
        global_row(),
    ),
    "High Mountain Asia": global_sheet(
        global_row(ID="1", Date="2021-05-15", Date_Min="2021-05-14", Date_Max="2021-05-16", Reference="A; B", **ASIA),
        global_row(ID="2", Date="Late 18th Century", **ASIA),
        global_row(ID="3", Date="2016-06-17", Date_Min="2016-07-17", **ASIA),
        global_row(ID="4", Date="2019-08", **(ASIA | {"Longitude": "36.36", "Latitude": "74.57"})),
        global_row(Date="winter 2019", **(ASIA | {"Country": "Chile", "Longitude": "-73", "Latitude": "-47"})),
    ),
    "Global": global_sheet(global_row(ID="1", Date="1996-11-05", **ICELAND)),
    "Read me": [["A note"], ["of the authors"]],
}


@pytest.mark.parametrize("write", [write_ods, write_xlsx], ids=["ods", "xlsx"])
def test_floods_of_all_regions_make_one_table(tmp_path, write):
    events = catalogue.read(write(tmp_path / "book", SHEETS)).events
    assert events["event"].tolist() == [
        *("Iceland-1", "Iceland-2", "Iceland-2-row3", "High Mountain Asia-1", "High Mountain Asia-2"),
        *("High Mountain Asia-3", "High Mountain Asia-4", "High Mountain Asia-row5"),
    ]
    assert events["type"].tolist() == ["volcanic", "mixed", "other", *["ice"] * 5]
    days = events[["earliest", "latest"]].apply(lambda column: column.dt.strftime("%Y-%m-%d")).fillna("").to_numpy().tolist()
    assert days == [
        ["1996-11-05", "1996-11-05"], ["1898-05-01", "1898-07-15"], ["", "1902-12-31"], ["2021-05-14", "2021-05-16"],
        ["", ""], ["", ""], ["2019-08-01", "2019-08-31"], ["2019-06-01", "2019-08-31"],
    ]  # fmt: skip
    assert events["precision"].tolist() == ["day", "season", "years", "month", "unknown", "unknown", "month", "season"]
    assert events.loc[0, ["lake", "glacier", "source"]].tolist() == ["Grænalón", "Skeiðarárjökull", "Lützow et al. 2023"]
    assert events.loc[3, "reference"] == "A; B"
    assert events.loc[6, ["lon", "lat"]].tolist() == [74.57, 36.36]


def test_what_was_left_out_or_mended_is_told(tmp_path):
    notes = catalogue.read(write_ods(tmp_path / "book.ods", SHEETS)).notes
    assert notes[:2] == ("sheet 'Global' left out: it repeats the regions", "sheet 'Read me' left out: no table of floods")
    told = "\n".join(notes[2:])
    assert "Iceland-2: number given twice" in told
    assert "High Mountain Asia-2: date 'Late 18th Century'" in told
    assert "High Mountain Asia-3: its last day 2016-06-17 lies before its first 2016-07-17: no date taken" in told
    assert "High Mountain Asia-4: longitude 36.36, latitude 74.57 outside Pakistan: swapped" in told
    assert len(notes) == 6


def test_a_workbook_without_floods_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a sheet with columns ID, Country"):
        catalogue.read(write_ods(tmp_path / "a.ods", {"One": [["ID", "Country"], ["1", "Peru"]]}))
    with pytest.raises(InputError, match="expected at least one flood, found none"):
        catalogue.read(write_ods(tmp_path / "b.ods", {"One": global_sheet()}))


def test_no_flood_is_taken_for_a_description(tmp_path):
    rows = [global_row(ID=str(number), Date="2020", **ICELAND) for number in (1, 2, 3)]
    bare = catalogue.read(write_ods(tmp_path / "a.ods", {"Iceland": [global_sheet()[0], *rows]}))
    assert bare.events["event"].tolist() == ["Iceland-1", "Iceland-2", "Iceland-3"]
    nameless = [global_row(Date="2020", **ICELAND)]
    assert len(catalogue.read(write_ods(tmp_path / "b.ods", {"Iceland": [global_sheet()[0], *nameless]})).events) == 1
