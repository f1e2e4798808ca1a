"""What an exploration asks of the data before it says anything."""

from __future__ import annotations

from pydantic import Field

from glaciercast.config import Config
from glaciercast.motion.surge import SurgeRule


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


class VelocitiesConfig(Config):
    """How a file or table of velocities is read; names that are null are found by what they are usually called."""

    vx: str | None = Field(default=None, description="velocity along x (or east), m/yr")
    vy: str | None = Field(default=None, description="velocity along y (or north), m/yr")
    speed: str | None = Field(default=None, description="magnitude, m/yr, read where there are no components")
    error: str | None = Field(default=None, description="1 sigma error, m/yr; 0 or nothing is no error")
    place: str | None = Field(default=None, description="glacier or point that a line of a table belongs to")
    time: str | None = Field(default=None, description="date, or the middle of a span")
    first: str | None = Field(default=None, description="date of the first image, or begin of the span")
    second: str | None = Field(default=None, description="date of the second image, or end of the span")
    span_days: float | None = Field(default=None, gt=0, description="days that a value spans, where nothing tells")
    max_span_days: float | None = Field(
        default=128.0, gt=0, description="image pairs that span more are left out, as by `glaciercast motion`; null: none is"
    )
    units: str | None = Field(default=None, description="units of the velocities where the file tells none")
    fewest: int = Field(default=12, ge=5, description="values of a series that a season takes; image pairs take 'fewest_pairs'")
    clean: bool = Field(default=True, description="leave out outliers: image pairs by the producers' rules, tables beyond 6 MADs")
    window: tuple[float, float, float, float] | None = Field(
        default=None, description="part of a grid to read: least x, least y, greatest x, greatest y"
    )
    points: dict[str, tuple[float, float]] = Field(default={}, description="name → x and y of a place whose pixels are told on their own")
    surge: SurgeRule = SurgeRule()


class ExploreConfig(Config):
    """Settings of `glaciercast explore`."""

    band: float = Field(default=250.0, gt=0, description="height of an elevation band, m")
    level: float = Field(default=0.95, gt=0, lt=1, description="of intervals")
    ice_share: float = Field(default=0.75, gt=0.5, le=1, description="share of ice from which a coarse cell counts as ice")
    ground_share: float = Field(default=0.1, ge=0, lt=0.5, description="share of ice up to which a coarse cell counts as ground")
    fewest_pairs: int = Field(default=30, ge=5, description="image pairs that a season of velocity takes")
    direction_error: float = Field(default=0.2, gt=0, description="largest relative error of a pixel's velocity that has a direction")
    thresholds: Thresholds = Thresholds()
    velocities: VelocitiesConfig = VelocitiesConfig()
