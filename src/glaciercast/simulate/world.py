"""The simulated world: everything that is fixed once scenario and seed are chosen, and what follows from the date."""

from __future__ import annotations

import datetime as dt
import functools
import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox

from glaciercast.errors import InputError
from glaciercast.simulate import basin as basins
from glaciercast.simulate import glacier as glaciers
from glaciercast.simulate import lake as lakes
from glaciercast.simulate import noise, snow, terrain, valleys, weather
from glaciercast.simulate.basin import Basin
from glaciercast.simulate.flow import Flow
from glaciercast.simulate.glacier import Glacier
from glaciercast.simulate.lake import LakeHistory
from glaciercast.simulate.scenario import Scenario, TemperatureSpec
from glaciercast.simulate.seeds import generator
from glaciercast.simulate.snow import Lookup, Snowpack
from glaciercast.simulate.terrain import Terrain
from glaciercast.simulate.valleys import Plan
from glaciercast.simulate.weather import Weather

BANDS, EXPOSURES = 60, 7
BEYOND = 0.12
"""Share of the master grid by which the landscape is made larger on each side."""
SHEDDING = (36.0, 52.0)
"""Slopes (degrees) between which snow slides off."""
EVEN = 1.3
"""How much better the same snow covers a glacier than the ground beside it."""
NO_MODIS = TemperatureSpec()
"""Of the surface as Landsat's thermal band sees it where the scenario has no MODIS."""
TREES = 6.0
"""Air temperature at the warmest time, °C, up to which grass grows."""


