"""What the audit says of products whose footprints are known."""

import json

import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from tests.audited import (
    BESIDE,
    DAYS,
    MOSTLY_BESIDE,
    RIGHT,
    SHISPER,
    cube,
    geobox,
    in_degrees,
    mismatched,
    modis_box,
    optical,
    temperature,
    times,
    utm_box,
    velocity,
    write_table,
)  # fmt: skip
from xarray import Dataset

from glaciercast import grid, store
from glaciercast.cube import audit as audits
from glaciercast.cube import tally
from glaciercast.cube.audit import AuditConfig
from glaciercast.cube.tally import Table
from glaciercast.errors import InputError
from glaciercast.schema import GRID

LAKE = (74.572267, 36.35594)
WHOLE = in_degrees(shapely.box(450000, 4029000, 451000, 4030000))
"""The 10×10 cells of `geobox`."""


def judged(opened, outline=WHOLE, lake=None, **settings):
    config = AuditConfig(**settings)
    areas = audits.regions_of(outline, lake, config)
    return audits.audit(list(tally.of_cube(opened, areas)), areas, config)


def judged_table(table, outline=None, lake=None, **settings):
    config = AuditConfig(**settings)
    areas = audits.regions_of(shapely.box(*SHISPER) if outline is None else outline, lake, config)
    return audits.audit([tally.of_table(table, areas)], areas, config)


def clear(*shares):
    """Return a mask (date, 10, 10) whose first rows are clear."""
    return np.stack([np.arange(10)[:, None] < 10 * share for share in shares]) & np.ones(10, bool)


def test_an_outline_half_observed_and_its_calendar_are_right_by_value(tmp_path):
    found = judged(cube(tmp_path, {"/optical/landsat": optical(clear(0.5, 0.2, 0.0, 0.3))}))
    facts = found["products"]["/optical/landsat"]
    assert facts["outline"] == {"grid": pytest.approx(1, abs=2e-6), "observed": pytest.approx(0.5, abs=2e-6)}
    assert facts["by_month"] == pytest.approx([1.0, *[0.0] * 11], abs=5e-6)  # 0.5 + 0.2 + 0.3, all in January
    assert (facts["dates"], facts["dates_seen"], facts["first"], facts["last"]) == (4, 3, "2019-01-10", "2020-01-15")
    assert facts["longest_gap_days"] == 360.0 and facts["longest_gap"] == ["2019-01-20", "2020-01-15"]
    assert facts["months_without"] == [str(month) for month in np.arange("2019-02", "2020-01", dtype="datetime64[M]")]
    assert found["verdict"] == facts["verdict"] == "fails"
    assert found["line"] == "/optical/landsat: expected 90.0 % of the outline to be observed, found 50.0 % (its cells cover 100 %)"
    json.dumps(found, allow_nan=False)


def test_pairs_are_audited_and_not_the_series_that_were_made_of_them(tmp_path):
    seen = np.where(np.arange(10)[:, None] < 6, 1.0, np.nan) * np.ones((2, 10, 10))
    pairs = velocity(seen, ("2019-01-10", "2019-05-01"), ("2019-02-25", "2019-05-11"))
    box, edges = geobox((10, 10)), times(("2019-01-01", "2019-02-01", "2019-03-01"))
    ones = (GRID, np.ones((2, 10, 10), "float32"), {"units": "m year-1"})  # without a gap
    fields = dict.fromkeys(("vx", "vy", "vx_error", "vy_error"), ones)
    bounds = {"time_bounds": (("time", "bounds"), np.stack([edges[:-1], edges[1:]], axis=1)), "available_at": ("time", edges[1:])}
    series = Dataset({**fields, **bounds}, coords={**grid.coordinates(box), "time": edges[:-1]})
    found = judged(cube(tmp_path, {"/velocity/itslive": pairs, "/velocity/itslive_series": series}))
    assert list(found["products"]) == ["/velocity/itslive"]
    assert found["products"]["/velocity/itslive"]["outline"]["observed"] == pytest.approx(0.6, abs=2e-6)


