"""Dates as catalogues tell them, read as intervals: from the first to the last day on which a flood may have begun."""

from __future__ import annotations

import calendar
import re
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from glaciercast.errors import InputError

NEVER = np.datetime64("NaT", "D")
PRECISIONS = ("day", "month", "season", "year", "years", "unknown")
"""From the best to the worst; see `precision`."""
_LONGEST = MappingProxyType({"day": 1, "month": 31, "season": 184, "year": 366})
_MONTHS = tuple(name.lower() for name in calendar.month_abbr)
_SEASONS = MappingProxyType({"spring": (3, 5), "summer": (6, 8), "autumn": (9, 11), "fall": (9, 11)})
_MONTH_NAME = r"([a-z]{3})[a-z]*\.?"


class Interval(NamedTuple):
    """First and last day on which a flood may have begun, datetime64[D]; NaT where there is no bound."""

    earliest: np.datetime64
    latest: np.datetime64


UNKNOWN = Interval(NEVER, NEVER)


def precision(interval: Interval) -> str:
    """Return how well a flood is dated: the shortest of a day, a month (up to 31 days), a season (184), a year (366) or years; or unknown.

    An interval without a first day ("before 1966") counts as years.
    """
    if np.isnat(interval.latest):
        return "unknown"
    if np.isnat(interval.earliest):
        return "years"
    days = int((interval.latest - interval.earliest).astype(int)) + 1
    return next((name for name, longest in _LONGEST.items() if days <= longest), "years")


def of_text(text: str, year_range: bool = False, south: bool = False) -> Interval:
    """Return the interval that a text tells.

    Read are days, months and years (``2021-05-15``, ``2021-05``, ``2021``), decades (``1960s``), spans (``1976-1987``, ``1955-66``,
    ``May to August 2003``), a month or a season of a year (``May 2003``, ``summer 2003``), and ``Before 1966``, which has no first day and
    ends with that year: an image of it already shows what was left.

    Parameters
    ----------
    text
        What a catalogue says; empty gives `UNKNOWN`.
    year_range
        Whether ``2009-10`` means 2009 to 2010 (columns of years) or October 2009.
    south
        Whether seasons are those of the southern hemisphere.

    Raises
    ------
    InputError
        If the text is none of these, or not a date of the calendar.
    """
    said = " ".join(text.lower().split())
    if not said:
        return UNKNOWN
    if found := re.fullmatch(r"before (\d{3,4})", said):
        return Interval(NEVER, of_months(int(found[1]), 1, 12).latest)
    if found := re.fullmatch(r"(\d{3})0s", said):
        return Interval(of_months(int(found[1]) * 10, 1, 12).earliest, of_months(int(found[1]) * 10 + 9, 1, 12).latest)
    interval = _of_numbers(said, year_range) or _of_names(said, south)
    if interval is None:
        raise InputError(f"date '{text}': expected a day (2021-05-15), month, year, season, decade or span of years")
    return interval


def of_months(year: int, first: int, last: int) -> Interval:
    """Return the days of some months of a year.

    Raises
    ------
    InputError
        If a month is not 1 … 12.
    """
    if not 1 <= first <= last <= 12:
        raise InputError(f"date {year:04d}-{first:02d}" + (f"…{last:02d}" if last != first else "") + ": expected months 1 … 12 in order")
    end = np.datetime64(f"{year:04d}-{last:02d}", "M") + 1
    return Interval(np.datetime64(f"{year:04d}-{first:02d}-01", "D"), end.astype("datetime64[D]") - 1)


def of_day(year: int, month: int, day: int) -> Interval:
    """Return one day as an interval.

    Raises
    ------
    InputError
        If there is no such day.
    """
    month_days = of_months(year, month, month)
    found = month_days.earliest + np.timedelta64(day - 1, "D")
    if not month_days.earliest <= found <= month_days.latest:
        raise InputError(f"date {year:04d}-{month:02d}-{day:02d}: no such day")
    return Interval(found, found)


def spanned(first: Interval, last: Interval) -> Interval:
    """Return the interval from the start of one to the end of another."""
    return Interval(first.earliest, last.latest)


def common(one: Interval, other: Interval) -> Interval | None:
    """Return what two intervals share, None where that is nothing; a bound that one of them lacks is the other's."""
    earliest = np.fmax(one.earliest, other.earliest)
    latest = np.fmin(one.latest, other.latest)
    return None if earliest > latest else Interval(earliest, latest)


def _of_numbers(said: str, year_range: bool) -> Interval | None:
    if found := re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", said):
        return of_day(int(found[1]), int(found[2]), int(found[3]))
    if found := re.fullmatch(r"(?:~ ?)?(\d{3,4})", said):
        return of_months(int(found[1]), 1, 12)
    if found := re.fullmatch(r"(\d{4}) ?[-–/] ?(\d{4}|\d{1,2})", said):
        first, second = int(found[1]), int(found[2])
        if len(found[2]) < 4 and not year_range and second <= 12:
            return of_months(first, second, second)
        last = second if len(found[2]) == 4 else first // 100 * 100 + second
        return spanned(of_months(first, 1, 12), of_months(last, 1, 12)) if first <= last else None
    return None


def _of_names(said: str, south: bool) -> Interval | None:
    if (found := re.fullmatch(rf"{_MONTH_NAME} (?:to|-|–) {_MONTH_NAME} (\d{{4}})", said)) and {found[1], found[2]} <= set(_MONTHS):
        return of_months(int(found[3]), _MONTHS.index(found[1]), _MONTHS.index(found[2]))
    if (found := re.fullmatch(r"(spring|summer|autumn|fall|winter) (\d{4})", said)) is not None:
        return _of_season(found[1], int(found[2]), south)
    if (found := re.fullmatch(rf"{_MONTH_NAME} (\d{{4}})", said)) and found[1] in _MONTHS:
        month = _MONTHS.index(found[1])
        return of_months(int(found[2]), month, month)
    return None


def _of_season(season: str, year: int, south: bool) -> Interval:
    turned = {"spring": "autumn", "autumn": "spring", "fall": "spring", "summer": "winter", "winter": "summer"}
    name = turned[season] if south else season
    if name == "winter":  # which of the two winters that touch the year is not said
        return spanned(of_months(year - 1, 12, 12), of_months(year + 1, 1, 2))
    return of_months(year, *_SEASONS[name])
