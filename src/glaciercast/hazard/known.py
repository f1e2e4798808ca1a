"""When a flood was over, and from when it could have been known: the one rule that records, features, models and folds share."""

from __future__ import annotations

import numpy as np
import pandas as pd


def over(events: pd.DataFrame) -> pd.Series:
    """Return the last day of each flood, datetime64[ns] (event,): its ``end``, or the last day on which it may have begun."""
    found: pd.Series = events["end"].fillna(events["latest"])
    return found


def known_at(events: pd.DataFrame) -> pd.Series:
    """Return from when each flood could have been known, datetime64[ns] (event,).

    That is its ``available_at``, and no earlier than the midnight after its last day: nobody has known a flood to be over while it went
    on. Where ``available_at`` is empty or no column, it is that midnight.

    Parameters
    ----------
    events
        Columns end, latest and, if there is one, available_at of ``records.TABLES["events"]``.
    """
    midnight = over(events).dt.floor("D") + pd.Timedelta(1, unit="D")
    told = events.get("available_at", midnight)
    found: pd.Series = told.where(told > midnight, midnight)
    return found


def by(events: pd.DataFrame, at: pd.Timestamp | np.datetime64) -> pd.DataFrame:
    """Return the floods that could have been known at a time."""
    found: pd.DataFrame = events[known_at(events) <= pd.Timestamp(at)].reset_index(drop=True)
    return found
