from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from tests.modis import Fetcher, items_of, make_item

from glaciercast import grid, store
from glaciercast.cube import temperature
from glaciercast.cube.temperature import build_temperature
from glaciercast.errors import InputError, SourceError
from glaciercast.sources import fetch, modis, modis_grid
from glaciercast.sources.access import Reader
from glaciercast.sources.stac import Catalogue

PIXEL = modis_grid.PIXEL
TARGET = GeoBox((3, 4), Affine(PIXEL, 0, 7000 * PIXEL, 0, -PIXEL, 4000 * PIXEL), modis_grid.CRS)
CORNER = 4 * 1200 - 4000, 7000 - 5 * 1200
DAYS = ("2022-01-01", "2022-01-09", "2022-01-17", "2022-01-25", "2022-02-02")


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """Five composites of one tile: random temperatures by day, all of good quality but a column; nothing at night. Aqua beside it."""
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("items")
    made = []
    for number, day in enumerate(DAYS):
        window = {
            "LST_Day_1km": rng.integers(13000, 14000, (3, 4)).astype("uint16"),
            "QC_Day": np.repeat([[0, 0b01000001, 0b10000001, 0b00000010]], 3, axis=0).astype("uint8"),
            "Day_view_time": np.full((3, 4), 100 + number, "uint8"),
        }
        window["LST_Day_1km"][0, 0] = 13650  # 273.00 K
        made.append((make_item(folder, day=day, window=window, corner=CORNER), window))
    aqua = make_item(folder, "MYD11A2", DAYS[0])
    return [aqua, *(item for item, _ in made)], [window for _, window in made]


def build(path, items, fetcher=None, ice=None, **settings):
    product = modis.ModisProduct("mod11a2", modis.ModisConfig(**settings))
    return build_temperature(path, product, items, TARGET, fetcher or Fetcher(), ice)


def group(path) -> xr.Dataset:
    return store.open_cube(path)["temperature/mod11a2"].to_dataset().load()


def test_a_cube_of_temperatures_holds_what_the_files_hold(tmp_path, items):
    found = build(tmp_path / "cube.zarr", items[0])
    cube = group(tmp_path / "cube.zarr")
    expected = np.stack([window["LST_Day_1km"] * 0.02 for window in items[1]]).astype("float32")
    expected[:, :, 2:] = np.nan
    np.testing.assert_array_equal(cube.lst_day, expected)
    np.testing.assert_array_equal(cube.qc_day, [window["QC_Day"] for window in items[1]])
    np.testing.assert_allclose(cube.view_time_day[:, 1, 1], [10, 10.1, 10.2, 10.3, 10.4], rtol=1e-6)
    assert np.isnan(cube.lst_night).all() and np.isnan(cube.view_time_night).all() and (cube.qc_night == 0).all()
    assert "melting_day" not in cube
    np.testing.assert_array_equal(cube.time, np.array(DAYS, "datetime64[ns]"))
    assert found["periods"] == 5 and (found["first"], found["last"]) == (DAYS[0], DAYS[-1]) and found["resumed_at"] == 0
    per_half = {"kept": 30, "error": 15, "cloud": 15}, {"empty": 60}
    for half, counts in zip(modis.HALVES, per_half, strict=True):
        assert {reason: number for reason, number in found["pixels"][half].items() if number} == counts
    assert found["missing_tiles"] == {} and "doi:10.5067/MODIS/MOD11A2.061" in found["attribution"] == cube.attrs["attribution"]
    assert store.verify(tmp_path / "cube.zarr") == 6


def test_its_grid_is_the_products_own(tmp_path, items):
    build(tmp_path / "cube.zarr", items[0])
    cube = group(tmp_path / "cube.zarr")
    found = grid.of(cube, "cube")
    assert modis_grid.is_sinusoidal(str(found.crs)) and cube.spatial_ref.attrs["grid_mapping_name"] == "sinusoidal"
    np.testing.assert_allclose(found.affine[:6], TARGET.affine[:6], rtol=1e-12)


def test_a_composite_is_available_after_the_end_of_its_eight_days(tmp_path, items):
    build(tmp_path / "cube.zarr", items[0], latency="3D")
    cube = group(tmp_path / "cube.zarr")
    np.testing.assert_array_equal(cube.available_at, pd.DatetimeIndex(DAYS) + pd.Timedelta("11D"))