def test_the_threshold_is_reached_exactly(tmp_path):
    opened = cube(tmp_path, {"/optical/landsat": optical(clear(0.5, 0.2, 0.0, 0.3))})
    assert judged(opened, min_cover=0.5)["verdict"] == "ok"
    assert judged(opened, min_cover=0.5)["line"] == "all 1 products cover the glacier"
    assert judged(opened, min_cover=0.51)["verdict"] == "fails"


def test_a_grid_over_half_of_the_outline_is_told_from_cells_never_seen(tmp_path):
    opened = cube(tmp_path, {"/optical/landsat": optical(clear(1, 1, 1, 1))})
    facts = judged(opened, in_degrees(shapely.box(450500, 4029000, 451500, 4030000)))["products"]["/optical/landsat"]
    assert facts["outline"]["grid"] == pytest.approx(0.5, abs=2e-6)
    assert facts["by_month"][0] == pytest.approx(3 * 0.5, abs=1e-5)  # what lies outside the grid counts as never seen
    assert facts["line"].endswith("expected 90.0 % of the outline to be observed, but its cells cover only 50.0 % (50.0 % observed)")
    assert facts["away"] == 0 and facts["direction"] is None


@pytest.mark.parametrize(("offset", "wind"), [((3000, 0), "west"), ((0, -3000), "north"), ((-2000, -2000), "north-east")])
def test_a_product_beside_the_glacier_is_named_with_distance_and_direction(tmp_path, offset, wind):
    opened = cube(tmp_path, {"/optical/landsat": optical(clear(1, 1, 1, 1))})
    dx, dy = offset
    facts = judged(opened, in_degrees(shapely.box(450000 + dx, 4029000 + dy, 451000 + dx, 4030000 + dy)))["products"]["/optical/landsat"]
    expected = np.hypot(*(max(0, abs(step) - 1000) for step in offset))
    assert facts["away"] == pytest.approx(expected, rel=1e-3) and facts["direction"] == wind
    assert facts["line"] == f"/optical/landsat: no cell lies on the outline; the nearest is {expected / 1000:.1f} km to the {wind} of it"
    assert (facts["dates_seen"], facts["first"], facts["longest_gap_days"], sum(facts["by_month"])) == (0, None, None, 0.0)


def test_velocity_counts_at_the_middle_of_a_pair_and_needs_both_components(tmp_path):
    vx = np.where(clear(1, 1, 0.5), 50.0, np.nan)
    vy = np.where(clear(0.4, 0.0, 1), 5.0, np.nan)
    pairs = velocity(vx, ("2019-01-10", "2019-05-01", "2019-06-20"), ("2019-02-25", "2019-05-11", "2019-07-30"), vy)
    facts = judged(cube(tmp_path, {"/velocity/itslive": pairs}))["products"]["/velocity/itslive"]
    assert facts["outline"]["observed"] == pytest.approx(0.5, abs=2e-6)
    assert facts["by_month"] == pytest.approx([0, 0.4, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0], abs=5e-6)  # February, July
    assert (facts["first"], facts["last"], facts["dates_seen"]) == ("2019-01-10", "2019-07-30", 2)


def test_temperature_by_day_or_by_night_counts_a_date_once(tmp_path):
    day, night = (np.where(clear(*shares), 270.0, np.nan) for shares in ((0.3, 0, 0, 0), (0.6, 0.2, 0, 0)))
    box = geobox()
    facts = judged(cube(tmp_path, {"/temperature/mod11a2": temperature(day, night, box=box)}))["products"]["/temperature/mod11a2"]
    assert facts["outline"]["observed"] == pytest.approx(0.6, abs=2e-6)
    assert facts["by_month"][0] == pytest.approx(0.8, abs=5e-6) and facts["kind"] == "temperature"


