"""A regular series of velocity on a projected grid, as inversions of image pairs give it: NetCDF or Zarr with vx, vy and time.

Such a series is a **hindcast**: each value was inverted from pairs on both sides of it, so a forecast of it is easier than one of what
could be known at its issue time (Charrier et al. 2022, IEEE Trans. Geosci. Remote Sens. 60, 1–10). What is read says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast import grid
from glaciercast.config import Config
from glaciercast.errors import InputError, unknown
from glaciercast.sources import itslive_cube

if TYPE_CHECKING:
    import xarray as xr

UNITS = (*itslive_cube.UNITS, "m yr-1", "m a-1", "m/a")
DAY = pd.Timedelta(days=1)
CF_UNITS = "m year-1"


class VelocitySeriesConfig(Config):
    """What the variables of a file are called, and what the file does not tell."""

    vx: str = Field(default="vx", description="velocity along the grid's x axis, (time, y, x)")
    vy: str = Field(default="vy", description="velocity along the grid's y axis")
    time: str = Field(default="mid_date", description="dimension and coordinate of the values' times, the middles of what they span")
    y: str = Field(default="y", description="dimension and coordinate of the grid's y axis, m")
    x: str = Field(default="x", description="dimension and coordinate of the grid's x axis, m")
    first: str | None = Field(default="date1", description="variable (time): where the span of a value begins; null: 'span_days' tells")
    second: str | None = Field(default="date2", description="variable (time): where it ends")
    span_days: float | None = Field(default=None, gt=0, description="days that a value spans, where no variables tell; null: a step")
    units: str | None = Field(default=None, description="units of vx and vy where the file tells none")
    crs: str | None = Field(default=None, description="CRS of the grid where the file tells none")
    hindcast: bool = Field(default=True, description="values were inverted from both sides of their times, as inversions do")
    title: str = Field(default="", description="whose ice it is")
    attribution: str = Field(default="", description="whom to name")


def read(path: str | Path, settings: VelocitySeriesConfig | None = None) -> xr.Dataset:
    """Return the series in `path`, a NetCDF file or a Zarr store.

    Returns
    -------
    xarray.Dataset
        ``vx``, ``vy`` float32 (time, y, x), m year-1, NaN where unknown (both where one is); ``time`` (middles), ``y`` from north to south,
        ``x`` from west to east, ``spatial_ref``; attributes ``step_days``, ``span_days``, ``hindcast``, ``title``, ``attribution``.

    Raises
    ------
    InputError
        If the file cannot be read, lacks a variable, its units or CRS, has other dimensions, or its times are not regular.
    """
    settings, path = settings or VelocitySeriesConfig(), Path(path)
    with _opened(path) as opened:
        names = {settings.time: "time", settings.y: "y", settings.x: "x", settings.vx: "vx", settings.vy: "vy"}
        for name in names:
            if name not in opened.variables:
                raise InputError(f"{path}: {unknown('variable', name, map(str, opened.variables))}")
        values = {new: _component(opened[old], settings, path) for old, new in names.items() if new in ("vx", "vy")}
        made = _georeferenced(opened, values, settings, path)
        times = _times(opened[settings.time], path)
        span = _span(opened, settings, path)
    step = step_days(times, str(path))
    made = made.assign_coords(time=("time", times.to_numpy("datetime64[ns]")))
    made.attrs = {
        "step_days": step, "span_days": span or step, "hindcast": int(settings.hindcast), "title": settings.title or path.stem,
        "attribution": settings.attribution,
    }  # fmt: skip
    return made


def thinned(series: xr.Dataset, every: int) -> xr.Dataset:
    """Return every `every`-th step of a series, the last one that has a value among them, with the days that they are apart.

    Raises
    ------
    InputError
        If fewer than two steps are left.
    """
    known = np.flatnonzero(np.isfinite(series["vx"].values).any(axis=(1, 2)))
    last = int(known[-1]) if known.size else 0
    if every < 1 or last < every:
        raise InputError(f"every: expected 1 to {last} of a series with values up to step {last}, found {every}")
    kept = series.isel(time=slice(last % every, last + 1, every))
    return kept.assign_attrs(step_days=series.attrs["step_days"] * every)


def step_days(times: pd.DatetimeIndex, where: str) -> float:
    """Return the days between the times of a regular series.

    Raises
    ------
    InputError
        If there are fewer than two, or they are not equally far apart and in order.
    """
    if len(times) < 2:
        raise InputError(f"{where}: expected a series of at least two times, found {len(times)}")
    steps = np.diff(times.to_numpy()) / DAY.to_timedelta64()
    odd = np.flatnonzero(np.abs(steps - steps[0]) > 1e-6)
    if odd.size or steps[0] <= 0:
        at = int(odd[0]) if odd.size else 0
        raise InputError(
            f"{where}: expected times in order and equally far apart, found {steps[0]:g} days at first and {steps[at]:g} after {times[at]}"
        )
    return float(steps[0])


def _opened(path: Path) -> xr.Dataset:
    import xarray as xr

    if not path.exists():
        raise InputError(f"{path}: no such file")
    how: dict[str, object] = {"engine": "zarr", "consolidated": False} if path.is_dir() else {"engine": "h5netcdf"}
    try:
        return xr.open_dataset(path, decode_timedelta=False, **how)  # type: ignore[arg-type]
    except (OSError, ValueError, KeyError) as error:  # no such format, cut short, times without a meaning
        raise InputError(f"{path}: cannot be read as NetCDF or Zarr: {' '.join(str(error).split())}") from error


def _component(values: xr.DataArray, settings: VelocitySeriesConfig, path: Path) -> np.ndarray:
    wanted = (settings.time, settings.y, settings.x)
    if values.dims != wanted:
        raise InputError(f"{path}/{values.name}: expected dimensions {wanted}, found {values.dims}")
    units = values.attrs.get("units", values.attrs.get("unit", settings.units))  # inversions write 'unit'
    if units not in UNITS:
        raise InputError(f"{path}/{values.name}: expected units of metres a year such as 'm/y', found {units!r}; 'units' sets them")
    if values.dtype.kind != "f":
        raise InputError(f"{path}/{values.name}: expected floating point, found {values.dtype}")
    return np.asarray(values.values, dtype="float32")


def _georeferenced(opened: xr.Dataset, values: dict[str, np.ndarray], settings: VelocitySeriesConfig, path: Path) -> xr.Dataset:
    import xarray as xr
    from odc.geo.geobox import GeoBox
    from odc.geo.xr import assign_crs

    vx, vy = values["vx"], values["vy"]
    known = np.isfinite(vx) & np.isfinite(vy)
    dims = ("time", "y", "x")
    made = xr.Dataset(
        {name: (dims, np.where(known, component, np.float32("nan"))) for name, component in values.items()},
        {axis: (axis, opened[name].values.astype("float64")) for axis, name in (("y", settings.y), ("x", settings.x))},
    ).sortby("x")
    made = assign_crs(made.sortby("y", ascending=False), _crs(opened, settings, path))
    geobox: GeoBox = grid.with_code(grid.of(made, str(path)))
    if geobox.crs is None or not geobox.crs.projected:
        raise InputError(f"{path}: expected a projected CRS with units of metres, found {grid.crs_name(geobox)}")
    made = made.drop_vars(["y", "x", "spatial_ref"]).assign_coords(grid.coordinates(geobox))
    for name, component in made.data_vars.items():
        component.attrs = {"units": CF_UNITS, "long_name": f"velocity along the grid's {str(name)[1]} axis"}
    return made


def _crs(opened: xr.Dataset, settings: VelocitySeriesConfig, path: Path) -> str:
    if settings.crs is not None:
        return settings.crs
    for variable in opened.variables.values():
        told = variable.attrs.get("crs_wkt") or variable.attrs.get("spatial_ref")
        if told:
            return str(told)
    raise InputError(f"{path}: has no CRS; 'crs' sets it")


def _times(values: xr.DataArray, path: Path) -> pd.DatetimeIndex:
    if values.dtype.kind != "M":
        raise InputError(f"{path}/{values.name}: expected times with units such as 'days since 2000-01-01', found {values.dtype}")
    return pd.DatetimeIndex(values.values)


def _span(opened: xr.Dataset, settings: VelocitySeriesConfig, path: Path) -> float | None:
    """Return the longest span of a value in days, as the file's two dates or the settings tell; None: neither does."""
    dates = [name for name in (settings.first, settings.second) if name is not None and name in opened.variables]
    if len(dates) < 2 or settings.span_days is not None:
        return settings.span_days
    first, second = (_times(opened[name], path) for name in dates)
    spans = (second - first) / DAY
    if not bool((spans > 0).all()):
        raise InputError(f"{path}: expected '{dates[0]}' before '{dates[1]}', found {spans.min():g} days")
    return float(spans.max())
