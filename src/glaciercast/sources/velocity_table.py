"""A long table of velocities, one line a glacier and period → regular series with gaps.

Components are what is read: the mean of magnitudes of noisy vectors is the noise's (a table may have both, and they differ threefold), so
speed is made from the components where it is asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast.config import Config
from glaciercast.errors import InputError, unknown
from glaciercast.sources import tables

if TYPE_CHECKING:
    import xarray as xr

Period = Literal["M", "Q", "Y"]
CADENCES: dict[str, str] = {"M": "MS", "Q": "QS", "Y": "YS"}
"""Period of a table → frequency of its steps, as pandas calls it."""


class VelocityTableConfig(Config):
    """What the columns of a table are called; values are in metres a year."""

    glacier: str = Field(default="RGIId", description="column that names the glacier")
    time: str = Field(default="mid_date", description="column of dates, any day of the period")
    vx: str = Field(default="vx", description="column of the velocity along x, m/yr")
    vy: str = Field(default="vy", description="column of the velocity along y, m/yr")
    error: str | None = Field(default="v_error", description="column of the error of the velocity, m/yr; null: there is none")
    magnitude: str | None = Field(default="v", description="column of the mean magnitude, m/yr, kept to be compared; null: there is none")
    period: Period = Field(default="Q", description="what a line stands for: a month, a quarter or a year")
    title: str = Field(default="", description="whose ice it is")
    attribution: str = Field(default="", description="whom to name")


def read(path: str | Path, settings: VelocityTableConfig | None = None) -> xr.Dataset:
    """Return the table in `path` (CSV, compressed or not) as series of one calendar.

    Returns
    -------
    xarray.Dataset
        ``vx``, ``vy`` and, where the table has them, ``v_error`` and ``v`` float32 (time, glacier), m year-1, NaN where the table has no
        line or value (vx and vy both where one is); ``time`` the first day of each period, none left out; ``glacier``; attributes
        ``cadence``, ``title``, ``attribution``.

    Raises
    ------
    InputError
        If the file cannot be read, lacks a column, is empty, has a line without glacier or date, a value that is no number, or two lines
        of one glacier and period.
    """
    import xarray as xr

    settings, path = settings or VelocityTableConfig(), Path(path)
    columns = {"vx": settings.vx, "vy": settings.vy, "v_error": settings.error, "v": settings.magnitude}
    wanted = {new: old for new, old in columns.items() if old is not None}
    table = _checked(tables.read(path), [settings.glacier, settings.time, *wanted.values()], path)
    lines = pd.DataFrame(
        {
            "glacier": table[settings.glacier],
            "period": pd.DatetimeIndex(tables.dates(table[settings.time], path)).to_period(settings.period),
        }
    )
    for new, old in wanted.items():
        lines[new] = tables.numbers(table[old], path)
    _check_lines(lines, path)
    calendar = pd.period_range(lines["period"].min(), lines["period"].max(), freq=settings.period)
    frames = {name: lines.pivot(index="period", columns="glacier", values=name).reindex(calendar) for name in wanted}
    known = np.isfinite(frames["vx"]) & np.isfinite(frames["vy"])
    for name in ("vx", "vy"):
        frames[name] = frames[name].where(known)
    made = xr.Dataset(
        {name: (("time", "glacier"), frame.to_numpy("float32"), {"units": "m year-1"}) for name, frame in frames.items()},
        {"time": calendar.to_timestamp().to_numpy("datetime64[ns]"), "glacier": list(map(str, frames["vx"].columns))},
    )
    made.attrs = {"cadence": CADENCES[settings.period], "title": settings.title or path.name, "attribution": settings.attribution}
    return made


def _checked(table: pd.DataFrame, needed: list[str], path: Path) -> pd.DataFrame:
    for name in needed:
        if name not in table:
            raise InputError(f"{path}: {unknown('column', name, map(str, table.columns))}")
    return table


def _check_lines(lines: pd.DataFrame, path: Path) -> None:
    nameless = np.flatnonzero(lines["glacier"].isna())
    if nameless.size:
        raise InputError(f"{path}: line {nameless[0] + 2}: expected the name of a glacier, found none")
    twice = lines[lines.duplicated(["glacier", "period"])]
    if len(twice):
        glacier, period = twice.iloc[0]["glacier"], twice.iloc[0]["period"]
        raise InputError(f"{path}: expected one line a glacier and period, found two of {glacier} in {period}")
