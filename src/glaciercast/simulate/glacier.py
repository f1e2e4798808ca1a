"""The ice: thickness from a constant driving stress, speed from channel flow, debris that thickens towards the snout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.simulate.scenario import Scenario
from glaciercast.simulate.terrain import Profiles
from glaciercast.simulate.valleys import Course, Plan, rounded_head

ICE_DENSITY, GRAVITY = 900.0, 9.81
DRIVING_STRESS = 1.2e5
"""Pa; valley glaciers lie at 0.5–1.5 bar (Cuffey & Paterson 2010, ch. 8)."""
SHAPE_FACTOR = 0.65
"""Share of the driving stress that the bed carries; the valley walls carry the rest (Nye 1965)."""
GLEN_EXPONENT = 3
SNOUT = 0.12
"""Share of the trunk's length over which the snout tapers."""


@dataclass(frozen=True)
class Glacier:
    """The ice on the master grid; arrays are float32 (y, x) unless said otherwise."""

    ice: np.ndarray
    """bool: glacier of the quiet state, with its debris-covered tongue."""
    margin: np.ndarray
    """Positive inside the ice, 0 at its edge: 1 − (across / half width)², the larger of trunk and tributary."""
    thickness: np.ndarray
    """m."""
    debris: np.ndarray
    """Share of the surface that debris covers, before its texture."""
    crevasses: np.ndarray
    """0–1, where ice stretches over the icefall and at the margins."""
    creep: np.ndarray
    """(2, y, x) east and north, m/yr: internal deformation, steady."""
    sliding: np.ndarray
    """(2, y, x), m/yr: mean sliding, to be multiplied by its season."""
    surge: np.ndarray
    """(2, y, x), m/yr: at the surge's peak; zero without one."""


def thickness(scenario: Scenario, plan: Plan, slope: np.ndarray) -> np.ndarray:
    """Return the ice thickness on the trunk's centre line, m, by perfect plasticity: H = τ / (f ρ g sin α), at most the scenario's."""
    plastic = DRIVING_STRESS / (SHAPE_FACTOR * ICE_DENSITY * GRAVITY * np.sin(np.arctan(np.clip(slope, 0.02, None))))
    x = (plan.trunk.along - plan.head) / (plan.terminus - plan.head)
    ends = np.sqrt(np.clip(x / 0.1, 0.05, 1)) * np.sqrt(np.clip((1 - x) / SNOUT, 0, 1))
    return np.asarray(np.minimum(plastic, scenario.glacier.thickness) * ends)


def make(scenario: Scenario, plan: Plan, lines: Profiles) -> Glacier:
    """Return thickness, velocity and debris of trunk and tributary."""
    trunk, tributary = plan.trunk, plan.tributary
    centre = thickness(scenario, plan, lines.slope)
    quiet = _trunk(plan, plan.terminus)
    joining = _joining(plan)
    margin = np.fmax(quiet, joining)
    side = 0.6 * float(centre[plan.trunk.along > plan.junction].max())  # a smaller valley, thinner ice
    depth = np.where(quiet > 0, centre * quiet, side * np.nan_to_num(np.clip(joining, 0, None)))

    creep, sliding = _quiet_flow(scenario, plan, lines, centre, quiet, joining)
    x = np.clip((trunk.along - plan.head) / (plan.terminus - plan.head), 0, 1.3)
    cover = _ramp(x, 1 - scenario.glacier.debris, 1.0) if scenario.glacier.debris > 0 else np.zeros_like(x)
    moraine = _moraines(plan, x)
    debris = np.where(quiet > 0, np.clip(cover * 1.15 + moraine, 0, 1), 0.25 * np.clip(np.abs(tributary.lateral) - 0.75, 0, 1) * 4)
    crevasses = np.clip(np.exp(-(((x - 0.38) / 0.09) ** 2)) + 0.5 * _ramp(np.abs(trunk.lateral), 0.6, 0.9), 0, 1)
    return Glacier(
        margin > 0,
        margin.astype(np.float32),
        np.where(margin > 0, depth, 0).astype(np.float32),
        np.where(margin > -0.2, debris, 0).astype(np.float32),
        crevasses.astype(np.float32),
        creep,
        sliding,
        _surge_flow(scenario, plan),
    )


def _trunk(plan: Plan, end: float) -> np.ndarray:
    """Return the trunk's `_inside`, down to `end` (m along it)."""
    return _inside(plan.trunk, plan.head, end, rounded_head(plan, plan.trunk.along))


