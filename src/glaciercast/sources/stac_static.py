"""A static catalogue: linked JSON files on disk or behind a URL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from glaciercast.errors import InputError, SourceError
from glaciercast.grid import Box
from glaciercast.sources import hrefs
from glaciercast.sources.stac_items import Found, Period

if TYPE_CHECKING:
    from glaciercast.sources.access import Reader

DEEPEST = 8
"""Levels of catalogues below a catalogue that are followed."""


def read_json(reader: Reader, location: str) -> dict[str, Any]:
    """Read one JSON document.

    Raises
    ------
    SourceError
        If it is no JSON object; the line names the location.
    """
    return parse(reader.read(location), location)


def parse(content: bytes, location: str) -> dict[str, Any]:
    """Return a JSON document; raises SourceError naming `location` if it is no JSON object."""
    try:
        document = json.loads(content)
    except ValueError as error:  # also UnicodeDecodeError
        raise SourceError(f"{hrefs.shown(location)}: expected JSON, found {content[:20]!r}… ({error})") from error
    if not isinstance(document, dict):
        raise SourceError(f"{hrefs.shown(location)}: expected a JSON object, found {type(document).__name__}")
    return document


class Static:
    """A catalogue of linked files: all items of the asked collection are read, many at a time, and their bytes kept."""

    def __init__(self, location: str, landing: dict[str, Any], reader: Reader) -> None:
        self.root = location
        self._landing = landing
        self._reader = reader
        self._bound = None if hrefs.is_remote(location) else location
        self._below: dict[str, Found] | None = None
        self._files: dict[str, list[tuple[str, bytes]]] = {}

    def collections(self) -> list[str]:
        """Return the ids of all collections."""
        return list(self._collections())

    def items(self, collection: str, box: Box | None, period: Period | None) -> Iterator[Found]:
        """Yield all items of a collection; the caller looks at box and period."""
        del box, period
        if collection not in self._files:
            top = self._collections().get(collection)
            if top is None:
                return
            documents = [top, *self._descend(top)]
            self._files[collection] = list(self._contents([place for document in documents for place in self._links(document, "item")]))
        for location, content in self._files[collection]:
            yield Found(parse(content, location), location)

    def _collections(self) -> dict[str, Found]:
        """Return the collections of the whole catalogue by id."""
        if self._below is None:
            top = Found(self._landing, self.root)
            documents = [top, *self._descend(top)]
            self._below = {str(found.content.get("id")): found for found in documents if found.content.get("type") == "Collection"}
            if not self._below and not self._links(top, "child"):
                raise InputError(f"{hrefs.shown(self.root)}: expected a STAC catalogue with collections, or a STAC API; found neither")
        return self._below

    def _descend(self, top: Found) -> Iterator[Found]:
        """Yield the catalogues and collections below one, level by level, each once however they link to each other."""
        level, seen = [top], {top.location}
        for _ in range(DEEPEST):
            places = [place for document in level for place in self._links(document, "child") if place not in seen]
            level = [Found(parse(content, location), location) for location, content in self._contents(places)]
            seen.update(places)
            yield from level

    def _contents(self, locations: list[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each location once, with its content."""
        unique = list(dict.fromkeys(locations))
        yield from zip(unique, self._reader.map(self._reader.read, unique), strict=True)

    def _links(self, document: Found, relation: str) -> list[str]:
        links = document.content.get("links") or []
        if not isinstance(links, list) or not all(isinstance(link, dict) for link in links):
            raise SourceError(f"{hrefs.shown(document.location)}: expected a list of links, found something else")
        targets = [str(link.get("href", "")) for link in links if link.get("rel") == relation]
        return [hrefs.resolve(target, document.location, self._bound) for target in targets]
