"""Whether the numbers of a Sentinel-2 item carry the offset of 1000, decided from its dark pixels where the metadata may be wrong.

Snow, ice, water and shadow reflect next to nothing at 1.6 µm in every season, so that the darkest clear pixels of a scene are about 0.00 to
0.03 in reflectance; with the offset taken off twice they are impossible (about −0.1), and with the offset left on they are 0.1 brighter
than on neighbouring dates. Clear pixels alone are looked at, as cloud is bright there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.mosaic import BandFetcher

PERCENTILE = 0.5
IMPOSSIBLE = -0.03
"""Reflectance below which dark pixels cannot lie: what an overdone correction of the atmosphere leaves is above."""
SUSPICIOUS = 0.08
"""Reflectance by which dark pixels may differ from neighbouring dates; the offset is 0.1."""
ALIKE = 0.03
"""Reflectance by which dark pixels of neighbouring dates differ at most where nothing is wrong; what the data overrule must fit as well."""
NEIGHBOURS = 10
"""Dates that a date is compared with, the nearest ones."""
FEWEST = 3
MIN_PIXELS = 1000
"""Clear pixels with fewer than these have no telling percentile: 0.5 % of them are five."""
_NUMBERS = 10_000
_OFFSETS = (0, -1000)
_CLEAR = (2, 4, 5, 6, 7, 11)


class Offset(NamedTuple):
    """What is added to the numbers of an item (0 or −1000), and how that was decided."""

    number: int
    how: str


class Darkness(NamedTuple):
    """Dark pixels of an item: its percentile `PERCENTILE` of the numbers of clear pixels (None: too few), and what its metadata state.

    ``shifted``: ESA made the numbers with the offset (baseline 04.00 or later), so that they may carry it.
    """

    item: str
    time: np.datetime64
    number: float | None
    stated: Offset
    shifted: bool


def darkness(item: pystac.Item, quality: str, asset: str, target: GeoBox, fetcher: BandFetcher) -> float | None:
    """Return the percentile `PERCENTILE` of the raw numbers of `asset` over clear pixels (SCL) near `target`; None with too few of them."""
    from glaciercast.sources import warp

    classes, band = fetcher.fetch(item, quality, target).band, fetcher.fetch(item, asset, target).band
    if classes is None or band is None:
        return None
    scl = warp.onto(classes.values, classes.geobox, band.geobox, "class", 0)
    clear = np.zeros(scl.shape, bool)
    for kind in _CLEAR:
        clear |= scl == kind
    numbers = band.values[clear & (band.values != 0)]
    return float(np.percentile(numbers, PERCENTILE)) if numbers.size >= MIN_PIXELS else None


def verify_offsets(found: Sequence[Darkness]) -> dict[str, Offset]:
    """Decide the offset of each item from its own dark pixels and those of neighbouring dates.

    1. An item of a baseline before 04.00 has no offset.
    2. An offset that makes dark pixels impossible (below `IMPOSSIBLE`) is not the item's.
    3. Else the item is compared with the median of the `NEIGHBOURS` nearest dates whose offset is certain by 1 or 2 (with fewer than
       `FEWEST` of them, of all, as their metadata state): the other offset is taken only where the stated one is off by more than
       `SUSPICIOUS` and the other fits to `ALIKE`. A bright scene differs by another amount than the offset and keeps its own. Dates
       whose offsets are not certain vouch for no offset with which dark pixels are brighter than `SUSPICIOUS`: all may be wrong alike.
    4. What neither decides keeps what the metadata state, and is called unverified.

    Returns
    -------
    dict
        Item id → offset and how it was decided.
    """
    usable = [one for one in found if one.number is not None]
    certain = [one for one in usable if _is_certain(one)]
    return {one.item: _decide(one, *_usual(one, certain, usable)) for one in found}


def _decide(one: Darkness, usual: float | None, known: bool) -> Offset:
    stated = one.stated
    if not one.shifted:
        return stated
    if one.number is None:
        return Offset(stated.number, f"{stated.how}; unverified: too few clear pixels")
    if _is_certain(one):
        return _by_data(stated, 0)
    if usual is None:
        return Offset(stated.number, f"{stated.how}; unverified: no dates to compare with")
    other = _OFFSETS[1 - _OFFSETS.index(stated.number)]
    off, other_off = (abs(_reflectance(one.number, number) - usual) for number in (stated.number, other))
    bright = {number for number in _OFFSETS if not known and _reflectance(one.number, number) > SUSPICIOUS}
    if off <= ALIKE and stated.number in bright:  # all of these dates may carry an offset that their metadata deny
        return Offset(stated.number, f"{stated.how}; unverified: dark pixels are bright on all dates")
    if off <= ALIKE:
        return _by_data(stated, stated.number)
    if off > SUSPICIOUS and other_off <= ALIKE and other not in bright:
        return _by_data(stated, other)
    return Offset(stated.number, f"{stated.how}; unverified: dark pixels are unlike those of neighbouring dates")


def _by_data(stated: Offset, number: int) -> Offset:
    return Offset(number, f"{stated.how}; {'confirmed' if number == stated.number else 'overruled'} by dark pixels")


def _is_certain(one: Darkness) -> bool:
    """Tell whether the item cannot carry the offset: it was made without it, or its dark pixels would be impossible."""
    return not one.shifted or (one.number is not None and _reflectance(one.number, _OFFSETS[1]) < IMPOSSIBLE)


def _usual(one: Darkness, certain: Sequence[Darkness], usable: Sequence[Darkness]) -> tuple[float | None, bool]:
    """Return the median reflectance of the dark pixels of neighbouring dates (None: too few), and whether their offsets are certain."""
    for known, others in ((True, certain), (False, usable)):
        near = sorted((other for other in others if other.item != one.item), key=lambda other: abs(other.time - one.time))[:NEIGHBOURS]
        if len(near) >= FEWEST:
            numbers = [0 if known or _is_certain(other) else other.stated.number for other in near]
            middle = np.median([_reflectance(other.number, number) for other, number in zip(near, numbers, strict=True)])
            return float(middle), known
    return None, False


def _reflectance(number: float | None, offset: int) -> float:
    return np.nan if number is None else (number + offset) / _NUMBERS
