"""Sentinel-2 Level-2A: each trap of the product by value; above all the offset, by metadata and by data."""

from __future__ import annotations

import dataclasses

import numpy as np
import pystac
import pytest
from tests.optical_items import CRS, ORIGIN, bare_item, fetcher, grid_of, make_item

from glaciercast.cube.indices import ndsi
from glaciercast.errors import InputError
from glaciercast.sources import sentinel2
from glaciercast.sources.scene import Sun
from glaciercast.sources.sentinel2 import Sentinel2, Sentinel2Config
from glaciercast.sources.sentinel2_offset import Darkness, Offset, verify_offsets

SHAPE = (40, 40)
"""Of the 20 m bands; 10 m bands have twice as many pixels."""
SNOW = 11
ITEMS = "stac_items/planetary_computer_style"


def numbers(reflectance: float | np.ndarray, offset: int = 0, scale: int = 1) -> np.ndarray:
    """Return numbers of a 20 m band (`scale` 1) or of a 10 m band (2), with the offset added as ESA does."""
    shape = (SHAPE[0] * scale, SHAPE[1] * scale)
    return np.broadcast_to(np.rint(np.asarray(reflectance) * 10000) + offset, shape).astype("uint16")


def properties(baseline="02.12", tile="43SFR", made="2019-06-30T00:00:00Z", sensed="20190629T052651", **more) -> dict:
    return {
        "platform": "Sentinel-2A", "s2:mgrs_tile": tile, "sat:relative_orbit": 105, "s2:processing_baseline": baseline,
        "s2:generation_time": made, "s2:mean_solar_zenith": 22.0, "s2:mean_solar_azimuth": 130.0,
        "s2:datastrip_id": f"S2A_OPER_MSI_L2A_DS_ESRI_20190630T000000_S{sensed}_N{baseline}", **more,
    }  # fmt: skip


def earth_search(baseline="05.00", applied: bool | None = None, **more) -> dict:
    flag = {} if applied is None else {"earthsearch:boa_offset_applied": applied}
    uri = f"S2A_MSIL2A_20190629T052651_N{baseline.replace('.', '')}_R105_T43SFR_20190630T000000.SAFE"
    return {
        "platform": "sentinel-2a", "grid:code": "MGRS-43SFR", "s2:product_uri": uri, "s2:processing_baseline": baseline,
        "view:sun_elevation": 68.0, "view:sun_azimuth": 130.0, "created": "2022-11-06T00:00:00Z", **flag, **more,
    }  # fmt: skip


def scene(
    folder, name="A", green=0.6, swir16=0.1, *, offset=0, quality=SNOW, names=("B03", "B11", "SCL"), time="2019-06-29T05:26:51Z",
    files=None, **more,
) -> pystac.Item:  # fmt: skip
    """Write a scene whose numbers carry `offset` (1000 as ESA makes them from baseline 04.00 on)."""
    g, s, q = names
    arrays = {g: numbers(green, offset, 2), s: numbers(swir16, offset), q: np.broadcast_to(quality, SHAPE).astype("uint8")} | (files or {})
    pixels = {g: 10.0, s: 20.0, q: 20.0}
    item_properties = more.pop("properties", None) or properties()
    return make_item(folder, name, time, item_properties, arrays, collection="sentinel-2-l2a", pixels=pixels, **more)


def read(items, target=None, bands=("green", "swir16"), product=None):
    product = product or Sentinel2()
    (overpass,) = product.overpasses(items)
    return product.read(overpass, target or grid_of(SHAPE, pixel=20.0), fetcher(), bands)


def facts_of(found, asset):
    return next(fact for fact in found.facts if fact["asset"] == asset)


# --- the offset by metadata --------------------


