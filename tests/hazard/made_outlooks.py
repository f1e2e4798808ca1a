"""Made lakes for verification: samples whose true chance is known, and models of a few lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from glaciercast.hazard import records
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Chances, Samples

HORIZON = 30
EMBARGO = {HORIZON: 75}
SPREAD = 45
"""Days around 1 July, 1 σ, on which floods come."""
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Made:
    """Lakes whose floods hang on a state that is seen, or on the season alone."""

    records: Records
    samples: Samples
    truth: pd.DataFrame


def made(lakes: int = 10, years: int = 6, by_lake: bool = True, seed: int = 0, rate: float = 0.5) -> Made:
    """Return lakes with at most a flood a summer.

    Each lake and year has a state (feature ``state``), and the day of a flood is drawn from a season around 1 July. Where floods hang on
    the lake (`by_lake`), the chance of one is that of the state; else it is `rate` everywhere.
    """
    rng = np.random.default_rng(seed)
    issues = np.concatenate([np.arange(f"{2001 + year}-01-01", f"{2001 + year}-12-31", 10, dtype="datetime64[D]") for year in range(years)])
    rows, events = [], []
    for number in range(lakes):
        name = f"lake {number:02d}"
        state = rng.normal(0, 2, years)
        chance = 1 / (1 + np.exp(-state)) if by_lake else np.full(years, rate)
        start = [np.datetime64(f"{2001 + year}-07-01") + round(rng.normal(0, SPREAD)) * DAY for year in range(years)]
        happens = rng.random(years) < chance
        events += [{"event": f"{name} {2001 + year}", "lake": name, "start": start[year]} for year in np.flatnonzero(happens)]
        of_year = issues.astype("datetime64[Y]").astype(int) + 1970 - 2001
        middle = (issues - np.array([f"{2001 + year}-07-01" for year in of_year], "datetime64[D]")) / DAY
        within = _normal((middle + HORIZON - 0.5) / SPREAD) - _normal((middle - 0.5) / SPREAD)  # share of the season that the horizon holds
        known = within * chance[of_year]
        rows.append(pd.DataFrame({"lake": name, "issue": issues, "state": state[of_year], "middle": middle, "chance_30": known}))
    table = pd.concat(rows, ignore_index=True)
    table["issue"] = table["issue"].astype("datetime64[ns]")
    events = pd.DataFrame(events)
    events = events.assign(start=pd.to_datetime(events["start"]).astype("datetime64[ns]"))
    events = events.assign(earliest=events["start"], latest=events["start"], end=events["start"])
    return Made(_records(lakes, years, events), _samples(table, events), table[["lake", "issue", "chance_30"]])


def _normal(z: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(z)


def _records(lakes: int, years: int, events: pd.DataFrame) -> Records:
    table = pd.DataFrame(
        {"lake": [f"lake {number:02d}" for number in range(lakes)], "lon": 74.0, "lat": 36.0, "dam": "ice",
         "watched_from": "2001-01-01", "watched_to": f"{2001 + years}-12-31"}
    )  # fmt: skip
    return records.make({"lakes": table, "events": events})


def _samples(table: pd.DataFrame, events: pd.DataFrame) -> Samples:
    label, flood = np.zeros(len(table)), np.full(len(table), "", object)
    lake, issue = table["lake"].to_numpy(object), table["issue"].to_numpy("datetime64[ns]")
    for event in events.itertuples():
        near = (lake == event.lake) & (issue <= event.start) & (event.start < issue + HORIZON * DAY)
        label[near], flood[near] = 1, event.event
    values = table[["state", "middle"]].to_numpy("float64")
    return Samples(lake, issue, values, np.zeros(values.shape), ("state", "middle"), {HORIZON: label}, {HORIZON: flood}, events)


class Constant:
    """A constant risk: the base rate of its training samples, or a figure."""

    name = "constant"

    def __init__(self, chance: float | None = None) -> None:
        self.chance = chance

    def fit(self, records, samples, horizon, seed=0):
        """Learn the base rate."""
        if self.chance is None:
            self.chance = float(samples.labels[horizon].mean())

    def predict(self, records, samples):
        """Return it."""
        found = np.full(len(samples), self.chance)
        return Chances(found, found, found)


class Monthly(Constant):
    """The share of floods by tenths of the year."""

    name = "season"

    def fit(self, records, samples, horizon, seed=0):
        """Learn shares."""
        label, part = samples.labels[horizon], _tenth(samples)
        counts = np.stack([np.bincount(part, values, 20) for values in (label, np.ones(label.size))])
        near = sum(weight * np.roll(counts, shift, axis=1) for shift, weight in ((-2, 1), (-1, 2), (0, 3), (1, 2), (2, 1)))
        self.shares = (near[0] + 50 * label.mean()) / (near[1] + 50)

    def predict(self, records, samples):
        """Return the share of the sample's part of the year."""
        found = self.shares[_tenth(samples)]
        return Chances(found, found / 2, np.minimum(1, 2 * found))


def _tenth(samples: Samples) -> np.ndarray:
    return np.clip((samples.column("middle") + 183) // 18.4, 0, 19).astype("int64")


class Fitted(Monthly):
    """The season, times how likely a flood is in a year of this state by logistic regression over lake-years."""

    name = "fitted"

    def fit(self, records, samples, horizon, seed=0):
        """Fit seasons and states."""
        super().fit(records, samples, horizon)
        year = pd.DataFrame({"lake": samples.lake, "year": samples.years, "state": samples.column("state"), "y": samples.labels[horizon]})
        year = year.groupby(["lake", "year"]).agg(state=("state", "first"), y=("y", "max"))
        x = np.stack([np.ones(len(year)), year["state"].to_numpy()])
        self.slopes, ridge = np.zeros(2), np.diag([1e-6, 0.3])
        for _ in range(20):
            mean = 1 / (1 + np.exp(-self.slopes @ x))
            self.slopes += np.linalg.solve((x * mean * (1 - mean)) @ x.T + ridge, x @ (year["y"].to_numpy() - mean) - ridge @ self.slopes)
        self.level = float(np.mean(1 / (1 + np.exp(-self.slopes @ x))))

    def predict(self, records, samples):
        """Return the chance."""
        state = 1 / (1 + np.exp(-self.slopes[0] - self.slopes[1] * samples.column("state")))
        found = np.clip(self.shares[_tenth(samples)] * state / self.level, 0, 1)
        return Chances(found, found, found)


def create(name: str):
    """Return a stand-in of that name."""
    return {"season": Monthly, "constant": Constant, "fitted": Fitted}[name]()
