"""What a simulated glacier is made of: every key beside its default; the built-in scenarios are YAML files that set some of them."""

from __future__ import annotations

import datetime as dt
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from glaciercast import config
from glaciercast.config import Config
from glaciercast.errors import InputError, unknown
from glaciercast.grid import known_crs

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class Area(Config):
    """Where the glacier lies: a rectangle of pixels on the site's own UTM grid, in the northern hemisphere."""

    crs: str = Field(description="projected CRS of the site, such as EPSG:32643")
    lon: float = Field(ge=-179, le=179, description="centre, degrees")
    lat: float = Field(ge=0, le=82, description="centre, degrees; seasons are those of the north, and no Landsat path reaches beyond 82°")
    rows: int = Field(gt=15)
    columns: int = Field(gt=15)
    resolution: Positive = Field(default=30.0, description="m")
    margin: int = Field(default=40, ge=8, description="pixels simulated beyond each edge, for geolocation errors, shadows and other zones")

    @field_validator("crs")
    @classmethod
    def _crs(cls, value: str) -> str:
        known_crs(value)
        return value

    @model_validator(mode="after")
    def _in_its_zone(self) -> Area:
        from pyproj import CRS

        crs = CRS(self.crs)
        place = crs.area_of_use
        if not crs.is_projected:
            raise ValueError(f"crs: expected a projected CRS with units of metres, found {self.crs}")
        if place is not None and not (place.west - 3 <= self.lon <= place.east + 3 and place.south - 1 <= self.lat <= place.north + 1):
            raise ValueError(f"crs: {self.crs} does not cover {self.lon:g} E, {self.lat:g} N")
        return self


class TerrainSpec(Config):
    """A fluvial mountain landscape into which ice has carved a trunk valley and a tributary."""

    valley_floor: float = Field(description="elevation of the proglacial plain, m")
    peak: float = Field(description="elevation of the highest ridges, m")
    azimuth: float = Field(
        default=180.0, ge=0, lt=360, description="direction in which the trunk valley descends, degrees clockwise from north"
    )
    roughness: Positive = Field(default=1.0, description="factor on the fractal detail")

    @model_validator(mode="after")
    def _ordered(self) -> TerrainSpec:
        if self.peak <= self.valley_floor:
            raise ValueError("expected valley_floor < peak")
        return self


class GlacierSpec(Config):
    """Trunk and tributary: sizes as shares of the area, ice thickness and speed in metres and metres a year."""

    width: Positive = Field(description="of the trunk, m")
    thickness: Positive = Field(description="greatest, on the centre line, m")
    terminus: Share = Field(default=0.72, description="where the trunk ends, as a share of the valley's length from the headwall")
    speed: Positive = Field(description="greatest mean surface speed, m/yr")
    sliding_share: Share = Field(default=0.5, description="share of the surface speed that is sliding (carries the seasonal cycle)")
    seasonal_amplitude: Share = Field(default=0.25, description="of the sliding, relative")
    seasonal_peak: float = Field(default=175.0, ge=0, le=366, description="day of the year of the fastest ice")
    debris: Share = Field(default=0.6, description="share of the ablation zone's length, from the terminus, that debris covers")


class SurgeSpec(Config):
    """One surge: speed-up along the lower trunk between two dates, on top of the quiet flow."""

    start: dt.date
    peak: dt.date
    end: dt.date
    speed: Positive = Field(description="greatest additional speed, m/day")

    @model_validator(mode="after")
    def _ordered(self) -> SurgeSpec:
        if not self.start < self.peak < self.end:
            raise ValueError("expected start < peak < end")
        return self


