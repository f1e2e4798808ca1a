"""A table of one's own."""

import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.hazard import catalogue, events


def read(path, text):
    """Return the catalogue of a text."""
    (path / "mine.csv").write_text(text, encoding="utf-8")
    return catalogue.read(path / "mine.csv")


def test_a_lake_and_a_date_are_enough(tmp_path):
    found = read(tmp_path, "\ufeffLake,Date\nShisper,2021-05\n")
    told = found.events.loc[0, ["event", "lake", "type", "source", "precision"]]
    assert told.tolist() == ["mine-1", "Shisper", "unknown", "mine", "month"]
    assert found.notes == ()


def test_bounds_win_over_the_date_and_places_are_held_against_the_country(tmp_path):
    head = "event,lake,lon,lat,type,date,earliest,latest,country\n"
    found = read(tmp_path, head + "a,L,36°21'N,74°34'E,ice,2021-05-15,2021-05-10,,Pakistan\nb,L,74.5,36.3,,,,1966,\nc,L,,,,,1960,1966,\n")
    days = found.events[["earliest", "latest"]].apply(lambda column: column.dt.strftime("%Y-%m-%d")).fillna("").to_numpy().tolist()
    assert days == [["2021-05-10", "2021-05-15"], ["", "1966-12-31"], ["1960-01-01", "1966-12-31"]]
    assert found.events.loc[0, ["lon", "lat"]].tolist() == pytest.approx([74.566667, 36.35], abs=1e-6)
    assert len(found.notes) == 1 and "swapped" in found.notes[0]


def test_a_day_of_report_is_kept_through_writing_and_becomes_that_of_the_record(tmp_path):
    found = read(
        tmp_path, "lake,lon,lat,date,available_at\nShisper,74.57,36.36,2021-05-15,2021-06-20T12:00\nShisper,74.57,36.36,2020-05,\n"
    )
    told = [pd.Timestamp("2021-06-20T12:00"), pd.NaT]
    assert found.events["available_at"].tolist() == told
    assert catalogue.read(catalogue.write(found.events, tmp_path / "again.csv")).events["available_at"].tolist() == told
    lakes = pd.DataFrame([{"lake": "Shisper", "lon": 74.57, "lat": 36.36, "watched_from": "2019-01-01", "watched_to": "2022-12-31"}])
    made, _ = events.to_records(found.events, lakes)
    assert made.events["available_at"].tolist() == told[::-1]
    assert [len(made.until(day).events) for day in ("2021-06-20", "2021-06-21")] == [1, 2]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name,when\na,b\n", "expected a column lake or lon, found name, when"),
        ("lake\na\n", "expected a column date or latest, found lake"),
        ("lake,date,type\na,2020,icy\n", "type 'icy'"),
        ("lake,date,event\na,2020,x\nb,2021,x\n", "event 'x' is there twice"),
        ("lake,earliest,latest\na,2021,2020\n", "mine-1: latest 2020-12-31 lies before earliest 2021-01-01"),
        ("lake,date\n", "expected at least one flood, found none"),
        ("lake,date,available_at\na,2020,soon\n", "mine-1: available_at: expected a time such as 2021-06-20 .*, found 'soon'"),
        ("lake,date,available_at\na,2020,2020-06-01\n", "mine-1: available_at 2020-06-01 lies before latest 2020-12-31"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, text, line):
    with pytest.raises(InputError, match=line) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_a_date_that_cannot_be_read_is_unknown_and_told(tmp_path):
    found = read(tmp_path, "lake,date\nL,some day\n")
    assert found.events["precision"].tolist() == ["unknown"]
    assert found.notes[0].startswith("mine-1: date 'some day'")


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"lake,date\n\xdc,2020\n")
    with pytest.raises(InputError, match="expected text in UTF-8, found byte 0xdc at 10"):
        catalogue.read(tmp_path / "a.csv")
