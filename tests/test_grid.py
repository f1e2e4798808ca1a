"""Grids are exact: edges on multiples of the resolution, the box covered whole."""

import json

import pytest
from odc.geo.geobox import GeoBox
from odc.geo.geom import box
from pyproj import Transformer

from glaciercast import grid, sites
from glaciercast.errors import InputError


@pytest.mark.parametrize(("name", "width", "height"), [("parvati", 1046, 861), ("aletsch", 851, 700)])
def test_the_study_boxes_have_the_sizes_that_were_measured(name, width, height):
    site = sites.find(name)
    to_grid = Transformer.from_crs("EPSG:4326", site.crs, always_xy=True)
    west, south, east, north = site.box
    (x0, y0), (x1, _), (_, y2) = (to_grid.transform(*corner) for corner in ((west, south), (east, south), (west, north)))
    assert (x1 - x0) / 30 == pytest.approx(width, abs=3) and (y2 - y0) / 30 == pytest.approx(height, abs=3)
    rows, cols = grid.make(site.grid).shape
    assert rows >= height and cols >= width  # the box is turned against the grid, so its envelope is larger


@pytest.mark.parametrize("anchor", ["edge", "centre"])
@pytest.mark.parametrize("name", sites.built_in())
def test_edges_or_centres_are_multiples_of_the_resolution_and_the_box_is_covered(name, anchor):
    site = sites.find(name)
    geobox = grid.make(site.grid.model_copy(update={"anchor": anchor}))
    left, bottom, right, top = geobox.boundingbox.bbox
    assert all(edge % 30 == pytest.approx(0 if anchor == "edge" else 15, abs=1e-6) for edge in (left, bottom, right, top))
    assert geobox.resolution.y == -30 and geobox.resolution.x == 30
    corners = box(*site.box, crs="EPSG:4326").to_crs(site.crs).boundingbox
    assert left <= corners.left and right >= corners.right and bottom <= corners.bottom and top >= corners.top


def test_sites_of_30_m_lie_on_the_lattice_of_landsat(real_data):
    origins = []
    for path in real_data("stac_items/planetary_computer_style").glob("L*T1.json"):
        _, _, x, _, _, y, *_ = json.loads(path.read_text())["properties"]["proj:transform"]
        origins.append((x % 30, y % 30))
    assert len(origins) == 3 and set(origins) == {(15.0, 15.0)}
    for name in sites.built_in():
        left, _, _, top = grid.make(sites.find(name).grid).boundingbox.bbox
        assert (left % 30, top % 30) == (15.0, 15.0)


def test_the_default_anchor_of_a_grid_is_the_edge():
    assert grid.GridSpec(crs="EPSG:32643", resolution=30, box=(74.5, 36.3, 74.7, 36.5)).anchor == "edge"


def test_degrees_are_no_lengths():
    with pytest.raises(InputError, match="expected a projected CRS"):
        grid.make(grid.GridSpec(crs="EPSG:4326", resolution=30, box=(74.5, 36.3, 74.7, 36.5)))


def test_an_unknown_crs_is_named():
    with pytest.raises(InputError, match="crs 'EPSG:999999': not a known"):
        grid.make(grid.GridSpec(crs="EPSG:999999", resolution=30, box=(74.5, 36.3, 74.7, 36.5)))


def test_swapped_corners_are_refused():
    with pytest.raises(ValueError, match="lon min < lon max"):
        grid.GridSpec(crs="EPSG:32643", resolution=30, box=(36.3, 74.5, 36.2, 74.7))


def test_half_a_pixel_is_another_grid():
    one = GeoBox.from_bbox((500010, 4000020, 500310, 4000320), "EPSG:32643", resolution=30)
    half = GeoBox.from_bbox((500025, 4000020, 500325, 4000320), "EPSG:32643", resolution=30, anchor="floating")
    assert grid.same(one, one) and not grid.same(one, half)
    assert grid.describe(one) == "10×10 pixels of 30×30 m in EPSG:32643"


def test_one_crs_spelled_in_two_ways_is_one_grid():
    import pyproj

    wkt1 = pyproj.CRS("EPSG:3035").to_wkt("WKT1_GDAL")
    bound = wkt1.replace('AUTHORITY["EPSG","6258"]', 'TOWGS84[0,0,0,0,0,0,0],AUTHORITY["EPSG","6258"]', 1)
    assert "TOWGS84" in bound
    spelled = grid.with_code(GeoBox.from_bbox((5272000, 2532000, 5273000, 2533000), bound, resolution=20))
    assert grid.crs_name(spelled) == "EPSG:3035"
    assert grid.same(spelled, GeoBox.from_bbox((5272000, 2532000, 5273000, 2533000), "EPSG:3035", resolution=20))
