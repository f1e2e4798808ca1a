"""Pixels → m/yr: by hand, on either hemisphere, in any projection, and along the flow."""

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS, Proj

from glaciercast.errors import InputError
from glaciercast.motion.velocity import along_flow, scale_factors, velocity, years_between

MERIDIAN = GeoBox((3, 5), Affine(30, 0, 500000 - 75, 0, -30, 4000045), "EPSG:32643")
"""Its third column is centred on the central meridian, where UTM's scale is 0.9996."""


def ones(geobox, value):
    return np.full(geobox.shape, value, "float64")


def test_two_pixels_of_30_m_in_16_days_are_1370_m_a_year():
    found = velocity(ones(MERIDIAN, 2.0), ones(MERIDIAN, 0.0), 0.1, MERIDIAN, "2021-03-01", "2021-03-17")
    by_hand = 2 * 30 / 0.9996 * 365.25 / 16  # 1370.23 m/yr
    assert found.vx[1, 2] == pytest.approx(by_hand, rel=1e-6) == pytest.approx(1370.236, abs=1e-3)
    np.testing.assert_array_equal(found.vy, 0)
    assert found.error[1, 2] == pytest.approx(by_hand / 20, rel=1e-6)


def test_down_the_rows_is_southward_and_pixels_need_not_be_square():
    wide = GeoBox((4, 4), Affine(20, 0, 500000, 0, -10, 4000000), "EPSG:32643")
    found = velocity(ones(wide, 1.0), ones(wide, -3.0), 1.0, wide, "2021-01-01", "2022-01-01")
    assert found.vx[0, 0] == pytest.approx(20 / 0.9996 * 365.25 / 365, rel=1e-5)
    assert found.vy[0, 0] == pytest.approx(30 / 0.9996 * 365.25 / 365, rel=1e-5)  # up the rows: northward
    assert found.error[0, 0] == pytest.approx(np.sqrt(200) / 0.9996 * 365.25 / 365, rel=1e-5)
    np.testing.assert_allclose(found.speed, np.hypot(found.vx, found.vy))


def test_a_year_has_365_25_days_whether_it_leaps_or_not():
    assert years_between("2020-01-01", "2021-01-01") == pytest.approx(366 / 365.25)
    assert years_between("2021-01-01", "2022-01-01") == pytest.approx(365 / 365.25)
    assert years_between("2020-02-28", "2020-03-01") == pytest.approx(2 / 365.25)
    assert years_between("2020-01-01T00:00", "2020-01-01T12:00") == pytest.approx(0.5 / 365.25)


def test_utm_is_true_to_0_9996_on_its_central_meridian_north_and_south():
    for code, north in (("EPSG:32643", 4000000), ("EPSG:32718", 4500000), ("EPSG:32718", 9900000)):
        geobox = GeoBox((3, 3), Affine(30, 0, 500000 - 45, 0, -30, north), code)
        along_x, along_y = scale_factors(geobox)
        assert along_x[1, 1] == pytest.approx(0.9996, abs=1e-8) and along_y[1, 1] == pytest.approx(0.9996, abs=1e-8)


@pytest.mark.parametrize(
    ("code", "corner"),
    [
        ("EPSG:32643", (800000, 4000000)),  # beyond the edge of the zone
        ("EPSG:32718", (620000, 4100000)),  # Patagonia
        ("EPSG:32622", (300000, 7700000)),  # Jakobshavn
        ("EPSG:3413", (-3285000, 182600)),  # Lowell, north polar stereographic
        ("EPSG:3031", (-1600000, -300000)),  # Pine Island, south polar stereographic
    ],
)
def test_scales_of_conformal_maps_are_those_of_proj_in_both_directions(code, corner):
    geobox = GeoBox((800, 700), Affine(120, 0, corner[0], 0, -120, corner[1]), code)
    along_x, along_y = scale_factors(geobox)
    row, column = np.array([0, 13, 400, 799]), np.array([699, 350, 7, 0])
    lon, lat = Proj(code)(*(geobox.affine * (column + 0.5, row + 0.5)), inverse=True)
    factors = Proj(CRS(code)).get_factors(lon, lat)
    for found in (along_x, along_y):
        np.testing.assert_allclose(found[row, column], factors.meridional_scale, rtol=3e-6)


