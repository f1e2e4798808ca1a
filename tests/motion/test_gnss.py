"""GNSS tables: what they hold comes back, means over an interval by hand, turned to the map; faults are named by line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyproj import CRS, Proj, Transformer
from tests.motion.test_comparison import COARSE, pairs, series

from glaciercast.errors import InputError
from glaciercast.motion.gnss import Station, agreement_of, compare, read

DAYS = pd.date_range("2021-01-01", "2021-03-01", freq="1D")
X, Y = 500500.0, 3999700.0
LON, LAT = Transformer.from_crs("EPSG:32643", "EPSG:4326", always_xy=True).transform(X, Y)


def written(path, **columns):
    pd.DataFrame(columns).to_csv(path / "gnss.csv", index=False)
    return path / "gnss.csv"


def station(path, east: float = 73.05, north: float = -36.525, **more) -> Station:
    """Return a station that moves by so many m/yr, read from a table of daily displacements."""
    years = np.arange(len(DAYS)) / 365.25
    table = {"station": "S1", "date": DAYS, "lon": LON, "lat": LAT, "east": 5 + east * years, "north": north * years, **more}
    return read(written(path, **table))[0]


def test_a_table_of_displacements_gives_the_velocity_between_any_two_moments(tmp_path):
    found = station(tmp_path)
    assert (found.name, found.crs, found.east[0], len(found.times)) == ("S1", "EPSG:4326", 0, 60)
    assert (found.x, found.y) == pytest.approx((LON, LAT), abs=1e-12)
    first = np.array(["2021-01-01", "2021-01-10T12:00", "2020-12-31", "2021-02-20", "2021-02-01"], dtype="datetime64[ns]")
    second = np.array(["2021-03-01", "2021-01-26T12:00", "2021-01-20", "2021-03-02", "2021-02-01"], dtype="datetime64[ns]")
    east, north = found.mean_velocity(first, second)
    np.testing.assert_allclose(east, [73.05, 73.05, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(north, [-36.525, -36.525, np.nan, np.nan, np.nan])


def test_a_table_of_velocities_is_integrated_between_its_dates(tmp_path):
    dates = ["2021-03-01", "2021-01-01", "2021-01-31"]  # in any order
    path = written(tmp_path, station="A", date=dates, x=X, y=Y, v_east=[40, 100, 160], v_north=[0, 0, 30])
    found = read(path, "EPSG:32643")[0]
    np.testing.assert_allclose(found.east, np.array([0, 30 * 130, 30 * 130 + 29 * 100]) / 365.25)
    east, north = found.mean_velocity(np.array(["2021-01-01"], "M8[ns]"), np.array(["2021-03-01"], "M8[ns]"))
    assert (east[0], north[0]) == pytest.approx(((30 * 130 + 29 * 100) / 59, 15.0))


def test_an_interval_that_ends_in_a_long_gap_is_not_known_but_one_that_spans_it_is(tmp_path):
    found = station(tmp_path)
    keep = (found.times < np.datetime64("2021-01-10")) | (found.times > np.datetime64("2021-02-15"))
    gappy = Station("G", found.x, found.y, found.crs, found.times[keep], found.east[keep], found.north[keep])
    first, second = (np.array([day] * 2, "M8[ns]") for day in ("2021-01-02", "2021-02-01"))
    second[1] = np.datetime64("2021-02-20")
    np.testing.assert_allclose(gappy.mean_velocity(first, second)[0], [np.nan, 73.05])
    np.testing.assert_allclose(gappy.mean_velocity(first, second, longest_gap=40)[0], [73.05, 73.05])


def test_pairs_beside_a_station_agree_where_both_saw_the_same_flow(tmp_path):
    vx, vy = np.full(COARSE.shape, 75.0), np.full(COARSE.shape, -36.0)
    spans = [("2021-01-01", "2021-01-17"), ("2021-01-09", "2021-02-26"), ("2020-01-01", "2020-02-01")]
    table = compare(pairs(COARSE, spans, vx, vy), [station(tmp_path)])
    assert len(table) == 2 and list(table["station"]) == ["S1", "S1"] and table["first"].iloc[1] == pd.Timestamp("2021-01-09")
    lon, lat = Proj("EPSG:32643")(X, Y, inverse=True)
    angle = np.radians(Proj(CRS("EPSG:32643")).get_factors(lon, lat).meridian_convergence)
    east, north = 73.05, -36.525
    np.testing.assert_allclose(table["gnss_vx"], np.cos(angle) * east - np.sin(angle) * north, atol=1e-3)
    np.testing.assert_allclose(table["gnss_vy"], np.sin(angle) * east + np.cos(angle) * north, atol=1e-3)
    found = agreement_of(table)
    assert (found.values, found.median_x, found.median_y) == pytest.approx((2, 1.95, 0.525), abs=0.01)
    assert found.within_x == found.within_y == 1  # stated: 3 m/yr


def test_grid_north_is_not_true_north_where_the_map_is_turned(tmp_path):
    """On polar stereographic axes at Lowell, which point far off true north, the station's flow is turned by the convergence."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    at = GeoBox((5, 5), Affine(120, 0, -3285000, 0, -120, 182900), "EPSG:3413")
    x, y = -3284700.0, 182600.0
    lon, lat = Proj("EPSG:3413")(x, y, inverse=True)
    table = compare(pairs(at, [("2021-01-01", "2021-02-01")], np.zeros((5, 5)), np.zeros((5, 5))), [station(tmp_path, lon=lon, lat=lat)])
    angle = np.radians(Proj(CRS("EPSG:3413")).get_factors(lon, lat).meridian_convergence)
    assert abs(np.degrees(angle)) > 40
    turned = np.cos(angle) * 73.05 - np.sin(angle) * -36.525, np.sin(angle) * 73.05 + np.cos(angle) * -36.525
    assert (table["gnss_vx"][0], table["gnss_vy"][0]) == pytest.approx(turned, abs=1e-3)


