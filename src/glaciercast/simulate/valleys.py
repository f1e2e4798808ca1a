"""The plan of the glacier: trunk, tributary and the side valley of the lake, as analytic coordinates along and across each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glaciercast.simulate.scenario import Scenario
from glaciercast.simulate.seeds import generator

HEAD = 0.12
"""Where the trunk begins, as a share of the area's length from the headwall."""


@dataclass(frozen=True)
class Course:
    """Position of every pixel relative to one valley.

    Lengths are in metres. `along` runs down-valley from the head, `across` to the right of the centre line when looking
    down-valley. Lines of constant across/half_width are the streamlines.
    """

    along: np.ndarray
    across: np.ndarray
    half_width: np.ndarray
    east: np.ndarray
    """Unit vector of the flow, eastward component."""
    north: np.ndarray

    @property
    def lateral(self) -> np.ndarray:
        """`across` as a share of the half width: −1 and 1 at the margins."""
        return np.asarray(self.across / self.half_width)


@dataclass(frozen=True)
class Plan:
    """Where everything lies, in metres."""

    length: float
    """Of the area along the valley."""
    head: float
    terminus: float
    """Distance along the trunk where the ice ends in the quiet state."""
    reach: float
    """Distance along the trunk that a surge can reach."""
    junction: float
    """Distance along the trunk where the tributary joins."""
    dam: float
    """Distance along the trunk where the side valley of the lake joins."""
    side: int
    """+1 if the tributary comes from the right."""
    trunk: Course
    tributary: Course
    tributary_length: float
    lake_valley: Course
    lake_valley_length: float


def plan(scenario: Scenario, x: np.ndarray, y: np.ndarray, seed: int) -> Plan:
    """Lay out the valleys over pixel centres `x` (x,), `y` (y,) in metres of the site's CRS."""
    rng = generator(seed, "valleys")
    area, glacier = scenario.area, scenario.glacier
    length = min(area.rows, area.columns) * area.resolution
    azimuth = np.deg2rad(scenario.terrain.azimuth)
    down, right = (np.sin(azimuth), np.cos(azimuth)), (np.cos(azimuth), -np.sin(azimuth))
    east, north = x[None, :] - x.mean(), y[:, None] - y.mean()
    a = east * down[0] + north * down[1] + length / 2
    b = east * right[0] + north * right[1]

    side = int(rng.choice([-1, 1]))
    phase, bend = rng.uniform(-0.1, 0.1), rng.uniform(0.04, 0.055) * length * rng.choice([-1, 1])
    half = glacier.width / 2
    head, terminus = HEAD * length, glacier.terminus * length
    reach = terminus + (0.12 * length if scenario.surge else 0.0)
    junction, dam = (0.42 + rng.uniform(-0.03, 0.03)) * length, terminus - 0.10 * length

    wave, swing = 2 * np.pi / length, rng.uniform(0, 2 * np.pi, 2)

    def centre(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        angle, ripple = wave * 0.75 * s + 2 * np.pi * phase, wave * 1.9 * s + swing[0]
        offset = bend * (np.sin(angle) + 0.25 * np.sin(ripple))
        return offset, bend * wave * (0.75 * np.cos(angle) + 0.25 * 1.9 * np.cos(ripple))

    def width(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the half width and its slope: a firn basin twice as wide as the tongue, and walls that are never parallel."""
        from_basin = (s - head - 0.06 * length) / (0.09 * length)
        basin, angle = 1.2 * np.exp(-(from_basin**2)), wave * 3.1 * s + swing[1]
        slope = basin * -2 * from_basin / (0.09 * length) + 0.12 * wave * 3.1 * np.cos(angle)
        return half * (1 + basin + 0.12 * np.sin(angle)), half * slope

    trunk = _course(a, b, down, right, centre, width)
    at_junction, at_dam = float(centre(np.array(junction))[0]), float(centre(np.array(dam))[0])
    tributary, tributary_length = _side_valley(
        a, b, down, right, (0.17 * length, side * 0.33 * length), (junction, at_junction), 0.55 * half, 0.02 * length
    )
    lake_valley, lake_length = _side_valley(
        a, b, down, right, (dam - 0.10 * length, -side * 0.30 * length), (dam, at_dam), max(0.4 * half, 60.0), 0.012 * length
    )
    return Plan(length, head, terminus, reach, junction, dam, side, trunk, tributary, tributary_length, lake_valley, lake_length)


def rounded_head(plan: Plan, along: np.ndarray) -> np.ndarray:
    """Return the square of the share of its width that the trunk has at `along` (m): the firn basin begins as a bowl."""
    x = (along - plan.head) / (0.14 * plan.length)
    return np.asarray(np.clip(1 - (1 - np.clip(x, 0, 1)) ** 2.5, 1e-3, 1))


def _side_valley(
    a: np.ndarray,
    b: np.ndarray,
    down: tuple[float, float],
    right: tuple[float, float],
    start: tuple[float, float],
    end: tuple[float, float],
    half: float,
    bend: float,
) -> tuple[Course, float]:
    """Return the course from `start` to `end` (both along, across the trunk's axis) and its length."""
    step = np.array(end) - np.array(start)
    length = float(np.hypot(*step))
    axis = step / length
    s = (a - start[0]) * axis[0] + (b - start[1]) * axis[1]
    n = -(a - start[0]) * axis[1] + (b - start[1]) * axis[0]
    along = (axis[0] * down[0] + axis[1] * right[0], axis[0] * down[1] + axis[1] * right[1])
    across = (-axis[1] * down[0] + axis[0] * right[0], -axis[1] * down[1] + axis[0] * right[1])

    def centre(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return bend * np.sin(2 * np.pi * distance / length), bend * np.cos(2 * np.pi * distance / length) * 2 * np.pi / length

    def width(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full_like(distance, half), np.zeros_like(distance)

    return _course(s, n, along, across, centre, width), length


def _course(
    s: np.ndarray,
    n: np.ndarray,
    along: tuple[float, float],
    across: tuple[float, float],
    centre: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    width: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> Course:
    offset, offset_slope = centre(s)
    half, half_slope = width(s)
    lean = 1 / np.hypot(1, offset_slope)  # the distance to a slanting line is shorter than that along the normal of the axis
    lateral = (n - offset) * lean / half
    slope = offset_slope + np.clip(lateral, -1.5, 1.5) * half_slope
    norm = np.hypot(1, slope)
    return Course(s, (n - offset) * lean, half, (along[0] + slope * across[0]) / norm, (along[1] + slope * across[1]) / norm)
