"""The aligned series of a cube, ready for windows: a memory-mapped cache and the calendar of its steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from glaciercast import grid, store
from glaciercast.align import seasons
from glaciercast.errors import InputError, SchemaError, unknown
from glaciercast.patches import cache as caches
from glaciercast.patches import statics as static_fields
from glaciercast.schema import ALIGNED_VARIABLES, AVAILABILITY, OBSERVED

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

GROUP = "/aligned"
VELOCITIES = tuple(name for name, available in AVAILABILITY.items() if available == "velocity_available_at")


@dataclass(frozen=True)
class Series:
    """An aligned series; steps beyond the last one have a calendar but no data.

    Attributes
    ----------
    cache
        Channels: the variables, then their observed fractions; float32 (step, channel, y, x).
    starts, ends
        First and last moment of each step, future ones included.
    available_at
        Earliest time at which all variables of a step's frame could be had, datetime64[ns] (step,).
    season
        Sine and cosine of the phase of the year, float32 (step, 2), future steps included.
    season_index
        0 … period − 1, int64 (step,), future steps included.
    composite_length
        Steps over which what enters a step extends: its own, those before that its composite spans, and, where velocities are read, those
        that the longest image pair reaches back.
    statics
        Normalised channels that do not change with time, float32 (S, y, x).
    """

    cache: caches.Cache
    variables: tuple[str, ...]
    starts: pd.DatetimeIndex
    ends: pd.DatetimeIndex
    available_at: np.ndarray
    season: np.ndarray
    season_index: np.ndarray
    statics: np.ndarray
    period: int
    composite_length: int
    geobox: GeoBox
    attributes: dict[str, Any]
    fingerprint: str

    @property
    def n_steps(self) -> int:
        """Steps that have data."""
        return len(self.available_at)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the scene in pixels."""
        return self.geobox.shape.y, self.geobox.shape.x

    def frames(self, steps: range) -> tuple[np.ndarray, np.ndarray]:
        """Return values and observed fractions of consecutive whole frames, float32 (step, variable, y, x) each."""
        zero = np.zeros(1, "int64")
        block = self.cache.gather(zero + steps.start, zero, zero, len(steps), *self.shape)[0]
        n = len(self.variables)
        return block[:, :n], block[:, n:]


def load(
    cube_path: str | Path, folder: Path, variables: tuple[str, ...] = ("ndsi",), horizon: int = 12, statics: tuple[str, ...] = ()
) -> Series:
    """Open the aligned series of a cube through a memory-mapped cache in `folder`, made anew if the cube has changed.

    Raises
    ------
    InputError, SchemaError
        If the cube is not aligned or lacks a variable, or its series looks ahead or does not tell its calendar.
    """
    path = store.locate(cube_path)
    cube = store.open_cube(path)
    if "aligned" not in cube.children:
        raise InputError(f"{path}: has no /aligned; run 'glaciercast align {path}' first")
    aligned = cube["aligned"].to_dataset()
    for name in variables:
        if name not in ALIGNED_VARIABLES or name not in aligned:
            raise InputError(unknown("variable", name, [v for v in ALIGNED_VARIABLES if v in aligned]))
    if aligned.attrs.get("looks_ahead"):
        raise InputError(f"{path}: /aligned was made from later steps, to explore; run 'glaciercast align {path} --replace'")
    needed = ("cadence", "steps_per_year", "composite_length")
    for key in (*needed, "velocity_span_days") if set(variables) & set(VELOCITIES) else needed:
        if key not in aligned.attrs:
            raise SchemaError(f"{path}{GROUP}: expected the attribute '{key}', found none; run 'glaciercast align {path} --replace'")
    content = store.fingerprint(path, GROUP)
    channels = (*variables, *(name + OBSERVED for name in variables))
    geobox = grid.of(aligned, str(path))
    cache = caches.open(folder, content)
    if cache is not None and cache.channels == channels:
        cache.verify()
    else:
        shape = (geobox.shape.y, geobox.shape.x)
        cache = caches.write(
            folder, _stacked(path, aligned, channels), aligned.sizes["time"], channels, shape, content, {"cube": path.name}
        )
    starts, ends = _calendar(aligned, horizon)
    period = int(aligned.attrs["steps_per_year"])
    middles = starts + (ends - starts) / 2
    reach = math.ceil(aligned.attrs.get("velocity_span_days", 0) / ((ends - starts).min() / pd.Timedelta(days=1)))
    return Series(
        cache=cache,
        variables=variables,
        starts=starts,
        ends=ends,
        available_at=np.max([aligned[AVAILABILITY[name]].values for name in variables], axis=0).astype("datetime64[ns]"),
        season=np.stack(seasons.encode(middles), axis=1),
        season_index=seasons.season_index(middles, period),
        statics=static_fields.channels(aligned, statics, str(path)),
        period=period,
        composite_length=int(aligned.attrs["composite_length"]) + (reach if set(variables) & set(VELOCITIES) else 0),
        geobox=geobox,
        attributes=dict(aligned.attrs),
        fingerprint=content,
    )


def _stacked(path: Path, aligned: xr.Dataset, channels: tuple[str, ...]) -> Iterator[np.ndarray]:
    for step in range(aligned.sizes["time"]):
        frame = aligned[list(channels)].isel(time=step).load()
        store.check_date(path, GROUP, step, {name: frame[name].values for name in channels})
        yield np.stack([frame[name].values for name in channels]).astype("float32")


def _calendar(aligned: xr.Dataset, horizon: int) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    bounds = aligned.time_bounds.values
    offset = pd.tseries.frequencies.to_offset(aligned.attrs["cadence"])
    edges = pd.DatetimeIndex([*bounds[:, 0], bounds[-1, 1]])
    future = pd.date_range(edges[-1], periods=horizon + 1, freq=offset)[1:]
    edges = pd.DatetimeIndex([*edges, *future])
    return edges[:-1], edges[1:]
