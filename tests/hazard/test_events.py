"""Floods find their lake by name and by nearness."""

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.hazard import catalogue, catalogue_dates, events, labels

SHISPER = {"lake": "Shisper", "lon": 74.57, "lat": 36.36}
LAKES = pd.DataFrame([SHISPER, {"lake": "Kyagar", "lon": 77.19, "lat": 35.68}, {"lake": "Upper", "lon": 74.58, "lat": 36.36}])


def floods(*rows):
    """Return a table of floods of lake, glacier, place and date."""
    rest = {"type": "ice", "country": "", "source": "test", "reference": ""}
    made = [
        {
            "event": f"e{n}",
            "lake": lake,
            "glacier": glacier,
            "lon": str(lon),
            "lat": str(lat),
            "interval": catalogue_dates.of_text(date),
            **rest,
        }
        for n, (lake, glacier, lon, lat, date) in enumerate(rows)
    ]
    return catalogue.build(made, [], "test").events


def test_names_are_the_same_without_accents_case_and_the_word_lake():
    assert events.same_name("Lac d'Été", "lac d ete")
    assert events.same_name("Kyagar Glacier", "KYAGAR")
    assert events.same_name("Hassanabad I", "Shisper ")
    assert events.same_name("Lake 16", "16")
    assert not events.same_name("Hassanabad", "Shisper"), "the lake of 1894 lay elsewhere"
    assert not events.same_name("", "Lake") and not events.same_name("", "")


def test_a_flood_goes_to_the_lake_of_its_name_and_a_nameless_one_to_the_nearest():
    table = floods(
        ("", "Hassanabad I", 74.70, 36.36, "2019-06-22"),  # by the glacier's alias, 12 km off
        ("", "", 74.581, 36.36, "2020-05-29"),  # nameless, 90 m from Upper
        ("Other lake", "", 74.57, 36.36, "2021-05-15"),  # another name, however near
        ("", "", 74.8, 36.36, "2022-05-07"),  # nameless and far
        ("Shisper", "", "", "", "2022-05-07"),  # no place
    )
    found = events.match(table, LAKES)
    assert found.lake.tolist() == ["Shisper", "Upper", "", "", ""]
    assert found.distance_km[:2] == pytest.approx([11.64, 0.0895], abs=0.005)
    assert np.isnan(found.distance_km[2:]).all()
    assert found.notes == ()


def test_a_name_at_another_place_is_not_believed():
    found = events.match(floods(("Shisper", "", 77.19, 35.68, "2019-06-22")), LAKES)
    assert found.lake.tolist() == [""]
    assert found.notes == ("e0: bears the name of Shisper and lies 247 km away: not matched",)
    far = events.MatchConfig(named_km=300.0)
    assert events.match(floods(("Shisper", "", 77.19, 35.68, "2019-06-22")), LAKES, far).lake.tolist() == ["Shisper"]


def test_records_hold_dated_floods_once(tmp_path):
    table = floods(
        ("Shisper", "", 74.57, 36.36, "2020-06"),
        ("Shisper", "", 74.57, 36.36, "2020-06"),
        ("Shisper", "", 74.57, 36.36, "Before 1966"),
        ("Shisper", "", 74.57, 36.36, "1533"),
        ("Kyagar", "", 77.19, 35.68, "2017-08-10"),
    )
    made, notes = events.to_records(table, LAKES)
    assert made.events["event"].tolist() == ["e4", "e0"]
    assert made.events.loc[1, ["earliest", "start", "latest"]].tolist() == list(pd.to_datetime(["2020-06-01", "2020-06-15", "2020-06-30"]))
    assert notes == (
        "e2: no first and last day: left out",
        "e3: no first and last day: left out",
        "e1: told twice, with the same days at Shisper: left out",
    )


def test_a_catalogue_alone_labels_nothing_and_a_watch_does():
    table = floods(("Shisper", "", 74.57, 36.36, "2020-05-29"))
    issue = np.arange("2020-05-01", "2020-06-30", dtype="datetime64[D]").astype("datetime64[ns]")
    lake = np.full(len(issue), "Shisper", dtype=object)
    alone, _ = events.to_records(table, LAKES)
    found, _ = labels.label(alone.events, alone.lakes, lake, issue, 7)
    assert np.isnan(found).all()
    watched, _ = events.to_records(table, LAKES.assign(watched_from="2019-01-01", watched_to="2022-12-31"))
    found, _ = labels.label(watched.events, watched.lakes, lake, issue, 7)
    assert (found.sum(), (found == 0).sum()) == (7, len(issue) - 7)


def test_a_lake_without_a_place_is_an_error():
    with pytest.raises(InputError, match="lakes: expected a column 'lon', found lake"):
        events.to_records(floods(("a", "", 0, 0, "2020")), pd.DataFrame({"lake": ["a"]}))


def test_shisper_is_found_in_the_real_catalogue_by_place_and_by_alias(real_data):
    table = catalogue.read(real_data("hmaglofdb/HMAGLOFDB.csv")).events
    made, _ = events.to_records(table, LAKES[:2])
    assert made.events["lake"].value_counts().to_dict() == {"Kyagar": 34, "Shisper": 4}
    assert made.events["available_at"].isna().all()  # it tells no dates of report
    assert made.events.loc[made.events["lake"] == "Shisper", "start"].dt.strftime("%m-%d").tolist() == ["06-22", "05-29", "05-15", "05-07"]
    assert len(events.of_lake(table, "hassanabad i")) == len(events.of_lake(table, "Shisper")) == 4
    with pytest.raises(InputError, match="lake 'Atlantis': no flood"):
        events.of_lake(table, "Atlantis")
