"""A whole site from a real STAC API, by value: every number of the cube comes from the archive's files as their guides say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
import zarr
from tests.workflow import building

from glaciercast import store, workflow
from glaciercast.sources import landsat, sentinel2, tiff

LANDSAT = {"green": "SR_B3", "red": "SR_B4", "nir": "SR_B5", "swir16": "SR_B6", "thermal": "ST_B10"}
PACKING = {"thermal": (0.00341802, 149.0)}
GROUPS = ["/terrain", "/optical/landsat", "/optical/sentinel2", "/velocity/itslive", "/temperature/mod11a2"]


@pytest.fixture(scope="module")
def cube(whole):
    return store.open_cube(whole.folder)


def raw(path, x, y, fill):
    """Return the numbers of a file at pixel centres that are its own, (y, x); `fill` outside of it."""
    with rasterio.open(path) as file:
        columns, rows = (x - file.transform.c) / file.transform.a - 0.5, (y - file.transform.f) / file.transform.e - 0.5
        values = file.read(1)
    near = [np.rint(index).astype(int) for index in (rows, columns)]
    assert max(np.abs(near[0] - rows).max(), np.abs(near[1] - columns).max()) < 1e-4, f"{path}: another lattice"
    inside = [(index >= 0) & (index < size) for index, size in zip(near, values.shape, strict=True)]
    out = np.full((y.size, x.size), fill, values.dtype)
    out[np.ix_(*inside)] = values[np.ix_(near[0][inside[0]], near[1][inside[1]])]
    return out


def rows_of(archive, scene_id):
    """Return the folders of an overpass's Landsat items, northern row first."""
    _, path, day = scene_id.split("_")
    return sorted((archive / "archive" / "landsat-c2-l2").glob(f"LC08_L2SP_{path}???_{day}_*"))


def band(folder, name):
    return next(folder.glob(f"*_{name}.TIF"))


def landsat_by_hand(archive, scene_id, x, y):
    """Return the bands and QA_PIXEL of an overpass on its own lattice: each pixel whole from the first row that has it."""
    bands = {name: np.full((y.size, x.size), np.nan, "float32") for name in LANDSAT}
    quality = np.ones((y.size, x.size), int)
    for folder in rows_of(archive, scene_id):
        numbers = {name: raw(band(folder, suffix), x, y, 0) for name, suffix in LANDSAT.items()}
        flags = raw(band(folder, "QA_PIXEL"), x, y, 1)
        new = (quality & 1 == 1) & (flags & 1 == 0) & np.all([numbers[name] > 0 for name in LANDSAT if name != "thermal"], axis=0)
        for name, values in numbers.items():
            scale, offset = PACKING.get(name, (2.75e-5, -0.2))
            bands[name][new & (values > 0)] = (values[new & (values > 0)] * scale + offset).astype("float32")
        quality[new] = flags[new]
    return bands, quality


def axes(group):
    return group["x"].to_numpy(), group["y"].to_numpy()


def test_every_landsat_number_is_the_files_on_landsats_own_lattice(whole, cube, archive):
    group = cube["optical/landsat"].to_dataset().load()
    own = [step for step, name in enumerate(group["scene_id"].to_numpy()) if "_149_" in name]
    assert len(own) >= 10 and any(len(rows_of(archive, str(group["scene_id"].values[step]))) == 2 for step in own)
    for step in own:
        expected, quality = landsat_by_hand(archive, str(group["scene_id"].values[step]), *axes(group))
        for name, values in expected.items():
            np.testing.assert_array_equal(group[name].values[step], values)
        assert not group["clear"].values[step][quality & 1 == 1].any()