def _inside(course: Course, head: float, end: float, top: np.ndarray) -> np.ndarray:
    """Return 1 − lateral² over a width that tapers by `top` (squared) at the head and to a rounded snout; 0 at the edge."""
    x = (course.along - head) / (end - head)
    nose = np.clip(1 - ((np.clip(x, 1 - SNOUT, None) - (1 - SNOUT)) / SNOUT) ** 2, 1e-3, 1)
    return np.asarray(np.where((x > 0) & (x < 1), 1 - course.lateral**2 / (nose * top), -1.0))


def _joining(plan: Plan) -> np.ndarray:
    """Return the tributary's `_inside`, carried on under the trunk so that the two meet without a gap."""
    length, along = plan.tributary_length, plan.tributary.along
    top = np.clip(1 - (1 - np.clip((along / length - 0.12) / 0.2, 0, 1)) ** 2.5, 1e-3, 1)
    return np.asarray(np.where(along < length, _inside(plan.tributary, 0.12 * length, 1.25 * length, top), np.nan))


def _profile(inside: np.ndarray, power: int) -> np.ndarray:
    """Return the speed across the channel as a share of the centre's: 1 − |lateral|^power (Nye 1965 for power n + 1)."""
    return np.where(inside > 0, 1 - (1 - np.clip(inside, 0, 1)) ** (power / 2), 0)


def _quiet_flow(
    scenario: Scenario, plan: Plan, lines: Profiles, centre: np.ndarray, quiet: np.ndarray, joining: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return creep and mean sliding, (2, y, x) m/yr, whose sum has the scenario's greatest speed."""
    stress = SHAPE_FACTOR * ICE_DENSITY * GRAVITY * centre * np.sin(np.arctan(np.clip(lines.slope, 0.005, None)))
    deformation = stress**GLEN_EXPONENT * centre
    x = np.clip((plan.trunk.along - plan.head) / (plan.terminus - plan.head), 0, 1)
    balance = np.clip(x / 0.35, 0, 1) ** 0.7 * np.clip((1 - x) / 0.6, 0, 1) ** 0.8  # ice speeds up to the snow line, then melts away
    along = deformation / deformation.max() * 0.5 + 0.5
    along = along * balance
    along *= scenario.glacier.speed / along[quiet > 0].max()
    share = scenario.glacier.sliding_share
    slower = 0.45 * scenario.glacier.speed * _ramp(plan.tributary.along / plan.tributary_length, 0.1, 0.5)
    into = np.clip(1.5 * np.nan_to_num(joining, nan=0.0), 0, 1) * _ramp(
        np.abs(plan.trunk.lateral), 0.55, 1.0
    )  # the trunk rules its own middle

    def combined(part: float, power: int) -> np.ndarray:
        main = part * along * _profile(quiet, power)
        side = part * slower * _profile(np.nan_to_num(joining, nan=-1.0), power)
        east = (1 - into) * main * plan.trunk.east + into * side * plan.tributary.east
        north = (1 - into) * main * plan.trunk.north + into * side * plan.tributary.north
        return np.stack([east, north]).astype(np.float32)

    return combined(1 - share, GLEN_EXPONENT + 1), combined(share, 8)


def _surge_flow(scenario: Scenario, plan: Plan) -> np.ndarray:
    """Return the additional velocity at the surge's peak, (2, y, x) m/yr: plug flow of the lower trunk that carries the front forward."""
    if scenario.surge is None:
        return np.zeros((2, *plan.trunk.along.shape), np.float32)
    inside = _trunk(plan, plan.reach)
    x = (plan.trunk.along - plan.head) / (plan.terminus - plan.head)
    end = (plan.reach - plan.head) / (plan.terminus - plan.head)
    along = _ramp(x, 0.25, 0.55) * np.sqrt(np.clip((end - x) / (end - 0.8), 0, 1))
    speed = scenario.surge.speed * 365.25 * along * _profile(inside, 10)
    return np.stack([speed * plan.trunk.east, speed * plan.trunk.north]).astype(np.float32)


def _moraines(plan: Plan, x: np.ndarray) -> np.ndarray:
    """Return bands of debris along streamlines: lateral moraines, and the medial one that begins where the tributary joins."""
    lateral = plan.trunk.lateral
    sides = np.exp(-(((np.abs(lateral) - 0.93) / 0.06) ** 2)) * _ramp(x, 0.15, 0.4)
    below = _ramp(plan.trunk.along, plan.junction - 0.02 * plan.length, plan.junction + 0.03 * plan.length)
    medial = np.exp(-(((lateral - 0.42 * plan.side) / (0.05 + 0.04 * x)) ** 2)) * below
    thin = 0.6 * np.exp(-(((lateral + 0.3 * plan.side) / 0.04) ** 2)) * _ramp(x, 0.3, 0.5)
    return np.asarray(np.clip(0.9 * sides + 0.95 * medial + thin, 0, 1))


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
