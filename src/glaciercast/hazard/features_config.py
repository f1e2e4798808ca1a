"""Over which days features look."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from glaciercast.config import Config

Days = Annotated[float, Field(gt=0)]


class FeatureConfig(Config):
    """Windows of the features; each is counted back from the newest record that was available."""

    every_days: int = Field(default=7, ge=1, description="days between issues, where none are given")
    area_days: Days = Field(default=12, description="over which the newest areas are averaged")
    growth_days: Days = Field(default=45, description="over which growth is fitted")
    flood_days: Days = Field(default=30, description="before a flood, over which the area that it began from is told")
    largest_rank: int = Field(default=3, ge=1, description="which of the largest areas counts as the largest")
    speed_days: Days = Field(default=60, description="over which the newest pairs are averaged")
    longest_pair: Days = Field(default=64, description="pairs of images that lie farther apart are not read")
    season_days: Days = Field(default=45, description="half the width of the same season in earlier years")
    surge_factor: float = Field(default=3.0, gt=1, description="times the quiet speed from which ice is surging")
    fewest: int = Field(default=6, ge=2, description="pairs in a year, or in a season of earlier years, that tell a speed")
    temperature_days: Days = Field(default=32, description="over which temperatures are averaged")
    degree_days: tuple[float, float] = Field(default=(30.0, 90.0), description="lengths of the sums of degree days")

    @property
    def window(self) -> int:
        """The longest window of recent records, days: what a sample rests on, beside statistics of its lake's whole past."""
        spans = (self.area_days, self.growth_days, self.speed_days, self.temperature_days, *self.degree_days)
        return int(-(-max(spans) // 1))
