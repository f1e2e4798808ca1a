"""Surface temperature of 1 km pixels: the mean over samples of the master grid of what `heat` says of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from glaciercast.errors import InputError
from glaciercast.simulate import heat
from glaciercast.simulate import snow as snow_
from glaciercast.simulate import weather as weather_

if TYPE_CHECKING:
    import pandas as pd

    from glaciercast.simulate.products.modis_grid import Samples
    from glaciercast.simulate.scenario import Scenario
    from glaciercast.simulate.world import World


@dataclass(frozen=True)
class Surface:
    """What the samples are, once for all days: arrays (sample,)."""

    world: World
    scenario: Scenario
    samples: Samples
    warmer: np.ndarray
    """float64, air temperature above that at the reference elevation, K."""
    exposure: np.ndarray
    clean_ice: np.ndarray
    """float32, share of the sample that is ice without debris."""
    depletion: np.ndarray
    """float32, 1/(mm w.e.): the snow cover is tanh(depletion · swe)."""
    lookup: Any

    def temperatures(self, days: pd.DatetimeIndex, hours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what a clear sky would show.

        Parameters
        ----------
        days
            Consecutive days.
        hours
            Local solar time of each view, (view, day).

        Returns
        -------
        tuple of numpy.ndarray
            Surface temperature, K, float32 (view, day, pixel), and frozen share, float32 (day, pixel).

        Raises
        ------
        InputError
            If the world's weather or snow do not cover the days.
        """
        begin = _first(self.world.weather.dates, days, "weather")
        place = _first(self.world.snow.dates, days, "snow")
        spec = self.scenario.temperature
        assert spec is not None
        doy, latitude = days.day_of_year.to_numpy().astype(np.float64), self.scenario.area.lat
        shape = heat.day_shape.py_func(hours, doy, latitude)
        (row, down), (column, right) = self.lookup.band, self.lookup.kind
        return _average(
            self.samples.pixel, np.bincount(self.samples.pixel), self.world.weather.temperature[begin : begin + len(days)], doy, shape,
            self.world.snow.swe[place : place + len(days)], row, down, column, right,
            self.warmer, self.exposure, self.clean_ice, self.depletion, latitude, spec.diurnal_amplitude, spec.night_cooling,
        )  # fmt: skip


def surface(world: World, scenario: Scenario, samples: Samples) -> Surface:
    """Gather what `Surface.temperatures` needs of the world at the samples."""
    elevation, exposure, debris, ice, roughness = (
        np.asarray(field)[samples.y, samples.x] for field in (world.elevation, world.exposure, world.debris, world.ice, world.roughness)
    )
    return Surface(
        world=world,
        scenario=scenario,
        samples=samples,
        warmer=weather_.air_temperature(scenario.weather, 0.0, elevation),
        exposure=exposure.astype(np.float64),
        clean_ice=(ice * (1 - debris)).astype(np.float32),
        depletion=(snow_.WHOLE / (scenario.snow.full_cover * roughness)).astype(np.float32),
        lookup=snow_.Lookup.of(world.snow.elevations, world.snow.exposures, elevation, exposure),
    )


def _first(dates: pd.DatetimeIndex, days: pd.DatetimeIndex, what: str) -> int:
    begin = int((days[0] - dates[0]).days)
    if begin < 0 or begin + len(days) > len(dates):
        needed, found = (f"{span[0]:%Y-%m-%d} to {span[-1]:%Y-%m-%d}" for span in (days, dates))
        raise InputError(f"surface temperature needs {what} from {needed}, found {found}")
    return begin


@numba.njit(cache=True, nogil=True)
def _average(
    pixel: np.ndarray, counts: np.ndarray, air: np.ndarray, doy: np.ndarray, shape: np.ndarray,
    swe: np.ndarray, row: np.ndarray, down: np.ndarray, column: np.ndarray, right: np.ndarray,
    warmer: np.ndarray, exposure: np.ndarray, clean_ice: np.ndarray, depletion: np.ndarray,
    latitude: float, amplitude: float, cooling: float,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the mean temperature (view, day, pixel) and frozen share (day, pixel) over samples, day by day."""
    views, days = shape.shape
    temperature = np.zeros((views, days, counts.size), np.float32)
    frozen = np.zeros((days, counts.size), np.float32)
    for day in range(days):
        for s in range(pixel.size):
            i, j, u, v = row[s], column[s], down[s], right[s]
            low = swe[day, i, j] * (1 - v) + swe[day, i, j + 1] * v
            high = swe[day, i + 1, j] * (1 - v) + swe[day, i + 1, j + 1] * v
            cover = np.tanh(depletion[s] * (low * (1 - u) + high * u))
            share = cover + (1 - cover) * clean_ice[s]
            sun = heat.noon_sun(exposure[s], doy[day], latitude)
            p = pixel[s]
            frozen[day, p] += share
            for view in range(views):
                temperature[view, day, p] += (
                    heat.kelvin(air[day] + warmer[s], share, shape[view, day], sun, amplitude, cooling) - heat.MELTING
                )
        for p in range(counts.size):
            frozen[day, p] /= counts[p]
            for view in range(views):
                temperature[view, day, p] = heat.MELTING + temperature[view, day, p] / counts[p]
    return temperature, frozen
