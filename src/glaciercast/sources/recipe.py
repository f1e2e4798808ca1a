"""The recipe of a user's own scenes: some ten lines of YAML that say which band is which."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field, field_validator, model_validator

from glaciercast import config
from glaciercast.config import Config
from glaciercast.grid import GridSpec, known_crs

BandName = Literal["green", "red", "nir", "swir16", "thermal"]


class Band(Config):
    """One band: its name in the files (or its number in a multi-band raster) and how digital numbers become physical."""

    name: str | int
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None


class Mask(Config):
    """Which pixels are clear, by class (`clear`: values to keep) or by bit (`reject_bits`: any of them set is not clear)."""

    band: str | int
    clear: tuple[int, ...] | None = None
    reject_bits: tuple[Annotated[int, Field(ge=0, le=31)], ...] | None = None
    nodata: int | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Mask:
        if (self.clear is None) == (self.reject_bits is None):
            raise ValueError("expected exactly one of 'clear' (classes to keep) and 'reject_bits'")
        return self


class Recipe(Config):
    """Scenes in GeoTIFF, NetCDF or Zarr files and what their numbers mean.

    ``files`` is a path or pattern: ``*`` matches anything, ``{date:%Y%m%d}`` is the acquisition date, ``{band}`` a band's
    name where each band has a file of its own. ``package:NAME/…`` looks inside an installed Python package.
    """

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str = ""
    product: str = Field(default="rasters", pattern=r"^[a-z0-9-]+$")
    sensor: str = "unknown"
    files: str
    bands: dict[BandName, Band]
    scale: float | None = Field(default=None, description="physical = number · scale + offset; without it what the files declare")
    offset: float | None = None
    nodata: float | None = None
    mask: Mask
    time: str = Field(default="time", description="name of the time coordinate (NetCDF, Zarr)")
    crs: str | None = Field(default=None, description="CRS of files that carry none")
    grid: GridSpec | None = Field(default=None, description="target grid; without it the files' own grid, which all must share")
    latency: str = Field(default="1D", description="time from acquisition until a user can have a scene")
    is_glacier: bool = True
    attribution: str = ""
    note: str = ""

    @field_validator("bands", mode="before")
    @classmethod
    def _short_bands(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: band if isinstance(band, dict | Band) else {"name": band} for key, band in value.items()}
        return value

    @field_validator("crs")
    @classmethod
    def _crs(cls, value: str | None) -> str | None:
        if value is not None:
            known_crs(value)
        return value

    @field_validator("latency")
    @classmethod
    def _duration(cls, value: str) -> str:
        if not re.fullmatch(r"\d+(\.\d+)?\s*[A-Za-z]+", value) or pd.isna(pd.Timedelta(value)):
            raise ValueError("expected a duration with its unit that is not negative, such as 1D")
        return value

    @model_validator(mode="after")
    def _needs_green_and_swir(self) -> Recipe:
        missing = {"green", "swir16"} - set(self.bands)
        if missing:
            raise ValueError(f"bands: NDSI needs green and swir16, missing: {', '.join(sorted(missing))}")
        return self

    @property
    def format(self) -> Literal["raster", "array"]:
        """``array`` for NetCDF and Zarr, ``raster`` for GeoTIFF and whatever else GDAL reads."""
        return "array" if re.search(r"\.(nc4?|zarr|h5)/?$", self.files) else "raster"


def read(path: str | Path) -> Recipe:
    """Read a recipe; relative `files` are seen from the recipe's folder.

    Raises
    ------
    InputError, ConfigError
        If the file is missing, or a key is unknown, missing or unusable.
    """
    return anchored(config.load(Recipe, path), Path(path).parent)


def anchored(recipe: Recipe, folder: Path) -> Recipe:
    """Return the recipe with relative `files` resolved against `folder`."""
    if recipe.files.startswith("package:") or Path(recipe.files).is_absolute():
        return recipe
    return recipe.model_copy(update={"files": str(folder.resolve() / recipe.files)})
