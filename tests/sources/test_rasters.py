"""A user's own scenes: right values from every layout, one clear line for what cannot be used."""

import numpy as np
import pytest
import xarray as xr
import yaml
from tests.made import write_tiff

from glaciercast import config, grid
from glaciercast.errors import ConfigError, InputError
from glaciercast.sources import rasters, recipe
from glaciercast.sources.recipe import Recipe


def source(path) -> rasters.RasterSource:
    return rasters.RasterSource(recipe.read(path))


def test_a_multi_band_raster_is_scaled_and_dated(scenes):
    scenes.add("20200301", 0.25, nodata=0)
    scenes.add("20200201", 0.5)
    made = source(scenes.save(offset=-0.1))
    assert [str(ref.time)[:10] for ref in made.scenes] == ["2020-02-01", "2020-03-01"]
    scene = made.read(made.scenes[1])
    np.testing.assert_allclose(scene.bands["green"], 0.625 - 0.1, atol=1e-6)
    assert scene.mask_valid.all() and (scene.mask == 1).all()


def test_nodata_becomes_nan_and_never_zero_plus_offset(scenes):
    ndsi = np.full(scenes.shape, 0.5)
    ndsi[0, 0] = -1  # green 0 = nodata
    scenes.add("20200201", ndsi)
    scene = (made := source(scenes.save(offset=-0.1))).read(made.scenes[0])
    assert np.isnan(scene.bands["green"][0, 0]) and np.isfinite(scene.bands["green"][0, 1])


def test_one_file_a_band_with_scales_of_their_own(tmp_path):
    for band, value in (("SR_B3", 20000), ("SR_B6", 10000), ("ST_B10", 40000), ("QA", 0)):
        write_tiff(tmp_path / f"LC08_20200201_02_{band}.TIF", np.full((4, 5), value, "uint16"))
    (tmp_path / "r.yml").write_text(
        yaml.safe_dump({
            "name": "l", "files": "LC08_{date:%Y%m%d}_*_{band}.TIF", "scale": 2.75e-5, "offset": -0.2, "nodata": 0,
            "bands": {"green": "SR_B3", "swir16": "SR_B6", "thermal": {"name": "ST_B10", "scale": 0.00341802, "offset": 149.0}},
            "mask": {"band": "QA", "reject_bits": [0, 3]},
        })
    )  # fmt: skip
    made = source(tmp_path / "r.yml")
    scene = made.read(made.scenes[0])
    assert scene.bands["green"][0, 0] == pytest.approx(0.35) and scene.bands["swir16"][0, 0] == pytest.approx(0.075)
    assert scene.bands["thermal"][0, 0] == pytest.approx(285.7208)


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_netcdf_and_zarr_are_read_alike_whichever_way_y_runs(tmp_path, suffix):
    values = np.arange(2 * 3 * 4, dtype="uint16").reshape(2, 3, 4) + 1
    y, x = np.array([15.0, 45.0, 75.0]), np.array([15.0, 45.0, 75.0, 105.0])
    dataset = xr.Dataset(
        dict.fromkeys(("G", "S", "M"), (("time", "y", "x"), values)),
        coords={"time": np.array(["2020-01-01", "2020-02-01"], "M8[ns]"), "y": y, "x": x},
    )
    path = tmp_path / f"cube.{suffix}"
    dataset.to_netcdf(path, engine="h5netcdf") if suffix == "nc" else dataset.to_zarr(path)
    keys = {
        "name": "c",
        "files": path.name,
        "crs": "EPSG:32643",
        "bands": {"green": "G", "swir16": "S"},
        "mask": {"band": "M", "clear": [1]},
    }
    (tmp_path / "r.yml").write_text(yaml.safe_dump(keys))
    made = source(tmp_path / "r.yml")
    assert made.geobox.resolution.y == -30
    np.testing.assert_array_equal(made.read(made.scenes[1]).bands["green"], values[1, ::-1])


