"""Alerts against floods as units: which floods were warned of, how long before, and how many alarms were false."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from glaciercast.hazard.pairs import Pairs


@dataclass(frozen=True)
class Warned:
    """What alerts at one threshold do.

    Attributes
    ----------
    threshold
        Alerts are issued where chance ≥ threshold.
    hits, misses
        Floods with and without an alert whose horizon held them; an alert of the day on which a flood may have begun, or of a later one, is
        none.
    lead_days
        Days from the first such alert to the start of the flood, by flood's name.
    alarms, false_alarms
        Numbers of alarms, and of those of which no alert was followed by a flood within its horizon. Consecutive alerts are one alarm,
        until a flood comes or its horizon has run out: one that goes on is a new alarm.
    lake_years
        Years for which lakes were scored, in sum.
    alert_share
        Share of issues under alert.
    """

    threshold: float
    hits: int
    misses: int
    lead_days: dict[str, float]
    alarms: int
    false_alarms: int
    lake_years: float
    alert_share: float

    @property
    def hit_rate(self) -> float | None:
        """Share of floods warned of."""
        floods = self.hits + self.misses
        return self.hits / floods if floods else None

    @property
    def false_per_lake_year(self) -> float | None:
        """False alarms per lake-year."""
        return self.false_alarms / self.lake_years if self.lake_years > 0 else None


def warned(pairs: Pairs, events: pd.DataFrame, threshold: float) -> Warned:
    """Return what alerts at a threshold do for the floods that follow any sample.

    Parameters
    ----------
    events
        Columns of ``TABLES["events"]``, for the floods' dates.
    """
    alert = pairs.chance >= threshold
    first = {}
    for name in pairs.floods:
        if (issues := pairs.issue[alert & before(pairs, events, name)]).size:
            first[name] = issues.min()
    start = events.set_index("event")["start"]
    lead = {name: float((start[name].normalize() - pd.Timestamp(issue)) / pd.Timedelta(1, unit="D")) for name, issue in first.items()}
    number = alarms(pairs, alert)
    count = int(number.max()) + 1 if alert.any() else 0
    right = set(number[alert & (pairs.label == 1)].tolist())
    return Warned(
        threshold=float(threshold),
        hits=len(first),
        misses=len(pairs.floods) - len(first),
        lead_days=lead,
        alarms=count,
        false_alarms=count - len(right),
        lake_years=pairs.lake_years,
        alert_share=float(alert.mean()) if len(pairs) else 0.0,
    )


def alarms(pairs: Pairs, alert: np.ndarray) -> np.ndarray:
    """Return the number of the alarm that each alert belongs to, from 0, int64 (sample,); −1 where there is no alert.

    An alarm ends with the first issue without alert, with the flood that its alerts were followed by, when its horizon, counted from
    its first alert, has run out, and in a gap of the issues that is longer than the horizon.
    """
    number, current, opened, before = np.full(len(pairs), -1), -1, None, -1
    span = np.timedelta64(pairs.horizon, "D")
    for here in np.flatnonzero(alert):
        goes_on = (
            opened is not None
            and before == here - 1
            and pairs.lake[before] == pairs.lake[here]
            and pairs.issue[here] < opened + span
            and not (pairs.label[before] == 1 and pairs.flood[before] != pairs.flood[here])
        )
        if not goes_on:
            current, opened = current + 1, pairs.issue[here]
        number[here], before = current, int(here)
    return number


def before(pairs: Pairs, events: pd.DataFrame, flood: str) -> np.ndarray:
    """Return which samples can warn of a flood, bool (sample,): their horizon holds it, and it can't have begun on their day."""
    first = events.loc[events["event"] == flood, "earliest"].iloc[0].normalize().to_datetime64()
    return np.asarray((pairs.label == 1) & (pairs.flood == flood) & (pairs.issue < first))


def threshold_for(pairs: Pairs, events: pd.DataFrame, hit_rate: float) -> float | None:
    """Return the highest threshold at which at least this share of floods is warned of; None without floods, or if none reaches it.

    It is chosen with hindsight: it compares models at one hit rate and is no setting for operation.
    """
    best = [float(pairs.chance[before(pairs, events, name)].max(initial=-np.inf)) for name in pairs.floods]
    if not best:
        return None
    needed = int(np.ceil(hit_rate * len(best) - 1e-9))
    found = sorted(best, reverse=True)[max(needed, 1) - 1]
    return found if np.isfinite(found) else None
