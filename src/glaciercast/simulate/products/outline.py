"""The glacier's outline of about 2000, as a shapefile with the attributes of the Randolph Glacier Inventory 7.0.

Attribute names, types and codes: RGI Consortium (2023), Randolph Glacier Inventory 7.0, doi 10.5067/f6jmovy5navz, user guide.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.errors import InputError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from glaciercast.simulate.scenario import Scenario
    from glaciercast.simulate.world import World

SOURCE_DATE = "2000-08-15T00:00:00"
SIMPLIFY = 0.8
"""Pixels by which a simplified outline may leave the pixels' edges."""
SMALLEST = 0.01e6
"""m²; the inventory holds no smaller glaciers."""
SURGE_OBSERVED, SURGE_NONE = 3, 0
NOT_ASSIGNED = 9
REGIONS = (
    ("13", (66.0, 36.8, 105.0, 56.0)), ("14", (66.0, 26.0, 79.5, 36.8)), ("15", (79.5, 26.0, 105.0, 36.8)),
    ("11", (-1.0, 42.0, 17.0, 49.0)), ("05", (-75.0, 59.0, -10.0, 84.0)),
)  # fmt: skip
"""First-order regions of the inventory, as rough boxes: lon min, lat min, lon max, lat max."""


def region(lon: float, lat: float) -> str:
    """Return the inventory's first-order region at a place, or ``00`` outside those that are known here."""
    return next((code for code, (west, south, east, north) in REGIONS if west <= lon < east and south <= lat < north), "00")


def write(world: World, archive: Path, scenario: Scenario, seed: int) -> Path:
    """Write ``outlines/RGI2000-v7.0-G-<region>_simulated.shp`` and return its path; replaces an older one.

    Parameters
    ----------
    world
        Its ``ice`` is the extent before any surge.
    seed
        Unused: nothing is random. It is there because all products are written alike.

    Raises
    ------
    InputError
        If the world has no ice.
    """
    import geopandas

    del seed
    shapes = polygons(world)
    if not shapes:
        raise InputError(f"scenario '{scenario.name}': has no ice, so it has no outline")
    code = region(scenario.area.lon, scenario.area.lat)
    assert world.grid.crs is not None
    projected = geopandas.GeoSeries(shapes, crs=world.grid.crs.proj)
    geographic = projected.to_crs("EPSG:4326")
    rows = [
        _attributes(world, scenario, code, number, shape, place)
        for number, (shape, place) in enumerate(zip(projected, geographic, strict=True), 1)
    ]
    folder = archive / "outlines"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"RGI2000-v7.0-G-{code}_simulated.shp"
    geopandas.GeoDataFrame(rows, geometry=geographic.array).to_file(path, engine="pyogrio")
    return path


def polygons(world: World) -> list[BaseGeometry]:
    """Return the outlines of the ice in the master grid's CRS, largest first; simplified, so that they no longer follow the pixels."""
    from rasterio.features import shapes
    from shapely.geometry import shape

    found = [shape(geometry) for geometry, _ in shapes(world.ice.astype(np.uint8), mask=world.ice, transform=world.grid.affine)]
    pixel = abs(world.grid.resolution.x)
    kept = [polygon.simplify(SIMPLIFY * pixel) for polygon in found if polygon.area >= SMALLEST]
    return sorted(kept, key=lambda polygon: -float(polygon.area))


def _attributes(world: World, scenario: Scenario, code: str, number: int, shape: BaseGeometry, place: BaseGeometry) -> dict[str, Any]:
    inside = _inside(world, shape)
    elevation = world.elevation[inside]
    slope = np.degrees(world.slope[inside])
    aspect = _mean_direction(world.aspect[inside])
    centre = place.representative_point()
    terminus = _terminus(world, inside)
    assert world.grid.crs is not None
    return {
        "rgi_id": f"RGI2000-v7.0-G-{code}-{90000 + number:05d}",
        "o1region": code,
        "o2region": f"{code}-00",
        "glims_id": f"G{round(centre.x % 360 * 1000):06d}E{round(abs(centre.y) * 1000):05d}{'N' if centre.y >= 0 else 'S'}",
        "anlys_id": number,
        "subm_id": 0,
        "src_date": SOURCE_DATE,
        "cenlon": round(centre.x, 6),
        "cenlat": round(centre.y, 6),
        "utm_zone": (world.grid.crs.epsg or 0) % 100,
        "area_km2": float(shape.area) / 1e6,
        "primeclass": 0,
        "conn_lvl": 0,
        "surge_type": SURGE_OBSERVED if scenario.surge else SURGE_NONE,
        "term_type": NOT_ASSIGNED,
        "glac_name": f"{scenario.title}"[:80] if number == 1 else None,
        "is_rgi6": 0,
        "termlon": terminus[0],
        "termlat": terminus[1],
        "zmin_m": float(elevation.min()),
        "zmax_m": float(elevation.max()),
        "zmed_m": float(np.median(elevation)),
        "zmean_m": float(elevation.mean()),
        "slope_deg": float(slope.mean()),
        "aspect_deg": aspect,
        "aspect_sec": int((aspect + 22.5) % 360 // 45) + 1,
        "dem_source": "SIMULATED",
        "lmax_m": _length(shape),
    }


def _inside(world: World, shape: BaseGeometry) -> np.ndarray:
    from rasterio.features import rasterize

    burnt: np.ndarray = rasterize([shape], out_shape=world.ice.shape, transform=world.grid.affine, dtype="uint8")
    inside: np.ndarray = (burnt > 0) & world.ice
    return inside


def _mean_direction(aspect: np.ndarray) -> float:
    """Return the mean of directions (radians) as degrees clockwise from north."""
    return float(np.degrees(np.arctan2(np.sin(aspect).mean(), np.cos(aspect).mean())) % 360)


def _terminus(world: World, inside: np.ndarray) -> tuple[float, float]:
    """Return longitude and latitude of the lowest ice."""
    from pyproj import Transformer

    row, column = np.unravel_index(np.argmin(np.where(inside, world.elevation, np.inf)), inside.shape)
    east, north = world.grid.affine * (column + 0.5, row + 0.5)
    assert world.grid.crs is not None
    lon, lat = Transformer.from_crs(world.grid.crs.proj, "EPSG:4326", always_xy=True).transform(east, north)
    return float(lon), float(lat)


def _length(shape: BaseGeometry) -> int:
    """Return the longer side of the smallest rectangle around the outline, m: a rough length, as there are no flowlines."""
    x, y = (np.asarray(values) for values in shape.minimum_rotated_rectangle.exterior.coords.xy)
    return round(float(np.hypot(np.diff(x), np.diff(y)).max()))
