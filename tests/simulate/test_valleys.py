"""The plan of the valleys: directions by the compass, unit vectors, and streamlines along constant lateral position."""

from __future__ import annotations

import numpy as np
import pytest
from tests.simulate.flat_world import make_scenario

from glaciercast.simulate import scenario, valleys

X, Y = np.arange(160) * 30.0 + 461_745, 4_033_005 - np.arange(160) * 30.0


def laid_out(azimuth: float, seed: int = 1) -> valleys.Plan:
    return valleys.plan(make_scenario(terrain={"azimuth": azimuth}), X, Y, seed)


@pytest.mark.parametrize("azimuth", [0.0, 45.0, 90.0, 160.0, 250.0, 300.0])
def test_the_trunk_descends_by_the_compass(azimuth):
    trunk = laid_out(azimuth).trunk
    inside = np.abs(trunk.lateral) < 1
    mean = np.degrees(np.arctan2(trunk.east[inside].mean(), trunk.north[inside].mean())) % 360
    assert abs((mean - azimuth + 180) % 360 - 180) < 12
    south, east = np.gradient(trunk.along, 30.0)  # the distance grows by a metre a metre in that direction
    np.testing.assert_allclose(east, np.sin(np.radians(azimuth)), atol=1e-6)
    np.testing.assert_allclose(-south, np.cos(np.radians(azimuth)), atol=1e-6)


def test_right_is_right_when_looking_down_valley():
    trunk = laid_out(180.0).trunk  # looking south, the west is to the right
    assert (trunk.across[80, :10] > 0).all()
    assert (trunk.across[80, -10:] < 0).all()


@pytest.mark.parametrize("name", ["trunk", "tributary", "lake_valley"])
def test_directions_are_unit_vectors(name):
    course = getattr(laid_out(160.0), name)
    np.testing.assert_allclose(np.hypot(course.east, course.north), 1, atol=1e-12)


@pytest.mark.parametrize("name", ["trunk", "tributary", "lake_valley"])
def test_the_flow_follows_lines_of_constant_lateral_position(name):
    course = getattr(laid_out(160.0), name)
    south, east = np.gradient(course.lateral, 30.0)
    inside = np.abs(course.lateral) < 0.9
    drift = course.east * east - course.north * south  # change of lateral position by metre of flow
    across = np.hypot(east, south)
    angle = np.degrees(np.arcsin(np.clip(drift / across, -1, 1)))[inside]
    assert np.median(np.abs(angle)) < 2
    assert np.quantile(np.abs(angle), 0.99) < 8


def test_lengths_are_shares_of_the_area():
    spec = scenario.load("tiny")
    plan = laid_out(160.0)
    assert plan.length == 128 * 30
    assert plan.head == pytest.approx(0.12 * 3840)
    assert plan.terminus == pytest.approx(spec.glacier.terminus * 3840)
    assert plan.reach == pytest.approx(plan.terminus + 0.12 * 3840)  # it can surge
    assert plan.head < plan.junction < plan.dam < plan.terminus
    assert 0.3 * plan.length < plan.tributary_length < plan.length


@pytest.mark.parametrize("seed", range(6))
def test_side_valleys_join_on_opposite_sides(seed):
    plan = laid_out(160.0, seed)
    for course, length, side in (
        (plan.tributary, plan.tributary_length, plan.side),
        (plan.lake_valley, plan.lake_valley_length, -plan.side),
    ):
        upper = (np.abs(course.across) < 60) & (course.along > 0.1 * length) & (course.along < 0.5 * length)
        assert (np.sign(plan.trunk.across[upper]) == side).all()
        end = (np.abs(course.across) < 30) & (np.abs(course.along - length) < 30)
        assert (np.abs(plan.trunk.across[end]) < 90).all()  # their mouths lie on the trunk's centre line
    assert plan.trunk.along[
        (np.abs(plan.tributary.across) < 30) & (np.abs(plan.tributary.along - plan.tributary_length) < 30)
    ] == pytest.approx(plan.junction, abs=60)


def test_the_firn_basin_is_wider_than_the_tongue_and_its_head_is_round():
    plan = laid_out(160.0)
    centre = np.abs(plan.trunk.across) < 30
    basin = plan.trunk.half_width[centre & (np.abs(plan.trunk.along - plan.head - 0.06 * plan.length) < 60)].mean()
    tongue = plan.trunk.half_width[centre & (plan.trunk.along > plan.junction) & (plan.trunk.along < plan.terminus)]
    assert tongue.mean() == pytest.approx(210, rel=0.15)  # half of 420 m
    assert 1.6 < basin / 210 < 2.5
    shares = valleys.rounded_head(
        plan, plan.head + np.array([-100.0, 0.0, 0.07, 0.14, 0.5]) * [1, 1, plan.length, plan.length, plan.length]
    )
    np.testing.assert_allclose(shares, [1e-3, 1e-3, 1 - 0.5**2.5, 1, 1])


def test_the_plan_is_a_function_of_the_seed():
    a, b, c = laid_out(160.0, 2), laid_out(160.0, 2), laid_out(160.0, 3)
    np.testing.assert_array_equal(a.trunk.across, b.trunk.across)
    assert np.abs(a.trunk.across - c.trunk.across).max() > 30
