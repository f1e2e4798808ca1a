"""NetCDF files and Zarr stores of velocities: ITS_LIVE's cubes of image pairs, regular series, single points."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.explore import looks
from glaciercast.explore.settings import VelocitiesConfig
from glaciercast.sources import itslive_quality
from glaciercast.sources.velocity_series import UNITS

if TYPE_CHECKING:
    import xarray as xr

LARGEST = 60_000_000
"""Values of a component that are read at once: some ten such arrays are in memory."""
ICE = ("landice", "ice")
"""What a mask of ice is called in a file."""


@dataclass(frozen=True, eq=False)
class Field:
    """What a file holds, all its looks with the second date after the first.

    Attributes
    ----------
    title
        Of the file.
    parts
        ``vx`` and ``vy``, or ``speed``, and ``error`` where there is one, m/yr, float64 (look,), (look, place) or (look, y, x).
    first, second
        Span of each look, datetime64 (look,).
    paired
        Whether looks are image pairs, and not steps of a regular series.
    families
        Of the sensors of each look, or None.
    axes
        Coordinates of the other dimensions.
    ice
        bool (y, x), or None.
    note
        What is to be said of looks that are left out.
    """

    title: str
    parts: dict[str, np.ndarray]
    first: np.ndarray
    second: np.ndarray
    paired: bool
    families: list[str] | None
    axes: tuple[np.ndarray, ...]
    ice: np.ndarray | None
    note: str


def read(path: Path, settings: VelocitiesConfig) -> Field:
    """Read a file of velocities, (time), (time, place) or (time, y, x) in any order.

    Raises
    ------
    InputError
        If it cannot be read, holds no velocities, other units than metres a year, no times, or nothing but missing values.
    """
    with opened(path) as data:
        names = looks.names_of([str(name) for name in data.variables], settings, str(path))
        main, time = str(names.get("vx", names.get("speed"))), _time(data, names, path)
        part = _window(data.transpose(time, ...), main, time, settings, path)
        first, second = _spans(part, names, settings, path)
        middle = first + (second - first) / 2
        order = np.argsort(middle, kind="stable")
        order = order[(second > first)[order]]
        paired = "first" in names and "second" in names and looks.are_pairs(first[order], second[order])
        short, note = looks.short(first[order], second[order], paired, settings, str(path))
        order = order[short]
        wanted = ("vx", "vy") if "vx" in names and "vy" in names else ("speed",)
        parts = {key: _values(part, names[key], main, settings, path)[order] for key in wanted}
        if not any(np.isfinite(array).any() for array in parts.values()):
            raise InputError(f"{path}: expected velocities, found nothing but missing values")
        if (error := _error(part, names, main, time)) is not None:
            parts["error"] = error[order]
        others = [str(dim) for dim in part[main].dims if dim != time]
        axes = tuple(part[dim].values if dim in part.coords else np.arange(part.sizes[dim]) for dim in others)
        return Field(
            str(part.attrs.get("title", path.stem)), parts, first[order], second[order], paired,
            _families(part, order), axes, _ice(part, others), note,
        )  # fmt: skip


def is_one(path: Path) -> bool:
    """Return whether a folder is a Zarr store with velocities at its root: a cube of this project has them in groups."""
    usual = [name for part in ("vx", "speed") for name in looks.ALIASES[part]]
    return any((path / name / ".zarray").is_file() or _is_array(path / name / "zarr.json") for name in usual)


def _is_array(about: Path) -> bool:
    try:
        return bool(json.loads(about.read_text(encoding="utf-8")).get("node_type") == "array")
    except (OSError, ValueError):
        return False


def opened(path: Path) -> xr.Dataset:
    """Open a NetCDF file or a Zarr store, lazily.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    import xarray as xr

    how: dict[str, Any] = {"engine": "zarr", "consolidated": False} if path.is_dir() else {"engine": "h5netcdf"}
    try:
        return xr.open_dataset(path, decode_timedelta=False, **how)
    except (OSError, ValueError, KeyError) as error:  # no such format, cut short, times without a meaning
        raise InputError(f"{path}: cannot be read as NetCDF or Zarr: {' '.join(str(error).split())}") from error


