"""Axes of maps point where PROJ's convergence says, and velocities turn to them and keep their length."""

from __future__ import annotations

import numpy as np
import pytest
from pyproj import CRS, Proj, Transformer

from glaciercast.errors import InputError
from glaciercast.motion.axes import directions, to_map


@pytest.mark.parametrize(
    ("code", "x", "y"), [("EPSG:32643", 780000, 4000000), ("EPSG:32718", 620000, 4400000), ("EPSG:3413", -3285000, 182600)]
)
def test_axes_of_conformal_maps_are_turned_by_their_convergence(code, x, y):
    found = directions(code, np.array([x]), np.array([y]))[0]
    lon, lat = Proj(code)(x, y, inverse=True)
    angle = np.radians(Proj(CRS(code)).get_factors(lon, lat).meridian_convergence)  # of grid north, clockwise from true north
    np.testing.assert_allclose(found, [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], atol=2e-6)


def test_moving_on_the_map_is_moving_on_the_ground():
    """Displaced by a geodesic of 100 m at azimuth 70°, a place moves along the map's axes as its turned components say."""
    code, x, y = "EPSG:3413", -3285000.0, 182600.0
    geographic = Transformer.from_crs(code, "EPSG:4326", always_xy=True)
    lon, lat, _ = CRS(code).get_geod().fwd(*geographic.transform(x, y), 70.0, 100.0)
    there = geographic.transform(lon, lat, direction="INVERSE")
    axes = directions(code, np.array([x]), np.array([y]))
    east, north = 100 * np.sin(np.radians(70)), 100 * np.cos(np.radians(70))
    vx, vy = to_map(np.array([east]), np.array([north]), axes)
    scale = np.hypot(there[0] - x, there[1] - y) / 100
    np.testing.assert_allclose([vx[0], vy[0]], np.array([there[0] - x, there[1] - y]) / scale, atol=1e-3)
    assert np.hypot(vx[0], vy[0]) == pytest.approx(100)


def test_axes_that_are_not_at_right_angles_add_up_to_the_velocity():
    axes = directions("EPSG:3035", np.array([2700000.0]), np.array([1600000.0]))
    x_axis, y_axis = axes[0]
    assert abs(x_axis @ y_axis) > 0.01  # equal area, far from its centre
    vx, vy = to_map(np.array([3.0]), np.array([-4.0]), axes)
    np.testing.assert_allclose(vx[0] * x_axis + vy[0] * y_axis, [3.0, -4.0])


def test_degrees_have_no_axes():
    with pytest.raises(InputError, match="expected a projected CRS with units of metres, found EPSG:4326"):
        directions("EPSG:4326", np.zeros(1), np.zeros(1))
