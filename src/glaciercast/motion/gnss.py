"""GNSS stations on the ice: tables of their displacement or velocity, and velocities measured from above beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glaciercast.cube import resample
from glaciercast.errors import InputError
from glaciercast.motion import axes
from glaciercast.motion.comparison import Agreement, Records, agreement, records_of
from glaciercast.motion.network import YEAR

if TYPE_CHECKING:
    import xarray as xr

POSITIONS = (("lon", "lat"), ("x", "y"))
MOTIONS = (("east", "north"), ("v_east", "v_north"))
COLUMNS = "station, date, lon and lat (or x and y), east and north (m) or v_east and v_north (m/yr)"
WGS84 = "EPSG:4326"
LONGEST_GAP = 30.0
"""Days without a record over which a station's displacement is interpolated at most."""


@dataclass(frozen=True)
class Station:
    """Where a station stands and how it has moved.

    Attributes
    ----------
    name
        Of the station.
    x, y
        Mean place in `crs` (degrees of longitude and latitude, or metres).
    crs
        Of the place.
    times
        Of the records, datetime64[ns] (record,), in order.
    east, north
        Displacement since the first record towards true east and true north, m on the ground, float64 (record,).
    """

    name: str
    x: float
    y: float
    crs: str
    times: np.ndarray
    east: np.ndarray
    north: np.ndarray

    def mean_velocity(self, first: np.ndarray, second: np.ndarray, longest_gap: float = LONGEST_GAP) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean velocity between two moments towards true east and north, m/yr, (interval,) each.

        Displacement is linear between records. NaN where the station does not cover the interval, or one of its ends falls into a gap
        that is longer than `longest_gap` days.

        Parameters
        ----------
        first, second
            datetime64 (interval,).
        """
        days, begin, end = ((np.asarray(times) - self.times[0]) / np.timedelta64(1, "D") for times in (self.times, first, second))
        covered = np.logical_and(*(_known(days, moment, longest_gap) for moment in (begin, end)))
        span = np.where(covered & (end > begin), end - begin, np.nan) / YEAR
        east, north = ((np.interp(end, days, path) - np.interp(begin, days, path)) / span for path in (self.east, self.north))
        return east, north


def read(path: Path, crs: str | None = None) -> list[Station]:
    """Read a table of stations.

    Parameters
    ----------
    path
        CSV with a header and a row a record: ``station``, ``date`` (ISO 8601), the place as ``lon`` and ``lat`` (degrees) or ``x`` and
        ``y`` (metres), and either the displacement since any day, ``east`` and ``north`` (m), or the velocity then, ``v_east`` and
        ``v_north`` (m/yr); all of them on the ground, towards true east and true north. Other columns are left alone.
    crs
        Of ``x`` and ``y``.

    Returns
    -------
    list of Station
        In the order of the table.

    Raises
    ------
    InputError
        If the file can't be read, a column is missing, a cell is no number or date, or a station has fewer than two dates or one twice.
    """
    try:
        table = pd.read_csv(path, dtype=str, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as CSV: {' '.join(str(error).split())}") from error
    place, motion = (_columns(path, table, choices) for choices in (POSITIONS, MOTIONS))
    _columns(path, table, (("station", "date"),))
    if place == POSITIONS[1] and crs is None:
        raise InputError(f"{path}: expected the CRS of columns x and y, found none; name it, or give lon and lat")
    numbers = {name: _parsed(path, table, name) for name in (*place, *motion)}
    rows = pd.DataFrame({"station": table["station"], "date": _parsed(path, table, "date"), **numbers})
    system = WGS84 if place == POSITIONS[0] else str(crs)
    return [_station(path, str(name), part, place, motion, system) for name, part in rows.groupby("station", sort=False)]


def compare(dataset: xr.Dataset, stations: Sequence[Station], longest_gap: float = LONGEST_GAP) -> pd.DataFrame:
    """Compare velocities from above with those of stations over the same time.

    A station's mean velocity over the span of each pair, or step of a series, is turned from true east and north to the axes of the grid;
    that from above is interpolated bilinearly at the station. Both are lengths on the ground, as those of `motion.velocity` are.

    Parameters
    ----------
    dataset
        A group of ``/velocity``: pairs or a series.
    stations
        As `read` returns them.
    longest_gap
        Days without a record over which a station's displacement is interpolated at most.

    Returns
    -------
    pandas.DataFrame
        A row for each station and span that both cover: ``station``, ``first``, ``second``, ``vx``, ``vy``, ``error_x``, ``error_y``,
        ``gnss_vx``, ``gnss_vy``, m/yr along the axes of the grid.

    Raises
    ------
    InputError
        If the dataset holds no velocities, or no station shares ground and time with them.
    """
    records = records_of(dataset, "velocities")
    table = pd.concat([_beside(records, station, longest_gap) for station in stations], ignore_index=True)
    if table.empty:
        raise InputError(f"GNSS: none of {len(stations)} stations has records where and when there are velocities")
    return table


def agreement_of(table: pd.DataFrame) -> Agreement:
    """Return how far velocities agree with those of stations, whose own errors count as 0."""
    difference_x, difference_y = (table[f"v{axis}"] - table[f"gnss_v{axis}"] for axis in "xy")
    return agreement(*(values.to_numpy() for values in (difference_x, difference_y, table["error_x"], table["error_y"])))


def _beside(records: Records, station: Station, longest_gap: float) -> pd.DataFrame:
    x, y = resample.transformer(station.crs, str(records.at.crs)).transform(station.x, station.y)
    column, row = ~records.at.affine * (x, y)
    place = np.array([[row]]), np.array([[column]])
    layers = {
        name: [float(resample.bilinear(one, *place)[0, 0]) for one in getattr(records, name)] for name in ("vx", "vy", "error_x", "error_y")
    }
    moved = station.mean_velocity(records.first, records.second, longest_gap)
    gnss_vx, gnss_vy = axes.to_map(*moved, axes.directions(str(records.at.crs), np.array([x]), np.array([y])))
    spans = {"first": records.first, "second": records.second}
    table = pd.DataFrame({"station": station.name, **spans, **layers, "gnss_vx": gnss_vx, "gnss_vy": gnss_vy})
    return table.dropna(subset=["vx", "vy", "gnss_vx", "gnss_vy"])


def _known(days: np.ndarray, moment: np.ndarray, longest_gap: float) -> np.ndarray:
    """Return whether moments lie on a record or between two that are close enough."""
    after = np.searchsorted(days, moment)
    inside = (moment >= days[0]) & (moment <= days[-1])
    later = np.clip(after, 1, len(days) - 1)
    known: np.ndarray = inside & ((days[later] - days[later - 1] <= longest_gap) | (days[np.minimum(after, len(days) - 1)] == moment))
    return known


def _columns(path: Path, table: pd.DataFrame, choices: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return the first choice of two columns that the table has."""
    for choice in choices:
        if set(choice) <= set(table.columns):
            return choice
    wanted = " or ".join(" and ".join(choice) for choice in choices)
    raise InputError(f"{path}: expected columns {wanted}, found {', '.join(map(str, table.columns))}; a table has {COLUMNS}")


