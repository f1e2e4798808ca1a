"""MODIS land surface temperature of the simulated glacier: MOD11A1/MYD11A1 daily and MOD11A2/MYD11A2 8-day, version 061.

Formats follow the MODIS Land Surface Temperature Products Users' Guide for Collection 6.1 and the items of the Planetary
Computer, which declare neither nodata nor offsets.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.simulate.products.modis_grid import Samples, Tile, centre, samples
from glaciercast.simulate.products.modis_items import BANDS, Granule, Writer
from glaciercast.simulate.products.modis_view import (
    CLOUD,
    NOT_PRODUCED,
    VIEW_FILL,
    Platform,
    Retrieval,
    View,
    quality_bits,
    retrieve,
    sky,
    view,
)  # fmt: skip
from glaciercast.simulate.seeds import generator

if TYPE_CHECKING:
    import xarray as xr

    from glaciercast.simulate.products.modis_surface import Surface
    from glaciercast.simulate.scenario import Scenario, TemperatureSpec
    from glaciercast.simulate.world import World

FIRST_DAY = {"terra": dt.date(2000, 2, 24), "aqua": dt.date(2002, 7, 4)}
PERIOD = 8
"""Days of the composites, which begin anew each January 1."""
REFERENCE_HOUR = 10.5
"""Of the monthly truth: Terra's nominal time, without drift."""
SNOW_EMISSIVITY, GROUND_EMISSIVITY = 0.988, 0.968
"""Band 31 (11 µm): snow and ice, and bare rock and soil (Snyder et al. 1998, Int. J. Remote Sens. 19, 2753)."""
ANGLE_OFFSET = 65


@dataclass(frozen=True)
class Year:
    """What both platforms see in (a part of) one calendar year."""

    days: pd.DatetimeIndex
    frozen: np.ndarray
    """float32 (day, pixel)."""
    seen: dict[tuple[Platform, bool], Retrieval]
    """By platform and night."""


def write(world: World, archive: Path, scenario: Scenario, seed: int) -> list[str]:
    """Write all items of the scenario's MODIS products; items that exist are left alone.

    Returns
    -------
    list of str
        Their ids.

    Raises
    ------
    InputError
        If the scenario has no temperature section, or the world's weather or snow do not cover its period.
    """
    writer, written = Writer(archive), []
    for granule in granules(world, scenario, seed):
        writer.write(granule)
        written.append(granule.item_id)
    return written


def granules(world: World, scenario: Scenario, seed: int) -> Iterator[Granule]:
    """Yield every item of the scenario's products, year by year."""
    spec = _spec(scenario)
    where = samples(world)
    for year in years(world, scenario, seed, where):
        for product in spec.products:
            yield from _granules_of(product, year, where, scenario)


def years(world: World, scenario: Scenario, seed: int, where: Samples) -> Iterator[Year]:
    """Yield what is retrieved of each calendar year of the scenario's products; the same whichever years are asked for."""
    from glaciercast.simulate.products.modis_surface import surface

    spec = _spec(scenario)
    ground = surface(world, scenario, where)
    every = pd.date_range(max(spec.start or scenario.start, FIRST_DAY["terra"]), scenario.end)
    for number in range(every[0].year, every[-1].year + 1):
        yield _year(ground, every[every.year == number], spec, number, seed)


def _spec(scenario: Scenario) -> TemperatureSpec:
    if scenario.temperature is None:
        raise InputError(f"scenario '{scenario.name}': has no temperature section, so no MODIS temperatures can be simulated")
    return scenario.temperature


def _platform(product: str) -> Platform:
    return "terra" if product.startswith("MOD") else "aqua"


def _year(ground: Surface, days: pd.DatetimeIndex, spec: TemperatureSpec, number: int, seed: int) -> Year:
    whole = pd.date_range(
        f"{number}-01-01", f"{number}-12-31"
    )  # random numbers are drawn for whole years, so that a start date changes none
    platforms = sorted({_platform(product) for product in spec.products})
    looks = [view(platform, night, days, ground.scenario.area.lat, spec, seed) for platform in platforms for night in (False, True)]
    temperature, frozen = ground.temperatures(days, np.stack([look.hour for look in looks]))
    begin = int((days[0] - ground.world.weather.dates[0]).days)
    cloudiness = ground.world.weather.cloudiness[begin : begin + len(days)]
    inside = slice(int((days[0] - whole[0]).days), int((days[-1] - whole[0]).days) + 1)
    shared = sky(generator(seed, "modis", "sky", number), len(whole), ground.samples)
    seen = {}
    for look, true in zip(looks, temperature, strict=True):
        rng = generator(seed, "modis", look.key, number)
        seen[look.platform, look.night] = retrieve(look, true, cloudiness, shared, ground.samples, spec, rng, inside)
    return Year(days, frozen, seen)


