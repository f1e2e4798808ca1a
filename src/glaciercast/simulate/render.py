"""What a sensor sees of the world on one visit: surfaces, light, shadows and clouds, evaluated at every pixel's own place.

Nothing is resampled: the texture of the ice is a function of where each particle came from, and all other fields are smooth at the
pixel's scale, so that a scene in another zone, at another resolution or with a geolocation error is as sharp as any other.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from glaciercast.simulate import clouds, heat, shade, snow, spectra, sun
from glaciercast.simulate import weather as weathers
from glaciercast.simulate.pixels import CLOUD, COVER, LIT, NODES, SHADOW, SNOW, WARMTH, draw
from glaciercast.simulate.scene import Cover, Overpass, Scene
from glaciercast.simulate.seeds import generator

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from glaciercast.simulate.world import World

LANDSAT_BANDS = ("coastal", "blue", "green", "red", "nir", "swir16", "swir22")
TRACK = math.radians(12.0)
"""Lean of a descending track at middle latitudes (real scenes: 11–14°)."""
FINE_BANDS = ("blue", "green", "red", "nir")
COARSE_BANDS = ("nir_narrow", "swir16", "swir22")


def scene(world: World, overpass: Overpass, grid: GeoBox, fine: GeoBox | None) -> Scene:
    """Return what the sensor of `overpass` saw on its grids.

    Parameters
    ----------
    world
        The simulated glacier.
    overpass
        The visit with its known errors.
    grid, fine
        Pixels of 30 m (Landsat) or 20 m and 10 m (Sentinel-2), in the scene's zone.
    """
    light = _Light(world, overpass)
    landsat = overpass.product == "landsat"
    names = LANDSAT_BANDS if landsat else COARSE_BANDS
    images, truth = _draw(world, overpass, grid, names, light)
    bands = dict(zip(names, images, strict=True))
    valid = seen(grid, overpass)
    if fine is not None:
        bands |= dict(zip(FINE_BANDS, _draw(world, overpass, fine, FINE_BANDS, light)[0], strict=True))
    for image in bands.values():
        mask = valid if image.shape == valid.shape else np.repeat(np.repeat(valid, 2, axis=0), 2, axis=1)
        image[~mask] = np.nan
    return Scene(
        overpass=overpass,
        grid=grid,
        fine=fine,
        bands=bands,
        temperature=np.where(valid, truth[WARMTH], np.nan).astype(np.float32) if landsat else None,
        cover=np.where(valid, truth[COVER], Cover.NONE).astype(np.uint8),
        snow=truth[SNOW],
        cloud=truth[CLOUD],
        shadow=truth[SHADOW],
        lit=truth[LIT],
        valid=valid,
    )


def seen(grid: GeoBox, overpass: Overpass) -> np.ndarray:
    """Return which pixels have data, bool (y, x): within the swath's slanting edge, and outside the scan gaps of Landsat 7."""
    rows, columns = np.indices(grid.shape, sparse=True)
    valid = np.ones(grid.shape, bool)
    if overpass.swath_edge > 0:  # the western edge; a descending track leans to the west as it goes south
        valid &= columns + (rows - grid.shape[0] / 2) * math.tan(TRACK) > overpass.swath_edge * grid.shape[1]
    if overpass.gaps:  # wedges that widen from nothing at the centre of the swath to 14 of 33 lines at its edge
        across = (columns + 900) / 3700
        line = (rows - columns * math.tan(TRACK) + 17 * (overpass.time.day_of_year % 7)) % 33
        valid = valid & (line > 14 * np.clip(across, 0, 1))
    return np.asarray(valid)