def test_a_series_is_compared_over_each_of_its_steps(tmp_path):
    at = np.full(COARSE.shape, 70.0)
    table = compare(series(COARSE, at, -at), [station(tmp_path), station(tmp_path, station="S2", lon=LON + 1)])
    assert list(table["station"]) == ["S1", "S1"]  # the other lies off the grid
    np.testing.assert_allclose(table[["vx", "error_x", "error_y"]], [[70, 4, 1]] * 2)


def test_stations_elsewhere_are_one_line(tmp_path):
    far = station(tmp_path, lat=LAT + 3)
    with pytest.raises(InputError, match="GNSS: none of 1 stations has records where and when there are velocities"):
        compare(pairs(COARSE, [("2021-01-01", "2021-01-17")], np.zeros(COARSE.shape), np.zeros(COARSE.shape)), [far])


GOOD = {"station": ["A", "A"], "date": ["2021-01-01", "2021-01-02"], "lon": [75, 75], "lat": [36, 36], "east": [0, 1], "north": [0, 1]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lon": None}, r"expected columns lon and lat or x and y, found station, date, lat, east, north; a table has station, date"),
        ({"north": None}, r"expected columns east and north or v_east and v_north, found"),
        ({"station": None}, r"expected columns station and date, found"),
        ({"lon": None, "lat": None, "x": [0, 0], "y": [0, 0]}, r"expected the CRS of columns x and y, found none"),
        ({"east": [0, "far"]}, r"line 3: expected a number in column east, found 'far'"),
        ({"north": ["", 1]}, r"line 2: expected a number in column north, found 'nan'"),
        ({"date": ["2021-01-01", "spring"]}, r"line 3: expected a date such as 2021-07-30 in column date, found 'spring'"),
        ({"date": ["2021-01-01", "2021-01-01"]}, r"station A: expected two dates or more, each once, found a date twice"),
        ({"station": ["A", "B"]}, r"station A: expected two dates or more, each once, found one date"),
    ],
)
def test_faults_of_a_table_are_named(tmp_path, change, message):
    columns = {name: values for name, values in {**GOOD, **change}.items() if values is not None}
    with pytest.raises(InputError, match=message):
        read(written(tmp_path, **columns))


def test_a_file_that_is_no_table_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"absent\.csv: cannot be read as CSV"):
        read(tmp_path / "absent.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match=r"empty\.csv: cannot be read as CSV: No columns"):
        read(tmp_path / "empty.csv")
