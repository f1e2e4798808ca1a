"""Ice and ground by elevation band, on whichever grid a product has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from glaciercast import grid
from glaciercast.align.regrid import cells
from glaciercast.explore.settings import ExploreConfig

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

SURFACES = ("ice", "ground")
WHOLE = "scene"
"""The only zone of a cube without an outline."""


@dataclass(frozen=True)
class Zone:
    """A surface within an elevation band; `low` and `high` (m) are None where elevation is not known or all bands are meant."""

    surface: str
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        """Such as ``ice`` or ``ground 3500-3750 m``."""
        return self.surface if self.low is None else f"{self.surface} {self.low:.0f}-{self.high:.0f} m"


@dataclass(frozen=True)
class Zones:
    """The zones of a grid.

    Attributes
    ----------
    zones
        In the order of their numbers: ice from low to high, then ground.
    index
        Number of the zone of each pixel, int16 (y, x); -1: none (mixed, or without elevation).
    elevation
        m, float32 (y, x); None where it is not known.
    ice
        Share of ice, float32 (y, x); None where there is no outline.
    """

    zones: tuple[Zone, ...]
    index: np.ndarray
    elevation: np.ndarray | None
    ice: np.ndarray | None

    def whole(self, surface: str) -> np.ndarray:
        """Return where the zones of a surface lie, bool (y, x)."""
        numbers = [number for number, zone in enumerate(self.zones) if zone.surface == surface]
        inside: np.ndarray = np.isin(self.index, numbers)
        return inside

    @property
    def surfaces(self) -> tuple[str, ...]:
        """Those that occur."""
        return tuple(dict.fromkeys(zone.surface for zone in self.zones))


def of(terrain: xr.Dataset | None, native: GeoBox, settings: ExploreConfig) -> Zones:
    """Return the zones of a product's own grid.

    Parameters
    ----------
    terrain
        ``/terrain`` of the cube, or None. Its pixels are averaged over the cells of a coarser grid.
    native
        The product's grid.
    """
    if terrain is None:
        return Zones((Zone(WHOLE),), np.zeros(native.shape, np.int16), None, None)
    elevation, ice = _on(terrain, native)
    if ice is None:
        surface = np.where(np.isfinite(elevation), 0, -1)
        names: tuple[str, ...] = (WHOLE,)
    else:
        surface = np.select([ice >= settings.ice_share, ice <= settings.ground_share], [0, 1], -1)
        names = SURFACES
    return _numbered(surface, names, elevation, ice, settings.band)


def _numbered(surface: np.ndarray, names: tuple[str, ...], elevation: np.ndarray, ice: np.ndarray | None, height: float) -> Zones:
    level = np.floor(elevation / height)
    index = np.full(surface.shape, -1, np.int16)
    zones: list[Zone] = []
    for number, name in enumerate(names):
        inside = (surface == number) & np.isfinite(level)
        for step in np.unique(level[inside]):
            index[inside & (level == step)] = len(zones)
            zones.append(Zone(name, float(step * height), float((step + 1) * height)))
    return Zones(tuple(zones), index, elevation, ice)


def _on(terrain: xr.Dataset, native: GeoBox) -> tuple[np.ndarray, np.ndarray | None]:
    """Return elevation and share of ice of each cell, NaN where the terrain does not reach."""
    fine = grid.of(terrain, "/terrain")
    if grid.same(fine, native):
        ice = terrain["ice"].values.astype(np.float32) if "ice" in terrain else None
        return terrain["elevation"].values.astype(np.float32), ice
    row, column = cells(native, fine)
    place = np.where(row >= 0, row * native.shape.x + column, -1).ravel()
    elevation = _mean(place, terrain["elevation"].values.ravel(), native)
    return elevation, (_mean(place, terrain["ice"].values.ravel().astype(float), native) if "ice" in terrain else None)


def _mean(place: np.ndarray, values: np.ndarray, native: GeoBox) -> np.ndarray:
    known = (place >= 0) & np.isfinite(values)
    size = native.shape.y * native.shape.x
    count = np.bincount(place[known], minlength=size)
    total = np.bincount(place[known], values[known], minlength=size)
    mean: np.ndarray = np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(native.shape).astype(np.float32)
    return mean