def test_scenes_of_another_zone_are_brought_to_the_grid_that_the_recipe_names(scenes):
    scenes.shape = (40, 40)
    east = np.tile(np.linspace(-0.5, 0.5, 40), (40, 1))
    scenes.add("20200201", east)
    made = source(scenes.save())
    west, south, east_lon, north = made.geobox.geographic_extent.boundingbox.bbox
    inner = [west + 0.003, south + 0.003, east_lon - 0.003, north - 0.003]
    moved = source(scenes.save(grid={"crs": "EPSG:32642", "resolution": 30, "box": inner}))
    scene = moved.read(moved.scenes[0])
    green, swir = scene.bands["green"], scene.bands["swir16"]
    x, y = moved.geobox.pix2wld(*(np.array(moved.geobox.shape.xy) / 2))
    from pyproj import Transformer

    easting, _ = Transformer.from_crs("EPSG:32642", "EPSG:32643", always_xy=True).transform(x, y)
    truth = np.interp(easting, 500000 + 30 * (np.arange(40) + 0.5), np.linspace(-0.5, 0.5, 40))
    row, col = (n // 2 for n in moved.geobox.shape)
    assert (green - swir)[row - 1 : row + 1, col - 1 : col + 1].mean() == pytest.approx(truth, abs=0.015)
    assert set(np.unique(scene.mask[scene.mask_valid])) == {1}


def test_a_missing_file(scenes):
    with pytest.raises(InputError, match=r"scene_\{date:%Y%m%d\}.tif: no such file"):
        source(scenes.save())


def test_a_raster_without_crs(scenes):
    path = scenes.add("20200201", crs=None)
    made = source(scenes.save())
    with pytest.raises(InputError, match=rf"{path.name}: has no CRS; set 'crs' in the recipe"):
        made.read(made.scenes[0])
    assert source(scenes.save(crs="EPSG:32643")).geobox.crs.epsg == 32643


def test_scenes_of_different_shape(scenes):
    scenes.add("20200201")
    scenes.shape = (16, 17)
    scenes.add("20200301")
    made = source(scenes.save())
    with pytest.raises(InputError, match=r"scene_20200301.tif: band 1 has 16×17 pixels .* expected 16×16 .* give 'grid'"):
        made.read(made.scenes[1])


def test_a_truncated_raster_is_named(scenes):
    path = scenes.add("20200201")
    path.write_bytes(path.read_bytes()[:700])
    made = source(scenes.save())
    with pytest.raises(InputError, match=r"scene_20200201.tif: cannot be read"):
        made.read(made.scenes[0])


def test_a_missing_band_is_named(scenes):
    scenes.add("20200201")
    made = source(scenes.save(bands={"green": 1, "swir16": 7}))
    with pytest.raises(InputError, match=r"expected a band 7, found 3 band\(s\)"):
        made.read(made.scenes[0])


def test_a_package_that_is_not_installed(scenes):
    with pytest.raises(InputError, match="the Python package 'nowhere' that carries the data is not installed"):
        source(scenes.save(files="package:nowhere/data/cube.nc"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bandz": {}}, r"unknown key 'bandz' \(did you mean 'bands'\?\)"),
        ({"bands": {"green": 1}}, "missing: swir16"),
        ({"mask": {"band": 3}}, "expected exactly one of 'clear'"),
        ({"grid": {"crs": "EPSG:32643", "resolution": 30, "box": [36, 74, 35, 75]}}, "lon min < lon max"),
    ],
)
def test_a_recipe_that_cannot_work(scenes, changes, message):
    with pytest.raises(ConfigError, match=message):
        recipe.read(scenes.save(**changes))


def test_a_date_that_cannot_be(scenes):
    scenes.add("20201301")
    with pytest.raises(InputError, match=r"scene_20201301.tif: expected a date like %Y%m%d"):
        source(scenes.save())


GREENLAND = {
    "name": "greenland",
    "product": "landsat",
    "files": "LC08_L2SP_005009_{date:%Y%m%d}_20200908_02_T2_{band}.TIF",
    "bands": {"green": "SR_B3", "swir16": "SR_B6", "thermal": {"name": "ST_B10", "scale": 0.00341802, "offset": 149.0}},
    "scale": 2.75e-5,
    "offset": -0.2,
    "nodata": 0,
    "mask": {"band": "QA_PIXEL", "reject_bits": [0, 1, 2, 3, 4], "nodata": 1},
}


def test_a_real_landsat_scene_by_value(real_data):
    """Reflectance, NDSI, quality and temperature of the Greenland scene, as its README measured them."""
    from glaciercast.cube import masks
    from glaciercast.cube.indices import ndsi

    made = rasters.RasterSource(recipe.anchored(config.parse(Recipe, GREENLAND, "test"), real_data("landsat_c2l2/greenland")))
    scene = made.read(made.scenes[0])
    green, swir16 = scene.bands["green"], scene.bands["swir16"]
    assert green[256, 256] == pytest.approx(0.9090, abs=5e-5) and swir16[256, 256] == pytest.approx(0.3463, abs=5e-5)
    index = ndsi(green, swir16)
    assert index[256, 256] == pytest.approx(0.4482, abs=5e-5) and scene.mask[256, 256] == 22280
    assert 1 - scene.mask_valid.mean() == pytest.approx(0.476, abs=5e-4)
    np.testing.assert_allclose(np.nanpercentile(index[scene.mask_valid], [5, 50, 95]), [0.364, 0.620, 0.942], atol=6e-4)
    np.testing.assert_allclose(np.nanpercentile(scene.bands["thermal"], [5, 50, 95]), [256.9, 259.8, 266.3], atol=0.06)
    valid = scene.mask[scene.mask_valid]
    shares = {bit: 1 - masks.clear_by_bits(valid, [bit]).mean() for bit in (3, 4, 5, 6)}
    assert shares == pytest.approx({3: 0.547, 4: 0.050, 5: 0.403, 6: 0.414}, abs=6e-4)
    assert grid.describe(made.geobox) == "512×512 pixels of 515.098×516.855 m in EPSG:32624"


def test_scenes_in_folders_of_their_own_are_told_apart(scenes, tmp_path):
    for number, date in enumerate(("20200101", "20200201", "20200301")):
        scenes.add(date, number / 10).rename((scenes.folder / date).with_suffix(".x"))
        (scenes.folder / date).mkdir()
        (scenes.folder / date).with_suffix(".x").rename(scenes.folder / date / "scene.tif")
    made = source(scenes.save(files="{date:%Y%m%d}/scene.tif"))
    assert [ref.scene_id for ref in made.scenes] == ["20200101_scene", "20200201_scene", "20200301_scene"]
    assert made.read(made.scenes[2]).bands["green"][0, 0] == pytest.approx(0.6)


def test_a_band_that_a_scene_has_twice_is_refused(tmp_path):
    for name in ("S_20200101_G.tif", "S_20200101_G.tiff", "S_20200101_W.tif", "S_20200101_M.tif"):
        write_tiff(tmp_path / name, np.ones((4, 4), "uint16"))
    keys = {
        "name": "t",
        "files": "S_{date:%Y%m%d}_{band}.tif*",
        "bands": {"green": "G", "swir16": "W"},
        "mask": {"band": "M", "clear": [1]},
    }
    (tmp_path / "r.yml").write_text(yaml.safe_dump(keys))
    with pytest.raises(InputError, match=r"S_20200101_G.tiff: scene S_20200101 has band G already in"):
        source(tmp_path / "r.yml")


def test_packing_that_a_file_declares_holds_where_the_recipe_is_silent(tmp_path):
    values = np.array([[[0, 4000], [2000, 1000]]], "uint16")
    packed = {"scale_factor": 0.0001, "add_offset": -0.1, "_FillValue": np.uint16(0)}
    dataset = xr.Dataset(
        {"G": (("time", "y", "x"), values), "S": (("time", "y", "x"), values), "M": (("time", "y", "x"), values)},
        coords={"time": np.array(["2020-01-01"], "M8[ns]"), "y": [45.0, 15.0], "x": [15.0, 45.0]},
    )
    for name in ("G", "S"):
        dataset[name].attrs.update(packed)
    dataset.to_netcdf(tmp_path / "c.nc", engine="h5netcdf")
    keys = {
        "name": "c",
        "files": "c.nc",
        "crs": "EPSG:32643",
        "bands": {"green": "G", "swir16": "S"},
        "mask": {"band": "M", "clear": [4000]},
    }
    for scale, expected in ((None, 0.3), (0.001, 3.9)):
        (tmp_path / "r.yml").write_text(yaml.safe_dump(keys | ({"scale": scale} if scale else {})))
        scene = (made := source(tmp_path / "r.yml")).read(made.scenes[0])
        assert scene.bands["green"][0, 1] == pytest.approx(expected) and np.isnan(scene.bands["green"][0, 0])


def test_degrees_need_a_grid(scenes):
    scenes.add("20200201", crs="EPSG:4326", origin=(77.0, 32.0), pixel=0.0003)
    with pytest.raises(InputError, match="expected a projected CRS, found degrees; give 'grid'"):
        _ = source(scenes.save()).geobox


@pytest.mark.parametrize("latency", ["16", "NaT", "-1D", "abc"])
def test_a_latency_without_a_unit_or_a_sense_is_refused(scenes, latency):
    with pytest.raises(ConfigError, match="latency"):
        recipe.read(scenes.save(latency=latency))


@pytest.mark.parametrize("changes", [{"crs": "EPSG:99999999"}, {"mask": {"band": 3, "reject_bits": [40]}}])
def test_keys_out_of_their_range_are_refused(scenes, changes):
    with pytest.raises(ConfigError):
        recipe.read(scenes.save(**changes))
