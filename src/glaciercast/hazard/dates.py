"""How far the dates of a lake's past floods alone miss the next one: the baselines that a forecast of the date must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

YEAR = 365.25
"""Days after which the day of the year comes round."""


@dataclass(frozen=True)
class DateBaseline:
    """What one rule makes of the dates of one lake.

    Attributes
    ----------
    name
        Of the rule.
    looks_ahead
        Whether it uses floods later than the one that it dates: no forecast can.
    errors
        Observed minus predicted day of the year, days, float64 (event,), in (−182.6, 182.6]; NaN where the rule gives no date.
    """

    name: str
    looks_ahead: bool
    errors: np.ndarray

    @property
    def count(self) -> int:
        """Return the number of floods that the rule dates."""
        return int(np.isfinite(self.errors).sum())

    @property
    def mean_error(self) -> float:
        """Return the mean of the absolute errors, days; NaN where the rule dates none."""
        return float(np.nanmean(np.abs(self.errors))) if self.count else float("nan")


def baselines(dates: np.ndarray) -> tuple[DateBaseline, ...]:
    """Return the date baselines of a lake: previous year's date, mean of the past, and leave-one-out mean.

    Parameters
    ----------
    dates
        Days on which its floods began, exact ones only, datetime64 (event,), in any order.
    """
    days = np.sort(np.asarray(dates, dtype="datetime64[D]"))
    return (
        DateBaseline("previous year's date", False, previous_year(days)),
        DateBaseline("mean date of the past", False, past_mean(days)),
        DateBaseline("mean date of the other years", True, leave_one_out(days)),
    )


def previous_year(dates: np.ndarray) -> np.ndarray:
    """Return how far each date lies from that of the previous calendar year (its last flood), days; NaN where that year had none.

    Parameters
    ----------
    dates
        datetime64[D] (event,), sorted.
    """
    days, years = day_of_year(dates), years_of(dates)
    last = {int(year): day for year, day in zip(years, days, strict=True)}
    return difference(days, np.array([last.get(int(year) - 1, np.nan) for year in years], dtype="float64"))


def past_mean(dates: np.ndarray) -> np.ndarray:
    """Return how far each date lies from the mean date of all floods of earlier years, days; NaN where there is none."""
    days, years = day_of_year(dates), years_of(dates)
    return difference(days, np.array([mean_day(days[years < year]) for year in years], dtype="float64"))


def leave_one_out(dates: np.ndarray) -> np.ndarray:
    """Return how far each date lies from the mean date of all others, earlier and later ones, days; NaN for a single flood."""
    days = day_of_year(dates)
    others = [mean_day(np.delete(days, number)) for number in range(len(days))]
    return difference(days, np.array(others, dtype="float64"))


def day_of_year(dates: np.ndarray) -> np.ndarray:
    """Return the day of the year, 1 … 366, float64 of the same shape."""
    days = np.asarray(dates, dtype="datetime64[D]")
    return np.asarray((days - days.astype("datetime64[Y]")).astype("int64") + 1, dtype="float64")


def years_of(dates: np.ndarray) -> np.ndarray:
    """Return the calendar years, int64 of the same shape."""
    return np.asarray(np.asarray(dates, dtype="datetime64[Y]").astype("int64") + 1970)


def difference(day: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return `day` minus `other` the short way round the year, days in (−182.6, 182.6]."""
    return np.asarray(YEAR / 2 - np.mod(YEAR / 2 - (np.asarray(day) - np.asarray(other)), YEAR))


def mean_day(days: np.ndarray) -> float:
    """Return the mean of days of the year, (0, 365.25]; NaN where there is none or two are equally good.

    The intrinsic mean: the day of least mean squared distance the short way round the year (Hotz and Huckemann 2015,
    https://doi.org/10.1007/s10463-013-0444-7). It is the plain mean wherever the days do not reach round the new year. Each cut of the year
    between two neighbouring days gives one candidate, the plain mean of the days unrolled there.
    """
    order = np.sort(np.asarray(days, dtype="float64"))
    if not order.size:
        return float("nan")
    means = order.mean() + YEAR * np.arange(order.size) / order.size
    spread = (difference(order[None], means[:, None]) ** 2).mean(axis=1)
    best = np.flatnonzero(spread < spread.min() + 1e-9)
    return float(YEAR - np.mod(-means[best[0]], YEAR)) if best.size == 1 else float("nan")


def exact(events: pd.DataFrame) -> np.ndarray:
    """Return the days of the floods of a catalogue that are known to the day, datetime64[D] (event,), sorted."""
    known = events[events["precision"] == "day"]
    return np.sort(known["earliest"].to_numpy("datetime64[s]").astype("datetime64[D]"))


def table(dates: np.ndarray) -> list[dict[str, Any]]:
    """Return the baselines as plain rows: rule, mean error (days, None where there is none), number of floods, whether it looks ahead."""
    return [
        {
            "rule": rule.name,
            "mean_error_days": round(rule.mean_error, 1) if rule.count else None,
            "floods": rule.count,
            "looks_ahead": rule.looks_ahead,
        }
        for rule in baselines(dates)
    ]
