"""Where one series of velocity speeds up: surges, and the fastest date of each year."""

from __future__ import annotations

from typing import Any

import numpy as np

from glaciercast.errors import InputError
from glaciercast.motion import surge
from glaciercast.motion.surge import Surge, SurgeRule

SCATTER = 3.0
"""Spreads above the median of a calendar month beyond which a surge has to lie."""
FEWEST_IN_SURGE = 4
"""Values of a series: fewer make no surge, however large."""
FEWEST_OF_YEAR = 12
"""Values that a year has whose fastest date is told."""


def surges(speed: tuple[np.ndarray, np.ndarray] | None, rule: SurgeRule, level: float) -> tuple[list[Surge], str]:
    """Return the surges of a series of speed, or why there are none.

    What counts as one has, in its median, to lie beyond what is common in its calendar months (3 spreads above their medians, by the MAD
    of all): else noise, or a season, passes for surges.
    """
    if speed is None or len(speed[0]) < 2:
        return [], "no speeds in order of time"
    times, values = speed
    above = values - _of_months(times, values)
    reach = SCATTER * 1.4826 * float(np.median(np.abs(above)))

    def beyond(event: Surge) -> bool:
        inside = (times >= event.onset) & ((times < event.end) | event.ongoing)
        return bool(inside.sum() >= FEWEST_IN_SURGE and np.median(above[inside]) > reach)

    try:
        if not (first := surge.detect(times, values, rule, replicates=1)):
            return [], "no speed stays above the threshold"
        if not any(beyond(event) for event in first):
            threshold = rule.factor * first[0].quiet_speed
            return [], f"speeds above {threshold:.0f} m/yr, but none beyond the scatter of its months by {reach:.0f}"
        return [event for event in surge.detect(times, values, rule, level=level) if beyond(event)], ""
    except InputError as error:
        return [], str(error).removeprefix("surges: ")


def outside(events: list[Surge], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return which looks lie outside all surges, their intervals of onset and end included, bool (look,)."""
    quiet = np.ones(len(first), bool)
    for event in events:
        ends = [time for time in (event.end_interval[1], event.end) if not np.isnat(time)]
        quiet &= (second <= event.onset_interval[0]) | (first >= max(ends) if ends and not event.ongoing else False)
    return quiet


def yearly_peaks(speed: tuple[np.ndarray, np.ndarray] | None) -> list[dict[str, Any]]:
    """Return ``year``, ``date`` and ``speed`` (m/yr) of the fastest value of each year with 12 or more: a short speed-up is no harmonic."""
    found = []
    if speed is not None:
        times, values = speed
        year = times.astype("datetime64[Y]")
        for one in np.unique(year):
            own = np.flatnonzero(year == one)
            if len(own) >= FEWEST_OF_YEAR:
                top = own[int(np.argmax(values[own]))]
                found.append({"year": int(str(one)), "date": str(times[top].astype("datetime64[D]")), "speed": float(values[top])})
    return found


def _of_months(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the median of each value's calendar month over all years; of all values where a month has fewer than three."""
    month = times.astype("datetime64[M]").astype(int) % 12
    usual = np.full(len(values), np.median(values))
    for number in np.unique(month):
        if (own := month == number).sum() >= 3:
            usual[own] = np.median(values[own])
    return usual
