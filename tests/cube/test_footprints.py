"""Shares of areas against closed forms and against the geodesic areas of PROJ."""

import numpy as np
import pyproj
import pytest
import shapely
from odc.geo.geobox import GeoBox
from tests.audited import MODIS_PIXEL, SINUSOIDAL, UTM, geobox, in_degrees, modis_box

from glaciercast.cube import footprints, regions
from glaciercast.errors import InputError

GEOD = pyproj.Geod(ellps="WGS84")


def geodesic(shape):
    """Return the area on the ellipsoid of a polygon in degrees, m²."""
    return abs(GEOD.geometry_area_perimeter(shapely.segmentize(shape, 0.0005))[0])


def share(cells, region, chosen=None):
    return cells.cover(region).area(chosen) / region.area


def outline(shape, crs=UTM):
    return regions.region("outline", in_degrees(shape, crs))


def test_a_region_has_the_area_of_the_ellipsoid_and_a_circle_its_radius():
    box = shapely.box(74.535, 36.352, 74.681, 36.489)
    assert regions.region("outline", box).area == pytest.approx(geodesic(box), rel=1e-7)
    far_north = shapely.box(-38.46, 66.32, -38.13, 66.43)
    assert regions.region("outline", far_north).area == pytest.approx(geodesic(far_north), rel=1e-7)
    circle = regions.circle(74.572267, 36.35594, 500.0)
    assert regions.region("lake", circle).area == pytest.approx(np.pi * 500**2, rel=1.1e-4)  # 256 corners
    assert GEOD.inv(74.572267, 36.35594, *circle.exterior.coords[7])[2] == pytest.approx(500.0, abs=1e-3)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (shapely.box(450200, 4029300, 450700, 4029900), 1.0),
        (shapely.box(450500, 4029300, 451500, 4029700), 0.5),  # cut by the eastern edge of the grid
        (shapely.box(449000, 4028000, 452000, 4031000), 1 / 9),  # the grid lies whole within
        (shapely.Polygon([(450000, 4030000), (451000, 4030000), (450000, 4031000)]), 0.0),  # it only touches
        (shapely.Polygon([(450000, 4029000), (452000, 4029000), (450000, 4031000)]), 0.5),  # the square in a right triangle
        (shapely.box(460000, 4029000, 461000, 4030000), 0.0),
    ],
)
def test_shares_of_a_grid_in_closed_form(shape, expected):
    assert share(footprints.GridCells(geobox()), outline(shape)) == pytest.approx(expected, abs=2e-6)


def test_each_cell_weighs_what_it_covers_even_where_the_outline_cuts_it():
    cover = footprints.GridCells(geobox()).cover(outline(shapely.box(450150, 4029875, 450350, 4029975)))
    expected = np.zeros((10, 10))
    expected[0, 1:4], expected[1, 1:4] = [50 * 75, 100 * 75, 50 * 75], [50 * 25, 100 * 25, 50 * 25]
    scale = pyproj.Proj(UTM).get_factors(74.45, 36.41).areal_scale  # UTM's metres are not true ones
    np.testing.assert_allclose(cover.weights * scale, expected, atol=0.02)
    chosen = np.zeros((10, 10), bool)
    chosen[0, 2] = True
    assert cover.area(chosen) == pytest.approx(7500 / scale, rel=1e-5)


def test_holes_and_parts_of_an_outline_count_as_they_are():
    ring = shapely.box(450000, 4029000, 451000, 4030000) - shapely.box(450250, 4029250, 450750, 4029750)
    two = shapely.union_all([ring, shapely.box(451500, 4029000, 451750, 4030000)])
    cover = footprints.GridCells(geobox()).cover(outline(two))
    assert cover.area() / outline(two).area == pytest.approx(0.75, abs=2e-6)
    assert cover.weights[4, 4] == 0 and cover.weights[0, 0] == pytest.approx(10000, rel=2e-3)


