"""From a chance to an act: alerts at a stated cost ratio, what they are worth, and which floods an alert can warn of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from glaciercast.errors import InputError

NO_RATIO = "No alert: an alert needs a stated cost ratio (cost of acting / loss that acting avoids)."
_DAY = np.timedelta64(1, "D")


def checked_ratio(cost_ratio: float) -> float:
    """Return a cost ratio that makes sense.

    Raises
    ------
    InputError
        If it does not lie between 0 and 1: acting that costs nothing is always right, acting that costs more than the loss never is.
    """
    if not 0 < cost_ratio < 1:
        raise InputError(f"cost ratio: expected cost of acting / loss avoided, above 0 and below 1, found {cost_ratio:g}")
    return cost_ratio


def decide(chance: np.ndarray, cost_ratio: float | None) -> np.ndarray | None:
    """Return where acting costs less than it is expected to save, chance ≥ cost ratio, bool (sample,); None without a cost ratio.

    References
    ----------
    Murphy (1977), Mon. Weather Rev. 105, 803–816 (cost-loss decision).
    """
    if cost_ratio is None:
        return None
    act: np.ndarray = np.asarray(chance) >= checked_ratio(cost_ratio)
    return act


def value(hit_rate: float, false_alarm_rate: float, base_rate: float, cost_ratio: float) -> float:
    """Return the relative economic value of alerts: 1 for perfect ones, 0 for always or never acting, whichever is cheaper.

    ``V = (min(a, s) − F·a·(1 − s) + H·s·(1 − a) − s) / (min(a, s) − s·a)`` with cost ratio a, base rate s, hit rate H and false alarm
    rate F (share of days without a flood that had an alert).

    Raises
    ------
    InputError
        If the cost ratio or the base rate does not lie between 0 and 1.

    References
    ----------
    Richardson (2000), Q. J. R. Meteorol. Soc. 126, 649–667, eq. 8.
    """
    ratio = checked_ratio(cost_ratio)
    if not 0 < base_rate < 1:
        raise InputError(f"base rate: expected a share above 0 and below 1, found {base_rate:g}")
    climate = min(ratio, base_rate)
    gained = climate - false_alarm_rate * ratio * (1 - base_rate) + hit_rate * base_rate * (1 - ratio) - base_rate
    return gained / (climate - base_rate * ratio)


def expected_value(chance: np.ndarray, cost_ratio: float) -> float:
    """Return the relative economic value that chances promise where they are true: no outcome is needed.

    Acting where p ≥ a costs Σ min(p, a), acting by the base rate s alone min(s, a), a perfect outlook s·a.

    Parameters
    ----------
    chance
        float64 (sample,).

    Raises
    ------
    InputError
        If the cost ratio does not lie between 0 and 1, or all chances are 0 or all 1.
    """
    ratio, mean = checked_ratio(cost_ratio), float(np.mean(chance))
    if not 0 < mean < 1:
        raise InputError(f"value: expected chances above 0 and below 1, found a mean of {mean:g}")
    climate = min(ratio, mean)
    return (climate - float(np.minimum(chance, ratio).mean())) / (climate - mean * ratio)


def warned_of(issue: np.datetime64 | str, horizon: int, events: pd.DataFrame) -> list[str]:
    """Return the floods that an alert of that day of issue can be a warning of: none that may have begun by then.

    A flood counts if its first possible day lies after the day of issue and its ``start`` in the horizon (issue … issue + horizon − 1).

    Parameters
    ----------
    events
        Of one lake: columns of ``hazard.records.TABLES["events"]``.
    """
    day = np.datetime64(issue).astype("datetime64[D]")
    first, start = (events[column].to_numpy("datetime64[ns]").astype("datetime64[D]") for column in ("earliest", "start"))
    return [str(name) for name in events["event"][(first > day) & (start < day + horizon * _DAY)]]