def test_the_error_that_counts_is_a_choice(tmp_path, items):
    for limit, columns in ((1, 1), (2, 2), (3, 3)):
        build(tmp_path / f"{limit}.zarr", items[0], max_error_k=limit)
        np.testing.assert_array_equal(np.isfinite(group(tmp_path / f"{limit}.zarr").lst_day).sum("x"), np.full((5, 3), columns))


def test_melting_ice_is_marked_within_the_error_of_each_pixel(tmp_path, items):
    ice = np.array([[True] * 4, [True] * 4, [False] * 4])
    build(tmp_path / "cube.zarr", items[0], ice=ice, max_error_k=3)
    cube = group(tmp_path / "cube.zarr")
    raw = np.stack([window["LST_Day_1km"] for window in items[1]]) * 0.02
    expected = ice & (raw >= 273.15 - np.array([1, 2, 3, -np.inf]))
    np.testing.assert_array_equal(cube.melting_day, expected)
    assert cube.melting_day[:, 0, 0].all() and 0 < cube.melting_day.mean() < 0.6 and not cube.melting_night.any()
    np.testing.assert_allclose(cube.lst_day[:, 0, 0], 273.0)  # marked, not changed


def test_a_build_that_failed_goes_on_and_ends_with_the_same_arrays(tmp_path, items, monkeypatch):
    monkeypatch.setattr(temperature, "BLOCK", 2)
    whole, parts = tmp_path / "whole.zarr", tmp_path / "parts.zarr"
    build(whole, items[0])
    with pytest.raises(SourceError, match=r"MOD11A2\.A2022017\.h23v05\.061 QC_Day: 503 after 6 tries"):
        build(parts, items[0], Fetcher(fail_at="MOD11A2.A2022017.h23v05.061 QC_Day"))
    with pytest.raises(InputError, match=r"/temperature/mod11a2 is unfinished"):
        store.open_cube(parts)
    again = Fetcher()
    assert build(parts, items[0], again)["resumed_at"] == 2
    assert {name.split(".h23")[0] for name in again.asked} == {"MOD11A2.A2022017", "MOD11A2.A2022025", "MOD11A2.A2022033"}
    assert store.fingerprint(whole, "/temperature/mod11a2") == store.fingerprint(parts, "/temperature/mod11a2")
    xr.testing.assert_identical(group(whole), group(parts))
    assert build(parts, items[0], Fetcher(fail_at="any"))["pixels"] == build(whole, items[0])["pixels"]
    assert store.verify(parts) == 18


def test_other_rules_do_not_go_on_in_the_same_cube(tmp_path, items):
    build(tmp_path / "cube.zarr", items[0])
    build(tmp_path / "cube.zarr", items[0], products=("mod11a2", "myd11a1"))  # what is built beside it decides nothing here
    with pytest.raises(InputError, match=r"was begun from other input or settings"):
        build(tmp_path / "cube.zarr", items[0], max_error_k=1)


def test_the_manifest_tells_where_every_pixel_came_from(tmp_path, items):
    build(tmp_path / "cube.zarr", items[0])
    (entry,) = [line for line in store.read_manifest(tmp_path / "cube.zarr") if line["kind"] == "region"]
    assert [period["scene_id"] for period in entry["periods"]] == [f"MOD11A2.A2022{day:03d}" for day in (1, 9, 17, 25, 33)]
    first = entry["periods"][0]
    assert first["pixels"]["day"] == {**dict.fromkeys(modis.values.REASONS, 0), "kept": 6, "error": 3, "cloud": 3}
    assert len(first["files"]) == 6 and first["files"][0]["item"] == "MOD11A2.A2022001.h23v05.061" and first["files"][0]["scale"] == 0.02
    rules = json.loads(group(tmp_path / "cube.zarr").attrs["rules"])
    assert rules == {"max_error_k": 2, "max_view_angle": None, "latency": "3D"}


def test_nothing_found_is_an_error(tmp_path, items):
    with pytest.raises(InputError, match=r"modis-11A2-061: expected items of product MOD11A2 \(terra\), found none"):
        build(tmp_path / "none.zarr", items[0][:1])
    elsewhere = TARGET[:, :1].pad(1)[:1, :1]
    with pytest.raises(InputError, match=r"/temperature/mod11a2: none of the 5 periods has a temperature under the rules; empty 10 pixels"):
        build_temperature(tmp_path / "empty.zarr", modis.ModisProduct("mod11a2"), items[0], elsewhere, Fetcher())