class WeatherSpec(Config):
    """Daily temperature and precipitation at the reference elevation: season, trend, a predictable and an unpredictable share."""

    reference_elevation: float = Field(description="m")
    mean_temperature: float = Field(description="annual mean at the reference elevation, °C")
    seasonal_amplitude: Positive = Field(description="half the difference between the warmest and the coldest day, K")
    warmest_day: float = Field(default=200.0, description="day of the year")
    trend: float = Field(default=0.0, description="K per decade")
    lapse_rate: Positive = Field(default=6.5, description="K per km")
    annual_precipitation: Positive = Field(description="at the reference elevation, mm w.e.")
    precipitation_gradient: float = Field(default=0.05, description="relative increase per 100 m")
    winter_share: Share = Field(default=0.5, description="share of the precipitation that falls from November to April")
    regime_sd: float = Field(default=1.2, ge=0, description="slow temperature anomaly (months), K: the predictable share")
    regime_memory: Positive = Field(default=60.0, description="e-folding time of the slow anomaly, days")
    synoptic_sd: float = Field(default=3.0, ge=0, description="day-to-day temperature anomaly, K: unpredictable beyond a week")
    synoptic_memory: Positive = Field(default=3.0, description="e-folding time of the day-to-day anomaly, days")
    wetness_sd: float = Field(default=0.45, ge=0, description="log-scale standard deviation of the slow precipitation anomaly")
    mean_cloud: Share = Field(default=0.5, description="annual mean cloud cover")
    cloud_season: Share = Field(default=0.2, description="amplitude of its season; cloudiest on `cloudiest_day`")
    cloudiest_day: float = Field(default=215.0, description="day of the year")


class SnowSpec(Config):
    """Degree-day snow by elevation and exposure."""

    melt_factor: Positive = Field(default=4.5, description="mm w.e. per K and day, for a level surface")
    exposure_effect: Share = Field(default=0.6, description="relative change of melt between level ground and the sunniest slope")
    snow_below: float = Field(default=1.0, description="air temperature below which precipitation is snow, °C (mixed over ±1.5 K)")
    full_cover: Positive = Field(default=40.0, description="mm w.e. at which an average pixel is covered whole")


class TemperatureSpec(Config):
    """Land surface temperature and how MODIS samples it."""

    diurnal_amplitude: float = Field(default=14.0, ge=0, description="clear-sky amplitude of bare ground at noon in summer, K")
    night_cooling: float = Field(default=9.0, ge=0, description="clear-sky cooling of the surface below the daily mean air at night, K")
    noise: float = Field(default=0.8, ge=0, description="error of one retrieval, K")
    products: tuple[Literal["MOD11A1", "MYD11A1", "MOD11A2", "MYD11A2"], ...] = ("MOD11A2", "MYD11A2")
    daily_from: dt.date | None = Field(default=None, description="first day of the daily products (default: as long as the rest)")
    daily_until: dt.date | None = None
    start: dt.date | None = Field(default=None, description="first day of the products (default: the scenario's)")
    drift_from: dt.date = Field(default=dt.date(2020, 6, 1), description="Terra's view time begins to drift")
    drift_hours_a_year: float = Field(default=0.4, ge=0, description="hours earlier per year")


class LakeSpec(Config):
    """A lake in an ice-free side valley that the trunk dams; it fills with melt and drains by a hazard that grows with its level."""

    full_share: Share = Field(default=0.9, description="level at which the dam floats, as a share of the ice thickness there")
    start: dt.date = Field(description="the dam closes")
    inflow: Positive = Field(default=1.0, description="factor on the melt of the side valley's catchment")
    base_hazard: float = Field(default=0.08, gt=0, le=1, description="chance of drainage on a day with a full lake")
    steepness: Positive = Field(default=14.0, description="of the hazard's growth with the filled share (logistic)")
    midpoint: Share = Field(default=0.85, description="filled share at which the hazard is half of `base_hazard`")
    drain_days: int = Field(default=2, ge=1)


class CloudSpec(Config):
    """Fractal clouds above the terrain, with shadows where the sun puts them."""

    base: Positive = Field(default=1500.0, description="height above the mean terrain, m")
    scale: Positive = Field(default=9000.0, description="largest structures, m")
    sharpness: Positive = Field(default=5.0, description="how quickly a cloud becomes opaque inside its edge")


