"""The regular steps of an aligned series: their windows, and which of them are without sun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from glaciercast.align import daylight, seasons
from glaciercast.stats import cadence as cadences

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True)
class Calendar:
    """Steps of a cadence; a composite spans `length` of them, its own and those before.

    Attributes
    ----------
    edges
        One more than there are steps.
    cadence
        Their pandas frequency.
    dark
        Steps on every day of whose windows the sun is too low for optical data, bool (step,).
    """

    edges: pd.DatetimeIndex
    cadence: str
    length: int
    dark: np.ndarray

    @classmethod
    def of(cls, times: pd.DatetimeIndex, cadence: str, length: int, geobox: GeoBox) -> Calendar:
        """Return the steps that cover the scenes' times; errors as for `cadence.edges`."""
        edges = cadences.edges(times[0], times[-1], cadence)
        dark = daylight.dark_steps(edges, geobox)
        return cls(edges, cadence, length, np.array([dark[max(0, step + 1 - length) : step + 1].all() for step in range(len(dark))]))

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def times(self) -> np.ndarray:
        """First moments of the steps, datetime64[ns] (step,)."""
        return self.edges[:-1].to_numpy("datetime64[ns]")

    @property
    def steps_per_year(self) -> int:
        """How many steps make a year (12 for months)."""
        return seasons.steps_per_year(self.cadence)

    def span(self, step: int) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Return start and end of the window of a step's composite."""
        return self.edges[max(0, step + 1 - self.length)], self.edges[step + 1]

    def variables(self) -> xr.Dataset:
        """Return ``time``, ``time_bounds``, ``season_sin`` and ``season_cos``."""
        starts, ends = self.edges[:-1], self.edges[1:]
        sine, cosine = seasons.encode(starts + (ends - starts) / 2)
        bounds = np.stack([self.times, ends.to_numpy("datetime64[ns]")], axis=1)
        return xr.Dataset(
            {"season_sin": ("time", sine), "season_cos": ("time", cosine), "time_bounds": (("time", "bounds"), bounds)},
            coords={"time": ("time", self.times, {"standard_name": "time", "axis": "T", "bounds": "time_bounds"})},
        )
