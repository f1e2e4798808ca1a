"""What an outlook reads: five plain tables of lakes, each record with the time from which a user could have had it."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from glaciercast.errors import InputError, unknown
from glaciercast.hazard import known
from glaciercast.hazard.records_columns import TABLES, Column

__all__ = ["IMAGE_BANDS", "IMAGE_SIDE", "TABLES", "Column", "Records", "make", "read", "write"]

IMAGE_BANDS = ("green", "nir", "swir16")
"""Bands of `Records.images`."""
IMAGE_SIDE = 24
"""Pixels of an image's side; the lake's point is at its centre."""


@dataclass(frozen=True)
class Records:
    """The tables of `TABLES`, checked and sorted by time within lakes, and small images of the lakes.

    Attributes
    ----------
    lakes, areas, motion, temperature, events
        One row a record; times datetime64[ns], numbers float64, NaN and NaT where empty.
    images
        Reflectance, float32 (image, band, y, x), bands of `IMAGE_BANDS`, NaN where not clear; ``areas.image`` points into it. No
        images: size 0.
    """

    lakes: pd.DataFrame
    areas: pd.DataFrame
    motion: pd.DataFrame
    temperature: pd.DataFrame
    events: pd.DataFrame
    images: np.ndarray

    def of_lakes(self, names: Collection[str]) -> Records:
        """Return the records of some lakes; images stay where they are, so that numbers keep pointing at them."""
        chosen = {name: _chosen(getattr(self, name), names) for name in TABLES}
        return Records(images=self.images, **chosen)

    def until(self, time: np.datetime64 | str) -> Records:
        """Return what a user could have had at `time`: records available by then, and events that were over and known by then."""
        at = pd.Timestamp(time)
        found = {name: _known(getattr(self, name), at) for name in ("areas", "motion", "temperature")}
        return Records(lakes=self.lakes, events=known.by(self.events, at), images=self.images, **found)


def make(tables: dict[str, pd.DataFrame], images: np.ndarray | None = None, origin: str = "records") -> Records:
    """Return checked records.

    Parameters
    ----------
    tables
        By the names of `TABLES`; one that is missing is empty, further columns are dropped.
    images
        See `Records.images`.
    origin
        What errors name: a folder or a function.

    Raises
    ------
    InputError
        If a column or value is missing or of the wrong kind, a name is not unique or unknown, a place is not on Earth, a record was
        available before it was acquired, or dates of an event are not in order.
    """
    found = {name: _typed(tables.get(name, pd.DataFrame()), name, origin) for name in TABLES}
    pixels = np.zeros((0, len(IMAGE_BANDS), IMAGE_SIDE, IMAGE_SIDE), dtype="float32") if images is None else images
    _check(found, pixels, origin)
    return Records(**found, images=pixels)


def read(folder: str | Path) -> Records:
    """Return the records of a folder of ``lakes.csv``, ``areas.csv`` … and ``images.npy``; only the lakes and the events must be there.

    Raises
    ------
    InputError
        As in `make`, or if a file cannot be read.
    """
    place = Path(folder)
    if not place.is_dir():
        raise InputError(f"{place}: no such folder")
    for name in ("lakes", "events"):
        if not (place / f"{name}.csv").is_file():
            raise InputError(f"{place}: expected a table {name}.csv, found none")
    tables = {name: _read_csv(place / f"{name}.csv") for name in TABLES if (place / f"{name}.csv").is_file()}
    return make(tables, _read_images(place / "images.npy"), str(place))


def write(records: Records, folder: str | Path) -> list[Path]:
    """Write the tables as CSV (times ISO 8601) and the images as ``images.npy``; returns the files. Each is whole or not there."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    files = []
    for name in TABLES:
        path = place / f"{name}.csv"
        partial = path.with_name(path.name + ".partial")
        getattr(records, name).to_csv(partial, index=False, date_format="%Y-%m-%dT%H:%M:%S", lineterminator="\n")
        partial.replace(path)
        files.append(path)
    if records.images.size:
        path = place / "images.npy"
        partial = place / "images.partial.npy"
        np.save(partial, records.images, allow_pickle=False)
        partial.replace(path)
        files.append(path)
    return files


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table: {' '.join(str(error).split())}") from error


def _read_images(path: Path) -> np.ndarray | None:
    if not path.is_file():
        return None
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as an array: {' '.join(str(error).split())}") from error