def _granules_of(product: str, year: Year, where: Samples, scenario: Scenario) -> Iterator[Granule]:
    spec = _spec(scenario)
    platform = _platform(product)
    day, night = year.seen[platform, False], year.seen[platform, True]
    daily = product.endswith("A1")
    first, last = FIRST_DAY[platform], scenario.end
    if daily:
        first, last = max(first, spec.daily_from or first), min(last, spec.daily_until or last)
    use = np.flatnonzero((year.days >= pd.Timestamp(first)) & (year.days <= pd.Timestamp(last)))
    for part in np.split(use, np.arange(1, len(use))) if daily else _periods(year.days, use):
        if part.size:
            rasters = _daily(year, day, night, int(part[0])) if daily else composite(year, day, night, part)
            span = year.days[part[0]], year.days[part[-1]]
            if not daily:  # a composite is named by its nominal period, whatever of it was seen
                begin = span[0] - pd.Timedelta(days=(span[0].day_of_year - 1) % PERIOD)
                span = begin, min(begin + pd.Timedelta(days=PERIOD - 1), pd.Timestamp(f"{begin.year}-12-31"))
            for tile in where.tiles():
                yield _cut(product, tile, span, rasters, where)


def _periods(days: pd.DatetimeIndex, use: np.ndarray) -> list[np.ndarray]:
    number = (days.day_of_year.to_numpy()[use] - 1) // PERIOD
    return np.split(use, np.flatnonzero(np.diff(number)) + 1)


def _daily(year: Year, day: Retrieval, night: Retrieval, place: int) -> dict[str, np.ndarray]:
    """Return the rasters of one day, each (pixel,)."""
    rasters: dict[str, np.ndarray] = {}
    for part, seen in (("Day", day), ("Night", night)):
        valid = seen.number[place] > 0
        rasters[f"LST_{part}_1km"] = seen.number[place]
        rasters[f"QC_{part}"] = seen.quality[place]
        rasters[f"{part}_view_time"] = _or_fill(valid, encode_time(seen.view.hour[place]))
        rasters[f"{part}_view_angl"] = _or_fill(valid, encode_angle(seen.view.angle[place]))
    any_valid = (day.number[place] > 0) | (night.number[place] > 0)
    return rasters | {"Emis_31": np.where(any_valid, encode_emissivity(year.frozen[place]), 0).astype(np.uint8)}


