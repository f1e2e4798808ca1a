"""What one pass over an optical product tells: what was seen, the cover by zone, and the mean NDSI; each scene is read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import grid
from glaciercast.cube.indices import ndsi
from glaciercast.explore import classes, zones
from glaciercast.explore.coverage import coverage
from glaciercast.explore.settings import ExploreConfig
from glaciercast.explore.zones import Zones

if TYPE_CHECKING:
    import xarray as xr

    from glaciercast.cube.shading import Relief

BANDS = ("green", "nir", "swir16")


@dataclass(frozen=True)
class Pass:
    """What was counted of each scene.

    Attributes
    ----------
    times
        datetime64 (scene,).
    seen
        Share of the grid that was clear, (scene,).
    counts
        Pixels of each class, int64 (scene, zone, class); None without a near-infrared band.
    ndsi
        Sum of NDSI and number of its pixels, float64 (scene, zone, 2).
    shaded
        Whether shadows were cast from the terrain.
    """

    times: np.ndarray
    seen: np.ndarray
    counts: np.ndarray | None
    ndsi: np.ndarray
    shaded: bool


def read(path: str, dataset: xr.Dataset, terrain: xr.Dataset | None, settings: ExploreConfig) -> tuple[Pass, Zones]:
    """Read a product scene by scene and count; `path` names it where something is amiss."""
    native = grid.of(dataset, path)
    where = zones.of(terrain, native, settings)
    relief = _relief(dataset, terrain, native)
    n, number = dataset.sizes["time"], len(where.zones)
    told = "nir" in dataset
    names = [*(BANDS if told else ("green", "swir16")), "clear"]
    seen, sums = np.zeros(n), np.zeros((n, number, 2))
    counts = np.zeros((n, number, len(classes.CLASSES)), np.int64)
    ice = None if where.ice is None else where.ice >= settings.ice_share
    for step in range(n):
        scene = {name: array.values for name, array in dataset[names].isel(time=step).load().data_vars.items()}
        seen[step] = scene["clear"].mean()
        sums[step] = _sums(ndsi(scene["green"], scene["swir16"]), scene["clear"], where.index, number)
        if told:
            lit = None if relief is None else _lit(relief, dataset, step)
            slope = None if relief is None else relief.slope
            found = classes.classify(scene["green"], scene["nir"], scene["swir16"], scene["clear"], settings.thresholds, ice, slope, lit)
            counts[step] = classes.count(found, where.index, number)
    times = dataset["time"].values
    return Pass(times, seen, counts if told else None, sums, relief is not None), where


def describe(found: Pass, where: Zones) -> dict[str, Any]:
    """Return what is told of a product: ``coverage``, ``classes`` (None without a near-infrared band), ``ndsi`` by zone and month."""
    month = found.times.astype("datetime64[M]").astype(int) % 12
    return {
        "coverage": coverage(found.times, found.seen),
        "shadows": "cast from the terrain" if found.shaded else "not known",
        "classes": None if found.counts is None else _classes(found.counts, where, month),
        "ndsi": [
            {"zone": zone.name, "surface": zone.surface, "low": zone.low, "high": zone.high, "by_month": _by_month(found.ndsi[:, k], month)}
            for k, zone in enumerate(where.zones)
        ],
    }


def _classes(counts: np.ndarray, where: Zones, month: np.ndarray) -> dict[str, Any]:
    result = {}
    for surface in where.surfaces:
        inside = [k for k, zone in enumerate(where.zones) if zone.surface == surface]
        part = counts[:, inside]
        bands = [
            {"zone": where.zones[k].name, "low": where.zones[k].low, "high": where.zones[k].high, **classes.shares(counts[:, k])}
            for k in inside
        ]
        result[surface] = {
            "all": classes.shares(part),
            "pixels_told": int(part[..., : classes.SHADOW].sum()),
            "by_month": [classes.shares(part[month == number]) for number in range(12)],
            "by_band": bands,
        }
    return result


def _by_month(sums: np.ndarray, month: np.ndarray) -> list[float | None]:
    total = np.array([sums[month == number].sum(axis=0) for number in range(12)])
    return [float(value / number) if number else None for value, number in total]


def _sums(values: np.ndarray, clear: np.ndarray, zone: np.ndarray, number: int) -> np.ndarray:
    told = clear & np.isfinite(values) & (zone >= 0)
    place = zone[told]
    summed = np.bincount(place, values[told].astype(np.float64), minlength=number)
    return np.stack([summed, np.bincount(place, minlength=number)], axis=1)


def _relief(dataset: xr.Dataset, terrain: xr.Dataset | None, native: Any) -> Relief | None:
    """Return the terrain that casts shadows, where it lies on the product's own grid and the sun is known."""
    from glaciercast.cube.shading import Relief

    if terrain is None or "sun_elevation" not in dataset or "sun_azimuth" not in dataset:
        return None
    if not grid.same(grid.of(terrain, "/terrain"), native):
        return None
    elevation, slope, aspect = (terrain[name].values.astype(np.float32) for name in ("elevation", "slope", "aspect"))
    return Relief(elevation, slope, aspect, abs(float(native.resolution.x)))


def _lit(relief: Relief, dataset: xr.Dataset, step: int) -> np.ndarray | None:
    from glaciercast.sources.scene import Sun

    sun = Sun(*(float(dataset[name].values[step]) for name in ("sun_elevation", "sun_azimuth")))
    if not (np.isfinite(sun.elevation) and np.isfinite(sun.azimuth) and sun.elevation > 0):
        return None
    lit: np.ndarray = ~(relief.light(sun) <= 0)
    return lit
