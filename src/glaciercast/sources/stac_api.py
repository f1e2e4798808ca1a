"""A STAC API: searches by POST (GET where a server offers nothing else), page after page through our own client.

pystac-client forms the requests; its HTTP is replaced, so that retries, refreshed tokens and errors are the same as for pixels.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

from glaciercast.errors import SourceError
from glaciercast.grid import Box
from glaciercast.sources import hrefs
from glaciercast.sources.stac_items import Found, Period
from glaciercast.sources.stac_static import parse, read_json

if TYPE_CHECKING:
    from pystac_client.stac_api_io import StacApiIO

    from glaciercast.sources.access import Reader

PAGE = 100
"""Items asked for at a time: an item of Landsat has some 20 kB, and servers give up on pages that are too large."""


def is_api(landing: dict[str, Any]) -> bool:
    """Tell whether a catalogue's first document offers a search."""
    return bool(_search_links(landing)) or any("item-search" in str(name) for name in landing.get("conformsTo") or [])


class Api:
    """A server that searches."""

    def __init__(self, location: str, landing: dict[str, Any], reader: Reader) -> None:
        self.root = location
        self._reader = reader
        links = _search_links(landing)
        methods = [str(link.get("method", "GET")).upper() for link in links]
        self._method = "POST" if "POST" in methods or not links else "GET"
        self._search = _same_origin(str(links[0].get("href")) if links else f"{location}/search", location)

    def collections(self) -> list[str]:
        """Return the ids of all collections."""
        pages = self._io.get_pages(f"{self.root}/collections", "GET", {})
        return [str(entry.get("id")) for page in pages for entry in page.get("collections", [])]

    def items(self, collection: str, box: Box | None, period: Period | None) -> Iterator[Found]:
        """Yield the items that the server finds."""
        from pystac_client import ItemSearch

        search = ItemSearch(
            self._search,
            method=self._method,
            stac_io=self._io,
            collections=[collection],
            bbox=box,
            datetime=None if period is None else _interval(period),
            limit=PAGE,
        )
        for page in search.pages_as_dicts():
            for feature in page["features"]:
                yield Found(feature, self._self_href(feature, collection))

    def _self_href(self, feature: dict[str, Any], collection: str) -> str:
        """Return the address of an item: its own link if that stays on the server, else where the API specification puts it."""
        for link in feature.get("links", []):
            if link.get("rel") == "self" and _origin(str(link.get("href"))) == _origin(self.root):
                return str(link["href"])
        return f"{self.root}/collections/{collection}/items/{feature.get('id')}"

    @functools.cached_property
    def _io(self) -> StacApiIO:
        return _pages(self._reader)


def _pages(reader: Reader) -> StacApiIO:
    """Return pystac-client's way to a server, over our reader."""
    from pystac_client.stac_api_io import StacApiIO

    class Pages(StacApiIO):
        """Reads page after page and neither follows a server in circles nor to somewhere else."""

        def get_pages(self, url: str, method: str | None = None, parameters: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
            seen: set[str] = set()
            following: tuple[str, str, dict[str, Any]] | None = (url, method or "GET", parameters or {})
            while following is not None:
                page = _request(reader, *following)
                entries = _entries(page, following[0])
                identities = {json.dumps([entry.get("collection"), entry.get("id")]) for entry in entries}
                if entries and identities <= seen:
                    raise SourceError(f"{hrefs.shown(url)}: the server repeats its pages; {len(seen)} entries were read")
                seen |= identities
                yield page
                following = _next(page, following) if entries else None

    return Pages(max_retries=None)


def _request(reader: Reader, url: str, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
    if method == "POST":
        return parse(reader.client.post(url, parameters), url)
    return read_json(reader, f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}" if parameters else url)


def _entries(page: dict[str, Any], url: str) -> list[dict[str, Any]]:
    """Return the items or collections of a page."""
    entries = page.get("features", page.get("collections"))
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SourceError(f"{hrefs.shown(url)}: expected a page of items or collections, found keys {', '.join(sorted(page))[:200]}")
    return entries


def _next(page: dict[str, Any], current: tuple[str, str, dict[str, Any]]) -> tuple[str, str, dict[str, Any]] | None:
    """Return address, method and parameters of the page that follows (STAC API 1.0, item search, paging)."""
    url, _, parameters = current
    for link in page.get("links", []):
        if link.get("rel") == "next":
            address = _same_origin(str(link.get("href")), url)
            if str(link.get("method", "GET")).upper() != "POST":
                return address, "GET", {}  # all parameters are in the address
            body = link.get("body") or {}
            return address, "POST", {**parameters, **body} if link.get("merge") else body
    return None


def _search_links(landing: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the links to the search, that by POST first."""
    links = [link for link in landing.get("links") or [] if isinstance(link, dict) and link.get("rel") == "search"]
    return sorted(links, key=lambda link: str(link.get("method", "GET")).upper() != "POST")


def _same_origin(href: str, base: str) -> str:
    """Return the absolute address of a link; a server may only lead on within itself."""
    address = urljoin(base, href)
    if _origin(address) != _origin(base):
        raise SourceError(f"{hrefs.shown(base)}: leads on to another server, {hrefs.shown(address)}; not followed")
    return address


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _interval(period: Period) -> str:
    """Return a period as a server reads it, in whole seconds; the exact ends are looked at here."""
    first, last = period
    return f"{first.floor('s'):%Y-%m-%dT%H:%M:%SZ}/{last.ceil('s'):%Y-%m-%dT%H:%M:%SZ}"
