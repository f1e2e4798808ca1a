"""Records: checked tables, each record with the time from which it was available."""

import tempfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaciercast.errors import InputError
from glaciercast.hazard import records

LAKE = {"lake": "a", "lon": 74.5, "lat": 36.3, "watched_from": "2019-01-01", "watched_to": "2022-12-31"}
AREA = {"lake": "a", "time": "2020-05-01T05:30", "area": 1e5, "area_error": 2e3, "seen": 0.9, "available_at": "2020-05-02"}
PAIR = {"lake": "a", "first": "2020-04-01", "second": "2020-05-01", "vx": -30.0, "vy": 4.0, "v_error": 5.0, "available_at": "2020-05-10"}
WARMTH = {"lake": "a", "time": "2020-05-01", "lst_day": 280.5, "surface": "ground", "available_at": "2020-05-03"}
FLOOD = {"event": "a 2020", "lake": "a", "start": "2020-05-29", "earliest": "2020-05-29", "latest": "2020-05-29"}


def tables(**changes):
    """Return one record a table; a change replaces a table's records."""
    rows = {"lakes": [LAKE], "areas": [AREA], "motion": [PAIR], "temperature": [WARMTH], "events": [FLOOD]} | changes
    return {name: pd.DataFrame(found) for name, found in rows.items()}


def images(count=1, dtype="float32", side=records.IMAGE_SIDE):
    """Return images of one value each."""
    return np.full((count, len(records.IMAGE_BANDS), side, side), 0.25, dtype=dtype)


def test_values_get_their_types_and_texts_their_blanks_off():
    made = records.make(tables(lakes=[LAKE | {"lake": " a ", "lon": "74.5", "dam": None}]), images())
    assert made.lakes.loc[0, ["lake", "lon", "dam"]].tolist() == ["a", 74.5, ""]
    assert made.areas["time"].dtype == "datetime64[ns]" and made.areas["area"].dtype == "float64"
    assert made.areas.loc[0, "time"] == pd.Timestamp("2020-05-01T05:30")
    assert np.isnan(made.areas.loc[0, "image"]) and pd.isna(made.events.loc[0, "end"])


def test_times_with_a_zone_become_utc():
    made = records.make(tables(areas=[AREA | {"time": "2020-05-01T05:30+05:00"}]))
    assert made.areas.loc[0, "time"] == pd.Timestamp("2020-05-01T00:30")


def test_tables_that_are_missing_are_empty_with_their_columns():
    made = records.make({"lakes": pd.DataFrame([LAKE])})
    assert [len(getattr(made, name)) for name in records.TABLES] == [1, 0, 0, 0, 0]
    for name, columns in records.TABLES.items():
        assert list(getattr(made, name).columns) == list(columns)
    assert made.images.shape == (0, 3, 24, 24)


