"""MODIS land surface temperature: MOD11A1/MYD11A1 (daily) and MOD11A2/MYD11A2 (8-day), version 061, on their own 1 km grid.

Their items give ``start_datetime`` and ``end_datetime`` (``datetime`` is null) and ``proj:wkt2`` (``proj:epsg`` is null).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from glaciercast.config import Config
from glaciercast.errors import SourceError
from glaciercast.sources import modis_values as values
from glaciercast.sources.items import check_packing
from glaciercast.sources.modis_grid import Tile, is_sinusoidal, paste, tiles_under
from glaciercast.sources.modis_items import SATELLITE, made, moment, product_of, tile_of

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.optical import BandFetcher
    from glaciercast.sources.scene import RawBand

Name = Literal["mod11a1", "myd11a1", "mod11a2", "myd11a2"]
Half = Literal["day", "night"]
HALVES: tuple[Half, ...] = ("day", "night")
GUIDE = "users' guide of MODIS LST, Collection 6.1"
LATENCY = "3D"
"""From the end of the period: the slowest of four real items was made 2.2 days after its end."""


class ModisConfig(Config):
    """Which temperatures are acquired, and which of them count."""

    products: tuple[Name, ...] = Field(default=("mod11a2",), min_length=1)
    max_error_k: Literal[1, 2, 3] = Field(default=2, description="largest error by the quality bits, K; what is beyond is dropped")
    max_view_angle: float | None = Field(
        default=None, ge=0, le=65, description="largest view zenith angle, degrees: at 65° a pixel of 1 km has seen some 5 km"
    )
    latency: str = Field(default=LATENCY, description="time from the end of the period until a user can have it")

    @field_validator("products")
    @classmethod
    def _once(cls, value: tuple[Name, ...]) -> tuple[Name, ...]:
        return tuple(dict.fromkeys(value))

    @field_validator("latency")
    @classmethod
    def _duration(cls, value: str) -> str:
        if not re.fullmatch(r"\d+(\.\d+)?\s*[A-Za-z]+", value) or pd.isna(pd.Timedelta(value)):
            raise ValueError("expected a duration with its unit that is not negative, such as 3D")
        return value


@dataclass(frozen=True)
class Period:
    """One day or composite: its first moment, the first moment after it (UTC), and its tiles in order."""

    scene_id: str
    time: np.datetime64
    end: np.datetime64
    items: tuple[pystac.Item, ...]


@dataclass(frozen=True)
class Temperatures:
    """One period on the target grid.

    Attributes
    ----------
    arrays
        ``lst_<half>`` (K, NaN where the rules drop it), ``qc_<half>`` (uint8, raw; `modis_values.NO_TILE` where no tile was there),
        ``view_time_<half>`` (local solar hours, NaN where unknown), each (y, x).
    counts
        Half → how many pixels were kept or lost for which reason.
    missing
        Tiles that the grid touches and the period lacks.
    facts
        Provenance of each file that was read.
    """

    ref: Period
    arrays: dict[str, np.ndarray]
    counts: dict[Half, dict[str, int]]
    missing: tuple[str, ...]
    facts: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class _Packing:
    """What a raster of the product must be: dtype, scale, and the number where there is no file."""

    dtype: str
    scale: float
    absent: int


_PACKING = {
    "lst": _Packing("uint16", values.LST_SCALE, 0),
    "qc": _Packing("uint8", 1.0, values.NO_TILE),
    "time": _Packing("uint8", values.TIME_SCALE, values.VIEW_FILL),
    "angle": _Packing("uint8", 1.0, values.VIEW_FILL),
}


@dataclass(frozen=True)
class ModisProduct:
    """One of the four products; Terra's and Aqua's share a collection."""

    name: Name
    config: ModisConfig = field(default_factory=ModisConfig)
    licence: ClassVar[str] = "https://lpdaac.usgs.gov/data/data-citation-and-policies/"

    @property
    def code(self) -> str:
        """As in ids, such as ``MOD11A2``."""
        return self.name.upper()

    @property
    def collection(self) -> str:
        """Such as ``modis-11A2-061``."""
        return f"modis-{self.code[3:]}-061"

    @property
    def satellite(self) -> str:
        """``terra`` or ``aqua``."""
        return SATELLITE[self.name[:3]]

    @property
    def words(self) -> str:
        """What `keep` asks, for an error line about an empty search."""
        return f"product {self.code} ({self.satellite})"

    @property
    def attribution(self) -> str:
        """Who is to be named, with the product's own DOI."""
        return f"MODIS LST, Collection 6.1: Wan, Hook and Hulley, NASA LP DAAC (doi:10.5067/MODIS/{self.code}.061)"

    @property
    def latency(self) -> pd.Timedelta:
        """Time from the end of a period until a user can have it."""
        return pd.Timedelta(self.config.latency)

    def keep(self, item: pystac.Item) -> bool:
        """Tell whether an item is of this product: Terra's and Aqua's lie side by side.

        Raises
        ------
        SourceError
            If its id and its platform contradict each other.
        """
        return product_of(item) == self.name

    def periods(self, items: Iterable[pystac.Item]) -> list[Period]:
        """Return the product's periods in order of time; of several versions of one tile the one made last counts."""
        found: dict[pd.Timestamp, dict[Tile, pystac.Item]] = {}
        for item in sorted(filter(self.keep, items), key=made):
            found.setdefault(moment(item, "start_datetime").normalize(), {})[tile_of(item)] = item
        return [self._period(start, tiles) for start, tiles in sorted(found.items())]

    def _period(self, start: pd.Timestamp, tiles: dict[Tile, pystac.Item]) -> Period:
        chosen = tuple(item for _, item in sorted(tiles.items(), key=lambda pair: pair[0]))
        days = 1 if self.name.endswith("a1") else 8
        nominal = min(start + pd.Timedelta(days=days), pd.Timestamp(start.year + 1, 1, 1))  # composites begin anew each year
        declared = max(moment(item, "end_datetime").ceil("min") for item in chosen)
        end = max(nominal, declared)
        return Period(f"{self.code}.A{start:%Y%j}", start.to_datetime64(), end.to_datetime64(), chosen)

    def assets(self, period: Period) -> list[tuple[pystac.Item, str]]:
        """Return what `read` fetches.

        Raises
        ------
        SourceError
            If an item lacks one of them.
        """
        wanted = [(item, key) for item in period.items for half in HALVES for key in self._keys(half).values()]
        for item, key in wanted:
            if key not in item.assets:
                raise SourceError(f"{item.id}: expected an asset '{key}', found: {', '.join(sorted(item.assets)) or 'none'}")
        return wanted

    def read(self, period: Period, target: GeoBox, fetcher: BandFetcher) -> Temperatures:
        """Read one period and judge its pixels.

        Raises
        ------
        SourceError
            If an asset is missing or fails, or a file's type, packing or grid is not that of the product.
        """
        self.assets(period)
        arrays: dict[str, np.ndarray] = {}
        counts: dict[Half, dict[str, int]] = {}
        facts: list[dict[str, Any]] = []
        for half in HALVES:
            raw = {what: _mosaic(period.items, key, what, target, fetcher, facts) for what, key in self._keys(half).items()}
            angle = values.degrees(raw["angle"]) if "angle" in raw else None
            kept, counts[half] = values.judge(raw["lst"], raw["qc"], self.config.max_error_k, angle, self.config.max_view_angle)
            arrays[f"lst_{half}"] = np.where(kept, values.kelvin(raw["lst"]), np.float32(np.nan))
            arrays[f"qc_{half}"] = raw["qc"]
            arrays[f"view_time_{half}"] = np.where(
                raw["lst"] > 0, values.hours(raw["time"]), np.float32(np.nan)
            )  # unwritten 0: no midnight
        missing = tiles_under(target) - {tile_of(item) for item in period.items}
        return Temperatures(period, arrays, counts, tuple(map(str, sorted(missing))), tuple(facts))

    def _keys(self, half: Half) -> dict[str, str]:
        name = half.capitalize()
        keys = {"lst": f"LST_{name}_1km", "qc": f"QC_{name}", "time": f"{name}_view_time"}
        return keys if self.config.max_view_angle is None else {**keys, "angle": f"{name}_view_angl"}


