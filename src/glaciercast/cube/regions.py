"""The parts of the Earth's surface that a product should cover: a glacier's outline, a lake's surroundings.

Regions are brought to one Lambert azimuthal equal-area plane about the glacier, where areas are true square metres.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glaciercast.errors import InputError

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from pyproj import Transformer

Array = NDArray[np.float64]
DEGREES = "EPSG:4326"
SEGMENT = 0.002
"""Longest edge of an outline before it is projected, degrees: a parallel of 200 m bends by less than a millimetre."""


@dataclass(frozen=True)
class Region:
    """A part of the Earth's surface that a product should cover.

    Attributes
    ----------
    name
        ``outline`` or ``lake``.
    geometry
        Shapely polygon(s) in degrees (WGS 84).
    shape
        The same on `plane`, m.
    plane
        The equal-area plane as a PROJ text; regions that are compared share it.
    """

    name: str
    geometry: Any
    shape: Any
    plane: str

    @property
    def area(self) -> float:
        """Area in m²."""
        return float(self.shape.area)


def region(name: str, geometry: Any, plane: str | None = None) -> Region:
    """Return a region of a polygon in degrees (WGS 84); `plane` is that of another region, or None for one about this polygon.

    Raises
    ------
    InputError
        If the geometry is empty or has no area.
    """
    import shapely

    valid = shapely.make_valid(shapely.force_2d(geometry))
    if valid.is_empty or valid.area == 0:
        raise InputError(f"{name}: expected a polygon, found {geometry.geom_type if not valid.is_empty else 'nothing'} without an area")
    centre = valid.centroid
    plane = plane or f"+proj=laea +lon_0={centre.x:.6f} +lat_0={centre.y:.6f} +datum=WGS84 +units=m +type=crs"
    return Region(name, valid, shapely.make_valid(project(valid, DEGREES, plane, SEGMENT)), plane)


def widened(region: Region, metres: float) -> Region:
    """Return the region with everything that lies within `metres` of it."""
    shape = region.shape.buffer(metres)
    return Region(region.name, project(shape, region.plane, DEGREES, metres), shape, region.plane)


def circle(lon: float, lat: float, radius: float) -> Any:
    """Return the polygon in degrees of all points within `radius` metres of a point (256 corners: its area is 0.01 % short)."""
    import shapely

    plane = f"+proj=aeqd +lon_0={lon:.9f} +lat_0={lat:.9f} +datum=WGS84 +units=m +type=crs"
    return project(shapely.Point(0, 0).buffer(radius, quad_segs=64), plane, DEGREES, radius)


def of_mask(mask: NDArray[np.bool_], geobox: GeoBox) -> Any:
    """Return the polygon(s) in degrees of the pixels where `mask` (y, x) is true.

    Raises
    ------
    InputError
        If no pixel is.
    """
    import shapely
    from rasterio.features import shapes

    found = [shapely.geometry.shape(shape) for shape, _ in shapes(mask.astype("uint8"), mask=mask, transform=geobox.affine)]
    if not found:
        raise InputError("mask of ice: expected pixels inside the outline, found none")
    return project(shapely.union_all(found), geobox.crs, DEGREES, abs(geobox.resolution.x))


def project(geometry: Any, source: Any, target: Any, longest: float) -> Any:
    """Return a shapely geometry in another CRS; its edges are first cut to at most `longest` units of `source`, as straight lines bend."""
    import shapely

    return shapely.transform(shapely.segmentize(geometry, longest), lambda points: move(points, source, target))


def move(points: Array, source: Any, target: Any) -> Array:
    """Return coordinates (point, 2) of CRS `source` in CRS `target`, x or longitude first."""
    x, y = _transformer(str(source), str(target)).transform(points[:, 0], points[:, 1])
    return np.column_stack([x, y])


@functools.lru_cache(maxsize=32)
def _transformer(source: str, target: str) -> Transformer:
    from pyproj import Transformer

    return Transformer.from_crs(source, target, always_xy=True)