@pytest.mark.parametrize(
    "time, baseline, offset",
    [
        ("2019-06-29T05:26:51Z", "02.12", 0),
        ("2017-03-14T05:26:51Z", "05.00", 1000),  # old, but reprocessed: the date would say no offset
        ("2022-01-20T05:26:51Z", "04.00", 1000),  # before the day from which on 04.00 was in use
        ("2022-02-20T05:26:51Z", "03.01", 0),  # after it
        ("2024-06-29T05:26:51Z", "05.10", 1000),
    ],
)
def test_the_baseline_decides_the_offset_never_the_date(tmp_path, time, baseline, offset):
    found = read([scene(tmp_path, offset=offset, time=time, properties=properties(baseline))])
    np.testing.assert_allclose(found.bands["green"], 0.6, atol=1e-6)
    np.testing.assert_allclose(found.bands["swir16"], 0.1, atol=1e-6)
    np.testing.assert_allclose(ndsi(found.bands["green"], found.bands["swir16"]), 0.5 / 0.7, atol=1e-5)
    facts = facts_of(found, "B03")
    assert (facts["baseline"], facts["scale"], facts["nodata"]) == (baseline, 1e-4, 0)
    assert facts["offset"] == pytest.approx(-offset / 10000) and facts["offset_decided"] == f"baseline {baseline}"


def test_nodata_stays_missing_and_is_never_taken_for_a_dark_pixel(tmp_path):
    """0 is missing also where the offset is −1000 (0 − 1000 would be −0.1); 1 is the darkest number, −0.0999."""
    swir = numbers(0.1, 1000).copy()
    swir[5, 5], swir[6, 6] = 0, 1
    item = scene(tmp_path, offset=1000, files={"B11": swir}, properties=properties("05.09"))
    found = read([item])
    assert np.isnan(found.bands["swir16"][5, 5]) and np.isnan(found.bands["green"][5, 5]) and not found.mask_valid[5, 5]
    assert found.bands["swir16"][6, 6] == pytest.approx(-0.0999) and found.mask_valid[6, 6]
    assert np.isnan(found.bands["swir16"]).sum() == 1
    coarse = read([item], grid_of((10, 10), pixel=60.0))
    np.testing.assert_allclose(coarse.bands["swir16"][1, 1], 0.1, atol=1e-6, err_msg="eight pixels of 0.1 and one missing")


def test_scl_0_is_no_data(tmp_path):
    quality = np.full(SHAPE, SNOW)
    quality[:, :3] = 0
    found = read([scene(tmp_path, quality=quality)])
    np.testing.assert_array_equal(found.mask_valid, quality != 0)
    assert np.isnan(found.bands["green"][:, :3]).all() and (found.mask[:, :3] == 0).all() and (found.mask[:, 3:] == SNOW).all()


def test_10_m_and_20_m_bands_share_the_target(tmp_path):
    """Means of 3 × 3 pixels of 10 m: a column of 0.9 every 30 m gives (0.3 + 0.3 + 0.9)/3."""
    green = np.full((80, 80), 0.3)
    green[:, 1::3] = 0.9
    found = read([scene(tmp_path, green=green)], grid_of((26, 26), pixel=30.0))
    np.testing.assert_allclose(found.bands["green"], 0.5, atol=1e-4)
    np.testing.assert_allclose(found.bands["swir16"], 0.1, atol=1e-6)


def test_earth_search_names_and_flags(tmp_path):
    names = ("green", "swir16", "scl")
    declared = {key: {"scale": 1e-4, "offset": -0.1, "nodata": 0} for key in names[:2]}  # as there, applied or not
    for applied, offset in ((True, 0), (False, 1000), (None, 1000)):
        item = scene(tmp_path, f"applied{applied}", offset=offset, names=names, declared=declared, properties=earth_search(applied=applied))
        found = read([item])
        np.testing.assert_allclose(found.bands["green"], 0.6, atol=1e-6)
        assert found.ref.scene_id == "sentinel-2a_R105_20190629" and found.ref.sensor == "Sentinel-2A MSI"
        assert found.sun == Sun(68.0, 130.0)
    facts = facts_of(read([scene(tmp_path, "t", names=names, properties=earth_search(applied=True))]), "green")
    assert facts["offset_decided"] == "baseline 05.00, flag boa_offset_applied true"


def test_a_declared_scale_must_be_the_guides(tmp_path):
    with pytest.raises(InputError, match=r"item A, asset B03: expected scale 0\.0001 as in the Sentinel-2 .*, found 1$"):
        read([scene(tmp_path, declared={"B03": {"scale": 1.0}})])


