"""Catalogues of past outburst floods in one table: where, what kind of lake, and from when to when each may have begun."""

from __future__ import annotations

import csv
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from glaciercast.errors import InputError, unknown
from glaciercast.hazard import catalogue_dates, coordinates
from glaciercast.hazard.catalogue_dates import Interval

COLUMNS = MappingProxyType(
    {
        "event": "name, unique: the catalogue's and its number",
        "lake": "name; empty where it has none",
        "glacier": "name of the glacier that dams or feeds the lake; empty where it has none",
        "lon": "degrees east, WGS 84",
        "lat": "degrees north, WGS 84",
        "type": "see `TYPES`",
        "earliest": "first day on which the flood may have begun; empty: no bound",
        "latest": "last day on which it may have begun; empty: no date at all",
        "precision": "day, month, season, year, years or unknown",
        "country": "in which the catalogue says it lies",
        "source": "catalogue",
        "reference": "what the catalogue cites",
        "available_at": "when the flood was reported, UTC, if the catalogue tells; empty: not told",
    }
)
"""Columns of the table of a catalogue; times are datetime64[s], as floods are told since the year 850."""
TYPES = ("ice", "moraine", "supraglacial", "water pocket", "bedrock", "landslide", "thermokarst", "volcanic", "mixed", "other", "unknown")
"""What holds the lake; mixed: two dams are named."""
FORMATS = ("hmaglofdb", "global", "csv")
NEAR_KM = 2.0
"""Distance within which two floods of one day are doubted, km."""
_NO_NAMES = frozenset({"", "na", "n/a", "unnamed", "unknown", "ephemeral", "no glacier", "no lake", "not mapped", "-"})


@dataclass(frozen=True)
class Catalogue:
    """The floods of a catalogue, columns of `COLUMNS`, and a line for each thing that was mended or refused in reading them."""

    events: pd.DataFrame
    notes: tuple[str, ...]


def read(path: str | Path, form: str | None = None) -> Catalogue:
    """Return the floods of a file.

    Parameters
    ----------
    path
        A CSV table or a workbook.
    form
        One of `FORMATS`; None: told from the file (a workbook is the global inventory; a table with a column ``GF_ID`` HMAGLOFDB).

    Raises
    ------
    InputError
        If the file cannot be read, is of another format, or holds no flood.
    """
    from glaciercast.hazard import catalogue_csv, catalogue_global, catalogue_hmaglofdb

    place = Path(path)
    if not place.is_file():
        raise InputError(f"{place}: no such file")
    readers = {"hmaglofdb": catalogue_hmaglofdb.read, "global": catalogue_global.read, "csv": catalogue_csv.read}
    chosen = form or _told(place)
    if chosen not in readers:
        raise InputError(unknown("format", chosen, FORMATS))
    try:
        return readers[chosen](place)
    except csv.Error as error:
        raise InputError(f"{place}: cannot be read as a table: {error}") from error


def build(records: Iterable[Mapping[str, Any]], notes: list[str], origin: str) -> Catalogue:
    """Return a catalogue of records with the texts of `COLUMNS`, coordinates as texts, ``interval``, an `Interval`, and ``available_at``.

    Coordinates are settled by country (see `coordinates.settle`); each that is mended or refused adds a line to `notes`.

    Raises
    ------
    InputError
        If there is no record, or two are of one name.
    """
    rows, seen = [], set[str]()
    for record in records:
        name = record["event"]
        if name in seen:
            raise InputError(f"{origin}: event '{name}' is there twice")
        seen.add(name)
        place = _place(record)
        notes += [f"{name}: {place.line}"] if place.line else []
        rows.append(_row(record, place))
    if not rows:
        raise InputError(f"{origin}: expected at least one flood, found none")
    notes += repeats(rows)
    days = {key: np.array([row.pop(key) for row in rows], dtype="datetime64[D]").astype("datetime64[s]") for key in ("earliest", "latest")}
    days["available_at"] = np.array([row.pop("available_at") for row in rows], dtype="datetime64[s]")
    return Catalogue(pd.DataFrame(rows).assign(**days)[list(COLUMNS)], tuple(notes))


def repeats(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each two floods of one day that are at most `NEAR_KM` apart: perhaps one flood that is told twice.

    Both are kept: lakes that lie above each other do empty on one day.

    Parameters
    ----------
    rows
        With event, lon, lat, earliest and latest.
    """
    days = defaultdict(list)
    for row in rows:
        if row["earliest"] == row["latest"] and np.isfinite(row["lon"]):
            days[row["earliest"]].append(row)
    lines = []
    for one, other in itertools.chain.from_iterable(itertools.combinations(same, 2) for same in days.values()):
        apart = coordinates.kilometres(one["lon"], one["lat"], other["lon"], other["lat"])
        if apart <= NEAR_KM:
            lines.append(
                f"{other['event']}: on the day of {one['event']}, {one['earliest']}, and {apart:.1f} km from it: perhaps told twice"
            )
    return lines


def name_of(text: str) -> str:
    """Return a name without needless blanks; empty where the text says that there is none (Unnamed, NA …)."""
    said = " ".join(text.split())
    return "" if said.lower() in _NO_NAMES else said


def day_of(text: str, origin: str, notes: list[str], **ways: bool) -> Interval:
    """Return the interval that a text tells (see `catalogue_dates.of_text`); what cannot be read is unknown and adds a line."""
    try:
        return catalogue_dates.of_text(text, **ways)
    except InputError as error:
        notes.append(f"{origin}: {error}: no date taken")
        return catalogue_dates.UNKNOWN


def write(events: pd.DataFrame, path: str | Path) -> Path:
    """Write a table of floods as CSV, whole or not at all; it can be read again as the format csv."""
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(place.name + ".partial")
    written = events.assign(available_at=events["available_at"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
    written.to_csv(partial, index=False, date_format="%Y-%m-%d", lineterminator="\n", encoding="utf-8")
    partial.replace(place)
    return place


def _told(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"PK"):
        return "global"
    return "hmaglofdb" if b"GF_ID" in head.partition(b"\n")[0] else "csv"


def _place(record: Mapping[str, Any]) -> coordinates.Place:
    try:
        lon, lat = coordinates.degrees(record["lon"]), coordinates.degrees(record["lat"])
    except InputError as error:
        return coordinates.Place(np.nan, np.nan, f"{error}: left out")
    return coordinates.settle(lon, lat, record["country"])


def _row(record: Mapping[str, Any], place: coordinates.Place) -> dict[str, Any]:
    interval = record["interval"]
    return {
        **{key: record[key] for key in ("event", "type", "country", "source", "reference")},
        **{key: name_of(record[key]) for key in ("lake", "glacier")},
        "lon": place.lon,
        "lat": place.lat,
        "earliest": interval.earliest,
        "latest": interval.latest,
        "precision": catalogue_dates.precision(interval),
        "available_at": record.get("available_at", np.datetime64("NaT")),
    }
