"""What satellites give of simulated lakes: areas between clouds, speeds of pairs, surface temperatures, and dates of floods."""

from __future__ import annotations

import numpy as np
import pandas as pd

from glaciercast.simulate import heat
from glaciercast.simulate.lake import FloatArray
from glaciercast.simulate.outbursts_lakes import Valley
from glaciercast.simulate.outbursts_spec import OutburstSpec, SeenSpec
from glaciercast.simulate.scenario import TemperatureSpec
from glaciercast.simulate.seeds import generator

DAY = np.timedelta64(1, "D")
OVERPASS = np.timedelta64(5 * 60 + 40, "m")
"""Of the optical satellites, UTC, at 75 degrees east."""
SNOW_DAYS = 30
"""Snow on the ground and ice on the lake follow the mean temperature of so many days."""
FEWEST_CLEAR = 0.2
"""Cloud-free share of a day, in the clearest day of a period, that gives a temperature."""


def areas(spec: OutburstSpec, valley: Valley, seed: int) -> pd.DataFrame:
    """Return the areas of a lake: one a visit that saw enough, with an error that grows with the shore and with what clouds hid."""
    seen, rng = spec.seen, generator(seed, "outbursts", "areas", valley.name)
    day = _visits(spec, seen, valley, rng)
    clear = np.clip(1 - valley.weather.cloudiness[day] + rng.normal(0, 0.08, day.size), 0, 1)
    kept = (clear >= seen.clearest) & (_of_month(valley)[day] > seen.frozen_below)
    latency = _between(seen.optical_latency, day.size, rng)
    noise = rng.standard_normal(day.size)
    day, clear = day[kept], np.round(clear[kept], 3)
    truth = valley.history.area[day]
    error = _area_error(seen, truth, clear)
    time = valley.history.dates.to_numpy("datetime64[ns]")[day] + OVERPASS
    return pd.DataFrame(
        {
            "lake": valley.name,
            "time": time,
            "area": np.round(np.maximum(0, truth + error * noise[kept])),
            "area_error": np.round(error),
            "seen": clear,
            "available_at": time + latency[kept],
            "true_area": truth,
        }
    )


def motion(spec: OutburstSpec, valley: Valley, seed: int) -> pd.DataFrame:
    """Return pairs: mean components of the dam's speed between two images, with the error of a displacement over the baseline."""
    seen, rng = spec.seen, generator(seed, "outbursts", "motion", valley.name)
    dates = valley.history.dates
    begin, end = _watched(spec, valley)
    second = np.arange(begin + int(rng.integers(seen.pairs_every)), end, seen.pairs_every)
    baseline = rng.choice(np.asarray(seen.pair_baselines), second.size)
    first = second - baseline
    clear = 1 - np.maximum(valley.weather.cloudiness[first], valley.weather.cloudiness[second])
    latency = _between(seen.pair_latency, second.size, rng)
    noise = rng.standard_normal((2, second.size))
    kept = clear >= seen.clearest
    path = np.concatenate([[0.0], np.cumsum(valley.speed)])
    speed = ((path[second] - path[first]) / baseline)[kept]
    error = np.round(seen.pair_error * 365.25 / baseline[kept] / np.sqrt(clear[kept]), 2)
    later = dates.to_numpy("datetime64[ns]")[second] + OVERPASS
    vx, vy = speed * np.sin(valley.azimuth), speed * np.cos(valley.azimuth)
    return pd.DataFrame(
        {
            "lake": valley.name,
            "first": (later - baseline * DAY)[kept],
            "second": later[kept],
            "vx": np.round(vx + error * noise[0, kept], 2),
            "vy": np.round(vy + error * noise[1, kept], 2),
            "v_error": error,
            "available_at": (later + latency)[kept],
        }
    )


def temperature(spec: OutburstSpec, valley: Valley, seed: int) -> pd.DataFrame:
    """Return surface temperatures by day of ground and ice, mean over the clear days of a period; none where no day was clear."""
    rules = TemperatureSpec()
    begin, end = _watched(spec, valley)
    days = np.arange(begin, end)
    clear = valley.weather.cloudiness[days] < 1 - FEWEST_CLEAR
    tables = []
    for surface, frozen in (("ground", _snow(valley)[days]), ("ice", np.ones(days.size))):
        rng = generator(seed, "outbursts", "temperature", valley.name, surface)
        air, day_of_year = valley.weather.temperature[days], valley.history.dates.day_of_year.to_numpy("float64")[days]
        daily = heat.surface_temperature(air, np.zeros(days.size), frozen, 10.5, day_of_year, valley.lat, rules)
        daily = daily + rng.normal(0, rules.noise, days.size)
        daily = np.minimum(daily, heat.MELTING) if surface == "ice" else daily
        tables.append(_periods(spec, valley, surface, daily, clear, begin))
    return pd.concat(tables, ignore_index=True)


