"""How often each cell of a product was observed, and how much of a region each date saw: of a cube's groups, or of a table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glaciercast import grid
from glaciercast.config import Config
from glaciercast.cube.footprints import Array, Cells, Cover, GridCells, PointCells
from glaciercast.cube.regions import Region
from glaciercast.errors import InputError
from glaciercast.progress import track

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

BUDGET = 8_000_000
"""Values that are read at once."""
KINDS = {"optical": ("clear",), "velocity": ("vx", "vy"), "temperature": ("lst_day", "lst_night")}
"""Kind of product → the variables that tell whether a cell was observed on a date."""
Block = tuple[slice, slice, slice]


class Table(Config):
    """A CSV file of observations, as published data sets have them: one row for each place (and date)."""

    file: str
    lon: str = Field(default="lon", description="column of the longitude, degrees")
    lat: str = Field(default="lat", description="column of the latitude, degrees")
    cell: float = Field(gt=0, description="side of the square that a row stands for, m")
    time: str | None = Field(default=None, description="column of the date")
    value: str | None = Field(default=None, description="column of the value; a row without one is no observation (None: every row is)")


@dataclass(frozen=True)
class Footprint:
    """Where and when one product has observations.

    Attributes
    ----------
    product, kind
        Path of the group in the cube (or the name of the table's file), and ``optical``, ``velocity``, ``temperature`` or ``table``.
    cells
        The product's cells.
    counts
        Number of dates on which each cell was observed, int64 with the shape of the cells.
    begins, times, ends
        When each date's observation began, to which time it is counted, and when it ended, datetime64[ns] (date,); velocity spans the
        two acquisitions of a pair and is counted at their middle. Empty where a table has no dates.
    covers
        How much of each region the cells cover, by the region's name.
    seen
        Area of each region that each date observed, m² (date,), by the region's name.
    """

    product: str
    kind: str
    cells: Cells
    counts: NDArray[np.int64]
    begins: NDArray[np.datetime64]
    times: NDArray[np.datetime64]
    ends: NDArray[np.datetime64]
    covers: Mapping[str, Cover]
    seen: Mapping[str, Array]


def of_cube(cube: xr.DataTree, regions: Sequence[Region]) -> Iterator[Footprint]:
    """Yield the footprint of each product of a cube; reads every date once, in blocks of bounded size."""
    for kind in KINDS:
        if kind in cube.children:
            for name, node in cube[kind].children.items():
                if kind == "velocity" and "pair" not in node.dims:
                    continue  # a series made of the pairs that are audited themselves
                yield _of_group(f"/{kind}/{name}", kind, node.to_dataset(), regions)


def of_table(table: Table, regions: Sequence[Region]) -> Footprint:
    """Return the footprint of a table of points.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing, or positions or dates are unusable.
    """
    frame = _read(table)
    places, row_place = np.unique(frame[[table.lon, table.lat]].to_numpy("float64"), axis=0, return_inverse=True)
    row_place = row_place.reshape(-1)
    observed = np.ones(len(frame), bool) if table.value is None else np.isfinite(frame[table.value].to_numpy("float64"))
    cells = PointCells(places[:, 0], places[:, 1], table.cell)
    covers = {region.name: cells.cover(region) for region in regions}
    if table.time is None:
        times, row_date = np.array([], "datetime64[ns]"), np.zeros(len(frame), int)
    else:
        times, row_date = np.unique(frame[table.time].to_numpy("datetime64[ns]"), return_inverse=True)
    seen_once = np.unique(np.column_stack([row_date, row_place])[observed], axis=0)  # a place counts once a date
    dates, where = seen_once.T if seen_once.size else np.zeros((2, 0), int)
    seen = {
        name: np.bincount(dates, cover.weights[where], minlength=times.size)[: times.size].astype("float64")
        for name, cover in covers.items()
    }
    counts = np.bincount(where, minlength=len(places)).astype("int64")
    return Footprint(Path(table.file).name, "table", cells, counts, times, times, times, covers, seen)


def _of_group(path: str, kind: str, dataset: xr.Dataset, regions: Sequence[Region]) -> Footprint:
    cells = GridCells(grid.of(dataset, path))
    covers = {region.name: cells.cover(region) for region in regions}
    begins, times, ends = _dates(kind, dataset)
    counts = np.zeros(cells.geobox.shape, "int64")
    seen = {name: np.zeros(times.size) for name in covers}
    variables = [dataset[name] for name in KINDS[kind] if name in dataset]
    if not variables:
        raise InputError(f"{path}: expected one of {', '.join(KINDS[kind])}, found none")
    for date, rows, cols in track(_blocks(variables[0]), f"Auditing {path}"):
        values = [variable[date, rows, cols].values for variable in variables]
        valid = _observed(kind, values)
        counts[rows, cols] += valid.sum(axis=0)
        for name, cover in covers.items():
            weights = cover.weights[rows, cols]
            if weights.any():
                inside = weights > 0
                seen[name][date] += valid[:, inside] @ weights[inside]
    return Footprint(path, kind, cells, counts, begins, times, ends, covers, seen)


def _observed(kind: str, values: Sequence[NDArray[Any]]) -> NDArray[np.bool_]:
    if kind == "optical":
        return np.asarray(values[0], bool)
    finite = [np.isfinite(each) for each in values]
    combine = np.logical_and if kind == "velocity" else np.logical_or  # by day or by night will do
    observed: NDArray[np.bool_] = combine.reduce(finite)
    return observed


def _dates(kind: str, dataset: xr.Dataset) -> tuple[NDArray[np.datetime64], ...]:
    if kind != "velocity":
        times = dataset["time"].values.astype("datetime64[ns]")
        return times, times, times
    first, second = (dataset[name].values.astype("datetime64[ns]") for name in ("acquired_first", "acquired_second"))
    return first, first + (second - first) // 2, second


def _blocks(array: xr.DataArray) -> list[Block]:
    """Return slices that cover an array (date, y, x) along its chunks, each of at most about `BUDGET` values."""
    sizes = [max(of_axis) if of_axis else size for of_axis, size in zip(array.chunks or ((), (), ()), array.shape, strict=True)]
    if sizes[0] * array.shape[1] * array.shape[2] <= BUDGET:
        sizes[1:] = array.shape[1:]
    sizes[0] *= max(1, BUDGET // max(1, sizes[0] * sizes[1] * sizes[2]))
    along = [
        [slice(start, min(start + step, size)) for start in range(0, size, step)] for size, step in zip(array.shape, sizes, strict=True)
    ]
    return list(itertools.product(along[0], along[1], along[2]))


def _read(table: Table) -> pd.DataFrame:
    import pandas as pd

    wanted = [name for name in (table.lon, table.lat, table.time, table.value) if name is not None]
    try:
        with Path(table.file).open(encoding="utf-8") as file:  # opened here, as pandas would fetch what looks like an address
            frame = pd.read_csv(file, low_memory=False)
    except OSError as error:
        raise InputError(f"{table.file}: cannot be read: {error.strerror or error}") from error
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{table.file}: not a CSV table: {' '.join(str(error).split())}") from error
    for name in wanted:
        if name not in frame:
            raise InputError(f"{table.file}: expected a column '{name}', found {', '.join(map(str, frame.columns))}")
    for name in (table.lon, table.lat, *([table.value] if table.value else [])):
        if frame[name].dtype.kind not in "iuf":
            raise InputError(f"{table.file}: column '{name}': expected numbers, found text")
    lon, lat = frame[table.lon].to_numpy("float64"), frame[table.lat].to_numpy("float64")
    if wrong := int((~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))).sum()):
        raise InputError(
            f"{table.file}: expected degrees within ±180 and ±90 in '{table.lon}' and '{table.lat}', found {wrong} rows without"
        )
    if not len(frame):
        raise InputError(f"{table.file}: expected rows, found none")
    if table.time is not None:
        times = pd.to_datetime(frame[table.time].astype(str), errors="coerce", utc=True, format="ISO8601").dt.tz_localize(None)
        if times.isna().any():
            raise InputError(f"{table.file}: column '{table.time}': expected ISO dates, found {int(times.isna().sum())} rows without")
        frame[table.time] = times
    return frame[wanted]
