"""What is known about one glacier before any satellite looks at it."""

from __future__ import annotations

from pydantic import Field, model_validator

from glaciercast.config import Config
from glaciercast.grid import Box, GridSpec, check_box


class Site(Config):
    """A glacier: where it lies and on which grid its cubes are built."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    country: str
    box: Box = Field(description="lon min, lat min, lon max, lat max in degrees")
    crs: str
    resolution: float = Field(default=30.0, gt=0, description="m")
    rgi_id: str | None = None
    outline_box: Box | None = Field(default=None, description="extent of the glacier's outline in degrees")
    lake: tuple[float, float, float] | None = Field(default=None, description="lon, lat (degrees) and elevation (m) of an ice-dammed lake")
    polar_night: bool = Field(default=False, description="no optical data in mid-winter: never filled")
    notes: str = ""

    @model_validator(mode="after")
    def _sensible(self) -> Site:
        check_box(self.box)
        return self

    @property
    def grid(self) -> GridSpec:
        """The grid on which the site's cubes are built."""
        return GridSpec(crs=self.crs, resolution=self.resolution, box=self.box)
