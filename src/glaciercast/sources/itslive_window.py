"""ITS_LIVE cubes side by side: one window on their common lattice, and one list of their pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glaciercast.errors import SourceError
from glaciercast.sources.itslive_cube import FILL, Cube

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True, eq=False)
class Part:
    """Where one cube lies in the common window and in the common list of pairs."""

    cube: Cube
    row: int
    """Of the cube's first pixel, in the window; negative where the cube begins outside of it."""
    column: int
    order: np.ndarray
    """Position in the common list of each pair of the cube; −1 where it is none of them."""


@dataclass(frozen=True, eq=False)
class Velocities:
    """The window of all cubes that meet at a site.

    Attributes
    ----------
    grid
        120 m pixels of the cubes' own lattice and CRS; just those that the site's box touches.
    pairs
        One row a pair in the order of its second acquisition: ``first``, ``second`` (UTC, to the second), ``satellite_first``,
        ``satellite_second``, ``family``, ``days`` (between the two), ``error_x``, ``error_y`` (m/yr), ``stable_x``, ``stable_y`` (m/yr)
        and ``flag`` of the stable-ground shift.
    left_out
        One line for each cube that is in another CRS than those that are read.
    dropped
        Reason → number of pairs that `settings` left out by themselves, before any pixel was read.
    """

    grid: GeoBox
    pairs: pd.DataFrame
    parts: tuple[Part, ...]
    left_out: tuple[str, ...]
    dropped: dict[str, int]

    def read(self, name: str, rows: slice, columns: slice) -> np.ndarray:
        """Return one of vx, vy, v_error of a part of the window, float32 (pair, y, x), m/yr; NaN where there is none.

        Raises
        ------
        SourceError
            If a server fails after every try.
        """
        out = np.full((len(self.pairs), rows.stop - rows.start, columns.stop - columns.start), np.nan, np.float32)
        for part in self.parts:
            down, across = _overlap(rows, part.row, part.cube.grid.shape[0]), _overlap(columns, part.column, part.cube.grid.shape[1])
            wanted = part.order >= 0
            if down is None or across is None or not wanted.any():
                continue
            raw = part.cube.read(name, *(slice(to.start - at, to.stop - at) for to, at in ((down, part.row), (across, part.column))))
            values = np.where(raw == FILL, np.float32(np.nan), raw.astype(np.float32))[wanted]
            into = out[:, down.start - rows.start : down.stop - rows.start, across.start - columns.start : across.stop - columns.start]
            into[part.order[wanted]] = values
        return out

    def keep(self, kept: np.ndarray) -> Velocities:
        """Return the same with only some of the pairs; `kept` is bool (pair,)."""
        new = np.where(kept, np.cumsum(kept) - 1, -1)
        parts = tuple(Part(p.cube, p.row, p.column, np.where(p.order >= 0, new[p.order], -1)) for p in self.parts)
        return Velocities(self.grid, self.pairs[kept].reset_index(drop=True), parts, self.left_out, self.dropped)

    def close(self) -> None:
        """End the stores' threads."""
        for part in self.parts:
            part.cube.close()


def pixels(lattice: GeoBox, target: GeoBox) -> tuple[slice, slice] | None:
    """Return rows and columns of a lattice that the target's extent touches, or None where it touches none."""
    assert lattice.crs is not None
    box = target.extent.to_crs(lattice.crs, resolution=abs(target.resolution.x) * 10).boundingbox
    left, top = ~lattice.affine * (box.left, box.top)
    right, bottom = ~lattice.affine * (box.right, box.bottom)
    rows, columns = (
        slice(max(int(np.floor(low + 1e-6)), 0), min(int(np.ceil(high - 1e-6)), size))
        for low, high, size in ((top, bottom, lattice.shape[0]), (left, right, lattice.shape[1]))
    )
    return (rows, columns) if rows.stop > rows.start and columns.stop > columns.start else None


def window_of(cubes: Sequence[Cube], target: GeoBox) -> GeoBox:
    """Return the part of the cubes' common lattice that the box touches and at least one cube covers."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    first = cubes[0]
    tops, bottoms, lefts, rights = [], [], [], []
    for cube in cubes:
        row, column = corner(cube, first.grid)
        found = pixels(cube.grid, target)
        if found is None:
            continue
        rows, columns = found
        tops.append(rows.start + row)
        bottoms.append(rows.stop + row)
        lefts.append(columns.start + column)
        rights.append(columns.stop + column)
    shape = (max(bottoms) - min(tops), max(rights) - min(lefts))
    return GeoBox(shape, first.grid.affine * Affine.translation(min(lefts), min(tops)), first.grid.crs)


def corner(cube: Cube, lattice: GeoBox) -> tuple[int, int]:
    """Return row and column, on a lattice, of a cube's first pixel."""
    column, row = ~lattice.affine * (cube.grid.affine.c, cube.grid.affine.f)
    if cube.grid.resolution != lattice.resolution or max(abs(row - round(row)), abs(column - round(column))) > 1e-3:
        raise SourceError(f"{cube.item_id}: its pixels do not lie on the lattice of the cubes beside it")
    return round(row), round(column)


def merge(cubes: Sequence[Cube]) -> tuple[pd.DataFrame, list[np.ndarray]]:
    """Return the pairs of all cubes, each once and in order of the second acquisition, and where each cube's pairs are among them.

    A pair whose images reach into two cubes is in both, with the same granule; pairs of one cube are never taken for one another.
    """
    key = ["first", "second", "satellite_first", "satellite_second", "granule"]
    tables = []
    for number, cube in enumerate(cubes):
        table = cube.pairs.assign(cube=number, position=np.arange(len(cube.pairs)))
        table["repeat"] = table.groupby(key, dropna=False, sort=False).cumcount()
        tables.append(table)
    both = pd.concat(tables, ignore_index=True)
    both["pair"] = both.groupby([*key, "repeat"], dropna=False, sort=False).ngroup()
    unique = both.drop_duplicates("pair").sort_values([*("second", "first"), *key[2:], "repeat"], kind="stable")
    rank = np.empty(len(unique), int)
    rank[unique["pair"].to_numpy()] = np.arange(len(unique))
    orders = [rank[part.sort_values("position")["pair"].to_numpy()] for _, part in both.groupby("cube")]
    return unique.drop(columns=["cube", "position", "repeat", "pair"]).reset_index(drop=True), orders


def _overlap(wanted: slice, start: int, size: int) -> slice | None:
    low, high = max(wanted.start, start), min(wanted.stop, start + size)
    return slice(low, high) if high > low else None
