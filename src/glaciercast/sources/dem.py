"""Copernicus DEM GLO-30 (collection ``cop-dem-glo-30``): elevation on the target grid, with slope and aspect.

Lattice of the tiles (Copernicus DEM Product Handbook, Airbus 2022): one degree each, rows one arc second apart, columns one arc
second or, from 50° north and south on, 1.5 to 10; a pixel's centre is on the north-western corner, so that tiles meet without a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.errors import InputError
from glaciercast.sources import warp

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from pystac import Item

    from glaciercast.sources.fetch import Fetcher
    from glaciercast.sources.scene import RawBand
    from glaciercast.sources.stac import Catalogue

COLLECTION, ASSET = "cop-dem-glo-30", "data"
ATTRIBUTION = (
    "Copernicus DEM GLO-30: © DLR e.V. 2010–2014 and © Airbus Defence and Space GmbH 2014–2018 provided under COPERNICUS by the "
    "European Union and ESA; all rights reserved"
)
LICENCE = "https://spacedata.copernicus.eu/collections/copernicus-digital-elevation-model"
MARGIN = 1
"""Pixels around the target that Horn's method needs."""
NODE = 32
"""Pixels between the points at which the direction of north is computed; in between it is linear to less than 0.001°."""


def find(catalogue: Catalogue, target: GeoBox) -> list[Item]:
    """Return the tiles that a grid and its margin touch, whatever the date that a catalogue gives them.

    Raises
    ------
    InputError
        If there are none.
    """
    west, south, east, north = target.pad(MARGIN + 1).geographic_extent.boundingbox.bbox
    return catalogue.search(COLLECTION, (west, south, east, north), "2000", "2100")


def terrain(items: Sequence[Item], target: GeoBox, fetcher: Fetcher) -> dict[str, np.ndarray]:
    """Return elevation, slope and aspect; see `read`."""
    return read(items, target, fetcher)[0]


def read(items: Sequence[Item], target: GeoBox, fetcher: Fetcher) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """Return the terrain on a grid, and where it is from.

    Parameters
    ----------
    items
        Tiles of GLO-30; those that do not touch the grid are passed over.
    target
        North-up grid in metres.
    fetcher
        What reads windows of the tiles.

    Returns
    -------
    arrays : dict
        ``elevation`` (m above the geoid EGM2008), ``slope`` (degrees) and ``aspect`` (degrees clockwise from true north, the direction in
        which the surface descends; 0 where it is level), each float32 (y, x); NaN where there is no tile.
    facts : list of dict
        Provenance of each tile, as of `fetch.Fetcher.fetch`.

    Raises
    ------
    InputError
        If no tile has data on the grid.
    SourceError
        If a tile cannot be read.

    Notes
    -----
    The tiles are put together on their own lattice first, so that no seam shows, and resampled once. Slopes at the edges of the grid
    are made with the terrain beyond it.
    """
    wide = target.pad(MARGIN)
    fetched = [fetcher.fetch(item, ASSET, wide) for item in items]
    pieces = [(each.band, each.facts) for each in fetched if each.band is not None]
    if not pieces:
        raise InputError(f"{COLLECTION}: expected tiles that meet the grid, found none among {len(items)}")
    values, geobox = mosaic([band for band, _ in pieces])
    elevation = warp.onto(values, geobox, wide, "continuous", np.nan)
    if not np.isfinite(elevation).any():
        raise InputError(f"{COLLECTION}: expected elevations on the grid, found none in {len(pieces)} tile(s)")
    slope, aspect = slope_aspect(elevation, wide)
    inner = (slice(MARGIN, -MARGIN),) * 2
    arrays = {"elevation": elevation[inner], "slope": slope[inner], "aspect": aspect[inner]}
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}, [facts for _, facts in pieces]


