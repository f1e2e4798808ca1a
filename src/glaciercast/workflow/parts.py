"""The products of a site's cube, each as one part that can be planned and built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from glaciercast.cube import acquire, survey, terrain
from glaciercast.cube.temperature import build_temperature
from glaciercast.cube.velocity import build_velocity
from glaciercast.sources import dem, modis_grid
from glaciercast.sources import itslive as velocities
from glaciercast.sources.landsat import Landsat
from glaciercast.sources.modis import HALVES, ModisProduct
from glaciercast.sources.optical import OpticalProduct, Overpass
from glaciercast.sources.sentinel2 import Sentinel2
from glaciercast.sources.sentinel2_offset import Offset

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from glaciercast.cube.settings import SiteBuild
    from glaciercast.workflow.session import Session

SAMPLE = 3
"""Scenes of a product whose headers tell how large the others are."""


class Part(Protocol):
    """One product of a site."""

    @property
    def name(self) -> str:
        """Name in results, such as ``landsat``."""

    def find(self) -> None:
        """Search; raise what an empty search raises."""

    def plan(self) -> dict[str, Any]:
        """Return ``scenes``, ``months``, ``first``, ``last``, ``bytes`` (estimated) and ``text``, reading headers at most."""

    def build(self, cube: Path) -> dict[str, Any]:
        """Write the product into the cube; return facts and ``text``."""


@dataclass(frozen=True)
class Terrain:
    """The elevation model and the outline."""

    session: Session
    name: str = "dem"

    @cached_property
    def _items(self) -> list[pystac.Item]:
        return self.session.found(self.name, lambda: dem.find(self.session.catalogue, self.session.target))

    def find(self) -> None:
        """Search, and read the outline."""
        _ = self._items, self.session.outline

    def plan(self) -> dict[str, Any]:
        """Return what would be fetched."""
        size = _bytes(self.session, [[(item, dem.ASSET) for item in self._items]], self.session.target)
        return {"tiles": len(self._items), "bytes": size, "text": f"{len(self._items)} tile(s), about {megabytes(size)}"}

    def build(self, cube: Path) -> dict[str, Any]:
        """Write ``/terrain``."""
        session = self.session
        outline = session.outline
        credit = outline.attribution if outline is not None else ""
        facts = terrain.build_terrain(self._items, session.target, session.fetcher, cube, session.ice, session.ice_buffered, credit)
        ice = "no outline" if facts["ice_km2"] is None else f"{facts['ice_km2']:.1f} km² of ice"
        unknown = f", {facts['unknown']:.1%} of the grid without elevation" if facts["unknown"] else ""
        return {**facts, "text": f"{facts['lowest']:.0f}–{facts['highest']:.0f} m, {ice}{unknown}"}


@dataclass(frozen=True)
class Optical:
    """Landsat or Sentinel-2."""

    session: Session
    product: OpticalProduct

    @property
    def name(self) -> str:
        """Name of the product."""
        return self.product.name

    @cached_property
    def _overpasses(self) -> list[Overpass]:
        items = self.session.found(self.name, lambda: self.session.search(self.product.collection, self.product.keep, self.product.words))
        return self.product.overpasses(items)

    def find(self) -> None:
        """Search."""
        _ = self._overpasses

    def plan(self) -> dict[str, Any]:
        """Return what would be fetched if every overpass counted."""
        bands = acquire.bands_of(self.product)
        assets = [self.product.assets(overpass, bands) for overpass in self._overpasses]
        size = _bytes(self.session, assets, self.session.target)
        return _planned([overpass.time for overpass in self._overpasses], size, "overpasses")

    def build(self, cube: Path) -> dict[str, Any]:
        """Write ``/optical/<product>``."""
        session = self.session
        where = context(session), terrain.read(cube)
        facts = acquire.build_product(self.product, self._overpasses, session.settings, *where, cube, session.crew)
        dropped = "".join(f", {number} left out for {reason}" for reason, number in facts["left_out"].items())
        when = f"{facts['first']} … {facts['last']}"
        text = f"{facts['scenes']} of {facts['found']} overpasses {when}, {facts['clear_fraction']:.0%} clear{dropped}"
        return {**facts, "text": text}


def context(session: Session) -> survey.Context:
    """Return what reading and judging overpasses takes."""
    rules = session.settings.mask, session.settings.selection
    return survey.Context(session.target, session.reader, session.fetcher, session.ice_buffered, *rules)


def optical_product(name: str, settings: SiteBuild, learnt: Mapping[str, Any] | None = None) -> OpticalProduct:
    """Return Landsat or Sentinel-2 as the settings want it, with what a survey in another process has learnt of its items."""
    if name == Landsat.name:
        return Landsat(settings.landsat)
    offsets = {item: Offset(*told) for item, told in (learnt or {}).items()}
    return Sentinel2(settings.sentinel2, offsets)


@dataclass(frozen=True)
class Velocity:
    """ITS_LIVE image pairs."""

    session: Session
    name: str = "itslive"

    @cached_property
    def _items(self) -> list[pystac.Item]:
        session, settings = self.session, self.session.settings
        # a cube's own time is when it was made, or all that it spans: pairs are chosen by their own dates
        return session.found(
            self.name, lambda: session.velocity_catalogue.search(settings.itslive.collection, settings.site.box, "1980", "2100")
        )

    def find(self) -> None:
        """Search."""
        _ = self._items

    def plan(self) -> dict[str, Any]:
        """Return what would be fetched."""
        session = self.session
        facts = velocities.estimate(self._items, session.target, session.velocity_reader, session.settings.itslive, **self._common())
        return {**facts, "text": f"{facts['pairs']} image pairs, about {megabytes(facts['bytes'])}"}

    def build(self, cube: Path) -> dict[str, Any]:
        """Write ``/velocity/itslive``."""
        session = self.session
        facts = build_velocity(self._items, session.settings.itslive, session.target, session.velocity_reader, cube, **self._common())
        dropped = "".join(f", {number} left out for their {reason}" for reason, number in facts["left_out"].items())
        return {**facts, "text": f"{facts['pairs']} of {facts['found']} image pairs {facts['first']} … {facts['last']}{dropped}"}

    def _common(self) -> dict[str, Any]:
        settings = self.session.settings
        return {
            "period": (settings.start, settings.end),
            "cache": self.session.fetching.cache / "velocity",
            "root": self.session.velocity_catalogue.root,
        }


@dataclass(frozen=True)
class Temperature:
    """One MODIS product."""

    session: Session
    product: ModisProduct

    @property
    def name(self) -> str:
        """Name of the product, such as ``mod11a2``."""
        return self.product.name

    @property
    def _target(self) -> GeoBox:
        return modis_grid.lattice(self.session.settings.site.box)

    @cached_property
    def _items(self) -> list[pystac.Item]:
        return self.session.found(self.name, lambda: self.session.search(self.product.collection, self.product.keep, self.product.words))

    def find(self) -> None:
        """Search."""
        _ = self._items

    def plan(self) -> dict[str, Any]:
        """Return what would be fetched."""
        periods = self.product.periods(self._items)
        assets = [self.product.assets(period) for period in periods]
        return _planned([period.time for period in periods], _bytes(self.session, assets, self._target), "periods")

    def build(self, cube: Path) -> dict[str, Any]:
        """Write ``/temperature/<product>``."""
        session = self.session
        facts = build_temperature(cube, self.product, self._items, self._target, session.fetcher, session.ice_on(self._target))
        kept = sum(facts["pixels"][half].get("kept", 0) for half in HALVES)
        share = kept / max(1, sum(sum(facts["pixels"][half].values()) for half in HALVES))
        return {**facts, "text": f"{facts['periods']} periods {facts['first']} … {facts['last']}, {share:.0%} of pixels kept"}


def _bytes(session: Session, scenes: Sequence[Sequence[tuple[pystac.Item, str]]], target: GeoBox) -> int:
    """Return the bytes of all scenes, from the headers of a few that are spread over them."""
    picked = [scenes[index] for index in np.unique(np.linspace(0, len(scenes) - 1, min(SAMPLE, len(scenes))).astype(int))]
    flat = [pair for assets in picked for pair in assets]
    sizes = session.reader.map(lambda pair: session.fetcher.estimate(pair[0], pair[1], target), flat)
    return round(sum(sizes) / max(1, len(picked)) * len(scenes))


def _planned(times: Sequence[np.datetime64], size: int, words: str) -> dict[str, Any]:
    months = Counter(str(time.astype("datetime64[M]")) for time in times)
    first, last = str(min(times))[:10], str(max(times))[:10]
    text = f"{len(times)} {words} in {len(months)} months, {first} … {last}, about {megabytes(size)}"
    return {
        "scenes": len(times),
        "months": len(months),
        "by_month": dict(sorted(months.items())),
        "first": first,
        "last": last,
        "bytes": size,
        "text": text,
    }


def megabytes(size: float) -> str:
    """Return a number of bytes in words."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
