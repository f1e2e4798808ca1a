"""A world whose fields are known in closed form, for the tests of products that do not come from a scene."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pandas as pd
from affine import Affine
from odc.geo.geobox import GeoBox

from glaciercast.simulate import scenario, snow, weather
from glaciercast.simulate.flow import Flow
from glaciercast.simulate.scenario import Scenario


@dataclass
class FlatWorld:
    scenario: Scenario
    grid: GeoBox
    site: GeoBox
    elevation: np.ndarray
    ice: np.ndarray
    flow: Flow
    weather: object
    snow: object
    exposure: np.ndarray
    slope: np.ndarray
    aspect: np.ndarray
    debris: np.ndarray = field(init=False)
    roughness: np.ndarray = field(init=False)

    def __post_init__(self):
        self.debris = np.zeros_like(self.elevation)
        self.roughness = np.ones_like(self.elevation)


def make_scenario(**changes) -> Scenario:
    """The tiny scenario with some sections changed, such as ``velocity={"pairs": 5}``."""
    plain = scenario.load("tiny").model_dump()
    for key, value in changes.items():
        plain[key] = {**plain[key], **value} if isinstance(value, dict) and isinstance(plain[key], dict) else value
    return Scenario.model_validate(plain)


def make_world(spec: Scenario, *, pixels: int = 160, margin: int = 12, corner=(455400.0, 4035600.0), speed=(3.0, -4.0), bare: bool = False):
    """A plane that rises 1 m a pixel to the north, ice on its upper half, constant velocity; `bare`: no snow ever."""
    size = pixels + 2 * margin
    west, north = corner[0] - margin * 30, corner[1] + margin * 30
    grid = GeoBox((size, size), Affine(30, 0, west, 0, -30, north), "EPSG:32643")
    site = grid[margin : margin + pixels, margin : margin + pixels]
    shape = (size, size)
    elevation = np.broadcast_to((4400.0 - np.arange(size))[:, None], shape).astype(np.float32)
    ice = np.zeros(shape, bool)
    ice[: size // 2] = not bare
    air = weather.make(spec.weather, min(spec.start, spec.temperature.start or spec.start), spec.end, 1)
    pack = snow.make(spec.snow, spec.weather, air, np.linspace(3000, 5000, 5), np.linspace(-1, 1, 3))
    if bare:
        pack = SimpleNamespace(dates=pack.dates, elevations=pack.elevations, exposures=pack.exposures, swe=np.zeros_like(pack.swe))
    zero = np.zeros(shape, np.float32)
    still = np.zeros((2, *shape), np.float32)
    steady = still + np.array(speed, np.float32)[:, None, None]
    flow = Flow(steady, still, still, 30.0, spec.glacier, None)
    return FlatWorld(spec, grid, site, elevation, ice, flow, air, pack, zero, zero, zero)


def clear_sky(world: FlatWorld) -> FlatWorld:
    """The same world without a cloud."""
    air = world.weather
    world.weather = SimpleNamespace(dates=air.dates, temperature=air.temperature, cloudiness=np.zeros_like(air.cloudiness))
    return world


def days(first: str, last: str) -> pd.DatetimeIndex:
    return pd.date_range(first, last)
