"""Landsat Collection 2 Level-2: each trap of the product by value, and the one real scene there is."""

from __future__ import annotations

import numpy as np
import pystac
import pytest
from tests.optical_items import CRS, ORIGIN, SHAPE, bare_item, fetcher, grid_of, make_item

from glaciercast.cube.indices import ndsi
from glaciercast.errors import InputError
from glaciercast.sources.landsat import Landsat, LandsatConfig
from glaciercast.sources.scene import Sun

CLEAR, FILL = 21824, 1
ITEMS = "stac_items/planetary_computer_style"


def numbers(reflectance: float | np.ndarray, shape=SHAPE) -> np.ndarray:
    return np.broadcast_to(np.rint((np.asarray(reflectance) + 0.2) / 2.75e-5), shape).astype("uint16")


def kelvin(temperature: float, shape=SHAPE) -> np.ndarray:
    return np.full(shape, round((temperature - 149) / 0.00341802), "uint16")


def properties(path="147", row="038", platform="landsat-8", **more) -> dict:
    return {
        "platform": platform, "landsat:wrs_path": path, "landsat:wrs_row": row, "landsat:correction": "L2SP",
        "landsat:collection_category": "T1", "landsat:collection_number": "02", **more,
    }  # fmt: skip


def scene(folder, name="A", time="2020-12-04T05:30:00Z", green=0.6, swir16=0.1, temperature=265.0, quality=CLEAR, **more) -> pystac.Item:
    """Write a Landsat scene with the bands of NDSI and temperature; arrays (y, x) may be given instead of constants."""
    item_properties = properties(**more.pop("properties", {}))
    thermal = "lwir" if item_properties["platform"] == "landsat-7" else "lwir11"
    files = {"green": numbers(green), "swir16": numbers(swir16), thermal: kelvin(temperature)}
    files["qa_pixel"] = np.broadcast_to(quality, SHAPE).astype("uint16")
    files |= more.pop("files", {})
    return make_item(folder, name, time, item_properties, files, collection="landsat-c2-l2", **more)


def read(items, target=None, bands=("green", "swir16", "thermal"), product=None):
    product = product or Landsat(LandsatConfig(platforms=("landsat-7", "landsat-8"), corrections=("L2SP", "L2SR")))
    (overpass,) = product.overpasses(items)
    return product.read(overpass, target or grid_of(), fetcher(), bands)


# --- what the numbers mean --------------------


def test_numbers_become_reflectance_and_kelvin_exactly_where_the_lattices_agree(tmp_path):
    raw = np.arange(1, 121, dtype="uint16").reshape(SHAPE) * 500
    found = read([scene(tmp_path, files={"green": raw})], grid_of((6, 5), (ORIGIN[0] + 60, ORIGIN[1] - 90)))
    np.testing.assert_allclose(found.bands["green"], raw[3:9, 2:7] * 2.75e-5 - 0.2, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.bands["thermal"], 265.0, atol=0.002)
    assert found.bands["green"].dtype == np.float32 and found.mask.dtype == np.int32
    assert (found.mask == CLEAR).all() and found.mask_valid.all()


def test_ndsi_is_that_of_reflectance_not_of_raw_numbers(tmp_path):
    """The offset does not cancel in the ratio: green 0.6, swir16 0.1 is 0.714, in raw numbers 0.455."""
    found = read([scene(tmp_path, green=0.6, swir16=0.1)])
    raw_green, raw_swir = (float(numbers(value)[0, 0]) for value in (0.6, 0.1))
    np.testing.assert_allclose(ndsi(found.bands["green"], found.bands["swir16"]), 0.5 / 0.7, atol=1e-4)
    assert (raw_green - raw_swir) / (raw_green + raw_swir) == pytest.approx(0.5 / 1.1, abs=1e-3)