def test_scenes_of_the_next_zone_are_resampled_and_scenes_of_another_sensor_left_out(whole, cube, archive):
    group = cube["optical/landsat"].to_dataset().load()
    assert set(group["sensor"].values) == {"Landsat 8 OLI/TIRS"}  # LE07 lies in the archive
    step = [str(name) for name in group["scene_id"].values].index("landsat-8_148_20190209")
    first, second = (bilinear(band(folder, "SR_B3"), *axes(group)) for folder in rows_of(archive, "landsat-8_148_20190209"))
    for wanted, where in ((first, np.isfinite(first)), (second, np.isfinite(second) & np.isnan(first))):
        both = where & np.isfinite(group["green"].values[step])
        assert both.mean() > 0.2
        error = np.abs(group["green"].values[step] - (wanted * 2.75e-5 - 0.2))[both]
        assert np.quantile(error, 0.95) < 1e-4, np.quantile(error, [0.5, 0.9, 0.95, 0.99, 1])


def bilinear(path, x, y):
    """Return a file's numbers at points of EPSG:32643, interpolated between its pixel centres; NaN where one of the four has no data."""
    from pyproj import Transformer
    from scipy.ndimage import map_coordinates

    with rasterio.open(path) as file:
        numbers, transform = file.read(1).astype(float), file.transform
        east, north = Transformer.from_crs("EPSG:32643", file.crs, always_xy=True).transform(*np.meshgrid(x, y))
    numbers[numbers == 0] = np.nan
    at = [(north - transform.f) / transform.e - 0.5, (east - transform.c) / transform.a - 0.5]
    return map_coordinates(numbers, at, order=1, cval=np.nan)


def averaged(folder, x, y):
    """Return the mean of the green numbers over 30 m pixels, (y, x): their edges halve the outermost of four 10 m pixels."""
    with rasterio.open(next(folder.glob("*_B03_10m.tif"))) as file:
        numbers, transform = file.read(1).astype(float), file.transform
    numbers[numbers == 0] = np.nan
    left, top = (x - 15 - transform.c) / 10, (transform.f - y - 15) / 10
    assert np.all(left % 1 == 0.5) and np.all(top % 1 == 0.5)
    out = np.zeros((y.size, x.size))
    for i, wi in enumerate((0.5, 1, 1, 0.5)):
        for j, wj in enumerate((0.5, 1, 1, 0.5)):
            rows, columns = np.floor(top).astype(int) + i, np.floor(left).astype(int) + j
            inside = np.ix_((rows >= 0) & (rows < numbers.shape[0]), (columns >= 0) & (columns < numbers.shape[1]))
            term = np.full(out.shape, np.nan)
            term[inside] = numbers[np.ix_(rows[inside[0].ravel()], columns[inside[1].ravel()])]
            out += wi * wj / 9 * term
    return out


def test_sentinel2_offsets_are_right_for_both_baselines(whole, cube, archive):
    group = cube["optical/sentinel2"].to_dataset().load()
    items = archive / "archive" / "sentinel-2-l2a"
    baselines = {fact["baseline"] for entry in building.regions(whole.cube, "/optical/sentinel2") for fact in entry["items"]}
    assert baselines == {"05.00"}  # the newer of the two that lie in the archive
    for made, offset in (("2022", -1000), ("2019", 0)):
        west, east = (averaged(next(items.glob(f"*_T43S{tile}_{made}*")), *axes(group)) for tile in ("DA", "EA"))
        assert np.isfinite(west).mean() > 0.4 and np.isfinite(east).mean() > 0.6
        for values, where in ((west, np.isfinite(west)), (east, np.isfinite(east) & np.isnan(west))):
            error = np.abs(group["green"].values[0] - (values + offset) / 10_000)[where]
            assert (error < 2e-5).mean() > 0.98, np.quantile(error, [0.5, 0.9, 0.98, 1])


