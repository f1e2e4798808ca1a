"""Strain rates: closed forms of shear, stretching, rotation and a glacier's profile; eight times Sobel's; gaps."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from scipy.ndimage import sobel

from glaciercast.errors import InputError
from glaciercast.motion.strain import flow_direction, strain_rate, turned

GRID = GeoBox((40, 50), Affine(120, 0, 500000, 0, -120, 4000000), "EPSG:32643")
INNER = slice(1, -1), slice(1, -1)


def places(grid: GeoBox = GRID) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the grid's nodes, m, from its corner."""
    column, row = np.meshgrid(np.arange(grid.shape.x) + 0.5, np.arange(grid.shape.y) + 0.5)
    x, y = grid.affine * (column, row)
    return x - 500000, y - 4000000


def test_pure_shear_stretching_and_rotation_by_closed_form():
    x, y = places()
    k = 0.02  # 1/yr
    shear = strain_rate(k * y, 0 * x, GRID)
    np.testing.assert_allclose([shear.xx[INNER], shear.yy[INNER], shear.xy[INNER] - k / 2], 0, atol=1e-12)
    pure = strain_rate(k * y, k * x, GRID)
    np.testing.assert_allclose(pure.xy[INNER], k)
    stretched = strain_rate(3 * k * x, -k * y, GRID)
    np.testing.assert_allclose([stretched.xx[INNER] - 3 * k, stretched.yy[INNER] + k, stretched.xy[INNER]], 0, atol=1e-12)
    for part in strain_rate(-k * y, k * x, GRID):
        np.testing.assert_allclose(part[INNER], 0, atol=1e-12)


def test_it_is_an_eighth_of_the_unweighted_sobel_per_vector():
    vx, vy = np.random.default_rng(0).normal(size=(2, *GRID.shape))
    rate = strain_rate(vx, vy, GRID)
    np.testing.assert_allclose(8 * rate.xx[INNER], sobel(vx, axis=1)[INNER] / 120)
    np.testing.assert_allclose(8 * rate.yy[INNER], -sobel(vy, axis=0)[INNER] / 120)
    np.testing.assert_allclose(16 * rate.xy[INNER], (-sobel(vx, axis=0) + sobel(vy, axis=1))[INNER] / 120, atol=1e-12)


def test_a_grid_that_is_turned_and_not_square_has_the_same_strain():
    skew = GeoBox((30, 40), Affine.translation(500000, 4000000) * Affine.rotation(33) * Affine.scale(80, -130), "EPSG:32643")
    x, y = places(skew)
    rate = strain_rate(0.01 * x + 0.03 * y, 0.05 * x - 0.02 * y, skew)
    np.testing.assert_allclose([part[INNER].mean() for part in rate], [0.01, -0.02, 0.04])
    np.testing.assert_allclose([np.ptp(part[INNER]) for part in rate], 0, atol=1e-12)


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 180, 210, 300])
def test_flow_beside_a_margin_shears_and_does_not_stretch_whichever_way_it_goes(degrees):
    x, y = places()
    angle = np.radians(degrees)
    across = -np.sin(angle) * x + np.cos(angle) * y
    speed = 300 + 0.02 * across  # faster to the left of the flow
    vx, vy = speed * np.cos(angle), speed * np.sin(angle)
    rate = turned(strain_rate(vx, vy, GRID), flow_direction(vx, vy, GRID))
    np.testing.assert_allclose(rate.xx[INNER], 0, atol=1e-9)
    np.testing.assert_allclose(rate.yy[INNER], 0, atol=1e-9)
    np.testing.assert_allclose(rate.xy[INNER], 0.01, rtol=1e-9)


def test_turning_keeps_trace_and_determinant():
    vx, vy = np.random.default_rng(1).normal(size=(2, *GRID.shape))
    rate = strain_rate(vx, vy, GRID)
    other = turned(rate, 0.7)
    np.testing.assert_allclose((other.xx + other.yy)[INNER], (rate.xx + rate.yy)[INNER], atol=1e-12)
    np.testing.assert_allclose((other.xx * other.yy - other.xy**2)[INNER], (rate.xx * rate.yy - rate.xy**2)[INNER], atol=1e-12)


def test_a_missing_vector_takes_its_neighbours_strain_and_no_more():
    x, y = places()
    vx = 0.01 * x
    vx[20, 20] = np.nan
    missing = np.isnan(strain_rate(vx, 0 * y, GRID).xx)
    expected = np.ones_like(missing)
    expected[INNER] = False
    expected[19:22, 19:22] = True
    np.testing.assert_array_equal(missing, expected)


def test_the_direction_of_flow_is_not_torn_at_180_degrees_nor_led_by_one_blunder():
    rng = np.random.default_rng(2)
    angle = np.pi + rng.normal(0, 0.1, GRID.shape)
    vx, vy = 200 * np.cos(angle), 200 * np.sin(angle)
    vx[20, 25], vy[20, 25] = 90_000, 90_000
    vx[5, 5] = np.nan
    found = flow_direction(vx, vy, GRID)
    assert np.isnan(found[5, 5]) and np.isfinite(found).sum() == found.size - 1
    assert np.nanmax(np.abs(np.angle(np.exp(1j * (found - np.pi))))) < 0.12


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match=r"strain: expected vx and vy of shape \(40, 50\), found \(2, 2\) and \(40, 50\)"):
        strain_rate(np.zeros((2, 2)), np.zeros((40, 50)), GRID)
