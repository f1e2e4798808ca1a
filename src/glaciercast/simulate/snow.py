"""Snow by elevation and exposure: a degree-day model on a table, and how much of a pixel that snow covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from glaciercast.errors import InputError
from glaciercast.simulate import weather as weather_
from glaciercast.simulate.scenario import SnowSpec, WeatherSpec
from glaciercast.simulate.weather import Day, FloatArray, Weather

Float32Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

MIXED = 1.5
"""Half the width of the range of temperatures in which precipitation is part snow, part rain, K."""
FIRN = 2000.0
"""mm w.e. beyond which snow counts as firn and ice and leaves the table."""
FRESH = 5.0
"""mm w.e. of snowfall on one day that make the surface new."""
OLDEST = 365.0
"""Days; surfaces do not age further."""
SPIN_UP_YEARS = 5
WHOLE = 2.65
"""tanh(2.65) = 0.99: what `full_cover` calls covered whole."""


@dataclass(frozen=True)
class Snowpack:
    """Snow on every day, by elevation and exposure.

    Attributes
    ----------
    spec
        What it was made from.
    dates
        Daily, those of the weather.
    elevations, exposures
        Nodes of the table, ascending, m and −1 … +1, float64 (band,) and (class,).
    swe
        Snow water equivalent at the end of the day, mm, float32 (day, band, class); at most `FIRN`.
    age
        Days since the last snowfall of `FRESH` or more, float32 (day, band, class).
    """

    spec: SnowSpec
    dates: pd.DatetimeIndex
    elevations: FloatArray
    exposures: FloatArray
    swe: Float32Array
    age: Float32Array

    def at(self, date: Day) -> tuple[Float32Array, Float32Array]:
        """Return swe and age on a day, each (band, class).

        Raises
        ------
        InputError
            If the day is outside the series.
        """
        place = (pd.Timestamp(date).normalize() - self.dates[0]).days
        if not 0 <= place < self.dates.size:
            raise InputError(
                f"no snow on {pd.Timestamp(date):%Y-%m-%d}: it runs from {self.dates[0]:%Y-%m-%d} to {self.dates[-1]:%Y-%m-%d}"
            )
        return self.swe[place], self.age[place]

    def snow_line(self, date: Day, exposure: float = 0.0) -> float:
        """Return the snow line of one day, m, as `snow_lines` does."""
        swe, _ = self.at(date)
        return float(self._lines(swe[None], exposure)[0])

    def snow_lines(self, exposure: float = 0.0) -> FloatArray:
        """Return for every day the elevation, m, above which a pixel of median roughness is more than half covered everywhere.

        It is interpolated in cover between bands; −inf where all bands are covered, inf where the highest is not. float64 (day,).
        """
        return self._lines(self.swe, exposure)

    def _lines(self, swe: np.ndarray, exposure: float) -> FloatArray:
        column, right = _nodes(self.exposures, exposure)
        level = swe[..., int(column)] * (1 - float(right)) + swe[..., int(column) + 1] * float(right)
        fraction = cover(level.astype("float64"), 1.0, self.spec.full_cover)
        bands = fraction.shape[1]
        low = bands - 1 - np.argmax((fraction < 0.5)[:, ::-1], axis=1)
        below = np.minimum(low, bands - 2)
        day = np.arange(len(fraction))
        rise = (0.5 - fraction[day, below]) / np.maximum(fraction[day, below + 1] - fraction[day, below], 1e-12)
        line = self.elevations[below] + rise * (self.elevations[below + 1] - self.elevations[below])
        line = np.where(low == bands - 1, np.inf, line)
        return np.where((fraction >= 0.5).all(axis=1), -np.inf, line)


@dataclass(frozen=True)
class Lookup:
    """Bilinear interpolation from the table to pixels; outside its nodes the nearest edge holds."""

    band: tuple[np.ndarray, Float32Array]
    kind: tuple[np.ndarray, Float32Array]

    @classmethod
    def of(cls, elevations: FloatArray, exposures: FloatArray, elevation: ArrayLike, exposure: ArrayLike) -> Lookup:
        """Return the weights for pixels of `elevation` (m) and `exposure`, arrays of one shape."""
        return cls(_nodes(elevations, elevation), _nodes(exposures, exposure))

    def __call__(self, table: np.ndarray) -> Float32Array:
        """Return the values of a table (…, band, class) at the pixels, float32 (…, *pixels)."""
        (row, down), (column, right) = self.band, self.kind
        below = table[..., row, column] * (1 - right) + table[..., row, column + 1] * right
        above = table[..., row + 1, column] * (1 - right) + table[..., row + 1, column + 1] * right
        return np.asarray(below * (1 - down) + above * down, dtype="float32")


def make(
    spec: SnowSpec,
    weather_spec: WeatherSpec,
    weather: Weather,
    elevations: ArrayLike,
    exposures: ArrayLike,
    initial: tuple[np.ndarray, np.ndarray] | None = None,
) -> Snowpack:
    """Return the snow of every day of `weather`.

    Snowfall is the part of the precipitation that falls below `snow_below` (mixed over ±`MIXED` K); melt is
    ``melt_factor·(1 + exposure_effect·exposure)·max(T, 0)`` with the daily mean T of the band.

    Parameters
    ----------
    elevations, exposures
        Nodes of the table, ascending, at least two each.
    initial
        Swe and age (band, class) on the day before the first. By default `SPIN_UP_YEARS` of independent weather of the same
        climate run before it, so that the first day is in balance with the climate.

    References
    ----------
    Hock (2003), J. Hydrol. 282, 104–115: temperature index melt modelling in mountain areas.
    """
    bands, classes = _axis("elevations", elevations), _axis("exposures", exposures)
    if initial is None:
        initial = _spun_up(spec, weather_spec, weather, bands, classes)
    air = weather_.air_temperature(weather_spec, weather.temperature[:, None], bands)
    fall = weather_.precipitation_at(weather_spec, weather.precipitation[:, None], bands) * snow_share(spec, air)
    potential = spec.melt_factor * np.maximum(air, 0)
    factor = 1 + spec.exposure_effect * classes
    swe = _accumulate(fall.astype("float32"), potential.astype("float32"), factor.astype("float32"), initial[0])
    age = _age(fall >= FRESH, np.asarray(initial[1], dtype="float32"))
    return Snowpack(spec, weather.dates, bands, classes, swe, age)


def snow_share(spec: SnowSpec, air: ArrayLike) -> FloatArray:
    """Return the share of the precipitation that falls as snow at air temperature `air`, °C."""
    return np.clip((spec.snow_below + MIXED - np.asarray(air, dtype="float64")) / (2 * MIXED), 0, 1)


def cover(swe: ArrayLike, roughness: ArrayLike, full_cover: float) -> np.ndarray:
    """Return the share of a pixel that snow covers, 0–1, of the broadcast shape.

    Parameters
    ----------
    swe
        mm w.e.
    roughness
        How unevenly snow lies in the pixel, median 1: rough pixels need more snow to be covered, and show patches for longer.
    full_cover
        mm w.e. that cover 99 % of a pixel of roughness 1.

    References
    ----------
    Essery & Pomeroy (2004), Ann. Glaciol. 38, 261–265: the depletion curve of log-normal snow is close to a hyperbolic tangent.
    """
    amount = np.asarray(swe)
    return np.asarray(np.tanh(WHOLE / full_cover * amount / np.asarray(roughness)))


def _spun_up(
    spec: SnowSpec, weather_spec: WeatherSpec, weather: Weather, bands: FloatArray, classes: FloatArray
) -> tuple[np.ndarray, np.ndarray]:
    """Return swe and age after years of other weather of the same climate that end the day before."""
    end = weather.dates[0] - pd.Timedelta(days=1)
    before = weather_.make(weather_spec, end - pd.DateOffset(years=SPIN_UP_YEARS), end, weather.seed, f"{weather.stream}-before")
    empty = np.zeros((bands.size, classes.size), dtype="float32")
    history = make(spec, weather_spec, before, bands, classes, (empty, empty + OLDEST))
    return history.swe[-1], history.age[-1]


def _accumulate(fall: Float32Array, potential: Float32Array, factor: Float32Array, initial: np.ndarray) -> Float32Array:
    """Return swe (day, band, class) from snowfall and level melt, each (day, band), and the melt's factor by class."""
    swe = fall[..., None] - potential[..., None] * factor
    before = np.asarray(initial, dtype="float32")
    for today in swe:
        np.add(today, before, out=today)
        np.maximum(today, 0, out=today)
        np.minimum(today, FIRN, out=today)
        before = today
    return swe


def _age(fresh: np.ndarray, initial: Float32Array) -> Float32Array:
    """Return days since the last true of `fresh` (day, band), spread over classes; `initial` (band, class) the day before."""
    days = np.arange(fresh.shape[0])[:, None]
    last = np.maximum.accumulate(np.where(fresh, days, -1), axis=0)
    since = np.where(last >= 0, days - last, 0)[..., None]
    carried = initial + (days[..., None] + 1)
    return np.minimum(np.where(last[..., None] >= 0, since, carried), OLDEST).astype("float32")


def _axis(name: str, nodes: ArrayLike) -> FloatArray:
    values = np.asarray(nodes, dtype="float64")
    if values.ndim != 1 or values.size < 2 or not (np.diff(values) > 0).all():
        raise InputError(f"{name} of the snow table must be two or more ascending values")
    return values


def _nodes(nodes: FloatArray, values: ArrayLike) -> tuple[np.ndarray, Float32Array]:
    """Return the node below each value and the weight of the one above."""
    place = np.interp(np.asarray(values, dtype="float64"), nodes, np.arange(nodes.size))
    below = np.minimum(place.astype("intp"), nodes.size - 2)
    return below, (place - below).astype("float32")
