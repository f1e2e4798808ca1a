"""When a raster was acquired: from its tags or from its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime

import pandas as pd

from glaciercast.errors import InputError

TAGS = ("ACQUISITION_DATETIME", "ACQUISITION_DATE", "DATE_ACQUIRED", "SENSING_TIME", "ACQUIRED", "DATATAKE_1_DATATAKE_SENSING_START")
"""Tags that hold the acquisition, whatever their case, the surest first."""
WRITTEN = "TIFFTAG_DATETIME"
"""A tag that holds the acquisition in some files and the time of writing in others: looked at last."""
LANDSAT_SCENE = re.compile(r"^L[COTEM]\d{7}((?:19|20)\d{2})(\d{3})[A-Z]{3}\d{2}", re.IGNORECASE)
"""Path and row, year, day of the year, station and version: LC81470382020339LGN00."""
PRODUCT = re.compile(r"^(?:L[COTEM]\d{2}_L\w{3}_\d{6}_|S2[A-D]_MSIL\w{2}_)(\d{8})(?:T(\d{6}))?", re.IGNORECASE)
"""Identifiers of Landsat Collection 2 and Sentinel-2, which name other dates after the acquisition's."""
ANY = re.compile(r"(?<!\d)((?:19|20)\d{2})([-_.]?)(\d{2})\2(\d{2})(?:T(\d{6}))?(?!\d)")


def acquired(name: str, tags: Mapping[str, str]) -> pd.Timestamp | None:
    """Return when a raster was acquired (UTC), or None where neither tags nor name tell.

    Parameters
    ----------
    name
        Of the file: a Landsat or Sentinel-2 identifier, or any name with one date as YYYYMMDD or YYYY-MM-DD.
    tags
        Of the file, by name.

    Raises
    ------
    InputError
        If a tag cannot be read as a date, or the name holds several dates and is no identifier that is known.
    """
    upper = {key.upper(): value for key, value in tags.items()}
    for tag in TAGS:
        if tag in upper:
            return _parsed(upper[tag], f"{name}: tag {tag}")
    found = _from_name(name)
    if found is None and WRITTEN in upper:
        return _parsed(upper[WRITTEN], f"{name}: tag {WRITTEN}")
    return found


def given(text: str) -> pd.Timestamp:
    """Return a date that a user wrote (UTC).

    Raises
    ------
    InputError
        If it is none.
    """
    return _parsed(text, "--dates")


def _parsed(text: str, where: str) -> pd.Timestamp:
    words = re.sub(r"^(\d{4}):(\d{2}):(\d{2})", r"\1-\2-\3", text.strip())  # as TIFF writes dates
    try:
        moment = pd.Timestamp(words)
    except ValueError as error:
        raise InputError(f"{where}: expected a date such as 2020-02-05, found '{text}'") from error
    if pd.isna(moment):
        raise InputError(f"{where}: expected a date such as 2020-02-05, found '{text}'")
    return moment if moment.tzinfo is None else moment.tz_convert("UTC").tz_localize(None)


def _from_name(name: str) -> pd.Timestamp | None:
    if scene := LANDSAT_SCENE.match(name):
        return pd.Timestamp(datetime.strptime("".join(scene.groups()), "%Y%j"))
    if product := PRODUCT.match(name):
        return pd.Timestamp(f"{product[1]}T{product[2] or '000000'}")
    dates = {moment for match in ANY.finditer(name) if (moment := _moment(match)) is not None}
    days = sorted({f"{moment:%Y-%m-%d}" for moment in dates})
    if len(days) > 1:
        raise InputError(f"{name}: expected one date in the name, found {' and '.join(days)}; give --dates")
    return max(dates, default=None)


def _moment(match: re.Match[str]) -> pd.Timestamp | None:
    """Return the date of a match, with its time of day if it has one; None where the digits are no date."""
    try:
        day = date(int(match[1]), int(match[3]), int(match[4]))
        return pd.Timestamp(f"{day:%Y%m%d}T{match[5] or '000000'}")
    except ValueError:
        return None
