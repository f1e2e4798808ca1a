"""Histories of simulated lakes: weather, melt, filling, surges of the dam, and drainage by a known hazard."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from glaciercast.simulate import lake, weather
from glaciercast.simulate.lake import FloatArray, Hypsometry, LakeHistory
from glaciercast.simulate.outbursts_spec import OutburstSpec
from glaciercast.simulate.scenario import LakeSpec
from glaciercast.simulate.seeds import generator

WARM_UP = 3 * 365
"""Days before the watch begins: lakes are neither all empty nor all full then."""
BEYOND = 90
"""Days after it ends: the chances of the longest horizon are known to the last day."""
FULL_SHARE = 0.9
NODES = 40
NEVER = 1e-12
"""Daily hazard of a lake that can't drain."""
SEASON_INFLOW = 0.03
"""Share of the inflow that does not stop in winter."""


@dataclass(frozen=True)
class Valley:
    """One lake, its weather, its dam and all that becomes of it.

    Attributes
    ----------
    name, lon, lat, dam
        As ``lakes.csv`` holds them.
    spec, hypsometry, history, weather
        Daily from `WARM_UP` before the watch to `BEYOND` after it.
    speed
        Of the damming ice, m/yr, float64 (day,).
    azimuth
        Direction of its flow, rad, clockwise from north.
    """

    name: str
    lon: float
    lat: float
    dam: str
    spec: LakeSpec
    hypsometry: Hypsometry
    history: LakeHistory
    weather: weather.Weather
    speed: FloatArray
    azimuth: float


def season_hazard(spec: OutburstSpec, dates: pd.DatetimeIndex) -> FloatArray:
    """Return the daily chance of drainage where only the season counts, float64 (day,).

    It is proportional to exp(κ cos(2π (day − peak)/365.25)), and sums to `season_rate` over a common year.
    """
    kappa, peak = spec.hazard.season_sharpness, spec.hazard.season_day

    def shape(days: ArrayLike) -> FloatArray:
        return np.exp(kappa * (np.cos(2 * np.pi * (np.asarray(days, "float64") - peak) / weather.YEAR) - 1))

    return np.asarray(np.minimum(1.0, spec.hazard.season_rate * shape(dates.day_of_year) / shape(np.arange(1, 366)).sum()), "float64")


def make(spec: OutburstSpec, seed: int, number: int) -> Valley:
    """Return the lake of that number; it is the same whatever other lakes there are."""
    rng = generator(seed, "outbursts", "valley", number)
    dates = pd.date_range(spec.first - dt.timedelta(days=WARM_UP), spec.last + dt.timedelta(days=BEYOND), freq="D")
    drains = spec.mode == "season" or _drains(spec, seed, number)
    air = weather.make(spec.weather, dates[0], dates[-1], seed, f"outbursts {number}")
    basin = _basin(float(np.exp(rng.uniform(*np.log(spec.largest)))), float(rng.uniform(20, 60)))
    dam = "ice" if drains else _other_dam(spec, seed, number)
    surge = _surge(spec, rng) if dam == "ice" and spec.mode != "season" and rng.random() < spec.surging else None
    close = pd.Timestamp(surge) if surge else dates[0] + pd.Timedelta(days=int(rng.integers(1, WARM_UP)))
    inflow = _inflow(air, basin.full_volume(FULL_SHARE) / rng.uniform(*spec.fill_years))
    hazard = spec.hazard
    rules = LakeSpec(
        full_share=FULL_SHARE, start=close.date(), base_hazard=hazard.base if drains else NEVER, steepness=hazard.steepness,
        midpoint=hazard.midpoint, drain_days=hazard.drain_days,
    )  # fmt: skip
    stream = f"outbursts {number}"
    if spec.mode == "season":
        history = _by_season(spec, rules, basin, inflow, dates, seed, stream)
    else:
        history = lake.make(rules, basin, inflow, dates, seed, stream)
    return Valley(
        name=f"lake-{number:03d}",
        lon=round(spec.lon + float(rng.uniform(-1, 1)), 5),
        lat=round(spec.lat + float(rng.uniform(-0.5, 0.5)), 5),
        dam=dam,
        spec=rules,
        hypsometry=basin,
        history=history,
        weather=air,
        speed=_speed(rng, dates, surge),
        azimuth=float(rng.uniform(0, 2 * np.pi)),
    )


def chances(spec: OutburstSpec, valley: Valley, horizon: int) -> FloatArray:
    """Return the known chance that drainage begins within `horizon` days, for all days that have so many after them, float64 (day,)."""
    if spec.mode != "season":
        return lake.warning(valley.spec, valley.history, horizon)[0]
    days = np.lib.stride_tricks.sliding_window_view(np.log1p(-season_hazard(spec, valley.history.dates)), horizon)
    return np.asarray(-np.expm1(days.sum(1)), "float64")


def _drains(spec: OutburstSpec, seed: int, number: int) -> bool:
    order = generator(seed, "outbursts", "draining").permutation(spec.lakes)
    return bool(order[number] < round(spec.draining * spec.lakes))


