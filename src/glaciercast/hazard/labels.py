"""What came of a day of issue: a flood within the horizon, none, or not known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from glaciercast.errors import InputError, unknown

MIDDLE_COUNTS = np.timedelta64(14, "D")
"""Longest span from the earliest to the latest day for which an event counts on its middle day."""
_DAY = np.timedelta64(1, "D")


def label(events: pd.DataFrame, lakes: pd.DataFrame, lake: np.ndarray, issue: np.ndarray, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what came of each lake and day of issue within a horizon.

    The horizon of h days holds the days issue … issue + h − 1. Where the lake was watched on every day of it, the label is

    - 1 where an event of the lake certainly began within it (all days from its earliest to its latest lie in it), or where an event dated
      to 14 days or better has its middle day (``start``) in it;
    - 0 where no event of the lake may have begun on any of its days;
    - NaN else: a flood's date is too uncertain to tell.

    It is NaN too where the watch does not hold the whole horizon, be a flood known or not: such a horizon could only ever count where a
    flood came, so that floods would look more frequent than they are.

    Parameters
    ----------
    events, lakes
        Tables of `hazard.records.Records`.
    lake
        Names, object (sample,).
    issue
        Midnights, datetime64 (sample,).
    horizon
        Days, 1 or more.

    Returns
    -------
    labels
        float64 (sample,), 1, 0 or NaN.
    floods
        Event that makes the label 1, object (sample,): the one of the earliest start where there are several; empty elsewhere.

    Raises
    ------
    InputError
        If the horizon is shorter than a day, the shapes differ, or a lake is not in the table of lakes.
    """
    names, first = np.asarray(lake, dtype=object), _days(issue)
    if horizon < 1:
        raise InputError(f"horizon: expected 1 day or more, found {horizon}")
    if names.shape != first.shape:
        raise InputError(f"labels: expected as many lakes as days of issue, found {names.shape} and {first.shape}")
    labels, floods = np.full(len(first), np.nan), np.full(len(first), "", dtype=object)
    watched = lakes.set_index("lake")[["watched_from", "watched_to"]]
    for name in pd.unique(names):
        if name not in watched.index:
            raise InputError(f"labels: {unknown('lake', str(name), map(str, watched.index))}")
        here = np.flatnonzero(names == name)
        begin, end = _days(watched.loc[[name]].to_numpy()[0])
        own = events[events["lake"] == name].sort_values(["start", "event"], kind="stable")
        labels[here], floods[here] = _of_lake(own, (begin, end), first[here], first[here] + (horizon - 1) * _DAY)
    return labels, floods


def _of_lake(
    events: pd.DataFrame, watched: tuple[np.datetime64, np.datetime64], first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    floods = np.full(len(first), "", dtype=object)
    began, possible = np.zeros(len(first), bool), np.zeros(len(first), bool)
    days = (_days(events[column]) for column in ("start", "earliest", "latest"))
    for event, start, earliest, latest in zip(events["event"], *days, strict=True):
        inside = (first <= earliest) & (latest <= last)
        if latest - earliest <= MIDDLE_COUNTS:
            inside |= (first <= start) & (start <= last)
        floods[inside & ~began] = event
        began |= inside
        possible |= (earliest <= last) & (first <= latest)
    seen = (watched[0] <= first) & (last <= watched[1])
    floods[~seen] = ""
    return np.where(seen & began, 1.0, np.where(seen & ~possible, 0.0, np.nan)), floods


def _days(times: object) -> np.ndarray:
    return np.asarray(times, dtype="datetime64[ns]").astype("datetime64[D]")
