"""Which image pairs the simulated ITS_LIVE cube holds: satellites, dates, errors and stable-ground shifts.

Errors are displacements in metres (a fraction of a pixel that does not depend on the baseline), so the error of a velocity
falls as 1/baseline: σ(v) = σ(d)·365.25/Δt (Gardner et al. 2018, The Cryosphere 12, 521; Lei, Gardner & Agram 2021, Remote
Sensing 13, 749). Their sizes are the medians that one real cube of High Mountain Asia reports on stable ground for 16–32 days (12 for
radar): 0.15–0.2 pixels of 15 m for Landsat 8/9, 0.12–0.16 pixels of 10 m for Sentinel-2, worse for Landsat 7 with its scan gaps.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.simulate.seeds import generator

if TYPE_CHECKING:
    from glaciercast.simulate.scenario import Area, Scenario
    from glaciercast.simulate.weather import Weather

YEAR = 365.25
"""Days, as in the producers' metres a year."""
SHORTEST, LONGEST = 6, 546
"""Baselines, days; 546 is the producers' limit for optical pairs."""
LONGEST_RADAR = 36
TYPICAL_BASELINE = 32.0
BASELINE_SPREAD = 0.7
"""Of the natural logarithm of the baseline."""
LONG_BASELINES = 0.02
"""Weight of any longer baseline relative to the typical one: near-yearly pairs are there too."""
UNCORRECTED = 0.08
"""Share of the pairs in which no stable ground was found, so that the shift stays in the data (flag 0)."""
BADLY_REGISTERED = 0.02
"""Share of the pairs with one image of poor geolocation, whose shift is `BAD_FACTOR` times as large."""
BAD_FACTOR = 8.0
REPEATED = 0.01
"""Share of the pairs that repeat the dates of another (a neighbouring granule) and so share its `mid_date`."""
STABLE_CELLS = 60.0
"""Independent stable-ground matches behind one estimate of the shift."""
REPORTED_SPREAD = 0.15
"""Relative scatter of a reported error around the true one."""


@dataclass(frozen=True)
class Satellite:
    """One satellite as ITS_LIVE names it; errors of displacement along x and y, and of geolocation, in metres."""

    code: str
    mission: str
    sensor: str
    family: str
    start: dt.date
    end: dt.date
    every_days: int
    phase: int
    hour: float
    """Local solar time of the visit."""
    error: tuple[float, float]
    geolocation: float


ALWAYS = dt.date(2099, 12, 31)
SATELLITES = (
    Satellite("7", "L", "E", "landsat", dt.date(1999, 7, 1), dt.date(2022, 4, 6), 16, 8, 10.1, (6.5, 3.8), 8.0),
    Satellite("8", "L", "C", "landsat", dt.date(2013, 4, 1), ALWAYS, 16, 0, 10.3, (2.3, 3.1), 8.0),
    Satellite("9", "L", "C", "landsat", dt.date(2021, 11, 1), ALWAYS, 16, 8, 10.3, (2.1, 2.9), 8.0),
    Satellite("2A", "S", "MSI", "sentinel2", dt.date(2015, 8, 1), ALWAYS, 10, 0, 10.6, (1.2, 1.6), 5.0),
    Satellite("2B", "S", "MSI", "sentinel2", dt.date(2017, 7, 1), ALWAYS, 10, 5, 10.6, (1.2, 1.6), 5.0),
    Satellite("1A", "S", "C", "sentinel1", dt.date(2014, 10, 1), ALWAYS, 12, 0, 6.0, (3.9, 2.2), 0.4),
    Satellite("1B", "S", "C", "sentinel1", dt.date(2016, 9, 1), dt.date(2021, 12, 23), 12, 6, 6.0, (3.9, 2.2), 0.4),
)
BY_CODE = {satellite.code: satellite for satellite in SATELLITES}
SHARES = {"landsat": 0.35, "sentinel2": 0.45, "sentinel1": 0.2}
"""Of the pairs, where the family has any; High Mountain Asia is seen mostly by optical satellites."""


def draw(scenario: Scenario, weather: Weather, seed: int) -> pd.DataFrame:
    """Return one row a pair: what the archive says of it, and the truth about its errors.

    Returns
    -------
    DataFrame
        ``date1``, ``date2`` (acquisition, UTC), ``mid_date`` (with the position in its sub-second digits), ``days`` (baseline),
        ``satellite1``, ``satellite2``, ``radar``, ``cloud`` (0–1, of the worse day), ``sigma_x``, ``sigma_y`` (true random error, m/yr),
        ``error_x``, ``error_y`` (as reported, m/yr), ``shift_x``, ``shift_y`` (true common error of the pair, m/yr),
        ``stable_x``, ``stable_y`` (its estimate over stable ground, m/yr) and ``corrected`` (whether the estimate was subtracted).
        In archive order, which is not the order of time.

    Raises
    ------
    InputError
        If the scenario has no velocities, or its satellites give fewer pairs than it asks for.
    """
    if scenario.velocity is None:
        raise InputError(f"scenario '{scenario.name}': has no velocity section, so no image pairs can be simulated")
    rng = generator(seed, "itslive", "pairs")
    wanted = scenario.velocity.pairs
    visits = _visits(scenario, scenario.velocity.start or scenario.start, weather, rng)
    candidates = _candidates(visits)
    repeated = round(REPEATED * wanted) if wanted > 1 else 0
    if len(candidates) < wanted - repeated:
        raise InputError(f"scenario '{scenario.name}': its satellites give {len(candidates)} image pairs, but {wanted} are wanted")
    chosen = rng.choice(len(candidates), wanted - repeated, replace=False, p=candidates["weight"] / candidates["weight"].sum())
    again = rng.choice(chosen, repeated, replace=False)
    order = rng.permutation(np.concatenate([chosen, again]))  # archive order is that of the producers' processing, not of time
    pairs = candidates.iloc[order].drop(columns="weight").reset_index(drop=True)
    pairs["mid_date"] = pairs["date1"] + (pairs["date2"] - pairs["date1"]) / 2 + _position(scenario.area)
    return _with_errors(pairs, rng)