@dataclass(frozen=True)
class World:
    """One simulated glacier; arrays are (y, x) on `grid`, float32 unless said otherwise."""

    scenario: Scenario
    seed: int
    grid: GeoBox
    """Master grid: the area and its margin, in the site's zone."""
    site: GeoBox
    """The area alone."""
    plan: Plan
    terrain: Terrain
    exposure: np.ndarray
    """−1 (steep, away from the noon sun) … +1 (steep, towards it)."""
    roughness: np.ndarray
    """How much snow a place needs to be covered, relative to the median of gentle ground: more on ridges and where slopes shed it."""
    glacier: Glacier
    flow: Flow
    weather: Weather
    snow: Snowpack
    basin: Basin | None
    lake: LakeHistory | None

    @property
    def elevation(self) -> np.ndarray:
        """Of ground or ice surface, m."""
        return self.terrain.elevation

    @property
    def slope(self) -> np.ndarray:
        """Rad."""
        return self.terrain.slope

    @property
    def aspect(self) -> np.ndarray:
        """Rad, clockwise from north."""
        return self.terrain.aspect

    @property
    def ice(self) -> np.ndarray:
        """Glacier outline of the quiet state, bool."""
        return self.glacier.ice

    @property
    def debris(self) -> np.ndarray:
        """Share of the ice's surface under debris."""
        return self.glacier.debris

    @property
    def thickness(self) -> np.ndarray:
        """Of the ice, m."""
        return self.glacier.thickness

    @property
    def inner(self) -> tuple[slice, slice]:
        """The area within the master grid."""
        margin = self.scenario.area.margin
        return slice(margin, -margin), slice(margin, -margin)

    def day(self, date: pd.Timestamp) -> int:
        """Return the position of a day in the daily series.

        Raises
        ------
        InputError
            If the day is outside the series.
        """
        first, last = self.weather.dates[0], self.weather.dates[-1]
        place = int((pd.Timestamp(date).normalize() - first).days)
        if not 0 <= place < self.weather.dates.size:
            raise InputError(f"{pd.Timestamp(date):%Y-%m-%d}: outside the simulated days {first:%Y-%m-%d} to {last:%Y-%m-%d}")
        return place

    def snow_lookup(self, table: np.ndarray) -> np.ndarray:
        """Return the values of a snow table (band, class) at every pixel."""
        return self._lookup(table)

    def snow_cover(self, date: pd.Timestamp) -> np.ndarray:
        """Return the share of each pixel that snow covers on a day."""
        return snow.cover(self.snow_lookup(self.snow.at(date)[0]), self.roughness, self.scenario.snow.full_cover)

    def lake_level(self, date: pd.Timestamp) -> float | None:
        """Return the lake's level at the end of a day, m; None where there is no lake or it is empty."""
        if self.lake is None or self.lake.volume[self.day(date)] <= 1:
            return None
        return float(self.lake.level[self.day(date)])

    def lake_mask(self, date: pd.Timestamp) -> np.ndarray:
        """Return where the lake stands on a day, bool."""
        level = self.lake_level(date)
        if level is None or self.basin is None:
            return np.zeros(self.elevation.shape, bool)
        return np.asarray(self.basin.floor & (self.elevation < level))

    def origins(self, time: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
        """Return where the ice at each pixel was at the scenario's start, as offsets east and north in metres."""
        return self.flow.origins(time, pd.Timestamp(self.scenario.start), self._mobile)

    def glacier_at(self, east: np.ndarray, north: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return margin and debris (as in `Glacier`) of the ice where it is now, from its `origins`: a surge carries both forward."""
        from scipy import ndimage

        if not self.flow.surge.any():
            return self.glacier.margin, self.glacier.debris
        rows, columns = np.arange(east.shape[0])[:, None], np.arange(east.shape[1])
        size = self.scenario.area.resolution
        place = np.stack([rows - north / size, columns + east / size])
        ice = self.glacier
        margin, debris = [ndimage.map_coordinates(field, place, order=1, mode="nearest") for field in (ice.margin, ice.debris)]
        return np.maximum(ice.margin, margin), np.where(ice.margin > 0, ice.debris, debris)

    @property
    def texture_seed(self) -> int:
        """Seed of the procedural textures."""
        return zlib.crc32(f"texture {self.seed}".encode()) & 0xFFFFFF

    @functools.cached_property
    def statics(self) -> np.ndarray:
        """What the renderer reads at every pixel, float32 (y, x, 10), in the order of `pixels.STATIC`."""
        spec, ground = self.scenario.weather, self.terrain
        limit = spec.reference_elevation + 1000 * (spec.mean_temperature + spec.seasonal_amplitude - TREES) / spec.lapse_rate
        gentle = np.clip((46 - np.rad2deg(ground.slope)) / 14, 0, 1)
        grass = np.clip((limit - ground.elevation) / 700, 0, 1) * gentle * (self.glacier.margin < -0.3)
        floor = np.zeros_like(grass) if self.basin is None else self.basin.floor
        layers = (
            ground.elevation, ground.gradient_east, ground.gradient_north, self.roughness, self.glacier.crevasses, floor, self.exposure,
            self.plan.trunk.along, self.plan.trunk.across, grass,
        )  # fmt: skip
        return np.ascontiguousarray(np.stack(layers, axis=-1), np.float32)

    @functools.cached_property
    def _lookup(self) -> Lookup:
        return Lookup.of(self.snow.elevations, self.snow.exposures, self.elevation, self.exposure)

    @functools.cached_property
    def _mobile(self) -> np.ndarray:
        """Where ice is at any time, bool: a surge carries it beyond the quiet outline."""
        from scipy import ndimage

        return np.asarray(ndimage.binary_dilation(self.ice | (self.flow.surge != 0).any(axis=0), iterations=2))


def make(scenario: Scenario, seed: int) -> World:
    """Make the world of a scenario; the same seed makes the same world.

    Raises
    ------
    InputError
        If the seed is negative.
    """
    if seed < 0:
        raise InputError(f"seed {seed}: expected 0 or more")
    site, grid = _grids(scenario)
    plan = _plan(scenario, grid, seed)
    level = terrain.profiles(scenario, plan, 0.0)
    depth = glaciers.thickness(scenario, plan, level.slope)
    at_dam = np.abs(plan.trunk.along - plan.dam) + 10 * np.abs(plan.trunk.across)
    dam = float(depth.flat[int(at_dam.argmin())])
    lines = terrain.profiles(scenario, plan, dam)
    ground = _terrain(scenario, grid, dam, seed)
    ice = glaciers.make(scenario, plan, lines)
    south = 1 if scenario.area.lat >= 0 else -1
    exposure = (-np.cos(ground.aspect) * np.sin(ground.slope) * south).astype(np.float32)
    sky, pack = _climate(scenario, ground.elevation, seed)
    basin, history = None, None
    if scenario.lake is not None:
        resolution = scenario.area.resolution
        basin = basins.make(plan, ground, ice, dam, scenario.lake.full_share, resolution)
        history = lakes.make(
            scenario.lake, basin.hypsometry, basins.runoff(basin, ground.elevation, pack, sky, resolution), sky.dates, seed
        )
    flow = Flow(ice.creep, ice.sliding, ice.surge, scenario.area.resolution, scenario.glacier, scenario.surge)
    return World(
        scenario, seed, grid, site, plan, ground, exposure, _roughness(ground, ice.ice, seed), ice, flow, sky, pack, basin, history
    )


def _grids(scenario: Scenario) -> tuple[GeoBox, GeoBox]:
    """Return the area's grid, its edges on multiples of the pixel, and the same with its margin."""
    from affine import Affine
    from pyproj import Transformer

    area = scenario.area
    x, y = Transformer.from_crs("EPSG:4326", area.crs, always_xy=True).transform(area.lon, area.lat)
    size = area.resolution
    left = round((x - area.columns * size / 2) / size) * size
    top = round((y + area.rows * size / 2) / size) * size
    site = GeoBox((area.rows, area.columns), Affine(size, 0, left, 0, -size, top), area.crs)
    return site, site.pad(area.margin)


def _plan(scenario: Scenario, grid: GeoBox, seed: int) -> Plan:
    y, x = (np.asarray(grid.coordinates[axis].values) for axis in ("y", "x"))
    return valleys.plan(scenario, x, y, seed)


def _terrain(scenario: Scenario, grid: GeoBox, dam: float, seed: int) -> Terrain:
    """Return the terrain, cut from a larger one: at its edges all valleys would run straight out of it."""
    edge = int(BEYOND * max(grid.shape))
    plan = _plan(scenario, grid.pad(edge), seed)
    return terrain.cropped(terrain.make(scenario, plan, terrain.profiles(scenario, plan, dam), seed), edge)


def _climate(scenario: Scenario, elevation: np.ndarray, seed: int) -> tuple[Weather, Snowpack]:
    starts = [scenario.start, *(part.start for part in (scenario.temperature, scenario.velocity) if part is not None and part.start)]
    day = dt.timedelta(days=1)  # far in the east a visit on the first local day falls on the day before in UTC
    sky = weather.make(scenario.weather, min(starts) - day, scenario.end + day, seed, scenario.name)
    bands = np.linspace(float(elevation.min()) - 1, float(elevation.max()) + 1, BANDS)
    return sky, snow.make(scenario.snow, scenario.weather, sky, bands, np.linspace(-0.9, 0.9, EXPOSURES))


def _roughness(ground: Terrain, ice: np.ndarray, seed: int) -> np.ndarray:
    """Return how much snow each place needs to be covered.

    Wind empties ridges and fills gullies, and the rest is noise (log-normal). Steep slopes shed what falls on them; on the glacier
    snow lies more evenly and covers more.
    """
    from scipy import ndimage

    rng = generator(seed, "roughness")
    hollow = ndimage.gaussian_filter(ground.elevation, 4) - ground.elevation
    hollow = hollow / max(float(hollow.std()), 1e-6)
    field = 0.45 * noise.spectral(ground.elevation.shape, 1.4, rng, largest=25) - 0.3 * np.clip(hollow, -2.5, 2.5)
    patchy = np.exp(field - np.median(field))
    held = np.clip((SHEDDING[1] - np.rad2deg(ground.slope)) / (SHEDDING[1] - SHEDDING[0]), 0.03, 1)
    return np.asarray(np.where(ice, np.sqrt(patchy) / EVEN, patchy) / held, np.float32)
