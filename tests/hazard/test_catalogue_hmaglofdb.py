"""HMAGLOFDB: its bytes, its empty cells and its ways to tell a date."""

import collections
import csv

import numpy as np
import pytest
from tests.hazard.made_catalogues import write_hmaglofdb

from glaciercast.errors import InputError
from glaciercast.hazard import catalogue, catalogue_counts


@pytest.fixture(scope="module")
def hmaglofdb(request):
    """Return the real catalogue and its path."""
    path = request.getfixturevalue("real_data")("hmaglofdb/HMAGLOFDB.csv")
    return catalogue.read(path), path


def independent(path):
    """Return the rows as Python's csv module alone gives them."""
    with path.open(encoding="cp1252", newline="") as file:
        return list(csv.DictReader(file))


def interval(found, number=0):
    """Return the first and last day of a flood as texts."""
    return tuple(str(found.events[key].to_numpy("datetime64[s]")[number].astype("datetime64[D]")) for key in ("earliest", "latest"))


def test_every_flood_of_the_real_catalogue_is_read(hmaglofdb):
    found, _ = hmaglofdb
    counts = catalogue_counts.counts(found.events)
    assert counts["events"] == 773
    assert counts["by_precision"] == {"day": 335, "month": 61, "season": 2, "year": 194, "years": 33, "unknown": 148}
    assert counts["by_type"] == {
        **{"ice": 237, "moraine": 387, "supraglacial": 85, "water pocket": 22, "bedrock": 6},
        **{"landslide": 3, "thermokarst": 3, "unknown": 30},
    }
    assert list(counts["by_month"].values()) == [1, 0, 3, 8, 20, 71, 132, 96, 40, 17, 4, 4, 377]
    assert list(counts["by_type_and_month"]["ice"].values()) == [0, 0, 1, 1, 12, 20, 38, 48, 27, 11, 4, 3, 72]


def test_counts_equal_those_of_an_independent_reader(hmaglofdb):
    found, path = hmaglofdb
    rows = independent(path)
    counts = catalogue_counts.counts(found.events)
    kinds = collections.Counter(row["Lake_type"].split(" dammed")[0].lower() for row in rows)
    months = collections.Counter("unknown" if row["Month"] == "NA" else row["Month"] for row in rows)
    both = collections.Counter((row["Lake_type"].split(" dammed")[0].lower(), row["Month"].replace("NA", "unknown")) for row in rows)
    assert counts["by_type"] == dict(kinds)
    assert {month: count for month, count in counts["by_month"].items() if count} == dict(months)
    assert both == {(kind, month): n for kind, row in counts["by_type_and_month"].items() for month, n in row.items() if n}


def test_places_and_names_are_those_of_the_file(hmaglofdb):
    found, path = hmaglofdb
    rows = independent(path)
    np.testing.assert_array_equal(found.events["lon"], [float(row["Lon_lake"]) for row in rows])
    np.testing.assert_array_equal(found.events["lat"], [float(row["Lat_lake"]) for row in rows])
    nameless = ("Unnamed", "Unknown", "NA", "Ephemeral", "")
    assert (found.events["lake"] == "").sum() == sum(row["Lake_name"].strip() in nameless for row in rows)
    assert not found.events["lake"].str.contains("\xa0| $", regex=True).any()
    assert not found.events["event"].duplicated().any()


def test_shispers_four_floods(hmaglofdb):
    found, _ = hmaglofdb
    shisper = found.events[found.events["lake"] == "Shisper"]
    assert shisper["earliest"].dt.strftime("%Y-%m-%d").tolist() == ["2019-06-22", "2020-05-29", "2021-05-15", "2022-05-07"]
    assert (shisper["latest"] == shisper["earliest"]).all()
    assert set(shisper["glacier"]) == {"Hassanabad I"} and set(shisper["type"]) == {"ice"}
    assert set(zip(shisper["lon"], shisper["lat"], strict=True)) == {(74.572267, 36.35594)}