def test_a_map_that_is_not_conformal_has_two_scales():
    north_of_true = GeoBox((3, 3), Affine(100, 0, 4321000 - 150, 0, -100, 5300000), "EPSG:3035")  # LAEA, due north of its centre
    along_x, along_y = scale_factors(north_of_true)
    assert along_x[1, 1] > 1 > along_y[1, 1] and along_x[1, 1] * along_y[1, 1] == pytest.approx(1, abs=1e-5)  # equal area


def test_vectors_of_a_tracker_lie_on_a_coarser_grid_but_count_pixels_of_the_scene():
    scene = GeoBox((160, 320), Affine(10, 0, 500000, 0, -10, 4000000), "EPSG:32643")
    chips = GeoBox((10, 20), Affine(160, 0, 500000, 0, -160, 4000000), "EPSG:32643")
    found = velocity(ones(chips, 1.0), ones(chips, 0.0), 0.1, scene, "2020-01-01", "2020-01-11", chips)
    assert found.vx.shape == (10, 20) and found.vx[0, 0] == pytest.approx(10 / 0.9996 * 36.525, rel=1e-5)


def test_what_is_missing_stays_missing():
    dx = ones(MERIDIAN, 1.0)
    dx[0, 0] = np.nan
    found = velocity(dx, dx, 0.1, MERIDIAN, "2020-01-01", "2020-01-17")
    assert np.isnan([found.vx[0, 0], found.vy[0, 0], found.error[0, 0]]).all() and np.isfinite(found.vx).sum() == 14


@pytest.mark.parametrize(("first", "second"), [("2020-01-17", "2020-01-01"), ("2020-01-01", "2020-01-01"), ("2020-01-01", "NaT")])
def test_dates_that_are_reversed_equal_or_missing_are_refused(first, second):
    with pytest.raises(InputError, match=r"dates: expected a second acquisition after the first, found"):
        velocity(ones(MERIDIAN, 1.0), ones(MERIDIAN, 1.0), 0.1, MERIDIAN, first, second)


def test_other_zones_degrees_and_shapes_are_refused():
    other = GeoBox(MERIDIAN.shape, MERIDIAN.affine, "EPSG:32644")
    with pytest.raises(InputError, match=r"expected vectors in the CRS of the scene, EPSG:32643, found EPSG:32644"):
        velocity(ones(other, 1.0), ones(other, 1.0), 0.1, MERIDIAN, "2020-01-01", "2020-01-17", other)
    with pytest.raises(InputError, match=r"expected dx and dy of shape \(3, 5\), found \(2, 5\)"):
        velocity(np.zeros((2, 5)), np.zeros((3, 5)), 0.1, MERIDIAN, "2020-01-01", "2020-01-17")
    degrees = GeoBox((2, 2), Affine(0.1, 0, 10, 0, -0.1, 50), "EPSG:4326")
    with pytest.raises(InputError, match=r"expected a projected CRS"):
        scale_factors(degrees)


def test_the_component_along_the_flow_is_unbiased_where_speed_is_not():
    rng = np.random.default_rng(0)
    vx, vy = (mean + rng.normal(0, 30, (4000, 2, 2)) for mean in (6.0, -8.0))
    along, across = along_flow(vx, vy)
    np.testing.assert_allclose(along.mean(axis=0), np.hypot(vx.mean(axis=0), vy.mean(axis=0)))
    np.testing.assert_allclose(across.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(along**2 + across**2, vx**2 + vy**2)
    assert abs(along.mean() - 10) < 1.5 and np.hypot(vx, vy).mean() > 35
