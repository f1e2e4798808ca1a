"""HMAGLOFDB, outburst floods of High Mountain Asia (Shrestha et al. 2023, https://doi.org/10.5194/essd-15-3941-2023)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

from glaciercast.errors import InputError
from glaciercast.hazard import catalogue, catalogue_dates
from glaciercast.hazard.catalogue_dates import Interval

SOURCE = "HMAGLOFDB"
NEEDED = (
    *("GF_ID", "Year_approx", "Year_exact", "Month", "Day", "Lake_name", "Glacier_name", "GL_ID", "Lat_lake", "Lon_lake", "Lake_type"),
    *("Country", "Sat_evidence", "Ref_scientific"),
)
"""Columns that are read."""
_TYPES = MappingProxyType(
    {
        "moraine dammed": "moraine",
        "ice dammed": "ice",
        "landslide dammed": "landslide",
        **{name: name for name in ("bedrock", "water pocket", "supraglacial", "thermokarst", "unknown")},
    }
)
_IMAGE_DAY = re.compile(r"(?<!\d)((?:19|20)\d{2})(\d{2})(\d{2})(?:_\d{8})?(?!\d)")  # the day of an image, not that of its processing
_LAKE_ID = re.compile(r"GL(\d{6})E(\d{5})N")
_FAR = 0.1


def read(path: Path) -> catalogue.Catalogue:
    """Return the floods of ``HMAGLOFDB.csv``.

    The file is in cp1252, whatever its metadata say. Blank cells, ``NA`` and a lone non-breaking space are empty. The year is that of
    ``Year_exact``, else what ``Year_approx`` says (``Before 1966``, ``1960s``, ``1955-66``, ``May to August 2003``); images named in
    ``Sat_evidence`` narrow it. Of a flood over several days the catalogue gives the last day. Its remarks are not read.

    A type of lake that is not known (the catalogue has taken up types that its metadata do not list) is other, with a line.

    Raises
    ------
    InputError
        If it is no such table, or a column is missing.
    """
    notes: list[str] = []
    return catalogue.build(_records(path, notes), notes, str(path))


def _records(path: Path, notes: list[str]) -> Iterator[dict[str, Any]]:
    table = csv.DictReader(io.StringIO(_text(path), newline=""))
    missing = [name for name in NEEDED if name not in (table.fieldnames or ())]
    if missing:
        raise InputError(f"{path}: expected a column '{missing[0]}' of HMAGLOFDB, found {', '.join((table.fieldnames or ['none'])[:6])} …")
    for row in table:
        said = {name: _cell(row[name]) for name in NEEDED}
        name = f"{SOURCE}-{said['GF_ID']}"
        notes += _disagreement(name, said)
        yield {
            "event": name,
            "lake": said["Lake_name"],
            "glacier": said["Glacier_name"],
            "lon": said["Lon_lake"],
            "lat": said["Lat_lake"],
            "type": _type(name, said["Lake_type"], notes),
            "interval": _interval(name, said, notes),
            "country": said["Country"],
            "source": SOURCE,
            "reference": said["Ref_scientific"],
        }


def _type(name: str, said: str, notes: list[str]) -> str:
    found = _TYPES.get(said.lower() or "unknown")
    if found is None:
        notes.append(f"{name}: lake type '{said}' is none of {', '.join(_TYPES)}: taken for other")
    return found or "other"


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("cp1252")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected text in cp1252, found byte {error.object[error.start]:#x} at {error.start}") from error


def _cell(text: str | None) -> str:
    said = " ".join((text or "").replace("\xa0", " ").split())
    return "" if said.lower() == "na" else said


def _interval(name: str, said: dict[str, str], notes: list[str]) -> Interval:
    told = _told(name, said, notes)
    images = sorted(catalogue_dates.of_text("-".join(parts)) for parts in _IMAGE_DAY.findall(said["Sat_evidence"]))
    if len(images) < 2:
        return told
    narrowed = catalogue_dates.common(told, catalogue_dates.spanned(images[0], images[-1]))
    if narrowed is None:
        notes.append(f"{name}: the images {said['Sat_evidence']} are of other years than the catalogue's: not used")
    return narrowed or told


def _told(name: str, said: dict[str, str], notes: list[str]) -> Interval:
    year, month, day = said["Year_exact"], said["Month"], said["Day"]
    if not (year.isdigit() and month.isdigit()):
        return catalogue.day_of(said["Year_approx"] or year, name, notes, year_range=True)
    if not day.isdigit():
        return catalogue.day_of(f"{year}-{int(month):02d}", name, notes)
    try:
        return catalogue_dates.of_day(int(year), int(month), int(day))
    except InputError as error:
        notes.append(f"{name}: {error}: the month taken")
        return catalogue.day_of(f"{year}-{int(month):02d}", name, notes)


def _disagreement(name: str, said: dict[str, str]) -> list[str]:
    found = _LAKE_ID.fullmatch(said["GL_ID"])
    if not found:
        return []
    lon, lat = int(found[1]) / 1000, int(found[2]) / 1000
    try:
        apart = max(abs(float(said["Lon_lake"]) - lon), abs(float(said["Lat_lake"]) - lat))
    except ValueError:
        return []
    if apart <= _FAR:
        return []
    where = f"longitude {said['Lon_lake']}, latitude {said['Lat_lake']}"
    return [f"{name}: {where} is {apart:.2f}° from its lake {said['GL_ID']}: taken as told, check it"]
