"""The ice: plasticity, speed across and along the trunk, direction, surge and debris."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage
from tests.simulate.flat_world import make_scenario

from glaciercast.simulate import glacier, scenario, terrain, valleys, world


def built(spec: scenario.Scenario) -> tuple[valleys.Plan, terrain.Profiles, glacier.Glacier]:
    _, grid = world._grids(spec)
    y, x = (np.asarray(grid.coordinates[axis].values) for axis in ("y", "x"))
    plan = valleys.plan(spec, x, y, 1)
    lines = terrain.profiles(spec, plan, 0.0)
    return plan, lines, glacier.make(spec, plan, lines)


@pytest.fixture(scope="module")
def aletsch():
    return built(scenario.load("aletsch-like"))


@pytest.mark.parametrize("name", scenario.names())
def test_the_fastest_ice_is_as_fast_as_the_scenario_says(name):
    spec = scenario.load(name)
    _, _, ice = built(spec)
    assert np.hypot(*(ice.creep + ice.sliding)).max() == pytest.approx(spec.glacier.speed, rel=0.02)


def test_sliding_and_creep_share_the_speed_of_the_centre_line(aletsch):
    plan, _, ice = aletsch
    centre = (np.abs(plan.trunk.lateral) < 0.05) & (ice.margin > 0.5) & (plan.trunk.along > plan.junction)
    creep, sliding = np.hypot(*ice.creep)[centre], np.hypot(*ice.sliding)[centre]
    np.testing.assert_allclose(sliding / (creep + sliding), 0.5, atol=0.01)


def test_the_thickness_of_perfect_plasticity(aletsch):
    """H = τ / (f ρ g sin α) on the centre line, where it is below the cap and off both ends."""
    plan, lines, ice = aletsch
    x = (plan.trunk.along - plan.head) / (plan.terminus - plan.head)
    plastic = 1.2e5 / (0.65 * 900 * 9.81 * np.sin(np.arctan(np.maximum(lines.slope, 0.02))))
    centre = (np.abs(plan.trunk.lateral) < 0.02) & (x > 0.12) & (x < 0.86)
    free, capped = centre & (plastic < 700), centre & (plastic > 800)
    assert free.sum() > 20
    np.testing.assert_allclose(ice.thickness[free], plastic[free], rtol=0.01)
    assert not capped.any() or np.allclose(ice.thickness[capped], 750, rtol=0.01)
    assert ice.thickness.max() <= 750


def test_the_cap_of_the_thickness():
    spec = make_scenario(glacier={"thickness": 40})
    plan, _, ice = built(spec)
    x = (plan.trunk.along - plan.head) / (plan.terminus - plan.head)
    centre = (np.abs(plan.trunk.lateral) < 0.1) & (x > 0.5) & (x < 0.86)
    np.testing.assert_allclose(ice.thickness[centre], 40, rtol=0.02)


def test_the_thickness_is_a_parabola_across(aletsch):
    plan, _, ice = aletsch
    x = (plan.trunk.along - plan.head) / (plan.terminus - plan.head)
    band = (np.abs(x - 0.7) < 0.005) & (np.abs(plan.trunk.lateral) < 1)
    share = ice.thickness[band] / ice.thickness[band].max()
    np.testing.assert_allclose(share, 1 - plan.trunk.lateral[band] ** 2, atol=0.03)


def test_the_ice_rests_at_its_margin_and_is_fastest_in_the_middle(aletsch):
    plan, _, ice = aletsch
    speed = np.hypot(*(ice.creep + ice.sliding))
    assert (speed[~ice.ice] == 0).all()
    edge = ice.ice & ~ndimage.binary_erosion(ice.ice)
    trunk = plan.trunk.along > plan.junction + 0.05 * plan.length
    assert np.median(speed[edge & trunk]) < 0.2 * speed.max()
    x = (plan.trunk.along - plan.head) / (plan.terminus - plan.head)
    for share in (0.5, 0.6, 0.7, 0.8):
        band = (np.abs(x - share) < 0.004) & ice.ice & (plan.trunk.across * plan.side < 0)  # away from the tributary
        lateral = np.abs(plan.trunk.lateral[band])
        assert lateral[speed[band].argmax()] < 0.25  # the plug is flat
        relative = speed[band] / speed[band].max()
        closed = 1 - 0.5 * lateral**4 - 0.5 * lateral**8  # half creep (Nye), half sliding
        np.testing.assert_allclose(relative, closed, atol=0.05)


def test_the_ice_slows_down_towards_the_snout(aletsch):
    plan, _, ice = aletsch
    speed = np.hypot(*(ice.creep + ice.sliding))
    x = (plan.trunk.along - plan.head) / (plan.terminus - plan.head)
    centre = np.abs(plan.trunk.lateral) < 0.1
    means = [speed[centre & (np.abs(x - share) < 0.02)].mean() for share in (0.45, 0.6, 0.75, 0.9, 0.97)]
    assert all(up > down for up, down in itertools.pairwise(means))
    assert means[-1] < 0.3 * means[0]


def test_the_ice_flows_downhill(tiny):
    east, north = (tiny.flow.creep + tiny.flow.sliding).astype(float)
    smooth = terrain.surface(ndimage.gaussian_filter(tiny.elevation, 2), 30.0)
    trunk = (tiny.glacier.margin > 0.3) & (np.abs(tiny.plan.trunk.lateral) < 0.8) & (np.hypot(east, north) > 10)
    trunk &= tiny.plan.trunk.along > tiny.plan.head + 0.15 * (tiny.plan.terminus - tiny.plan.head)  # below the bowl of the firn
    assert trunk.sum() > 400
    east, north, rise_east, rise_north = (part[trunk] for part in (east, north, smooth.gradient_east, smooth.gradient_north))
    cosine = -(east * rise_east + north * rise_north) / np.hypot(east, north) / np.hypot(rise_east, rise_north)
    assert np.mean(cosine > 0.5) > 0.9  # within 60° of the line of fall
    assert np.median(cosine) > 0.9


def test_a_surge_moves_the_lower_trunk_and_reaches_beyond_the_terminus(tiny):
    plan, surge = tiny.plan, np.hypot(*tiny.flow.surge)
    assert surge.max() == pytest.approx(1.5 * 365.25, rel=0.02)
    assert (surge[plan.trunk.along < plan.head + 0.25 * (plan.terminus - plan.head)] == 0).all()
    assert surge[(plan.trunk.along > plan.terminus + 60) & (plan.trunk.along < plan.reach - 60)].max() > 100
    assert (surge[plan.trunk.along > plan.reach] == 0).all()
    fast = surge > 50
    dot = tiny.flow.surge[0] * plan.trunk.east + tiny.flow.surge[1] * plan.trunk.north
    np.testing.assert_allclose(dot[fast], surge[fast], rtol=1e-4)


def test_without_a_surge_nothing_surges(aletsch):
    assert (aletsch[2].surge == 0).all()


def test_debris_thickens_towards_the_snout(tiny):
    plan = tiny.plan
    x = (plan.trunk.along - plan.head) / (plan.terminus - plan.head)
    middle = (tiny.glacier.margin > 0.3) & (np.abs(plan.trunk.lateral) < 0.6)
    shares = [float(np.median(tiny.debris[middle & (np.abs(x - at) < 0.04)])) for at in (0.25, 0.6, 0.75, 0.92)]
    assert shares[0] == 0
    assert shares[0] < shares[1] < shares[2] < shares[3]
    assert shares[3] > 0.9
    assert 0 <= tiny.debris.min() <= tiny.debris.max() <= 1


def test_clean_ice_without_debris():
    _, _, ice = built(make_scenario(glacier={"debris": 0}))
    middle = ice.margin > 0.5
    assert np.median(ice.debris[middle]) < 0.02


def test_the_tributary_joins_without_a_gap(aletsch):
    _, _, ice = aletsch
    _, count = ndimage.label(ice.ice)
    assert count == 1
    assert ice.ice.sum() > 5000
    assert (ice.thickness[ice.margin > 0.05] > 0).all()