def test_the_lake_must_be_covered_too(tmp_path):
    outline = in_degrees(shapely.box(450000, 4029000, 450900, 4030000))
    opened = cube(tmp_path, {"/optical/landsat": optical(clear(1, 1, 1, 1))})
    lon, lat = shapely.get_coordinates(in_degrees(shapely.box(451000, 4029500, 451001, 4029501)))[1]  # on the eastern edge of the grid
    found = judged(opened, outline, (lon, lat), lake_buffer=200.0)
    facts = found["products"]["/optical/landsat"]
    assert facts["lake"]["observed"] == pytest.approx(0.5, abs=5e-3) and facts["outline"]["observed"] == pytest.approx(1, abs=2e-6)
    assert found["regions"]["lake"]["area_km2"] == pytest.approx(np.pi * 0.04, rel=2e-4)
    assert "of the lake's surroundings to be observed, but its cells cover only" in found["line"]
    assert judged(opened, outline, (lon, lat), lake_buffer=200.0, min_cover=0.49)["verdict"] == "ok"


def test_blocks_give_what_one_reading_gives(tmp_path, monkeypatch):
    values = np.random.default_rng(1).random((4, 10, 10)) < 0.3
    opened = cube(tmp_path, {"/optical/landsat": optical(values)}).chunk({"time": 1, "y": 4, "x": 3})
    areas = audits.regions_of(WHOLE, None, AuditConfig())
    for budget in (1, 40, 10**6):
        monkeypatch.setattr(tally, "BUDGET", budget)
        (footprint,) = tally.of_cube(opened, areas)
        np.testing.assert_array_equal(footprint.counts, values.sum(axis=0))
        np.testing.assert_allclose(footprint.seen["outline"] / areas[0].area, values.mean(axis=(1, 2)), atol=2e-6)


def test_the_published_mismatch_is_caught_in_a_cube(tmp_path):
    """A velocity table beside Shisper and a temperature grid that mostly misses it: only the optical scenes see the glacier."""
    found = judged(store.open_cube(mismatched(tmp_path / "cube.zarr")), shapely.box(*SHISPER), LAKE)
    verdicts = {name: facts["verdict"] for name, facts in found["products"].items()}
    assert verdicts == {"/optical/sentinel2": "ok", "/velocity/itslive": "fails", "/temperature/mod11a2": "fails"}
    velocities, temperatures = found["products"]["/velocity/itslive"], found["products"]["/temperature/mod11a2"]
    assert velocities["outline"] == {"grid": 0.0, "observed": 0.0} and velocities["direction"] == "east"
    gap = pyproj.Geod(ellps="WGS84").inv(SHISPER[2], 36.42, BESIDE[0], 36.42)[2]
    assert gap - 2 * 240 < velocities["away"] < gap  # cells begin at multiples of their size
    assert velocities["line"].startswith("/velocity/itslive: no cell lies on the outline; the nearest is 3.3 km to the east of it")
    assert 0.05 < temperatures["outline"]["observed"] < 0.25 and temperatures["lake"]["grid"] == 0.0
    assert found["line"].endswith("(and 1 more)") and found["line"].startswith("/velocity/itslive")


def test_the_same_products_in_the_right_place_pass(tmp_path):
    found = judged(store.open_cube(mismatched(tmp_path / "cube.zarr", RIGHT, RIGHT)), shapely.box(*SHISPER), LAKE)
    assert found["verdict"] == "ok" and found["line"] == "all 3 products cover the glacier"
    for facts in found["products"].values():
        assert facts["outline"]["observed"] == pytest.approx(1.0, abs=1e-9) and facts["lake"]["observed"] == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("place", "verdict", "low", "high"),
    [
        (utm_box(*BESIDE, 240.0), "fails", 0.0, 0.0),
        (modis_box(*MOSTLY_BESIDE), "fails", 0.05, 0.25),
        (utm_box(*RIGHT, 480.0), "ok", 0.999, 1.0),
        (modis_box(*RIGHT), "ok", 0.95, 1.0),  # squares to the north in place of leaning cells leave slivers
    ],
)
def test_the_published_mismatch_is_caught_in_tables(tmp_path, place, verdict, low, high):
    file = write_table(tmp_path / "table.csv", place)
    table = Table(file=str(file), lon="longitude", lat="latitude", cell=place.resolution.x, time="date", value="value")
    found = judged_table(table, lake=LAKE)
    facts = found["products"]["table.csv"]
    assert facts["verdict"] == verdict, facts["line"]
    assert low <= facts["outline"]["observed"] <= high
    assert facts["by_month"][0] == pytest.approx(3 * facts["outline"]["observed"], rel=1e-6)
    assert facts["dates"] == 4


