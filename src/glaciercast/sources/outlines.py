"""Outlines of glaciers: the Randolph Glacier Inventory, or a user's own file.

Attribute names and codes: RGI Consortium (2023), Randolph Glacier Inventory 7.0, doi 10.5067/f6jmovy5navz, user guide; those of RGI 5
and 6 are understood too. The inventory shows about the year 2000.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.errors import InputError, suggestion
from glaciercast.grid import Box
from glaciercast.sources import hrefs
from glaciercast.sources.outline_files import at_hand

if TYPE_CHECKING:
    from geopandas import GeoDataFrame
    from odc.geo.geobox import GeoBox
    from shapely.geometry.base import BaseGeometry

    from glaciercast.sources.access import Reader

REGION_URL = (
    "https://daacdata.apps.nsidc.org/pub/DATASETS/nsidc0770_rgi_v7/regional_files/RGI2000-v7.0-G/RGI2000-v7.0-G-{region:02d}_{name}.zip"
)
"""Where NSIDC keeps a region of RGI 7: `region` 1–19 and its `name`, such as 14 and ``south_asia_west``. It asks for an Earthdata login:
put a token into the environment variable ``EARTHDATA_TOKEN``."""
RGI = "Randolph Glacier Inventory (RGI Consortium), CC BY 4.0"
SURGE = {0: "not observed", 1: "possible", 2: "probable", 3: "observed", 9: "not assigned"}
"""Codes of ``surge_type``."""
ID, NAME, AREA, SURGING = ("rgi_id", "rgiid"), ("glac_name", "name"), ("area_km2", "area"), ("surge_type", "surging")
"""Attribute of RGI 7, and of RGI 5 and 6 (small letters)."""


@dataclass(frozen=True)
class Outline:
    """One glacier, or all that were asked for together.

    Attributes
    ----------
    name
        The glacier's name, or how many glaciers these are; empty where the file says nothing.
    rgi_id
        Identifier of the inventory, None for several glaciers or other files.
    geometry
        Polygon or multipolygon, degrees (EPSG:4326).
    area_km2
        Sum of what the inventory says, or else the area on the ellipsoid.
    surge_type
        0 not observed, 1 possible, 2 probable, 3 observed, 9 not assigned; None where the file says nothing or glaciers differ.
    source
        Where it was read, without a token.
    attribution
        Whom to name.
    """

    name: str
    rgi_id: str | None
    geometry: BaseGeometry
    area_km2: float
    surge_type: int | None
    source: str
    attribution: str


def read(
    location: str | Path, rgi_id: str | None = None, name: str | None = None, box: Box | None = None, reader: Reader | None = None
) -> Outline:
    """Read outlines from a shapefile, GeoPackage, GeoJSON or a zip archive of one of these.

    Parameters
    ----------
    location
        Path or URL. `REGION_URL` is where the regions of RGI 7 are.
    rgi_id, name
        Which glacier (upper and lower case alike); at most one of the two. Default: all.
    box
        Only glaciers that intersect lon min, lat min, lon max, lat max (degrees).
    reader
        What downloads a URL. Default: a new one, with the token of ``EARTHDATA_TOKEN`` for NSIDC's servers.

    Returns
    -------
    Outline
        Several glaciers are united.

    Raises
    ------
    InputError
        If the file is none of these, has no CRS, or has no such glacier or more than one of the name.
    SourceError
        If a server fails.
    """
    if rgi_id is not None and name is not None:
        raise InputError("outline: expected an RGI id or a name, not both")
    shown = hrefs.shown(str(location))
    with at_hand(str(location), reader) as path:
        frame = _frame(path, shown, box)
    chosen = _chosen(frame, shown, rgi_id, name)
    return _outline(chosen, shown)


def buffered(outline: Outline | BaseGeometry, metres: float, crs: str) -> BaseGeometry:
    """Return an outline widened by a distance.

    Parameters
    ----------
    outline
        Degrees (EPSG:4326).
    metres
        Distance in the plane of `crs`; 0 changes nothing.
    crs
        Projected CRS in whose plane it is measured, such as the site's.

    Returns
    -------
    shapely geometry
        Degrees (EPSG:4326).
    """
    geometry = outline.geometry if isinstance(outline, Outline) else outline
    if metres == 0:
        return geometry
    wider = to_crs(geometry, "EPSG:4326", crs).buffer(metres, quad_segs=32)  # 32: a circle's area to 0.04 %
    return to_crs(wider, crs, "EPSG:4326")


def rasterise(geometry: BaseGeometry, geobox: GeoBox) -> np.ndarray:
    """Return the pixels whose centres lie in a geometry (degrees, EPSG:4326), bool (y, x)."""
    from rasterio.features import rasterize

    projected = to_crs(geometry, "EPSG:4326", str(geobox.crs))
    if projected.is_empty:
        return np.zeros(geobox.shape, bool)
    burnt: np.ndarray = rasterize(
        [(projected, 1)], out_shape=tuple(geobox.shape), transform=geobox.affine, dtype="uint8", all_touched=False
    )
    return burnt > 0


def to_crs(geometry: BaseGeometry, source: str, target: str) -> BaseGeometry:
    """Return a geometry in another CRS; x is always east (or longitude)."""
    import shapely
    from pyproj import Transformer

    transformer = Transformer.from_crs(source, target, always_xy=True)
    return shapely.transform(geometry, lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1])))


def as_geojson(outline: Outline) -> dict[str, Any]:
    """Return an outline as a GeoJSON feature collection (degrees) that `read` understands."""
    import shapely
    from shapely.geometry import mapping

    rounded = shapely.set_precision(outline.geometry, 1e-7)  # 1 cm
    keys = {"rgi_id": outline.rgi_id, "glac_name": outline.name, "area_km2": round(outline.area_km2, 4), "surge_type": outline.surge_type}
    properties = {**keys, "source": outline.source, "attribution": outline.attribution}
    return {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": properties, "geometry": mapping(rounded)}]}


def _frame(path: Path, shown: str, box: Box | None) -> GeoDataFrame:
    """Return the polygons of a file in degrees, with attribute names in small letters."""
    import geopandas
    import shapely

    try:
        frame = geopandas.read_file(path, engine="pyogrio")
    except (RuntimeError, ValueError, OSError) as error:
        raise InputError(f"{shown}: cannot be read: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(frame, geopandas.GeoDataFrame) or not len(frame):
        raise InputError(f"{shown}: expected polygons, found none")
    if frame.crs is None:
        raise InputError(f"{shown}: has no CRS; expected one (a .prj beside a shapefile)")
    frame = frame.rename(columns={column: str(column).lower() for column in frame.columns}).set_geometry("geometry").to_crs("EPSG:4326")
    frame["geometry"] = shapely.make_valid(frame.geometry.array)
    frame = frame[frame.geometry.geom_type.isin(["Polygon", "MultiPolygon", "GeometryCollection"]) & ~frame.geometry.is_empty]
    if not len(frame):
        raise InputError(f"{shown}: expected polygons, found other geometries")
    if box is not None:
        frame = frame[frame.intersects(shapely.box(*box))]
        if not len(frame):
            raise InputError(f"{shown}: no outline in box {','.join(f'{edge:g}' for edge in box)}")
    return frame


def _chosen(frame: GeoDataFrame, shown: str, rgi_id: str | None, name: str | None) -> GeoDataFrame:
    """Return the rows of one glacier, or all."""
    if rgi_id is None and name is None:
        return frame
    column = _column(frame, ID if rgi_id is not None else NAME)
    wanted = str(rgi_id if rgi_id is not None else name).strip().casefold()
    if column is None:
        raise InputError(
            f"{shown}: has no attribute {' or '.join(ID if rgi_id is not None else NAME)}; give a box or a file of one glacier"
        )
    values = frame[column].fillna("").astype(str).map(_printable)
    folded = values.str.casefold()
    exact = frame[folded == wanted]
    rows = exact if len(exact) or rgi_id is not None else frame[folded.str.contains(wanted, regex=False)]
    if len(rows) == 1:
        return rows
    if not len(rows):
        known = sorted({value for value in values if value})
        raise InputError(f"{shown}: no glacier '{rgi_id or name}' among {len(frame)}{suggestion(str(rgi_id or name), known)}")
    identity = _column(frame, ID)
    hits = [f"{values[at]} ({rows.loc[at, identity]})" if identity else values[at] for at in rows.index[:5]]
    more = ", …" if len(rows) > 5 else ""
    raise InputError(f"{shown}: {len(rows)} glaciers match '{rgi_id or name}': {', '.join(hits)}{more}; give the RGI id")


def _outline(rows: GeoDataFrame, shown: str) -> Outline:
    import shapely

    parts = shapely.get_parts(shapely.get_parts(rows.geometry.array))  # twice: a collection may hold multipolygons
    geometry = shapely.union_all(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
    one = rows.iloc[0] if len(rows) == 1 else None
    columns = {key: _column(rows, names) for key, names in (("id", ID), ("name", NAME), ("area", AREA), ("surging", SURGING))}
    texts = {key: "" if one is None or columns[key] is None else _printable(one[columns[key]]) for key in ("id", "name")}
    areas = _numbers(rows, columns["area"])
    listed = columns["id"] is not None and areas.size > 0 and bool(np.isfinite(areas).all() and (areas > 0).all())
    kinds = set(_numbers(rows, columns["surging"])) & set(SURGE)
    return Outline(
        name=texts["name"] if one is not None else f"{len(rows)} glaciers",
        rgi_id=texts["id"] or None,
        geometry=geometry,
        area_km2=float(areas.sum()) if listed else _ellipsoidal_area(geometry),
        surge_type=int(kinds.pop()) if len(kinds) == 1 else None,
        source=shown,
        attribution=RGI if columns["id"] is not None else "",
    )


def _numbers(rows: GeoDataFrame, column: str | None) -> np.ndarray:
    """Return an attribute as numbers, float64; NaN where it is none."""
    import pandas as pd

    return np.array([] if column is None else pd.to_numeric(rows[column], errors="coerce"), float)


def _column(frame: GeoDataFrame, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in frame.columns), None)


def _printable(value: object) -> str:
    """Return a name without what inventories pad it with; empty for no value."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(character if character.isprintable() else " " for character in value).split())


def _ellipsoidal_area(geometry: BaseGeometry) -> float:
    """Return the area on the WGS 84 ellipsoid, km²."""
    from pyproj import Geod

    area, _ = Geod(ellps="WGS84").geometry_area_perimeter(geometry)
    return abs(area) / 1e6
