"""What a site's cube is made of: products, period, which scenes count, and how they are fetched."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from glaciercast.config import Config
from glaciercast.cube.masks import MaskPolicy
from glaciercast.cube.registration import Registration
from glaciercast.sites.model import Site
from glaciercast.sources.http import FetchPolicy
from glaciercast.sources.itslive import ItsliveConfig
from glaciercast.sources.landsat import LandsatConfig
from glaciercast.sources.modis import ModisConfig
from glaciercast.sources.sentinel2 import Sentinel2Config

ProductName = Literal["dem", "landsat", "sentinel2", "itslive", "modis"]
PRODUCTS: tuple[ProductName, ...] = ("dem", "landsat", "sentinel2", "itslive", "modis")


class Selection(Config):
    """Which scenes count, measured from the pixels inside the site's box; the defaults are those of Müller (2023)."""

    max_cloud: float = Field(default=0.2, gt=0, le=1, description="share of the pixels with data that may be cloud or shadow")
    max_missing: float = Field(default=0.5, gt=0, le=1, description="share of the box that may be without data")


def default_cache() -> Path:
    """Return ``$GLACIERCAST_CACHE``, or ``glaciercast`` in the user's cache folder."""
    given = os.environ.get("GLACIERCAST_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(given) if given else Path(base) / "glaciercast"


class SiteBuild(Config):
    """Everything that decides what a site's cube holds."""

    site: Site
    start: date
    end: date = Field(description="last day, included")
    catalogue: str = Field(default="planetary-computer", description="a known name, a STAC API's URL, or a catalog.json (file or URL)")
    itslive_catalogue: str | None = Field(
        default=None, description="where velocities are, if elsewhere; default: ITS_LIVE's own beside a known name"
    )
    products: tuple[ProductName, ...] = Field(default=PRODUCTS, min_length=1)
    selection: Selection = Selection()
    mask: MaskPolicy = MaskPolicy()
    registration: Registration = Registration()
    illumination: Literal["none", "cosine", "scs+c"] = Field(default="none", description="correction of reflectance for terrain")
    landsat: LandsatConfig = LandsatConfig()
    sentinel2: Sentinel2Config = Sentinel2Config()
    itslive: ItsliveConfig = ItsliveConfig()
    modis: ModisConfig = ModisConfig()

    @field_validator("products")
    @classmethod
    def _once_and_in_order(cls, value: tuple[ProductName, ...]) -> tuple[ProductName, ...]:
        return tuple(name for name in PRODUCTS if name in value)  # terrain first: the others use it

    @model_validator(mode="after")
    def _sensible(self) -> SiteBuild:
        if self.end < self.start:
            raise ValueError(f"start {self.start}: expected no later than end {self.end}")
        for name in ("catalogue", "itslive_catalogue"):
            parts = urlsplit(getattr(self, name) or "")
            if parts.scheme in ("http", "https") and ("@" in parts.netloc or parts.query):  # not shown: this may be a secret
                raise ValueError(f"{name}: expected an address without user, password and query, as it is kept with the cube")
        if self.illumination != "none" and "dem" not in self.products:
            raise ValueError("illumination: needs terrain; add 'dem' to products")
        return self


class Fetching(Config):
    """How it is fetched: nothing here changes what a cube holds, so that a run may go on with other values."""

    cache: Path = Field(default_factory=default_cache, description="raw windows, kept between runs; safe to delete")
    connections: int = Field(default=16, ge=1, le=64, description="requests at the same time")
    policy: FetchPolicy = FetchPolicy()
    token_url: str | None = Field(default=None, description="gives tokens as the Planetary Computer does, for a catalogue of your own")
    token_host: str = Field(default="", description="end of the hosts (with port) that want them")
    scheduler: str = Field(default="none", description="who reads scenes: none (this process), a number of workers, or tcp://host:port")

    @field_validator("scheduler", mode="before")
    @classmethod
    def _in_words(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value  # an option's number

    @model_validator(mode="after")
    def _both_or_none(self) -> Fetching:
        if (self.token_url is None) != (not self.token_host):
            raise ValueError("expected 'token_url' and 'token_host' together")
        return self
