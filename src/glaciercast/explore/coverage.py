"""When something was seen: dates, gaps, months that never were."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def coverage(times: np.ndarray, share: np.ndarray) -> dict[str, Any]:
    """Return how often and when something was seen.

    Parameters
    ----------
    times
        datetime64 (n,): acquisitions, or the middle of pairs and periods.
    share
        Share of the area that was seen then, 0–1 (n,).

    Returns
    -------
    dict
        ``dates``, ``seen`` (dates with any share above 0), ``first``, ``last`` (of these), ``mean_share`` (over all dates),
        ``longest_gap_days`` and ``longest_gap`` (between two of these), ``months`` (from the first to the last date), ``months_without``
        (``YYYY-MM``), ``by_calendar_month`` (mean share of the dates of each calendar month, None without any).
    """
    when = pd.DatetimeIndex(times)
    seen = when[share > 0].sort_values()
    result: dict[str, Any] = {"dates": len(when), "seen": len(seen), "mean_share": float(share.mean()) if len(share) else None}
    result["by_calendar_month"] = [_mean(share[when.month == month]) for month in range(1, 13)]
    if not len(seen):
        return {**result, "first": None, "last": None, "longest_gap_days": None, "longest_gap": None, "months": 0, "months_without": []}
    every = pd.period_range(when.min(), when.max(), freq="M")
    without = every.difference(seen.to_period("M"))
    return {
        **result,
        "first": f"{seen[0]:%Y-%m-%d}",
        "last": f"{seen[-1]:%Y-%m-%d}",
        **_longest(seen),
        "months": len(every),
        "months_without": [str(month) for month in without],
    }


def _longest(seen: pd.DatetimeIndex) -> dict[str, Any]:
    if len(seen) < 2:
        return {"longest_gap_days": None, "longest_gap": None}
    gaps = np.diff(seen.to_numpy())
    at = int(gaps.argmax())
    days = float(gaps[at] / np.timedelta64(1, "D"))
    return {"longest_gap_days": days, "longest_gap": [f"{seen[at]:%Y-%m-%d}", f"{seen[at + 1]:%Y-%m-%d}"]}


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
