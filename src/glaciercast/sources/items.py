"""What is read from a STAC item: its time, its solar day, and properties and assets under the names that catalogues give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.sources.scene import Sun

if TYPE_CHECKING:
    import pystac


def acquired(item: pystac.Item) -> np.datetime64:
    """Return the time of acquisition, UTC, datetime64[ns]; raises InputError where the item has none."""
    if item.datetime is None:
        raise InputError(f"item {item.id}: expected a 'datetime', found none")
    moment = pd.Timestamp(item.datetime)
    moment = moment.tz_convert("UTC").tz_localize(None) if moment.tz else moment
    return np.datetime64(moment.as_unit("ns").value, "ns")


def solar_day(item: pystac.Item) -> str:
    """Return the day by the mean sun at the item's centre, such as ``20200704``: one for a pass by day, but at the date line."""
    if item.bbox is None:
        raise InputError(f"item {item.id}: expected a 'bbox', found none")
    west, east = item.bbox[0], item.bbox[len(item.bbox) // 2]
    middle = (west + east) / 2 + (180 if east < west else 0)  # a box over the date line has its east side left of its west side
    middle -= 360 if middle > 180 else 0
    return f"{pd.Timestamp(acquired(item)) + pd.Timedelta(hours=middle / 15):%Y%m%d}"


def text(item: pystac.Item, *names: str) -> str:
    """Return the first of the properties `names` that the item has, as text; raises InputError where it has none of them."""
    for name in names:
        if item.properties.get(name) is not None:
            return str(item.properties[name])
    raise InputError(f"item {item.id}: expected the property {' or '.join(names)}, found none")


def asset_key(item: pystac.Item, keys: Sequence[str]) -> str:
    """Return the first of `keys` that the item has an asset for; raises InputError where it has none of them."""
    for key in keys:
        if key in item.assets:
            return key
    raise InputError(f"item {item.id}: expected an asset {' or '.join(keys)}, found {', '.join(sorted(item.assets)) or 'none'}")


def latest_first(item: pystac.Item, *names: str) -> int:
    """Return a key that sorts items by the first of the properties `names` that they have, a time: the latest first, those without last.

    Raises
    ------
    InputError
        If the property is no time.
    """
    value = next((item.properties[name] for name in names if item.properties.get(name) is not None), None)
    if value is None:
        return 0
    try:
        return -pd.Timestamp(value).value
    except (ValueError, TypeError) as error:
        raise InputError(f"item {item.id}: expected a time in {' or '.join(names)}, found '{value!s:.40}'") from error


def sun(item: pystac.Item) -> Sun | None:
    """Return where the sun stood: ``view:sun_*``, or the mean zenith and azimuth of Sentinel-2; None where the item does not say."""
    found = item.properties
    elevation, azimuth = found.get("view:sun_elevation"), found.get("view:sun_azimuth")
    if elevation is None and found.get("s2:mean_solar_zenith") is not None:
        elevation, azimuth = 90 - float(found["s2:mean_solar_zenith"]), found.get("s2:mean_solar_azimuth")
    return None if elevation is None or azimuth is None else Sun(float(elevation), float(azimuth) % 360)


def mean_sun(items: Sequence[pystac.Item]) -> Sun | None:
    """Return the mean position of the sun over the items that tell it; azimuths are averaged as directions."""
    found = [one for item in items if (one := sun(item))]
    if not found:
        return None
    azimuths = np.deg2rad([one.azimuth for one in found])
    azimuth = np.rad2deg(np.arctan2(np.sin(azimuths).mean(), np.cos(azimuths).mean())) % 360
    return Sun(float(np.mean([one.elevation for one in found])), float(azimuth))


def check_packing(item: pystac.Item, asset: str, scale: float, offset: float | None, guide: str) -> None:
    """Compare what the item declares (``raster:bands``) with the product guide's numbers; what it does not declare is no fault.

    Parameters
    ----------
    offset
        None: what the item declares is not compared.

    Raises
    ------
    InputError
        If they differ: naming item, asset, both numbers and the guide.
    """
    from glaciercast.sources.fetch import declared

    found_scale, found_offset, _ = declared(item, asset)
    for word, ours, theirs in (("scale", scale, found_scale), ("offset", offset, found_offset)):
        if ours is not None and theirs is not None and not np.isclose(theirs, ours, rtol=1e-6, atol=0):
            raise InputError(f"item {item.id}, asset {asset}: expected {word} {ours:g} as in the {guide}, found {theirs:g}")
