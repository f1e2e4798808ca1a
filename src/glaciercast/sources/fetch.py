"""The part of an item's asset that a grid needs, from the server or from the cache, with its provenance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from glaciercast import runs, store
from glaciercast.errors import InputError, SourceError, suggestion
from glaciercast.sources import cache, cog, hrefs
from glaciercast.sources.cache import Key, RawCache
from glaciercast.sources.scene import RawBand

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.access import Reader

PADDING = 2
"""Pixels around a window that is going to be resampled: what bilinear interpolation takes on each side, and one more."""
Packing = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Fetched:
    """A window of one asset.

    Attributes
    ----------
    band
        Raw values on their native grid; None where the file does not touch the target.
    facts
        ``item``, ``collection``, ``asset``, ``href`` (without its token), ``xxh128`` of the raw values and their ``shape`` (None
        where there are none), ``accessed`` (when the bytes were fetched, UTC).
    """

    band: RawBand | None
    facts: dict[str, Any]


class Fetcher:
    """Fetches windows of assets; safe to use from many threads.

    Parameters
    ----------
    reader
        Through which every byte comes.
    cache
        Keeps what came from servers; windows of local files are read where they are.
    """

    def __init__(self, reader: Reader, cache: RawCache | None = None) -> None:
        self.reader, self.cache = reader, cache

    def fetch(self, item: pystac.Item, asset: str, target: GeoBox) -> Fetched:
        """Return the native window of `asset` that `target` covers.

        Raises
        ------
        InputError
            If the item has no such asset, its href leads where it must not, or the file is no usable GeoTIFF; see `cog.read`.
        SourceError
            If the server or the file fails after every try.
        GlaciercastError
            If the cache cannot be written.
        """
        location = locate(item, asset)
        href = hrefs.redact(location) if hrefs.is_remote(location) else location  # whole: names differ in their last letters
        key = self._key(item, asset, location, target)
        if key is not None and self.cache is not None:
            entry = self.cache.get(key)
            if entry is not None and entry.facts.get("href") == href:  # an item that was processed anew has other files
                return Fetched(*entry)
        band = cog.read(self.reader, location, target, PADDING, crs=_declared_crs(item, asset))
        facts = {
            "item": item.id, "collection": item.collection_id, "asset": asset, "href": href,
            "xxh128": None if band is None else store.checksum(band.values),
            "shape": None if band is None else list(band.values.shape), "accessed": runs.now(),
        }  # fmt: skip
        if key is not None and self.cache is not None and band is not None:
            self.cache.put(key, band, facts)
        return Fetched(band, facts)

    def prefetch(self, item: pystac.Item, asset: str, target: GeoBox) -> None:
        """See to it that `fetch` will find the window in the cache; does nothing where it would not be kept. Errors as with `fetch`."""
        key = self._key(item, asset, locate(item, asset), target)
        if key is not None and self.cache is not None and key not in self.cache:
            self.fetch(item, asset, target)

    def at_hand(self, item: pystac.Item, asset: str, target: GeoBox) -> bool:
        """Tell whether `fetch` will ask no server: the file is local, or its window in the cache."""
        location = locate(item, asset)
        key = self._key(item, asset, location, target)
        return not hrefs.is_remote(location) or (key is not None and self.cache is not None and key in self.cache)

    def estimate(self, item: pystac.Item, asset: str, target: GeoBox) -> int:
        """Return how many bytes of compressed blocks `fetch` would read; 0 for what is in the cache. Errors as with `fetch`."""
        location = locate(item, asset)
        key = self._key(item, asset, location, target)
        if key is not None and self.cache is not None and key in self.cache:
            return 0
        return cog.cost(self.reader, location, target, PADDING, crs=_declared_crs(item, asset))

    def _key(self, item: pystac.Item, asset: str, location: str, target: GeoBox) -> Key | None:
        if self.cache is None or not hrefs.is_remote(location):
            return None
        return Key(item.collection_id or "", item.id, asset, cache.window(target, PADDING))


def locate(item: pystac.Item, asset: str) -> str:
    """Return where the file of an asset lies: an http(s) URL or a local path.

    Raises
    ------
    InputError
        If there is no such asset, or a catalogue has no business there; see `hrefs.resolve`.
    """
    if asset not in item.assets:
        known = ", ".join(sorted(item.assets)) or "none"
        raise InputError(f"item {item.id}: expected an asset '{asset}'{suggestion(asset, item.assets)}, found: {known}")
    base = item.get_self_href()
    if base is None:
        raise InputError(f"item {item.id}: expected to know where it comes from (a 'self' link), found nothing")
    link = item.get_single_link("root")
    root = None if link is None else link.get_absolute_href()
    return hrefs.resolve(item.assets[asset].href, base, None if root is None or hrefs.is_remote(root) else root)


def declared(item: pystac.Item, asset: str) -> Packing:
    """Return scale, offset and nodata as the item declares them for the first band of an asset; None where it does not.

    Reads ``raster:bands`` (raster extension 1) and ``bands`` with ``raster:scale`` (STAC 1.1).

    Raises
    ------
    InputError
        If there is no such asset.
    SourceError
        If what is declared is no number.
    """
    if asset not in item.assets:
        raise InputError(f"item {item.id}: expected an asset '{asset}'{suggestion(asset, item.assets)}, found none")
    own = item.assets[asset].extra_fields
    bands = own.get("raster:bands") or own.get("bands") or [{}]
    first = bands[0] if isinstance(bands, list) and isinstance(bands[0], dict) else {}
    found: list[float | None] = []
    for name in ("scale", "offset", "nodata"):
        value = next((where[key] for where in (first, own) for key in (name, f"raster:{name}") if where.get(key) is not None), None)
        try:
            found.append(None if value is None else float(value))  # nodata may be the word "nan"
        except (TypeError, ValueError):
            raise SourceError(f"item {item.id}: asset '{asset}' declares {name} {str(value)[:40]!r}, expected a number") from None
    scale, offset, nodata = found
    return scale, offset, nodata


def _declared_crs(item: pystac.Item, asset: str) -> str | None:
    """Return the CRS that the projection extension declares; the file's own, where it has one, counts before it."""
    for fields in (item.assets[asset].extra_fields, item.properties):
        for key in ("proj:code", "proj:wkt2"):
            if isinstance(fields.get(key), str):
                return str(fields[key])
        if isinstance(fields.get("proj:epsg"), int):
            return f"EPSG:{fields['proj:epsg']}"
    return None
