"""Sentinel-2 scenes: numbers with and without the offset, and the item says what a real one says."""

from __future__ import annotations

import json
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
from glaciercast.simulate.products import orbit, quality, sentinel2, sentinel2_format, stac
from glaciercast.simulate.products.sentinel2_format import BANDS, Processing
from glaciercast.simulate.scenario import OpticalSpec
from glaciercast.simulate.seeds import generator

REAL = "stac_items/planetary_computer_style/S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531.json"
OLD = made.overpass("Sentinel-2A", "2019-06-29T05:26:51.024")
NEW = made.overpass("Sentinel-2B", "2022-06-29T05:26:51.024")


def spec(reprocessed: float) -> OpticalSpec:
    return OpticalSpec(sensors=(), reprocessed=reprocessed)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    specs = made.specs().model_copy(update={"optical": spec(1)})
    for visit, count in ((OLD, 2), (NEW, 1)):
        assert len(sentinel2.write(made.scene(visit, 96), folder, specs, made.SEED)) == count
    return folder


def items(archive: Path) -> list[tuple[dict[str, Any], Path]]:
    files = sorted((archive / sentinel2.COLLECTION).glob("*/*.json"))
    return [(json.loads(file.read_text()), file.parent) for file in files]


def test_names() -> None:
    visit = made.overpass("Sentinel-2A", "2019-06-29T05:26:51")
    processing = Processing(pd.Timestamp("2020-10-06T08:05:31"), "02.12")
    assert sentinel2_format.item_id(visit, processing) == "S2A_MSIL2A_20190629T052651_R105_T43SFR_20201006T080531"
    real = made.overpass("Sentinel-2B", "2019-06-29T21:25:29.024", path=43, tile="06VVN")
    assert sentinel2_format.names(real, processing) == {
        "s2:granule_id": "S2B_OPER_MSI_L2A_TL_ESRI_20201006T080533_A012081_T06VVN_N02.12",
        "s2:datatake_id": "GS2B_20190629T212529_012081_N02.12",
        "s2:product_uri": "S2B_MSIL2A_20190629T212529_N0212_R043_T06VVN_20201006T080531.SAFE",
        "s2:datastrip_id": "S2B_OPER_MSI_L2A_DS_ESRI_20201006T080533_S20190629T212530_N02.12",
    }
    with pytest.raises(GlaciercastError, match="landsat-8"):
        orbit.absolute_orbit(made.overpass())


@pytest.mark.parametrize(
    ("day", "wanted"),
    [
        ("2015-12-01", "02.04"),
        ("2019-06-29", "02.12"),
        ("2022-01-24T23:59", "03.01"),
        ("2022-01-25", "04.00"),
        ("2022-12-05", "04.00"),
        ("2022-12-06", "05.09"),
        ("2024-01-01", "05.09"),
    ],
)
def test_the_baseline_is_that_of_the_day_of_processing(day: str, wanted: str) -> None:
    assert sentinel2_format.baseline(pd.Timestamp(day)) == wanted
    assert Processing(pd.Timestamp(day), wanted).offset == (1000 if wanted >= "04.00" else 0)


def test_reprocessing_has_its_share_and_is_later() -> None:
    visits = [made.overpass("Sentinel-2A", f"{day:%Y-%m-%dT05:26:51}") for day in pd.date_range("2017-01-01", "2021-12-31", freq="2D")]
    twice = [sentinel2.processings(visit, spec(0.15), 1) for visit in visits]
    assert np.mean([len(found) == 2 for found in twice]) == pytest.approx(0.15, abs=3 * np.sqrt(0.15 * 0.85 / len(visits)))
    for visit, found in zip(visits, twice, strict=True):
        assert pd.Timedelta(0) < found[0].time - visit.time < pd.Timedelta(days=1) and found[0].baseline < "04.00"
        assert len(found) == 1 or (found[1].baseline == "05.00" and found[1].time > pd.Timestamp("2022-10-01"))
    assert len(sentinel2.processings(NEW, spec(1), 1)) == 1  # with the offset from the first


def test_every_band_decodes_to_the_truth(archive: Path) -> None:
    offsets = {}
    for item, folder in items(archive):
        baseline = item["properties"]["s2:processing_baseline"]
        offsets[baseline] = offset = 1000 if baseline >= "04.00" else 0
        scene = made.scene(OLD if "S2A" in item["id"] else NEW, 96)
        for band in BANDS:
            truth, grid = scene.bands[band.source], scene.fine if band.gsd == 10 else scene.grid
            with rasterio.open(folder / item["assets"][band.name]["href"]) as file:
                numbers = file.read(1).astype(float)
                assert file.nodata == 0 and file.dtypes == ("uint16",) and file.transform == grid.affine
            assert np.array_equal(numbers == 0, np.isnan(truth))
            seen = ~np.isnan(truth)
            wanted = np.maximum(truth[seen], (1 - offset) / 10_000)  # darker than the least number
            assert np.abs((numbers[seen] - offset) / 10_000 - wanted).max() <= 0.51e-4
    assert offsets == {"02.12": 0, "05.00": 1000, "04.00": 1000}


