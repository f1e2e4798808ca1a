"""Cubes as they are: dates, fill values, windows, several cubes at one box, and errors that name what is wrong."""

import numpy as np
import pandas as pd
import pystac
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from tests.itslive_cubes import GRID, item, table, write
from tests.sources.servers import serve

from glaciercast.config import parse
from glaciercast.errors import ConfigError, InputError, SourceError
from glaciercast.sources import itslive
from glaciercast.sources.access import Reader
from glaciercast.sources.itslive import ItsliveConfig

SETTINGS = ItsliveConfig()
TARGET = GeoBox.from_bbox((455330, 4032030, 458330, 4034030), "EPSG:32643", resolution=30)
"""Cuts pixels of the made lattice on all four sides."""
ALL = np.s_[:, :]


@pytest.fixture
def reader():
    with Reader(connections=4) as made:
        yield made


def velocities(pairs: pd.DataFrame, seed: int = 0, shape: tuple[int, int] = GRID.shape) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    vx, vy = (rng.integers(-300, 300, (len(pairs), *shape)).astype(float) for _ in range(2))
    gaps = rng.random(vx.shape) < 0.2
    vx[gaps] = vy[gaps] = np.nan
    return vx, vy


def whole(found, name="vx"):
    return found.read(name, slice(0, found.grid.shape[0]), slice(0, found.grid.shape[1]))


UNSORTED = table(
    ["2019-05-01T05:35:10.6", "2018-03-02T05:35:10.4", "2018-03-02T05:35:10.4", "2018-01-01T05:00:00", "2018-03-10"],
    [32.0, 16.0, 16.0, 400.0, 4.0],
    ["8", "2A", "2A", "7", "1A"],
)  # fmt: skip
"""The second and third repeat each other's dates, and the fourth ends after both though it begins before them."""


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification", "ignore:Consolidated metadata is currently")
def test_pairs_come_by_their_second_acquisition_with_fill_as_nan_and_just_the_box(tmp_path, reader, zarr_format):
    vx, vy = velocities(UNSORTED)
    made = write(tmp_path, UNSORTED, vx, vy, zarr_format=zarr_format)
    found = itslive.find([made], TARGET, reader, SETTINGS)
    order = [4, 1, 2, 3, 0]
    assert found.pairs["second"].is_monotonic_increasing
    assert list(found.pairs["satellite_first"]) == ["1A", "2A", "2A", "7", "8"]
    assert list(found.pairs["first"].dt.strftime("%H:%M:%S.%f")) == [
        "00:00:00.000000", "05:35:10.000000", "05:35:10.000000", "05:00:00.000000", "05:35:11.000000",
    ]  # fmt: skip
    np.testing.assert_allclose(found.pairs["days"], [4, 16, 16, 400, 32], atol=1e-4)
    assert found.pairs["days"].dtype == float  # and no timedelta, which CF decoding would make of "days"
    box, pixel = found.grid.boundingbox, 120
    assert box.left <= 455330 < box.left + pixel and box.right - pixel < 458330 <= box.right
    assert box.bottom <= 4032030 < box.bottom + pixel and box.top - pixel < 4034030 <= box.top
    assert box.left % pixel == 455032.5 % pixel and found.grid.crs.epsg == 32643
    rows, columns = (slice(int((4035127.5 - box.top) / pixel), None), slice(int((box.left - 455032.5) / pixel), None))
    height, width = found.grid.shape
    for name, truth in (("vx", vx), ("vy", vy)):
        np.testing.assert_array_equal(whole(found, name), truth[order][:, rows, columns][:, :height, :width].astype("float32"))
    error = whole(found, "v_error")
    assert set(np.unique(error[np.isfinite(error)])) == {10}
    np.testing.assert_array_equal(found.read("vx", slice(3, 9), slice(2, 5)), whole(found)[:, 3:9, 2:5])
    found.close()


def test_an_error_of_zero_and_a_velocity_of_zero_are_values(tmp_path, reader):
    pairs = table(["2020-01-01"], [16.0])
    found = itslive.find([write(tmp_path, pairs, np.zeros((1, 30, 40)), np.zeros((1, 30, 40)), error=0)], TARGET, reader, SETTINGS)
    assert (whole(found) == 0).all() and (whole(found, "v_error") == 0).all()
    found.close()


def test_facts_that_a_granule_lacks_are_unknown_and_not_large(tmp_path, reader):
    pairs = table(["2020-01-01", "2020-02-01", "2020-03-01"], [16.0] * 3, stable_x=[-32767.0, np.nan, 12.5], stable_y=0.0, flag=[0, 0, 1])
    found = itslive.find([write(tmp_path, pairs, *velocities(pairs))], TARGET, reader, SETTINGS)
    np.testing.assert_array_equal(found.pairs["stable_x"], [np.nan, np.nan, 12.5])
    assert found.pairs["flag"].tolist() == [0, 0, 1] and found.pairs["error_x"].isna().all()
    found.close()


