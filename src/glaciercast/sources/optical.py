"""What Landsat and Sentinel-2 share: items grouped by overpass, and one overpass mosaicked on the target grid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.sources import items as stac_items
from glaciercast.sources import mosaic as mosaics
from glaciercast.sources.mosaic import BandFetcher, Layer, Mosaic
from glaciercast.sources.recipe import BandName
from glaciercast.sources.scene import RawBand, Scene, Sun

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

__all__ = ["BandFetcher", "Layer", "OpticalProduct", "Overpass"]

_NO_CLASS = -1
"""Stands for no data while a quality band is brought to another grid: no product uses it."""


@dataclass(frozen=True)
class Overpass:
    """What one satellite saw of a site on one pass: an identifier that does not depend on the number of tiles, and the tiles' items.

    ``time`` is the mean of the items' times (UTC, datetime64[ns]); the order of ``items`` is that of the mosaic; ``sun`` is the mean
    position of the sun, None where no item tells it.
    """

    scene_id: str
    time: np.datetime64
    sensor: str
    items: tuple[pystac.Item, ...]
    sun: Sun | None = None


class OpticalProduct(ABC):
    """One optical product of one kind of catalogue item; `glaciercast.sources.landsat` and `.sentinel2` are the two there are."""

    name: ClassVar[str]
    quality: ClassVar[Literal["qa_pixel", "scl"]]
    fill: ClassVar[int]
    """Value of the quality band where there is no data."""
    bands: ClassVar[tuple[BandName, ...]]
    attribution: ClassVar[str]
    licence: ClassVar[str]
    collection: str
    latency: pd.Timedelta
    words: str
    """What `keep` asks for, for the message of a search that finds nothing."""

    @abstractmethod
    def keep(self, item: pystac.Item) -> bool:
        """Tell whether an item is one that the config asks for."""

    @abstractmethod
    def scene_id(self, item: pystac.Item) -> str:
        """Return the identifier of the overpass that an item belongs to."""

    @abstractmethod
    def granule(self, item: pystac.Item) -> str:
        """Return what two processings of the same data share."""

    @abstractmethod
    def rank(self, item: pystac.Item) -> tuple[Any, ...]:
        """Return a key that sorts the items of an overpass: of two that show the same ground the better one comes first."""

    @abstractmethod
    def sensor(self, item: pystac.Item) -> str:
        """Return satellite and instrument."""

    @abstractmethod
    def layer(self, item: pystac.Item, band: BandName) -> Layer | None:
        """Return asset and packing of a band; None where this kind of item lacks it."""

    @abstractmethod
    def quality_asset(self, item: pystac.Item) -> str:
        """Return the key of the quality band."""

    @abstractmethod
    def no_data(self, quality: np.ndarray) -> np.ndarray:
        """Return where the raw quality band (integers) says that there is no data, bool of the same shape."""

    @abstractmethod
    def baseline(self, item: pystac.Item) -> str:
        """Return the version of the processing."""

    def overpasses(self, items: Iterable[pystac.Item]) -> list[Overpass]:
        """Group items by overpass, in order of time; of several processings of one granule only the best is kept.

        Raises
        ------
        InputError
            If an item lacks a property that says which overpass it belongs to.
        """
        groups: dict[str, dict[str, pystac.Item]] = {}
        for item in sorted(items, key=self.rank):
            groups.setdefault(self.scene_id(item), {}).setdefault(self.granule(item), item)
        found = []
        for scene_id, granules in groups.items():
            kept = tuple(granules.values())
            times = np.array([stac_items.acquired(item) for item in kept]).astype("int64")
            mean = np.datetime64(int(times.min()) + round(float((times - times.min()).mean())), "ns")
            found.append(Overpass(scene_id, mean, self.sensor(kept[0]), kept, stac_items.mean_sun(kept)))
        return sorted(found, key=lambda overpass: (overpass.time, overpass.scene_id))

    def assets(self, overpass: Overpass, bands: Sequence[BandName]) -> list[tuple[pystac.Item, str]]:
        """Return every item and asset key that `read` may fetch for `bands`, the quality band of each item first."""
        wanted: list[tuple[pystac.Item, str]] = []
        for item in overpass.items:
            wanted.append((item, self.quality_asset(item)))
            wanted += [(item, layer.asset) for band in self._known(bands) if (layer := self.layer(item, band))]
        return wanted

    def read(self, overpass: Overpass, target: GeoBox, fetcher: BandFetcher, bands: Sequence[BandName]) -> Scene:
        """Read one overpass on the target grid.

        Each pixel comes whole from one item: the first (those in the target's zone before others, then in order) that has data there in
        the quality band and in every asked reflectance band. Temperature may be missing where reflectance is not.

        Parameters
        ----------
        overpass
            Of this product.
        target
            Grid of the result, (y, x).
        fetcher
            Fetches the windows; called from several threads at once.
        bands
            Which bands to read; without any only the quality band is read.

        Returns
        -------
        Scene
            ``bands`` float32 (y, x), reflectance (1) or temperature (K), NaN where there is no data; ``mask`` the raw quality band, int32
            (y, x), `fill` where ``mask_valid`` is False; ``facts`` of each file that was read with its ``scale``, ``offset``, ``nodata``
            and ``baseline``.

        Raises
        ------
        InputError
            If the product has no such band, an item lacks an asset, or it declares another packing than the product's guide.
        SourceError
            If a file cannot be fetched.
        """
        mosaic = Mosaic(target, self._known(bands), self.fill)
        for item in mosaics.own_zone_first(overpass.items, target):
            if mosaic.complete:
                break
            self._add(mosaic, item, fetcher)
        return Scene(overpass, mosaic.whole(), mosaic.mask, mosaic.taken, tuple(mosaic.facts), overpass.sun)

    def read_quality(self, overpass: Overpass, target: GeoBox, fetcher: BandFetcher) -> Scene:
        """Read the quality band alone: a scene without bands; see `read`."""
        return self.read(overpass, target, fetcher, ())

    def verified(self, overpasses: Sequence[Overpass], target: GeoBox, fetcher: BandFetcher) -> OpticalProduct:
        """Return the product with what its metadata leaves in doubt decided from the data; here nothing is in doubt."""
        return self

    @property
    def learnt(self) -> dict[str, Any]:
        """What `verified` found out, as plain JSON types."""
        return {}

    def _known(self, bands: Sequence[BandName]) -> tuple[BandName, ...]:
        for band in bands:
            if band not in self.bands:
                raise InputError(f"{self.name}: expected bands among {', '.join(self.bands)}, found '{band}'")
        return tuple(bands)

    def _add(self, mosaic: Mosaic, item: pystac.Item, fetcher: BandFetcher) -> None:
        asset = self.quality_asset(item)
        fetched = fetcher.fetch(item, asset, mosaic.target)
        if fetched.band is None:
            return
        mask, seen = self._quality(fetched.band, mosaic.target)
        baseline = {"baseline": self.baseline(item)}
        mosaic.facts.append({**fetched.facts, "scale": None, "offset": None, "nodata": self.fill, **baseline})
        if not (seen & ~mosaic.taken).any():
            return
        layers = {band: self.layer(item, band) for band in mosaic.names}
        present = {band: layer for band, layer in layers.items() if layer is not None}
        mosaic.facts += [{"item": item.id, "band": band, "note": "the item has no such band"} for band in layers.keys() - present.keys()]
        values: dict[BandName, np.ndarray] = {}
        for (band, layer), fetched in zip(present.items(), mosaics.fetch_all(item, present.values(), mosaic.target, fetcher), strict=True):
            values[band] = mosaics.on_target(fetched.band, layer, mosaic.target)
            own = {"scale": layer.scale, "offset": layer.offset, "nodata": layer.nodata, **layer.facts}
            mosaic.facts.append({**fetched.facts, **own, **baseline})
        mosaic.add(values, mask, seen)

    def _quality(self, raw: RawBand, target: GeoBox) -> tuple[np.ndarray, np.ndarray]:
        """Return the raw quality band on the target, int32, and where it has data; the file's own nodata is not trusted."""
        from glaciercast.sources import warp

        classes = raw.values.astype("int32")
        np.copyto(classes, _NO_CLASS, where=self.no_data(classes))
        mask = warp.onto(classes, raw.geobox, target, "class", _NO_CLASS)
        seen = mask != _NO_CLASS
        np.copyto(mask, self.fill, where=~seen)
        return mask, seen