def _parsed(path: Path, table: pd.DataFrame, column: str) -> pd.Series:
    """Return a column as dates or finite numbers; the error names the line of the first cell that is none."""
    if column == "date":
        parsed = pd.to_datetime(table[column], errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None)
    else:
        parsed = pd.to_numeric(table[column], errors="coerce").replace([np.inf, -np.inf], np.nan)
    if parsed.isna().any():
        row = int(parsed.isna().to_numpy().argmax())
        kind = "a date such as 2021-07-30" if column == "date" else "a number"
        raise InputError(f"{path}: line {row + 2}: expected {kind} in column {column}, found '{table[column].iloc[row]}'")
    return parsed


def _station(path: Path, name: str, rows: pd.DataFrame, place: tuple[str, str], motion: tuple[str, str], crs: str) -> Station:
    rows = rows.sort_values("date")
    times = rows["date"].to_numpy("datetime64[ns]")
    if len(times) < 2 or rows["date"].duplicated().any():
        found = "a date twice" if len(times) > 1 else "one date"
        raise InputError(f"{path}: station {name}: expected two dates or more, each once, found {found}")
    x, y = (float(rows[column].mean()) for column in place)
    paths = [rows[column].to_numpy("float64") for column in motion]
    if motion == MOTIONS[1]:
        paths = [_integrated(times, speed) for speed in paths]
    return Station(name, x, y, crs, times, *(path - path[0] for path in paths))


def _integrated(times: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Return the displacement of velocities that are linear between records, m."""
    years = np.diff(times) / np.timedelta64(1, "D") / YEAR
    return np.concatenate([[0.0], np.cumsum(years * (speed[1:] + speed[:-1]) / 2)])