def test_rows_without_a_value_repeated_rows_and_a_table_without_dates(tmp_path):
    outline = in_degrees(shapely.box(450000, 4029000, 450200, 4029100))
    middles = shapely.MultiPoint([(450050, 4029050), (450150, 4029050)])
    lon, lat = shapely.get_coordinates(in_degrees(middles)).T
    rows = {"lon": [*lon, lon[0]], "lat": [*lat, lat[0]], "day": ["2019-01-10"] * 3, "value": [1.0, np.nan, 2.0]}
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    table = Table(file=str(tmp_path / "t.csv"), cell=100.0)
    facts = judged_table(table.model_copy(update={"time": "day", "value": "value"}), outline)["products"]["t.csv"]
    assert facts["outline"]["observed"] == pytest.approx(0.5, abs=0.02) and facts["outline"]["grid"] == pytest.approx(1, abs=0.03)
    assert facts["by_month"][0] == pytest.approx(0.5, abs=0.02) and facts["dates_seen"] == 1  # the repeated row counts once
    bare = judged_table(table, outline)["products"]["t.csv"]
    assert bare["dates"] is None and bare["by_month"] is None and bare["outline"]["observed"] == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lon,lat\n74,36\n", r"expected a column 'date', found lon, lat$"),
        ("longitude,lat,date,value\n74,36,2019-01-01,1\n", r"expected a column 'lon', found longitude, lat, date, value$"),
        ("lon,lat,date,value\n74,east,2019-01-01,1\n", r"column 'lat': expected numbers, found text"),
        ("lon,lat,date,value\n74,36,2019-01-01,1\n,36,2019-01-01,1\n", r"expected degrees within ±180 and ±90 .* found 1 rows without"),
        ("lon,lat,date,value\n444000,4030000,2019-01-01,1\n", r"expected degrees within ±180 and ±90 .* found 1 rows without"),
        ("lon,lat,date,value\n74,36,yesterday,1\n", r"column 'date': expected ISO dates, found 1 rows without"),
        ("", r"not a CSV table: No columns to parse"),
        ('lon,lat,date,value\n"74,36\n', r"not a CSV table"),
    ],
)
def test_unusable_tables_are_one_line(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        judged_table(Table(file=str(tmp_path / "t.csv"), cell=100.0, time="date", value="value"))


def test_a_missing_table_an_address_and_an_empty_cube_are_refused(tmp_path):
    for file in (str(tmp_path / "none.csv"), "http://127.0.0.1:1/t.csv"):  # an address is never fetched
        with pytest.raises(InputError, match=r"t?\.csv: cannot be read: No such file"):
            judged_table(Table(file=file, cell=100.0))
    with pytest.raises(InputError, match=r"audit: expected products under /optical, /velocity or /temperature"):
        judged(cube(tmp_path, {}))


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0 %"), (1e-5, "< 0.1 %"), (0.5, "50.0 %"), (0.9997, "99.9 %"), (1 - 1e-9, "100 %"), (1, "100 %")]
)
def test_a_percentage_is_never_rounded_to_all_or_nothing(share, text):
    assert audits.percent(share) == text


def test_the_days_of_the_helpers_are_in_order():
    assert list(DAYS) == sorted(DAYS)