def _other_dam(spec: OutburstSpec, seed: int, number: int) -> str:
    """Return what dams a lake that can't drain: ice for some, whose water leaves over rock beside it, so that the dam tells only a part."""
    rng = generator(seed, "outbursts", "dam", number)
    return "ice" if rng.random() < spec.stable_ice else str(rng.choice(["moraine", "bedrock"]))


def _basin(area: float, depth: float) -> Hypsometry:
    """Return a basin whose area grows in proportion to the depth of its water, `area` where the dam floats."""
    height = np.linspace(0, 1.2 * depth, NODES)
    surface = area * height / depth
    return Hypsometry(3000 + height, surface * height / 2, surface, 3000.0, depth / FULL_SHARE)


def _inflow(air: weather.Weather, annual: float) -> FloatArray:
    """Return the inflow, m³ a day: degree days, and a little that never stops; `annual` m³ in a mean year of this weather's season."""
    expected = np.maximum(0, air.expected).mean() * weather.YEAR
    melt = np.maximum(0, air.temperature) / expected
    return np.asarray(annual * ((1 - SEASON_INFLOW) * melt + SEASON_INFLOW / weather.YEAR), dtype="float64")


def _surge(spec: OutburstSpec, rng: np.random.Generator) -> dt.date:
    """Return the day on which a surge has thickened the dam so that it closes the valley: in the first half of the watch."""
    first = pd.Timestamp(spec.first)
    span = (pd.Timestamp(spec.last) - first).days
    return (first + pd.Timedelta(days=int(rng.integers(span // 8, span // 2)))).date()


def _speed(rng: np.random.Generator, dates: pd.DatetimeIndex, surge: dt.date | None) -> FloatArray:
    """Return the speed of the damming ice, m/yr: a mean, a season, and a surge that peaks half a year before the dam closes."""
    mean = float(np.exp(rng.uniform(np.log(40), np.log(250))))
    speed = mean * (1 + 0.25 * np.cos(2 * np.pi * (dates.day_of_year.to_numpy() - 175) / weather.YEAR))
    if surge is not None:
        away = (dates - pd.Timestamp(surge)).days.to_numpy("float64") + 180
        speed = speed + mean * rng.uniform(4, 12) * np.exp(-0.5 * (away / 120) ** 2)
    return np.asarray(speed, dtype="float64")


def _by_season(
    spec: OutburstSpec, rules: LakeSpec, basin: Hypsometry, inflow: FloatArray, dates: pd.DatetimeIndex, seed: int, stream: str
) -> LakeHistory:
    """Return the history of a lake whose days of drainage are drawn by the season, whatever it holds."""
    full = basin.full_volume(rules.full_share)
    chance = season_hazard(spec, dates)
    started, draining = _drawn(chance, generator(seed, stream).random(dates.size), rules.drain_days)
    volume, spill, outflow = _balance(inflow, started, draining, np.asarray(dates >= pd.Timestamp(rules.start)), full, rules.drain_days)
    before = np.concatenate([[0.0], volume[:-1]])
    level = np.interp(volume, basin.volume, basin.level)
    start = dates[started]
    events = pd.DataFrame(
        {
            "start": start,
            "end": start + pd.Timedelta(days=rules.drain_days - 1),
            "volume": before[started],
            "level": np.interp(before[started], basin.volume, basin.level),
        }
    )
    area = np.where(volume > 0, np.interp(level, basin.level, basin.area), 0)
    return LakeHistory(
        dates=dates, level=level, volume=volume, area=area, filled=before / full, hazard=np.where(draining & ~started, 0, chance),
        drained=started, draining=draining, inflow=inflow, spill=spill, outflow=outflow, full=full, events=events,
    )  # fmt: skip


def _drawn(chance: FloatArray, draws: FloatArray, drain_days: int) -> tuple[np.ndarray, np.ndarray]:
    """Return on which days drainage starts and on which it goes on; none starts while one goes on."""
    started, draining = np.zeros(chance.size, dtype=bool), np.zeros(chance.size, dtype=bool)
    free = 0
    for day in np.flatnonzero(draws < chance).tolist():
        if day >= free:
            started[day], free = True, day + drain_days
            draining[day:free] = True
    return started, draining


def _balance(
    inflow: FloatArray, started: np.ndarray, draining: np.ndarray, closed: np.ndarray, full: float, drain_days: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return volume, spill and outflow of every day, as `lake.make` has them."""
    volume, spill, outflow = (np.zeros(inflow.size) for _ in range(3))
    now, portion = 0.0, 0.0
    for day, water in enumerate(inflow):
        if draining[day]:
            portion = now / drain_days if started[day] else portion
            last = day + 1 == inflow.size or not draining[day + 1] or started[day + 1]
            out = now if last else portion
            outflow[day], now = out + water, now - out
        elif closed[day]:
            spill[day] = max(0.0, now + water - full)
            now += water - spill[day]
        else:
            spill[day] = water
        volume[day] = now
    return volume, spill, outflow
