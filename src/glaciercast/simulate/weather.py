"""Daily weather whose predictable share is known in closed form: seasons, a slow regime, fast synoptic noise, rain and clouds.

Five latent standard-normal series carry everything. Each is a stationary AR(1) process, discretised exactly, so that its variance is 1
and its correlation over `k` days is ``exp(−k/memory)``. All that is observed of a day follows from its latent values and one gamma draw;
to branch the weather is therefore to carry the latent values on with new innovations.
"""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numba
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from glaciercast.errors import InputError
from glaciercast.simulate.scenario import WeatherSpec
from glaciercast.simulate.seeds import generator

FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Day = dt.date | str | np.datetime64 | pd.Timestamp

YEAR = 365.25
WINTER = (11, 12, 1, 2, 3, 4)
MIDWINTER = 30.5
"""Day of the year in the middle of November to April."""
WET_SHARE = 0.35
"""Share of days with precipitation."""
GAMMA_SHAPE = 0.75
"""Of the amounts on wet days; below 1: most are small."""
RAIN_MEMORY = 2.0
SKY_MEMORY = 1.5
"""e-folding times of wet spells and of what else moves the clouds, days."""
CLOUD_CONCENTRATION = 0.8
"""Sum of the beta distribution's parameters; below 2 daily cloud cover is U-shaped."""
CLOUD_RAIN = 0.6
CLOUD_WARMTH = 0.4
"""Weights of wet spells and (at midsummer, negative) of the synoptic temperature in the latent cloud."""


class State(IntEnum):
    """Rows of `Weather.states`."""

    REGIME = 0
    SYNOPTIC = 1
    WETNESS = 2
    RAIN = 3
    SKY = 4


@dataclass(frozen=True)
class Weather:
    """Weather at the reference elevation, one value a day.

    Attributes
    ----------
    spec, seed, stream
        What it was made from.
    dates
        Daily, without gaps.
    temperature
        Daily mean, °C, float64 (day,).
    regime
        The slow part of its anomaly, K, float64 (day,).
    precipitation
        mm w.e. a day, float64 (day,).
    cloudiness
        Cloud cover, 0–1, float64 (day,).
    states
        Latent standard-normal values, float64 (state, day); see `State`.
    amounts
        Gamma draws of mean 1: the size of the day's rain, if it rains, float64 (day,).
    expected
        Temperature without anomalies (season and trend), °C, float64 (day,).
    """

    spec: WeatherSpec
    seed: int
    stream: str
    dates: pd.DatetimeIndex
    temperature: FloatArray
    regime: FloatArray
    precipitation: FloatArray
    cloudiness: FloatArray
    states: FloatArray
    amounts: FloatArray
    expected: FloatArray

    def index(self, date: Day) -> int:
        """Return the position of a day.

        Raises
        ------
        InputError
            If the weather does not hold that day.
        """
        place = (pd.Timestamp(date).normalize() - self.dates[0]).days
        if not 0 <= place < self.dates.size:
            raise InputError(
                f"no weather on {pd.Timestamp(date):%Y-%m-%d}: it runs from {self.dates[0]:%Y-%m-%d} to {self.dates[-1]:%Y-%m-%d}"
            )
        return place


def make(spec: WeatherSpec, start: Day, end: Day, seed: int, stream: str = "weather") -> Weather:
    """Return the weather from `start` to `end`, both included.

    The trend turns about the middle of that period, so that `mean_temperature` is the mean of the period. `stream` names the random
    stream: two scenarios of one seed have independent weather only if theirs differ, so give the scenario's name.

    Raises
    ------
    InputError
        If the period is empty, or `winter_share` is 0 or 1 or next to it.
    """
    dates = pd.date_range(pd.Timestamp(start).normalize(), pd.Timestamp(end).normalize(), freq="D")
    if dates.empty:
        raise InputError(f"expected start <= end for the weather, found {start} and {end}")
    rng = generator(seed, stream)
    first = rng.standard_normal(len(State))
    states = _carry_on(spec, first, rng.standard_normal((len(State), dates.size - 1)))
    states = np.concatenate([first[:, None], states], axis=1)
    return _derive(spec, (seed, stream), dates, states, _amounts(rng, dates.size), _expected_temperature(spec, dates))


