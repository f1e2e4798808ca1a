"""What is known of a lake's area at an issue."""

from __future__ import annotations

import numpy as np
import pandas as pd

from glaciercast.hazard import features_stats as stats
from glaciercast.hazard.features_config import FeatureConfig
from glaciercast.hazard.features_stats import FloatArray

NAMES = ("area", "share_largest", "share_flooded", "growth", "share_now", "filled", "share_ahead", "variability", "seen")
VOLUME_POWER = 1.42
"""Volume grows with this power of area (Huggel et al. 2002, Can. Geotech. J. 39, 316–330)."""
AHEAD = 30.0
"""Days for which the growth is carried on."""
LONGEST_CARRIED = 30.0
"""Days for which a growth is trusted without a look."""
SURE = 3.0
"""Errors of the newest area that the largest must exceed for there to be a lake."""
MOST = 1.2
VARIABILITY = (0.1, 0.9)
FEWEST = 8
"""Areas from which the variability is told."""


def make(areas: pd.DataFrame, floods: pd.DataFrame, issue: FloatArray, settings: FeatureConfig) -> tuple[FloatArray, FloatArray]:
    """Return features and ages, float64 (issue, name) each, of one lake.

    - ``area``: mean of the newest areas, weighted by their errors, m²
    - ``share_largest``: that over the largest area so far (the third largest, so that one wrong outline does not count); NaN, as all
      shares, while that is within three errors of no lake
    - ``growth``: median slope of the last weeks over the largest area, a day; not across a flood that is over
    - ``share_now``: ``share_largest`` carried on by that growth from the newest look to the issue; 0 where nothing was seen since a flood
    - ``share_flooded``: the same over the mean area in the weeks before earlier floods of the lake that are over; both at most 1.2
    - ``filled``: ``share_now`` to the power with which volume grows with area
    - ``share_ahead``: ``share_now`` after 30 more days of such growth
    - ``variability``: from the 10 % to the 90 % quantile of all areas so far, over the largest
    - ``seen``: clear share of the newest view
    """
    time, area, error = stats.days(areas["time"]), areas["area"].to_numpy("float64"), areas["area_error"].to_numpy("float64")
    known = stats.known(areas["available_at"], issue)
    newest = stats.at(time, stats.newest(known))
    largest = largest_of(area, error, known, settings.largest_rank)
    flood = last_flood(floods, issue)
    recent = known & (time >= newest[:, None] - settings.area_days)
    after = known & (time > flood[:, None])
    precision = 1 / np.maximum(error, 1.0) ** 2
    now = stats.mean(area, recent, precision)
    growth = stats.slope(time, area, after & (time >= newest[:, None] - settings.growth_days)) / largest
    share_now = _carried(stats.mean(area, recent & after, precision), stats.mean(time, recent & after, precision), growth * largest, issue)
    share_now = np.where(np.isfinite(flood) & ~after.any(1), 0.0, np.minimum(share_now / largest, MOST))
    before = before_floods(levels(time, area, known, floods, issue, settings.flood_days))
    low, high = (stats.quantile(area, known, part, FEWEST) for part in VARIABILITY)
    values = {
        "area": now,
        "share_largest": now / largest,
        "share_flooded": np.minimum(share_now * largest / before, MOST),
        "growth": growth,
        "share_now": share_now,
        "filled": share_now**VOLUME_POWER,
        "share_ahead": share_now + AHEAD * np.nan_to_num(growth),
        "variability": (high - low) / largest,
        "seen": stats.at(areas["seen"].to_numpy("float64"), stats.newest(known)),
    }
    made = np.stack([values[name] for name in NAMES], axis=1)
    return made, np.where(np.isnan(made), np.nan, (issue - newest)[:, None])


def largest_of(area: FloatArray, error: FloatArray, known: np.ndarray, rank: int) -> FloatArray:
    """Return the largest area so far, m², float64 (issue,); NaN while it is within `SURE` errors of the newest area of no lake."""
    found = stats.largest(area, known, rank)
    return np.where(found > SURE * stats.at(error, stats.newest(known)), found, np.nan)


def last_flood(floods: pd.DataFrame, issue: FloatArray) -> FloatArray:
    """Return the day after the end of the newest flood that was known at each issue, days since 1970; −inf where there was none."""
    over = stats.days(floods["over"])[None, :]
    return np.asarray(np.where(stats.known(floods["known"], issue), over, -np.inf).max(1, initial=-np.inf) + 1, dtype="float64")


def levels(time: FloatArray, area: FloatArray, known: np.ndarray, floods: pd.DataFrame, issue: FloatArray, span: float) -> FloatArray:
    """Return the median area in the weeks before each earlier flood, m², float64 (flood, issue); NaN where it was not seen or known."""
    found = np.full((len(floods), len(issue)), np.nan)
    told = stats.known(floods["known"], issue).T
    for number, earliest in enumerate(stats.days(floods["earliest"])):
        inside = np.flatnonzero((time < earliest) & (time >= earliest - span))
        level = stats.quantile(area[inside], known[:, inside], 0.5)
        found[number] = np.where(told[number] & (level > 0), level, np.nan)
    return found


def before_floods(level: FloatArray) -> FloatArray:
    """Return the mean of `levels` over floods, m², float64 (issue,); NaN where there is none."""
    counts = np.isfinite(level)
    sums = stats.total(np.asarray(np.nan_to_num(level).T), counts.T)
    number = counts.sum(0)
    return np.where(number > 0, sums / np.maximum(number, 1), np.nan)


def _carried(area: FloatArray, time: FloatArray, slope: FloatArray, issue: FloatArray) -> FloatArray:
    """Return areas carried on to the issue, m², for no longer than `LONGEST_CARRIED` days, not below 0."""
    return np.asarray(np.maximum(0, area + np.nan_to_num(slope) * np.minimum(issue - time, LONGEST_CARRIED)), dtype="float64")
