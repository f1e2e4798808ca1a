"""Which part of a region the cells of a product cover.

Products come on grids of their own (UTM, sinusoidal, degrees) or as tables of points. The polygons of their cells are brought to the
region's equal-area plane, where their areas are true square metres and can be compared with the region's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from glaciercast import grid
from glaciercast.cube.regions import DEGREES, SEGMENT, Region, move, project

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

Array = NDArray[np.float64]
EDGE = 2000.0
"""Longest edge of a cell before it is projected, m: it bends by less than 1 m up to 80° of latitude."""
TILE = 64
"""Cells a side that are compared with the outline at once; bounds memory, and most tiles need no cutting."""


@dataclass(frozen=True)
class Cover:
    """How much of a region each cell covers: `weights` in m² with the shape of the cells; `pieces` where cells may overlap."""

    weights: Array
    pieces: NDArray[np.object_] | None = None

    def area(self, chosen: NDArray[np.bool_] | None = None) -> float:
        """Return the area (m²) that the cells, or those where `chosen` is true, cover together; an overlap counts once."""
        if self.pieces is None:
            return float(self.weights.sum() if chosen is None else self.weights[chosen].sum())
        import shapely

        return float(shapely.union_all(self.pieces if chosen is None else self.pieces[chosen]).area)


class Cells(Protocol):
    """The cells of a product, whatever holds them."""

    def cover(self, region: Region) -> Cover:
        """Return how much of `region` each cell covers."""

    def extent(self, plane: str) -> Any:
        """Return what the cells cover as a shapely geometry on `plane`."""

    def describe(self) -> str:
        """Return the cells in a few words."""


@dataclass(frozen=True)
class GridCells:
    """The cells of a regular grid in any CRS."""

    geobox: GeoBox

    def cover(self, region: Region) -> Cover:
        """Return how much of `region` each cell covers, (y, x) in m²."""
        import shapely

        weights = np.zeros(self.geobox.shape)
        for rows, cols in _tiles(self.geobox, region):
            cells = shapely.polygons(cell_rings(self.geobox, rows, cols, region.plane))
            near = shapely.intersection(region.shape, shapely.box(*shapely.total_bounds(cells)))
            if not near.is_empty:
                weights[rows, cols] = _areas_inside(cells, near)
        return Cover(weights)

    def extent(self, plane: str) -> Any:
        """Return the grid's outline as a polygon on `plane`."""
        import shapely

        height, width = self.geobox.shape
        steps = np.linspace(0, 1, 65)
        edges = [corners(self.geobox, height * steps[[i]], width * steps, plane)[0] for i in (0, -1)]
        sides = [corners(self.geobox, height * steps, width * steps[[i]], plane)[:, 0] for i in (-1, 0)]
        return shapely.Polygon(np.concatenate([edges[0], sides[0], edges[1][::-1], sides[1][::-1]]))

    def describe(self) -> str:
        """Return the grid in a few words."""
        crs = self.geobox.crs
        if crs is not None and not crs.epsg:  # a sinusoidal grid's CRS is a page of text
            return f"{grid.describe(self.geobox).split(' in ')[0]} in {crs.proj.name}"
        return grid.describe(self.geobox)


@dataclass(frozen=True)
class PointCells:
    """Points of a table, degrees, each the centre of a square cell of `size` metres with sides to the north and east."""

    lon: Array
    lat: Array
    size: float

    def squares(self, plane: str) -> NDArray[np.object_]:
        """Return the cells as shapely polygons on `plane`."""
        import shapely

        x, y = move(np.column_stack([self.lon, self.lat]), DEGREES, plane).T
        half = self.size / 2
        squares: NDArray[np.object_] = shapely.box(x - half, y - half, x + half, y + half)
        return squares

    def cover(self, region: Region) -> Cover:
        """Return how much of `region` each point's cell covers, (point,) in m²; where cells overlap, each weighs less."""
        import shapely

        squares = self.squares(region.plane)
        shapely.prepare(region.shape)
        near = shapely.intersects(region.shape, squares)
        pieces = np.full(squares.shape, shapely.Polygon(), dtype=object)
        pieces[near] = shapely.intersection(squares[near], region.shape)
        weights = shapely.area(pieces)
        if weights.sum():
            weights *= shapely.union_all(pieces).area / weights.sum()
        return Cover(weights, pieces)

    def extent(self, plane: str) -> Any:
        """Return all cells together on `plane`; they may overlap."""
        import shapely

        return shapely.multipolygons(self.squares(plane))

    def describe(self) -> str:
        """Return the points in a few words."""
        return f"{self.lon.size} points with cells of {self.size:g} m"


