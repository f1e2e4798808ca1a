"""The terrain: gradients and aspect by the compass, long profiles in closed form, and a landscape within its limits."""

from __future__ import annotations

import numpy as np
import pytest

from glaciercast.simulate import scenario, terrain, valleys, world

X = (np.arange(40) * 30.0)[None, :] + np.zeros((40, 1))
NORTH = -(np.arange(40) * 30.0)[:, None] + np.zeros((1, 40))


@pytest.mark.parametrize("towards", [0.0, 37.0, 90.0, 180.0, 215.0, 300.0])
def test_slope_and_aspect_of_a_plane(towards):
    fall = 0.5
    angle = np.radians(towards)
    plane = 5000 - fall * (X * np.sin(angle) + NORTH * np.cos(angle))
    ground = terrain.surface(plane.astype(np.float32), 30.0)
    np.testing.assert_allclose(ground.slope, np.arctan(fall), rtol=1e-3)
    turn = (np.degrees(ground.aspect) - towards + 180) % 360 - 180  # descends in that direction, clockwise from north
    np.testing.assert_allclose(turn, 0, atol=0.1)
    np.testing.assert_allclose(ground.gradient_east, -fall * np.sin(angle), atol=1e-3)
    np.testing.assert_allclose(ground.gradient_north, -fall * np.cos(angle), atol=1e-3)
    assert ground.aspect.min() >= 0


def test_gradients_belong_to_the_elevation(tiny):
    again = terrain.surface(tiny.elevation, 30.0)
    inner = (slice(1, -1), slice(1, -1))  # the world's edge is cut from a larger terrain
    np.testing.assert_allclose(tiny.terrain.gradient_east[inner], again.gradient_east[inner], atol=1e-6)
    np.testing.assert_allclose(tiny.aspect[inner], again.aspect[inner], atol=1e-5)


def test_the_landscape_lies_within_its_limits(tiny):
    spec = tiny.scenario.terrain
    relief = spec.peak - spec.valley_floor
    assert spec.valley_floor - 0.1 * relief < tiny.elevation.min() < spec.valley_floor + 0.1 * relief
    assert abs(float(tiny.elevation.max()) - spec.peak) < 0.1 * relief
    slope = np.degrees(tiny.slope)
    off = ~tiny.ice
    assert 15 < np.median(slope[off]) < 46  # mountains, at most about as steep as the strongest rock
    assert np.quantile(slope[off], 0.95) < np.degrees(np.arctan(terrain.STEEPEST[1])) + 5
    assert np.median(slope[tiny.glacier.margin > 0.2]) < 20  # ice is flatter than the walls
    assert (slope < 80).all()


def test_all_points_of_the_compass_occur(tiny):
    counts, _ = np.histogram(np.degrees(tiny.aspect), bins=8, range=(0, 360))
    assert counts.min() > 0.03 * tiny.aspect.size


def test_the_walls_rise_from_the_valley(tiny):
    lateral = np.abs(tiny.plan.trunk.lateral)
    middle = (tiny.plan.trunk.along > tiny.plan.junction) & (tiny.plan.trunk.along < tiny.plan.terminus)
    ice, wall = (tiny.elevation[middle & (lateral > low) & (lateral < high)].mean() for low, high in ((0, 0.8), (2.5, 3.5)))
    assert wall > ice + 50


def test_the_long_profile_of_the_trunk():
    spec = scenario.load("shisper-like")
    _, grid = world._grids(spec)
    y, x = (np.asarray(grid.coordinates[axis].values) for axis in ("y", "x"))
    plan = valleys.plan(spec, x, y, 1)
    lines = terrain.profiles(spec, plan, 0.0)
    order = np.argsort(plan.trunk.along, axis=None)
    along, surface, slope = (part.ravel()[order][::97] for part in (plan.trunk.along, lines.surface, lines.slope))
    relief = 4500
    assert np.interp(plan.terminus, along, surface) == pytest.approx(2500 + 0.07 * relief, abs=3)
    assert np.interp(plan.length, along, surface) == pytest.approx(2500, abs=3)
    top = np.interp(plan.head, along, surface)
    assert 2500 + 0.7 * relief < top < 2500 + 0.95 * relief
    between = (along > plan.head) & (along < plan.length)
    assert (np.diff(surface[between]) <= 1e-9).all()
    measured = -np.gradient(surface, along)
    inside = between & (np.abs(along - plan.terminus) > 400)
    assert np.median(np.abs(measured[inside] - slope[inside])) < 2e-3
    assert (slope[inside] > 0).all()


def test_the_bed_of_the_side_valley_lies_below_the_ice_that_dams_it():
    spec = scenario.load("tiny")
    _, grid = world._grids(spec)
    y, x = (np.asarray(grid.coordinates[axis].values) for axis in ("y", "x"))
    plan = valleys.plan(spec, x, y, 1)
    thick, thin = (terrain.profiles(spec, plan, depth) for depth in (100.0, 50.0))
    np.testing.assert_allclose(thin.lake_valley - thick.lake_valley, terrain.DAM_DEPTH * 50.0, atol=1e-6)
    mouth = np.abs(plan.lake_valley.along - plan.lake_valley_length) < 30
    at_mouth = np.interp(plan.dam + 2 * float(plan.lake_valley.half_width.flat[0]), *_profile(plan, thick))
    np.testing.assert_allclose(thick.lake_valley[mouth], at_mouth - 85, atol=3)
    np.testing.assert_array_equal(thin.surface, thick.surface)


def _profile(plan: valleys.Plan, lines: terrain.Profiles) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(plan.trunk.along, axis=None)
    return plan.trunk.along.ravel()[order], lines.surface.ravel()[order]


def test_cropping_keeps_the_middle(tiny):
    part = terrain.cropped(tiny.terrain, 5)
    np.testing.assert_array_equal(part.elevation, tiny.elevation[5:-5, 5:-5])
    np.testing.assert_array_equal(part.aspect, tiny.aspect[5:-5, 5:-5])