# --- one overpass from several items --------------------


def test_of_one_granule_the_latest_baseline_is_kept_then_the_latest_made():
    def item(name, baseline, made):
        return bare_item(name, "2019-06-29T05:26:51Z", properties(baseline, made=made))

    items = [
        item("first", "02.12", "2024-01-01T00:00:00Z"),
        item("newest", "05.10", "2023-02-01T00:00:00Z"),
        item("older", "05.10", "2023-01-01T00:00:00Z"),
        item("ninth", "05.09", "2023-12-01T00:00:00Z"),
    ]
    for order in (items, items[::-1]):
        (overpass,) = Sentinel2().overpasses(order)
        assert [one.id for one in overpass.items] == ["newest"]


def test_halves_of_a_tile_from_two_datastrips_are_both_kept(tmp_path):
    left = np.arange(SHAPE[1]) < 25
    first = scene(tmp_path, "left", quality=np.where(left, SNOW, 0) + np.zeros(SHAPE, int), green=0.6)
    late = properties(sensed="20190629T052705")
    second = scene(tmp_path, "right", quality=np.where(~left, SNOW, 0) + np.zeros(SHAPE, int), green=0.4, properties=late)
    found = read([first, second])
    assert found.mask_valid.all()
    np.testing.assert_allclose(found.bands["green"][7], np.where(left, 0.6, 0.4), atol=1e-6)


def test_a_new_processing_comes_first_where_the_datastrip_moved(tmp_path):
    """Both processings stay in the overpass, but every pixel is that of the newer one, with its own offset."""
    old = scene(tmp_path, "old", green=0.5)
    new = scene(tmp_path, "new", green=0.6, offset=1000, properties=properties("05.00", sensed="20190629T052652"))
    found = read([old, new])
    assert {fact["item"] for fact in found.facts} == {"new"}
    np.testing.assert_allclose(found.bands["green"], 0.6, atol=1e-6)


def test_tiles_of_one_orbit_are_mosaicked_and_each_has_its_own_offset(tmp_path):
    """West tile of an old baseline, east tile reprocessed: one scene without a step."""
    east_origin = (ORIGIN[0] + 20 * SHAPE[1] - 100, ORIGIN[1])
    west = scene(tmp_path, "west", properties=properties(tile="43SFR"))
    east = scene(tmp_path, "east", offset=1000, origin=east_origin, properties=properties("05.00", tile="43SGR"))
    found = read([west, east], grid_of((40, 70), pixel=20.0))
    assert found.mask_valid.all() and len(found.ref.items) == 2
    np.testing.assert_allclose(found.bands["green"], 0.6, atol=1e-6)
    assert sorted(fact["offset"] for fact in found.facts if fact["asset"] == "B03") == [pytest.approx(-0.1), 0.0]


def test_a_tile_of_another_zone_is_brought_to_the_target(tmp_path):
    from pyproj import Transformer

    x, y = Transformer.from_crs(CRS, "EPSG:32644", always_xy=True).transform(800_000.0, 3_560_000.0)
    other = scene(tmp_path, crs="EPSG:32644", origin=(x - 200, y + 200), properties=properties(tile="44RKV"))
    found = read([other], grid_of((8, 8), (800_000.0, 3_560_000.0)))
    assert found.mask_valid.all()
    np.testing.assert_allclose(found.bands["green"], 0.6, atol=1e-6)


def test_orbits_and_satellites_are_apart_and_in_order():
    items = [
        bare_item("b", "2019-06-29T05:36:51Z", {**properties(), "platform": "Sentinel-2B"}),
        bare_item("c", "2019-06-29T05:36:50Z", {**properties(), "sat:relative_orbit": 5}),
        bare_item("a", "2019-06-29T05:26:51Z", properties()),
    ]
    found = [overpass.scene_id for overpass in Sentinel2().overpasses(items)]
    assert found == ["sentinel-2a_R105_20190629", "sentinel-2a_R005_20190629", "sentinel-2b_R105_20190629"]
    assert Sentinel2().keep(items[0]) and not Sentinel2(Sentinel2Config(platforms=("sentinel-2a",))).keep(items[0])