def _time(data: xr.Dataset, names: dict[str, str], path: Path) -> str:
    """Return the dimension of time, after all times were checked."""
    told = [names[key] for key in ("time", "first", "second") if key in names]
    if not told:
        raise InputError(
            f"{path}: expected times ('mid_date', 'time', or the dates of both images), found none; 'velocities.time' names them"
        )
    for name in told:
        if data[name].dtype.kind != "M" or data[name].ndim != 1:
            raise InputError(f"{path}/{name}: expected times with units such as 'days since 2000-01-01', found {data[name].dtype}")
    time, main = str(data[told[0]].dims[0]), data[names.get("vx", names.get("speed", ""))]
    if time not in main.dims or main.ndim > 3:
        raise InputError(f"{path}/{main.name}: expected dimensions ({time}), ({time}, place) or ({time}, y, x), found {main.dims}")
    return time


def _spans(data: xr.Dataset, names: dict[str, str], settings: VelocitiesConfig, path: Path) -> tuple[np.ndarray, np.ndarray]:
    if "first" in names and "second" in names and settings.span_days is None:
        first, second = (pd.DatetimeIndex(data[names[key]].values).round("s").to_numpy("datetime64[ns]") for key in ("first", "second"))
        if not (second > first).any():
            raise InputError(f"{path}: expected '{names['first']}' before '{names['second']}', found none that is")
        return first, second
    if "time" not in names:
        raise InputError(f"{path}: expected times of the values, found none; 'velocities.time' names them")
    return looks.spans(data[names["time"]].values.astype("datetime64[ns]"), settings.span_days, str(path))


def _window(data: xr.Dataset, main: str, time: str, settings: VelocitiesConfig, path: Path) -> xr.Dataset:
    """Return the part of a grid that is asked for."""
    if data[main].ndim < 3:
        return data
    y, x = (str(name) for name in data[main].dims if name != time)
    if settings.window is not None:
        low_x, low_y, high_x, high_y = settings.window
        inside = {x: (data[x] >= low_x) & (data[x] <= high_x), y: (data[y] >= low_y) & (data[y] <= high_y)}
        data = data.isel({name: np.flatnonzero(where.values) for name, where in inside.items()})
        if not data.sizes[x] * data.sizes[y]:
            raise InputError(f"{path}: expected pixels in the window {list(settings.window)}, found none")
    if data[main].size > LARGEST:
        raise InputError(
            f"{path}: expected {LARGEST:,} values of a component at most, found {data[main].size:,}; cut the glacier out: "
            "--set 'velocities.window=[least x, least y, greatest x, greatest y]'"
        )
    return data


def _values(data: xr.Dataset, name: str, main: str, settings: VelocitiesConfig, path: Path) -> np.ndarray:
    found = data[name]
    units = found.attrs.get("units", found.attrs.get("unit")) or settings.units  # inversions write 'unit'
    if units not in UNITS:
        told = found.attrs.get("units", found.attrs.get("unit"))
        hint = "" if told else "; 'velocities.units' sets them"
        raise InputError(f"{path}/{name}: expected units of metres a year such as 'm/yr', found {units!r}{hint}")
    if found.dims != data[main].dims or found.dtype.kind not in "fiu":
        raise InputError(f"{path}/{name}: expected numbers of dimensions {data[main].dims}, found {found.dtype} {found.dims}")
    values: np.ndarray = found.values.astype("float64")
    return np.where(np.isfinite(values), values, np.nan)


def _error(data: xr.Dataset, names: dict[str, str], main: str, time: str) -> np.ndarray | None:
    """Return errors of the velocities' shape: those of each value, or of each look; None where there are none."""
    if "error" not in names or data[names["error"]].dims not in (data[main].dims, (time,)):
        return None
    values: np.ndarray = data[names["error"]].values.astype("float64")
    shape = data[main].shape
    return np.broadcast_to(values.reshape(len(values), *[1] * (len(shape) - values.ndim), *values.shape[1:]), shape)


def _families(data: xr.Dataset, order: np.ndarray) -> list[str] | None:
    if "satellite_img1" not in data:
        return None
    texts = [text.decode() if isinstance(text, bytes) else str(text) for text in data["satellite_img1"].values[order]]
    return [itslive_quality.family(text) for text in texts]


def _ice(data: xr.Dataset, dims: list[str]) -> np.ndarray | None:
    for name in ICE:
        if name in data and list(data[name].dims) == dims and len(dims) == 2:
            inside: np.ndarray = data[name].values > 0.5
            return inside if inside.any() else None
    return None
