"""Mountains: valleys laid out by `valleys`, everything between them shaped by rivers and landslides."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numba
import numpy as np

from glaciercast.simulate import noise
from glaciercast.simulate.scenario import Scenario
from glaciercast.simulate.seeds import generator
from glaciercast.simulate.valleys import Plan, rounded_head

STEEPEST = (0.45, 1.05)
"""Tangents of the steepest slopes that weak and strong rock hold, 24° and 46°."""
DAM_DEPTH = 0.85
"""How deep the lake's valley lies below the surface of the ice that dams it, as a share of the ice thickness."""
ERODIBILITY = 0.05
"""K·√(cell area)·Δt / cell: how far one step of river erosion goes."""
LEVELS = ((110, 250), (220, 40), (440, 8))
"""Cells a side and time steps of the evolution: the large forms first, then the gullies."""


@dataclass(frozen=True)
class Profiles:
    """Long profiles of the valleys, m: each a float64 (y, x) array through the pixels' distance along the valley."""

    surface: np.ndarray
    """Of the trunk: ice surface, or the plain below the terminus."""
    slope: np.ndarray
    """Tangent of the trunk's surface slope, positive downwards."""
    tributary: np.ndarray
    lake_valley: np.ndarray


@dataclass(frozen=True)
class Terrain:
    """The ground and ice surface on the master grid."""

    elevation: np.ndarray
    """float32 (y, x), m."""
    slope: np.ndarray
    """float32 (y, x), rad."""
    aspect: np.ndarray
    """float32 (y, x), direction of descent, rad clockwise from north."""
    gradient_east: np.ndarray
    """float32 (y, x), rise per metre eastward."""
    gradient_north: np.ndarray


def profiles(scenario: Scenario, plan: Plan, thickness_at_dam: float) -> Profiles:
    """Return the long profiles of trunk, tributary and lake valley."""
    floor, relief = scenario.terrain.valley_floor, scenario.terrain.peak - scenario.terrain.valley_floor
    high, low = floor + 0.76 * relief, floor + 0.07 * relief

    def trunk(s: np.ndarray) -> np.ndarray:
        x = (s - plan.head) / (plan.terminus - plan.head)
        ice = low + (high - low) * np.clip(1 - x, 0, None) ** 1.15
        fall = 0.05 * (high - low) * (np.tanh((0.36 - x) / 0.05) - np.tanh((0.36 - 1) / 0.05))  # an icefall
        plain = low - (low - floor) * np.clip((s - plan.terminus) / (plan.length - plan.terminus), 0, 1.3)
        return np.where(x < 1, ice + fall, plain)

    step = 10.0
    surface = trunk(plan.trunk.along)
    slope = (trunk(plan.trunk.along - step) - trunk(plan.trunk.along + step)) / (2 * step)
    mouth = plan.dam + 2 * float(plan.lake_valley.half_width.flat[0])  # the ice is lowest at the mouth's lower end, and must hold the lake
    at_junction, at_dam = float(trunk(np.array(plan.junction))), float(trunk(np.array(mouth)))
    rise = np.clip(1 - plan.tributary.along / plan.tributary_length, 0, None)
    tributary = at_junction + (floor + 0.8 * relief - at_junction) * rise**1.2
    up = np.clip(plan.lake_valley_length - plan.lake_valley.along, 0, None)
    lake_valley = at_dam - DAM_DEPTH * thickness_at_dam + 0.05 * up + 0.12 * np.clip(up - 0.12 * plan.length, 0, None)
    return Profiles(surface, slope, tributary, lake_valley)


