"""Surface temperature of each step on the site's grid: the mean of the periods that meet it, 1 km cell by 1 km cell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from glaciercast import grid
from glaciercast.align import lapse, regrid
from glaciercast.align.steps import Step
from glaciercast.config import Config
from glaciercast.cube.seasonfill import SeasonFill
from glaciercast.errors import InputError
from glaciercast.progress import note

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

HALVES = ("day", "night")


class TemperatureAlign(Config):
    """How periods become the temperature of a step."""

    product: str | None = Field(default=None, description="which product under /temperature; null: the only one")
    method: Literal["nearest", "lapse"] = Field(
        default="nearest",
        description="nearest: each pixel has its 1 km cell's value; lapse: downscaled by elevation, which adds no observation",
    )
    lapse_rate: float | None = Field(
        default=None, ge=-20, le=20, description="K/km, below 0 where it cools upward; null: fitted to each step"
    )
    season_fill: SeasonFill = Field(default=SeasonFill(neighbours=False), description="how gaps are filled from the past")


class TemperatureSteps:
    """The steps of one temperature product on the grid `target`, each made when it is asked for.

    A period counts with the days of it that lie in the step's window: T = Σ d T / Σ d over the periods that have a value, a plain mean of
    kelvins (that of the emitted radiation would be 0.3 K higher at a standard deviation of 7 K, and is not what stations average). Observed
    is the share of the window's days whose period has a value; an 8-day composite counts with all its days, though few of them may have
    been clear. Each pixel has the value of the cell that holds its centre, unless `settings` ask for `lapse.downscale`.

    Marks of melting ice, whose temperature says no more than that, are not averaged away: `melting` gives the share of the observed days
    that carry them.

    Parameters
    ----------
    dataset
        Group of ``/temperature``: ``lst_day``, ``lst_night`` (time, y, x), K, or one of them; ``time`` is the first moment of a period and
        ``available_at`` its end and the latency, which the attribute ``rules`` tells.
    settings
        What counts.
    target
        The site's grid.
    edges
        Of the steps, one more than there are.
    elevation
        Metres (y, x) on `target`, for ``lapse``.
    group
        Path of the group, for messages and provenance.
    length
        Steps that a window spans: its own and those before.

    Raises
    ------
    InputError
        If there is no temperature, a period's end is not told, edges or periods are out of order, or elevation is asked for and missing.
    """

    def __init__(
        self,
        dataset: xr.Dataset,
        settings: TemperatureAlign,
        target: GeoBox,
        edges: pd.DatetimeIndex,
        elevation: np.ndarray | None = None,
        *,
        group: str = "/temperature",
        length: int = 1,
    ) -> None:
        self.dataset, self.settings, self.target = dataset, settings, target
        self.groups: Sequence[str] = [group]
        self.starts, self.ends = regrid.windows(edges, length)
        self.names: Sequence[str] = [f"lst_{half}" for half in HALVES if f"lst_{half}" in dataset]
        self.basic: Sequence[str] = self.names
        if not self.names:
            raise InputError(f"{group}: expected lst_day or lst_night, found {', '.join(map(str, dataset.data_vars)) or 'nothing'}")
        if settings.method == "lapse" and (elevation is None or elevation.shape != tuple(target.shape)):
            found = "none" if elevation is None else f"one of shape {elevation.shape}"
            raise InputError(f"{group}: method lapse expected an elevation of shape {tuple(target.shape)}, found {found}")
        self.first, self.last = _periods(dataset, group)
        self.known = dataset["available_at"].values.astype("datetime64[ns]")
        self.native = grid.of(dataset, group)
        self.cells = regrid.cells(self.native, target)
        self.relief = None
        if settings.method == "lapse" and elevation is not None:
            self.relief = lapse.Relief.of(elevation, self.cells, tuple(self.native.shape))
        self.beside: Mapping[str, str] = {}
        self.season_fill = settings.season_fill
        self.comment = self._comment()
        self.dark = np.zeros(len(self.ends), bool)
        self.looks_ahead = False
        if not any((self._days(step) > 0).any() for step in range(len(self.ends))):
            note(f"{group}: none of its {len(self.first)} periods lies in any step; temperature will be missing")
        if (self.cells[0] < 0).all():
            note(f"{group}: lies outside the grid of the scenes; temperature will be missing")

    def _comment(self) -> str:
        if self.settings.method == "nearest":
            return "temperature: each pixel has the value of its 1 km cell"
        rate = "fitted to each step's cells" if self.settings.lapse_rate is None else f"of {self.settings.lapse_rate:g} K/km"
        return f"temperature: downscaled from 1 km by elevation with a lapse rate {rate}; detail below 1 km is not observed"

    def available(self, index: int) -> np.datetime64:
        """Return when the last period that counts in a step could be had, not before the step's end."""
        known: np.datetime64 = max([self.ends[index], *self.known[self._days(index) > 0]])
        return known

    def step(self, index: int) -> Step:
        """Return ``lst_day`` and ``lst_night`` of a step, K.

        Raises
        ------
        InputError
            If there is no such step.
        """
        if not 0 <= index < len(self.ends):
            raise InputError(f"temperature: expected a step from 0 to {len(self.ends) - 1}, found {index}")
        days = self._days(index)
        periods = np.flatnonzero(days)
        arrays, observed = {}, {}
        facts: dict[str, Any] = {"periods": len(periods)}
        window = (self.ends[index] - self.starts[index]) / np.timedelta64(1, "D")
        for name in self.names:
            mean, seen = mean_of_periods(self._read(name, periods), days[periods])
            arrays[name], told = self._fine(mean)
            facts |= {f"{key}_{name}": value for key, value in told.items()}
            share = regrid.spread((seen / window).astype(np.float32), self.cells)
            observed[name] = np.where(np.isnan(arrays[name]), np.float32(0), share)
        return Step(arrays, observed, {}, facts)

    def complete(self, step: Step) -> Step:
        """Return the step: every variable is composed."""
        return step

    def melting(self, index: int) -> dict[str, np.ndarray]:
        """Return ``melting_<half>`` of a step where the group has the marks: share of the observed days, float32 (y, x), NaN unseen."""
        days = self._days(index)
        periods = np.flatnonzero(days)
        found = {}
        for name in self.names:
            marks = name.replace("lst_", "melting_")
            if marks in self.dataset:
                values, temperatures = self._read(marks, periods), self._read(name, periods)
                share, _ = mean_of_periods(np.where(np.isnan(temperatures), np.nan, values).astype(np.float32), days[periods])
                found[marks] = regrid.spread(share, self.cells)
        return found

    def _read(self, name: str, periods: np.ndarray) -> np.ndarray:
        """Return a variable of the periods of a step, which follow one another, (period, y, x)."""
        span = slice(0, 0) if not len(periods) else slice(int(periods[0]), int(periods[-1]) + 1)
        values: np.ndarray = self.dataset[name].isel(time=span).values
        return values

    def _fine(self, mean: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        if self.relief is None:
            return regrid.spread(mean, self.cells), {}
        return lapse.downscale(mean, self.relief, self.cells, self.settings.lapse_rate)

    def _days(self, index: int) -> np.ndarray:
        """Return the days of each period that lie in a step's window, float64 (time,)."""
        inside = np.minimum(self.last, self.ends[index]) - np.maximum(self.first, self.starts[index])
        days: np.ndarray = np.maximum(inside / np.timedelta64(1, "D"), 0)
        return days


def mean_of_periods(values: np.ndarray, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over periods, weighted by their days, and how many days were seen.

    Parameters
    ----------
    values
        (period, y, x), NaN where there is none.
    days
        (period,), more than 0.

    Returns
    -------
    tuple of numpy.ndarray
        Mean, float32 (y, x), NaN where no period has a value; days, float64 (y, x).
    """
    known = ~np.isnan(values)
    weights = np.asarray(days, np.float64)[:, None, None] * known
    seen: np.ndarray = weights.sum(axis=0)
    total = (weights * np.where(known, values, 0)).sum(axis=0)
    return np.divide(total, seen, out=np.full(seen.shape, np.nan), where=seen > 0).astype(np.float32), seen


def _periods(dataset: xr.Dataset, group: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last moment of each period; where one reaches into the next (at New Year), it ends there."""
    first = dataset["time"].values.astype("datetime64[ns]")
    try:
        latency = pd.Timedelta(json.loads(dataset.attrs["rules"])["latency"])
    except (KeyError, TypeError, ValueError) as error:
        found = dataset.attrs.get("rules", "none")
        raise InputError(f"{group}: expected the attribute 'rules' with the latency, which tells periods' ends, found {found}") from error
    last = dataset["available_at"].values.astype("datetime64[ns]") - latency.to_timedelta64()
    if not ((last > first).all() and (np.diff(first) > np.timedelta64(0, "ns")).all()):
        raise InputError(f"{group}: expected periods in order that end after they begin, found others")
    last[:-1] = np.minimum(last[:-1], first[1:])
    return first, last
