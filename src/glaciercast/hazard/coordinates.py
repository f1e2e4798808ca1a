"""Coordinates of catalogues: read, held against the country they are said to lie in, and mended or refused with a line that says so."""

from __future__ import annotations

import math
import re
from types import MappingProxyType
from typing import NamedTuple

from glaciercast.errors import InputError

Box = tuple[float, float, float, float]
"""West, south, east, north, degrees."""
MARGIN = 0.5
"""Degrees by which a place may lie outside its country's box: borders in the mountains are drawn in more than one way."""
BOXES = MappingProxyType(
    {
        "afghanistan": (60.5, 29.4, 74.9, 38.5),
        "argentina": (-73.6, -55.1, -53.6, -21.8),
        "austria": (9.5, 46.4, 17.2, 49.0),
        "bhutan": (88.7, 26.7, 92.1, 28.4),
        "bolivia": (-69.7, -22.9, -57.4, -9.7),
        "canada": (-141.0, 41.7, -52.6, 83.1),
        "chile": (-75.7, -56.0, -66.4, -17.5),
        "china": (73.5, 18.1, 134.8, 53.6),
        "colombia": (-79.1, -4.3, -66.8, 12.5),
        "ecuador": (-81.1, -5.0, -75.2, 1.5),
        "france": (-5.2, 41.3, 9.6, 51.1),
        "georgia": (40.0, 41.0, 46.7, 43.6),
        "greenland": (-73.3, 59.7, -11.3, 83.7),
        "iceland": (-24.6, 63.3, -13.4, 66.6),
        "india": (68.1, 6.7, 97.4, 37.1),
        "italy": (6.6, 36.6, 18.6, 47.1),
        "kazakhstan": (46.4, 40.5, 87.4, 55.5),
        "kyrgyzstan": (69.2, 39.1, 80.3, 43.3),
        "mongolia": (87.7, 41.5, 120.0, 52.2),
        "myanmar (burma)": (92.1, 9.7, 101.2, 28.6),
        "nepal": (80.0, 26.3, 88.3, 30.5),
        "new zealand": (166.4, -47.3, 178.6, -34.3),
        "norway": (4.5, 57.9, 31.2, 71.3),
        "pakistan": (60.8, 23.6, 77.9, 37.1),
        "peru": (-81.4, -18.4, -68.6, 0.0),
        "svalbard / norway": (10.0, 74.0, 34.0, 81.0),
        "sweden": (10.9, 55.3, 24.2, 69.1),
        "switzerland": (5.9, 45.8, 10.5, 47.9),
        "tajikistan": (67.3, 36.6, 75.2, 41.1),
        "usa": (-179.2, 18.9, -66.9, 71.5),
        "uzbekistan": (55.9, 37.1, 73.2, 45.6),
    }
)
"""Bounding boxes of countries with glaciers and near them, lower case; a country that is not there (Russia spans the date line) is
held against the whole Earth."""
EARTH_RADIUS = 6371.0088
"""Mean radius, km."""
EARTH: Box = (-180.0, -90.0, 180.0, 90.0)
_PARTS = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*[°d: ]\s*(?:(\d+(?:\.\d+)?)\s*['′m: ]?\s*)?(?:(\d+(?:\.\d+)?)\s*(?:\"|″|''|s)?\s*)?([nsew])?")


class Place(NamedTuple):
    """A place, degrees (NaN where refused), and what was done to it; empty where it stands as told."""

    lon: float
    lat: float
    line: str


def degrees(text: str) -> float:
    """Return degrees from decimals (``-35.5``, ``35.5 S``) or degrees, minutes and seconds (``35°40'38"N``); NaN where empty.

    Raises
    ------
    InputError
        If the text is neither, or has 60 minutes or seconds or more.
    """
    said = text.strip().lower().replace(",", ".")
    if not said:
        return math.nan
    if found := re.fullmatch(r"([-+]?\d+(?:\.\d*)?)\s*°?\s*([nsew])?", said):
        return float(found[1]) * (-1 if found[2] in ("s", "w") else 1)
    found = _PARTS.fullmatch(said)
    minutes, seconds = (float(found[number] or 0) for number in (2, 3)) if found else (math.nan, math.nan)
    if not found or minutes >= 60 or seconds >= 60:
        raise InputError(f"coordinate '{text}': expected degrees, such as 35.677 or 35°40'38\"N")
    size = abs(float(found[1])) + minutes / 60 + seconds / 3600
    return -size if found[4] in ("s", "w") or found[1].startswith("-") else size


def settle(lon: float, lat: float, region: str = "", box: Box | None = None) -> Place:
    """Return a place that lies where it is said to lie, or none.

    A place outside the box is tried with longitude and latitude swapped, with another sign, and as degrees and minutes written without
    a point between (3540.6 for 35° 40.6'). If exactly one of these lies in the box, it is taken; the line says which. Otherwise the place
    is refused: NaN, and a line.

    Parameters
    ----------
    lon, lat
        As told, degrees.
    region
        Country, looked up in `BOXES`; not there or empty: the whole Earth.
    box
        Wins over the country's.
    """
    if math.isnan(lon) or math.isnan(lat):
        return Place(
            math.nan, math.nan, "" if math.isnan(lon) and math.isnan(lat) else "one of longitude and latitude is missing: left out"
        )
    held = box or BOXES.get(region.strip().lower(), EARTH)
    if _inside(lon, lat, held):
        return Place(lon, lat, "")
    told = f"longitude {lon:g}, latitude {lat:g} outside {region or 'the stated box' if held != EARTH else 'the Earth'}"
    mends = {name: place for name, place in _mends(lon, lat).items() if _inside(*place, held)}
    places = set(mends.values())
    if len(places) != 1:
        return Place(math.nan, math.nan, f"{told}: refused" + (f" ({' or '.join(mends)}?)" if mends else ""))
    mended = places.pop()
    return Place(*mended, f"{told}: {next(iter(mends))}, read as longitude {mended[0]:g}, latitude {mended[1]:g}")


def kilometres(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Return the distance of two places along the sphere, km (haversine)."""
    first, second = math.radians(lat), math.radians(other_lat)
    half = math.sin((second - first) / 2) ** 2 + math.cos(first) * math.cos(second) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    return 2 * EARTH_RADIUS * math.asin(math.sqrt(min(half, 1.0)))


def _mends(lon: float, lat: float) -> dict[str, tuple[float, float]]:
    return {
        "swapped": (lat, lon),
        "sign of the longitude": (-lon, lat),
        "sign of the latitude": (lon, -lat),
        "both signs": (-lon, -lat),
        **({"degrees and minutes": (_minutes(lon), _minutes(lat))} if abs(lon) > 180 and abs(lat) > 90 else {}),
    }


def _minutes(packed: float) -> float:
    whole, minutes = divmod(abs(packed), 100)
    return math.copysign(whole + minutes / 60, packed) if minutes < 60 else math.nan


def _inside(lon: float, lat: float, box: Box) -> bool:
    margin = 0.0 if box == EARTH else MARGIN
    return box[0] - margin <= lon <= box[2] + margin and box[1] - margin <= lat <= box[3] + margin