def composite(year: Year, day: Retrieval, night: Retrieval, days: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rasters of a composite, each (pixel,): means over the clear days of the daily values.

    Parameters
    ----------
    days
        Indices of at most eight consecutive days of `year`.
    """
    rasters: dict[str, np.ndarray] = {}
    first = (year.days[days[0]].day_of_year - 1) % PERIOD
    any_valid = np.zeros(day.number.shape[1], bool)
    for part, name, seen in (("Day", "days", day), ("Night", "nights", night)):
        valid = seen.number[days] > 0
        count = valid.sum(axis=0)
        some, divisor = count > 0, np.maximum(count, 1)
        any_valid |= some
        mean = (seen.number[days].astype(np.float64) * valid).sum(axis=0) / divisor
        error = (seen.error[days] * valid).sum(axis=0) / divisor
        hour, angle = ((values[days, None] * valid).sum(axis=0) / divisor for values in (_unwrapped(seen.view), seen.view.angle))
        nothing = np.where((seen.quality[days] == NOT_PRODUCED).all(axis=0), NOT_PRODUCED, CLOUD)
        rasters[f"LST_{part}_1km"] = np.where(some, np.rint(mean), 0).astype(np.uint16)
        rasters[f"QC_{part}"] = np.where(some, quality_bits(error), nothing).astype(np.uint8)
        rasters[f"{part}_view_time"] = _or_fill(some, encode_time(hour % 24.0))
        rasters[f"{part}_view_angl"] = _or_fill(some, encode_angle(angle))
        rasters[f"Clear_sky_{name}"] = (valid << (first + np.arange(len(days)))[:, None]).sum(axis=0).astype(np.uint8)
    emissivity = encode_emissivity(year.frozen[days].mean(axis=0))
    return rasters | {"Emis_31": np.where(any_valid, emissivity, 0).astype(np.uint8)}


def _unwrapped(look: View) -> np.ndarray:
    """Return the hours of a view on one side of midnight, so that they can be averaged."""
    hours: np.ndarray = look.hour - 24.0 * (look.hour > 18.0) if look.night else look.hour
    return hours


def _or_fill(valid: np.ndarray, value: np.ndarray) -> np.ndarray:
    filled: np.ndarray = np.where(valid, value, VIEW_FILL).astype(np.uint8)
    return filled


def encode_time(hour: np.ndarray | float) -> np.ndarray:
    """Return local solar hours (0–24) as numbers of 0.1 h."""
    numbers: np.ndarray = np.rint(np.asarray(hour) * 10).astype(np.uint8)
    return numbers


def encode_angle(angle: np.ndarray | float) -> np.ndarray:
    """Return view angles (degrees) as numbers that begin at −65°."""
    return (np.rint(angle) + ANGLE_OFFSET).astype(np.uint8)


def encode_emissivity(frozen: np.ndarray) -> np.ndarray:
    """Return the band-31 emissivity of a pixel with a frozen share (0–1) as numbers of 0.002 above 0.49."""
    emissivity = GROUND_EMISSIVITY + (SNOW_EMISSIVITY - GROUND_EMISSIVITY) * np.asarray(frozen)
    return np.rint((emissivity - 0.49) / 0.002).astype(np.uint8)


def _cut(product: str, tile: Tile, span: tuple[pd.Timestamp, pd.Timestamp], rasters: dict[str, np.ndarray], where: Samples) -> Granule:
    inside, row, column = where.within(tile)
    corner = int(row.min()), int(column.min())
    shape = int(row.max()) - corner[0] + 1, int(column.max()) - corner[1] + 1
    windows = {}
    for name in BANDS:
        if name in rasters:
            window = np.full(shape, BANDS[name].fill, BANDS[name].dtype)
            window[row - corner[0], column - corner[1]] = rasters[name][inside]
            windows[name] = window
    cloud = float((rasters["LST_Day_1km"][inside] == 0).mean())
    return Granule(product, tile, *span, corner, windows, cloud)


def truth(world: World, scenario: Scenario) -> xr.Dataset:
    """Return what no satellite knows: monthly means of the surface temperature at 10:30 on all days, cloudy ones included.

    Returns
    -------
    xarray.Dataset
        ``lst_day`` (month, pixel), K, with longitude, latitude and position in the global 1 km grid of each pixel; the attribute
        ``trend_K_per_decade`` is that of the air temperature. A month is there if all of its days are.
    """
    import xarray as xr

    from glaciercast.simulate.products.modis_surface import surface

    spec = _spec(scenario)
    where = samples(world)
    ground = surface(world, scenario, where)
    every = pd.date_range(max(spec.start or scenario.start, FIRST_DAY["terra"]), scenario.end)
    months, means = [], []
    for first in pd.date_range(every[0], every[-1], freq="MS"):
        days = pd.date_range(first, first + pd.offsets.MonthEnd())
        if days[-1] <= every[-1]:
            temperature, _ = ground.temperatures(days, np.full((1, len(days)), REFERENCE_HOUR))
            months.append(first)
            means.append(temperature[0].mean(axis=0))
    lon, lat = centre(where.row, where.column)
    return xr.Dataset(
        {"lst_day": (("month", "pixel"), np.array(means, np.float32).reshape(len(months), len(where.row)), {"units": "K"})},
        coords={
            "month": pd.DatetimeIndex(months), "lon": ("pixel", lon), "lat": ("pixel", lat),
            "row": ("pixel", where.row), "column": ("pixel", where.column),
        },
        attrs={"trend_K_per_decade": scenario.weather.trend, "local_solar_hour": REFERENCE_HOUR, "sky": "all"},
    )  # fmt: skip
