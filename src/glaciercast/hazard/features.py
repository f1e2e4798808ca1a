"""Features of a lake on a day of issue, from nothing but what was available then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from glaciercast.errors import InputError, unknown
from glaciercast.hazard import features_area, features_motion, features_past, features_temperature, known, labels
from glaciercast.hazard import features_stats as stats
from glaciercast.hazard.features_config import FeatureConfig
from glaciercast.hazard.features_stats import FloatArray
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import HORIZONS, Samples

__all__ = ["NAMES", "FeatureConfig", "make"]

SEASON = ("season_sin", "season_cos")
FLOODS = ("since_flood", "past_floods", "flood_rate")
DAM = ("ice_dam",)
"""1 where ice dams the lake, 0 where something else does, NaN where it is not known."""
NAMES = (*features_area.NAMES, *features_past.NAMES, *features_motion.NAMES, *features_temperature.NAMES, *SEASON, *FLOODS, *DAM)
"""Of the features; the docstrings of `features_area`, `features_past`, `features_motion` and `features_temperature` tell them,
`of_season` and `of_floods` the rest."""
DEFAULT = FeatureConfig()
YEAR = 365.25
AT_ONCE = 400
"""Issues of a lake that are worked on together."""


def make(
    records: Records,
    issues: pd.DataFrame | None = None,
    settings: FeatureConfig = DEFAULT,
    horizons: Sequence[int] = HORIZONS,
) -> Samples:
    """Return samples: features of lakes and days with the ages of what they rest on, and what came of each.

    A feature reads records with ``available_at <= issue`` and floods that were over and known by the issue (`known.known_at`), no others:
    all that was not available may change and no bit of the features does. What is not known is NaN.

    Parameters
    ----------
    issues
        Columns lake and issue (midnights); None: each lake every `every_days` days while it is watched. Days on which a flood is under
        way (from the first day on which it may have begun to its end) are left out.
    settings
        Windows.
    horizons
        Days ahead for which labels are made.

    Raises
    ------
    InputError
        If a lake is unknown or an issue is not a midnight.
    """
    asked = _regular(records.lakes, settings.every_days) if issues is None else _checked(records, issues)
    asked = asked[~_under_way(records.events, asked)]
    lake, issue = asked["lake"].to_numpy(object), asked["issue"].to_numpy("datetime64[ns]")
    values, ages = np.full((len(issue), len(NAMES)), np.nan), np.full((len(issue), len(NAMES)), np.nan)
    for name, places in _by_lake(lake):
        own = _Own(records, name)
        for part in np.array_split(places, -(-len(places) // AT_ONCE)):
            values[part], ages[part] = own.features(stats.days(issue[part]), settings)
    told = {horizon: labels.label(records.events, records.lakes, lake, issue, horizon) for horizon in horizons}
    return Samples(
        lake=lake,
        issue=issue,
        values=values,
        ages=ages,
        names=NAMES,
        labels={horizon: found for horizon, (found, _) in told.items()},
        floods={horizon: floods for horizon, (_, floods) in told.items()},
        events=records.events,
    )


def of_season(issue: FloatArray) -> FloatArray:
    """Return ``season_sin`` and ``season_cos`` of the day of the year of `issue` (days since 1970), float64 (issue, 2)."""
    phase = 2 * np.pi * (issue % YEAR) / YEAR
    return np.column_stack([np.sin(phase), np.cos(phase)])


def of_floods(floods: pd.DataFrame, watched_from: float, issue: FloatArray) -> FloatArray:
    """Return what is known of floods that were over and known by each issue, float64 (issue, name).

    - ``since_flood``: days since the newest of them began; NaN where there was none
    - ``past_floods``: how many there were
    - ``flood_rate``: how many a year of the watch so far, with half a flood and one year more (so that a short watch says little)
    """
    start, past = stats.days(floods["start"]), stats.known(floods["known"], issue)
    number = stats.count(past)
    watched = np.maximum(issue - watched_from, 0) / YEAR
    newest = np.where(past, start, -np.inf).max(1, initial=-np.inf)
    return np.column_stack([np.where(np.isfinite(newest), issue - newest, np.nan), number, (number + 0.5) / (watched + 1)])


class _Own:
    """The records of one lake."""

    def __init__(self, records: Records, name: str) -> None:
        self.areas, self.motion, self.temperature, events = (
            getattr(records, table)[getattr(records, table)["lake"] == name] for table in ("areas", "motion", "temperature", "events")
        )
        self.floods = events.assign(over=known.over(events), known=known.known_at(events))
        lakes = records.lakes
        own = lakes[lakes["lake"] == name].iloc[0]
        self.watched_from = float(stats.days(own["watched_from"]))
        self.ice_dam = float(own["dam"] == "ice") if own["dam"] else np.nan

    def features(self, issue: FloatArray, settings: FeatureConfig) -> tuple[FloatArray, FloatArray]:
        made = [
            features_area.make(self.areas, self.floods, issue, settings),
            features_past.make(self.areas, self.temperature, self.floods, issue, settings),
            features_motion.make(self.motion, issue, settings),
            features_temperature.make(self.temperature, issue, settings),
        ]
        rest = np.column_stack([of_season(issue), of_floods(self.floods, self.watched_from, issue), np.full(len(issue), self.ice_dam)])
        values = np.column_stack([*(value for value, _ in made), rest])
        return values, np.column_stack([*(age for _, age in made), np.full(rest.shape, np.nan)])


def _by_lake(lake: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    names, number = np.unique(lake.astype(str), return_inverse=True)
    for place, name in enumerate(names):
        yield str(name), np.flatnonzero(number == place)


def _regular(lakes: pd.DataFrame, every_days: int) -> pd.DataFrame:
    tables = [pd.DataFrame({"lake": np.zeros(0, object), "issue": pd.DatetimeIndex([])})]
    for name, first, last in zip(lakes["lake"], lakes["watched_from"].dt.ceil("D"), lakes["watched_to"], strict=True):
        tables.append(pd.DataFrame({"lake": name, "issue": pd.date_range(first, last, freq=f"{every_days}D", unit="ns")}))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _checked(records: Records, issues: pd.DataFrame) -> pd.DataFrame:
    strange = sorted(set(issues["lake"]) - set(records.lakes["lake"]))
    if strange:
        raise InputError(f"issues: {unknown('lake', strange[0], records.lakes['lake'])}")
    found = issues[["lake", "issue"]].reset_index(drop=True)
    late = np.flatnonzero(found["issue"] != found["issue"].dt.normalize())
    if late.size:
        raise InputError(f"issues: expected midnights, found {found['issue'].iloc[late[0]]}")
    return found


def _under_way(events: pd.DataFrame, issues: pd.DataFrame) -> np.ndarray:
    """Return on which issues a flood of the lake may be under way, bool (issue,).

    At 0:00 of the first day on which it may have begun it is still to come.
    """
    lake, issue = issues["lake"].to_numpy(object), issues["issue"].to_numpy("datetime64[ns]")
    found = np.zeros(len(issue), dtype=bool)
    over = known.over(events).to_numpy("datetime64[ns]")
    for name, first, last in zip(events["lake"], events["earliest"].to_numpy("datetime64[ns]"), over, strict=True):
        found |= (lake == name) & (issue > first) & (issue <= last)
    return found