def forecast(weather: Weather, at: Day, member: int, days: int | None = None) -> Weather:
    """Return one draw of the weather from `at` on, by somebody who knows the generator and its states up to the day before.

    Parameters
    ----------
    weather
        The actual weather; nothing of it from `at` on is used.
    at
        First day of the draw.
    member
        Number of the draw: the same number gives the same draw.
    days
        Length (default: to the end of the actual weather).

    Raises
    ------
    InputError
        If `at` is not a day after the first of the weather, or `days` reaches beyond its end.
    """
    begin = weather.index(at)
    days = weather.dates.size - begin if days is None else days
    if begin == 0 or not 0 < days <= weather.dates.size - begin:
        raise InputError(f"a draw of {days} days from {weather.dates[begin]:%Y-%m-%d} needs a day before it and must end with the weather")
    part = slice(begin, begin + days)
    rng = generator(weather.seed, weather.stream, "branch", f"{weather.dates[begin]:%Y-%m-%d}", member)
    states = _carry_on(weather.spec, weather.states[:, begin - 1], rng.standard_normal((len(State), days)))
    return _derive(weather.spec, (weather.seed, weather.stream), weather.dates[part], states, _amounts(rng, days), weather.expected[part])


def branch(weather: Weather, at: Day, member: int) -> Weather:
    """Return the actual weather up to the day before `at`, followed by a draw (`forecast`) to the end."""
    drawn = forecast(weather, at, member)
    past = slice(0, weather.index(at))

    def joined(name: str) -> FloatArray:
        return np.concatenate([getattr(weather, name)[..., past], getattr(drawn, name)], axis=-1)

    names = ("temperature", "regime", "precipitation", "cloudiness", "states", "amounts")
    changed: dict[str, Any] = {name: joined(name) for name in names}
    return replace(weather, **changed)


def part(weather: Weather, start: Day, days: int) -> Weather:
    """Return `days` days of the weather from `start` on."""
    begin = weather.index(start)
    names = ("dates", "temperature", "regime", "precipitation", "cloudiness", "states", "amounts", "expected")
    return replace(weather, **{name: getattr(weather, name)[..., begin : begin + days] for name in names})


def air_temperature(spec: WeatherSpec, temperature: ArrayLike, elevation: ArrayLike) -> FloatArray:
    """Return the temperature, °C, at `elevation` (m), by the lapse rate; the two broadcast."""
    above = np.asarray(elevation, dtype="float64") - spec.reference_elevation
    return np.asarray(temperature, dtype="float64") - spec.lapse_rate * above / 1000


def precipitation_at(spec: WeatherSpec, precipitation: ArrayLike, elevation: ArrayLike) -> FloatArray:
    """Return the precipitation at `elevation` (m); the two broadcast.

    It grows linearly above the reference elevation and falls off exponentially below it, with the same slope at the reference:
    a straight line would reach zero in the valleys.
    """
    growth = spec.precipitation_gradient * (np.asarray(elevation, dtype="float64") - spec.reference_elevation) / 100
    factor = np.where(growth > 0, 1 + growth, np.exp(np.minimum(growth, 0)))
    return np.asarray(precipitation, dtype="float64") * factor


def predictable_share(spec: WeatherSpec, lead_days: int, window: int = 1) -> float:
    """Return the share of the variance of the temperature anomaly that today's latent values explain.

    Parameters
    ----------
    lead_days
        Days from the last known day to the first of the window (1: tomorrow).
    window
        Length of the mean, days.

    Returns
    -------
    float
        Var(E[mean | today]) / Var(mean); 0 where there are no anomalies at all.
    """
    steps = np.arange(lead_days, lead_days + window)
    known = total = 0.0
    for deviation, memory in ((spec.regime_sd, spec.regime_memory), (spec.synoptic_sd, spec.synoptic_memory)):
        known += deviation**2 * np.exp(-steps / memory).mean() ** 2
        total += deviation**2 * np.exp(-np.abs(steps[:, None] - steps) / memory).mean()
    return float(known / total) if total else 0.0


def expected_precipitation(spec: WeatherSpec, dates: pd.DatetimeIndex) -> FloatArray:
    """Return the expected precipitation at the reference elevation, mm a day: sums to the annual amount over 365 days."""
    return spec.annual_precipitation / 365 * _rain_season(spec, dates)


def expected_cloud(spec: WeatherSpec, dates: pd.DatetimeIndex) -> FloatArray:
    """Return the expected cloud cover, 0–1 (kept between 0.02 and 0.98)."""
    season = spec.mean_cloud + spec.cloud_season * _cosine(dates, spec.cloudiest_day)
    return np.clip(season, 0.02, 0.98)


def _memories(spec: WeatherSpec) -> FloatArray:
    """Return the e-folding time of each state, days."""
    return np.array([spec.regime_memory, spec.synoptic_memory, spec.regime_memory, RAIN_MEMORY, SKY_MEMORY])


def _carry_on(spec: WeatherSpec, first: FloatArray, innovations: FloatArray) -> FloatArray:
    """Return the AR(1) states (state, day) after `first` (state,), driven by standard-normal `innovations`."""
    return np.asarray(_recursion(np.exp(-1 / _memories(spec)), np.asarray(first, np.float64), innovations))


