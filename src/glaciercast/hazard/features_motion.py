"""What is known of the damming ice's motion at an issue: always components first, then the speed of their mean."""

from __future__ import annotations

import numpy as np
import pandas as pd

from glaciercast.hazard import features_stats as stats
from glaciercast.hazard.features_config import FeatureConfig
from glaciercast.hazard.features_stats import FloatArray

NAMES = ("speed", "speed_anomaly", "speed_ratio", "surging", "since_fast")
YEAR = 365.25


def make(motion: pd.DataFrame, issue: FloatArray, settings: FeatureConfig) -> tuple[FloatArray, FloatArray]:
    """Return features and ages, float64 (issue, name) each, of one lake.

    - ``speed``: of the mean components of the newest pairs, weighted by their errors, m/yr
    - ``speed_anomaly``: log of its ratio to the speed in the same season of earlier years
    - ``speed_ratio``: log of its ratio to the quiet speed, the least of the years so far (counted back from the issue)
    - ``surging``: 1 where that ratio is `surge_factor` or more, else 0
    - ``since_fast``: days since the newest pair whose motion along the mean flow exceeded `surge_factor` times the quiet speed by
      twice its error
    """
    motion = motion[motion["second"] - motion["first"] <= pd.Timedelta(days=settings.longest_pair)]
    second, middle = stats.days(motion["second"]), (stats.days(motion["first"]) + stats.days(motion["second"])) / 2
    known = stats.known(motion["available_at"], issue)
    newest = stats.at(second, stats.newest(known))
    recent = known & (second >= newest[:, None] - settings.speed_days)
    speed = _speed(motion, recent)
    centre = stats.mean(middle, recent)
    earlier = (middle < centre[:, None] - YEAR + settings.season_days) & (
        stats.season_distance(middle[None, :], centre[:, None]) <= settings.season_days
    )
    same = _speed(motion, known & earlier, settings.fewest)
    quiet = _quiet(motion, second, known, newest, settings)
    ratio = speed / quiet
    with np.errstate(divide="ignore"):
        values = {
            "speed": speed,
            "speed_anomaly": np.log(speed / np.where(same > 0, same, np.nan)),
            "speed_ratio": np.log(ratio),
            "surging": np.where(np.isnan(ratio), np.nan, (ratio >= settings.surge_factor).astype("float64")),
            "since_fast": issue - _fast(motion, second, known, quiet, settings),
        }
    made = np.stack([np.where(np.isfinite(values[name]), values[name], np.nan) for name in NAMES], axis=1)
    return made, np.where(np.isnan(made), np.nan, (issue - newest)[:, None])


def _speed(motion: pd.DataFrame, chosen: np.ndarray, fewest: int = 1) -> FloatArray:
    """Return the speed of the mean components, m/yr, float64 (issue,)."""
    east, north = _components(motion, chosen, fewest)
    return np.asarray(np.hypot(east, north), dtype="float64")


def _components(motion: pd.DataFrame, chosen: np.ndarray, fewest: int = 1) -> tuple[FloatArray, FloatArray]:
    weights = 1 / np.maximum(motion["v_error"].to_numpy("float64"), 0.1) ** 2
    east, north = (stats.mean(motion[name].to_numpy("float64"), chosen, weights, fewest) for name in ("vx", "vy"))
    return east, north


def _quiet(motion: pd.DataFrame, second: FloatArray, known: np.ndarray, newest: FloatArray, settings: FeatureConfig) -> FloatArray:
    """Return the least speed of whole years counted back from the newest pair, m/yr, float64 (issue,)."""
    if not len(second):
        return np.full(len(known), np.nan)
    back = np.floor((newest[:, None] - second) / YEAR)
    years = int(np.nanmax(np.where(known, back, 0))) + 1
    found = np.stack([_speed(motion, known & (back == year), settings.fewest) for year in range(years)])
    least = np.where(np.isnan(found), np.inf, found).min(0)
    return np.where(np.isfinite(least) & (least > 0), least, np.nan)


def _fast(motion: pd.DataFrame, second: FloatArray, known: np.ndarray, quiet: FloatArray, settings: FeatureConfig) -> FloatArray:
    """Return the time of the newest pair much faster than the quiet speed, days since 1970, float64 (issue,); NaN where none was."""
    east, north = (part[:, None] for part in _components(motion, known))
    along = (motion["vx"].to_numpy() * east + motion["vy"].to_numpy() * north) / np.maximum(np.hypot(east, north), 1e-9)
    fast = known & (along - 2 * motion["v_error"].to_numpy() > settings.surge_factor * quiet[:, None])
    return stats.at(second, stats.newest(fast))
