"""How scenes, pairs and periods become one regular series."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from glaciercast.align.temperature import TemperatureAlign
from glaciercast.align.velocity import VelocityAlign
from glaciercast.config import Config
from glaciercast.cube.seasonfill import SeasonFill

Kind = Literal["optical", "velocity", "temperature"]
Sides = Literal["past", "two_sided"]


class AlignConfig(Config):
    """How a cube's products become a regular series."""

    cadence: str = Field(default="MS", description="pandas frequency of the steps; MS is calendar months")
    length: int = Field(default=1, ge=1, le=60, description="steps that a composite spans, its own and those before (Müller 2023: 3, 6)")
    products: tuple[str, ...] = Field(default=(), description="which products under /optical; none named: all")
    composite: Literal["mean", "median", "medoid"] = "mean"
    weights: Literal["equal", "clear"] = Field(default="equal", description="whether a scene counts by its clear share")
    registered_only: bool = Field(default=False, description="leave out scenes that co-registration could not place")
    bandpass: bool = Field(default=True, description="bring Sentinel-2's bands to Landsat's where both are used")
    kinds: tuple[Kind, ...] = Field(default=("optical", "velocity", "temperature"), description="what is aligned, where the cube has it")
    sides: Sides = Field(default="past", description="past: nothing is taken from later steps; two_sided: for exploration only")
    fill: bool = Field(default=True, description="whether gaps are filled: from the past and the season, or, two-sided, linearly in time")
    season_fill: SeasonFill = Field(default=SeasonFill(), description="how optical indices are filled from the past")
    velocity: VelocityAlign = VelocityAlign()
    temperature: TemperatureAlign = TemperatureAlign()

    @model_validator(mode="after")
    def _has_optical(self) -> AlignConfig:
        if "optical" not in self.kinds:
            raise ValueError("kinds: expected 'optical' among them, as it gives the grid and the period")
        return self