class Sensor(Config):
    """One satellite's visits."""

    platform: Literal["landsat-7", "landsat-8", "landsat-9", "Sentinel-2A", "Sentinel-2B"]
    start: dt.date
    end: dt.date
    every_days: int = Field(gt=0, description="days between visits on one path")
    offset_days: int = Field(default=0, ge=0)
    keep: Share = Field(default=1.0, description="share of the visits that the archive holds")
    crs: str | None = Field(default=None, description="zone of the scenes on this path (default: the site's)")
    path: int = Field(default=147, ge=1, description="WRS-2 path, or relative orbit of Sentinel-2")
    row: int = Field(default=38, ge=0, description="WRS-2 row; 0 for Sentinel-2")
    tiles: tuple[str, ...] = Field(default=(), description="MGRS tiles of Sentinel-2 that meet the area, west to east")
    swath_edge: Share = Field(default=0.0, description="share of the area that the western edge of the swath cuts off")

    @model_validator(mode="after")
    def _sensible(self) -> Sensor:
        if self.start > self.end:
            raise ValueError("expected start <= end")
        if self.platform.startswith("Sentinel") != (1 <= len(self.tiles) <= 2):
            raise ValueError("tiles: expected one or two for Sentinel-2 and none for Landsat")
        return self


class OpticalSpec(Config):
    """Visits of all optical sensors and the errors of their scenes."""

    sensors: tuple[Sensor, ...]
    max_cloud: Share = Field(default=0.9, description="cloudier visits were never processed to Level 2")
    jitter: float = Field(default=6.0, ge=0, description="standard deviation of the geolocation error along each axis, m")
    noise: float = Field(default=0.004, ge=0, description="standard deviation of one pixel's reflectance")
    two_rows: Share = Field(default=0.1, description="share of Landsat visits that come as two scenes of neighbouring rows")
    reprocessed: Share = Field(default=0.15, description="share of Sentinel-2 scenes that are there twice: old and new processing baseline")
    bright_ice_as_cloud: Share = Field(default=0.25, description="share of clear bright snow and ice that the masks call cloud")
    missed_cloud: Share = Field(default=0.1, description="share of thin cloud that the masks miss")


class VelocitySpec(Config):
    """Image-pair velocities as ITS_LIVE serves them."""

    pairs: int = Field(default=800, gt=0)
    start: dt.date | None = Field(default=None, description="of the first image (default: the scenario's)")
    outliers: Share = Field(default=0.03, description="share of wrong matches")
    missing: Share = Field(default=0.25, description="mean share of pixels without a match")


class Scenario(Config):
    """One simulated glacier."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    note: str = ""
    start: dt.date
    end: dt.date
    area: Area
    terrain: TerrainSpec
    glacier: GlacierSpec
    surge: SurgeSpec | None = None
    weather: WeatherSpec
    snow: SnowSpec = SnowSpec()
    temperature: TemperatureSpec | None = TemperatureSpec()
    lake: LakeSpec | None = None
    clouds: CloudSpec = CloudSpec()
    optical: OpticalSpec
    velocity: VelocitySpec | None = VelocitySpec()

    @model_validator(mode="after")
    def _ordered(self) -> Scenario:
        if not self.start < self.end:
            raise ValueError("expected start < end")
        for name, part in (("temperature", self.temperature), ("velocity", self.velocity), ("lake", self.lake)):
            if part is not None and part.start is not None and part.start >= self.end:
                raise ValueError(f"{name}.start: expected a day before end")
        return self


def names() -> list[str]:
    """Return the names of the built-in scenarios."""
    folder = resources.files("glaciercast.simulate") / "scenarios"
    return sorted(entry.name.removesuffix(".yml") for entry in folder.iterdir() if entry.name.endswith(".yml"))


def load(query: str | Path) -> Scenario:
    """Return a built-in scenario by name, or the one in a YAML file (``*.yml``, ``*.yaml``).

    Raises
    ------
    InputError, ConfigError
        If there is no such scenario or file, or a key is unknown, missing or unusable.
    """
    text = str(query)
    if text.endswith((".yml", ".yaml")):
        return config.load(Scenario, text)
    if text not in names():
        raise InputError(unknown("scenario", text, names()))
    source = (resources.files("glaciercast.simulate") / "scenarios" / f"{text}.yml").read_text(encoding="utf-8")
    return config.parse(Scenario, yaml.safe_load(source), f"scenario {text}")
