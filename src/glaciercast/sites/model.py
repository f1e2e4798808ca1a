"""What is known about one glacier before any satellite looks at it."""

from __future__ import annotations

from pydantic import Field, model_validator

from glaciercast.config import Config
from glaciercast.grid import Anchor, Box, GridSpec, check_box

LANDSAT = 30.0
"""Pixel size of Landsat, m."""


class Site(Config):
    """A glacier: where it lies and on which grid its cubes are built."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    country: str = ""
    box: Box = Field(description="lon min, lat min, lon max, lat max in degrees")
    crs: str
    resolution: float = Field(default=30.0, gt=0, description="m")
    anchor: Anchor | None = Field(
        default=None, description="what of a pixel lies on multiples of `resolution`; default: the centre at 30 m, else the edge"
    )
    rgi_id: str | None = None
    outline: str | None = Field(default=None, description="file of the glacier's outline, seen from the site's own file")
    buffer: float = Field(default=0.0, ge=0, description="by how much the outline is widened, m: where ice has advanced since it was drawn")
    outline_box: Box | None = Field(default=None, description="extent of the glacier's outline in degrees")
    lake: tuple[float, float, float] | None = Field(default=None, description="lon, lat (degrees) and elevation (m) of an ice-dammed lake")
    polar_night: bool = Field(default=False, description="no optical data in mid-winter; alignment goes by the latitude and never fills it")
    notes: str = ""

    @model_validator(mode="after")
    def _sensible(self) -> Site:
        check_box(self.box)
        return self

    @property
    def grid(self) -> GridSpec:
        """The grid on which the site's cubes are built.

        Landsat's pixel centres lie on multiples of 30 m (Landsat 8-9 Collection 2 Level 1 Data Format Control Book, LSDS-1822): on
        a grid that does the same, its scenes are copied and not resampled. South of the equator they are resampled all the same,
        because Landsat keeps the northern zones there, and the southern ones begin 10,000 km away, which is no multiple of 30 m.
        """
        anchor = self.anchor or ("centre" if self.resolution == LANDSAT else "edge")
        return GridSpec(crs=self.crs, resolution=self.resolution, box=self.box, anchor=anchor)