def test_terrain_and_ice_are_those_of_the_world(cube, archive):
    import geopandas
    from rasterio.features import rasterize

    group = cube["terrain"].to_dataset().load()
    x, y = axes(group)
    with xr.open_dataset(archive / "truth" / "world.nc") as world:
        truth = world["elevation"].load().interp(x=x, y=y)
    error = group["elevation"].values - truth.values
    assert abs(np.median(error)) < 3 and np.quantile(np.abs(error), 0.95) < 6  # the tile's own error: 2 m
    south, east = np.gradient(truth.values.astype(float), 30)
    moved = np.linalg.lstsq(np.stack([east, south, np.ones_like(east)], -1).reshape(-1, 3), error.ravel(), rcond=None)[0]
    assert np.abs(moved[:2]).max() < 1  # m: half a pixel would be 15
    slope = np.degrees(np.arctan(np.hypot(south, east)))
    assert np.median(np.abs(group["slope"].values - slope)) < 2
    shape = geopandas.read_file(building.outline(archive)).to_crs("EPSG:32643").geometry
    to = rasterio.Affine(30, 0, x[0] - 15, 0, -30, y[0] + 15)
    for name, reach in (("ice", 0), ("ice_buffered", 300)):
        wanted = rasterize(list(shape.buffer(reach)), (y.size, x.size), transform=to) == 1
        assert (group[name].values != wanted).mean() < 0.002, name


def test_velocities_are_those_of_the_store_and_known_from_the_second_image_on(whole, cube, archive):
    group = cube["velocity/itslive"].to_dataset().load()
    stored = zarr.open_group(next((archive / "archive" / "itslive-cubes").glob("*/*.zarr")), mode="r")
    rows, columns = (np.searchsorted(order * stored[name][:], order * group[name].values) for name, order in (("y", -1), ("x", 1)))
    np.testing.assert_array_equal(stored["x"][:][columns], group["x"].values)
    with xr.open_zarr(next((archive / "archive" / "itslive-cubes").glob("*/*.zarr")), decode_timedelta=False) as dates:
        taken = [dates[f"acquisition_date_img{part}"].values for part in (1, 2)]
    seen = 0
    for pair in range(group.sizes["pair"]):
        own = [group[name].values[pair] for name in ("acquired_first", "acquired_second")]
        same = np.all([np.abs(time - one) < np.timedelta64(1, "s") for time, one in zip(taken, own, strict=True)], axis=0)
        candidates = [stored["vx"][int(index)][np.ix_(rows, columns)] for index in np.flatnonzero(same)]
        finite = np.isfinite(group["vx"].values[pair])
        mine = [values for values in candidates if np.array_equal(group["vx"].values[pair][finite], values[finite])]
        assert mine and (mine[0][finite] != -32767).all()
        seen += int(finite.sum())
    assert seen == whole.result["products"]["itslive"]["observations"]
    assert np.all(np.diff(group["acquired_second"].values) >= np.timedelta64(0))
    np.testing.assert_array_equal(group["available_at"].values, group["acquired_second"].values + pd.Timedelta("30D"))


def test_temperatures_are_those_of_the_tiles(cube, archive):
    group = cube["temperature/mod11a2"].to_dataset().load()
    x, y = axes(group)
    for step, time in enumerate(group["time"].values):
        folders = sorted((archive / "archive" / "modis-11A2-061").glob(f"MOD11A2.A{pd.Timestamp(time):%Y%j}.*"))
        assert len(folders) == 2
        for half in ("Day", "Night"):
            numbers = sum(raw(next(folder.glob(f"*_LST_{half}_1km.tif")), x, y, 0) for folder in folders)
            quality = sum(raw(next(folder.glob(f"*_QC_{half}.tif")), x, y, 0) for folder in folders)
            found = group[f"lst_{half.lower()}"].values[step]
            kept = np.isfinite(found)
            np.testing.assert_allclose(found[kept], numbers[kept] * 0.02, atol=2e-5)
            np.testing.assert_array_equal(group[f"qc_{half.lower()}"].values[step], quality)
            good = (numbers >= 7500) & (quality & 3 <= 1) & (quality >> 6 <= 1)
            np.testing.assert_array_equal(kept, good)
        assert group["available_at"].values[step] >= time + np.timedelta64(8, "D")


