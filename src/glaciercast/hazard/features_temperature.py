"""What is known of surface temperature at an issue: ground tells the weather, ice only how often it was short of melting."""

from __future__ import annotations

import numpy as np
import pandas as pd

from glaciercast.hazard import features_stats as stats
from glaciercast.hazard.features_config import FeatureConfig
from glaciercast.hazard.features_stats import FloatArray

NAMES = ("lst", "lst_anomaly", "degree_days_short", "degree_days_long", "ice_melting")
MELTING = 273.15
SHORT_OF_MELTING = 0.5
"""K; ice within it counts as melting, which hides how warm it is above."""
YEAR = 365.25


def make(temperature: pd.DataFrame, issue: FloatArray, settings: FeatureConfig) -> tuple[FloatArray, FloatArray]:
    """Return features and ages, float64 (issue, name) each, of one lake.

    - ``lst``: mean surface temperature of the ground by day, of the last weeks before the newest, K
    - ``lst_anomaly``: that over the mean of the same season of earlier years, K
    - ``degree_days_short``, ``degree_days_long``: mean excess of the ground over melting in the windows `degree_days` before the
      newest, times their length, K d
    - ``ice_melting``: share of the ice's temperatures of the last weeks that are censored at melting
    """
    surface = temperature["surface"].to_numpy()
    ground, ice = (temperature[surface == name] for name in ("ground", "ice"))
    values, ages = _ground(ground, issue, settings)
    melting, age = _ice(ice, issue, settings)
    return np.column_stack([values, melting]), np.column_stack([ages, age])


def _ground(ground: pd.DataFrame, issue: FloatArray, settings: FeatureConfig) -> tuple[FloatArray, FloatArray]:
    time, lst, known, newest = _seen(ground, issue)
    recent = known & (time > newest[:, None] - settings.temperature_days)
    now = stats.mean(lst, recent)
    centre = stats.mean(time, recent)
    earlier = (time < centre[:, None] - YEAR + settings.season_days) & (
        stats.season_distance(time[None, :], centre[:, None]) <= settings.season_days / 2
    )
    excess = np.asarray(np.maximum(lst - MELTING, 0), dtype="float64")
    sums = [length * stats.mean(excess, known & (time > newest[:, None] - length), fewest=2) for length in settings.degree_days]
    values = np.column_stack([now, now - stats.mean(lst, known & earlier, fewest=settings.fewest // 2), *sums])
    return values, np.where(np.isnan(values), np.nan, (issue - newest)[:, None])


def _ice(ice: pd.DataFrame, issue: FloatArray, settings: FeatureConfig) -> tuple[FloatArray, FloatArray]:
    time, lst, known, newest = _seen(ice, issue)
    share = stats.mean((lst > MELTING - SHORT_OF_MELTING).astype("float64"), known & (time > newest[:, None] - settings.temperature_days))
    return share, np.where(np.isnan(share), np.nan, issue - newest)


def _seen(table: pd.DataFrame, issue: FloatArray) -> tuple[FloatArray, FloatArray, np.ndarray, FloatArray]:
    """Return times, temperatures, what was known at each issue, and the newest time of it."""
    time, known = stats.days(table["time"]), stats.known(table["available_at"], issue)
    return time, table["lst_day"].to_numpy("float64"), known, stats.at(time, stats.newest(known))
