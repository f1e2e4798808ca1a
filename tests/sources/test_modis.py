from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pystac
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from tests.modis import SIDE, WKT, Fetcher, items_of, make_item, read_item
from tests.simulate.flat_world import clear_sky, make_scenario, make_world

from glaciercast import config
from glaciercast.errors import ConfigError, InputError, SourceError
from glaciercast.sources import modis, modis_grid, modis_items, modis_values
from glaciercast.sources.scene import RawBand

EDGE = 6 * 1200
"""Column of the global lattice, from Greenwich, where h24 begins."""
TOP = 3930
"""Row, from the equator, of the test windows' upper edge: some 32.7° N."""


def crossing(rows: int = 4, columns: int = 6) -> GeoBox:
    """A grid that the edge between h23v05 and h24v05 cuts in the middle."""
    pixel = modis_grid.PIXEL
    return GeoBox((rows, columns), Affine(pixel, 0, (EDGE - columns // 2) * pixel, 0, -pixel, TOP * pixel), modis_grid.CRS)


ROW = 4 * 1200 - TOP
"""Of the test windows' upper edge in tiles of row 5."""


def halves(number, quality, time=105, angle=65) -> dict[str, np.ndarray]:
    """The rasters of a tile, by day; at night there is nothing."""
    shape = np.shape(number)
    return {
        "LST_Day_1km": np.asarray(number, "uint16"),
        "QC_Day": np.broadcast_to(np.asarray(quality, "uint8"), shape),
        "Day_view_time": np.broadcast_to(np.asarray(time, "uint8"), shape),
        "Day_view_angl": np.broadcast_to(np.asarray(angle, "uint8"), shape),
    }


# ---- what the numbers mean


def test_temperatures_are_fifths_of_a_tenth_of_a_kelvin_and_fill_is_nothing():
    read = modis_values.kelvin(np.array([0, 1, 7499, 7500, 13658, 65535], "uint16"))
    np.testing.assert_allclose(read, [np.nan, np.nan, np.nan, 150.0, 273.16, 1310.7], rtol=1e-7)
    assert read.dtype == np.float32


def test_view_times_are_tenths_of_an_hour_and_255_is_fill():
    np.testing.assert_allclose(
        modis_values.hours(np.array([0, 15, 105, 240, 241, 255], "uint8")), [0, 1.5, 10.5, 24, np.nan, np.nan], rtol=1e-7
    )


def test_view_angles_begin_at_minus_65_degrees():
    np.testing.assert_array_equal(modis_values.degrees(np.array([0, 65, 70, 130, 131, 255], "uint8")), [-65, 0, 5, 65, np.nan, np.nan])


def test_error_bounds_are_bits_6_and_7_of_what_was_produced():
    quality = np.array([0b00000000, 0b00010001, 0b01000001, 0b10000001, 0b11000001, 0b00000010, 0b00000011, 0b01000010], "uint8")
    np.testing.assert_array_equal(modis_values.largest_error(quality), [1, 1, 2, 3, np.inf, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(
    ("number", "quality", "limit", "reason"),
    [
        (13658, 0b00000000, 1, "kept"),
        (13658, 0b00010001, 1, "kept"),  # emissivity error only
        (13658, 0b01000001, 1, "error"),
        (13658, 0b01000001, 2, "kept"),
        (13658, 0b10000001, 2, "error"),
        (13658, 0b10000001, 3, "kept"),
        (13658, 0b11000001, 3, "error"),
        (0, 0b00000000, 3, "empty"),  # the trap: QC says good, nothing was ever written
        (0, 0b00000010, 3, "cloud"),
        (0, 0b00000011, 3, "not_produced"),
        (13658, 0b00000010, 3, "cloud"),
        (7499, 0b00000000, 3, "out_of_range"),
        (7500, 0b00000000, 3, "kept"),
        (65535, 0b00000000, 3, "kept"),
        (0, modis_values.NO_TILE, 3, "no_tile"),
    ],
)
def test_quality_rules(number, quality, limit, reason):
    judged = modis_values.judge(np.array([[number]], "uint16"), np.array([[quality]], "uint8"), limit)
    assert judged.kept.item() == (reason == "kept")
    assert {name for name, count in judged.counts.items() if count} == {reason}


def test_every_pixel_is_counted_once():
    rng = np.random.default_rng(1)
    number = rng.choice(np.array([0, 7000, 13000, 15000], "uint16"), (50, 40))
    quality = rng.integers(0, 256, number.shape).astype("uint8")
    angle = rng.choice(np.array([-65, 0, 40, np.nan], "float32"), number.shape)
    judged = modis_values.judge(number, quality, 2, angle, 45.0)
    assert sum(judged.counts.values()) == number.size and judged.counts["kept"] == judged.kept.sum()
    assert set(judged.counts) == {"kept", *modis_values.REASONS} and min(judged.counts.values()) > 0
    assert (np.abs(angle[judged.kept]) <= 45).all() and (number[judged.kept] >= 7500).all()


def test_rules_agree_with_a_real_export_that_spells_the_bits_out(real_data):
    table = pd.read_csv(real_data("modis_appeears") / "NPS-Vegetation-MOD11A2-061-results.csv")
    for half in modis.HALVES:
        of = {name: table[f"MOD11A2_061_{name.format(half.capitalize())}"] for name in ("LST_{}_1km", "QC_{}")}
        number, quality = np.rint(of["LST_{}_1km"] / 0.02).to_numpy("uint16"), of["QC_{}"].to_numpy("uint8")
        produced = table[f"MOD11A2_061_QC_{half.capitalize()}_MODLAND_Description"].str.startswith("LST produced")
        bound = table[f"MOD11A2_061_QC_{half.capitalize()}_LST_Error_Flag_Description"].str.extract(r"<= (\d)K")[0].astype(float)
        np.testing.assert_array_equal(modis_values.largest_error(quality), bound.where(produced).to_numpy("float32"))
        for limit in (1, 2):
            judged = modis_values.judge(number, quality, limit)
            np.testing.assert_array_equal(judged.kept, (produced & (bound <= limit)).to_numpy())
        np.testing.assert_allclose(modis_values.kelvin(number)[judged.kept], of["LST_{}_1km"][judged.kept], atol=2e-5)
        assert judged.counts["cloud"] == (half == "night") and judged.counts["kept"] == len(table) - (half == "night")


# ---- items


def real_items(real_data) -> dict[str, pystac.Item]:
    folder = real_data("stac_items") / "planetary_computer_style"
    return {path.name[:7]: read_item(path) for path in sorted(folder.glob("M?D11*.json"))}


def test_real_items_of_terra_and_aqua_are_told_apart(real_data):
    items = real_items(real_data)
    assert len(items) == 4 and {item.datetime for item in items.values()} == {None}
    for name, item in items.items():
        product = modis.ModisProduct(name.lower())
        assert product.collection == item.collection_id and product.satellite == item.properties["platform"]
        assert [other for other, candidate in items.items() if product.keep(candidate)] == [name]
        item.id = "renamed"
        assert modis_items.product_of(item) == name.lower()
        assert (
            str(modis_items.tile_of(item))
            == f"h{item.properties['modis:horizontal-tile']:02d}v{item.properties['modis:vertical-tile']:02d}"
        )


def test_real_periods_are_available_after_their_end(real_data):
    items = real_items(real_data)
    expected = {
        "MOD11A1": ("MOD11A1.A2022041", "2022-02-10", "2022-02-11"),
        "MYD11A1": ("MYD11A1.A2022039", "2022-02-08", "2022-02-09"),
        "MOD11A2": ("MOD11A2.A2022033", "2022-02-02", "2022-02-10"),
        "MYD11A2": ("MYD11A2.A2022025", "2022-01-25", "2022-02-02"),
    }
    for name, item in items.items():
        (period,) = modis.ModisProduct(name.lower()).periods(items.values())
        assert (period.scene_id, str(period.time)[:10], str(period.end)[:10]) == expected[name]
        assert str(period.end)[10:19] == "T00:00:00" and period.items == (item,)
        created = pd.Timestamp(item.properties["created"]).tz_localize(None)
        assert period.end < created <= period.end + pd.Timedelta(modis.LATENCY)


def test_real_items_lie_on_the_lattice_in_their_wkt2(real_data):
    for item in real_items(real_data).values():
        assert item.properties["proj:epsg"] is None and modis_grid.is_sinusoidal(item.properties["proj:wkt2"])
        affine = Affine(*item.properties["proj:transform"])
        native = GeoBox(tuple(item.properties["proj:shape"]), affine, item.properties["proj:wkt2"])
        tile, pixel = modis_items.tile_of(item), modis_grid.PIXEL
        corner = Affine(pixel, 0, (tile.column - 18) * 1200 * pixel, 0, -pixel, (9 - tile.row) * 1200 * pixel)
        target = GeoBox((1200, 1200), corner, modis_grid.CRS)
        assert modis_grid.tiles_under(target) == {tile}
        out = np.zeros((1200, 1200), "uint16")
        numbers = np.arange(1200 * 1200, dtype="uint32").astype("uint16").reshape(1200, 1200)
        modis_grid.paste(item.id, RawBand(numbers, native, None, None, None), target, out)
        np.testing.assert_array_equal(out, numbers)


def test_an_id_against_its_platform_is_an_error(tmp_path):
    item = make_item(tmp_path, platform="aqua")
    with pytest.raises(SourceError, match=r"MOD11A2\.A2022033\.h23v05\.061: expected platform 'terra' by its id, found 'aqua'"):
        modis.ModisProduct("mod11a2").periods([item])


@pytest.mark.parametrize(
    ("day", "product", "end"),
    [
        ("2022-02-02", "MOD11A2", "2022-02-10"),
        ("2021-12-27", "MOD11A2", "2022-01-01"),  # the last composite of a year has five days
        ("2020-12-26", "MYD11A2", "2021-01-01"),
        ("2021-12-31", "MOD11A1", "2022-01-01"),
    ],
)
def test_ends_of_periods(tmp_path, day, product, end):
    (period,) = modis.ModisProduct(product.lower()).periods([make_item(tmp_path, product, day)])
    assert (str(period.time)[:10], str(period.end)[:19]) == (day, f"{end}T00:00:00")


def test_the_later_of_declared_and_nominal_end_counts(tmp_path):
    early = make_item(tmp_path, end_datetime="2022-02-02T23:59:59Z")
    late = make_item(tmp_path, day="2022-03-06", end_datetime="2022-03-14T05:00:00Z")
    assert [str(period.end)[:16] for period in modis.ModisProduct("mod11a2").periods([late, early])] == [
        "2022-02-10T00:00",
        "2022-03-14T05:00",
    ]


def test_a_period_without_a_date_is_an_error(tmp_path):
    item = make_item(tmp_path, start_datetime=None)
    with pytest.raises(SourceError, match=r"MOD11A2\.A2022033\.h23v05\.061: expected a date in start_datetime, found None"):
        modis.ModisProduct("mod11a2").periods([item])


def test_the_version_made_last_counts(tmp_path):
    old, new = (make_item(tmp_path, stamp=stamp) for stamp in (".2022042044121", ".2023100000000"))
    other = make_item(tmp_path, tile=(24, 5), stamp=".2022042044121")
    (period,) = modis.ModisProduct("mod11a2").periods([other, new, old])
    assert period.items == (new, other) and period.scene_id == "MOD11A2.A2022033"


# ---- the grid


def test_lattice_holds_the_box_and_no_more():
    rng = np.random.default_rng(2)
    for box in [(74.50, 36.30, 74.72, 36.52), (-49.7, 69.09, -49.37, 69.19), (170.0, -44.0, 170.4, -43.6), (-0.2, -0.3, 0.3, 0.4)]:
        grid = modis_grid.lattice(box)
        lon, lat = rng.uniform(box[0], box[2], 2000), rng.uniform(box[1], box[3], 2000)
        lon, lat = np.append(lon, [box[0], box[2]] * 2), np.append(lat, [box[1], box[1], box[3], box[3]])
        x = modis_grid.RADIUS * np.radians(lon) * np.cos(np.radians(lat))
        column, row = ~grid.affine * (x, modis_grid.RADIUS * np.radians(lat))
        assert column.min() > -1e-6 and row.min() > -1e-6 and column.max() < grid.shape.x + 1e-6 and row.max() < grid.shape.y + 1e-6
        assert column.min() < 1 and row.min() < 1 and column.max() > grid.shape.x - 1 and row.max() > grid.shape.y - 1
        origin = np.array([grid.affine.c, grid.affine.f]) / modis_grid.PIXEL
        np.testing.assert_allclose(origin, np.rint(origin), atol=1e-9)


def test_proj_takes_geodetic_latitude_for_latitude_on_the_sphere():
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", modis_grid.CRS, always_xy=True).transform(74.61, 36.41)
    radius = modis_grid.RADIUS
    assert (x, y) == pytest.approx((radius * np.radians(74.61) * np.cos(np.radians(36.41)), radius * np.radians(36.41)), abs=1e-3)


def test_shispers_box_needs_two_tiles():
    assert {str(tile) for tile in modis_grid.tiles_under(modis_grid.lattice((74.50, 36.30, 74.72, 36.52)))} == {"h23v05", "h24v05"}
    assert modis_grid.tiles_under(crossing()[:, :3]) == {(23, 5)} and modis_grid.tiles_under(crossing()[:, 3:]) == {(24, 5)}


def test_other_projections_are_not_taken_for_sinusoidal():
    assert modis_grid.is_sinusoidal(WKT) and modis_grid.is_sinusoidal(rasterio.crs.CRS.from_wkt(WKT).to_wkt())
    assert modis_grid.is_sinusoidal("+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs")
    for other in ("EPSG:32643", "+proj=sinu +R=6371000", "+proj=sinu +lon_0=10 +R=6371007.181", "+proj=sinu +ellps=WGS84", "EPSG:None"):
        assert not modis_grid.is_sinusoidal(other)


# ---- reading


@pytest.fixture(scope="module")
def two_tiles(tmp_path_factory):
    """Both tiles of one period with random numbers beside their common edge, and those numbers as one array."""
    rng = np.random.default_rng(3)
    numbers = rng.integers(13000, 15000, (4, 6)).astype("uint16")
    times = rng.integers(95, 115, (4, 6)).astype("uint8")
    folder = tmp_path_factory.mktemp("tiles")
    west = make_item(folder, window=halves(numbers[:, :3], 0, times[:, :3]), corner=(ROW, 1197))
    east = make_item(folder, tile=(24, 5), window=halves(numbers[:, 3:], 0, times[:, 3:]), corner=(ROW, 0))
    return [east, west], numbers, times


def test_two_tiles_are_one_array_across_their_edge(two_tiles):
    items, numbers, times = two_tiles
    product = modis.ModisProduct("mod11a2")
    (period,) = product.periods(items)
    fetcher = Fetcher()
    found = product.read(period, crossing(), fetcher)
    np.testing.assert_array_equal(found.arrays["lst_day"], (numbers * 0.02).astype("float32"))
    np.testing.assert_array_equal(found.arrays["view_time_day"], (times * 0.1).astype("float32"))
    np.testing.assert_array_equal(found.arrays["qc_day"], np.zeros((4, 6)))
    assert {name: values.dtype for name, values in found.arrays.items()} == {
        f"{name}_{half}": dtype for half in modis.HALVES for name, dtype in (("lst", "f4"), ("qc", "u1"), ("view_time", "f4"))
    }
    assert found.missing == () and found.counts["day"]["kept"] == 24
    assert [str(modis_items.tile_of(item)) for item in period.items] == ["h23v05", "h24v05"]
    assert sorted(fetcher.asked) == sorted(f"{item.id} {key}" for item, key in product.assets(period)) and len(fetcher.asked) == 12
    assert [fact["asset"] for fact in found.facts][:2] == ["LST_Day_1km", "LST_Day_1km"] and found.facts[0]["scale"] == 0.02


def test_files_that_nobody_wrote_show_no_temperature_though_qc_is_good(two_tiles):
    items, _, _ = two_tiles
    product = modis.ModisProduct("mod11a2")
    found = product.read(product.periods(items)[0], crossing(), Fetcher())
    assert np.isnan(found.arrays["lst_night"]).all() and (found.arrays["qc_night"] == 0).all()
    assert np.isnan(found.arrays["view_time_night"]).all() and found.counts["night"]["empty"] == 24


def test_an_unwritten_view_time_is_not_midnight(tmp_path):
    number, time = np.array([[0, 13658]]), np.array([[0, 0]])
    item = make_item(tmp_path, window=halves(number, 0, time), corner=(ROW, 1197))
    product = modis.ModisProduct("mod11a2")
    found = product.read(product.periods([item])[0], crossing()[:1, :2], Fetcher())
    np.testing.assert_array_equal(found.arrays["view_time_day"], [[np.nan, 0.0]])


def test_a_tile_that_is_not_there_is_told_from_a_cloud(two_tiles):
    (_, west), numbers, _ = two_tiles
    product = modis.ModisProduct("mod11a2")
    found = product.read(product.periods([west])[0], crossing(), Fetcher())
    assert found.missing == ("h24v05",) and found.counts["day"]["no_tile"] == 12
    np.testing.assert_array_equal(found.arrays["lst_day"][:, :3], (numbers[:, :3] * 0.02).astype("float32"))
    assert np.isnan(found.arrays["lst_day"][:, 3:]).all() and (found.arrays["qc_day"][:, 3:] == 255).all()


def test_steep_views_can_be_dropped(tmp_path):
    number = np.full((4, 3), 13658, "uint16")
    angle = np.repeat([[65 - 50, 65 + 30, 255]], 4, axis=0)
    item = make_item(tmp_path, window=halves(number, 0, angle=angle), corner=(ROW, 1197))
    for limit, kept in ((None, [True, True, True]), (45.0, [False, True, False])):
        product = modis.ModisProduct("mod11a2", modis.ModisConfig(max_view_angle=limit))
        found = product.read(product.periods([item])[0], crossing()[:, :3], Fetcher())
        np.testing.assert_array_equal(np.isfinite(found.arrays["lst_day"][0]), kept)
        assert found.counts["day"]["steep"] == 4 * (3 - sum(kept))


def changed(item: pystac.Item, **changes) -> pystac.Item:
    content = json.loads(json.dumps(item.to_dict(include_self_link=False, transform_hrefs=False)))
    content["properties"].update(changes.pop("properties", {}))
    content["assets"]["LST_Day_1km"].update(changes)
    return pystac.Item.from_dict(content, href=item.self_href, migrate=False)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"raster:bands": [{"scale": 0.01}]},
            r"asset LST_Day_1km: expected scale 0\.02 as in the users' guide of MODIS LST, Collection 6\.1, found 0\.01",
        ),
        ({"raster:bands": None, "raster:scale": 0.1}, r"asset LST_Day_1km: expected scale 0\.02 as in the .*, found 0\.1"),
        ({"href": "./QC_Day.tif"}, r"LST_Day_1km: expected uint16, found uint8"),
        ({"properties": {"proj:wkt2": "EPSG:32643"}}, r"LST_Day_1km: expected the sinusoidal CRS of MODIS, the item has EPSG:32643"),
    ],
)
def test_items_that_contradict_the_guide_are_refused(two_tiles, changes, expected):
    product = modis.ModisProduct("mod11a2")
    (period,) = product.periods([changed(two_tiles[0][1], **changes)])
    with pytest.raises((SourceError, InputError), match=expected):
        product.read(period, crossing(), Fetcher())


def test_items_without_crs_or_packing_are_read_by_their_files(two_tiles):
    items, numbers, _ = two_tiles
    bare = [changed(item, properties={"proj:wkt2": None}, **{"raster:bands": None}) for item in items]
    product = modis.ModisProduct("mod11a2")
    found = product.read(product.periods(bare)[0], crossing(), Fetcher())
    np.testing.assert_array_equal(found.arrays["lst_day"], (numbers * 0.02).astype("float32"))


def test_a_missing_asset_is_an_error(two_tiles):
    item = changed(two_tiles[0][1])
    del item.assets["QC_Night"]
    product = modis.ModisProduct("mod11a2")
    with pytest.raises(SourceError, match=r"h23v05\.061: expected an asset 'QC_Night', found: Day_view_angl, .*"):
        product.read(product.periods([item])[0], crossing(), Fetcher())


@pytest.mark.parametrize("miss", [Affine.translation(0.4 * 926.6, 0), Affine.scale(1.001)])
def test_grids_off_the_lattice_are_refused(miss):
    target = crossing()
    band = RawBand(np.ones((4, 6), "uint16"), GeoBox((4, 6), miss * target.affine, modis_grid.CRS), None, None, None)
    with pytest.raises(
        SourceError, match=r"tile: expected pixels of 926\.6254 m on the lattice of all tiles, found them (0\.4|[\d.e+]+) pixels off"
    ):
        modis_grid.paste("tile", band, target, np.zeros((4, 6), "uint16"))


def test_windows_that_do_not_meet_leave_the_grid_alone():
    target, out = crossing(), np.zeros((4, 6), "uint16")
    for shift in ((100, 0), (0, -100)):
        moved = GeoBox((4, 6), Affine.translation(*(926.6254331387694 * step for step in shift)) * target.affine, modis_grid.CRS)
        modis_grid.paste("tile", RawBand(np.ones((4, 6), "uint16"), moved, None, None, None), target, out)
    assert not out.any()
    assert abs(SIDE / 1200 - modis_grid.PIXEL) < 1e-8


def test_config_refuses_what_makes_no_sense():
    with pytest.raises(ConfigError, match=r"made: key 'max_error_k': .*"):
        config.parse(modis.ModisConfig, {"max_error_k": 4}, "made")
    with pytest.raises(ConfigError, match=r"made: key 'latency': expected a duration with its unit"):
        config.parse(modis.ModisConfig, {"latency": "-3D"}, "made")
    assert modis.ModisConfig(products=("mod11a2", "myd11a2", "mod11a2")).products == ("mod11a2", "myd11a2")


# ---- a simulated world whose temperature is known


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Daily items without noise and clouds over a world that the edge between h23 and h24 cuts, and its true temperatures."""
    from glaciercast.simulate.products import modis as product
    from glaciercast.simulate.products import modis_grid as truth
    from glaciercast.simulate.products import modis_surface

    window = {"start": "2020-05-30", "daily_from": "2020-06-01", "daily_until": "2020-06-02", "products": ["MOD11A1"], "noise": 0.0}
    scenario = make_scenario(temperature=window, end="2020-06-30")
    world = clear_sky(make_world(scenario, corner=(460200.0, 4035600.0)))
    folder = tmp_path_factory.mktemp("archive")
    product.write(world, folder, scenario, 6)
    where = truth.samples(world)
    year = next(product.years(world, scenario, 6, where))
    hours = np.stack([year.seen["terra", night].view.hour for night in (False, True)])
    true, _ = modis_surface.surface(world, scenario, where).temperatures(year.days, hours)
    return items_of(folder, "modis-11A1-061"), where, year, true


def test_simulated_temperatures_come_back_within_half_a_number_on_both_sides_of_the_edge(simulated):
    items, where, year, true = simulated
    product = modis.ModisProduct("mod11a1", modis.ModisConfig(max_error_k=3))
    pixel = modis_grid.PIXEL
    corner = int(where.row.min()), int(where.column.min())
    shape = int(where.row.max()) - corner[0] + 1, int(where.column.max()) - corner[1] + 1
    target = GeoBox(shape, Affine(pixel, 0, (corner[1] - 18 * 1200) * pixel, 0, -pixel, (9 * 1200 - corner[0]) * pixel), modis_grid.CRS)
    periods = product.periods(items)
    assert [period.scene_id for period in periods] == ["MOD11A1.A2020153", "MOD11A1.A2020154"]
    at = where.row - corner[0], where.column - corner[1]
    for period in periods:
        day = year.days.get_loc(pd.Timestamp(period.time))
        found = product.read(period, target, Fetcher())
        assert len(period.items) == 2 and found.missing == ()
        for half, kelvin in zip(modis.HALVES, true[:, day], strict=True):
            view = year.seen["terra", half == "night"].view
            read = found.arrays[f"lst_{half}"][at]
            assert np.isfinite(read).all() == (abs(view.angle[day]) <= 65) and (found.arrays[f"qc_{half}"][at] == 0).all()
            assert np.abs(read - kelvin).max() <= 0.01 + 1e-4
            np.testing.assert_allclose(found.arrays[f"view_time_{half}"][at], view.hour[day], atol=0.05 + 1e-6)
        sides = at[1] < 6 * 1200 + 18 * 1200 - corner[1]
        assert sides.any() and not sides.all()