def test_the_served_archive_gives_what_its_files_hold(tmp_path, archive, files):
    """Searched in a catalogue and read by ranges over HTTP, against the files as rasterio reads them."""
    true = xr.open_dataset(archive / "truth" / "temperature.nc").load()
    box = (float(true.lon.min()), float(true.lat.min()), float(true.lon.max()), float(true.lat.max()))
    target, product = modis_grid.lattice(box), modis.ModisProduct("myd11a2")
    with Reader(connections=8) as reader:
        catalogue = Catalogue(f"{files.files}catalog.json", reader)
        found = catalogue.search(product.collection, box, "2021-05-09", "2021-06-01", product.keep, product.words)
        build_temperature(tmp_path / "cube.zarr", product, found, target, fetch.Fetcher(reader))
    cube = store.open_cube(tmp_path / "cube.zarr")["temperature/myd11a2"].to_dataset().load()
    assert cube.sizes["time"] == 3 and {item.id[:3] for item in found} == {"MYD"}
    for time in cube.time.values:
        tiles = [item for item in found if item.properties["start_datetime"][:10] == str(time)[:10]]
        for name, asset in (("qc_day", "QC_Day"), ("qc_night", "QC_Night"), ("lst_night", "LST_Night_1km")):
            raw, there = by_rasterio(archive / "archive" / product.collection, tiles, asset, target)
            values = cube[name].sel(time=time).values
            known = np.isfinite(values) & there
            np.testing.assert_allclose(values[known], (raw * (0.02 if name == "lst_night" else 1))[known], rtol=1e-6)
            assert (raw[known] > 0).any() and (np.isnan(values) | (values == 255))[~there].all()


def by_rasterio(folder, tiles, asset, target):
    """The raw numbers of an asset on the target grid, and where there is a tile, pixel by pixel from the tiles' own transforms."""
    raw, there = np.zeros(target.shape), np.zeros(target.shape, bool)
    x, y = (target.coords[axis].values for axis in ("x", "y"))
    for item in tiles:
        with rasterio.open(folder / item.id / item.assets[asset].href) as file:
            column = np.floor((x - file.transform.c) / file.transform.a).astype(int)
            row = np.floor((y - file.transform.f) / file.transform.e).astype(int)
            inside = np.ix_((row >= 0) & (row < 1200), (column >= 0) & (column < 1200))
            raw[inside] = file.read(1)[np.ix_(row[(row >= 0) & (row < 1200)], column[(column >= 0) & (column < 1200)])]
            there[inside] = True
    return raw, there


def test_the_simulated_archive_comes_back_as_the_truth_by_month(tmp_path, archive):
    """Means of clear days at 10:30 against the truth on all days: clear days are not all days, so to 2 K, and its pattern."""
    true = xr.open_dataset(archive / "truth" / "temperature.nc").load()
    lon, lat = true.lon.values, true.lat.values
    target = modis_grid.lattice((lon.min(), lat.min(), lon.max(), lat.max()))
    found = {}
    for name in ("mod11a2", "myd11a2"):
        product = modis.ModisProduct(name)
        found[name] = build_temperature(
            tmp_path / "cube.zarr", product, items_of(archive / "archive", product.collection), target, Fetcher()
        )
    cube = store.open_cube(tmp_path / "cube.zarr")
    row = true.row.values - (9 * 1200 - round(target.affine.f / PIXEL))
    column = true.column.values - (18 * 1200 + round(target.affine.c / PIXEL))
    terra, aqua = (cube[f"temperature/{name}"].to_dataset().load() for name in found)
    hours = {name: float(values.mean()) for name, values in (("terra", terra.view_time_day), ("aqua", aqua.view_time_day))}
    assert 9 < hours["terra"] < 12 < hours["aqua"] < 15 and terra.attrs["platform"] == "terra" and aqua.attrs["platform"] == "aqua"
    for month in true.month.values:
        seen = terra.lst_day.sel(time=str(month)[:7]).mean("time").values[row, column]
        both = np.isfinite(seen)
        assert both.mean() > 0.5
        expected = true.lst_day.sel(month=month).values[both]
        assert abs(np.mean(seen[both] - expected)) < 2