def test_tiles_join_without_gap_or_overlap():
    fine = geobox((200, 200), pixel=5.0)
    triangle = shapely.Polygon([(450001, 4029001), (450998, 4029003), (450500, 4029998)])
    assert share(footprints.GridCells(fine), outline(triangle)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("pixel", [MODIS_PIXEL, 20 * MODIS_PIXEL])
def test_a_sinusoidal_grid_has_its_edge_where_its_latitude_is(pixel):
    """On the sinusoidal sphere y is R·latitude: a grid that begins at 36.42° N covers the outline to the south of it."""
    west, south, east, _ = box = (74.535, 36.352, 74.681, 36.489)
    top = np.deg2rad(36.42) * 6371007.181
    left = np.floor(74.2 * np.cos(np.deg2rad(36.3)) * np.deg2rad(1) * 6371007.181 / pixel) * pixel
    cells = footprints.GridCells(geobox((40, 80), (left - 10 * pixel, top), pixel, SINUSOIDAL))
    expected = geodesic(shapely.box(west, south, east, 36.42)) / geodesic(shapely.box(*box))
    assert share(cells, regions.region("outline", shapely.box(*box))) == pytest.approx(expected, abs=2e-6)
    assert share(footprints.GridCells(modis_box(*box)), regions.region("outline", shapely.box(*box))) == pytest.approx(1.0, abs=1e-9)


def test_a_modis_cell_is_a_leaning_parallelogram_of_its_true_area():
    box = modis_box(74.535, 36.352, 74.681, 36.489)
    region = regions.region("outline", shapely.box(74.4, 36.2, 74.8, 36.6))
    weights = footprints.GridCells(box).cover(region).weights
    left, top = box.affine.c, box.affine.f
    cell = in_degrees(shapely.box(left, top - MODIS_PIXEL, left + MODIS_PIXEL, top), SINUSOIDAL)
    assert weights[0, 0] == pytest.approx(geodesic(cell), rel=1e-6)
    ring = footprints.cell_rings(box, slice(0, 1), slice(0, 1), region.plane)[0, 0]
    lean = np.degrees(np.arctan2(*(ring[0] - ring[-1])))  # of the western side: dx/dy = −(longitude, rad)·sin(latitude)
    assert abs(lean) == pytest.approx(np.degrees(np.arctan(np.deg2rad(74.5) * np.sin(np.deg2rad(36.5)))), abs=0.5)


def test_a_grid_in_degrees_and_one_that_runs_northward():
    degrees = GeoBox((2, 2), geobox().affine.translation(74.0, 36.0) * geobox().affine.scale(0.5, 0.5), "EPSG:4326")
    box = shapely.box(74.25, 35.5, 74.75, 36.5)
    expected = geodesic(shapely.box(74.25, 36.0, 74.75, 36.5)) / geodesic(box)
    assert share(footprints.GridCells(degrees), regions.region("outline", box)) == pytest.approx(expected, abs=1e-6)


def test_a_region_where_the_projection_is_not_defined_is_not_covered():
    antipode = regions.region("outline", shapely.box(-105.2, -36.3, -105.0, -36.1))
    orthographic = GeoBox((4, 4), geobox().affine, "+proj=ortho +lat_0=36 +lon_0=75 +type=crs")
    assert share(footprints.GridCells(orthographic), antipode) == 0


def test_points_cover_squares_and_an_overlap_counts_once():
    region = regions.region("outline", shapely.box(74.535, 36.352, 74.681, 36.489))
    lon, lat = np.array([74.6, 74.6]), np.array([36.42, 36.42 + 500 / 110_980])  # 500 m apart on the meridian
    apart = footprints.PointCells(lon, lat, 400.0).cover(region)
    assert apart.area() == pytest.approx(2 * 400**2, rel=1e-6)
    over = footprints.PointCells(lon, lat, 1000.0).cover(region)
    assert over.area() == pytest.approx(1.5 * 1000**2, rel=1e-3)
    assert over.weights.sum() == pytest.approx(over.area(), rel=1e-12) and over.weights[0] == pytest.approx(over.weights[1], rel=1e-6)
    assert over.area(np.array([True, False])) == pytest.approx(1000**2, rel=1e-6)
    beside = footprints.PointCells(np.array([74.75]), np.array([36.42]), 1000.0).cover(region)
    assert beside.area() == 0 and beside.weights.tolist() == [0.0]


def test_the_ice_of_a_mask_and_a_widened_outline():
    ice = np.zeros((10, 10), bool)
    ice[2:4, 3:7] = True
    region = regions.region("outline", regions.of_mask(ice, geobox()))
    cover = footprints.GridCells(geobox()).cover(region)
    np.testing.assert_array_equal(cover.weights > 1, ice)
    assert cover.area() / region.area == pytest.approx(1.0, abs=1e-6)
    wide = regions.widened(region, 100.0)
    assert wide.area == pytest.approx(region.area + 100 * 1200 + np.pi * 100**2, rel=2e-3)
    with pytest.raises(InputError, match=r"mask of ice: expected pixels inside the outline, found none"):
        regions.of_mask(np.zeros((10, 10), bool), geobox())


@pytest.mark.parametrize("shape", [shapely.Point(74, 36), shapely.Polygon(), shapely.LineString([(74, 36), (75, 36)])])
def test_an_outline_without_area_is_refused(shape):
    with pytest.raises(InputError, match=r"outline: expected a polygon, found \w+ without an area"):
        regions.region("outline", shape)


def test_a_grid_is_described_in_a_few_words():
    assert footprints.GridCells(geobox()).describe() == "10×10 pixels of 100×100 m in EPSG:32643"
    words = footprints.GridCells(modis_box(74.5, 36.3, 74.7, 36.5)).describe()
    assert "pixels of 926.625×926.625 m" in words and len(words) < 100