def test_nodata_of_reflectance_and_temperature_is_missing_and_takes_no_part_in_resampling(tmp_path):
    green, thermal = numbers(0.6).copy(), kelvin(265.0)
    green[:, 4] = 0
    thermal[:, 7] = 0
    item = scene(tmp_path, files={"green": green, "lwir11": thermal})
    found = read([item])
    assert np.isnan(found.bands["green"][:, 4]).all() and np.isnan(found.bands["swir16"][:, 4]).all(), "a pixel is whole or missing"
    assert not found.mask_valid[:, 4].any() and found.mask_valid[:, 5].all()
    assert np.isnan(found.bands["thermal"][:, 7]).all() and np.isfinite(found.bands["green"][:, 7]).all()
    moved = read([item], grid_of(origin=(ORIGIN[0] + 11, ORIGIN[1] - 7)))
    np.testing.assert_allclose(moved.bands["green"][np.isfinite(moved.bands["green"])], 0.6, atol=1e-4)
    kept = moved.bands["thermal"][np.isfinite(moved.bands["thermal"])]
    np.testing.assert_allclose(kept, 265.0, atol=0.01)


def test_declared_packing_must_be_the_guides(tmp_path):
    right = {"scale": 2.75e-5, "offset": -0.2, "nodata": 0}
    assert read([scene(tmp_path, name="right", declared={"green": right})]).mask_valid.all()
    wrong = scene(tmp_path, name="wrong", declared={"green": {**right, "offset": 0.0}})
    with pytest.raises(InputError, match=r"item wrong, asset green: expected offset -0\.2 as in the Landsat .*Guide, found 0$"):
        read([wrong])
    warm = scene(tmp_path, name="warm", declared={"lwir11": {"scale": 0.1, "offset": 0.0}})
    with pytest.raises(InputError, match=r"item warm, asset lwir11: expected scale 0\.00341802 .* found 0\.1$"):
        read([warm])


# --- one overpass from several items --------------------


def test_two_rows_are_one_overpass_and_fill_of_qa_pixel_is_bit_0(tmp_path):
    """Row 38 sees the upper part, row 39 the lower; where a row sees nothing QA_PIXEL is 1, which is data where fill is taken to be 0."""
    upper = np.full(SHAPE, CLEAR)
    upper[7:] = FILL
    lower = np.full(SHAPE, 22280)
    lower[:5] = FILL
    gap = (np.arange(SHAPE[0]) >= 7)[:, None]
    first = scene(tmp_path, "north", quality=upper, green=np.where(gap, -0.2, 0.6))
    second = scene(
        tmp_path, "south", "2020-12-04T05:30:24Z", quality=lower, green=np.where(gap[::-1], -0.2, 0.4), properties={"row": "039"}
    )
    found = read([second, first])
    assert found.ref.scene_id == "landsat-8_147_20201204"
    assert found.ref.time == np.datetime64("2020-12-04T05:30:12")
    np.testing.assert_array_equal(found.mask[:, 0], [CLEAR] * 7 + [22280] * 5)
    np.testing.assert_allclose(found.bands["green"][:, 0], [0.6] * 7 + [0.4] * 5, atol=2e-5)
    assert found.mask_valid.all()


def test_a_pixel_never_mixes_bands_of_two_items(tmp_path):
    """The first row lacks swir16 in one column: all its bands, quality and temperature too, come from the second row there."""
    swir = numbers(0.1).copy()
    swir[:, 3] = 0
    first = scene(tmp_path, "north", green=0.6, temperature=260.0, files={"swir16": swir})
    second = scene(tmp_path, "south", green=0.4, swir16=0.3, temperature=270.0, quality=22280, properties={"row": "039"})
    found = read([first, second])
    column = [found.bands[name][0, 3] for name in ("green", "swir16", "thermal")]
    np.testing.assert_allclose(column, [0.4, 0.3, 270.0], atol=0.003)
    np.testing.assert_allclose([found.bands[name][0, 4] for name in ("green", "swir16", "thermal")], [0.6, 0.1, 260.0], atol=0.003)
    assert found.mask[0, 3] == 22280 and found.mask[0, 4] == CLEAR
    bare = Landsat().read_quality(Landsat().overpasses([first, second])[0], grid_of(), fetcher())
    assert bare.bands == {} and (bare.mask == CLEAR).all(), "with no band asked the first row is whole"


