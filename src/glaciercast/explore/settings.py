"""What an exploration asks of the data before it says anything."""

from __future__ import annotations

from pydantic import Field

from glaciercast.config import Config


class Thresholds(Config):
    """Which reflectance is what; on surface reflectance, of clear pixels."""

    ndsi: float = Field(default=0.4, description="NDSI from which a pixel is snow or ice (Dozier 1989; Hall et al. 1995)")
    frozen_nir: float = Field(default=0.11, description="least near infrared of lit snow and ice; water is darker (Hall et al. 1995)")
    snow_nir: float = Field(default=0.45, description="near infrared from which ice inside the outline counts as snow-covered")
    ndwi: float = Field(default=0.3, description="NDWI (green, near infrared) from which a pixel may be water")
    water_nir: float = Field(default=0.08, description="most near infrared of water: wet ice is brighter")
    water_green: float = Field(default=0.03, description="least green of water: what is darker is not told from shadow")
    water_slope: float = Field(default=10.0, description="steepest ground that water is believed on, degrees")
    dark_green: float = Field(default=0.02, description="green below which nothing is told")


class ExploreConfig(Config):
    """Settings of `glaciercast explore`."""

    band: float = Field(default=250.0, gt=0, description="height of an elevation band, m")
    level: float = Field(default=0.95, gt=0, lt=1, description="of intervals")
    ice_share: float = Field(default=0.75, gt=0.5, le=1, description="share of ice from which a coarse cell counts as ice")
    ground_share: float = Field(default=0.1, ge=0, lt=0.5, description="share of ice up to which a coarse cell counts as ground")
    fewest_pairs: int = Field(default=30, ge=5, description="image pairs that a season of velocity takes")
    direction_error: float = Field(default=0.2, gt=0, description="largest relative error of a pixel's velocity that has a direction")
    thresholds: Thresholds = Thresholds()