def _visits(scenario: Scenario, first: dt.date, weather: Weather, rng: np.random.Generator) -> pd.DataFrame:
    utc = -scenario.area.lon / 15.0  # solar time to UTC, hours
    tables = []
    for satellite in SATELLITES:
        start, end = max(first, satellite.start), min(scenario.end, satellite.end)
        days = pd.date_range(start, end) if start <= end else pd.DatetimeIndex([])
        days = days[(days.to_julian_date().astype(int) - satellite.phase) % satellite.every_days == 0]
        cloud = cloudiness(weather, days)
        seen = np.ones(len(days), bool) if satellite.family == "sentinel1" else rng.random(len(days)) > cloud
        hours = satellite.hour + utc + rng.normal(0.0, 0.05, len(days))
        times = days + pd.to_timedelta((hours * 3600).round(3), unit="s")
        tables.append(
            pd.DataFrame({"time": times, "day": days, "satellite": satellite.code, "family": satellite.family, "cloud": cloud})[seen]
        )
    return pd.concat(tables, ignore_index=True).sort_values("time", ignore_index=True)


def cloudiness(weather: Weather, days: pd.DatetimeIndex) -> np.ndarray:
    """Return the cloud cover (0–1) of some days; days outside the weather take its nearest day."""
    at = weather.dates.get_indexer(days.normalize(), method="nearest")
    return np.asarray(weather.cloudiness, dtype=np.float64)[at]


def _candidates(visits: pd.DataFrame) -> pd.DataFrame:
    tables = [_pairs_of(part, str(family)) for family, part in visits.groupby("family")]
    return pd.concat([table for table in tables if len(table)] or [pd.DataFrame({"weight": []})], ignore_index=True)


def _pairs_of(visits: pd.DataFrame, family: str) -> pd.DataFrame:
    days = visits["day"].to_numpy().astype("datetime64[D]").astype(int)
    baseline = days[None, :] - days[:, None]
    longest = LONGEST_RADAR if family == "sentinel1" else LONGEST
    first, second = np.nonzero((baseline >= SHORTEST) & (baseline <= longest))
    one, two = visits.iloc[first].reset_index(drop=True), visits.iloc[second].reset_index(drop=True)
    table = pd.DataFrame(
        {
            "date1": one["time"], "date2": two["time"], "satellite1": one["satellite"], "satellite2": two["satellite"],
            "radar": family == "sentinel1", "cloud": np.maximum(one["cloud"], two["cloud"]),
        }
    )  # fmt: skip
    table["days"] = (table["date2"] - table["date1"]).dt.total_seconds() / 86400
    weight = np.exp(-0.5 * (np.log(table["days"] / TYPICAL_BASELINE) / BASELINE_SPREAD) ** 2) + LONG_BASELINES
    table["weight"] = weight / weight.sum() * SHARES[family]
    return table


def _position(area: Area) -> pd.Timedelta:
    """Longitude and latitude in whole degrees as microseconds: 74.6 E, 36.4 N is 0.074036 s."""
    return pd.Timedelta(microseconds=int(abs(area.lon)) * 1000 + int(abs(area.lat)))


def _with_errors(pairs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    per_year = YEAR / pairs["days"].to_numpy()
    count = len(pairs)
    pairs["corrected"] = rng.random(count) >= UNCORRECTED
    bad = np.where(rng.random(count) < BADLY_REGISTERED, BAD_FACTOR, 1.0)
    for axis, name in enumerate("xy"):
        one, two = _errors(pairs["satellite1"], axis), _errors(pairs["satellite2"], axis)
        geolocation = np.hypot(*(_geolocation(pairs[column]) for column in ("satellite1", "satellite2"))) / np.sqrt(2)
        sigma = np.hypot(one, two) / np.sqrt(2) * per_year
        pairs[f"sigma_{name}"] = sigma
        pairs[f"error_{name}"] = np.round(sigma * np.exp(rng.normal(0.0, REPORTED_SPREAD, count)), 1)
        pairs[f"shift_{name}"] = rng.normal(0.0, geolocation * bad) * per_year
        pairs[f"stable_{name}"] = np.round(pairs[f"shift_{name}"] + rng.normal(0.0, sigma / np.sqrt(STABLE_CELLS)), 1)
    return pairs


def _errors(codes: pd.Series[str], axis: int) -> np.ndarray:
    return np.array([BY_CODE[code].error[axis] for code in codes])


def _geolocation(codes: pd.Series[str]) -> np.ndarray:
    return np.array([BY_CODE[code].geolocation for code in codes])


def granules(pairs: pd.DataFrame) -> Iterator[str]:
    """Yield a name for each pair in the manner of the producers' granules; no such file exists."""
    for number, pair in enumerate(pairs.itertuples(index=False)):
        images = "_X_".join(
            f"SIM{code}_{time:%Y%m%dT%H%M%S}" for code, time in ((pair.satellite1, pair.date1), (pair.satellite2, pair.date2))
        )
        yield f"simulated://{images}_G0120V02_{number:05d}.nc"