def make(scenario: Scenario, plan: Plan, lines: Profiles, seed: int) -> Terrain:
    """Return the terrain around the valleys.

    Rivers cut the rock by the stream-power law E = K·√A·S (Whipple & Tucker 1999) against a steady uplift, solved implicitly
    (Braun & Willett 2013) on a coarse grid and again on finer ones; slopes steeper than `STEEPEST` slide. Valley floors
    and ice surfaces are given, so that all side streams grade to them.
    """
    rng = generator(seed, "terrain")
    shape = plan.trunk.along.shape
    pinned, given = _valley_floors(scenario, plan, lines, seed)
    relief = scenario.terrain.peak - scenario.terrain.valley_floor
    height = _initial(scenario, plan, pinned, given, rng)
    strength = noise.spectral(shape, 1.3, rng, largest=max(shape) / 6)
    steepest = STEEPEST[0] + (STEEPEST[1] - STEEPEST[0]) / (1 + np.exp(-1.3 * strength))
    for side, steps in LEVELS:
        cells = int(np.ceil(max(shape) / side))
        height = _evolve_on(height, pinned, given, steepest, cells, steps, scenario, rng)
        if cells == 1:
            break
    detail = noise.spectral(shape, 2.0, rng, largest=30) * scenario.terrain.roughness
    distance = _away(pinned)
    height = height + detail * 0.006 * relief * np.minimum(1, distance / 12)
    height = np.where(pinned, given, height)
    return surface(_soften(height, pinned).astype(np.float32), scenario.area.resolution)


def cropped(terrain: Terrain, edge: int) -> Terrain:
    """Return the terrain without `edge` pixels on each side."""
    part = slice(edge, -edge)
    return Terrain(*(np.ascontiguousarray(getattr(terrain, field.name)[part, part]) for field in fields(terrain)))


def surface(elevation: np.ndarray, resolution: float) -> Terrain:
    """Return slope, aspect and gradients of an elevation model (central differences)."""
    south, east = np.gradient(elevation, resolution)
    north = -south
    slope = np.arctan(np.hypot(east, north))
    aspect = np.mod(np.arctan2(-east, -north), 2 * np.pi)
    return Terrain(*(np.asarray(field, np.float32) for field in (elevation, slope, aspect, east, north)))


