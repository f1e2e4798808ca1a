from __future__ import annotations

import geopandas
import numpy as np
import pytest
from tests.simulate.flat_world import make_scenario, make_world

from glaciercast.errors import InputError
from glaciercast.simulate.products import outline

RGI7 = [
    "rgi_id",
    "o1region",
    "o2region",
    "glims_id",
    "anlys_id",
    "subm_id",
    "src_date",
    "cenlon",
    "cenlat",
    "utm_zone",
    "area_km2",
    "primeclass",
    "conn_lvl",
    "surge_type",
    "term_type",
    "glac_name",
    "is_rgi6",
    "termlon",
    "termlat",
    "zmin_m",
    "zmax_m",
    "zmed_m",
    "zmean_m",
    "slope_deg",
    "aspect_deg",
    "aspect_sec",
    "dem_source",
    "lmax_m",
    "geometry",
]


@pytest.fixture
def disc():
    """A world with a round glacier of 1 km radius and a speck of two pixels."""
    scenario = make_scenario()
    world = make_world(scenario)
    rows, columns = np.indices(world.grid.shape)
    world.ice = np.hypot(rows - 90, columns - 90) * 30 < 1000
    world.ice[5, 5:7] = True
    return world, scenario


def test_area_and_place_are_those_of_the_ice(disc, tmp_path):
    world, scenario = disc
    path = outline.write(world, tmp_path, scenario, 0)
    assert path == tmp_path / "outlines" / "RGI2000-v7.0-G-14_simulated.shp"
    frame = geopandas.read_file(path)
    assert frame.crs.to_epsg() == 4326 and list(frame.columns) == RGI7 and len(frame) == 1  # the speck is below 0.01 km²
    row = frame.iloc[0]
    assert row["area_km2"] == pytest.approx(np.pi, rel=0.01)
    assert frame.to_crs("EPSG:32643").area[0] / 1e6 == pytest.approx(row["area_km2"], rel=1e-4)
    centre = frame.to_crs("EPSG:32643").geometry[0].centroid
    assert centre.x == pytest.approx(world.grid.affine.c + 90.5 * 30, abs=15)
    assert row["zmax_m"] - row["zmin_m"] == pytest.approx(2000 / 30, abs=2)
    assert row["lmax_m"] == pytest.approx(2000, rel=0.03)
    assert row["utm_zone"] == 43 and str(row["src_date"]).startswith("2000")


def test_a_scenario_with_a_surge_is_marked_as_observed(disc, tmp_path):
    world, scenario = disc
    assert geopandas.read_file(outline.write(world, tmp_path, scenario, 0))["surge_type"].tolist() == [3]
    calm = scenario.model_copy(update={"surge": None})
    assert geopandas.read_file(outline.write(world, tmp_path, calm, 0))["surge_type"].tolist() == [0]


def test_two_glaciers_are_two_rows_largest_first(disc, tmp_path):
    world, scenario = disc
    world.ice[150:170, 10:30] = True
    frame = geopandas.read_file(outline.write(world, tmp_path, scenario, 0))
    assert len(frame) == 2 and frame["area_km2"].is_monotonic_decreasing and frame["rgi_id"].is_unique
    assert frame["area_km2"][1] == pytest.approx(0.36, rel=0.02)


def test_aspect_is_a_mean_of_directions(disc, tmp_path):
    world, scenario = disc
    world.aspect = np.where(np.indices(world.ice.shape)[1] < 91, np.radians(350), np.radians(10)).astype(np.float32)
    row = geopandas.read_file(outline.write(world, tmp_path, scenario, 0)).iloc[0]
    assert min(row["aspect_deg"], 360 - row["aspect_deg"]) < 1.5 and row["aspect_sec"] == 1


@pytest.mark.parametrize(
    ("lon", "lat", "code"), [(74.61, 36.41, "14"), (77.65, 32.11, "14"), (8.06, 46.47, "11"), (-49.5, 69.1, "05"), (0, 0, "00")]
)
def test_regions(lon, lat, code):
    assert outline.region(lon, lat) == code


def test_a_world_without_ice_is_refused(disc, tmp_path):
    world, scenario = disc
    world.ice[:] = False
    with pytest.raises(InputError, match="has no ice"):
        outline.write(world, tmp_path, scenario, 0)