@pytest.mark.parametrize("declared", [None, 0, -32767])
def test_a_chunk_that_is_absent_is_no_ice_at_rest(tmp_path, reader, declared):
    pairs = table(["2020-01-01"], [16.0])
    made = write(tmp_path, pairs, *velocities(pairs), declared_fill=declared)
    for name in ("vx", "vy", "v_error"):
        (tmp_path / "cube" / "cube.zarr" / name / "0.1.1").unlink()
    found = itslive.find([made], GRID, reader, SETTINGS)
    assert np.isnan(whole(found)[0, 10:20, 10:20]).all() and np.isfinite(whole(found)[0, :10, :10]).any()
    found.close()


def test_no_speed_is_too_high(tmp_path, reader):
    pairs = table(["2018-05-01"], [16.0])
    fast = np.full((1, 30, 40), 7000.0)
    fast[0, 0] = 32000
    found = itslive.find([write(tmp_path, pairs, fast, -fast)], GRID, reader, SETTINGS)
    np.testing.assert_array_equal(whole(found), fast.astype("float32"))
    found.close()


def test_pairs_are_left_out_by_dates_baseline_and_satellite_and_counted(tmp_path, reader):
    from datetime import date

    pairs = table(["2020-01-01", "2020-02-01", "2020-03-01", None, "2021-12-20", "2019-12-20"], [16.0, 600.0, 16.0, 16.0, 32.0, 32.0],
                  ["8", "8", "7", "8", "8", "8"])  # fmt: skip
    made = write(tmp_path, pairs, *velocities(pairs))
    settings = ItsliveConfig(satellites=("landsat8-9",))
    found = itslive.find([made], TARGET, reader, settings, (date(2020, 1, 1), date(2021, 12, 31)))
    assert list(found.pairs["first"]) == [pd.Timestamp("2020-01-01")]
    assert found.dropped == {"date": 1, "period": 2, "baseline": 1, "satellite": 1}
    found.close()
    last_day = (date(2020, 1, 1), date(2020, 1, 17))
    assert len(itslive.find([made], TARGET, reader, SETTINGS, last_day).pairs) == 1
    with pytest.raises(InputError, match=r"cube: none of 6 image pairs counts \(1 for their date, 5 for their period\)"):
        itslive.find([made], TARGET, reader, SETTINGS, (date(2021, 6, 1), date(2021, 6, 2)))


def test_cubes_side_by_side_become_one_window_and_one_list_of_pairs(tmp_path, reader):
    vx, vy = velocities(UNSORTED)
    granules = np.array([f"s3://bucket/{number}.nc" for number in range(5)], "S30")
    west, east = [1, 0, 2, 4], [3, 1, 2, 0]  # pair 4 is only in the west, 3 only in the east
    names = ("west", "east")
    halves = (GRID[:, :18], GRID[:, 18:])
    items = [
        write(tmp_path, UNSORTED.iloc[chosen], vx[chosen][:, :, part], vy[chosen][:, :, part], grid=half, name=name,
              more={"granule_url": granules[chosen]})
        for name, half, chosen, part in zip(names, halves, (west, east), (slice(0, 18), slice(18, None)), strict=True)
    ]  # fmt: skip
    found = itslive.find(items, GRID, reader, SETTINGS)
    assert found.grid == GRID and len(found.parts) == 2
    expected = vx[[4, 1, 2, 3, 0]].copy()
    expected[0, :, 18:] = np.nan
    expected[3, :, :18] = np.nan
    np.testing.assert_array_equal(whole(found), expected.astype("float32"))
    kept = found.keep(np.array([True, False, True, False, True]))
    np.testing.assert_array_equal(whole(kept), expected[[0, 2, 4]].astype("float32"))
    found.close()


def test_a_cube_in_another_zone_is_left_out_and_named_unless_it_is_all_there_is(tmp_path, reader):
    pairs = table(["2020-01-01"], [16.0])
    own = write(tmp_path, pairs, *velocities(pairs))
    centre = GRID.extent.centroid.to_crs("EPSG:32642").coords[0]
    corner = (round(centre[0] / 120 - 30) * 120, round(centre[1] / 120 + 30) * 120)
    neighbour = GeoBox((60, 60), Affine(120, 0, corner[0], 0, -120, corner[1]), "EPSG:32642")
    other = write(tmp_path, pairs, np.full((1, 60, 60), 5.0), np.full((1, 60, 60), 6.0), grid=neighbour, name="other")
    found = itslive.find([other, own], TARGET, reader, SETTINGS)
    assert [part.cube.item_id for part in found.parts] == ["cube"]
    assert found.left_out == ("other: left out, in EPSG:32642 and not EPSG:32643",)
    found.close()
    alone = itslive.find([other], TARGET, reader, SETTINGS)
    assert alone.grid.crs.epsg == 32642 and (whole(alone) == 5).all() and not alone.left_out
    alone.close()


