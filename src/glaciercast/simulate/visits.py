"""Which satellite passed when: the calendar of the archive, with the known error of every scene."""

from __future__ import annotations

import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox

from glaciercast.simulate import sun
from glaciercast.simulate.scenario import Scenario, Sensor
from glaciercast.simulate.scene import Overpass
from glaciercast.simulate.seeds import generator
from glaciercast.simulate.world import World

LOWEST_SUN = 4.0
"""Degrees; scenes with a lower sun are not processed to surface reflectance (the polar night has none at all)."""
OVERLAP = 0.1
"""Share of a scene that its neighbour in the next row or tile holds too."""


def plan(world: World) -> list[Overpass]:
    """Return every scene of the archive in order of time, one entry per item of a visit's rows and tiles."""
    scenes = [visit for number, sensor in enumerate(world.scenario.optical.sensors) for visit in _visits(world, sensor, number)]
    return sorted(scenes, key=lambda visit: (visit.time, visit.platform, visit.row, visit.tile))


def _visits(world: World, sensor: Sensor, number: int) -> list[Overpass]:
    scenario = world.scenario
    first = max(pd.Timestamp(sensor.start), pd.Timestamp(scenario.start))
    last = min(pd.Timestamp(sensor.end), pd.Timestamp(scenario.end))
    days = pd.date_range(pd.Timestamp(sensor.start) + pd.Timedelta(days=sensor.offset_days), last, freq=f"{sensor.every_days}D")
    scenes: list[Overpass] = []
    for day in days[days >= first]:
        rng = generator(world.seed, "visit", number, day.toordinal())
        kept, cloud, time = rng.random() < sensor.keep, _cloud(world, day, rng), _time(scenario, sensor, day, rng)
        elevation, azimuth = (float(angle) for angle in sun.position(time.to_datetime64(), scenario.area.lon, scenario.area.lat))
        if kept and cloud <= scenario.optical.max_cloud and elevation >= LOWEST_SUN:
            scenes += _scenes(scenario, sensor, time, cloud, (elevation, azimuth), rng)
    return scenes


def _scenes(
    scenario: Scenario, sensor: Sensor, time: pd.Timestamp, cloud: float, angles: tuple[float, float], rng: np.random.Generator
) -> list[Overpass]:
    """Return the scenes of one visit: one, or the two rows or tiles that share the area."""
    optical = scenario.optical
    landsat = sensor.platform.startswith("landsat")
    shift = rng.normal(0, optical.jitter, 2)
    split = 0.5 + 0.2 * (rng.random() - 0.5)
    two_rows = landsat and rng.random() < optical.two_rows
    halves = ((0.0, split + OVERLAP / 2), (split - OVERLAP / 2, 1.0))
    if landsat:
        pieces = [(sensor.row, "", halves[0]), (sensor.row + 1, "", halves[1])] if two_rows else [(sensor.row, "", (0.0, 1.0))]
    elif len(sensor.tiles) == 2:
        pieces = [(0, sensor.tiles[0], halves[0]), (0, sensor.tiles[1], halves[1])]
    else:
        pieces = [(0, sensor.tiles[0], (0.0, 1.0))]
    return [
        Overpass(
            product="landsat" if landsat else "sentinel2",
            platform=sensor.platform,
            time=time + pd.Timedelta(seconds=24 * index if landsat else 0),
            crs=sensor.crs or scenario.area.crs,
            path=sensor.path,
            row=row,
            tile=tile,
            sun_elevation=angles[0],
            sun_azimuth=angles[1],
            shift_x=float(shift[0]),
            shift_y=float(shift[1]),
            cloud_cover=cloud,
            part=part,
            swath_edge=sensor.swath_edge,
            gaps=sensor.platform == "landsat-7",
        )
        for index, (row, tile, part) in enumerate(pieces)
    ]


def _cloud(world: World, day: pd.Timestamp, rng: np.random.Generator) -> float:
    """Return the cloud cover over the area at the moment of the visit: the day's, give or take."""
    return float(np.clip(world.weather.cloudiness[world.day(day)] + rng.normal(0, 0.08), 0, 1))


def _time(scenario: Scenario, sensor: Sensor, day: pd.Timestamp, rng: np.random.Generator) -> pd.Timestamp:
    """Return the acquisition in UTC: 10:11 (Landsat) or 10:40 (Sentinel-2) mean local solar time, within a minute."""
    hour = (10 + 11 / 60 if sensor.platform.startswith("landsat") else 10 + 40 / 60) - scenario.area.lon / 15
    return day + pd.Timedelta(seconds=round(hour * 3600 + rng.uniform(-60, 60), 3))


def grids(world: World, overpass: Overpass) -> tuple[GeoBox, GeoBox | None]:
    """Return the grid of a scene, and the fine one of Sentinel-2.

    Landsat: 30 m with pixel *centres* on multiples of 30 m, as USGS grids lie. Sentinel-2: 20 m and 10 m with pixel *edges* on
    multiples of 20 m, as its tiles lie. Both cover the area in the scene's own zone.
    """
    from affine import Affine
    from odc.geo.geom import box

    bounds = world.site.boundingbox
    if overpass.crs != world.scenario.area.crs:
        corners = box(*bounds.bbox, crs=world.site.crs).to_crs(overpass.crs, resolution=1000.0)
        bounds = corners.boundingbox
    low, high = overpass.part
    left, bottom, right, top = bounds.bbox
    if overpass.product == "landsat":
        top, bottom = top - low * (top - bottom), top - high * (top - bottom)
        size, origin = 30.0, 15.0
    else:
        left, right = left + low * (right - left), left + high * (right - left)
        size, origin = 20.0, 0.0
    west, north = np.floor((left - origin) / size) * size + origin, np.ceil((top - origin) / size) * size + origin
    columns, rows = int(np.ceil((right - west) / size)), int(np.ceil((north - bottom) / size))
    grid = GeoBox((rows, columns), Affine(size, 0, west, 0, -size, north), overpass.crs)
    if overpass.product == "landsat":
        return grid, None
    return grid, GeoBox((2 * rows, 2 * columns), Affine(size / 2, 0, west, 0, -size / 2, north), overpass.crs)