def test_the_place_that_is_not_at_its_lake_and_reports_of_one_day_are_told(hmaglofdb):
    found, _ = hmaglofdb
    assert [note.split(":")[0] for note in found.notes] == ["HMAGLOFDB-301", "HMAGLOFDB-466", "HMAGLOFDB-740"]
    assert found.notes[0].startswith("HMAGLOFDB-301: longitude 90.6072, latitude 28.2995 is 1.70° from its lake GL092311E28908N")


def test_images_narrow_what_the_year_leaves_open(hmaglofdb):
    found, _ = hmaglofdb
    days = found.events.set_index("event")[["earliest", "latest"]]
    assert days.loc["HMAGLOFDB-404"].dt.strftime("%Y-%m-%d").tolist() == ["2003-05-06", "2003-08-10"]
    assert days.loc["HMAGLOFDB-507"].dt.strftime("%Y-%m-%d").tolist() == ["2020-05-18", "2020-06-19"]


def test_a_month_or_a_year_is_an_interval(tmp_path):
    path = write_hmaglofdb(
        tmp_path / "a.csv",
        {"Year_exact": "1998", "Year_approx": "1998", "Month": "11"},
        {"Year_exact": "1894", "Year_approx": "1894"},
        {"Year_approx": "Before 1966"},
        {"Year_approx": "2009-10"},
        {"Year_approx": "\xa0"},
        {"Year_exact": "1830", "Year_approx": "1830", "Month": "6", "Day": "31"},
    )
    found = catalogue.read(path)
    assert [interval(found, number) for number in range(6)] == [
        ("1998-11-01", "1998-11-30"), ("1894-01-01", "1894-12-31"), ("NaT", "1966-12-31"),
        ("2009-01-01", "2010-12-31"), ("NaT", "NaT"), ("1830-06-01", "1830-06-30"),
    ]  # fmt: skip
    assert found.notes == ("HMAGLOFDB-6: date 1830-06-31: no such day: the month taken",)


def test_names_keep_their_letters_and_lose_their_blanks(tmp_path):
    path = write_hmaglofdb(tmp_path / "a.csv", {"Lake_name": "\xa0Ürümqi–See \xa0", "Glacier_name": "Unnamed"})
    assert catalogue.read(path).events.loc[0, ["lake", "glacier"]].tolist() == ["Ürümqi–See", ""]


def test_swapped_coordinates_are_mended_with_a_line_and_foreign_ones_refused(tmp_path):
    path = write_hmaglofdb(tmp_path / "a.csv", {"Lat_lake": "74.5", "Lon_lake": "36.4"}, {"Country": "Bhutan"}, {"Lat_lake": "x"})
    found = catalogue.read(path)
    np.testing.assert_array_equal(found.events["lon"], [74.5, np.nan, np.nan])
    assert [note.split(":")[0] for note in found.notes] == ["HMAGLOFDB-1", "HMAGLOFDB-2", "HMAGLOFDB-3"]
    assert "swapped" in found.notes[0] and "refused" in found.notes[1] and "expected degrees" in found.notes[2]


def test_a_type_that_is_not_known_is_other_with_a_line(tmp_path):
    found = catalogue.read(write_hmaglofdb(tmp_path / "a.csv", {"Lake_type": "Beaver dam"}, {"Lake_type": "\xa0", "Lat_lake": "36.9"}))
    assert found.events["type"].tolist() == ["other", "unknown"]
    assert found.notes[0].startswith("HMAGLOFDB-1: lake type 'Beaver dam' is none of moraine dammed")


def test_another_table_is_refused(tmp_path):
    (tmp_path / "b.csv").write_text("GF_ID,Year\n1,2000\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected a column 'Year_approx' of HMAGLOFDB, found GF_ID, Year"):
        catalogue.read(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_bytes(b"GF_ID,\x81\n")
    with pytest.raises(InputError, match="expected text in cp1252, found byte 0x81 at 6"):
        catalogue.read(tmp_path / "c.csv")