def test_no_byte_is_read_of_items_that_add_nothing(tmp_path):
    found = read([scene(tmp_path, "north"), scene(tmp_path, "south", properties={"row": "039"})])
    assert {fact["item"] for fact in found.facts} == {"north"}


def test_two_zones_are_brought_to_the_target_and_its_own_zone_is_copied(tmp_path):
    """The same field of reflectance, linear in longitude, written in zones 43 and 44; each read onto the grid of zone 43."""
    from pyproj import Transformer

    shape, target = (80, 90), grid_of((40, 30), (780_000.0, 3_560_000.0))

    def field(crs, x, y):
        longitude, _ = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
        return 0.3 + 2 * (longitude - 77.98)

    def item(name, crs, origin, row, shift):
        x, y = np.meshgrid(origin[0] + 30 * (np.arange(shape[1]) + 0.5), origin[1] - 30 * (np.arange(shape[0]) + 0.5))
        files = {"green": numbers(field(crs, x, y) + shift, shape), "swir16": numbers(0.1, shape), "lwir11": kelvin(265.0, shape)}
        files["qa_pixel"] = np.full(shape, CLEAR, "uint16")
        found = make_item(tmp_path, name, "2020-12-04T05:30:00Z", properties(row=row), files, collection="c", crs=crs, origin=origin)
        return found

    x0, y0 = Transformer.from_crs(CRS, "EPSG:32644", always_xy=True).transform(779_500.0, 3_560_600.0)
    other = item("other", "EPSG:32644", (x0 - x0 % 30, y0 - y0 % 30), "038", 0.0)
    own = item("own", CRS, (779_400.0, 3_560_600.0 - 3_560_600.0 % 30 + 3_560_000.0 % 30), "039", 0.1)
    x, y = np.meshgrid(780_000.0 + 30 * (np.arange(30) + 0.5), 3_560_000.0 - 30 * (np.arange(40) + 0.5))
    truth = field(CRS, x, y)
    warped = read([other], target)
    assert warped.mask_valid.all()
    np.testing.assert_allclose(warped.bands["green"], truth, atol=1e-4)
    both = read([other, own], target)
    assert {fact["item"] for fact in both.facts} == {"own"}, "the item in the target's zone comes first"
    np.testing.assert_allclose(both.bands["green"], truth + 0.1, atol=2e-5)


def test_gaps_of_landsat_7_are_no_data_and_its_thermal_asset_is_lwir(tmp_path):
    """SLC-off: stripes of fill, which are neither clear nor filled from beside them."""
    gap = np.zeros(SHAPE, bool)
    gap[[3, 4, 9]] = True
    files = {"green": np.where(gap, 0, numbers(0.6)).astype("uint16"), "lwir": np.where(gap, 0, kelvin(265.0)).astype("uint16")}
    item = scene(tmp_path, quality=np.where(gap, FILL, 5440), files=files, properties={"platform": "landsat-7"})
    found = read([item])
    np.testing.assert_array_equal(found.mask_valid, ~gap)
    for name in ("green", "swir16", "thermal"):
        np.testing.assert_array_equal(np.isnan(found.bands[name]), gap, err_msg=name)
    assert (found.mask[gap] == FILL).all()
    assert found.ref.sensor == "Landsat 7 ETM+"
    assert {fact["asset"] for fact in found.facts} == {"qa_pixel", "green", "swir16", "lwir"}


def test_a_scene_of_reflectance_alone_has_no_temperature_and_says_so(tmp_path):
    item = scene(tmp_path, properties={"landsat:correction": "L2SR"})
    del item.assets["lwir11"]
    assert not Landsat().keep(item), "by default only scenes with temperature are taken"
    found = read([item])
    assert np.isnan(found.bands["thermal"]).all() and np.isfinite(found.bands["green"]).all() and found.mask_valid.all()
    assert {"item": "A", "band": "thermal", "note": "the item has no such band"} in found.facts