# --- the offset by data --------------------

APPLIED, LEFT_ON = Offset(0, "flag says applied"), Offset(-1000, "flag says left on")
OLD = Offset(0, "baseline 02.12")


def dates(*rows: tuple[float | None, Offset, bool]) -> list[Darkness]:
    """Return one date every 5 days: dark number, what is stated, and whether the baseline is 04.00 or later."""
    days = np.datetime64("2022-01-01", "ns") + np.arange(len(rows)) * np.timedelta64(5, "D")
    return [Darkness(f"i{n}", day, *row) for n, (day, row) in enumerate(zip(days, rows, strict=True))]


def decided(found: list[Darkness]) -> list[tuple[int, str]]:
    return [(offset.number, offset.how.rpartition("; ")[2]) for offset in verify_offsets(found).values()]


def test_flags_that_lie_either_way_are_found():
    """Dark snow at 1.6 µm is 0.01: number 100 without the offset, 1100 with it."""
    found = dates(
        *[(100.0 + 10 * n, APPLIED, True) for n in range(4)],
        (110.0, LEFT_ON, True),  # the flag says the offset is there; it would be −0.089
        *[(1090.0 + 10 * n, LEFT_ON, True) for n in range(4)],
        (1110.0, APPLIED, True),  # the flag says it was taken off; it would be 0.111 beside 0.011
    )
    numbers_, how = zip(*decided(found), strict=True)
    assert numbers_ == (0, 0, 0, 0, 0, -1000, -1000, -1000, -1000, -1000)
    assert [n for n, words in enumerate(how) if words == "overruled by dark pixels"] == [4, 9]
    assert set(how) == {"overruled by dark pixels", "confirmed by dark pixels"}


def test_dates_that_may_all_be_wrong_alike_vouch_for_nothing():
    """All flags say that the offset was taken off, all numbers carry it: 0.105 on every date; one flag tells the truth."""
    found = dates(*[(1050.0 + n, APPLIED, True) for n in range(6)], (1050.0, LEFT_ON, True))
    numbers_, how = zip(*decided(found), strict=True)
    assert numbers_ == (0, 0, 0, 0, 0, 0, -1000)  # the one that is right is not outvoted
    assert how[0] == "unverified: dark pixels are bright on all dates"
    assert how[6].startswith("unverified: dark pixels are unlike")


def test_old_baselines_have_no_offset_whatever_their_pixels_and_are_what_others_are_compared_with():
    found = dates(*[(n, OLD, False) for n in (50.0, 90.0, 1500.0, 70.0)], (1080.0, APPLIED, True), (1080.0, LEFT_ON, True))
    assert [offset.number for offset in verify_offsets(found).values()] == [0, 0, 0, 0, -1000, -1000]
    assert verify_offsets(found)["i2"] == OLD


@pytest.mark.parametrize("dark", [450.0, 650.0, 900.0, 1500.0, 2500.0])
def test_bright_winter_scenes_keep_their_offset(dark):
    """Their dark pixels are brighter than on the dates around, but not by 0.1: 0.045 … 0.25 beside 0.01."""
    for stated, shift in ((APPLIED, 0), (LEFT_ON, 1000)):
        found = dates(*[(100.0 + 10 * n, OLD, False) for n in range(6)], (dark + shift, stated, True))
        assert verify_offsets(found)["i6"].number == stated.number


def test_what_the_data_do_not_tell_keeps_the_metadata_and_is_called_unverified():
    cloudy = dates((None, LEFT_ON, True), *[(100.0, OLD, False)] * 3)
    assert decided(cloudy)[0] == (-1000, "unverified: too few clear pixels")
    alone = dates((1100.0, APPLIED, True))
    assert decided(alone) == [(0, "unverified: no dates to compare with")]
    bright = dates((2500.0, APPLIED, True), *[(100.0, OLD, False)] * 3)
    assert decided(bright)[0] == (0, "unverified: dark pixels are unlike those of neighbouring dates")
    all_left_on = dates(*[(1100.0, APPLIED, True)] * 5)
    assert {number for number, _ in decided(all_left_on)} == {0}, "five alike dates tell nothing"


