"""One overpass from its items, pixel by pixel: fetched, brought to physical units and to the target grid, never mixed within a pixel."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from glaciercast.sources.recipe import BandName
from glaciercast.sources.scene import RawBand

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

_TABLE = np.arange(2**16, dtype="uint16")
"""Every number that a band of 16 bits can hold."""


@dataclass(frozen=True)
class Layer:
    """One band of one item: key of its asset, physical = number · scale + offset, nodata, and what else its facts tell."""

    asset: str
    scale: float
    offset: float
    nodata: int
    facts: dict[str, Any] = field(default_factory=dict)


class FetchedBand(Protocol):
    """A window of one asset (None: it does not touch the target) and where it came from."""

    @property
    def band(self) -> RawBand | None:
        """The native window."""

    @property
    def facts(self) -> dict[str, Any]:
        """Item, asset, href without its token, xxh128, time of access."""


class BandFetcher(Protocol):
    """Fetches the part of an asset that a target grid needs; safe to call from several threads."""

    def fetch(self, item: pystac.Item, asset: str, target: GeoBox) -> FetchedBand:
        """Return the native window of `asset` around `target`."""

    def at_hand(self, item: pystac.Item, asset: str, target: GeoBox) -> bool:
        """Tell whether `fetch` will ask no server."""


@dataclass
class Mosaic:
    """A scene while it is put together from its items."""

    target: GeoBox
    names: tuple[BandName, ...]
    fill: int
    facts: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        shape = tuple(self.target.shape)
        self.bands: dict[str, np.ndarray] = {}
        self.mask = np.full(shape, self.fill, "int32")
        self.taken = np.zeros(shape, bool)

    @property
    def complete(self) -> bool:
        """Whether every pixel has its item."""
        return bool(self.taken.all())

    def add(self, values: dict[BandName, np.ndarray], mask: np.ndarray, seen: np.ndarray) -> None:
        """Take all bands of the pixels that are new and whole; the arrays in `values` are handed over."""
        new = seen & ~self.taken
        for name in self.names:
            if name != "thermal":
                new &= np.isfinite(values[name])
        for name in self.names:
            if name in values:
                self._take(name, values[name], new)
        np.copyto(self.mask, mask, where=new)
        self.taken |= new

    def whole(self) -> dict[str, np.ndarray]:
        """Return every band, NaN where no item has it."""
        return {name: self.bands[name] if name in self.bands else self._empty() for name in self.names}

    def _take(self, name: BandName, array: np.ndarray, new: np.ndarray) -> None:
        if name in self.bands:
            np.copyto(self.bands[name], array, where=new)
        else:
            np.copyto(array, np.nan, where=~new)
            self.bands[name] = array

    def _empty(self) -> np.ndarray:
        return np.full(tuple(self.target.shape), np.nan, "float32")


def fetch_all(item: pystac.Item, layers: Collection[Layer], target: GeoBox, fetcher: BandFetcher) -> list[FetchedBand]:
    """Fetch several bands of an item: at the same time, unless none has to be waited for; then threads would only hinder each other."""
    if all(fetcher.at_hand(item, layer.asset, target) for layer in layers):
        return [fetcher.fetch(item, layer.asset, target) for layer in layers]
    with ThreadPoolExecutor(len(layers)) as pool:
        return list(pool.map(lambda layer: fetcher.fetch(item, layer.asset, target), layers))


def on_target(raw: RawBand | None, layer: Layer, target: GeoBox) -> np.ndarray:
    """Return a band in physical units on the target grid, float32 (y, x); all NaN where the file does not touch it (None)."""
    from glaciercast.sources import warp

    if raw is None:
        return np.full(tuple(target.shape), np.nan, "float32")
    return warp.onto(physical(raw, layer), raw.geobox, target, "continuous", np.nan)


def physical(raw: RawBand, layer: Layer) -> np.ndarray:
    """Return number · scale + offset, float32 (y, x): NaN where the number is the product's nodata or the one that the file declares."""
    missing = {layer.nodata, raw.nodata} - {None}
    if raw.values.dtype == np.uint16 and raw.values.size > _TABLE.size:  # fewer numbers there are than pixels: each is converted once
        from glaciercast.sources import warp_kernels

        converted = np.empty(raw.values.shape, "float32")
        warp_kernels.looked_up(raw.values, _physical(_TABLE, layer, missing), converted)
        return converted
    return _physical(raw.values, layer, missing)


def _physical(numbers: np.ndarray, layer: Layer, missing: set[Any]) -> np.ndarray:
    values: np.ndarray = (numbers * layer.scale + layer.offset).astype("float32")
    for nodata in missing:
        values[numbers == nodata] = np.nan
    return values


def own_zone_first(items: Sequence[pystac.Item], target: GeoBox) -> list[pystac.Item]:
    """Return the items with those in the target's CRS first: their pixels are copied, or resampled without a rotation."""
    wanted = target.crs.epsg if target.crs is not None else None

    def elsewhere(item: pystac.Item) -> bool:
        code = item.properties.get("proj:code") or item.properties.get("proj:epsg")
        return wanted is None or str(code).rpartition(":")[2] != str(wanted)

    return sorted(items, key=elsewhere)