def mosaic(bands: Sequence[RawBand]) -> tuple[np.ndarray, GeoBox]:
    """Return bands of one CRS as one, float32 (y, x) with NaN where none has data, on the finest lattice among them.

    Bands on that lattice are copied; where tiles differ in their spacing of longitude (at 50° of latitude, for one), the coarser ones are
    interpolated along their rows, which all tiles share.

    Raises
    ------
    InputError
        If the bands differ in their CRS.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    ordered = sorted(bands, key=lambda band: abs(band.geobox.resolution.x))
    finest = ordered[0].geobox
    if any(band.geobox.crs != finest.crs for band in bands):
        raise InputError(f"{COLLECTION}: expected tiles in one CRS, found several")
    bounds = [band.geobox.boundingbox for band in ordered]
    left, top = min(box.left for box in bounds), max(box.top for box in bounds)
    right, bottom = max(box.right for box in bounds), min(box.bottom for box in bounds)
    (column, row), (last_column, last_row) = ~finest.affine * (left, top), ~finest.affine * (right, bottom)
    first = np.floor([row + 1e-3, column + 1e-3]).astype(int)
    last = np.ceil([last_row - 1e-3, last_column - 1e-3]).astype(int)
    (rows, columns), (row, column) = (last - first).tolist(), first.tolist()
    whole = GeoBox((rows, columns), finest.affine * Affine.translation(column, row), finest.crs)
    merged = np.full(whole.shape, np.nan, np.float32)
    for band in ordered:
        values = warp.onto(_metres(band), band.geobox, whole, "continuous", np.nan)
        merged = np.where(np.isnan(merged), values, merged)
    return merged, whole


def slope_aspect(elevation: np.ndarray, geobox: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Return slope and aspect by third-order finite differences weighted by reciprocals of squared distance.

    Parameters
    ----------
    elevation
        Metres (y, x); NaN where unknown, which makes slopes of its neighbours unknown too.
    geobox
        North-up grid in metres.

    Returns
    -------
    slope, aspect
        Degrees, float64 (y, x); aspect clockwise from true north, the direction of descent, 0 where it is level. The outermost pixels
        are NaN.

    Notes
    -----
    Horn (1981), Hill shading and the reflectance map, Proc. IEEE 69(1), 14–47, doi 10.1109/PROC.1981.11918: central differences with
    weights 1, 2, 1 across their direction. Where columns of the grid do not point to true north (all but the central meridian's), the
    convergence of the meridians is added.
    """
    z = np.asarray(elevation, float)
    across, down = z[:-2] + 2 * z[1:-1] + z[2:], z[:, :-2] + 2 * z[:, 1:-1] + z[:, 2:]
    slope, aspect = np.full(z.shape, np.nan), np.full(z.shape, np.nan)
    east = (across[:, 2:] - across[:, :-2]) / (8 * abs(geobox.resolution.x))
    north = (down[:-2] - down[2:]) / (8 * abs(geobox.resolution.y))
    inner = (slice(1, -1),) * 2
    slope[inner] = np.degrees(np.arctan(np.hypot(east, north)))
    direction = np.degrees(np.arctan2(-east, -north)) + convergence(geobox)[inner]
    aspect[inner] = np.where(slope[inner] == 0, 0.0, direction % 360)
    return slope, aspect


def convergence(geobox: GeoBox) -> np.ndarray:
    """Return the direction of the grid's north, degrees clockwise from true north, float64 (y, x)."""
    from pyproj import Proj

    assert geobox.crs is not None
    nodes = [np.unique(np.append(np.arange(0, size, NODE), size - 1)) for size in geobox.shape]
    rows, columns = np.meshgrid(*nodes, indexing="ij")
    x, y = geobox.affine * (columns + 0.5, rows + 0.5)
    projection = Proj(str(geobox.crs))
    lon, lat = projection(x, y, inverse=True)
    angle = np.radians(projection.get_factors(lon, lat).meridian_convergence)
    sine, cosine = (_between(nodes, part, geobox.shape) for part in (np.sin(angle), np.cos(angle)))
    angles: np.ndarray = np.degrees(np.arctan2(sine, cosine))
    return angles


def _between(nodes: list[np.ndarray], values: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return values at the nodes, (row, column), interpolated linearly to every pixel."""
    rows, columns = (np.arange(size) for size in shape)
    tall = np.stack([np.interp(rows, nodes[0], column) for column in values.T], axis=1)
    return np.stack([np.interp(columns, nodes[1], row) for row in tall])


def _metres(band: RawBand) -> np.ndarray:
    values = band.values.astype(np.float32)
    if band.nodata is not None:
        values[band.values == band.nodata] = np.nan
    return values * np.float32(band.scale or 1) + np.float32(band.offset or 0)
