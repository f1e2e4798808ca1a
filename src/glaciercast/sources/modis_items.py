"""What the STAC items of MODIS land surface temperature tell: product, tile, period, version.

Terra's and Aqua's items lie in one collection; ``datetime`` is null and ``proj:epsg`` too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from glaciercast.errors import SourceError
from glaciercast.sources.modis_grid import Tile

if TYPE_CHECKING:
    import pystac

_ID = re.compile(r"(?P<product>M[OY]D11A[12])\.A(?P<day>\d{7})\.h(?P<column>\d{2})v(?P<row>\d{2})\.\d{3}(?:\.(?P<made>\d{13}))?")
SATELLITE = {"mod": "terra", "myd": "aqua"}


def product_of(item: pystac.Item) -> str | None:
    """Return the product's name of an item by its id, else by its platform and collection; None where neither tells.

    Raises
    ------
    SourceError
        If id and platform contradict each other.
    """
    platform = str(item.properties.get("platform", "")).lower()
    by_platform = {satellite: prefix for prefix, satellite in SATELLITE.items()}.get(platform)
    match = _ID.fullmatch(item.id)
    if match is None:
        collection = re.fullmatch(r"modis-(11A[12])-061", item.collection_id or "")
        return None if by_platform is None or collection is None else f"{by_platform}{collection[1].lower()}"
    name = match["product"].lower()
    if by_platform is not None and by_platform != name[:3]:
        raise SourceError(f"{item.id}: expected platform '{SATELLITE[name[:3]]}' by its id, found '{platform}'")
    return name


def tile_of(item: pystac.Item) -> Tile:
    """Return an item's tile.

    Raises
    ------
    SourceError
        If neither id nor properties tell it.
    """
    if match := _ID.fullmatch(item.id):
        return Tile(int(match["column"]), int(match["row"]))
    try:
        return Tile(int(item.properties["modis:horizontal-tile"]), int(item.properties["modis:vertical-tile"]))
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{item.id}: expected a tile in its id or in modis:horizontal-tile and modis:vertical-tile") from error


def made(item: pystac.Item) -> tuple[str, str, str]:
    """Return what orders the versions of one tile: when it was produced, when its item was created, its id."""
    match = _ID.fullmatch(item.id)
    return (match["made"] or "" if match else "", str(item.properties.get("created", "")), item.id)


def moment(item: pystac.Item, key: str) -> pd.Timestamp:
    """Return a property as UTC without a zone; ``datetime`` of these items is null, by design."""
    text = item.properties.get(key)
    found = pd.to_datetime(text, utc=True, errors="coerce") if isinstance(text, str) else pd.NaT
    if pd.isna(found):
        raise SourceError(f"{item.id}: expected a date in {key}, found {text!r:.40}")
    return found.tz_localize(None)
