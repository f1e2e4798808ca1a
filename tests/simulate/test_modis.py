from __future__ import annotations

import dataclasses
import json

import numpy as np
import pystac
import pytest
import rasterio
from tests.simulate.flat_world import clear_sky, days, make_scenario, make_world

from glaciercast.errors import InputError
from glaciercast.simulate import heat
from glaciercast.simulate.products import modis, modis_grid, modis_items, modis_surface, modis_view, sparse, stac
from glaciercast.simulate.products.modis_grid import PIXEL, SIZE, TILE, Tile
from glaciercast.simulate.seeds import generator

ONE_YEAR = {"start": "2020-01-01", "daily_from": "2020-01-01", "daily_until": "2020-12-31", "products": ["MOD11A1", "MOD11A2", "MYD11A2"]}


@pytest.fixture(scope="module")
def year():
    """All that is retrieved of 2020, with clouds and noise."""
    scenario = make_scenario(temperature=ONE_YEAR)
    world = make_world(scenario)
    where = modis_grid.samples(world)
    return next(modis.years(world, scenario, 6, where)), where, scenario, world


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Items of June 2020 over a world that the edge between h23 and h24 cuts."""
    window = {"start": "2020-05-30", "daily_from": "2020-06-01", "daily_until": "2020-06-02", "products": ["MOD11A1", "MOD11A2"]}
    scenario = make_scenario(temperature=window, end="2020-06-30")
    world = clear_sky(make_world(scenario, corner=(460200.0, 4035600.0)))
    folder = tmp_path_factory.mktemp("archive")
    names = modis.write(world, folder, scenario, 6)
    stac.write_catalog(folder, "made")
    return folder, names, world, scenario


def values_of(folder, collection, item, asset):
    path = folder / collection / item
    read = pystac.Item.from_file(str(path / f"{item}.json"))
    with rasterio.open(path / read.assets[asset].href) as file:
        assert file.nodata is None and file.scales == (1.0,) and file.offsets == (0.0,)
        return file.read(1), file


@pytest.mark.parametrize("name", ["MOD11A2.A2022033.h19v10.061", "MYD11A1.A2022039.h21v07.061", "MYD11A2.A2022025.h17v00.061"])
def test_tiles_are_those_of_the_real_items(real_data, name):
    real = json.loads((real_data("stac_items") / "planetary_computer_style" / f"{name}.json").read_text(encoding="utf-8"))["properties"]
    made = modis_items._tile_properties(Tile(real["modis:horizontal-tile"], real["modis:vertical-tile"]))
    np.testing.assert_allclose(made["proj:transform"], real["proj:transform"], rtol=0, atol=2e-6)
    np.testing.assert_allclose(made["proj:geometry"]["coordinates"], real["proj:geometry"]["coordinates"], atol=2e-6)
    assert {key: made[key] for key in ("modis:tile-id", "proj:wkt2", "proj:epsg", "proj:shape")} == {
        key: real[key] for key in ("modis:tile-id", "proj:wkt2", "proj:epsg", "proj:shape")
    }


def test_places_on_either_side_of_the_edge_lie_in_h23_and_h24():
    edge = np.degrees(6 * TILE / (modis_grid.RADIUS * np.cos(np.radians(36.41))))
    assert edge == pytest.approx(74.55, abs=0.01)
    row, column = modis_grid.locate(np.array([edge - 1e-5, edge + 1e-5]), np.array([36.41, 36.41]))
    assert (column // SIZE).tolist() == [23, 24] and (row // SIZE).tolist() == [5, 5]
    assert (column % SIZE).tolist() == [SIZE - 1, 0]


def test_locate_and_centre_are_inverse_and_agree_with_proj():
    from pyproj import Transformer

    rows, columns = np.array([6500, 100, 20_000]), np.array([28_700, 21_600, 21_500])
    lon, lat = modis_grid.centre(rows, columns)
    back = modis_grid.locate(lon, lat)
    np.testing.assert_array_equal(back, [rows, columns])
    x, y = Transformer.from_crs("EPSG:4326", modis_grid.WKT, always_xy=True).transform(lon, lat)
    np.testing.assert_allclose(modis_grid.project(lon, lat), [x, y], atol=1e-3)


def test_samples_fall_into_the_pixels_they_are_in():
    world = make_world(make_scenario())
    where = modis_grid.samples(world)
    counts = np.bincount(where.pixel)
    assert counts.max() <= 25 and np.median(counts[counts > 8]) == pytest.approx((PIXEL / 240) ** 2, abs=2)
    assert where.pixel.max() + 1 == len(where.row) == sum(len(where.within(tile)[0]) for tile in where.tiles())


def test_temperature_is_the_mean_of_the_samples_by_the_heat_model(year):
    _, where, scenario, world = year
    some = days("2020-07-01", "2020-07-03")
    made, frozen = modis_surface.surface(world, scenario, where).temperatures(some, np.full((1, 3), 10.5))
    pixel = int(np.bincount(where.pixel).argmax())
    at = where.pixel == pixel
    elevation = world.elevation[where.y[at], where.x[at]].astype(float)
    day = 1
    place = (some[day] - world.weather.dates[0]).days
    air = world.weather.temperature[place] - 6.5 * (elevation - scenario.weather.reference_elevation) / 1000
    lookup = modis_surface.snow_.Lookup.of(world.snow.elevations, world.snow.exposures, elevation, np.zeros_like(elevation))
    snow = modis_surface.snow_.cover(lookup(world.snow.swe[place]), 1.0, scenario.snow.full_cover)
    ice = world.ice[where.y[at], where.x[at]]
    share = snow + (1 - snow) * ice
    kelvin = heat.surface_temperature(air, np.zeros_like(air), share, 10.5, some[day].day_of_year, scenario.area.lat, scenario.temperature)
    assert made[0, day, pixel] == pytest.approx(kelvin.mean(), abs=2e-3)
    assert frozen[day, pixel] == pytest.approx(share.mean(), abs=1e-4)


def test_decoded_temperature_is_within_half_a_quantum_without_noise_and_clouds():
    scenario = make_scenario(temperature={**ONE_YEAR, "noise": 0.0})
    world = clear_sky(make_world(scenario))
    where = modis_grid.samples(world)
    made = next(modis.years(world, scenario, 6, where))
    seen = made.seen["terra", False]
    true, _ = modis_surface.surface(world, scenario, where).temperatures(made.days, seen.view.hour[None])
    there = seen.number > 0
    assert there.mean() > 0.9
    assert np.abs(seen.number * 0.02 - true[0])[there].max() <= 0.01 + 1e-4
    assert (seen.quality[there] == 0).all()
    assert (seen.quality[~there] == modis_view.NOT_PRODUCED).all()


def test_melting_ice_stays_at_melting_point():
    scenario = make_scenario(temperature={**ONE_YEAR, "noise": 0.0})
    world = clear_sky(make_world(scenario))
    world.ice[:] = True
    where = modis_grid.samples(world)
    made = next(modis.years(world, scenario, 6, where))
    seen = made.seen["aqua", False]
    july = made.days.month == 7
    assert (seen.number[july][seen.number[july] > 0] * 0.02).max() <= 273.15 + 0.01
    assert (made.frozen == 1).all()


def test_clouds_hide_the_surface_as_often_as_the_weather_says(year):
    made, _, _, world = year
    begin = (made.days[0] - world.weather.dates[0]).days
    cover = world.weather.cloudiness[begin : begin + len(made.days)].mean()
    for seen in made.seen.values():
        hidden = (seen.quality & 3) == modis_view.CLOUD
        assert abs(hidden.mean() - cover) < 0.06
        assert ((seen.number == 0) == ((seen.quality & 3) >= 2)).all()
    day, night = (made.seen["terra", dark].number == 0 for dark in (False, True))
    both = np.corrcoef(day.ravel(), night.ravel())[0, 1]
    assert 0.3 < both < 0.98


def test_noise_grows_with_the_view_angle_and_the_quality_bits_say_so(year):
    made, where, scenario, world = year
    seen = made.seen["terra", False]
    true, _ = modis_surface.surface(world, scenario, where).temperatures(made.days, seen.view.hour[None])
    error = np.where(seen.number > 0, seen.number * 0.02 - true[0], np.nan)
    calm = seen.error < modis_view.EDGE_COOLING  # away from the edges of clouds
    nadir, oblique = np.abs(seen.view.angle) < 15, np.abs(seen.view.angle) > 55
    for days_, factor in ((nadir, 1.0), (oblique, 1.85)):
        assert np.nanstd(np.where(calm, error, np.nan)[days_]) == pytest.approx(0.8 * factor, rel=0.12)
    edges = error[(seen.number > 0) & ~calm]
    assert np.nanmean(edges) == pytest.approx(-modis_view.EDGE_COOLING, abs=0.5)
    group = seen.quality >> 6
    there = seen.number > 0
    assert ((group == 0) == (seen.error <= 1))[there].all() and ((group == 3) == (seen.error > 3))[there].all()
    assert ((seen.quality & 3) == (group > 0))[there].all()


def test_quality_bits():
    assert modis_view.quality_bits(np.array([0.5, 1.0, 1.5, 2.5, 9.0])).tolist() == [0, 0, 65, 129, 193]


def test_the_composite_is_the_mean_of_its_clear_days(year):
    made, *_ = year
    part = np.arange(160, 168)
    assert (made.days[160].day_of_year - 1) % 8 == 0
    rasters = modis.composite(made, made.seen["terra", False], made.seen["terra", True], part)
    numbers = made.seen["terra", False].number[part]
    for pixel in range(numbers.shape[1]):
        clear = numbers[:, pixel] > 0
        assert rasters["Clear_sky_days"][pixel] == sum(1 << day for day in np.flatnonzero(clear))
        if clear.any():
            assert abs(int(rasters["LST_Day_1km"][pixel]) - numbers[clear, pixel].mean()) <= 0.5
            hour = made.seen["terra", False].view.hour[part][clear].mean()
            assert rasters["Day_view_time"][pixel] == pytest.approx(hour * 10, abs=0.51)
        else:
            assert rasters["LST_Day_1km"][pixel] == 0 and rasters["Day_view_time"][pixel] == 255
            assert rasters["QC_Day"][pixel] in (2, 3)


def test_views_repeat_after_16_days_within_an_hour_of_the_crossing():
    spec = make_scenario().temperature
    look = modis_view.view("terra", False, days("2019-01-01", "2019-03-31"), 36.4, spec, 1)
    np.testing.assert_allclose(look.hour[:-16], look.hour[16:], atol=1e-9)
    assert abs(look.hour - 10.5).max() < 0.83 and np.ptp(look.hour) > 1.4
    assert abs(look.hour.mean() - 10.5) < 0.1
    assert np.abs(look.angle).max() < 66 and np.ptp(look.angle) > 100
    np.testing.assert_allclose(np.sign(look.angle), np.sign(look.hour - 10.5))


def test_view_angle_is_that_of_a_satellite_at_705_km():
    assert modis_view.zenith(np.array([0.0]))[0] == 0
    edge = modis_view.zenith(np.array([1165 / 6371]))[0]  # half a swath of 2330 km is scanned at 55°
    assert edge == pytest.approx(65.5, abs=1)


def test_terra_drifts_and_aqua_does_not():
    spec = make_scenario(temperature={"drift_from": "2020-01-01", "drift_hours_a_year": 0.4}).temperature
    late = days("2022-01-01", "2022-12-31")
    terra, aqua = (modis_view.view(platform, False, late, 36.4, spec, 1) for platform in ("terra", "aqua"))
    assert terra.hour.mean() == pytest.approx(10.5 - 0.4 * 2.5, abs=0.05)
    assert aqua.hour.mean() == pytest.approx(13.5, abs=0.05)
    night = modis_view.view("aqua", True, late, 36.4, spec, 1)
    unwrapped = modis._unwrapped(night)
    assert unwrapped.mean() == pytest.approx(1.5, abs=0.05) and np.ptp(unwrapped) < 1.8


def test_the_drift_cools_the_morning_view():
    scenario = make_scenario(temperature={**ONE_YEAR, "noise": 0.0, "drift_from": "2018-01-01", "drift_hours_a_year": 0.5})
    world = clear_sky(make_world(scenario, bare=True))
    where = modis_grid.samples(world)
    ground = modis_surface.surface(world, scenario, where)
    july = days("2020-07-01", "2020-07-31")
    drifted = modis_view.view("terra", False, july, 36.4, scenario.temperature, 1)
    nominal = dataclasses.replace(drifted, hour=drifted.hour + 1.25)
    cold, warm = (ground.temperatures(july, look.hour[None])[0].mean() for look in (drifted, nominal))
    assert warm - cold > 1.5


def test_emissivity_time_and_angle_are_encoded_as_the_guide_says():
    assert modis.encode_emissivity(np.array([0.0, 1.0])) * 0.002 + 0.49 == pytest.approx([0.968, 0.988], abs=0.001)
    assert modis.encode_time(10.52) == 105 and modis.encode_angle(-12.3) == 53
    assert modis_view.encode(np.array([273.16, 100.0])).tolist() == [13658, 7500]


def test_the_archive_holds_every_period_and_tile(archive):
    folder, names, _, _ = archive
    daily = [name for name in names if "11A1" in name]
    eight = [name for name in names if "11A2" in name]
    assert daily == [f"MOD11A1.A2020{day}.{tile}.061" for day in (153, 154) for tile in ("h23v05", "h24v05")]
    starts = sorted({name.split(".")[1] for name in eight})
    assert starts == ["A2020145", "A2020153", "A2020161", "A2020169", "A2020177"]
    assert all((folder / modis_items.collection(name[:7]) / name / f"{name}.json").is_file() for name in names)


def test_items_are_as_the_real_ones(archive, real_data):
    folder, names, _, _ = archive
    for kind, real_name in (("11A1", "MOD11A1.A2022041.h19v02.061"), ("11A2", "MOD11A2.A2022033.h19v10.061")):
        real = json.loads((real_data("stac_items") / "planetary_computer_style" / f"{real_name}.json").read_text(encoding="utf-8"))
        name = next(name for name in names if kind in name)
        made = json.loads((folder / f"modis-{kind}-061" / name / f"{name}.json").read_text(encoding="utf-8"))
        assert set(made["properties"]) == set(real["properties"])
        assert made["properties"]["datetime"] is None and made["properties"]["platform"] == real["properties"]["platform"]
        assert made["stac_extensions"] == real["stac_extensions"] and made["collection"] == real["collection"]
        for key, asset in made["assets"].items():
            assert asset["raster:bands"] == real["assets"][key]["raster:bands"], key
            assert asset["href"].startswith(f"./{name}.") and asset["href"].endswith(f"_{key}.tif")


def test_pystac_reads_and_validates_the_core(archive):
    folder, names, _, _ = archive
    for name in names[:3]:
        item = pystac.Item.from_file(str(folder / modis_items.collection(name[:7]) / name / f"{name}.json"))
        item.stac_extensions = []  # pystac brings only the core schemas along
        item.validate()
        assert all((folder / item.collection_id / name / asset.href).is_file() for asset in item.assets.values())


def test_files_are_whole_tiles_with_fill_outside_the_simulated_area(archive):
    folder, names, world, _ = archive
    where = modis_grid.samples(world)
    for name in names[:2]:
        tile = Tile(int(name.split(".")[2][1:3]), int(name.split(".")[2][4:6]))
        inside, row, column = where.within(tile)
        temperature, file = values_of(folder, "modis-11A1-061", name, "LST_Day_1km")
        assert temperature.shape == (1200, 1200) and temperature.dtype == np.uint16
        assert (temperature > 0).sum() == len(inside) and (temperature[row, column] > 0).all()
        np.testing.assert_allclose(file.transform[:6], tile.geobox().affine[:6], atol=1e-5)
        hours, _ = values_of(folder, "modis-11A1-061", name, "Day_view_time")
        assert (hours[row, column] < 255).all() and (hours == 255).sum() == 1200**2 - len(inside)
        quality, _ = values_of(folder, "modis-11A1-061", name, "QC_Day")
        assert quality.sum() == quality[row, column].sum()  # an empty array shows quality 0: the trap of the real tiles


def test_a_second_run_leaves_the_items_alone(archive):
    folder, names, world, scenario = archive
    path = folder / "modis-11A1-061" / names[0] / f"{names[0]}.json"
    before = path.stat().st_mtime_ns
    assert modis.write(world, folder, scenario, 6) == names
    assert path.stat().st_mtime_ns == before


def test_truth_is_the_monthly_mean_of_all_days(year):
    _, where, scenario, world = year
    made = modis.truth(world, scenario)
    assert made.sizes["pixel"] == len(where.row) and str(made["month"].values[0])[:10] == "2020-01-01"
    whole, _ = modis_surface.surface(world, scenario, where).temperatures(days("2020-03-01", "2020-03-31"), np.full((1, 31), 10.5))
    np.testing.assert_allclose(made["lst_day"].sel(month="2020-03-01").values, whole[0].mean(axis=0), atol=1e-3)
    assert made.attrs["trend_K_per_decade"] == scenario.weather.trend


def test_the_same_days_whenever_the_record_begins(year):
    made, where, scenario, world = year
    later = make_scenario(temperature={**ONE_YEAR, "start": "2020-03-01"})
    again = next(modis.years(world, later, 6, where))
    np.testing.assert_array_equal(again.seen["aqua", True].number, made.seen["aqua", True].number[60:])
    other = next(modis.years(world, scenario, 7, where))
    assert not np.array_equal(other.seen["aqua", True].number, made.seen["aqua", True].number)


def test_weather_that_is_too_short_is_one_clear_line(year):
    _, where, scenario, world = year
    with pytest.raises(InputError, match="needs weather from 2017-01-01"):
        modis_surface.surface(world, scenario, where).temperatures(days("2017-01-01", "2017-01-02"), np.full((1, 2), 10.5))


def test_sparse_files_are_what_gdal_would_read(tmp_path):
    rng = generator(1, "window")
    for dtype, fill in (("uint16", 0), ("uint8", 255)):
        canvas = sparse.Canvas(Tile(23, 5).geobox(), np.dtype(dtype), fill)
        window = rng.integers(1, 200, (25, 61)).astype(dtype)
        (tmp_path / "file.tif").write_bytes(canvas.encode(window, 243, 1139))
        expected = np.full((1200, 1200), fill, dtype)
        expected[243:268, 1139:1200] = window
        with rasterio.open(tmp_path / "file.tif") as file:
            np.testing.assert_array_equal(file.read(1), expected)
            assert file.overviews(1) == [2, 4] and file.block_shapes == [(128, 128)] and file.nodata is None
            assert file.crs == rasterio.crs.CRS.from_wkt(modis_grid.WKT)
        for level, factor in enumerate((2, 4)):
            with rasterio.open(tmp_path / "file.tif", overview_level=level) as file:
                np.testing.assert_array_equal(file.read(1), expected[::factor, ::factor])
        assert (tmp_path / "file.tif").stat().st_size < 20_000
    with pytest.raises(ValueError, match="on a canvas of"):
        canvas.encode(window, 1190, 0)


def test_clouds_are_coherent_in_space_and_independent_in_time():
    world = make_world(make_scenario())
    where = modis_grid.samples(world)
    field = modis_view.sky(generator(2, "sky"), 2000, where)
    assert abs(field.std() - 1) < 0.05
    neighbours = np.corrcoef(field[:, 0], field[:, 1])[0, 1]
    assert neighbours == pytest.approx(8 / 9, abs=0.03)
    assert abs(np.corrcoef(field[:-1, 0], field[1:, 0])[0, 1]) < 0.07
