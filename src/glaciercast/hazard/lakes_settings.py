"""How a lake is told from land, followed and watched for drainage: every key beside its default."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from glaciercast.config import Config

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class WaterConfig(Config):
    """Which pixels are water, land, frozen or not seen."""

    threshold: float = Field(default=0.3, ge=-1, le=1, description="NDWI above which a pixel is water where a scene gives no threshold")
    adaptive: bool = Field(default=True, description="take each scene's own threshold (Otsu 1979) where water and land stand apart")
    lowest: float = Field(default=0.1, ge=-1, le=1, description="least threshold that a scene may give")
    highest: float = Field(default=0.5, ge=-1, le=1, description="greatest threshold that a scene may give")
    min_green: float = Field(default=0.02, ge=0, description="green reflectance below which a pixel is dark and counts as not seen")
    max_nir: Positive = Field(default=0.15, description="near-infrared reflectance above which nothing is open water")
    least_light: Positive = Field(
        default=0.2, le=1, description="of level ground's; ice on slopes that the sun grazes looks dark like water"
    )
    max_slope: Positive = Field(default=45.0, description="degrees; steeper terrain is no water; mild, as elevation models may be older")
    frozen_ndsi: float = Field(default=0.4, description="NDSI from which what is no open water is snow or ice: what lies below is not seen")

    @model_validator(mode="after")
    def _ordered(self) -> WaterConfig:
        if not self.lowest <= self.threshold <= self.highest:
            raise ValueError("expected lowest <= threshold <= highest")
        return self


class DropConfig(Config):
    """What counts as a drainage."""

    min_share: Share = Field(default=0.5, description="share of its area that a lake must lose")
    sigmas: Positive = Field(default=3.0, description="by how many standard deviations the two areas must differ")
    min_pixels: float = Field(default=6.0, ge=0, description="smaller lakes, in pixels, are too small to tell")
    memory_days: Positive = Field(default=120.0, description="how far back the area before the drop is looked up, days")
    confirm_days: Positive = Field(default=60.0, description="a later look within this time confirms a drop, days")
    rate_days: Positive = Field(default=60.0, description="looks that the filling rate rests on, days")


class LakeConfig(Config):
    """How a lake is followed through the scenes of a cube."""

    radius: Positive = Field(default=2500.0, description="half the side of the window around the point or outline, m")
    reach: Positive = Field(default=500.0, description="water that comes this near to the point or outline may be the lake, m")
    min_seen: Share = Field(default=0.5, description="share of the lake's surroundings that a scene must show for a record")
    sliver_pixels: float = Field(default=6.0, ge=0, description="water that never was larger is refused where lasting water lies near")
    shoreline: Literal["subpixel", "count"] = Field(default="subpixel", description="shore pixels unmixed, or whole pixels counted")
    registration: float = Field(default=6.0, ge=0, description="error of a scene's place along each axis, m")
    water: WaterConfig = WaterConfig()
    drops: DropConfig = DropConfig()
