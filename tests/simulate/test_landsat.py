"""Landsat scenes: every number means what the truth was, and the item says what a real one says."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pandas as pd
import pystac
import pytest
import rasterio
from tests.simulate import made

from glaciercast.errors import GlaciercastError
from glaciercast.simulate.products import landsat, orbit, quality, stac
from glaciercast.simulate.products.landsat_format import SENSORS
from glaciercast.simulate.scene import Scene
from glaciercast.simulate.seeds import generator

REAL = "stac_items/planetary_computer_style"
PLATFORMS = ("landsat-7", "landsat-8", "landsat-9")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    for platform in PLATFORMS:
        landsat.write(made.scene(made.overpass(platform)), folder, made.specs(), made.SEED)
    return folder


def load(archive: Path, platform: str) -> tuple[Scene, dict[str, Any], Path]:
    visit = made.overpass(platform)
    folder = archive / landsat.COLLECTION / landsat.item_id(visit)
    return made.scene(visit), json.loads((folder / f"{folder.name}.json").read_text()), folder


def test_names() -> None:
    visit = made.overpass()
    assert landsat.item_id(visit) == "LC08_L2SP_147038_20201204_02_T1"
    assert landsat.item_id(dataclasses.replace(visit, row=39)) == "LC08_L2SP_147039_20201204_02_T1"
    assert landsat.item_id(made.overpass("landsat-7")) == "LE07_L2SP_147038_20201204_02_T1"
    assert landsat.item_id(made.overpass("landsat-9", path=9)) == "LC09_L2SP_009038_20201204_02_T1"
    assert landsat.product_id(visit) == "LC08_L2SP_147038_20201204_20201220_02_T1"
    assert landsat.product_id(made.overpass(when="2015-07-10T05:00:00")) == "LC08_L2SP_147038_20150710_20200908_02_T1"
    assert landsat.scene_id(visit) == "LC81470382020339LGN00"
    assert landsat.scene_id(made.overpass("landsat-7", "2010-01-09T16:13:46", path=21, row=30)) == "LE70210302010009EDC00"  # a real one


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_band_decodes_to_the_truth(archive: Path, platform: str) -> None:
    scene, item, folder = load(archive, platform)
    sensor = SENSORS[platform]
    assert ("coastal" in item["assets"]) == (platform != "landsat-7")
    truths = {band.key: scene.bands[band.source] for band in sensor.bands}
    truths["lwir" if platform == "landsat-7" else "lwir11"] = scene.temperature
    for key, truth in truths.items():
        packing = item["assets"][key]["raster:bands"][0]
        with rasterio.open(folder / item["assets"][key]["href"]) as file:
            numbers = file.read(1)
            assert file.nodata == 0 and file.crs.to_epsg() == 32643 and file.transform == scene.grid.affine
            assert file.dtypes == ("uint16",) and file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert np.array_equal(numbers == 0, ~scene.valid)
        decoded = numbers[scene.valid] * packing["scale"] + packing["offset"]
        assert np.abs(decoded - truth[scene.valid]).max() <= 0.51 * packing["scale"]
    assert (scene.bands["swir16"][scene.valid] < 0).any()  # negative reflectance survives


def test_quality_bits_and_what_follows_from_them(archive: Path) -> None:
    scene, item, folder = load(archive, "landsat-8")
    with rasterio.open(folder / item["assets"]["qa_pixel"]["href"]) as file:
        bits = file.read(1)
        assert file.nodata == 1
    visit = scene.overpass
    wanted = quality.qa_pixel(scene, made.specs().optical, generator(made.SEED, "quality", visit.key, visit.row))
    assert np.array_equal(bits, wanted)
    flagged = (bits & 8) > 0
    land = scene.valid & (scene.cover != 6)
    assert item["properties"]["eo:cloud_cover"] == round(100 * flagged[scene.valid].mean(), 2)
    assert item["properties"]["landsat:cloud_cover_land"] == round(100 * flagged[land].mean(), 2)
    with rasterio.open(folder / item["assets"]["qa_radsat"]["href"]) as file:
        assert file.nodata is None and not file.read(1).any()


def test_uncertainty_falls_away_from_cloud(archive: Path) -> None:
    scene, item, folder = load(archive, "landsat-8")
    with rasterio.open(folder / item["assets"]["qa"]["href"]) as file:
        numbers = file.read(1)
        assert file.nodata == -9999 and file.dtypes == ("int16",)
    assert np.array_equal(numbers == -9999, ~scene.valid)
    bits = np.full(scene.cover.shape, 21824, np.uint16)
    assert np.all(landsat.uncertainty(scene, bits)[scene.valid] == 1.5)
    bits[100, 100] = 22280
    one = landsat.uncertainty(scene, bits)
    assert one[100, 100] == pytest.approx(6.0)
    assert one[100, 120] == pytest.approx(1.5 + 4.5 * np.exp(-20 * 30 / 2000), abs=1e-5)
    covered = (quality.qa_pixel(scene, made.specs().optical, generator(made.SEED, "quality", scene.overpass.key, 38)) & 8) > 0
    assert np.all(numbers[covered] == 600) and 150 < numbers[scene.valid].min() < 600


def test_metadata_file(archive: Path, real_data: Callable[[str], Path]) -> None:
    _, item, folder = load(archive, "landsat-8")
    ours = json.loads((folder / item["assets"]["mtl.json"]["href"]).read_text())["LANDSAT_METADATA_FILE"]
    image = ours["IMAGE_ATTRIBUTES"]
    assert image["DATE_ACQUIRED"] == "2020-12-04" and image["SCENE_CENTER_TIME"] == "05:26:51.1944860Z"
    assert float(image["SUN_ELEVATION"]) == 31.25 and float(image["SUN_AZIMUTH"]) == 158.5 and image["WRS_PATH"] == "147"
    assert float(image["CLOUD_COVER"]) == item["properties"]["eo:cloud_cover"]
    assert float(image["GEOMETRIC_RMSE_MODEL"]) <= 12
    corner = ours["PROJECTION_ATTRIBUTES"]
    assert corner["CORNER_UL_PROJECTION_X_PRODUCT"] == f"{made.LEFT + 15:.3f}" and corner["UTM_ZONE"] == "43"
    for name in ours["PRODUCT_CONTENTS"]:
        assert not name.startswith("FILE_NAME") or (folder / ours["PRODUCT_CONTENTS"][name]).is_file()
    real = json.loads(next(real_data("landsat_c2l2/greenland").glob("*_MTL.json")).read_text())["LANDSAT_METADATA_FILE"]
    seen = pd.Timestamp(real["IMAGE_ATTRIBUTES"]["DATE_ACQUIRED"])
    assert orbit.earth_sun_distance(seen) == pytest.approx(float(real["IMAGE_ATTRIBUTES"]["EARTH_SUN_DISTANCE"]), abs=1e-4)
    for group, fields in ours.items():
        unknown = {name for name in fields if name not in real[group] and not name.startswith("GEOMETRIC_RMSE")}  # which Tier 2 lacks
        assert not unknown and all(isinstance(value, str) for value in fields.values())
    same = ("REFLECTANCE_MULT_BAND_1", "REFLECTANCE_ADD_BAND_7")
    assert [ours["LEVEL2_SURFACE_REFLECTANCE_PARAMETERS"][key] for key in same] == ["2.75e-05", "-0.2"]
    assert ours["LEVEL2_SURFACE_TEMPERATURE_PARAMETERS"].items() <= real["LEVEL2_SURFACE_TEMPERATURE_PARAMETERS"].items()


@pytest.mark.parametrize(
    ("platform", "example"),
    [
        ("landsat-7", "LE07_L2SP_021030_20100109_02_T1"),
        ("landsat-8", "LC08_L2SP_047027_20201204_02_T1"),
        ("landsat-9", "LC09_L2SP_010065_20220129_02_T1"),
    ],
)
def test_the_item_is_like_a_real_one(archive: Path, real_data: Callable[[str], Path], platform: str, example: str) -> None:
    _, ours, _ = load(archive, platform)
    real = json.loads(real_data(f"{REAL}/{example}.json").read_text())
    assert list(ours) == list(real) and ours["stac_extensions"] == real["stac_extensions"]
    assert list(ours["properties"]) == list(real["properties"])
    for key, value in ours["properties"].items():
        assert type(value) is type(real["properties"][key]), key
    for key in ("platform", "instruments", "gsd", "description", "sci:doi", "landsat:wrs_type", "landsat:correction", "view:off_nadir"):
        assert ours["properties"][key] == real["properties"][key]
    for key, asset in ours["assets"].items():
        wanted = real["assets"][key]
        assert {k: v for k, v in asset.items() if k != "href"} == {k: v for k, v in wanted.items() if k != "href"}, key
        tail = wanted["href"].rsplit("_T1_", 1)[1]
        assert re.fullmatch(rf"L[CE]0\d_L2SP_147038_20201204_20201220_02_T1_{re.escape(tail)}", asset["href"])
    assert ours["links"][0] in real["links"]


def test_pystac_and_odc_read_the_archive(archive: Path) -> None:
    stac.write_catalog(archive, "Tiny")
    collection = next(iter(pystac.Catalog.from_file(archive / "catalog.json").get_children()))
    items = {item.properties["platform"]: item for item in collection.get_items()}
    assert list(collection.summaries.lists["platform"]) == list(PLATFORMS) and set(items) == set(PLATFORMS)
    item = items["landsat-8"]
    core = item.clone()
    core.stac_extensions = []  # pystac brings only the core schemas along
    core.validate()
    item.make_asset_hrefs_absolute()
    scene = made.scene(made.overpass())
    data = odc.stac.load([item], bands=["green", "qa_pixel"], groupby="solar_day")
    assert data.odc.geobox == scene.grid and data["green"].nodata == 0 and data["qa_pixel"].nodata == 1
    values = data["green"].values[0]
    assert np.abs(values[scene.valid] * 2.75e-5 - 0.2 - scene.bands["green"][scene.valid]).max() <= 0.51 * 2.75e-5
    assert np.array_equal(values == 0, ~scene.valid) and np.array_equal(data["qa_pixel"].values[0] == 1, ~scene.valid)


def test_same_seed_same_files_and_no_second_writing(archive: Path, tmp_path: Path) -> None:
    scene, _, folder = load(archive, "landsat-8")
    landsat.write(scene, tmp_path, made.specs(), made.SEED)
    again = tmp_path / landsat.COLLECTION / folder.name
    assert sorted(path.name for path in again.iterdir()) == sorted(path.name for path in folder.iterdir())
    assert all(path.read_bytes() == (folder / path.name).read_bytes() for path in again.iterdir())
    with pytest.raises(GlaciercastError, match="there already"):
        landsat.write(scene, tmp_path, made.specs(), made.SEED)


def test_a_scene_without_temperature_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GlaciercastError, match="temperature"):
        landsat.write(dataclasses.replace(made.scene(made.overpass()), temperature=None), tmp_path, made.specs(), 1)
    assert not list(tmp_path.rglob("*.TIF"))


def test_an_empty_scene_has_no_cloud_cover() -> None:
    scene = made.scene(made.overpass())
    empty = dataclasses.replace(scene, valid=np.zeros_like(scene.valid))
    assert landsat.cloud_covers(empty, np.ones(scene.valid.shape, np.uint16)) == (-1.0, -1.0)