def _valley_floors(scenario: Scenario, plan: Plan, lines: Profiles, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the elevation is given, and what it is there."""
    trunk, tributary, lake = plan.trunk, plan.tributary, plan.lake_valley
    upper = np.clip((plan.junction - trunk.along) / (0.3 * plan.length), -1, 1)
    waves = 0.02 * scenario.glacier.thickness * noise.spectral(trunk.along.shape, 1.8, generator(seed, "ice surface"), largest=40)
    bulge = waves - 0.06 * scenario.glacier.thickness * upper * (1 - np.clip(trunk.lateral, -1, 1) ** 2)  # hollow firn, convex tongue
    elevation = np.full(trunk.along.shape, np.nan)
    in_lake = (np.abs(lake.lateral) < 1.3) & (lake.along > 0.25 * plan.lake_valley_length) & (lake.along < plan.lake_valley_length)
    in_tributary = (
        (np.abs(tributary.lateral) < 1.1) & (tributary.along > 0.12 * plan.tributary_length) & (tributary.along < plan.tributary_length)
    )
    in_trunk = (trunk.lateral**2 < 1.25 * rounded_head(plan, trunk.along)) & (trunk.along > plan.head)
    if scenario.lake is not None:
        elevation = np.where(in_lake, lines.lake_valley + 8 * lake.lateral**2, elevation)
    elevation = np.where(in_tributary, lines.tributary, elevation)
    elevation = np.where(in_trunk, lines.surface + bulge, elevation)
    return np.isfinite(elevation), elevation


def _initial(scenario: Scenario, plan: Plan, pinned: np.ndarray, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a surface that rises gently from the nearest valley floor or edge of the area, so that everything drains from the start."""
    from scipy import ndimage

    floor, relief = scenario.terrain.valley_floor, scenario.terrain.peak - scenario.terrain.valley_floor
    downstream = np.clip(plan.trunk.along / plan.length, 0, 1)
    edge = np.zeros(pinned.shape, bool)
    edge[0, :] = edge[-1, :] = edge[:, 0] = edge[:, -1] = True
    known = np.where(pinned, given, floor + relief * (0.4 - 0.32 * downstream + 0.05 * noise.spectral(pinned.shape, 1.6, rng, largest=200)))
    distance, nearest = ndimage.distance_transform_edt(~(pinned | edge), return_indices=True)
    steepness = np.exp(0.7 * noise.spectral(pinned.shape, 1.6, rng, largest=60))
    return np.asarray(known[tuple(nearest)] + 2.0 * distance * steepness)


def _evolve_on(
    height: np.ndarray,
    pinned: np.ndarray,
    given: np.ndarray,
    steepest: np.ndarray,
    cells: int,
    steps: int,
    scenario: Scenario,
    rng: np.random.Generator,
) -> np.ndarray:
    """Let the landscape evolve on every `cells`-th pixel and return it on all of them."""
    from scipy import ndimage

    rows, columns = height.shape
    coarse = height[::cells, ::cells] + rng.normal(0, 2.0, height[::cells, ::cells].shape)
    held = pinned[::cells, ::cells].copy()
    coarse = np.where(held, given[::cells, ::cells], coarse)
    held[0, :] = held[-1, :] = held[:, 0] = held[:, -1] = True
    relief = scenario.terrain.peak - scenario.terrain.valley_floor
    chance = rng.uniform(0.55, 1.0, coarse.shape)  # water does not follow the compass
    coarse = _evolve(
        coarse, held, steepest[::cells, ::cells], chance, cells * scenario.area.resolution, steps, scenario.terrain.peak, relief
    )
    if cells == 1:
        return coarse
    grid = np.meshgrid(*(np.arange(size) / cells for size in (rows, columns)), indexing="ij")
    return np.asarray(ndimage.map_coordinates(coarse, grid, order=3, mode="nearest"))


def _evolve(
    height: np.ndarray, held: np.ndarray, steepest: np.ndarray, chance: np.ndarray, spacing: float, steps: int, peak: float, relief: float
) -> np.ndarray:
    """Return the height after `steps` of uplift, rivers and slides; the uplift is steered so that the ridges reach `peak`."""
    height = np.ascontiguousarray(height, np.float64)
    uplift = relief / 60.0
    for _ in range(steps):
        order = np.argsort(height, axis=None, kind="stable")
        highest = _step(height, order, held, steepest, chance, spacing, uplift)
        uplift = min(relief / 60.0, uplift * min(1.3, max(0.6, 1 + 0.8 * (peak - highest) / relief)))
    return height


@numba.njit(cache=True, nogil=True)
def _step(
    height: np.ndarray, order: np.ndarray, held: np.ndarray, steepest: np.ndarray, chance: np.ndarray, spacing: float, uplift: float
) -> float:
    """Let one step pass (in place) and return the greatest height; `order` lists the cells from low to high."""
    rows, columns = height.shape
    flat, fixed, hold = height.ravel(), held.ravel(), steepest.ravel()
    receiver = np.empty(flat.size, np.int64)
    distance = np.empty(flat.size)
    for i in range(rows):
        for j in range(columns):
            here = i * columns + j
            best, to, far = 0.0, here, spacing
            for di in range(-1, 2):
                for dj in range(-1, 2):
                    k, m = i + di, j + dj
                    if (di != 0 or dj != 0) and 0 <= k < rows and 0 <= m < columns:
                        length = spacing * (1.4142135623730951 if di != 0 and dj != 0 else 1.0)
                        fall = chance[k, m] * (flat[here] - flat[k * columns + m]) / length
                        if fall > best:
                            best, to, far = fall, k * columns + m, length
            receiver[here], distance[here] = to, far
    drained = np.ones(flat.size)
    for index in range(flat.size - 1, -1, -1):
        here = order[index]
        if receiver[here] != here:
            drained[receiver[here]] += drained[here]
    highest = 0.0
    for index in range(flat.size):
        here = order[index]
        if fixed[here]:
            continue
        to = receiver[here]
        raised = flat[here] + uplift
        if to != here:
            pull = ERODIBILITY * np.sqrt(drained[here]) * spacing / distance[here]
            raised = (raised + pull * flat[to]) / (1 + pull)
            raised = min(raised, flat[to] + hold[here] * distance[here])
        flat[here] = raised
        highest = max(highest, raised)
    return highest


def _away(pinned: np.ndarray) -> np.ndarray:
    """Return the distance (pixels) to the nearest given valley floor."""
    from scipy import ndimage

    return np.asarray(ndimage.distance_transform_edt(~pinned))


def _soften(height: np.ndarray, pinned: np.ndarray) -> np.ndarray:
    """Round off the foot of the valley walls (moraine and scree) without touching what is far from the floors."""
    from scipy import ndimage

    weight = np.exp(-((_away(pinned) / 4.0) ** 2))
    return np.asarray(height * (1 - weight) + weight * ndimage.gaussian_filter(height, 1.5))
