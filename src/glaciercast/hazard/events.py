"""Floods of a catalogue matched to the lakes of an outlook."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.hazard import coordinates, records
from glaciercast.hazard.records import Records

ALIASES = MappingProxyType(
    {
        "shisper": ("shishper", "shispare", "hassanabad i", "hassanabad 1"),
        "kyagar": ("keyajir", "kyagar tso"),
        "merzbacher": ("merzbacher see", "lower merzbacher"),
    }
)
"""Other names of a lake or of the glacier that dams it, as catalogues give them."""
UNWATCHED = pd.Timestamp("1800-01-01")
"""First and last day of the watch of a lake that nobody watches: a single day, too short for a negative within any week."""
_GENERIC = frozenset({"lake", "glacier", "gletscher", "glaciar", "tsho", "tso", "co", "pokhari", "the"})


class MatchConfig(Config):
    """How floods find their lake."""

    named_km: float = Field(30.0, gt=0)
    """A flood of the lake's name, or its glacier's, lies within this distance of it, km: long lakes, coarse coordinates."""
    near_km: float = Field(2.0, gt=0)
    """A flood without a name lies within this distance of the lake, km."""


@dataclass(frozen=True)
class Matches:
    """Which lake each flood belongs to.

    Attributes
    ----------
    lake
        Names of lakes, object (event,); empty where the flood belongs to none.
    distance_km
        To that lake, float64 (event,); NaN where it belongs to none or the flood has no coordinates.
    notes
        A line for each flood that bears a lake's name and lies elsewhere.
    """

    lake: np.ndarray
    distance_km: np.ndarray
    notes: tuple[str, ...]


def match(events: pd.DataFrame, lakes: pd.DataFrame, settings: MatchConfig | None = None) -> Matches:
    """Return the lake of each flood: the nearest of its name, else, for a flood without a name, the nearest at hand.

    A flood bears a lake's name if its lake or its glacier is called so, or by an alias (see `same_name`). A flood that bears another name
    is never taken for its nearness: lakes lie side by side.

    Parameters
    ----------
    events
        Columns of `catalogue.COLUMNS`.
    lakes
        Columns lake, lon, lat.
    """
    chosen = settings or MatchConfig()
    places = list(zip(lakes["lake"], lakes["lon"], lakes["lat"], strict=True))
    lake, apart, notes = np.full(len(events), "", dtype=object), np.full(len(events), np.nan), list[str]()
    columns = (events[key] for key in ("event", "lake", "glacier", "lon", "lat"))
    for number, (event, own, glacier, lon, lat) in enumerate(zip(*columns, strict=True)):
        if np.isnan(lon) or np.isnan(lat):
            continue
        by_distance = sorted((coordinates.kilometres(lon, lat, other_lon, other_lat), name) for name, other_lon, other_lat in places)
        named = [(km, name) for km, name in by_distance if any(same_name(word, name) for word in (own, glacier) if word)]
        notes += [f"{event}: bears the name of {name} and lies {km:.0f} km away: not matched" for km, name in named if km > chosen.named_km]
        near = [(km, name) for km, name in by_distance if km <= chosen.near_km and not own]
        found = [(km, name) for km, name in named if km <= chosen.named_km] or near
        if found:
            apart[number], lake[number] = found[0]
    return Matches(lake, apart, tuple(notes))


def to_records(events: pd.DataFrame, lakes: pd.DataFrame, settings: MatchConfig | None = None) -> tuple[Records, tuple[str, ...]]:
    """Return records of lakes and their floods, and a line for each flood of a lake that was left out.

    Where no flood happened is told by the watch alone: a day is a negative only between ``watched_from`` and ``watched_to``, the days on
    which every flood of the lake would have been recorded. A catalogue only tells what was noticed, so that lakes without these columns
    get a watch of a single day (`UNWATCHED`) and give no negatives.

    Left out are floods without a first and a last day, and a second report of a flood of the same lake on the same days.

    Parameters
    ----------
    events
        Columns of `catalogue.COLUMNS`.
    lakes
        Columns lake, lon, lat, and dam, watched_from and watched_to, if known.

    Raises
    ------
    InputError
        If a column of the lakes is missing, or as `records.make` does.
    """
    missing = [name for name in ("lake", "lon", "lat") if name not in lakes]
    if missing:
        raise InputError(f"lakes: expected a column '{missing[0]}', found {', '.join(map(str, lakes.columns))}")
    watched = lakes if {"watched_from", "watched_to"} <= set(lakes) else lakes.assign(watched_from=UNWATCHED, watched_to=UNWATCHED)
    known = records.make({"lakes": watched}, origin="catalogue").lakes
    found = match(events, known, settings)
    own = events.assign(lake=found.lake)[found.lake != ""]
    dated = own["earliest"].notna() & own["latest"].notna() & (own["earliest"] >= np.datetime64(str(pd.Timestamp.min)[:10], "s"))
    twice = own.duplicated(["lake", "earliest", "latest"]) & dated
    notes = [*found.notes, *(f"{name}: no first and last day: left out" for name in own["event"][~dated])]
    notes += [f"{name}: told twice, with the same days at {lake}: left out" for name, lake in own.loc[twice, ["event", "lake"]].to_numpy()]
    kept = own[dated & ~twice]
    table = kept[["event", "lake", "earliest", "latest", "available_at"]].assign(start=middle(kept["earliest"], kept["latest"]))
    return records.make({"lakes": known, "events": table}, origin="catalogue"), tuple(notes)


def middle(earliest: pd.Series, latest: pd.Series) -> pd.Series:
    """Return the middle day, the earlier of two."""
    first, last = (days.to_numpy("datetime64[s]").astype("datetime64[D]") for days in (earliest, latest))
    return pd.Series(((first + (last - first) // 2).astype("datetime64[s]")), index=earliest.index)


def same_name(one: str, other: str) -> bool:
    """Return whether two names mean the same lake: the same words but for accents, case and lake or glacier, or by `ALIASES`."""
    return _known_as(one) == _known_as(other) != ""


def of_lake(events: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the floods whose lake or glacier bears a name (see `same_name`).

    Raises
    ------
    InputError
        If there is none.
    """
    bears = np.array([any(same_name(word, name) for word in own if word) for own in zip(events["lake"], events["glacier"], strict=True)])
    if not bears.any():
        raise InputError(f"lake '{name}': no flood of a lake or glacier of that name in the catalogue")
    return events[bears].reset_index(drop=True)


def _known_as(name: str) -> str:
    plain = _plain(name)
    return next((known for known, others in ALIASES.items() if plain in others), plain)


def _plain(name: str) -> str:
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", bare)
    return " ".join([word for word in words if word not in _GENERIC] or words)