def test_both_processings_show_the_same_scene(archive: Path) -> None:
    (old, old_folder), (new, new_folder) = items(archive)[:2]
    same = {"datetime", "s2:mgrs_tile", "eo:cloud_cover", "s2:mean_solar_zenith", "sat:relative_orbit"}
    assert {key: old["properties"][key] for key in same} == {key: new["properties"][key] for key in same}
    assert old["properties"]["s2:generation_time"] < new["properties"]["s2:generation_time"]
    with rasterio.open(old_folder / old["assets"]["SCL"]["href"]) as a, rasterio.open(new_folder / new["assets"]["SCL"]["href"]) as b:
        assert np.array_equal(a.read(1), b.read(1))


def test_shares_follow_from_the_classification(archive: Path) -> None:
    item, folder = items(archive)[0]
    facts, scene = item["properties"], made.scene(OLD, 96)
    with rasterio.open(folder / item["assets"]["SCL"]["href"]) as file:
        classes = file.read(1)
        assert file.nodata == 0 and file.overviews(1) == []
    wanted = quality.scl(scene, spec(1), generator(made.SEED, "quality", OLD.key, OLD.tile))
    assert np.array_equal(classes, wanted)
    seen = classes[classes > 0]
    assert facts["s2:snow_ice_percentage"] == pytest.approx(100 * np.mean(seen == 11), abs=1e-6)
    assert facts["eo:cloud_cover"] == pytest.approx(100 * np.mean(np.isin(seen, (8, 9, 10))), abs=2e-6)
    assert facts["s2:nodata_pixel_percentage"] == pytest.approx(100 * np.mean(~scene.valid), abs=1e-6)
    shares = [value for key, value in facts.items() if key.endswith("_percentage") and "nodata" not in key and "degraded" not in key]
    assert sum(shares) == pytest.approx(100, abs=1e-5)
    assert sentinel2.percentages(np.zeros((4, 4), np.uint8))["s2:nodata_pixel_percentage"] == 100.0
    assert facts["s2:mean_solar_zenith"] == 90 - 31.25
    assert facts["s2:reflectance_conversion_factor"] == pytest.approx(0.96774716690855, abs=2e-4)  # of a real item of that day


def test_the_item_is_like_a_real_one(archive: Path, real_data: Callable[[str], Path]) -> None:
    real = json.loads(real_data(REAL).read_text())
    for ours, folder in items(archive):
        assert set(ours) == set(real) and ours["stac_extensions"] == real["stac_extensions"] and ours["id"] == folder.name
        assert set(ours["properties"]) == set(real["properties"])
        for key, value in ours["properties"].items():
            assert type(value) is type(real["properties"][key]), key
        for key in ("instruments", "constellation", "s2:product_type", "sat:orbit_state"):
            assert ours["properties"][key] == real["properties"][key]
        place = {"href", "proj:bbox", "proj:shape", "proj:transform"}
        for key, asset in ours["assets"].items():
            wanted = real["assets"][key]
            assert list(asset) == list(wanted)
            assert {k: v for k, v in asset.items() if k not in place | {"eo:bands"}} == {
                k: v for k, v in wanted.items() if k not in place | {"eo:bands"}
            }
            assert asset.get("eo:bands") == wanted.get("eo:bands")
            assert asset["proj:transform"][0] == wanted["proj:transform"][0]
            assert asset["href"].split("_", 2)[2] == wanted["href"].rsplit("/", 1)[1].split("_", 2)[2]


def test_pystac_and_odc_read_the_archive(archive: Path) -> None:
    stac.write_catalog(archive, "Tiny")
    found = list(pystac.Catalog.from_file(archive / "catalog.json").get_items(recursive=True))
    assert [item.id[:3] for item in found] == ["S2A", "S2A", "S2B"]
    for item in found:
        core = item.clone()
        core.stac_extensions = []  # pystac brings only the core schemas along
        core.validate()
        item.make_asset_hrefs_absolute()
    scene = made.scene(OLD, 96)
    data = odc.stac.load([found[0]], bands=["B03", "B11", "SCL"], nodata=0)
    assert data.odc.geobox == scene.fine
    green = data["B03"].values[0]
    seen = ~np.isnan(scene.bands["green"])
    assert np.abs(green[seen] / 10_000 - scene.bands["green"][seen]).max() <= 0.51e-4 and not green[~seen].any()


def test_a_scene_that_is_there_is_not_written_again(archive: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in archive.rglob("*.tif")}
    specs = made.specs().model_copy(update={"optical": spec(1)})
    ids = sentinel2.write(made.scene(OLD, 96), archive, specs, made.SEED)
    assert ids == sentinel2.item_ids(OLD, spec(1), made.SEED)
    assert before == {path: path.stat().st_mtime_ns for path in archive.rglob("*.tif")}