def events(spec: OutburstSpec, valley: Valley, seed: int) -> pd.DataFrame:
    """Return the floods while the lake was watched; of some the first day is known to a few days only, its true day anywhere in them."""
    seen, rng = spec.seen, generator(seed, "outbursts", "events", valley.name)
    happened = valley.history.events
    inside = (happened["start"] >= pd.Timestamp(spec.first)) & (happened["start"] <= pd.Timestamp(spec.last))
    true = happened.loc[inside, "start"].to_numpy("datetime64[ns]")
    half = np.where(rng.random(true.size) < seen.uncertain, rng.integers(1, seen.uncertain_days + 1, true.size), 0)
    middle = true + rng.integers(-half, half + 1) * DAY
    earliest, latest = middle - half * DAY, middle + half * DAY
    return pd.DataFrame(
        {
            "event": [f"{valley.name}-{number}" for number in range(1, true.size + 1)],
            "lake": valley.name,
            "start": middle,
            "earliest": earliest,
            "latest": latest,
            "end": np.maximum(latest, true + (spec.hazard.drain_days - 1) * DAY),
        }
    )


def snow_cover(valley: Valley, time: np.ndarray) -> FloatArray:
    """Return the share of the ground under snow at datetime64 (row,), float64 (row,)."""
    day = (np.asarray(time, "datetime64[D]") - valley.history.dates[0].to_datetime64().astype("datetime64[D]")).astype(int)
    return np.asarray(_snow(valley)[day], "float64")


def _watched(spec: OutburstSpec, valley: Valley) -> tuple[int, int]:
    """Return the first day of the watch and the day after its last, as positions in the history."""
    first = (np.datetime64(spec.first) - valley.history.dates[0].to_datetime64()) // DAY
    return int(first), int(first) + (spec.last - spec.first).days + 1


def _visits(spec: OutburstSpec, seen: SeenSpec, valley: Valley, rng: np.random.Generator) -> np.ndarray:
    """Return the days of the visits of all satellites, ascending, each once."""
    begin, end = _watched(spec, valley)
    calendars = [np.arange(begin + int(rng.integers(every)), end, every) for every in seen.visits]
    return np.unique(np.concatenate([np.zeros(0, np.int64), *calendars]))


def _between(bounds: tuple[int, int], size: int, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(rng.integers(bounds[0], bounds[1] + 1, size) * DAY)


def _area_error(seen: SeenSpec, area: FloatArray, clear: FloatArray) -> FloatArray:
    """Return 1 σ, m²: a share of the area, and a share of a pixel along the shore of a round lake; clouds widen both."""
    shore = 2 * np.sqrt(np.pi * area) * seen.pixel * seen.shoreline
    return np.asarray(np.sqrt((seen.area_noise * area) ** 2 + shore**2 + seen.pixel**4) / np.sqrt(clear), dtype="float64")


def _of_month(valley: Valley) -> FloatArray:
    """Return the mean air temperature of the last `SNOW_DAYS` days, °C, float64 (day,)."""
    return pd.Series(valley.weather.temperature).rolling(SNOW_DAYS, min_periods=1).mean().to_numpy()


def _snow(valley: Valley) -> FloatArray:
    """Return the share of the ground under snow: all of it after a month below −2 °C, none after one above 2 °C."""
    return np.asarray(np.clip(0.5 - _of_month(valley) / 4, 0, 1), dtype="float64")


def _periods(spec: OutburstSpec, valley: Valley, surface: str, daily: FloatArray, clear: np.ndarray, begin: int) -> pd.DataFrame:
    """Return means over the clear days of each whole period; its acquisition is its last day."""
    length = spec.seen.temperature_days
    whole = daily.size // length * length
    values, weights = daily[:whole].reshape(-1, length), clear[:whole].reshape(-1, length)
    number = weights.sum(1)
    mean = (values * weights).sum(1)[number > 0] / number[number > 0]
    last = valley.history.dates.to_numpy("datetime64[ns]")[begin + length - 1 + np.arange(0, whole, length)[number > 0]]
    time = last + OVERPASS
    return pd.DataFrame(
        {
            "lake": valley.name,
            "time": time,
            "lst_day": np.round(mean, 2),
            "surface": surface,
            "available_at": time + spec.seen.temperature_latency * DAY,
        }
    )
