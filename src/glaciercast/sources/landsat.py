"""Landsat Collection 2 Level-2 (collection ``landsat-c2-l2``): surface reflectance, surface temperature and QA_PIXEL of Landsat 4 to 9.

Packing and fill values: Landsat 8-9 Collection 2 Level 2 Science Product Guide (LSDS-1619), tables of the SR and ST bands; Landsat 4-7
Collection 2 Level 2 Science Product Guide (LSDS-1618), the same numbers. QA_PIXEL: bit 0 marks fill; its fill value is 1, and 0 is no fill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.sources.items import asset_key, check_packing, latest_first, solar_day, text
from glaciercast.sources.mosaic import Layer
from glaciercast.sources.optical import OpticalProduct
from glaciercast.sources.recipe import BandName

if TYPE_CHECKING:
    import pystac

Platform = Literal["landsat-4", "landsat-5", "landsat-7", "landsat-8", "landsat-9"]
Tier = Literal["T1", "T2", "RT"]

REFLECTANCE = (2.75e-5, -0.2)
"""Scale and offset of surface reflectance (LSDS-1619, LSDS-1618)."""
TEMPERATURE = (0.00341802, 149.0)
"""Scale and offset of surface temperature, K (LSDS-1619, LSDS-1618)."""
NODATA = 0
"""Fill of reflectance and temperature."""
FILL_BIT = 1
"""QA_PIXEL where there is no data: bit 0."""
_GUIDE = "Landsat Collection 2 Level 2 Science Product Guide"
_KEYS: dict[BandName, tuple[str, ...]] = {
    "green": ("green",), "red": ("red",), "nir": ("nir08",), "swir16": ("swir16",),
    "thermal": ("lwir11", "lwir"),  # TIRS of Landsat 8 and 9; TM and ETM+
}  # fmt: skip
_INSTRUMENTS = {"4": "TM", "5": "TM", "7": "ETM+", "8": "OLI/TIRS", "9": "OLI/TIRS"}
_TIERS: tuple[Tier, ...] = ("T1", "T2", "RT")


class LandsatConfig(Config):
    """Which Landsat scenes to take."""

    collection: str = "landsat-c2-l2"
    platforms: tuple[Platform, ...] = Field(default=("landsat-8", "landsat-9"), min_length=1)
    tiers: tuple[Tier, ...] = Field(default=("T1", "T2"), min_length=1, description="T1 and T2 are final, RT is provisional")
    corrections: tuple[Literal["L2SP", "L2SR"], ...] = Field(
        default=("L2SP",),
        min_length=1,
        description="L2SP: reflectance and temperature; L2SR: reflectance alone, the temperature stays missing",
    )
    latency_days: float = Field(default=16.0, ge=0, description="days from acquisition until a user can have a final scene")


class Landsat(OpticalProduct):
    """Landsat Collection 2 Level-2 scenes; rows of one path on one solar day are one overpass, whatever their UTM zones."""

    name: ClassVar[str] = "landsat"
    quality: ClassVar[Literal["qa_pixel", "scl"]] = "qa_pixel"
    fill: ClassVar[int] = FILL_BIT
    bands: ClassVar[tuple[BandName, ...]] = ("green", "red", "nir", "swir16", "thermal")
    attribution: ClassVar[str] = "Landsat Collection 2 Level-2 data courtesy of the U.S. Geological Survey"
    licence: ClassVar[str] = "https://www.usgs.gov/emergency-operations-portal/data-policy"

    def __init__(self, config: LandsatConfig | None = None) -> None:
        self.config = config or LandsatConfig()
        self.collection = self.config.collection
        self.latency = pd.Timedelta(days=self.config.latency_days)
        parts = (self.config.platforms, self.config.corrections, self.config.tiers)
        self.words = "; ".join(" or ".join(part) for part in parts)

    def keep(self, item: pystac.Item) -> bool:
        """Tell whether platform, level of correction and tier of an item are asked for."""
        return (
            _platform(item) in self.config.platforms
            and item.properties.get("landsat:correction") in self.config.corrections
            and item.properties.get("landsat:collection_category") in self.config.tiers
        )

    def scene_id(self, item: pystac.Item) -> str:
        """Return platform, WRS path and solar day, such as ``landsat-8_147_20201204``: two rows of one path are one overpass."""
        return f"{_platform(item)}_{_number(item, 'landsat:wrs_path')}_{solar_day(item)}"

    def granule(self, item: pystac.Item) -> str:
        """Return the WRS path and row."""
        return f"{_number(item, 'landsat:wrs_path')}{_number(item, 'landsat:wrs_row')}"

    def rank(self, item: pystac.Item) -> tuple[Any, ...]:
        """Return row, tier (T1 first), the last processed first."""
        tier = text(item, "landsat:collection_category")
        order = _TIERS.index(tier) if tier in _TIERS else len(_TIERS)
        return (_number(item, "landsat:wrs_row"), order, latest_first(item, "created"), item.id)

    def sensor(self, item: pystac.Item) -> str:
        """Return satellite and instrument, such as ``Landsat 8 OLI/TIRS``."""
        number = _platform(item).rpartition("-")[2]
        return f"Landsat {number} {_INSTRUMENTS.get(number, '')}".strip()

    def layer(self, item: pystac.Item, band: BandName) -> Layer | None:
        """Return asset and packing of a band; None for the temperature of a scene that has reflectance alone (L2SR).

        Raises
        ------
        InputError
            If the item lacks the asset, or declares another scale or offset than the product guide.
        """
        if band == "thermal" and item.properties.get("landsat:correction") == "L2SR":
            return None
        asset = asset_key(item, _KEYS[band])
        scale, offset = TEMPERATURE if band == "thermal" else REFLECTANCE
        check_packing(item, asset, scale, offset, _GUIDE)
        return Layer(asset, scale, offset, NODATA)

    def quality_asset(self, item: pystac.Item) -> str:
        """Return ``qa_pixel``."""
        return asset_key(item, ("qa_pixel",))

    def no_data(self, quality: np.ndarray) -> np.ndarray:
        """Return where bit 0 of QA_PIXEL is set: outside the scene and in the gaps of Landsat 7 since May 2003 (SLC-off)."""
        empty: np.ndarray = (quality & FILL_BIT) != 0
        return empty

    def baseline(self, item: pystac.Item) -> str:
        """Return collection, correction and tier, such as ``02 L2SP T1``."""
        names = ("landsat:collection_number", "landsat:correction", "landsat:collection_category")
        return " ".join(str(item.properties[name]) for name in names if name in item.properties)


def _platform(item: pystac.Item) -> str:
    """Return the platform as ``landsat-8``; the USGS's own catalogue writes ``LANDSAT_8``."""
    return text(item, "platform").lower().replace("_", "-")


def _number(item: pystac.Item, name: str) -> str:
    value = text(item, name)
    if not value.isdigit():
        raise InputError(f"item {item.id}: expected a number in {name}, found '{value:.40}'")
    return value.zfill(3)
