"""Statistics over the records known at each issue: a record that was not known then changes no bit of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

DAY_NS = 86_400_000_000_000
FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def days(times: ArrayLike | pd.Series) -> FloatArray:
    """Return days since 1970, float64; NaN for NaT."""
    found = np.asarray(times, dtype="datetime64[ns]")
    return np.where(np.isnat(found), np.nan, found.astype("int64") / DAY_NS)


def known(available_at: ArrayLike | pd.Series, issue: FloatArray) -> np.ndarray:
    """Return which records were available at which issue (midnights, days since 1970), bool (issue, record); exact to the nanosecond."""
    found = np.asarray(available_at, dtype="datetime64[ns]")
    midnight = np.rint(issue).astype("int64") * DAY_NS
    return np.asarray(~np.isnat(found)[None, :] & (found.astype("int64")[None, :] <= midnight[:, None]))


def count(chosen: np.ndarray) -> FloatArray:
    """Return how many records are chosen, float64 (issue,)."""
    return np.asarray(chosen.sum(1), dtype="float64")


def total(values: FloatArray, chosen: np.ndarray) -> FloatArray:
    """Return sums over chosen records, float64 (issue,); values (record,) or (issue, record).

    Added one by one in the order of the records, so that further records that are not chosen leave the sum as it is to the last bit.
    """
    if not chosen.shape[1]:
        return np.zeros(len(chosen))
    return np.asarray(np.cumsum(np.where(chosen, values, 0.0), axis=1)[:, -1])


def mean(values: FloatArray, chosen: np.ndarray, weights: FloatArray | None = None, fewest: int = 1) -> FloatArray:
    """Return weighted means over chosen records, float64 (issue,), NaN where fewer than `fewest` are chosen."""
    number = count(chosen)
    by = np.ones(chosen.shape[1]) if weights is None else weights
    whole = total(by, chosen)
    enough = (number >= fewest) & (whole > 0)
    return np.where(enough, total(values * by, chosen) / np.where(enough, whole, 1), np.nan)


def newest(chosen: np.ndarray) -> np.ndarray:
    """Return the last chosen record in the order of the records, int64 (issue,), −1 where there is none."""
    if not chosen.shape[1]:
        return np.full(len(chosen), -1)
    place = chosen.shape[1] - 1 - np.argmax(chosen[:, ::-1], axis=1)
    return np.where(chosen.any(1), place, -1)


def at(values: FloatArray, place: np.ndarray) -> FloatArray:
    """Return the value of the record at each place (issue,), NaN where the place is −1."""
    if not len(values):
        return np.full(len(place), np.nan)
    return np.where(place >= 0, values[place], np.nan)


def age(issue: FloatArray, time: FloatArray, chosen: np.ndarray) -> FloatArray:
    """Return the days from the newest chosen record to the issue, float64 (issue,), NaN where there is none."""
    return issue - at(time, newest(chosen))


def quantile(values: FloatArray, chosen: np.ndarray, share: float, fewest: int = 1) -> FloatArray:
    """Return the chosen value nearest to a quantile, float64 (issue,), NaN where fewer than `fewest` are chosen."""
    number = chosen.sum(1)
    if not chosen.shape[1]:
        return np.full(len(chosen), np.nan)
    ordered = np.sort(np.where(chosen, values, np.inf), axis=1)
    place = np.rint(share * np.maximum(number - 1, 0)).astype(int)
    return np.where(number >= max(fewest, 1), ordered[np.arange(len(ordered)), place], np.nan)


def largest(values: FloatArray, chosen: np.ndarray, rank: int) -> FloatArray:
    """Return the `rank`-th largest of the chosen values, the least where there are fewer, float64 (issue,); NaN where there is none."""
    number = chosen.sum(1)
    if not chosen.shape[1]:
        return np.full(len(chosen), np.nan)
    ordered = np.sort(np.where(chosen, values, np.inf), axis=1)
    place = np.maximum(number - rank, 0)
    return np.where(number > 0, ordered[np.arange(len(ordered)), place], np.nan)


def slope(time: FloatArray, values: FloatArray, chosen: np.ndarray, most: int = 16, fewest: int = 4) -> FloatArray:
    """Return the median slope between all pairs of the newest `most` chosen records, a day, float64 (issue,).

    NaN where fewer than `fewest` are chosen.

    References
    ----------
    Theil (1950); Sen (1968), J. Am. Stat. Assoc. 63, 1379–1389.
    """
    number = chosen.sum(1)
    if chosen.shape[1] < 2:
        return np.full(len(chosen), np.nan)
    width = min(most, chosen.shape[1])
    order = np.argsort(np.where(chosen, np.arange(chosen.shape[1]), -1), axis=1, kind="stable")[:, -width:]
    here = np.take_along_axis(chosen, order, axis=1)
    when, what = time[order], values[order]
    left, right = np.triu_indices(width, 1)
    apart = when[:, right] - when[:, left]
    usable = here[:, left] & here[:, right] & (apart > 0)
    slopes = np.where(usable, what[:, right] - what[:, left], 0) / np.where(usable, apart, 1)
    return np.where(number >= fewest, _middle(slopes, usable), np.nan)


def _middle(values: FloatArray, chosen: np.ndarray) -> FloatArray:
    """Return the median of chosen values along the last axis, NaN where there is none."""
    number = chosen.sum(1)
    ordered = np.sort(np.where(chosen, values, np.inf), axis=1)
    rows, last = np.arange(len(ordered)), np.maximum(number - 1, 0)
    middle = (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2
    return np.where(number > 0, middle, np.nan)


def season_distance(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the days between two times within the year, 0 … 182.6; arguments in days since 1970 broadcast."""
    apart = np.mod(one - other, 365.25)
    return np.minimum(apart, 365.25 - apart)
