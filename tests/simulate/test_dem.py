from __future__ import annotations

import numpy as np
import pystac
import pytest
import rasterio
from tests.simulate.flat_world import make_scenario, make_world

from glaciercast.simulate.products import dem


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    scenario = make_scenario()
    world = make_world(scenario)
    archive = tmp_path_factory.mktemp("archive")
    return world, archive, dem.write(world, archive, scenario, 4)


def test_ids_are_those_of_the_real_tiles():
    assert dem.item_id(77, 32) == "Copernicus_DSM_COG_10_N32_00_E077_00_DEM"
    assert dem.item_id(-50, 69) == "Copernicus_DSM_COG_10_N69_00_W050_00_DEM"
    assert dem.item_id(-74, -51) == "Copernicus_DSM_COG_10_S51_00_W074_00_DEM"


@pytest.mark.parametrize(
    ("latitude", "width"), [(36, 3600), (49, 3600), (50, 2400), (60, 1800), (69, 1800), (70, 1200), (80, 720), (-51, 2400)]
)
def test_longitude_spacing_widens_towards_the_poles(latitude, width):
    assert dem.tile_geobox(10, latitude).shape == (3600, width)


def test_pixel_centres_lie_on_whole_arc_seconds(written):
    _, archive, names = written
    with rasterio.open(archive / dem.COLLECTION / names[0] / f"{names[0]}.tif") as file:
        assert file.crs.to_epsg() == 4326 and file.dtypes == ("float32",)
        lon, lat = file.transform * (0.5, 0.5)
        assert abs(lon * 3600 - round(lon * 3600)) < 1e-6 and abs(lat * 3600 - round(lat * 3600)) < 1e-6
        assert file.res == pytest.approx((1 / 3600, 1 / 3600))
        assert file.nodata is None


def test_elevation_is_that_of_the_world_within_two_metres(written):
    from pyproj import Transformer

    world, archive, names = written
    with rasterio.open(archive / dem.COLLECTION / names[0] / f"{names[0]}.tif") as file:
        values = file.read(1)
        rows, columns = np.indices(values.shape)
        lon, lat = file.transform * (columns + 0.5, rows + 0.5)
    _, north = Transformer.from_crs(4326, 32643, always_xy=True).transform(lon, lat)
    truth = 4400 - ((world.grid.boundingbox.top - north) / 30 - 0.5)
    inside = (truth > 4400 - world.grid.shape[0] + 2) & (truth < 4399)
    error = (values - truth)[inside]
    assert abs(error.mean()) < 1.0 and 1.3 < error.std() < 2.4
    smooth = np.abs(np.corrcoef(error[:-1], error[1:])[0, 1])
    assert smooth > 0.3  # errors of neighbours belong together


def test_the_window_covers_the_whole_world(written):
    world, archive, names = written
    item = pystac.Item.from_file(str(archive / dem.COLLECTION / names[0] / f"{names[0]}.json"))
    box = world.grid.geographic_extent.boundingbox
    assert item.bbox[0] < box.left + 1 / 3600 and item.bbox[3] > box.top - 1 / 3600
    assert (archive / dem.COLLECTION / names[0] / item.assets["data"].href).is_file()


def test_a_world_across_a_degree_has_two_tiles_that_meet(tmp_path):
    scenario = make_scenario()
    world = make_world(scenario, pixels=60, corner=(409200.0, 4040400.0))  # 74° E runs through it
    names = dem.write(world, tmp_path, scenario, 4)
    assert names == ["Copernicus_DSM_COG_10_N36_00_E073_00_DEM", "Copernicus_DSM_COG_10_N36_00_E074_00_DEM"]
    boxes = []
    for name in names:
        with rasterio.open(tmp_path / dem.COLLECTION / name / f"{name}.tif") as file:
            boxes.append(file.bounds)
    assert boxes[0].right == pytest.approx(boxes[1].left) == pytest.approx(74 - 0.5 / 3600)


def test_a_second_run_writes_nothing_anew(written):
    world, archive, names = written
    file = archive / dem.COLLECTION / names[0] / f"{names[0]}.tif"
    before = file.stat().st_mtime_ns
    assert dem.write(world, archive, make_scenario(), 4) == names
    assert file.stat().st_mtime_ns == before


def test_the_error_is_seeded():
    world = make_world(make_scenario(), pixels=40)
    np.testing.assert_array_equal(dem.error(world, 1), dem.error(world, 1))
    assert not np.array_equal(dem.error(world, 1), dem.error(world, 2))
