"""Velocities that were read as a regular series, as what every model takes: a cube's ``/aligned``, or a series of glaciers side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glaciercast import schema, store
from glaciercast.align import seasons
from glaciercast.errors import InputError
from glaciercast.patches import cache as caches
from glaciercast.patches.series import GROUP, Series
from glaciercast.patches.splits import gap_steps
from glaciercast.schema import OBSERVED

if TYPE_CHECKING:
    import xarray as xr

COMPONENTS = ("vx", "vy")
CHANNELS = (*COMPONENTS, *(name + OBSERVED for name in COMPONENTS))
HINDCAST = (
    "Hindcast: the series was inverted from image pairs on both sides of each value, so what is read at an issue time has seen later images"
)
DAY = np.timedelta64(1, "D").astype("timedelta64[ns]")


def write_cube(series: xr.Dataset, path: Path) -> Path:
    """Write a series as ``/aligned`` of a new cube, which every command takes that forecasts: ``benchmark``, ``train``, ``forecast``.

    Nominally a value is available at the end of what it spans; a hindcast was not, and the group's comment says so.

    Parameters
    ----------
    series
        As `sources.velocity_series.read` returns it.
    path
        Where the cube is made; what is there already must be of the same series.

    Raises
    ------
    InputError
        If its steps are no whole days, or another series was written there.
    """
    step = series.attrs["step_days"]
    if step != int(step):
        raise InputError(f"step: expected whole days, found {step:g}")
    middles = pd.DatetimeIndex(series["time"].values)
    half = pd.Timedelta(days=step / 2)
    available = (middles + pd.Timedelta(days=series.attrs["span_days"] / 2)).to_numpy("datetime64[ns]")
    sin, cos = seasons.encode(middles)
    coords = series.drop_vars(COMPONENTS).assign_coords(time=("time", (middles - half).to_numpy("datetime64[ns]")))
    coords["time_bounds"] = (("time", "bounds"), np.stack([middles - half, middles + half], axis=1).astype("datetime64[ns]"))
    for name, values in (("season_sin", sin), ("season_cos", cos), ("available_at", available), ("velocity_available_at", available)):
        coords[name] = ("time", values)
    coords.attrs = {
        "title": series.attrs["title"],
        "comment": HINDCAST if series.attrs["hindcast"] else "",
        "attribution": series.attrs["attribution"],
        "cadence": f"{int(step)}D",
        "steps_per_year": seasons.steps_per_year(f"{int(step)}D"),
        "composite_length": 1,
        "velocity_span_days": series.attrs["span_days"],
        "looks_ahead": 0,  # not by the alignment; the comment tells of the inversion
        "schema": schema.VERSION,
    }
    store.create(path, schema.root_attributes(series.attrs["title"]))
    values = np.stack([series[name].values for name in COMPONENTS], axis=1)
    writer = store.RegionWriter(path, GROUP, store.checksum(values))
    writer.begin(coords, dict.fromkeys(CHANNELS, "float32"))
    for index, frame in enumerate(_with_observed(values)):
        if index not in writer.done:
            writer.write(index, dict(zip(CHANNELS, frame, strict=True)))
    writer.end()
    return path


def of_table(table: xr.Dataset, folder: Path, horizon: int, span_days: float = 0.0) -> Series:
    """Return a table's series, glaciers side by side as the rows of a scene one pixel wide, on a grid without a CRS.

    Parameters
    ----------
    table
        As `sources.velocity_table.read` returns it.
    folder
        Gets the memory-mapped copy.
    horizon
        Steps of the calendar beyond the last one.
    span_days
        Days that the image pairs behind a value may reach beyond its step; gaps between the parts of a split are longer by them.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    values = np.stack([table[name].values[..., None] for name in COMPONENTS], axis=1)
    steps, _, glaciers, _ = values.shape
    cadence = table.attrs["cadence"]
    edges = pd.date_range(table["time"].values[0], periods=steps + horizon + 1, freq=cadence)
    starts, ends = edges[:-1], edges[1:]
    middles, period = starts + (ends - starts) / 2, seasons.steps_per_year(cadence)
    content = store.checksum(values)
    return Series(
        cache=caches.write(folder, _with_observed(values), steps, CHANNELS, (glaciers, 1), content),
        variables=COMPONENTS,
        starts=starts,
        ends=ends,
        available_at=(ends[:steps] + pd.Timedelta(days=span_days)).to_numpy("datetime64[ns]"),
        season=np.stack(seasons.encode(middles), axis=1),
        season_index=seasons.season_index(middles, period),
        statics=np.zeros((0, glaciers, 1), "float32"),
        period=period,
        composite_length=1 + math.ceil(span_days / ((ends - starts).min() / pd.Timedelta(days=1))),
        geobox=GeoBox((glaciers, 1), Affine.identity(), None),
        attributes={"cadence": cadence, "title": table.attrs["title"], "attribution": table.attrs["attribution"]},
        fingerprint=content,
    )


def shares_before(
    series: Series, date: str, n_input: int, n_target: int, history: int, validation: float = 0.15
) -> tuple[float, float, float]:
    """Return the shares by which `splits.by_time` trains and validates on what was available by `date`, and tests on what came later.

    Parameters
    ----------
    validation
        Share of the steps before `date` that validate.

    Raises
    ------
    InputError
        If too few steps lie before or after the date.
    """
    gap = gap_steps(n_input, n_target, series.composite_length)
    cut = int(np.count_nonzero(series.available_at <= np.datetime64(date)))
    before, after = cut - history - gap, series.n_steps - cut - gap
    if before < 2 * n_target or after < n_target:
        raise InputError(
            f"split at {date}: {cut} of {series.n_steps} steps were available by then, too few on one side of it for {history} steps of "
            f"history, gaps of {gap} and {n_target} targets a part"
        )
    validating = min(max(n_target, round(validation * before)), before - n_target)
    return float(before - validating), float(validating), float(after)


def _with_observed(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the frames of values (step, component, y, x) with their observed fractions as further channels, float32."""
    for frame in values:
        yield np.concatenate([frame, np.isfinite(frame)]).astype("float32")
