"""What simulated lakes with floods are made of: every key beside its default."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from glaciercast.config import Config
from glaciercast.simulate.scenario import WeatherSpec

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Mode = Literal["lake", "season", "shuffled"]

ALPINE = WeatherSpec(
    reference_elevation=3200.0, mean_temperature=0.5, seasonal_amplitude=9.5, annual_precipitation=700.0, mean_cloud=0.5, cloud_season=0.15
)
"""Weather at the lakes, in the style of the Karakoram."""


class HazardSpec(Config):
    """How a lake comes to drain; see `lake.LakeSpec` and, where only the season counts, `lakes.season_hazard`."""

    base: float = Field(default=0.08, gt=0, le=1, description="chance of drainage on a day with a full lake")
    steepness: Positive = Field(default=14.0, description="of the hazard's growth with the filled share (logistic)")
    midpoint: Share = Field(default=0.85, description="filled share at which the hazard is half of `base`")
    drain_days: int = Field(default=2, ge=1)
    season_rate: Positive = Field(default=0.3, description="floods a lake-year where only the season counts")
    season_day: float = Field(default=205.0, description="day of the year of the greatest seasonal hazard")
    season_sharpness: Positive = Field(default=4.0, description="κ of the seasonal hazard exp(κ cos)")


class SeenSpec(Config):
    """What satellites give of the lakes."""

    visits: tuple[int, ...] = Field(default=(5, 8), description="days between the visits of each satellite")
    clearest: Share = Field(default=0.3, description="a visit gives an area where at least this share of the surroundings is clear")
    area_noise: Share = Field(default=0.02, description="relative error of an area, 1 σ")
    pixel: Positive = Field(default=10.0, description="m; the shoreline is known to a share of it")
    shoreline: Share = Field(default=0.3, description="error of the shoreline's place in pixels, common to the shore")
    frozen_below: float = Field(default=-6.0, description="mean air temperature of 30 days below which ice and snow hide the lake, °C")
    optical_latency: tuple[int, int] = Field(default=(1, 5), description="days from acquisition, least and most")
    pair_baselines: tuple[int, ...] = Field(default=(12, 16, 24, 32, 48, 60), description="days between the images of a pair")
    pairs_every: int = Field(default=8, gt=0, description="days between the later images of pairs")
    pair_error: Positive = Field(default=1.2, description="error of a pair's displacement along each axis, m")
    pair_latency: tuple[int, int] = Field(default=(20, 40), description="days from the later image, least and most")
    temperature_days: Literal[1, 8] = Field(default=8, description="days that one land surface temperature holds")
    temperature_latency: int = Field(default=3, ge=0, description="days from the end of the period")
    uncertain: Share = Field(default=0.25, description="share of floods whose first day is not known exactly")
    uncertain_days: int = Field(default=7, ge=1, description="their dates are known to plus or minus 1 … this many days")
    images: int = Field(default=8000, ge=0, description="at most so many small images")
    image_pixel: Positive = Field(default=40.0, description="m; of the images")


class OutburstSpec(Config):
    """Lakes whose hazard of drainage is known, and how satellites see them."""

    lakes: int = Field(default=24, ge=1)
    first: dt.date = Field(default=dt.date(2016, 1, 1), description="first day on which the lakes are watched")
    last: dt.date = Field(default=dt.date(2023, 12, 31))
    mode: Mode = Field(
        default="lake",
        description="lake: the hazard grows with the filled share; season: it is the same for all lakes and depends on the day of the "
        "year; shuffled: as lake, with floods moved among lakes and years on their day of the year, so that lakes tell nothing",
    )
    draining: Share = Field(default=0.5, description="share of the lakes that can drain; all can where only the season counts")
    stable_ice: Share = Field(default=0.5, description="share of the lakes that can't drain that ice dams all the same")
    surging: Share = Field(default=0.25, description="share of the ice dams that a surge closes while they are watched")
    largest: tuple[float, float] = Field(default=(1e5, 6e5), description="area of full lakes, m², least and most")
    fill_years: tuple[float, float] = Field(default=(0.9, 2.2), description="years to fill, least and most")
    lon: float = Field(default=74.5, ge=-179, le=179)
    lat: float = Field(default=36.4, ge=0, le=66, description="seasons are those of the north")
    weather: WeatherSpec = ALPINE
    hazard: HazardSpec = HazardSpec()
    seen: SeenSpec = SeenSpec()

    @model_validator(mode="after")
    def _long(self) -> OutburstSpec:
        if (self.last - self.first).days < 364:
            raise ValueError(f"last: expected a year or more after {self.first}, found {self.last}")
        return self