class _Light:
    """What a visit's scenes share: the sun, the shadows, the clouds, the snow and the temperature of that moment."""

    def __init__(self, world: World, overpass: Overpass) -> None:
        spec = world.scenario.weather
        resolution = world.scenario.area.resolution
        self.sun = (math.radians(overpass.sun_elevation), math.radians(overpass.sun_azimuth))
        day = overpass.time.normalize()
        air = weathers.air_temperature(spec, world.weather.temperature[world.day(day)], world.elevation)
        freezing = spec.reference_elevation + 1000 * float(world.weather.temperature[world.day(day)]) / spec.lapse_rate
        self.clouds = clouds.make(
            world.scenario.clouds, world.elevation.shape, resolution, float(world.elevation.mean()), overpass.cloud_cover, overpass.key,
            world.seed, self.sun[0], freezing,
        )  # fmt: skip
        self.swe, self.age = world.snow.at(day)
        cast = shade.sunlit(world.elevation, resolution, overpass.sun_elevation, overpass.sun_azimuth)
        east, north = world.origins(overpass.time)
        margin, debris = world.glacier_at(east, north)
        warmth = self._warmth(world, overpass, air, (margin > 0) * (1 - 0.85 * debris))
        self.dynamic = np.stack([cast, east, north, warmth, margin, debris], axis=-1).astype(np.float32)
        level = world.lake_level(day)
        self.lake_level = -1e9 if level is None else level
        season = overpass.time.day_of_year - spec.warmest_day
        self.green = float(np.clip(0.35 + 0.9 * math.cos(2 * math.pi * (season - 5) / 365.25), 0, 1))

    def _warmth(self, world: World, overpass: Overpass, air: np.ndarray, clean_ice: np.ndarray) -> np.ndarray:
        """Return the clear-sky surface temperature on the master grid, K; as smooth as the 100 m of a thermal sensor."""
        from scipy import ndimage

        from glaciercast.simulate.world import NO_MODIS

        cover = snow.cover(world.snow_lookup(self.swe), world.roughness, world.scenario.snow.full_cover)
        frozen = np.maximum(cover, clean_ice)
        spec = world.scenario.temperature or NO_MODIS
        hour = float(sun.solar_hour(overpass.time.to_datetime64(), world.scenario.area.lon))
        warmth = heat.surface_temperature(
            air.astype(np.float32),
            world.exposure,
            frozen.astype(np.float32),
            hour,
            overpass.time.day_of_year,
            world.scenario.area.lat,
            spec,
        )
        return np.asarray(ndimage.uniform_filter(warmth, 3), np.float32)


def _draw(world: World, overpass: Overpass, grid: GeoBox, names: tuple[str, ...], light: _Light) -> tuple[np.ndarray, np.ndarray]:
    """Return the bands (band, y, x) with sensor noise, and the layers of truth (layer, y, x), all float32."""
    nodes = _nodes(world, overpass, grid)
    index = [spectra.BANDS.index(name) for name in names]
    images = np.empty((len(names), *grid.shape), np.float32)
    truth = np.empty((6, *grid.shape), np.float32)
    bands, exposures = world.snow.elevations, world.snow.exposures
    table = np.array([bands[0], bands[1] - bands[0], exposures[0], exposures[1] - exposures[0]], np.float32)
    octaves = 3 if abs(grid.resolution.x) > 25 else 4
    draw(
        nodes, world.statics, light.dynamic, light.clouds.opacity, light.clouds.pad, np.float32(light.clouds.height),
        np.float32(light.clouds.top_temperature), light.swe, light.age, table, light.sun, np.float32(world.scenario.area.resolution),
        np.float32(world.scenario.snow.full_cover), np.float32(light.lake_level), np.float32(light.green), world.texture_seed, octaves,
        np.ascontiguousarray(spectra.SURFACES[:, index]), spectra.CLOUD[index], spectra.SCATTERED[index], images, truth,
    )  # fmt: skip
    rng = generator(world.seed, "sensor", overpass.key, overpass.tile, overpass.row, names[0])
    for image in images:
        gain = np.float32(rng.normal(1, 0.01))  # what the atmospheric correction leaves
        image *= gain
        image += np.float32(world.scenario.optical.noise) * (0.5 + np.abs(image)) * rng.standard_normal(image.shape, np.float32)
    return images, truth


def _nodes(world: World, overpass: Overpass, grid: GeoBox) -> np.ndarray:
    """Return where every `NODES`-th pixel centre of the scene lies on the master grid, (row, column), float64 (y, x, 2).

    The geolocation error is in it.
    """
    from pyproj import Transformer

    rows = np.arange(0, grid.shape[0] + NODES, NODES) + 0.5
    columns = np.arange(0, grid.shape[1] + NODES, NODES) + 0.5
    x = grid.affine.c + grid.affine.a * columns[None, :] + 0 * rows[:, None] - overpass.shift_x
    y = grid.affine.f + grid.affine.e * rows[:, None] + 0 * columns[None, :] - overpass.shift_y
    if grid.crs != world.grid.crs:
        x, y = Transformer.from_crs(str(grid.crs), str(world.grid.crs), always_xy=True).transform(x, y)
    column, row = ~world.grid.affine * (x, y)
    return np.stack([row - 0.5, column - 0.5], axis=-1)
