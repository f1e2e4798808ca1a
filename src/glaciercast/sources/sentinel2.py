"""Sentinel-2 Level-2A (collection ``sentinel-2-l2a``): surface reflectance and scene classification (SCL).

Reflectance = (number + offset)/10000; the offset is −1000 from processing baseline 04.00 on and 0 before (Sentinel-2 Products Specification
Document, ``BOA_ADD_OFFSET``). The baseline decides, never the date: reprocessed old scenes carry the offset. The Planetary Computer
serves numbers as ESA made them and declares no offset. Earth Search took the offset off some scenes and says so in a flag that is wrong
for some; `glaciercast.sources.sentinel2_offset` finds them in the data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.sources.items import acquired, asset_key, check_packing, latest_first, solar_day, text
from glaciercast.sources.mosaic import BandFetcher, Layer
from glaciercast.sources.optical import OpticalProduct, Overpass
from glaciercast.sources.recipe import BandName
from glaciercast.sources.sentinel2_offset import Darkness, Offset, darkness, verify_offsets

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

Platform = Literal["sentinel-2a", "sentinel-2b", "sentinel-2c", "sentinel-2d"]

SCALE = 1e-4
OFFSET = -1000
"""Offset of the numbers from `WITH_OFFSET` on."""
WITH_OFFSET = (4, 0)
NODATA = 0
"""Fill of every band and of the SCL; it stays nodata and is never 0 − 1000."""
MOST_THREADS = 4
"""Items whose dark pixels are looked at together."""
_GUIDE = "Sentinel-2 Products Specification Document"
_KEYS: dict[BandName, tuple[str, ...]] = {  # Planetary Computer, Earth Search
    "green": ("B03", "green"),
    "red": ("B04", "red"),
    "nir": ("B08", "nir"),
    "swir16": ("B11", "swir16"),
}
_BASELINE = ("s2:processing_baseline", "processing:version", "sentinel:processing_baseline")
_FLAGS = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_ORBIT = re.compile(r"_R(\d{3})_")
_TILE = re.compile(r"_T(\d{1,2}[A-Z]{3})_")
_STRIP = re.compile(r"_S(\d{8}T\d{6})_")


class Sentinel2Config(Config):
    """Which Sentinel-2 scenes to take."""

    collection: str = "sentinel-2-l2a"
    platforms: tuple[Platform, ...] = Field(default=("sentinel-2a", "sentinel-2b", "sentinel-2c", "sentinel-2d"), min_length=1)
    verify_offset: bool = Field(default=True, description="check the offset that the metadata state against the scenes' dark pixels")
    latency_days: float = Field(default=1.0, ge=0, description="days from acquisition until a user can have a scene")


class Sentinel2(OpticalProduct):
    """Sentinel-2 Level-2A scenes; tiles of one relative orbit on one solar day are one overpass.

    Parameters
    ----------
    config
        Which scenes to take.
    offsets
        Item id → offset and how it was decided, as `verified` finds them; for other items the metadata decide.
    """

    name: ClassVar[str] = "sentinel2"
    quality: ClassVar[Literal["qa_pixel", "scl"]] = "scl"
    fill: ClassVar[int] = NODATA
    bands: ClassVar[tuple[BandName, ...]] = ("green", "red", "nir", "swir16")
    attribution: ClassVar[str] = "Contains modified Copernicus Sentinel data"
    licence: ClassVar[str] = "https://sentinel.esa.int/documents/247904/690755/Sentinel_Data_Legal_Notice"

    def __init__(self, config: Sentinel2Config | None = None, offsets: Mapping[str, Offset] | None = None) -> None:
        self.config = config or Sentinel2Config()
        self.offsets = dict(offsets or {})
        self.collection = self.config.collection
        self.latency = pd.Timedelta(days=self.config.latency_days)
        self.words = " or ".join(self.config.platforms)

    def keep(self, item: pystac.Item) -> bool:
        """Tell whether the platform of an item is asked for."""
        return text(item, "platform").lower() in self.config.platforms

    def scene_id(self, item: pystac.Item) -> str:
        """Return platform, relative orbit and solar day, such as ``sentinel-2b_R043_20190629``."""
        orbit = item.properties.get("sat:relative_orbit")
        number = _orbit_of(item) if orbit is None else orbit
        return f"{text(item, 'platform').lower()}_R{int(number):03d}_{solar_day(item)}"

    def granule(self, item: pystac.Item) -> str:
        """Return tile and start of the datastrip: two processings share them, two halves of a tile from two datastrips do not.

        Where a new processing moved the datastrip's start, both stay in the overpass: the mosaic takes the newer one first, so that
        the older adds only what the newer lacks.
        """
        strip = _STRIP.search(str(item.properties.get("s2:datastrip_id", "")))
        start = strip[1] if strip else f"{pd.Timestamp(acquired(item)):%Y%m%dT%H%M%S}"
        return f"{tile(item)}_{start}"

    def rank(self, item: pystac.Item) -> tuple[Any, ...]:
        """Return the latest baseline first, of one baseline the last made."""
        major, minor = baseline(item)
        return (-major, -minor, latest_first(item, "s2:generation_time", "created"), item.id)

    def sensor(self, item: pystac.Item) -> str:
        """Return satellite and instrument, such as ``Sentinel-2B MSI``."""
        return f"Sentinel-{text(item, 'platform').upper().rpartition('-')[2]} MSI"

    def layer(self, item: pystac.Item, band: BandName) -> Layer | None:
        """Return asset and packing of a band.

        A declared scale is compared with the guide; a declared offset is not used: Earth Search declares −0.1 whether it took the
        offset off or not.

        Raises
        ------
        InputError
            If the item lacks the asset or declares another scale.
        """
        asset = asset_key(item, _KEYS[band])
        check_packing(item, asset, SCALE, None, _GUIDE)
        offset = self.offsets.get(item.id) or stated(item)
        return Layer(asset, SCALE, offset.number * SCALE, NODATA, {"offset_decided": offset.how})

    def quality_asset(self, item: pystac.Item) -> str:
        """Return ``SCL``, or ``scl`` on Earth Search."""
        return asset_key(item, ("SCL", "scl"))

    def no_data(self, quality: np.ndarray) -> np.ndarray:
        """Return where the SCL is 0."""
        empty: np.ndarray = quality == NODATA
        return empty

    def baseline(self, item: pystac.Item) -> str:
        """Return the processing baseline, such as ``05.09``."""
        return "{:02d}.{:02d}".format(*baseline(item))

    def verified(self, overpasses: Sequence[Overpass], target: GeoBox, fetcher: BandFetcher) -> Sentinel2:
        """Return the product with the offset of each item of `overpasses` decided from its dark pixels.

        Reads SCL and the 1.6 µm band of every item; nothing where no item can carry an offset or the config says not to.
        """
        items = [item for overpass in overpasses for item in overpass.items]
        if not self.config.verify_offset or all(baseline(item) < WITH_OFFSET for item in items):
            return self
        with ThreadPoolExecutor(min(MOST_THREADS, len(os.sched_getaffinity(0)))) as pool:
            found = list(pool.map(lambda item: self.darkness(item, target, fetcher), items))
        return Sentinel2(self.config, verify_offsets(found))

    @property
    def learnt(self) -> dict[str, Any]:
        """Item id → offset and how it was decided."""
        return {item: list(offset) for item, offset in self.offsets.items()}

    def darkness(self, item: pystac.Item, target: GeoBox, fetcher: BandFetcher) -> Darkness:
        """Return how dark the clear pixels of an item are at 1.6 µm within `target`, and which offset its metadata state."""
        number = darkness(item, self.quality_asset(item), asset_key(item, _KEYS["swir16"]), target, fetcher)
        return Darkness(item.id, acquired(item), number, stated(item), baseline(item) >= WITH_OFFSET)


def baseline(item: pystac.Item) -> tuple[int, int]:
    """Return the processing baseline as numbers; raises InputError where the item states none."""
    found = text(item, *_BASELINE)
    match = re.fullmatch(r"(\d{1,2})\.(\d{1,2})", found)
    if match is None:
        raise InputError(f"item {item.id}: expected a processing baseline such as 05.09, found '{found:.40}'")
    return int(match[1]), int(match[2])


def stated(item: pystac.Item) -> Offset:
    """Return the offset that the metadata state: the baseline's, unless a flag says that it was taken off already."""
    words = "baseline {:02d}.{:02d}".format(*baseline(item))
    if baseline(item) < WITH_OFFSET:
        return Offset(0, words)
    flag = next((item.properties[name] for name in _FLAGS if name in item.properties), None)
    if flag is None:
        return Offset(OFFSET, words)
    return Offset(0 if flag is True else OFFSET, f"{words}, flag boa_offset_applied {str(flag).lower()}")


def tile(item: pystac.Item) -> str:
    """Return the MGRS tile, such as ``43SFR``; raises InputError where the item does not tell it."""
    found = item.properties.get("s2:mgrs_tile") or str(item.properties.get("grid:code", "")).removeprefix("MGRS-")
    return found.zfill(5) if found else _from_uri(item, _TILE, "tile").zfill(5)


def _orbit_of(item: pystac.Item) -> str:
    return _from_uri(item, _ORBIT, "relative orbit")


def _from_uri(item: pystac.Item, pattern: re.Pattern[str], what: str) -> str:
    match = pattern.search(str(item.properties.get("s2:product_uri", "")))
    if match is None:
        raise InputError(f"item {item.id}: expected the {what} in its properties or in s2:product_uri, found none")
    return match[1]