@numba.njit(cache=True, nogil=True)
def _recursion(correlation: FloatArray, first: FloatArray, innovations: FloatArray) -> FloatArray:
    states = np.empty_like(innovations)
    for row in range(len(correlation)):
        phi, before = correlation[row], first[row]
        scale = np.sqrt(1 - phi**2)
        for day in range(innovations.shape[1]):
            before = phi * before + scale * innovations[row, day]
            states[row, day] = before
    return states


def _amounts(rng: np.random.Generator, days: int) -> FloatArray:
    """Return gamma draws of mean 1."""
    return rng.standard_gamma(GAMMA_SHAPE, days) / GAMMA_SHAPE


def _derive(
    spec: WeatherSpec, source: tuple[int, str], dates: pd.DatetimeIndex, states: FloatArray, amounts: FloatArray, expected: FloatArray
) -> Weather:
    """Return what is observed of the latent states."""
    regime = spec.regime_sd * states[State.REGIME]
    return Weather(
        spec=spec,
        seed=source[0],
        stream=source[1],
        dates=dates,
        temperature=expected + regime + spec.synoptic_sd * states[State.SYNOPTIC],
        regime=regime,
        precipitation=_precipitation(spec, dates, states, amounts),
        cloudiness=_cloudiness(spec, dates, states),
        states=states,
        amounts=amounts,
        expected=expected,
    )


def _expected_temperature(spec: WeatherSpec, dates: pd.DatetimeIndex) -> FloatArray:
    """Return season and trend, °C."""
    days = np.arange(dates.size)
    decades = (days - days.mean()) / (10 * YEAR)
    season = spec.seasonal_amplitude * _cosine(dates, spec.warmest_day)
    return np.asarray(spec.mean_temperature + season + spec.trend * decades, dtype="float64")


def _precipitation(spec: WeatherSpec, dates: pd.DatetimeIndex, states: FloatArray, amounts: FloatArray) -> FloatArray:
    """Return the precipitation, mm a day: wet where the latent rain is in its upper tail; the slow factor has mean 1."""
    from scipy.special import ndtri

    wet = states[State.RAIN] > ndtri(1 - WET_SHARE)
    slow = np.exp(spec.wetness_sd * states[State.WETNESS] - spec.wetness_sd**2 / 2)
    return np.asarray(wet / WET_SHARE * amounts * slow * expected_precipitation(spec, dates), dtype="float64")


def _cloudiness(spec: WeatherSpec, dates: pd.DatetimeIndex, states: FloatArray) -> FloatArray:
    """Return cloud cover: quantiles of a beta distribution at a latent Gaussian of unit variance."""
    from scipy.special import betaincinv, ndtr

    warmth = CLOUD_WARMTH * np.maximum(0, _cosine(dates, spec.warmest_day))
    rest = np.sqrt(1 - CLOUD_RAIN**2 - warmth**2)
    latent = CLOUD_RAIN * states[State.RAIN] - warmth * states[State.SYNOPTIC] + rest * states[State.SKY]
    mean = expected_cloud(spec, dates)
    return np.asarray(betaincinv(CLOUD_CONCENTRATION * mean, CLOUD_CONCENTRATION * (1 - mean), ndtr(latent)), dtype="float64")


def _cosine(dates: pd.DatetimeIndex, peak: float) -> FloatArray:
    """Return the annual cosine that is 1 on day `peak` of the year."""
    day = np.asarray(dates.day_of_year, dtype="float64")
    return np.asarray(np.cos(2 * np.pi * (day - peak) / YEAR), dtype="float64")


def _rain_season(spec: WeatherSpec, dates: pd.DatetimeIndex) -> FloatArray:
    """Return a factor of mean 1 over a common year: exp(κ·cosine about midwinter), κ such that winter has its share exactly."""
    kappa, mean = _rain_shape(spec.winter_share)
    return np.asarray(np.exp(kappa * _cosine(dates, MIDWINTER)) / mean, dtype="float64")


@functools.lru_cache(maxsize=32)
def _rain_shape(winter_share: float) -> tuple[float, float]:
    """Return κ and the mean of exp(κ·cosine) over a common year."""
    from scipy.optimize import brentq

    year = pd.date_range("2001-01-01", "2001-12-31", freq="D")
    winter = np.isin(year.month, WINTER)
    shape = _cosine(year, MIDWINTER)

    def excess(kappa: float) -> float:
        weight = np.exp(kappa * shape)
        return float(weight[winter].sum() / weight.sum()) - winter_share

    if not excess(-30) < 0 < excess(30):
        raise InputError(f"winter_share must lie between 0 and 1, not at or next to either, found {winter_share}")
    kappa = float(brentq(excess, -30, 30, xtol=1e-12))
    return kappa, float(np.exp(kappa * shape).mean())
