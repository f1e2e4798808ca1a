"""A table of floods of one's own, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from glaciercast.errors import InputError, unknown
from glaciercast.hazard import catalogue, catalogue_dates
from glaciercast.hazard.catalogue_dates import Interval

COLUMNS = MappingProxyType(
    {
        "lake": "name; needed, or lon and lat",
        "date": "day, month or year (2021-05-15, 2021-05, 2021), span, decade or season; needed, or latest",
        "event": "name, unique; without it the file's name and the number of the row",
        "glacier": "name of the glacier",
        "lon": "degrees east: decimals or degrees, minutes and seconds",
        "lat": "degrees north",
        "type": "one of `catalogue.TYPES`; empty: unknown",
        "earliest": "first day on which the flood may have begun; wins over date",
        "latest": "last day on which it may have begun; wins over date",
        "country": "in which it lies; places outside are mended or refused",
        "source": "where the event is from; empty: the file's name",
        "reference": "what to cite",
        "available_at": "from when it could have been known, ISO 8601, UTC; empty: as soon as it was over",
    }
)
"""Columns of the table; further ones are ignored."""


def read(path: Path) -> catalogue.Catalogue:
    """Return the floods of a CSV table (UTF-8) with columns of `COLUMNS`.

    Raises
    ------
    InputError
        If it cannot be read, a needed column is missing, or a type is not known.
    """
    notes: list[str] = []
    return catalogue.build(_records(path, notes), notes, str(path))


def _records(path: Path, notes: list[str]) -> Iterator[dict[str, Any]]:
    table = csv.DictReader(io.StringIO(_text(path), newline=""))
    there = {str(name).strip().lower() for name in table.fieldnames or ()}
    for options in (("lake", "lon"), ("date", "latest")):
        if not there & set(options):
            raise InputError(f"{path}: expected a column {' or '.join(options)}, found {', '.join(sorted(there)) or 'none'}")
    for number, row in enumerate(table, start=1):
        said = dict.fromkeys(COLUMNS, "") | {str(key).strip().lower(): str(cell or "").strip() for key, cell in row.items()}
        name = said["event"] or f"{path.stem}-{number}"
        kind = said["type"].lower() or "unknown"
        if kind not in catalogue.TYPES:
            raise InputError(f"{path}: {name}: {unknown('type', kind, catalogue.TYPES)}")
        copied = {key: said[key] for key in ("lake", "glacier", "lon", "lat", "country", "reference")}
        interval = _interval(name, said, notes)
        told = _available(name, said["available_at"], interval)
        yield {**copied, "event": name, "type": kind, "interval": interval, "source": said["source"] or path.stem, "available_at": told}


def _interval(name: str, said: dict[str, str], notes: list[str]) -> Interval:
    told = catalogue.day_of(said["date"], name, notes)
    first, last = (catalogue.day_of(said[key], name, notes) for key in ("earliest", "latest"))
    earliest = first.earliest if said["earliest"] else catalogue_dates.NEVER if said["latest"] else told.earliest
    interval = Interval(earliest, last.latest if said["latest"] else told.latest)
    if interval.earliest > interval.latest:
        raise InputError(f"{name}: latest {interval.latest} lies before earliest {interval.earliest}")
    return interval


def _available(name: str, text: str, interval: Interval) -> np.datetime64:
    if not text:
        return np.datetime64("NaT")
    found = pd.to_datetime(text, errors="coerce", format="ISO8601", utc=True)
    if pd.isna(found):
        raise InputError(f"{name}: available_at: expected a time such as 2021-06-20 or 2021-06-20T12:00, found '{text}'")
    at = np.datetime64(found.tz_localize(None), "s")
    if at < interval.latest:
        raise InputError(f"{name}: available_at {text} lies before latest {interval.latest}")
    return at


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected text in UTF-8, found byte {error.object[error.start]:#x} at {error.start}") from error