def test_of_two_processings_the_final_tier_and_then_the_latest_is_kept():
    def item(name, tier, created):
        return bare_item(name, "2020-12-04T05:30:00Z", properties(**{"landsat:collection_category": tier, "created": created}))

    real_time, final = item("rt", "RT", "2023-01-01T00:00:00Z"), item("final", "T1", "2021-01-01T00:00:00Z")
    again = item("again", "T1", "2022-01-01T00:00:00Z")
    (overpass,) = Landsat().overpasses([real_time, final, again])
    assert [one.id for one in overpass.items] == ["again"]


def test_rows_on_both_sides_of_midnight_utc_are_one_overpass():
    """At 157 E the satellite passes at 00:00 UTC: the solar day, not the date, tells what belongs together."""
    box = (156.0, -1.0, 158.0, 1.0)
    items = [
        bare_item("first", "2020-12-03T23:59:50Z", properties(row="060"), bbox=box),
        bare_item("second", "2020-12-04T00:00:14Z", properties(row="061"), bbox=box),
        bare_item("later", "2020-12-19T23:59:50Z", properties(row="060"), bbox=box),
    ]
    found = Landsat().overpasses(items)
    assert [[item.id for item in overpass.items] for overpass in found] == [["first", "second"], ["later"]]
    assert found[0].scene_id == "landsat-8_147_20201204"


@pytest.mark.parametrize("box, day", [((177.0, 65.0, 179.0, 66.0), "20201204"), ((179.0, 65.0, -178.0, 66.0), "20201203")])
def test_a_solar_day_on_both_sides_of_the_date_line(box, day):
    item = bare_item("A", "2020-12-03T22:20:00Z", properties(), bbox=box)
    assert Landsat().scene_id(item) == f"landsat-8_147_{day}"


def test_two_paths_on_one_day_are_two_overpasses():
    items = [bare_item(path, f"2020-12-04T05:{minute}:00Z", properties(path=path)) for path, minute in (("147", "30"), ("146", "24"))]
    assert [overpass.scene_id for overpass in Landsat().overpasses(items)] == ["landsat-8_146_20201204", "landsat-8_147_20201204"]


# --- which items, and their facts --------------------


@pytest.mark.parametrize(
    "change, kept",
    [
        ({}, True),
        ({"platform": "landsat-9"}, True),
        ({"platform": "landsat-7"}, False),
        ({"landsat:correction": "L2SR"}, False),
        ({"landsat:collection_category": "T2"}, True),
        ({"landsat:collection_category": "RT"}, False),
    ],
)
def test_keep(change, kept):
    product = Landsat()
    assert product.keep(bare_item("A", "2020-12-04T05:30:00Z", {**properties(), **change})) is kept
    assert product.words == "landsat-8 or landsat-9; L2SP; T1 or T2"


def test_facts_tell_packing_and_processing(tmp_path):
    found = read([scene(tmp_path)])
    by_asset = {fact["asset"]: fact for fact in found.facts}
    wanted = {"green": (2.75e-5, -0.2, 0), "lwir11": (0.00341802, 149.0, 0), "qa_pixel": (None, None, 1)}
    for asset, packing in wanted.items():
        assert tuple(by_asset[asset][key] for key in ("scale", "offset", "nodata")) == packing
        assert by_asset[asset]["baseline"] == "02 L2SP T1" and len(by_asset[asset]["xxh128"]) == 32 and by_asset[asset]["item"] == "A"


def test_assets_list_what_read_may_fetch(tmp_path):
    product, item = Landsat(), scene(tmp_path)
    (overpass,) = product.overpasses([item])
    keys = [key for _, key in product.assets(overpass, ("green", "thermal"))]
    assert keys == ["qa_pixel", "green", "lwir11"]
    assert [key for _, key in product.assets(overpass, ())] == ["qa_pixel"]


def test_items_that_lack_something_are_named():
    with pytest.raises(InputError, match=r"^item A: expected the property landsat:wrs_path, found none$"):
        Landsat().overpasses([bare_item("A", "2020-12-04T05:30:00Z", {"platform": "landsat-8", "landsat:wrs_row": "038",
                                                                     "landsat:collection_category": "T1"})])  # fmt: skip
    item = bare_item("A", "2020-12-04T05:30:00Z", properties(), keys=("qa_pixel", "red"))
    with pytest.raises(InputError, match=r"^item A: expected an asset green, found qa_pixel, red$"):
        Landsat().layer(item, "green")


