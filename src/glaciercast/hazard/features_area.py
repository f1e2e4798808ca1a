"""What is known of a lake's area at an issue."""

from __future__ import annotations

import numpy as np
import pandas as pd

from glaciercast.hazard import features_stats as stats
from glaciercast.hazard.features_config import FeatureConfig
from glaciercast.hazard.features_stats import FloatArray

NAMES = ("area", "share_largest", "share_flooded", "filled", "growth", "share_ahead", "variability", "seen")
VOLUME_POWER = 1.42
"""Volume grows with this power of area (Huggel et al. 2002, Can. Geotech. J. 39, 316–330)."""
AHEAD = 30.0
"""Days for which the growth is carried on."""
VARIABILITY = (0.1, 0.9)
FEWEST = 8
"""Areas from which the variability is told."""


def make(areas: pd.DataFrame, floods: pd.DataFrame, issue: FloatArray, settings: FeatureConfig) -> tuple[FloatArray, FloatArray]:
    """Return features and ages, float64 (issue, name) each, of one lake.

    - ``area``: mean of the newest areas, weighted by their errors, m²
    - ``share_largest``: that over the largest area so far (the third largest, so that one wrong outline does not count)
    - ``share_flooded``: that over the mean area in the weeks before earlier floods of the lake that are over
    - ``filled``: ``share_largest`` to the power with which volume grows with area
    - ``growth``: median slope of the last weeks over the largest area, a day
    - ``share_ahead``: ``share_largest`` after 30 more days of such growth
    - ``variability``: from the 10 % to the 90 % quantile of all areas so far, over the largest
    - ``seen``: clear share of the newest view
    """
    time, area, error = stats.days(areas["time"]), areas["area"].to_numpy("float64"), areas["area_error"].to_numpy("float64")
    known = stats.known(areas["available_at"], issue)
    newest = stats.at(time, stats.newest(known))
    recent = known & (time >= newest[:, None] - settings.area_days)
    now = stats.mean(area, recent, 1 / np.maximum(error, 1.0) ** 2)
    largest = stats.largest(area, known, settings.largest_rank)
    largest = np.where(largest > 0, largest, np.nan)
    share = now / largest
    growth = stats.slope(time, area, known & (time >= newest[:, None] - settings.growth_days)) / largest
    low, high = (stats.quantile(area, known, part, FEWEST) for part in VARIABILITY)
    before = _before_floods(time, area, known, floods, issue, settings.flood_days)
    values = {
        "area": now,
        "share_largest": share,
        "share_flooded": now / before,
        "filled": share**VOLUME_POWER,
        "growth": growth,
        "share_ahead": share + AHEAD * growth,
        "variability": (high - low) / largest,
        "seen": stats.at(areas["seen"].to_numpy("float64"), stats.newest(known)),
    }
    made = np.stack([values[name] for name in NAMES], axis=1)
    return made, np.where(np.isnan(made), np.nan, (issue - newest)[:, None])


def _before_floods(
    time: FloatArray, area: FloatArray, known: np.ndarray, floods: pd.DataFrame, issue: FloatArray, span: float
) -> FloatArray:
    """Return the mean over earlier floods of the area before them, m², float64 (issue,); NaN where none was seen."""
    sums, number = np.zeros(len(issue)), np.zeros(len(issue))
    for earliest, over in zip(stats.days(floods["earliest"]), stats.days(floods["over"]), strict=True):
        inside = np.flatnonzero((time < earliest) & (time >= earliest - span))
        level = stats.quantile(area[inside], known[:, inside], 0.5)
        counts = (over < issue) & (level > 0)
        sums, number = sums + np.where(counts, level, 0), number + counts
    return np.where(number > 0, sums / np.maximum(number, 1), np.nan)