def test_the_manifest_tells_where_every_number_came_from(whole, archive):
    for group, collection in (("/optical/landsat", "landsat-c2-l2"), ("/optical/sentinel2", "sentinel-2-l2a")):
        for entry in building.regions(whole.cube, group):
            assert len(entry["items"]) >= 5
            for fact in entry["items"]:
                folder = archive / "archive" / collection / fact["item"]
                assert folder.is_dir() and fact["collection"] == collection
                assert "?" not in fact["href"] and (folder / Path(fact["href"]).name).is_file()
                assert len(fact["xxh128"]) == 32 and fact["baseline"]
                assert pd.Timestamp(fact["accessed"]).tz is not None
                if fact["asset"] in ("qa_pixel", "SCL"):
                    assert fact["scale"] is None and fact["offset"] is None
                elif group == "/optical/landsat":
                    wanted = landsat.TEMPERATURE if fact["asset"] == "lwir11" else landsat.REFLECTANCE
                    assert (fact["scale"], fact["offset"]) == wanted and fact["baseline"] == "02 L2SP T1"
                else:
                    assert fact["scale"] == sentinel2.SCALE and fact["offset"] == pytest.approx(-0.1)
                    assert fact["offset_decided"]
    tile = building.regions(whole.cube, "/terrain")[0]["items"][0]
    assert tile["item"] == "Copernicus_DSM_COG_10_N36_00_E074_00_DEM" and len(tile["xxh128"]) == 32
    velocity = building.regions(whole.cube, "/velocity/itslive")[0]["items"][0]
    assert velocity["href"].endswith(".zarr") and velocity["accessed"]


def test_the_checksum_of_a_file_is_that_of_its_numbers(whole, archive):
    fact = next(fact for fact in building.regions(whole.cube, "/optical/landsat")[0]["items"] if fact["asset"] == "green")
    with rasterio.open(band(archive / "archive" / "landsat-c2-l2" / fact["item"], "SR_B3")) as file:
        height, width = fact["shape"]
        windows = [file.read(1)[top : top + height, left : left + width] for top in range(60) for left in range(60)]
    assert fact["xxh128"] in {store.checksum(values) for values in windows}


def test_every_group_names_whom_to_thank_and_every_array_is_what_was_written(whole, cube):
    credits = {group: cube[group].attrs["attribution"] for group in GROUPS}
    for group, word in zip(GROUPS, ("Copernicus DEM", "U.S. Geological Survey", "Copernicus Sentinel", "ITS_LIVE", "LP DAAC"), strict=True):
        assert word in credits[group]
    assert "RGI" in credits["/terrain"] or "Randolph" in credits["/terrain"], credits["/terrain"]
    assert len(store.attributions(cube)) == 5
    assert store.verify(whole.cube) == sum(len(sums) for sums in building.checksums(whole.cube).values())
    assert set(whole.result["products"]) == {"dem", "landsat", "sentinel2", "itslive", "mod11a2"}


def test_scenes_are_chosen_by_the_pixels_inside_the_box(whole, cube, archive, api, tmp_path):
    """Shares by hand from QA_PIXEL: missing is bit 0; cloud under the policy `bits` is dilated, cirrus, cloud or shadow."""
    chosen = {"max_cloud": 0.2, "max_missing": 0.15}
    settings = building.settings(tmp_path, archive, api.url, products=["landsat"], selection=chosen, mask={"name": "bits"})
    result = workflow.build(settings, tmp_path / "run", building.fetching(whole.cache))["products"]["landsat"]
    assert not building.asked(api.server.log)  # all windows are in the cache
    lines = building.verdicts(tmp_path / "run", "landsat")
    last = {line["verdict"]["scene_id"]: line["verdict"] for line in lines}
    assert len(last) == result["found"] == 15
    x, y = axes(cube["optical/landsat"])
    own = [name for name in last if "_149_" in name]
    assert len(own) == 13
    for name in own:
        bands, quality = landsat_by_hand(archive, name, x, y)
        seen = quality & 1 == 0
        clear = (quality & 0b11110 == 0) & np.isfinite(bands["green"]) & np.isfinite(bands["swir16"])
        assert last[name]["missing"] == pytest.approx(1 - seen.mean(), abs=1e-9)
        cloud = 1 - clear[seen].mean()
        assert last[name]["cloud"] == pytest.approx(cloud, abs=1e-9)
        assert (last[name]["reason"] == "") == (cloud <= 0.2), name
    others = [last[name]["reason"] for name in last if name not in own]
    assert [reason.partition(" ")[0] for reason in others] == ["missing", "missing"]
    kept = sum(not verdict["reason"] for verdict in last.values())
    assert result["scenes"] == kept and result["left_out"] == {"cloud": 13 - kept, "missing": 2}