def test_a_cube_off_the_lattice_of_its_neighbour_is_refused(tmp_path, reader):
    pairs = table(["2020-01-01"], [16.0])
    shifted = GeoBox(GRID.shape, Affine.translation(50, 0) * GRID.affine, GRID.crs)
    items = [write(tmp_path, pairs, *velocities(pairs), grid=each, name=name) for name, each in (("a", GRID), ("b", shifted))]
    with pytest.raises(SourceError, match=r"b: its pixels do not lie on the lattice of the cubes beside it"):
        itslive.find(items, TARGET, reader, SETTINGS)


def test_what_is_no_cube_at_the_box_is_one_line(tmp_path, reader):
    pairs = table(["2020-01-01"], [16.0])
    with pytest.raises(InputError, match=r"itslive-cubes: expected at least one velocity cube at the box, found none"):
        itslive.find([], TARGET, reader, SETTINGS)
    made = write(tmp_path, pairs, *velocities(pairs))
    far = GeoBox.from_bbox((500000, 4100000, 501000, 4101000), "EPSG:32643", resolution=30)
    with pytest.raises(InputError, match=r"cube: no velocity cube meets the box"):
        itslive.find([made], far, reader, SETTINGS)
    with pytest.raises(InputError, match=r"cube: expected an asset 'other', found: zarr"):
        itslive.find([made], TARGET, reader, ItsliveConfig(asset="other"))
    feet = write(tmp_path, pairs, *velocities(pairs), units="foot/year", name="feet")
    with pytest.raises(SourceError, match=r"feet\.zarr/vx: expected int16 in meter/year, found int16 in foot/year"):
        itslive.find([feet], TARGET, reader, SETTINGS)


@pytest.mark.parametrize(
    ("href", "message"), [("../../../etc/cube.zarr", "outside of its catalogue"), ("ftp://host/cube.zarr", "scheme 'ftp'")]
)
def test_an_item_must_not_lead_just_anywhere(tmp_path, reader, href, message):
    made = item(tmp_path / "cube" / "cube.zarr", "cube")
    made.assets["zarr"] = pystac.Asset(href)
    with pytest.raises(InputError, match=message):
        itslive.find([made], TARGET, reader, SETTINGS, root=str(tmp_path))


def test_the_cost_is_that_of_the_box_and_nothing_is_read_twice(tmp_path, reader):
    pairs = table(["2020-01-01"] * 50, [16.0] * 50)
    made = write(tmp_path, pairs, *velocities(pairs))
    with serve(tmp_path) as server:
        made.assets["zarr"] = pystac.Asset(server.url_of(tmp_path / "cube" / "cube.zarr"))
        planned = itslive.estimate([made], TARGET, reader, SETTINGS, cache=tmp_path / "cache")
        found = itslive.find([made], TARGET, reader, SETTINGS, cache=tmp_path / "cache")
        for name in ("vx", "vy", "v_error", "vx"):
            whole(found, name)
        found.close()
        chunks = [entry for entry in server.log if entry.path.rpartition("/")[2].count(".") == 2]
        assert len({entry.path for entry in chunks}) == len(chunks) == 3 * 3 * 3  # 18 × 27 pixels touch 3 × 3 chunks
        assert planned["pairs"] == 50 and planned["bytes"] == pytest.approx(sum(entry.bytes for entry in chunks), rel=0.1)


def test_a_latency_that_is_no_time_is_refused():
    for value in ("soon", "-3D"):
        with pytest.raises(ConfigError, match=r"latency"):
            parse(ItsliveConfig, {"latency": value}, "made")


def test_the_simulated_archive_holds_what_the_reader_finds(archive, files, reader):
    (path,) = (archive / "archive" / "itslive-cubes").glob("*/*.json")
    made = pystac.Item.from_file(str(path))
    made.assets["zarr"] = pystac.Asset(files.url_of(path.parent / made.assets["zarr"].href))
    proj = made.properties
    lattice = GeoBox(proj["proj:shape"], Affine(*proj["proj:transform"][:6]), "EPSG:32643")
    found = itslive.find([made], lattice, reader, SETTINGS)
    truth = pd.read_csv(archive / "truth" / "pairs.csv", parse_dates=["date1", "date2"]).sort_values("date2")
    assert found.grid == lattice and len(found.pairs) == 60
    np.testing.assert_array_equal(found.pairs["second"], truth["date2"].dt.round("s"))
    np.testing.assert_array_equal(found.pairs["flag"], truth["corrected"].astype(int))
    missing = 1 - np.isfinite(whole(found)).mean(axis=(1, 2))
    np.testing.assert_allclose(np.sort(missing), np.sort(truth["share_missing"]), atol=1e-6)
    found.close()