def _mosaic(
    items: Sequence[pystac.Item], key: str, what: str, target: GeoBox, fetcher: BandFetcher, facts: list[dict[str, Any]]
) -> np.ndarray:
    """Return an asset of all tiles on the target grid, copied pixel by pixel; `facts` gains the provenance of each file."""
    packing = _PACKING[what]
    out = np.full(target.shape, packing.absent, packing.dtype)
    for item in items:
        fetched = fetcher.fetch(item, key, target)
        if fetched.band is not None:
            _check(item, key, packing, fetched.band)
            paste(f"{item.id} {key}", fetched.band, target, out)
            facts.append({**fetched.facts, "scale": packing.scale, "offset": None, "baseline": "061"})
    return out


def _check(item: pystac.Item, key: str, packing: _Packing, band: RawBand) -> None:
    """Raise SourceError unless a file is what the product's guide says, in type, packing and CRS."""
    if band.values.dtype != packing.dtype:
        raise SourceError(f"{item.id} {key}: expected {packing.dtype}, found {band.values.dtype}")
    check_packing(item, key, packing.scale, None, GUIDE)
    if band.scale not in (None, packing.scale):
        raise SourceError(f"{item.id} {key}: expected scale {packing.scale:g} as in the {GUIDE}, its file declares {band.scale:g}")
    for origin, crs in (("item", item.properties.get("proj:wkt2")), ("file", str(band.geobox.crs))):
        if crs is not None and not is_sinusoidal(crs):
            raise SourceError(f"{item.id} {key}: expected the sinusoidal CRS of MODIS, the {origin} has {' '.join(crs.split())[:80]}")
