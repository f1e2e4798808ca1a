"""The basin of the ice-dammed lake in the terrain: where it lies, how much it holds, what flows into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.errors import InputError
from glaciercast.simulate import weather as weathers
from glaciercast.simulate.glacier import Glacier
from glaciercast.simulate.lake import Hypsometry
from glaciercast.simulate.snow import Snowpack
from glaciercast.simulate.terrain import DAM_DEPTH, Terrain
from glaciercast.simulate.valleys import Plan
from glaciercast.simulate.weather import FloatArray, Weather

NODES = 60


@dataclass(frozen=True)
class Basin:
    """Where the lake can stand, and its catchment; bool (y, x)."""

    floor: np.ndarray
    catchment: np.ndarray
    hypsometry: Hypsometry


def make(plan: Plan, terrain: Terrain, glacier: Glacier, dam_thickness: float, full_share: float, resolution: float) -> Basin:
    """Return the basin in the side valley that the trunk dams.

    Raises
    ------
    InputError
        If the terrain holds no water there.
    """
    from scipy import ndimage

    valley, z = plan.lake_valley, terrain.elevation
    mouth = plan.dam + 3 * float(valley.half_width.flat[0])
    outside = ~glacier.ice & (np.abs(plan.trunk.lateral) > 1.05) & (np.sign(plan.trunk.across) == -plan.side) & (plan.trunk.along < mouth)
    on_axis = outside & (np.abs(valley.lateral) < 1) & (valley.along > 0.2 * plan.lake_valley_length)
    depth = DAM_DEPTH * dam_thickness
    if not on_axis.any():
        raise InputError("the lake's valley lies outside the area; use a larger area or another seed")
    bed = float(z[on_axis].min())
    below = outside & (z < bed + full_share * depth)
    labels, _ = ndimage.label(below)
    wanted = np.bincount(labels[on_axis & below], minlength=2)
    wanted[0] = 0
    floor = labels == int(wanted.argmax())
    edge = np.ones(floor.shape, bool)
    edge[1:-1, 1:-1] = False
    if (floor & edge).any():
        raise InputError("the lake would run out of the area; use a larger area or another seed")
    levels = bed + np.linspace(0, max(full_share, 0.01) * depth, NODES)
    ground = np.sort(np.maximum(z[floor].astype(np.float64), bed))
    count = np.searchsorted(ground, levels)
    volume = (levels * count - np.concatenate([[0.0], np.cumsum(ground)])[count]) * resolution**2
    volume = np.maximum.accumulate(volume - volume[0]) + 1e-3 * np.arange(NODES)  # ascending even where the floor is one pixel
    catchment = (
        outside & (np.abs(valley.across) < 0.1 * plan.length) & (valley.along > 0) & (valley.along < plan.lake_valley_length) & (z >= bed)
    )
    return Basin(floor, catchment, Hypsometry(levels, volume, np.asarray(count * resolution**2, np.float64), bed, depth))


def runoff(basin: Basin, elevation: np.ndarray, snow: Snowpack, weather: Weather, resolution: float) -> FloatArray:
    """Return what rain and melt bring into the lake each day, m³ (day,): precipitation less what the snow keeps."""
    middle = snow.swe.shape[2] // 2
    swe = snow.swe[:, :, middle].astype(np.float64)
    kept = np.diff(swe, axis=0, prepend=swe[:1])
    fallen = weathers.precipitation_at(weather.spec, weather.precipitation[:, None], snow.elevations)
    depth = np.maximum(fallen - kept, 0)
    edges = np.concatenate([[-np.inf], (snow.elevations[1:] + snow.elevations[:-1]) / 2, [np.inf]])
    share, _ = np.histogram(elevation[basin.catchment], bins=edges)
    return np.asarray(depth @ share * resolution**2 / 1000.0)
