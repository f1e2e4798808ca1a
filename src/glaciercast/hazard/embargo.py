"""How far apart in time samples for fitting and for scoring have to lie, so that they share no record and no flood."""

from __future__ import annotations

import math

from glaciercast.errors import InputError
from glaciercast.hazard.features_config import FeatureConfig
from glaciercast.hazard.records import Records


def of(horizon: int, settings: FeatureConfig, latency_days: float, reach: int = 0) -> int:
    """Return the embargo, days: feature window + horizon + longest pair baseline + latency + reach.

    Two issues that lie so far apart or farther share no recent record, not even the earlier image of a pair, and no day of their
    horizons. Where nothing was seen for longer, as in winter, both may rest on the same last record: it lies before both horizons and
    tells no outcome of either. Statistics of a lake's whole past (largest area, quiet speed, past floods) are what an observer has in
    any case; they look back only.

    Parameters
    ----------
    horizon
        Days that the outlook looks ahead.
    settings
        Of the features: their longest window counts, and the longest pair that they read.
    latency_days
        Longest time from an acquisition until a user could have it.
    reach
        Days that a model looks back beyond the features' window, such as the series of a network (`windows.reach`).

    Raises
    ------
    InputError
        If the horizon is shorter than a day, or one of the others negative.
    """
    if horizon < 1:
        raise InputError(f"embargo: expected a horizon of 1 day or more, found {horizon}")
    for name, days in (("latency", latency_days), ("reach", reach)):
        if not 0 <= days < math.inf:
            raise InputError(f"embargo: expected a {name} of 0 days or more, found {days}")
    return settings.window + horizon + math.ceil(settings.longest_pair) + math.ceil(latency_days) + reach


def longest_latency(records: Records) -> float:
    """Return the longest time from an acquisition (of pairs: the later one) until a user could have it, days; 0 without records."""
    spans = [
        (table["available_at"] - table[taken]).max()
        for table, taken in ((records.areas, "time"), (records.motion, "second"), (records.temperature, "time"))
        if len(table)
    ]
    return max((span.total_seconds() / 86400 for span in spans), default=0.0)