def test_measured_cloud_is_that_of_the_truth(whole, archive):
    """Under the default policy; flags err by what the scenario says, so that shares agree but for a few per cent."""
    last = {line["verdict"]["scene_id"]: line["verdict"] for line in building.verdicts(whole.folder, "landsat") if line["final"]}
    rows = pd.read_csv(archive / "truth" / "scenes.csv")
    truth = {f"landsat-8_{item[10:13]}_{item[17:25]}": cover for item, cover in zip(rows["item"], rows["cloud_cover"], strict=True)}
    shares = pd.DataFrame({"found": {name: one["cloud"] for name, one in last.items()}}).join(pd.Series(truth, name="true"))
    assert len(shares) == 15 and shares.corr(method="spearman").iloc[0, 1] > 0.85
    assert (shares["found"] - shares["true"]).abs().mean() < 0.08


def test_a_dry_run_counts_what_the_build_finds_and_writes_nothing(whole):
    planned, built = whole.planned["products"], whole.result["products"]
    assert planned["landsat"]["scenes"] == built["landsat"]["found"] == 15
    assert planned["sentinel2"]["scenes"] == built["sentinel2"]["found"] == 1
    assert planned["mod11a2"]["scenes"] == built["mod11a2"]["periods"] == 8
    assert planned["itslive"]["pairs"] == built["itslive"]["found"] == 60
    assert planned["dem"]["tiles"] == built["dem"]["tiles"] == 1
    assert planned["landsat"]["months"] == len(planned["landsat"]["by_month"]) == 14
    assert (planned["landsat"]["first"], planned["landsat"]["last"]) == ("2019-01-11", "2021-06-25")
    assert whole.left == ["site.yml"]


def test_a_dry_run_estimates_the_bytes(whole):
    """Of what holds blocks and not mostly headers: within a tenth; all products together too."""
    sent = building.sent(whole.log)
    names = {"dem": "cop-dem-glo-30", "landsat": "landsat-c2-l2", "sentinel2": "sentinel-2-l2a"}
    for name, collection in names.items():
        assert whole.planned["products"][name]["bytes"] == pytest.approx(sent[collection], rel=0.1), name
    total = sum(size for collection, size in sent.items() if collection != "search")
    assert whole.planned["bytes"] == pytest.approx(total, rel=0.1)


def test_a_dry_run_reads_nothing_of_images_but_headers(whole):
    """Of a file the beginning, which is small; of a velocity cube, a few chunks tell the size of the others."""
    files = [request for request in whole.plan_log if request.path.lower().endswith((".tif", ".tiff"))]
    assert files and all(request.bytes <= tiff.FIRST_GUESS + 1024 for request in files)
    assert all(request.range.startswith("bytes=0-") for request in files)
    chunks = [request for request in whole.plan_log if ".zarr/v" in request.path and request.path.count(".") > 3]
    assert len(chunks) <= 12
    assert building.sent(whole.plan_log)["landsat-c2-l2"] < 0.05 * building.sent(whole.log)["landsat-c2-l2"]


def test_the_build_fetches_no_window_twice(whole):
    """Neither survey nor writing asks again for what the other has: every range of blocks once."""
    blocks = [(one.path, one.range) for one in whole.log if one.range and not one.range.startswith("bytes=0-")]
    assert len(blocks) > 150 and len(blocks) == len(set(blocks))
    headers = Counter(one.path for one in whole.log if one.range.startswith("bytes=0-"))
    assert max(headers.values()) <= 2  # the directory of the first file of a kind is read twice: nothing else guards it


def test_the_cube_holds_what_it_was_built_with(whole, cube):
    told = json.loads(cube["optical/landsat"].attrs["build"])
    assert told["selection"] == {"max_cloud": 0.6, "max_missing": 0.5} and told["site"]["name"] == "tiny"