def _typed(table: pd.DataFrame, name: str, origin: str) -> pd.DataFrame:
    columns = TABLES[name]
    made = {}
    for key, column in columns.items():
        if key not in table and column.needed and len(table):
            raise InputError(f"{origin}: {name}: expected a column '{key}', found {', '.join(map(str, table.columns))}")
        values = table[key] if key in table else pd.Series([""] * len(table), dtype=object)
        made[key] = _values(values.reset_index(drop=True), column, f"{origin}: {name}: {key}")
    typed = pd.DataFrame(made)
    order = [key for key in ("lake", "second", "time", "start") if key in typed]
    return typed.sort_values(order, kind="stable", ignore_index=True)


def _values(values: pd.Series, column: Column, where: str) -> pd.Series:
    empty = values.isna() | (values.astype(str).str.strip() == "")
    if column.needed and empty.any():
        raise InputError(f"{where}: record {np.flatnonzero(empty)[0] + 1} is empty")
    if column.kind == "text":
        return values.where(~empty, "").astype(str).str.strip()
    held = values.where(~empty)
    found = _numbers(held) if column.kind == "number" else _times(held)
    wrong = np.flatnonzero(~empty & found.isna())
    if wrong.size:
        raise InputError(f"{where}: expected a {column.kind} in record {wrong[0] + 1}, found '{values.iloc[wrong[0]]}'")
    return found


def _numbers(values: pd.Series) -> pd.Series:
    found = pd.to_numeric(values, errors="coerce").astype("float64")
    return found.where(np.isfinite(found))


def _times(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values, errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None).astype("datetime64[ns]")


def _check(found: dict[str, pd.DataFrame], images: np.ndarray, origin: str) -> None:
    lakes, events = found["lakes"], found["events"]
    for table, key in ((lakes, "lake"), (events, "event")):
        if (twice := table[key][table[key].duplicated()]).size:
            raise InputError(f"{origin}: {key} '{twice.iloc[0]}' is there twice")
    outside = (lakes["lon"].abs() > 180) | (lakes["lat"].abs() > 90)
    if outside.any():
        lake = lakes[outside].iloc[0]
        raise InputError(
            f"{origin}: lake '{lake['lake']}' lies at lon {lake['lon']:g}, lat {lake['lat']:g}: expected degrees, longitude first"
        )
    for name in TABLES:
        strange = sorted(set(found[name]["lake"]) - set(lakes["lake"]))
        if strange:
            raise InputError(f"{origin}: {name}: {unknown('lake', strange[0], lakes['lake'])}")
    for name, taken in (("areas", "time"), ("motion", "second"), ("temperature", "time")):
        _in_order(found[name], (taken, "available_at"), f"{origin}: {name}")
    _in_order(found["motion"], ("first", "second"), f"{origin}: motion")
    _in_order(lakes, ("watched_from", "watched_to"), f"{origin}: lakes")
    _in_order(events, ("earliest", "start", "latest"), f"{origin}: events")
    days = {key: times.dt.floor("D") for key, times in (("latest", events["latest"]), ("end", known.over(events)))}
    _in_order(events.assign(**days), ("latest", "end", "available_at"), f"{origin}: events")
    shape = (len(IMAGE_BANDS), IMAGE_SIDE, IMAGE_SIDE)
    if images.shape[1:] != shape or images.dtype != np.float32:
        raise InputError(f"{origin}: images: expected float32 (image, {', '.join(map(str, shape))}), found {images.dtype} {images.shape}")
    numbers = found["areas"]["image"].dropna()
    if len(numbers) and not (numbers.between(0, len(images) - 1) & (numbers % 1 == 0)).all():
        raise InputError(f"{origin}: areas: image: expected whole numbers below {len(images)}")


def _in_order(table: pd.DataFrame, columns: Iterable[str], where: str) -> None:
    for before, after in itertools.pairwise(columns):
        wrong = np.flatnonzero(table[before] > table[after])
        if wrong.size:
            row = table.iloc[wrong[0]]
            raise InputError(f"{where}: record of '{row['lake']}': {after} {row[after]} lies before {before} {row[before]}")


def _chosen(table: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    return table[table["lake"].isin(list(names))].reset_index(drop=True)


def _known(table: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    return table[table["available_at"] <= at].reset_index(drop=True)
