"""What building a site's cube works with: catalogues, readers, the grid, the outline, and the items that a search found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from glaciercast import grid, runs
from glaciercast.cube.settings import Fetching, SiteBuild
from glaciercast.cube.workers import Crew, Threads
from glaciercast.sources import outlines, stac
from glaciercast.sources.access import Reader
from glaciercast.sources.cache import RawCache
from glaciercast.sources.fetch import Fetcher
from glaciercast.sources.http import Client, Stats
from glaciercast.sources.outlines import Outline
from glaciercast.sources.signing import SasSigner, Signer
from glaciercast.sources.stac import Catalogue

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

SIGNATURES = frozenset({"sig", "signature", "token", "access_token", "api_key", "apikey", "x-amz-signature", "x-goog-signature"})
"""Keys of a query that hold a secret."""


@dataclass(frozen=True)
class Session:
    """One build, or the plan of one; `folder` keeps what searches found, None for a plan."""

    settings: SiteBuild
    fetching: Fetching
    reader: Reader
    velocity_reader: Reader
    catalogue: Catalogue
    velocity_catalogue: Catalogue
    folder: Path | None
    crew: Crew = field(default_factory=Threads)
    _new: dict[str, list[pystac.Item]] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def open(cls, settings: SiteBuild, fetching: Fetching, folder: Path | None = None, crew: Crew | None = None) -> Iterator[Session]:
        """Open the catalogues; nothing is read before the first search. `crew` reads scenes (default: threads of this process)."""
        place = settings.catalogue
        elsewhere = settings.itslive_catalogue or ("itslive" if place in stac.known() else place)
        with ExitStack() as stack:
            reader, other = (
                stack.enter_context(
                    Reader(Client(fetching.policy, fetching.connections, _signer(location, fetching)), connections=fetching.connections)
                )
                for location in (place, elsewhere)
            )
            yield cls(settings, fetching, reader, other, Catalogue(place, reader), Catalogue(elsewhere, other), folder, crew or Threads())

    @cached_property
    def target(self) -> GeoBox:
        """The site's grid."""
        return grid.make(self.settings.site.grid)

    @cached_property
    def fetcher(self) -> Fetcher:
        """What reads windows of files, through the cache."""
        return Fetcher(self.reader, RawCache(self.fetching.cache / "windows"))

    @cached_property
    def outline(self) -> Outline | None:
        """The outlines inside the box; None where the site names no file."""
        site = self.settings.site
        return None if site.outline is None else outlines.read(site.outline, box=site.box)

    @property
    def ice(self) -> np.ndarray | None:
        """Inside the outline, bool (y, x) on the target."""
        return None if self.outline is None else outlines.rasterise(self.outline.geometry, self.target)

    @cached_property
    def ice_buffered(self) -> np.ndarray | None:
        """Inside the outline and its buffer, bool (y, x) on the target."""
        return self.ice_on(self.target)

    def ice_on(self, target: GeoBox) -> np.ndarray | None:
        """Return where the outline and its buffer are on a grid, bool (y, x)."""
        if self.outline is None:
            return None
        site = self.settings.site
        return outlines.rasterise(outlines.buffered(self.outline, site.buffer, site.crs), target)

    def search(self, collection: str, keep: Callable[[pystac.Item], bool], words: str) -> list[pystac.Item]:
        """Return the items of a collection in the site's box and period."""
        return self.catalogue.search(collection, self.settings.site.box, self.settings.start, self.settings.end, keep, words)

    def found(self, name: str, search: Callable[[], list[pystac.Item]]) -> list[pystac.Item]:
        """Return the items that an earlier run of this build found and kept, else those of `search`."""
        import pystac

        file = None if self.folder is None else self.folder / "items" / f"{name}.json"
        if file is not None and file.exists():
            return [pystac.Item.from_dict(item, migrate=False) for item in runs.read_json(file)["features"]]
        items = self._new[name] = search()
        return items

    def keep(self) -> None:
        """Keep what was found in ``items/``, for a run that goes on after an interruption.

        Items whose addresses came signed are not kept: a signature is a secret, and it would have ended by the next run.
        """
        for name, items in self._new.items():
            if self.folder is not None and not any(is_signed(asset.href) for item in items for asset in item.assets.values()):
                features = [item.to_dict(transform_hrefs=False) for item in items]
                runs.write_json(self.folder / "items" / f"{name}.json", {"type": "FeatureCollection", "features": features})

    def network(self) -> dict[str, Any]:
        """Return how much was asked of servers: ``requests``, ``bytes`` and ``retries`` (reason → number)."""
        total = Stats()
        for part in (self.reader.stats, self.velocity_reader.stats, self.crew.stats):
            total.add(part)
        return {"requests": total.requests, "bytes": total.bytes, "retries": total.retries}


def is_signed(href: str) -> bool:
    """Tell whether an address carries a secret."""
    return not SIGNATURES.isdisjoint(key.lower() for key, _ in parse_qsl(urlsplit(href).query))


def _signer(location: str, fetching: Fetching) -> Signer | None:
    client = Client(fetching.policy, connections=2)
    if fetching.token_url is not None:
        return SasSigner(fetching.token_url, fetching.token_host, client)
    return stac.signer(location, client)