def test_an_item_beside_the_target_gives_an_empty_scene(tmp_path):
    found = read([scene(tmp_path)], grid_of(origin=(700_000.0, 3_600_000.0)))
    assert not found.mask_valid.any() and (found.mask == FILL).all() and np.isnan(found.bands["green"]).all() and found.facts == ()


# --- real items and the real scene --------------------


@pytest.mark.parametrize(
    "name, scene_id, sensor, thermal, sun",
    [
        ("LC08_L2SP_047027_20201204_02_T1", "landsat-8_047_20201204", "Landsat 8 OLI/TIRS", "lwir11", (18.80722985, 164.91405951)),
        ("LC09_L2SP_010065_20220129_02_T1", "landsat-9_010_20220129", "Landsat 9 OLI/TIRS", "lwir11", (57.84396063, 112.2005908)),
        ("LE07_L2SP_021030_20100109_02_T1", "landsat-7_021_20100109", "Landsat 7 ETM+", "lwir", (21.38957268, 156.98419323)),
    ],
)
def test_real_items(real_data, name, scene_id, sensor, thermal, sun):
    item = pystac.Item.from_file(str(real_data(f"{ITEMS}/{name}.json")))
    product = Landsat(LandsatConfig(platforms=("landsat-7", "landsat-8", "landsat-9")))
    assert product.keep(item)
    (overpass,) = product.overpasses([item])
    assert (overpass.scene_id, overpass.sensor, overpass.sun) == (scene_id, sensor, Sun(*sun))
    keys = [key for _, key in product.assets(overpass, product.bands)]
    assert keys == ["qa_pixel", "green", "red", "nir08", "swir16", thermal]
    assert [product.layer(item, band).scale for band in ("green", "thermal")] == [2.75e-5, 0.00341802]


def test_the_real_greenland_scene(real_data):
    """Values of the data's own notes: 47.6 % fill; the pixel (256, 256); percentiles of NDSI and of temperature."""
    folder = real_data("landsat_c2l2/greenland")
    stem = "LC08_L2SP_005009_20150710_20200908_02_T2"
    files = {"green": "SR_B3", "swir16": "SR_B6", "lwir11": "ST_B10", "qa_pixel": "QA_PIXEL"}
    item = bare_item("greenland", "2015-07-10T14:30:00Z", properties("005", "009", **{"landsat:collection_category": "T2"}))
    for key, ending in files.items():
        item.add_asset(key, pystac.Asset(f"{stem}_{ending}.TIF"))
    item.set_self_href(str(folder / "item.json"))
    from affine import Affine
    from odc.geo.geobox import GeoBox

    target = GeoBox((512, 512), Affine(515.09765625, 0, 365685.0, 0, -516.85546875, 8143815.0), "EPSG:32624")
    found = read([item], target)
    green, swir16 = found.bands["green"], found.bands["swir16"]
    assert found.mask[256, 256] == 22280
    assert green[256, 256] == pytest.approx(0.9090, abs=5e-5) and swir16[256, 256] == pytest.approx(0.3463, abs=5e-5)
    index = ndsi(green, swir16)
    assert index[256, 256] == pytest.approx(0.4482, abs=5e-5)
    valid = found.mask_valid
    assert 1 - valid.mean() == pytest.approx(0.476, abs=5e-4)
    np.testing.assert_allclose(np.nanpercentile(index[valid], (5, 50, 95)), (0.364, 0.620, 0.942), atol=1e-3)
    np.testing.assert_allclose(np.nanpercentile(found.bands["thermal"], (5, 50, 95)), (256.9, 259.8, 266.3), atol=0.05)
    raw = [(band + 0.2) / 2.75e-5 for band in (green[valid], swir16[valid])]
    np.testing.assert_allclose(np.percentile((raw[0] - raw[1]) / (raw[0] + raw[1]), (5, 50, 95)), (0.283, 0.460, 0.673), atol=1e-3)