def test_records_are_sorted_by_time_within_lakes_and_further_columns_dropped():
    late, early = AREA | {"time": "2020-05-01T09:00", "colour": "blue"}, AREA
    other = AREA | {"lake": "B"}
    made = records.make(tables(lakes=[LAKE, LAKE | {"lake": "B"}], areas=[late, early, other]))
    assert made.areas["lake"].tolist() == ["B", "a", "a"]
    assert made.areas["time"].is_monotonic_increasing or made.areas["time"].tolist()[1:] == sorted(made.areas["time"].tolist()[1:])
    assert "colour" not in made.areas


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"areas": [{key: AREA[key] for key in AREA if key != "seen"}]},
            "records: areas: expected a column 'seen', found ",
        ),
        ({"areas": [AREA | {"area": ""}]}, "records: areas: area: record 1 is empty"),
        ({"areas": [AREA | {"area": "big"}]}, "areas: area: expected a number in record 1, found 'big'"),
        ({"areas": [AREA | {"area": np.inf}]}, "areas: area: expected a number in record 1, found 'inf'"),
        ({"areas": [AREA | {"time": "yesterday"}]}, "areas: time: expected a time in record 1, found 'yesterday'"),
        ({"areas": [AREA | {"lake": "b"}]}, "records: areas: unknown lake 'b'; known: a"),
        ({"areas": [AREA | {"available_at": "2020-04-30"}]}, "areas: record of 'a': available_at 2020-04-30 00:00:00 lies before time"),
        ({"areas": [AREA | {"image": 1}]}, "areas: image: expected whole numbers below 1"),
        ({"areas": [AREA | {"image": 0.5}]}, "areas: image: expected whole numbers below 1"),
        ({"areas": [AREA | {"image": -1}]}, "areas: image: expected whole numbers below 1"),
        ({"lakes": [LAKE, LAKE]}, "records: lake 'a' is there twice"),
        ({"events": [FLOOD, FLOOD]}, "records: event 'a 2020' is there twice"),
        ({"lakes": [LAKE | {"lat": 136.3}]}, "lake 'a' lies at lon 74.5, lat 136.3: expected degrees, longitude first"),
        ({"lakes": [LAKE | {"lon": -181}]}, "lake 'a' lies at lon -181"),
        ({"lakes": [LAKE | {"watched_to": "2018-01-01"}]}, "lakes: record of 'a': watched_to 2018-01-01 00:00:00 lies before watched_from"),
        ({"motion": [PAIR | {"second": "2020-03-01"}]}, "motion: record of 'a': second 2020-03-01 00:00:00 lies before first"),
        ({"motion": [PAIR | {"available_at": "2020-04-02"}]}, "motion: record of 'a': available_at 2020-04-02 00:00:00 lies before second"),
        ({"temperature": [WARMTH | {"available_at": "2020-04-02"}]}, "temperature: record of 'a': available_at"),
        ({"events": [FLOOD | {"earliest": "2020-05-30"}]}, "events: record of 'a': start 2020-05-29 00:00:00 lies before earliest"),
        ({"events": [FLOOD | {"latest": "2020-05-28"}]}, "events: record of 'a': latest 2020-05-28 00:00:00 lies before start"),
        ({"events": [FLOOD | {"end": "2020-05-28"}]}, "events: record of 'a': end 2020-05-28 00:00:00 lies before latest 2020-05-29"),
        (
            {"events": [FLOOD | {"latest": "2020-06-04", "end": "2020-06-02"}]},  # it may not have begun before it was over
            "events: record of 'a': end 2020-06-02 00:00:00 lies before latest 2020-06-04 00:00:00",
        ),
        (
            {"events": [FLOOD | {"end": "2020-06-02", "available_at": "2020-06-01"}]},
            "events: record of 'a': available_at 2020-06-01 00:00:00 lies before end 2020-06-02 00:00:00",
        ),
        (
            {"events": [FLOOD | {"available_at": "2020-05-28"}]},
            "events: record of 'a': available_at 2020-05-28 00:00:00 lies before end 2020-05-29 00:00:00",
        ),
    ],
)
def test_each_fault_is_one_line_that_names_it(changes, line):
    with pytest.raises(InputError) as caught:
        records.make(tables(**changes), images())
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [images(dtype="float64"), images(side=8), np.zeros((1, 24, 24), "float32")])
def test_images_of_another_kind_are_refused(wrong):
    with pytest.raises(InputError, match=r"images: expected float32 \(image, 3, 24, 24\), found"):
        records.make(tables(), wrong)


def test_lakes_are_chosen_with_all_that_is_theirs():
    both = tables(lakes=[LAKE, LAKE | {"lake": "b"}], areas=[AREA, AREA | {"lake": "b", "image": 1}])
    made = records.make(both, images(2)).of_lakes(["b"])
    assert made.lakes["lake"].tolist() == ["b"] and made.areas["lake"].tolist() == ["b"]
    assert [len(made.motion), len(made.temperature), len(made.events)] == [0, 0, 0]
    assert made.areas.loc[0, "image"] == 1 and len(made.images) == 2, "numbers of images keep pointing at them"


def test_until_keeps_what_was_available_at_that_minute():
    made = records.make(tables())
    assert [len(made.until("2020-05-02").areas), len(made.until("2020-05-01T23:59").areas)] == [1, 0]
    assert [len(made.until("2020-05-10").motion), len(made.until("2020-05-09").motion)] == [1, 0]
    assert [len(made.until("2020-05-03").temperature), len(made.until("2020-05-02").temperature)] == [1, 0]


