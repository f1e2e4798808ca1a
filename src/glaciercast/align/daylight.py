"""When the sun is too low for optical data: such steps stay missing, they are never filled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from glaciercast.align.seasons import phase

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

LOWEST_SUN = 14.0
"""Degrees: Landsat's surface reflectance is not made where the sun is lower (zenith above 76°; LSDS-1619, caveats)."""


def noon_elevation(times: pd.DatetimeIndex, latitude: float) -> np.ndarray:
    """Return the sun's elevation at local noon, degrees, float64 (time,).

    Parameters
    ----------
    times
        Dates.
    latitude
        Degrees north.

    References
    ----------
    Declination: Spencer, J. W. (1971), Fourier series representation of the position of the sun, Search 2, 172 (within 0.04°).
    """
    angle = 2 * np.pi * phase(times)
    declination = np.degrees(
        0.006918
        - 0.399912 * np.cos(angle)
        + 0.070257 * np.sin(angle)
        - 0.006758 * np.cos(2 * angle)
        + 0.000907 * np.sin(2 * angle)
        - 0.002697 * np.cos(3 * angle)
        + 0.00148 * np.sin(3 * angle)
    )
    elevation: np.ndarray = 90 - np.abs(latitude - declination)
    return elevation


def dark_steps(edges: pd.DatetimeIndex, geobox: GeoBox) -> np.ndarray:
    """Return the steps on whose every day the noon sun is below `LOWEST_SUN` at the grid's centre, bool (len(edges) − 1,)."""
    latitude = geobox.geographic_extent.centroid.points[0][1]
    days = pd.date_range(edges[0], edges[-1], freq="D", inclusive="left")
    low = noon_elevation(days, latitude) < LOWEST_SUN
    step = edges.searchsorted(days, side="right") - 1
    lit = np.bincount(step[~low], minlength=len(edges) - 1)
    dark: np.ndarray = lit == 0
    return dark