def corners(geobox: GeoBox, rows: Array, cols: Array, crs: Any) -> Array:
    """Return the coordinates in `crs` of a grid's lattice at pixel positions `rows` and `cols` (0 is the outer edge), (row, col, 2)."""
    col, row = np.meshgrid(np.asarray(cols, "float64"), np.asarray(rows, "float64"))
    affine = geobox.affine
    x, y = affine.a * col + affine.b * row + affine.c, affine.d * col + affine.e * row + affine.f
    points: Array = move(np.column_stack([x.ravel(), y.ravel()]), geobox.crs, crs).reshape(*row.shape, 2)
    return points


def cell_rings(geobox: GeoBox, rows: slice, cols: slice, crs: Any) -> Array:
    """Return the rings of cells in `crs`, (row, col, point, 2); edges longer than `EDGE` metres get points between their corners."""
    first = corners(geobox, np.array([rows.start, rows.start + 1]), np.array([cols.start, cols.start + 1]), crs)
    longest = max(np.hypot(*(first[0, 1] - first[0, 0])), np.hypot(*(first[1, 0] - first[0, 0])))
    steps = math.ceil(min(longest / EDGE, 32)) or 1
    n_rows, n_cols = rows.stop - rows.start, cols.stop - cols.start
    lattice = corners(
        geobox, np.linspace(rows.start, rows.stop, n_rows * steps + 1), np.linspace(cols.start, cols.stop, n_cols * steps + 1), crs
    )
    up, none, full = np.arange(steps), np.zeros(steps, int), np.full(steps, steps)
    along_rows, along_cols = np.concatenate([none, up, full, steps - up]), np.concatenate([up, full, steps - up, none])
    row = steps * np.arange(n_rows)[:, None, None] + along_rows
    col = steps * np.arange(n_cols)[None, :, None] + along_cols
    rings: Array = lattice[row, col]
    return rings


def _tiles(geobox: GeoBox, region: Region) -> Iterator[tuple[slice, slice]]:
    """Yield tiles of the cells that may meet the region."""
    import shapely

    points = shapely.get_coordinates(project(region.geometry, DEGREES, geobox.crs, SEGMENT))
    if not np.isfinite(points).all():
        return  # the region lies where the grid's projection is not defined, so no cell can
    inverse = ~geobox.affine
    cols = inverse.a * points[:, 0] + inverse.b * points[:, 1] + inverse.c
    rows = inverse.d * points[:, 0] + inverse.e * points[:, 1] + inverse.f
    (top, bottom), (left, right) = (_window(at, size) for at, size in zip((rows, cols), geobox.shape, strict=True))
    for row in range(top, bottom, TILE):
        for col in range(left, right, TILE):
            yield slice(row, min(row + TILE, bottom)), slice(col, min(col + TILE, right))


def _window(positions: Array, size: int) -> tuple[int, int]:
    first, last = max(float(positions.min()) - 1, 0.0), min(float(positions.max()) + 1, float(size))
    return (math.floor(first), math.ceil(last)) if first < last else (0, 0)


def _areas_inside(cells: NDArray[np.object_], shape: Any) -> Array:
    import shapely

    shapely.prepare(shape)
    inside = shapely.contains_properly(shape, cells)
    areas: Array = np.where(inside, shapely.area(cells), 0.0)
    cut = shapely.intersects(shape, cells) & ~inside
    areas[cut] = shapely.area(shapely.intersection(cells[cut], shape))
    return areas
