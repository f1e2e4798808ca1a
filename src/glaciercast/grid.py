"""The target grid: CRS, resolution and extent as an odc-geo `GeoBox`, north up."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from glaciercast.config import Config
from glaciercast.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

Box = tuple[float, float, float, float]
Anchor = Literal["edge", "centre"]


class GridSpec(Config):
    """A grid as a user writes it: pixel edges (or centres) are multiples of `resolution`, the box is covered whole."""

    crs: str = Field(description="projected CRS, such as EPSG:32643")
    resolution: float = Field(gt=0, description="pixel size in units of the CRS (m)")
    box: Box = Field(description="lon min, lat min, lon max, lat max in degrees (WGS 84)")
    anchor: Anchor = Field(default="edge", description="what of a pixel lies on multiples of `resolution`")

    @model_validator(mode="after")
    def _ordered(self) -> GridSpec:
        check_box(self.box)
        return self


def check_box(box: Box) -> None:
    """Raise ValueError unless `box` is lon min, lat min, lon max, lat max in degrees, neither empty nor swapped."""
    west, south, east, north = box
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ValueError("expected lon min < lon max within ±180 and lat min < lat max within ±90")


def known_crs(name: str) -> None:
    """Raise ValueError unless `name` is a CRS that PROJ knows."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        CRS(name)
    except CRSError as error:
        raise ValueError(f"'{name}' is not a known coordinate reference system") from error


def make(spec: GridSpec) -> GeoBox:
    """Return the north-up `GeoBox` of `spec`.

    Raises
    ------
    InputError
        If the CRS is unknown or is not projected (degrees are no lengths).
    """
    from odc.geo.crs import CRS
    from odc.geo.geobox import GeoBox
    from odc.geo.geom import box as geometry_box

    try:
        known_crs(spec.crs)
    except ValueError as error:
        raise InputError(f"crs '{spec.crs}': not a known coordinate reference system") from error
    crs = CRS(spec.crs)
    if not crs.projected:
        raise InputError(f"crs '{spec.crs}': expected a projected CRS with units of metres, found degrees")
    footprint = geometry_box(*spec.box, crs="EPSG:4326").to_crs(crs, resolution=0.01)
    return GeoBox.from_bbox(footprint.boundingbox, crs=crs, resolution=spec.resolution, anchor=spec.anchor)


def same(a: GeoBox, b: GeoBox, tolerance: float = 1e-3) -> bool:
    """Tell whether two grids agree in CRS, shape and position (to `tolerance` pixels)."""
    if a.crs != b.crs or a.shape != b.shape:
        return False
    pixel = max(abs(a.resolution.x), abs(a.resolution.y))
    corners = [(0, 0), (a.shape.x, a.shape.y)]
    return all(
        abs(p - q) <= tolerance * pixel for corner in corners for p, q in zip(a.transform * corner, b.transform * corner, strict=True)
    )


def describe(geobox: GeoBox) -> str:
    """Return the grid in a few words, such as ``800×800 pixels of 30×30 m in EPSG:32643``."""
    height, width = geobox.shape
    return f"{height}×{width} pixels of {abs(geobox.resolution.x):g}×{abs(geobox.resolution.y):g} m in {crs_name(geobox)}"


def crs_name(geobox: GeoBox) -> str:
    """Return the CRS of a grid as ``EPSG:…``, or its full text where it has no code."""
    crs = geobox.crs
    return f"EPSG:{crs.epsg}" if crs is not None and crs.epsg else str(crs)


def coordinates(geobox: GeoBox) -> dict[str, xr.DataArray]:
    """Return CF coordinates ``y``, ``x`` (pixel centres, m) and the grid mapping ``spatial_ref`` of a grid."""
    from odc.geo.xr import xr_coords

    coords: dict[Any, xr.DataArray] = dict(xr_coords(geobox))
    for axis in ("y", "x"):
        coords[axis].attrs.update(standard_name=f"projection_{axis}_coordinate", axis=axis.upper(), units="m")
    return {str(name): value for name, value in coords.items()}


def with_code(geobox: GeoBox) -> GeoBox:
    """Return the grid with its CRS as ``EPSG:…`` where the CRS is one, however the file spells it.

    Files spell one CRS in many ways (WKT 1 with ``TOWGS84``, WKT 2, a code); grids that are the same must compare equal.
    """
    from odc.geo.geobox import GeoBox

    code = None if geobox.crs is None else _epsg(str(geobox.crs))
    return geobox if code is None else GeoBox(geobox.shape, geobox.affine, f"EPSG:{code}")


@functools.lru_cache(maxsize=64)
def _epsg(crs: str) -> int | None:
    from pyproj import CRS

    given = CRS(crs)
    bound = given.source_crs if given.is_bound else None  # TOWGS84 binds a CRS to WGS 84 and is no part of it
    definition = bound or given
    declared = definition.to_json_dict().get("id", {})
    code = definition.to_epsg() or (declared["code"] if declared.get("authority") == "EPSG" else None)
    return None if code is None else int(code)


def of(dataset: xr.Dataset | xr.DataArray, origin: str) -> GeoBox:
    """Return the grid of a georeferenced dataset.

    Raises
    ------
    InputError
        If it has no CRS or no regular y and x axes; the message names `origin`.
    """
    import odc.geo.xr  # noqa: F401 (registers the accessor)

    geobox = dataset.odc.geobox
    if geobox is None:
        raise InputError(f"{origin}: expected regular y and x axes, found none")
    if geobox.crs is None:
        raise InputError(f"{origin}: has no CRS; set 'crs' in the recipe if you know it")
    return geobox  # type: ignore[no-any-return]
