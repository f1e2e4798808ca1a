"""Surface temperature by zone: the year, saturation over ice, the time of view, and warming with and without the years of drift."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast import grid
from glaciercast.cube.melting import MELTING_POINT
from glaciercast.errors import InputError
from glaciercast.explore import warming, zones
from glaciercast.explore.coverage import coverage
from glaciercast.explore.settings import ExploreConfig
from glaciercast.explore.zones import Zones
from glaciercast.sources import modis_values

if TYPE_CHECKING:
    import xarray as xr

HALVES = ("day", "night")
COVERED = 0.05
"""Share of a cell's views that may be warmer than melting beyond their error; with more it holds debris or rock, which do not melt."""
DAILY = np.timedelta64(3, "D")
BARE, WARM, GROUND = "bare ice", "debris or mixed ice", "ground"
MEANINGS = {
    BARE: "inside the outline and never warmer than melting: saturated views are taken as censored",
    WARM: "inside the outline, but often warmer than melting: debris or rock in the cell",
    GROUND: "outside the outline, snow-covered in winter",
}

NOTE = (
    "Bare ice: {bare}. Debris or mixed ice: {warm}. Ground: {ground}. Cells that are neither ice nor ground by their share are left out. "
    "Clear views alone count. Terra's time of view drifts from 2020 on, so that its trend is that of the years before; p belongs to it."
)


@dataclass(frozen=True)
class Half:
    """Clear views by day or by night, arrays (time, y, x): K, and the bound on their error, K."""

    kelvin: np.ndarray
    error: np.ndarray
    view_time: np.ndarray


def read(dataset: xr.Dataset, half: str) -> Half:
    """Return what was seen by day or by night; a product without quality bits has errors of 1 K."""
    kelvin = dataset[f"lst_{half}"].values.astype(np.float64)
    error = modis_values.largest_error(dataset[f"qc_{half}"].values) if f"qc_{half}" in dataset else np.ones(kelvin.shape)
    hour = dataset[f"view_time_{half}"].values if f"view_time_{half}" in dataset else np.full(kelvin.shape, np.nan)
    return Half(kelvin, error.astype(np.float64), hour.astype(np.float64))


def surfaces(by_day: Half, where: Zones) -> dict[str, np.ndarray]:
    """Return surface → where it is, bool (y, x); ice is bare where it was hardly ever warmer than melting by day."""
    with np.errstate(invalid="ignore"):
        seen = np.isfinite(by_day.kelvin)
        warm = (by_day.kelvin > MELTING_POINT + by_day.error).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    ice = where.whole("ice")
    found = {
        BARE: ice & (warm <= COVERED),
        WARM: ice & (warm > COVERED),
        GROUND: where.whole("ground"),
        zones.WHOLE: where.whole(zones.WHOLE),
    }
    return {name: inside for name, inside in found.items() if inside.any()}


def describe(path: str, dataset: xr.Dataset, terrain: xr.Dataset | None, settings: ExploreConfig) -> dict[str, Any]:
    """Return what is told of a product: ``coverage``, ``platform``, ``drifts``, ``day`` and ``night`` with their ``zones``."""
    where = zones.of(terrain, grid.of(dataset, path), settings)
    times = dataset["time"].values
    halves = {half: read(dataset, half) for half in HALVES if f"lst_{half}" in dataset}
    first = next(iter(halves.values()))
    parts = surfaces(halves.get("day", first), where)
    terra = "terra" in str(dataset.attrs.get("platform", path)).lower()
    result: dict[str, Any] = {
        "coverage": coverage(times, np.isfinite(first.kelvin).mean(axis=(1, 2))),
        "platform": str(dataset.attrs.get("platform", "")),
        "drifts": terra,
        "note": NOTE.format(bare=MEANINGS[BARE], warm=MEANINGS[WARM], ground=MEANINGS[GROUND]) + _without_ice(parts, where, settings),
    }
    for half, views in halves.items():
        rows = [_zone(times, views, inside, name, None, settings) for name, inside in parts.items()]
        rows += [
            _zone(times, views, inside & (where.index == k), name, (zone.low, zone.high), settings)
            for name, inside in parts.items()
            for k, zone in enumerate(where.zones)
            if zone.low is not None and (inside & (where.index == k)).any()
        ]
        result[half] = {"zones": rows, "view_time": _view_time(times, views)}
    return result


def _without_ice(parts: dict[str, np.ndarray], where: Zones, settings: ExploreConfig) -> str:
    if where.ice is None or BARE in parts or WARM in parts:
        return ""
    return f" No cell here is ice by {100 * settings.ice_share:.0f} % or more: nothing is told of ice."


def _zone(
    times: np.ndarray,
    views: Half,
    inside: np.ndarray,
    surface: str,
    band: tuple[float | None, float | None] | None,
    settings: ExploreConfig,
) -> dict[str, Any]:
    low, high = band or (None, None)
    kelvin, error = views.kelvin[:, inside], views.error[:, inside]
    month = times.astype("datetime64[M]").astype(int) % 12
    saturated = kelvin >= MELTING_POINT - warming.MARGIN * error
    early = warming.before_drift(times)
    return {
        "zone": surface if low is None else f"{surface} {low:.0f}-{high:.0f} m",
        "surface": surface, "low": low, "high": high, "cells": int(inside.sum()),
        "clear": int(np.isfinite(kelvin).sum()),
        "clear_share": float(np.isfinite(kelvin).mean()),
        "by_month": [_mean(kelvin[month == number]) for number in range(12)],
        "saturated_by_month": [_share(saturated[month == number], kelvin[month == number]) for number in range(12)],
        "all_years": _warming(times, kelvin, error, surface, settings),
        "without_drift": _warming(times[early], kelvin[early], error[early], surface, settings),
    }  # fmt: skip


def _warming(times: np.ndarray, kelvin: np.ndarray, error: np.ndarray, surface: str, settings: ExploreConfig) -> dict[str, Any]:
    """Return the trend as a dictionary, or ``{"reason": …}`` where there is none."""
    daily = len(times) > 1 and np.median(np.diff(np.sort(times))) < DAILY
    try:
        if surface == BARE:
            return asdict(warming.of_ice(times, kelvin, error, settings.level))
        return asdict(warming.of_ground(times, kelvin, settings.level, warming.LEAST_CLEAR if daily else 1))
    except InputError as reason:
        return {"reason": str(reason)}


def _view_time(times: np.ndarray, views: Half) -> list[dict[str, Any]]:
    """Return year → median local solar time of the clear views, hours; of a night on one side of midnight."""
    year = times.astype("datetime64[Y]").astype(int) + 1970
    hour = np.where(np.isfinite(views.kelvin), views.view_time, np.nan)
    if np.isfinite(hour).any() and np.nanmedian(np.cos(2 * np.pi * hour / 24)) > 0:  # night
        hour = np.where(hour < 12, hour + 24, hour)
    rows = [(int(number), hour[year == number]) for number in np.unique(year)]
    return [{"year": number, "hour": float(np.nanmedian(values))} for number, values in rows if np.isfinite(values).any()]


def _mean(values: np.ndarray) -> float | None:
    return float(np.nanmean(values)) if np.isfinite(values).any() else None


def _share(flags: np.ndarray, values: np.ndarray) -> float | None:
    seen = np.isfinite(values)
    return float(flags[seen].mean()) if seen.any() else None