def test_until_knows_a_flood_only_once_it_is_over():
    assert [len(records.make(tables()).until(day).events) for day in ("2020-05-29", "2020-05-30")] == [0, 1]
    longer = records.make(tables(events=[FLOOD | {"end": "2020-06-03"}]))
    assert [len(longer.until(day).events) for day in ("2020-06-03", "2020-06-04")] == [0, 1]
    vague = records.make(tables(events=[FLOOD | {"earliest": "2020-05-01", "start": "2020-05-15", "latest": "2020-05-31"}]))
    assert [len(vague.until(day).events) for day in ("2020-05-31", "2020-06-01")] == [0, 1]


def test_until_knows_a_flood_only_once_it_could_have_been_known():
    told = records.make(tables(events=[FLOOD | {"end": "2020-06-03", "available_at": "2020-07-10T06:00"}]))
    assert [len(told.until(day).events) for day in ("2020-06-04", "2020-07-10", "2020-07-10T06:00", "2020-07-11")] == [0, 0, 1, 1]


def test_a_folder_without_its_tables_is_one_line(tmp_path):
    with pytest.raises(InputError, match="none: no such folder"):
        records.read(tmp_path / "none")
    with pytest.raises(InputError, match=r"expected a table lakes\.csv, found none"):
        records.read(tmp_path)
    records.write(records.make(tables(), images()), tmp_path)
    (tmp_path / "lakes.csv").write_bytes(b"lake,\xff\n")
    with pytest.raises(InputError, match=r"lakes\.csv: cannot be read as a table"):
        records.read(tmp_path)
    records.write(records.make(tables(), images()), tmp_path)
    (tmp_path / "images.npy").write_bytes(b"not an array")
    with pytest.raises(InputError, match=r"images\.npy: cannot be read as an array"):
        records.read(tmp_path)


def test_nothing_pickled_is_read(tmp_path):
    records.write(records.make(tables(), images()), tmp_path)
    np.save(tmp_path / "images.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"images\.npy: cannot be read as an array"):
        records.read(tmp_path)


def test_files_are_whole_or_not_there(tmp_path):
    files = records.write(records.make(tables(), images()), tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in files)
    assert [path.name for path in files] == [*(f"{name}.csv" for name in records.TABLES), "images.npy"]


times = st.datetimes(pd.Timestamp("1990-01-01"), pd.Timestamp("2030-01-01")).map(lambda time: pd.Timestamp(time).floor("s"))
numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)
names = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=8).filter(lambda name: name.strip() == name)


WATCHED = {key: LAKE[key] for key in ("watched_from", "watched_to")}


@st.composite
def any_tables(draw):
    """Draw lakes with a few records each."""
    lakes = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    place = st.fixed_dictionaries({"lon": st.floats(-180, 180), "lat": st.floats(-90, 90), "dam": st.sampled_from(["", "ice"])})
    rows = [{"lake": name} | draw(place) | WATCHED for name in lakes]
    areas, floods = [], []
    for number, drawn in enumerate(draw(st.lists(st.tuples(st.sampled_from(lakes), times, times, numbers, numbers), max_size=3))):
        name, *bounds, area, error = drawn
        early, late = sorted(bounds)
        areas.append({"lake": name, "time": early, "area": area, "area_error": error, "seen": 1.0, "available_at": late})
        days = {"earliest": early, "start": early, "latest": late, "end": draw(st.sampled_from([None, late]))}
        days["available_at"] = draw(st.sampled_from([None, late + pd.Timedelta(days=9)]))
        floods.append({"event": f"e{number}", "lake": name} | days)
    return {"lakes": pd.DataFrame(rows), "areas": pd.DataFrame(areas), "events": pd.DataFrame(floods)}


@settings(max_examples=10)
@given(any_tables(), st.integers(0, 2))
def test_what_is_written_is_read_again(found, count):
    made = records.make(found, images(count))
    with tempfile.TemporaryDirectory() as folder:
        records.write(made, folder)
        again = records.read(folder)
        np.testing.assert_array_equal(again.images, made.images)
    for name in records.TABLES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(made, name), check_exact=True)
