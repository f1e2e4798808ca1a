"""A whole archive as a user gets it: complete, valid, open to real STAC tools, true to its truth, resumable."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas
import numpy as np
import odc.stac
import pandas as pd
import pystac
import pytest
import rasterio
import xarray as xr
from odc.geo.geobox import GeoBox

from glaciercast import runs
from glaciercast.errors import GlaciercastError, InputError, RunFolderError
from glaciercast.simulate import archive, scenario
from glaciercast.simulate import world as worlds
from glaciercast.simulate.scene import Cover

SEED = 1
OPTICAL = ("landsat-c2-l2", "sentinel-2-l2a")
RUN = "import sys; from glaciercast.simulate import archive, scenario; archive.simulate(scenario.load('tiny'), sys.argv[1], 1, 1)"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the run folder of the tiny scenario."""
    folder = tmp_path_factory.mktemp("simulation") / "tiny"
    archive.simulate(scenario.load("tiny"), folder, SEED)
    return folder


@pytest.fixture(scope="module")
def catalog(made):
    return pystac.Catalog.from_file(str(made / "archive" / "catalog.json"))


def checksums(folder: Path) -> dict[str, str]:
    files = sorted(path for part in ("archive", "truth") for path in (folder / part).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_everything_is_there(made, catalog):
    summary = runs.read_json(made / "results" / "simulate.json")
    assert summary["items"] == {
        "cop-dem-glo-30": 1, "itslive-cubes": 1, "landsat-c2-l2": 22, "modis-11A1-061": 6, "modis-11A2-061": 32, "sentinel-2-l2a": 4,
    }  # fmt: skip
    assert summary["items"] == {child.id: len(list(child.get_items())) for child in catalog.get_children()}
    assert not list(made.rglob("*.partial"))
    items = {item.id for name in OPTICAL for item in catalog.get_child(name).get_items()}
    assert {path.stem for path in (made / "truth" / "scenes").iterdir()} == items == set(pd.read_csv(made / "truth" / "scenes.csv").item)


def test_every_trap_is_in_tiny(catalog):
    """Two zones, two rows a day, scan gaps, two tiles a day, two processings, the MODIS tile edge."""
    landsat = list(catalog.get_child("landsat-c2-l2").get_items())
    assert {item.properties["proj:code"] for item in landsat} == {"EPSG:32643", "EPSG:32644"}  # pystac brings proj:epsg up to date
    assert any(item.id.startswith("LE07") for item in landsat)
    days = pd.Series([(item.datetime.date(), item.properties["platform"]) for item in landsat])
    assert days.duplicated().any()
    tiles = {item.properties["s2:mgrs_tile"] for item in catalog.get_child("sentinel-2-l2a").get_items()}
    assert tiles == {"43SDA", "43SEA"}
    baselines = {item.properties["s2:processing_baseline"] for item in catalog.get_child("sentinel-2-l2a").get_items()}
    assert min(baselines) < "04.00" <= max(baselines)  # one acquisition, processed twice
    assert {item.properties["modis:horizontal-tile"] for item in catalog.get_child("modis-11A2-061").get_items()} == {23, 24}


def test_pystac_validates_every_item_offline(catalog):
    """The core schemas come with pystac; extension schemas are compared with real items in the tests of each product."""
    count = 0
    for parent in [catalog, *catalog.get_children()]:
        parent.stac_extensions.clear()
        parent.validate()
    for item in catalog.get_items(recursive=True):
        item.stac_extensions.clear()
        item.validate()
        count += 1
    assert count == 66


def test_odc_stac_opens_every_raster_item(catalog):
    """Each item loads through the real loader on its own grid, with what its files hold."""
    band = {
        "landsat-c2-l2": "swir16",
        "sentinel-2-l2a": "B11",
        "modis-11A1-061": "LST_Day_1km",
        "modis-11A2-061": "LST_Day_1km",
        "cop-dem-glo-30": "data",
    }
    for name, asset in band.items():
        for item in catalog.get_child(name).get_items():
            item.make_asset_hrefs_absolute()
            with rasterio.open(item.assets[asset].href) as file:
                truth, grid = file.read(1), GeoBox(file.shape, file.transform, str(file.crs))
            loaded = odc.stac.load([item], bands=[asset], geobox=grid)
            values = loaded[asset].values[0]
            assert values.shape == truth.shape, item.id
            np.testing.assert_array_equal(values, truth, err_msg=item.id)


def test_landsat_decodes_to_the_truth(made, catalog):
    """Clear snow is bright in green and dark in SWIR, debris and rock are not; QA_PIXEL finds the clouds that are there."""
    snow, bare, flagged = [], [], []
    for item in catalog.get_child("landsat-c2-l2").get_items():
        item.make_asset_hrefs_absolute()
        cover, cloud, shadow = rasterio.open(made / "truth" / "scenes" / f"{item.id}.tif").read()
        digital = {name: rasterio.open(item.assets[name].href).read(1) for name in ("green", "swir16", "qa_pixel")}
        valid = digital["green"] > 0
        green, swir = (digital[name] * 2.75e-5 - 0.2 for name in ("green", "swir16"))
        clear = valid & (cloud < 2) & (shadow < 2) & (green > 0.05) & (swir > 0)
        ndsi = (green - swir) / (green + swir)
        snow.append(ndsi[clear & (cover == Cover.SNOW)])
        if 7 <= item.datetime.month <= 9:  # earlier and later it is patched with snow
            bare.append(ndsi[clear & ((cover == Cover.ROCK) | (cover == Cover.DEBRIS))])
        flagged.append((digital["qa_pixel"] & 8 > 0)[valid & (cloud > 80)])
        assert (digital["qa_pixel"][~valid] == 1).all() and (cover[~valid] == Cover.NONE).all()
    assert np.median(np.concatenate(snow)) > 0.75
    assert np.median(np.concatenate(bare)) < 0.0
    assert np.concatenate(flagged).mean() > 0.99


def test_truth_of_motion_is_the_velocity_of_the_cube(made):
    """Well-matched pairs of the ITS_LIVE-like cube agree with the truth files, read as a user would read both."""
    store = next((made / "archive" / "itslive-cubes").glob("*/*.zarr"))
    cube = xr.open_dataset(store, engine="zarr", decode_timedelta=False)
    known = xr.open_dataset(made / "truth" / "world.nc", engine="h5netcdf")
    daily = xr.open_dataset(made / "truth" / "daily.nc", engine="h5netcdf")
    pairs = pd.read_csv(made / "truth" / "pairs.csv", parse_dates=["date1", "date2"])
    ice = known.ice.interp(x=cube.x, y=cube.y, method="nearest").values == 1
    misfit = []
    for index, pair in pairs.iterrows():
        span = daily.sel(time=slice(pair.date1, pair.date2))
        vx = known.creep_vx + float(span.sliding_factor.mean()) * known.sliding_vx + float(span.surge_factor.mean()) * known.surge_vx
        at = vx.interp(x=cube.x, y=cube.y).values
        seen = cube.vx.isel(mid_date=index).values
        both = ice & np.isfinite(seen)
        if both.sum() > 10 and abs(pair.sigma_x) < 60:
            misfit.append(np.median(seen[both] - at[both]))
    assert len(misfit) > 15
    assert abs(np.median(misfit)) < 12


def test_outline_and_terrain_lie_where_the_truth_is(made):
    outline = geopandas.read_file(next((made / "archive" / "outlines").glob("*.shp")))
    known = xr.open_dataset(made / "truth" / "world.nc", engine="h5netcdf")
    assert outline.to_crs("EPSG:32643").area.sum() / 1e6 == pytest.approx(float(known.ice.sum()) * 9e-4, rel=0.03)
    assert set(outline.columns) >= {"rgi_id", "src_date", "surge_type", "area_km2"}


def test_a_finished_archive_is_not_touched(made):
    before = checksums(made)
    with pytest.raises(RunFolderError, match="finished 'simulate' run"):
        archive.simulate(scenario.load("tiny"), made, SEED)
    assert checksums(made) == before


@pytest.mark.parametrize(("seed", "workers", "message"), [(-1, None, "seed -1"), (0, 0, "workers 0")])
def test_wrong_numbers_are_refused_before_anything_is_written(tmp_path, seed, workers, message):
    with pytest.raises(InputError, match=message):
        archive.simulate(scenario.load("tiny"), tmp_path / "out", seed, workers)
    assert not (tmp_path / "out").exists()


def test_the_worlds_of_two_seeds_differ():
    one, two = (worlds.make(scenario.load("tiny"), seed) for seed in (1, 2))
    assert not np.array_equal(one.elevation, two.elevation)
    assert not np.array_equal(one.weather.temperature, two.weather.temperature)


def _die(job: object) -> None:
    os._exit(1)


def test_a_killed_worker_is_one_clear_line(tmp_path, monkeypatch):
    """A worker that dies while it works, as under the system's memory killer, breaks a real pool; nothing finished is lost."""
    monkeypatch.setattr(archive._Worker, "do", _die)
    with pytest.raises(GlaciercastError, match=r"was killed.*the same command goes on"):
        archive.simulate(scenario.load("tiny"), tmp_path / "out", SEED, workers=2)
    assert not runs.is_complete(tmp_path / "out")


@pytest.mark.slow
def test_a_killed_simulation_goes_on_and_workers_change_nothing(made, tmp_path):
    """Killed twice among its scenes and taken up with two workers, it ends with the same bytes as one that ran in one go."""
    out = tmp_path / "again"
    for scenes in (3, 9):
        process = subprocess.Popen([sys.executable, "-c", RUN, str(out)], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        while len(list(out.glob("archive/landsat-c2-l2/*/*.json"))) < scenes and process.poll() is None:
            time.sleep(0.02)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = sorted(out.glob("archive/landsat-c2-l2/*/*.json"))
    stamps = {path: path.stat().st_mtime_ns for path in left if not path.parent.name.endswith(".partial")}
    archive.simulate(scenario.load("tiny"), out, SEED, workers=2)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps  # what was there was not made again
    assert checksums(out) == checksums(made)


@pytest.mark.slow
def test_an_archive_never_leaves_scenes_half_written(tmp_path, monkeypatch):
    """A disk that is full ends the run in an error; the scene under way leaves no item, and a rerun completes the archive."""
    from glaciercast.simulate.products import landsat

    real, calls = landsat.write_cog, []

    def full(path, *arguments, **options):
        calls.append(path)
        if len(calls) == 25:
            raise OSError(28, "No space left on device", str(path))
        real(path, *arguments, **options)

    monkeypatch.setattr(landsat, "write_cog", full)
    with pytest.raises(OSError, match="No space left"):
        archive.simulate(scenario.load("tiny"), tmp_path / "out", SEED, workers=1)
    for item in (tmp_path / "out" / "archive" / "landsat-c2-l2").iterdir():
        if not item.name.endswith(".partial"):
            found = json.loads((item / f"{item.name}.json").read_text(encoding="utf-8"))
            assert all((item / asset["href"]).exists() for asset in found["assets"].values())
    monkeypatch.undo()
    archive.simulate(scenario.load("tiny"), tmp_path / "out", SEED, workers=1)
    assert runs.is_complete(tmp_path / "out")
