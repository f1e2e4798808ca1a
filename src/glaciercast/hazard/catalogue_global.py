"""The global inventory of glacier lake outburst floods (Lützow et al. 2023, https://doi.org/10.5194/essd-15-2983-2023)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from glaciercast.errors import InputError
from glaciercast.hazard import catalogue, catalogue_dates, spreadsheet
from glaciercast.hazard.catalogue_dates import Interval

SOURCE = "Lützow et al. 2023"
NEEDED = ("ID", "Country", "Glacier", "Lake", "Lake_type", "Longitude", "Latitude", "Date", "Date_Min", "Date_Max", "Reference")
"""Columns that are read; versions differ in the others."""
DESCRIBED = 2
"""Rows below the names of the columns that describe them, at most."""
SUMMARY = "Global"
"""A sheet that repeats the regions' events."""


def read(path: Path) -> catalogue.Catalogue:
    """Return the floods of a workbook with a sheet a region, as it is published (.ods), or saved as .xlsx.

    A flood's interval is from ``Date_Min`` to ``Date_Max``; where one of them is empty, ``Date`` gives it, which is a day, a month or a
    year. Sheets without these columns, and one of the name `SUMMARY`, are left out, and a line says so.

    Raises
    ------
    InputError
        If it is no workbook, or no sheet has the columns.
    """
    notes: list[str] = []
    sheets = {}
    for name, rows in spreadsheet.read(path).items():
        if name != SUMMARY and rows and set(NEEDED) <= set(rows[0]):
            sheets[name] = rows
        else:
            notes.append(f"sheet '{name}' left out: " + ("it repeats the regions" if name == SUMMARY else "no table of floods"))
    if not sheets:
        raise InputError(f"{path}: expected a sheet with columns {', '.join(NEEDED)}, found none")
    return catalogue.build(_records(sheets, notes), notes, str(path))


def _records(sheets: spreadsheet.Sheets, notes: list[str]) -> Iterator[dict[str, Any]]:
    for sheet, rows in sheets.items():
        head, used = rows[0], set[str]()
        for number, row in enumerate(rows[1 + _described(rows) :], start=1):
            said = dict.fromkeys(head, "") | dict(zip(head, row, strict=False))
            if not any(said[key] for key in NEEDED if key != "ID"):
                continue
            name = _name(sheet, said["ID"], number, used, notes)
            yield {
                "event": name,
                "lake": said["Lake"],
                "glacier": said["Glacier"],
                "lon": said["Longitude"],
                "lat": said["Latitude"],
                "type": _type(said["Lake_type"]),
                "interval": _interval(name, said, notes),
                "country": said["Country"],
                "source": SOURCE,
                "reference": said["Reference"],
            }


def _described(rows: list[list[str]]) -> int:
    places = [rows[0].index(name) for name in ("ID", "Longitude", "Date")]
    told = [
        any(character.isdigit() for place in places for character in "".join(row[place : place + 1])) for row in rows[1 : 1 + DESCRIBED]
    ]
    return told.index(True) if True in told else len(told)


def _name(sheet: str, told: str, number: int, used: set[str], notes: list[str]) -> str:
    name = f"{sheet}-{told.removesuffix('.0') or f'row{number}'}"
    if name in used:
        notes.append(f"{name}: number given twice in its sheet, the later one named {name}-row{number}")
        name = f"{name}-row{number}"
    used.add(name)
    return name


def _type(said: str) -> str:
    kind = said.lower().strip()
    if "volc" in kind:
        return "volcanic"
    if "/" in kind:
        return "mixed"
    if not kind:
        return "unknown"
    return kind if kind in catalogue.TYPES else "other"


def _interval(name: str, said: dict[str, str], notes: list[str]) -> Interval:
    try:
        south = float(said["Latitude"] or 0) < 0
    except ValueError:
        south = False
    told, first, last = (catalogue.day_of(said[key], name, notes, south=south) for key in ("Date", "Date_Min", "Date_Max"))
    earliest = first.earliest if said["Date_Min"] else told.earliest
    latest = last.latest if said["Date_Max"] else told.latest
    if latest < earliest:
        notes.append(f"{name}: its last day {latest} lies before its first {earliest}: no date taken")
        return catalogue_dates.UNKNOWN
    return Interval(earliest, latest)
