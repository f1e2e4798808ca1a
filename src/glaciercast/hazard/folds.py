"""Which samples train and which test: an event left out, a lake left out, or the past alone; with an embargo between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from glaciercast.errors import InputError, unknown
from glaciercast.hazard import labels
from glaciercast.hazard.known import known_at, over
from glaciercast.hazard.samples import Samples

DAY = np.timedelta64(1, "D")
YEAR = 365.25
"""Days."""
GROUPS = 6
"""Folds of `leave_lakes_out`."""


@dataclass(frozen=True)
class Fold:
    """A part of the samples to learn from and another to score.

    Attributes
    ----------
    name
        What is left out, such as ``"shisper 2020"``.
    train, test
        Bool (sample,); the outcome of each of these samples is known.
    events
        Events that training may know, rows of ``samples.events``.
    unheard
        Names of floods of which nobody could have known when the fold's models are fitted: they label no training sample (see `learnt`).
    """

    name: str
    train: np.ndarray
    test: np.ndarray
    events: pd.DataFrame
    unheard: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Split:
    """Folds with a flood to learn from, and the names of those left out because they have none."""

    folds: list[Fold]
    left_out: tuple[str, ...]


def split(protocol: str, samples: Samples, horizon: int, embargo: int) -> Split:
    """Return the folds of a protocol, apart from those without a flood in training.

    Parameters
    ----------
    protocol
        One of `PROTOCOLS`: event, lake, lakes or forward.
    horizon
        Days that an outlook looks ahead.
    embargo
        Days that must lie between training and test samples of a lake: feature window + horizon + pair baseline + latency.

    Raises
    ------
    InputError
        If the protocol is not known or the embargo is shorter than the horizon.
    """
    if protocol not in PROTOCOLS:
        raise InputError(unknown("protocol", protocol, PROTOCOLS))
    if embargo < horizon:
        raise InputError(f"embargo: expected at least the horizon of {horizon} days, found {embargo}")
    made = PROTOCOLS[protocol](samples, horizon, embargo)
    usable = [bool((learnt(samples, fold, horizon).labels[horizon] == 1).any()) for fold in made]
    return Split(
        [fold for fold, good in zip(made, usable, strict=True) if good],
        tuple(fold.name for fold, good in zip(made, usable, strict=True) if not good),
    )


def learnt(samples: Samples, fold: Fold, horizon: int) -> Samples:
    """Return what a fold's models are fitted on: its training samples with the events and outcomes that could have been known.

    A flood that was not known yet counts for nothing: its days are labelled by the other floods of the lake, as whoever fitted a model
    then would have labelled them.
    """
    found = samples.take(fold.train, fold.events)
    wrong = np.isin(found.floods[horizon].astype(str), sorted(fold.unheard))
    if not wrong.any():
        return found
    lake, issue = found.lake[wrong], found.issue[wrong]
    watch = pd.DataFrame({"lake": np.unique(lake.astype(str)), "watched_from": issue.min(), "watched_to": issue.max() + horizon * DAY})
    told = labels.label(fold.events, watch, lake, issue, horizon)
    outcomes = [values[horizon].copy() for values in (found.labels, found.floods)]
    for values, right in zip(outcomes, told, strict=True):
        values[wrong] = right
    renewed = replace(found, labels={**found.labels, horizon: outcomes[0]}, floods={**found.floods, horizon: outcomes[1]})
    return renewed.known(horizon)


def leave_one_event_out(samples: Samples, horizon: int, embargo: int) -> list[Fold]:
    """Return a fold for each season of a lake with floods: that season is tested, with what leads up to its floods.

    All samples of the lake within the embargo of a tested one leave training, and so do the floods that a tested outlook could have
    met. Seasons without floods are dealt out in turn over the folds of other lakes, so that false alarms count too; where no other lake
    had a flood, each is a fold of its own. Every sample with a known outcome is tested once, unless its fold has no flood to learn from:
    such folds are left out (see `split`).
    """
    return split("event", samples, horizon, embargo).folds


def leave_one_lake_out(samples: Samples, horizon: int, embargo: int) -> list[Fold]:
    """Return a fold for each lake: trained on the other lakes at all times, tested on this one."""
    return split("lake", samples, horizon, embargo).folds


def leave_lakes_out(samples: Samples, horizon: int, embargo: int) -> list[Fold]:
    """Return `GROUPS` folds of lakes dealt out in turn by name: as `leave_one_lake_out`, for models too slow for a fold a lake."""
    return split("lakes", samples, horizon, embargo).folds


def forward(samples: Samples, horizon: int, embargo: int) -> list[Fold]:
    """Return a fold for each year: trained on what was over, outcomes included, an embargo before the year's first issue.

    This is the figure that an operator would see. Floods count, as events and as outcomes, if they were over and known by then.
    """
    return split("forward", samples, horizon, embargo).folds


def seasons(samples: Samples) -> np.ndarray:
    """Return the season year of each issue, int64 (sample,): calendar years, or July to June where floods come around the new year.

    So a year's floods are not cut in two, as calendar years would cut them in the Andes.
    """
    return (pd.DatetimeIndex(samples.issue) - pd.Timedelta(_turn(samples.events), unit="D")).year.to_numpy("int64")


def _turn(events: pd.DataFrame) -> int:
    """Return the day of the year, counted from 0, on which season years begin: half a year from most floods."""
    day = pd.DatetimeIndex(events["start"]).day_of_year.to_numpy("float64")
    return 182 if np.cos(2 * np.pi * day / YEAR).sum() > 0 else 0


def _by_event(samples: Samples, horizon: int, embargo: int) -> list[Fold]:
    label, flood = samples.labels[horizon], samples.floods[horizon]
    season = seasons(samples)
    names, starts = samples.events["event"], pd.DatetimeIndex(samples.events["start"])
    of_event = dict(zip(names, (starts - pd.Timedelta(_turn(samples.events), unit="D")).year, strict=True))
    for number in np.flatnonzero(label == 1):
        season[number] = of_event.get(flood[number], season[number])
    known = ~np.isnan(label)
    blocks = {key: known & (samples.lake == key[0]) & (season == key[1]) for key in sorted(set(zip(samples.lake, season, strict=True)))}
    tests = {key: [mask] for key, mask in blocks.items() if (label[mask] == 1).any()}
    flooded = list(tests)
    for turn, (key, mask) in enumerate((key, mask) for key, mask in blocks.items() if key not in tests and mask.any()):
        others = [other for other in flooded if other[0] != key[0]]
        tests.setdefault(others[turn % len(others)] if others else key, []).append(mask)
    made = []
    for (lake, year), masks in tests.items():
        test = np.logical_or.reduce(masks)
        made.append(Fold(f"{lake} {year}", known & _apart(samples, test, embargo), test, _unmet(samples, test, horizon)))
    return made


def _by_lake(samples: Samples, horizon: int, embargo: int) -> list[Fold]:
    return _without(samples, horizon, [[str(lake)] for lake in sorted(set(samples.lake))])


def _by_lakes(samples: Samples, horizon: int, embargo: int) -> list[Fold]:
    lakes = [str(lake) for lake in sorted(set(samples.lake))]
    return _without(samples, horizon, [group for group in (lakes[first::GROUPS] for first in range(GROUPS)) if group])


def _without(samples: Samples, horizon: int, groups: list[list[str]]) -> list[Fold]:
    """Return a fold for each group of lakes that has a sample with a known outcome."""
    known, made = ~np.isnan(samples.labels[horizon]), []
    for lakes in groups:
        own = np.isin(samples.lake.astype(str), lakes)
        if (own & known).any():
            events = samples.events[~samples.events["lake"].isin(lakes)].reset_index(drop=True)
            made.append(Fold(", ".join(lakes), known & ~own, known & own, events))
    return made


def _by_time(samples: Samples, horizon: int, embargo: int) -> list[Fold]:
    known, year, made = ~np.isnan(samples.labels[horizon]), seasons(samples), []
    told = known_at(samples.events)
    for number in sorted(set(year[known])):
        test = known & (year == number)
        cut = samples.issue[test].min() - embargo * DAY
        train = known & (samples.issue + horizon * DAY <= cut)
        late = told > pd.Timestamp(cut)
        unheard = frozenset(samples.events["event"][late])
        made.append(Fold(str(number), train, test, samples.events[~late].reset_index(drop=True), unheard))
    return made


def _apart(samples: Samples, test: np.ndarray, embargo: int) -> np.ndarray:
    """Return which samples are at least `embargo` days from every tested sample of their lake, bool (sample,)."""
    day = samples.issue.astype("datetime64[D]").astype("int64")
    apart = ~test
    for lake in set(samples.lake[test]):
        own = samples.lake == lake
        tested = np.sort(day[own & test])
        after = np.searchsorted(tested, day[own])
        ahead = np.append(tested, np.iinfo("int64").max // 2)[after] - day[own]
        behind = day[own] - np.concatenate([[np.iinfo("int64").min // 2], tested])[after]
        apart[own] &= np.minimum(ahead, behind) >= embargo
    return apart


def _unmet(samples: Samples, test: np.ndarray, horizon: int) -> pd.DataFrame:
    """Return the events that no tested outlook could have met: none of their days lies in the horizon of a tested sample of the lake."""
    events = samples.events
    unmet = ~events["event"].isin(set(samples.floods[horizon][test])).to_numpy()
    issues = {lake: samples.issue[test & (samples.lake == lake)] for lake in set(samples.lake[test])}
    days = (events["earliest"].to_numpy(), over(events).to_numpy())
    for row, (lake, first, end) in enumerate(zip(events["lake"], *days, strict=True)):
        own = issues.get(lake, samples.issue[:0])
        unmet[row] &= not ((own <= end) & (own + horizon * DAY > first)).any()
    return events[unmet].reset_index(drop=True)


PROTOCOLS: Mapping[str, Callable[[Samples, int, int], list[Fold]]] = MappingProxyType(
    {"event": _by_event, "lake": _by_lake, "lakes": _by_lakes, "forward": _by_time}
)
"""Leave one event out, leave one lake out, leave lakes out in groups, forward chaining."""
