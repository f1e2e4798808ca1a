"""The melt that a lake's own record lets expect: degree days of the ground by day of the year, over all years known at an issue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from glaciercast.hazard import features_stats as stats
from glaciercast.hazard.features_stats import FloatArray
from glaciercast.hazard.features_temperature import MELTING, YEAR

BINS = 46
"""Parts of a year, eight days each."""
BESIDE = 2
"""Parts before and after that a part's mean also holds."""
_DAYS = 366


@dataclass(frozen=True)
class Melt:
    """Expected degree days, by what was known at each issue.

    Attributes
    ----------
    since_new_year
        From the first day of a year to the beginning of each day of it, K d, float64 (issue, 367); the last is that of a whole year. NaN
        where any season of the year has no temperature.
    """

    since_new_year: FloatArray

    @property
    def yearly(self) -> FloatArray:
        """Degree days of a year, K d, float64 (issue,)."""
        return self.since_new_year[:, -1]

    def until(self, time: FloatArray) -> FloatArray:
        """Return the expected degree days from 1970 to `time` (days since 1970; (issue, …) or (1, …)), K d, float64 (issue, …)."""
        year = np.floor(time / YEAR)
        day = np.clip(time - year * YEAR, 0, _DAYS - 1).astype(int)
        here = np.take_along_axis(self.since_new_year, np.broadcast_to(day, (len(self.since_new_year), day.shape[1])), axis=1)
        return np.asarray(year * self.yearly[:, None] + here)


def of(temperature: pd.DataFrame, issue: FloatArray) -> Melt:
    """Return the mean excess of the ground over melting by season, summed over the year, from temperatures available at each issue.

    Summed one by one in the order of the records: what was not available changes no bit.
    """
    ground = temperature[temperature["surface"] == "ground"]
    excess = np.maximum(ground["lst_day"].to_numpy("float64") - MELTING, 0)
    part = (stats.days(ground["time"]) % YEAR / YEAR * BINS).astype(int)
    rows, columns = np.nonzero(stats.known(ground["available_at"], issue))
    cells, shape = rows * BINS + part[columns], (len(issue), BINS)
    counted = (np.bincount(cells, weights, shape[0] * shape[1]) for weights in (excess[columns], np.ones(columns.size)))
    total, number = (_with_neighbours(np.asarray(each, dtype="float64").reshape(shape)) for each in counted)
    rate = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    daily = rate[:, (np.arange(_DAYS) / YEAR * BINS).astype(int).clip(max=BINS - 1)]
    sums = np.concatenate([np.zeros((len(issue), 1)), np.cumsum(daily, axis=1)], axis=1)
    return Melt(np.where(np.isnan(sums[:, -1:]), np.nan, sums))


def _with_neighbours(values: FloatArray) -> FloatArray:
    """Return sums over each part of the year and those beside it, float64 (issue, part)."""
    return np.asarray(sum(np.roll(values, by, axis=1) for by in range(-BESIDE, BESIDE + 1)), dtype="float64")