def test_a_single_date_with_impossible_dark_pixels_needs_no_neighbours():
    assert decided(dates((120.0, LEFT_ON, True))) == [(0, "overruled by dark pixels")]


def test_wrong_flags_end_in_right_reflectance(tmp_path):
    """Six dates of one glacier: 1.6 µm from 0.01 to 0.3 and a cloud that the SCL marks; two of the flags are wrong."""
    names = ("green", "swir16", "scl")
    swir = np.linspace(0.01, 0.3, SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    quality = np.full(SHAPE, SNOW)
    quality[:6] = 9
    truth = np.where(quality == 9, 0.45, swir)
    items = []
    for n, (flag, offset) in enumerate([(True, 0), (False, 1000), (True, 0), (False, 0), (True, 1000), (False, 1000)]):
        uri = f"S2A_MSIL2A_2022060{n + 1}T052651_N0400_R{100 + n}_T43SFR_20220630T000000.SAFE"
        item_properties = earth_search("04.00", flag) | {"s2:product_uri": uri}
        time = f"2022-06-0{n + 1}T05:26:51Z"
        items.append(
            scene(tmp_path, f"s{n}", 0.6, truth, offset=offset, quality=quality, names=names, time=time, properties=item_properties)
        )
    product, target = Sentinel2(), grid_of(SHAPE, pixel=20.0)
    overpasses = product.overpasses(items)
    trusting = [product.read(one, target, fetcher(), ("green",)).bands["green"][0, 0] for one in overpasses]
    np.testing.assert_allclose(trusting, [0.6, 0.6, 0.6, 0.5, 0.7, 0.6], atol=1e-6)
    checked = product.verified(overpasses, target, fetcher())
    for one in overpasses:
        found = checked.read(one, target, fetcher(), ("green", "swir16"))
        np.testing.assert_allclose(found.bands["green"], 0.6, atol=1e-6)
        np.testing.assert_allclose(found.bands["swir16"], truth, atol=6e-5)
    how = [facts_of(checked.read(one, target, fetcher(), ("green",)), "green")["offset_decided"] for one in overpasses]
    assert [words.rpartition("; ")[2].partition(" ")[0] for words in how] == ["confirmed"] * 3 + ["overruled"] * 2 + ["confirmed"]
    assert how[3].startswith("baseline 04.00, flag boa_offset_applied false; ")


def test_nothing_is_read_to_verify_where_no_item_can_carry_an_offset(tmp_path):
    class Refuses:
        def fetch(self, *_):
            raise AssertionError("no file is needed")

    product = Sentinel2()
    overpasses = product.overpasses([bare_item("A", "2019-06-29T05:26:51Z", properties("03.01"))])
    assert product.verified(overpasses, grid_of(), Refuses()) is product
    trusting = Sentinel2(Sentinel2Config(verify_offset=False))
    assert (
        trusting.verified(trusting.overpasses([bare_item("A", "2022-06-29T05:26:51Z", properties("05.09"))]), grid_of(), Refuses())
        is trusting
    )


def test_dark_pixels_are_those_of_clear_pixels_with_data(tmp_path):
    """1,600 pixels: 300 of cloud shadow (number 5) and 100 of nodata do not count; of the others a tenth is 200 and the rest 3000."""
    quality, swir = np.full(SHAPE, SNOW).ravel(), np.full(SHAPE, 3000).ravel()
    quality[:300], swir[:300] = 3, 5
    swir[300:400] = 0
    swir[400:520] = 200
    files = {"B11": swir.reshape(SHAPE).astype("uint16")}
    item = scene(tmp_path, quality=quality.reshape(SHAPE), files=files, properties=properties("05.09"))
    found = Sentinel2().darkness(item, grid_of(SHAPE, pixel=20.0), fetcher())
    assert found == Darkness("A", np.datetime64("2019-06-29T05:26:51"), 200.0, Offset(-1000, "baseline 05.09"), True)
    assert Sentinel2().darkness(item, grid_of((20, 20), pixel=20.0), fetcher()).number is None, "too few pixels"


# --- the simulated archive and real items --------------------


def test_two_processings_of_simulated_acquisitions_agree(archive):
    """The archive serves some acquisitions twice, with and without the offset: the reflectance is the same to one number."""
    items = [pystac.Item.from_file(str(path)) for path in sorted((archive / "archive" / "sentinel-2-l2a").glob("*/*.json"))]
    product = Sentinel2()
    overpasses = product.overpasses(items)
    kept = {item.id for overpass in overpasses for item in overpass.items}
    twins = [
        (one, two)
        for one in items
        for two in items
        if one.id not in kept and two.id in kept and product.granule(one) == product.granule(two)
    ]
    assert twins and len(kept) + len(twins) == len(items)
    old, new = twins[0]
    assert product.baseline(old) < "04.00" <= product.baseline(new)
    import rasterio
    from odc.geo.geobox import GeoBox

    with rasterio.open(old.assets["B11"].get_absolute_href()) as file:
        target = GeoBox(file.shape, file.transform, file.crs.to_string())
    scenes = [product.read(product.overpasses([item])[0], target, fetcher(), ("green", "nir", "swir16")) for item in (old, new)]
    for name in ("green", "nir", "swir16"):
        a, b = (scene_.bands[name] for scene_ in scenes)
        seen = (a > 2e-4) & (a < 5)  # darker pixels are cut at number 1 where there is no offset
        np.testing.assert_allclose(a[seen], b[seen], atol=1.01e-4)
    np.testing.assert_array_equal(scenes[0].mask, scenes[1].mask)
    checked = product.verified(overpasses, target, fetcher())
    for item in (item for overpass in overpasses for item in overpass.items):
        assert checked.offsets.get(item.id, sentinel2.stated(item)).number == sentinel2.stated(item).number, "no right offset is overruled"


def test_the_real_item(real_data):
    name = "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531"
    product = Sentinel2()
    plain, with_raster = (pystac.Item.from_file(str(real_data(f"{ITEMS}/{name}{end}.json"))) for end in ("", "_raster_ext"))
    assert product.keep(plain)
    for item in (plain, with_raster):
        (overpass,) = product.overpasses([item])
        assert (overpass.scene_id, overpass.sensor) == ("sentinel-2b_R043_20190629", "Sentinel-2B MSI")
        assert overpass.sun == Sun(pytest.approx(52.0871194583), pytest.approx(170.148039164))
        assert [key for _, key in product.assets(overpass, product.bands)] == ["SCL", "B03", "B04", "B08", "B11"]
        assert product.layer(item, "nir").offset == 0 and product.baseline(item) == "02.12"
    assert (sentinel2.tile(plain), product.granule(plain)) == ("06VVN", "06VVN_20190629T212530")
    assert [one.id for one in product.overpasses([plain, with_raster])[0].items] == [name]


# --- faults --------------------


@pytest.mark.parametrize(
    "change, words",
    [
        ({"s2:processing_baseline": None}, r"^item A: expected the property s2:processing_baseline or .*, found none$"),
        ({"s2:processing_baseline": "new"}, r"^item A: expected a processing baseline such as 05\.09, found 'new'$"),
        ({"sat:relative_orbit": None}, r"^item A: expected the relative orbit in its properties or in s2:product_uri, found none$"),
        ({"s2:mgrs_tile": None}, r"^item A: expected the tile in its properties or in s2:product_uri, found none$"),
        ({"s2:generation_time": "soon"}, r"^item A: expected a time in s2:generation_time or created, found 'soon'$"),
    ],
)
def test_items_that_lack_something_are_named(change, words):
    with pytest.raises(InputError, match=words):
        Sentinel2().overpasses([bare_item("A", "2019-06-29T05:26:51Z", properties() | change)])


def test_there_is_no_thermal_band():
    (overpass,) = Sentinel2().overpasses([bare_item("A", "2019-06-29T05:26:51Z", properties())])
    with pytest.raises(InputError, match=r"^sentinel2: expected bands among green, red, nir, swir16, found 'thermal'$"):
        Sentinel2().read(overpass, grid_of(), fetcher(), ("green", "thermal"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        overpass.scene_id = "x"
