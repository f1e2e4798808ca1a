"""Search of a STAC catalogue by collection, box and period: any STAC API, or a static catalogue in files or behind a URL.

Only collection, box and period are asked of a server, because servers ignore further filters without a word; everything is checked
again here. An empty search is an error that tells what a wider search would find.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import yaml

from glaciercast import config
from glaciercast.config import Config
from glaciercast.errors import GlaciercastError, InputError, unknown
from glaciercast.grid import Box, check_box
from glaciercast.sources import hrefs, stac_items
from glaciercast.sources.stac_items import Found, Instant, Period, span

if TYPE_CHECKING:
    from pystac import Item

    from glaciercast.sources.access import Reader
    from glaciercast.sources.http import Client
    from glaciercast.sources.signing import Signer

MOST = 1000
"""Items that a wider search counts at most: it is only there for an error's line."""


class Known(Config):
    """A catalogue that has a name."""

    title: str
    url: str
    signing: Literal["none", "sas"] = "none"


class Holdings(Protocol):
    """What a static catalogue and an API have in common."""

    root: str

    def collections(self) -> list[str]:
        """Return the ids of all collections."""

    def items(self, collection: str, box: Box | None, period: Period | None) -> Iterator[Found]:
        """Yield the items of a collection, at least those that meet the box (degrees) and the period (UTC)."""


def known() -> dict[str, Known]:
    """Return the catalogues that have a name."""
    text = (resources.files("glaciercast.sources") / "catalogues.yml").read_text(encoding="utf-8")
    return {name: config.parse(Known, keys, f"catalogue {name}") for name, keys in yaml.safe_load(text).items()}


def signer(location: str, client: Client | None = None) -> Signer | None:
    """Return what signs the addresses of a catalogue's assets, given its name or URL; None where nothing does. `client` asks for tokens."""
    for name, entry in known().items():
        if location.rstrip("/") in (name, entry.url) and entry.signing == "sas":
            from glaciercast.sources.signing import SasSigner

            return SasSigner(client=client)
    return None


class Catalogue:
    """A catalogue to search.

    Nothing is read before the first search.

    Parameters
    ----------
    location
        Name in ``catalogues.yml``, URL of a STAC API, or path or URL of a static catalogue (``catalog.json`` or its folder).
    reader
        What reads pages and files; its client needs the `signer` of the location where the catalogue's assets are signed.

    Raises
    ------
    InputError
        If the location is neither a known name nor a URL nor a file.
    """

    def __init__(self, location: str, reader: Reader) -> None:
        self.name = hrefs.shown(location)
        self._location = _address(location)
        self._reader = reader

    @property
    def root(self) -> str:
        """Absolute location of the catalogue's first document: its folder bounds what local items may point to."""
        return self._holdings.root

    def collections(self) -> list[str]:
        """Return the ids of the catalogue's collections in alphabetical order."""
        return sorted(self._holdings.collections())

    def search(
        self, collection: str, box: Box, start: Instant, end: Instant, keep: Callable[[Item], bool] | None = None, words: str = ""
    ) -> list[Item]:
        """Return the items that meet a box and a period.

        Parameters
        ----------
        collection
            Id of the collection.
        box
            lon min, lat min, lon max, lat max in degrees; an item meets it if their geometries intersect.
        start, end
            First and last instant, UTC; a date (or month, or year) stands for all of it, so both ends are included.
        keep
            A further filter, applied here.
        words
            What `keep` asks for, for the line of an empty search.

        Returns
        -------
        list of pystac.Item
            By time (start of the interval where an item has one) and id, each id once. The self link is the absolute location of the
            item. Whatever an item says, its root link is the catalogue that was searched if that is on disk, else there is none.

        Raises
        ------
        InputError
            If nothing is found: the line names collection, box, period and filters, and what a wider search finds.
        SourceError
            If an item is damaged or a page cannot be read; the line names it.
        """
        try:
            check_box(box)
        except ValueError as error:
            raise InputError(f"box {box}: {error}") from error
        period = stac_items.period_of(start, end)
        items = self._matching(collection, box, period)
        kept = items if keep is None else [item for item in items if keep(item)]
        if not kept:
            raise InputError(self._nothing(collection, box, period, len(items), words))
        return kept

    @functools.cached_property
    def _holdings(self) -> Holdings:
        from glaciercast.sources.stac_api import Api, is_api
        from glaciercast.sources.stac_static import Static, read_json

        landing = read_json(self._reader, self._location)
        kind: type[Api] | type[Static] = Api if is_api(landing) else Static
        return kind(self._location, landing, self._reader)

    def _matching(self, collection: str, box: Box, period: Period | None, most: int | None = None) -> list[Item]:
        """Return items that meet the box and the period, sorted, each id once; about `most` at most."""
        import shapely

        area = shapely.box(*box)
        found: dict[str, Item] = {}
        candidates = (stac_items.make(entry, self.root) for entry in self._holdings.items(collection, box, period))
        for item in candidates:
            if item.collection_id in (None, collection) and stac_items.within(item, period) and stac_items.meets(item, area):
                found.setdefault(item.id, item)
            if most is not None and len(found) >= most:
                break
        return sorted(found.values(), key=lambda item: (span(item)[0], item.id))

    def _nothing(self, collection: str, box: Box, period: Period, unfiltered: int, words: str) -> str:
        """Return the line of an empty search: what was asked, and what a wider search finds."""
        first, last = (f"{time:%Y-%m-%d}" for time in period)
        asked = f"{self.name}: no item of {collection} in box {_numbers(box)} from {first} to {last}{f' with {words}' if words else ''}"
        try:
            known_here = self.collections()
            if collection not in known_here:
                return f"{asked}; {unknown('collection', collection, known_here)}"
            wider = [f"without the filters {unfiltered}"] if words or unfiltered else []
            if not unfiltered:
                wider.append(f"in any period {_count(self._matching(collection, box, None, MOST))}")
                wider.append(f"in a box 1° larger {_count(self._matching(collection, _larger(box), period, MOST))}")
        except GlaciercastError as error:
            return f"{asked}; what a wider search would find is unknown: {error}"
        return f"{asked}; a wider search finds: {', '.join(wider)}"


def _address(location: str) -> str:
    """Return the URL or absolute path of a catalogue."""
    entry = known().get(location)
    if entry is not None:
        return entry.url
    if hrefs.is_remote(location):
        return location.rstrip("/")
    path = hrefs.local_path(location).resolve()
    if path.is_dir():
        path = path / "catalog.json"
    if not path.is_file() and (path.suffix or path.parent != Path.cwd()):
        raise InputError(f"{path}: no such catalogue; expected a catalog.json or its folder")
    if not path.is_file():
        raise InputError(f"{unknown('catalogue', location, known())}; or the URL of a STAC API, or the path of a catalog.json")
    return str(path)


def _numbers(box: Box) -> str:
    return ",".join(f"{edge:g}" for edge in box)


def _larger(box: Box) -> Box:
    west, south, east, north = box
    return max(west - 1, -180.0), max(south - 1, -90.0), min(east + 1, 180.0), min(north + 1, 90.0)


def _count(items: Iterable[Item]) -> str:
    """Return how many items there are and from when to when, such as ``12 (2013-04-11 … 2021-12-23)``."""
    times = list(itertools.chain.from_iterable(span(item) for item in items))
    if not times:
        return "0"
    number = len(times) // 2
    return f"{number}{' or more' if number >= MOST else ''} ({min(times):%Y-%m-%d} … {max(times):%Y-%m-%d})"
