"""Made days of issue: lakes whose hazard of a flood is a season times what their state makes of it, so that each chance is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from glaciercast.hazard import labels, records
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Samples

FIRST = np.datetime64("2010-01-01")
PEAK, SHARPNESS = 205, 4.0


@dataclass(frozen=True)
class Made:
    """Lakes, their days of issue, and the chance of a flood within the horizon that each day truly has."""

    records: Records
    samples: Samples
    truth: np.ndarray


def season(day_of_year: np.ndarray) -> np.ndarray:
    """Return how the hazard goes with the season; its mean over the year is 1."""
    every = np.exp(SHARPNESS * np.cos(2 * np.pi * (np.arange(1, 366) - PEAK) / 365.25))
    return np.exp(SHARPNESS * np.cos(2 * np.pi * (day_of_year - PEAK) / 365.25)) / every.mean()


def made(
    lakes: int = 24, years: int = 6, horizon: int = 30, *, by_lake: float = 1.2, rate: float = 0.3, every: int = 7, seed: int = 0
) -> Made:  # fmt: skip
    """Return lakes with `rate` floods a year in the mean; the hazard grows by exp(`by_lake`) a unit of the state of a lake's year."""
    rng = np.random.default_rng(seed)
    days = FIRST + np.arange(int(365.25 * years))
    doy, year = pd.DatetimeIndex(days).day_of_year.to_numpy(), pd.DatetimeIndex(days).year.to_numpy() - 2010
    rows, events = [], []
    for number in range(lakes):
        state = rng.normal(size=years + 1)
        level = np.exp(by_lake * state - by_lake**2 / 2)[year] * season(doy) * rate / 365.25
        hazard = np.minimum(level, 0.5)
        began = np.flatnonzero(rng.random(days.size) < hazard)
        events += [(f"{number}-{day}", f"lake {number:02d}", days[day]) for day in began]
        issue = np.arange(number % every, days.size, every)
        beyond = np.concatenate([np.cumsum(np.log1p(-hazard)), np.full(horizon, np.nan)])
        before = np.concatenate([[0.0], beyond])[issue]
        chance = 1 - np.exp(beyond[issue + horizon - 1] - before)
        rows.append(pd.DataFrame({"lake": f"lake {number:02d}", "issue": days[issue], "state": state[year[issue]], "chance": chance}))
    table, floods = pd.concat(rows, ignore_index=True), pd.DataFrame(events, columns=["event", "lake", "start"])
    floods = floods.assign(earliest=floods["start"], latest=floods["start"], end=floods["start"])
    known = records.make({"lakes": lakes_table(lakes, days[-1]), "events": floods})
    lake, issue = table["lake"].to_numpy(object), table["issue"].to_numpy("datetime64[ns]")
    told, names = labels.label(known.events, known.lakes, lake, issue, horizon)
    values = np.column_stack([table["state"], rng.normal(size=len(table))])
    found = Samples(lake, issue, values, np.ones_like(values), ("share_largest", "growth"), {horizon: told}, {horizon: names}, known.events)
    kept = ~np.isnan(told)
    return Made(known, found.take(kept), table["chance"].to_numpy()[kept])


def lakes_table(lakes: int, last: np.datetime64) -> pd.DataFrame:
    """Return lakes that are watched from the first day to the last."""
    names = [f"lake {number:02d}" for number in range(lakes)]
    return pd.DataFrame({"lake": names, "lon": 74.0, "lat": 36.0, "dam": "ice", "watched_from": str(FIRST), "watched_to": str(last)})
