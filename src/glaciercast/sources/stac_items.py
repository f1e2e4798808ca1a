"""Items of a catalogue: what can be trusted of them, and whether they meet a box and a period."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast.errors import InputError, SourceError
from glaciercast.sources import hrefs

if TYPE_CHECKING:
    from pystac import Item
    from shapely.geometry.base import BaseGeometry

Instant = str | date | np.datetime64
Period = tuple[pd.Timestamp, pd.Timestamp]
ZONE = re.compile(r":.*[+-]\d\d(:?\d\d)?$")
"""How a time ends that has another zone than UTC."""


@dataclass(frozen=True)
class Found:
    """An item as the catalogue holds it: its JSON and the absolute location of that JSON."""

    content: dict[str, Any]
    location: str


def span(item: Item) -> Period:
    """Return first and last instant of an item, UTC without time zone; equal where it has one ``datetime``."""
    if item.datetime is not None:
        return (_naive(item.datetime),) * 2
    first, last = item.common_metadata.start_datetime, item.common_metadata.end_datetime
    assert first is not None and last is not None  # `make` lets no other pass
    return _naive(first), _naive(last)


def make(found: Found, root: str) -> Item:
    """Return the item of a JSON, with a self link that is where it was found and a root link that is the catalogue's.

    Parameters
    ----------
    found
        The JSON and its location.
    root
        Absolute location of the catalogue's first document; the item links to it only if that is on disk.

    Raises
    ------
    SourceError
        If it is no STAC item or has no time; the line names the location.
    """
    import pystac

    try:
        # not migrated: what a field means is decided from the item as its producer wrote it
        item = pystac.Item.from_dict(found.content, href=found.location, migrate=False, preserve_dict=False)
        span(item)
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError, pystac.STACError, pystac.STACTypeError) as error:
        raise SourceError(
            f"{hrefs.shown(found.location)}: not a valid STAC item: {' '.join(str(error).split())[:200] or 'it has no time'}"
        ) from error
    item.links = [link for link in item.links if link.rel != "root"]
    if not hrefs.is_remote(root):
        item.add_link(pystac.Link("root", root, "application/json"))  # bounds what the item may point to
    return item


def within(item: Item, period: Period | None) -> bool:
    """Tell whether an item's time, or some of its interval, is in a period (both ends included); None is any."""
    first, last = span(item)
    return period is None or (first <= period[1] and last >= period[0])


def meets(item: Item, area: BaseGeometry) -> bool:
    """Tell whether an item's geometry (its bounding box where it has none, or a broken one) intersects an area; all in degrees.

    Raises
    ------
    SourceError
        If it has neither that can be read.
    """
    import shapely
    from shapely.errors import ShapelyError
    from shapely.geometry import shape

    try:
        if item.geometry is not None:
            return bool(shape(item.geometry).intersects(area))
    except (ShapelyError, AttributeError, KeyError, TypeError, ValueError) as error:
        if item.bbox is None:
            raise SourceError(
                f"{hrefs.shown(item.self_href)}: its geometry cannot be read: {' '.join(str(error).split())[:200]}"
            ) from error
    if item.bbox is None:
        raise SourceError(f"{hrefs.shown(item.self_href)}: expected a geometry or a bbox, found neither")
    edges = item.bbox if len(item.bbox) == 4 else [item.bbox[at] for at in (0, 1, 3, 4)]  # the six of a 3-D box
    return bool(shapely.box(*edges).intersects(area))


def period_of(start: Instant, end: Instant) -> Period:
    """Return first and last instant of a period, UTC; a date (or month, or year) stands for all of it.

    Raises
    ------
    InputError
        If one is no date, or the end is before the start.
    """
    first, last = _edge(start, last=False), _edge(end, last=True)
    if first > last:
        raise InputError(f"period {start} to {end}: expected the start before the end")
    return first, last


def _edge(value: Instant, last: bool) -> pd.Timestamp:
    """Return the first or last instant of what a user calls a date."""
    if isinstance(value, np.datetime64) or (isinstance(value, date) and not isinstance(value, datetime)):
        value = str(value)
    try:
        if isinstance(value, str):
            if ZONE.search(value):  # a period would drop it without a word
                return _naive(datetime.fromisoformat(value))
            whole = pd.Period(value.removesuffix("Z"))
            return whole.end_time if last else whole.start_time
        return _naive(value)
    except (ValueError, AttributeError) as error:  # no date at all is NaT, whose period has no ends
        raise InputError(f"date '{value}': expected a date such as 2020-07-31") from error


def _naive(time: date) -> pd.Timestamp:
    stamp = pd.Timestamp(time)
    return stamp if stamp.tz is None else stamp.tz_convert(None)
