"""What metadata say of orbits: the absolute orbit of Sentinel-2 and the Earth's distance from the Sun."""

from __future__ import annotations

import numpy as np
import pandas as pd

from glaciercast.errors import GlaciercastError
from glaciercast.simulate.scene import Overpass

_LAUNCH = {"Sentinel-2A": pd.Timestamp("2015-06-23T01:52"), "Sentinel-2B": pd.Timestamp("2017-03-07T01:49")}
_PHASE = {"Sentinel-2A": 2, "Sentinel-2B": -27}
"""Relative orbit = (absolute orbit + phase) mod 143 + 1."""
_CYCLE, _ORBITS_A_DAY = 143, 14.3


def earth_sun_distance(time: pd.Timestamp) -> float:
    """Return the distance of the Earth from the Sun, astronomical units, to about 0.0002 (first term of the ellipse)."""
    return float(1 - 0.01672 * np.cos(np.radians(0.9856 * (time.day_of_year - 4))))


def absolute_orbit(overpass: Overpass) -> int:
    """Return the absolute orbit: the one nearest to 14.3 orbits a day since launch that has the right relative orbit.

    Raises
    ------
    GlaciercastError
        If the platform is not a Sentinel-2.
    """
    if overpass.platform not in _LAUNCH:
        raise GlaciercastError(f"{overpass.platform}: expected Sentinel-2A or Sentinel-2B")
    flown = round((overpass.time - _LAUNCH[overpass.platform]) / pd.Timedelta(days=1) * _ORBITS_A_DAY)
    behind = (overpass.path - 1 - _PHASE[overpass.platform] - flown) % _CYCLE
    return flown + (behind if behind <= _CYCLE // 2 else behind - _CYCLE)
