"""True means over windows of time, with what was observed told apart from what was filled."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from glaciercast.errors import InputError


def windows(first: pd.Timestamp, last: pd.Timestamp, cadence: str) -> pd.DatetimeIndex:
    """Return the edges of the regular windows that cover first … last, one more than there are windows.

    Parameters
    ----------
    first, last
        Earliest and latest acquisition.
    cadence
        A pandas frequency, such as ``MS`` (calendar months) or ``16D``.

    Raises
    ------
    InputError
        If pandas does not know the frequency.
    """
    try:
        offset = pd.tseries.frequencies.to_offset(cadence)
    except ValueError as error:
        raise InputError(f"cadence '{cadence}': not a pandas frequency such as MS or 16D") from error
    if not first + offset > first:
        raise InputError(f"cadence '{cadence}': expected a step forward in time, such as MS or 16D")
    start = first.normalize()
    start = start if offset.is_on_offset(start) else offset.rollback(start)
    edges = pd.date_range(start, last + offset, freq=offset)
    while edges[-1] <= last:
        edges = pd.DatetimeIndex([*edges, edges[-1] + offset])
    return edges


def mean_of(scenes: Iterable[tuple[np.ndarray, np.ndarray]], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of the scenes of one window and the fraction of it that was observed.

    Where any scene saw a pixel, only what was seen counts (fraction 1); elsewhere the filled values do (fraction 0).

    Parameters
    ----------
    scenes
        Pairs of (values, filled), (y, x) each: `values` is NaN where not observed, `filled` the same with gaps filled
        as far as possible.
    shape
        (y, x).

    Returns
    -------
    mean, observed : numpy.ndarray
        float32 (y, x); the mean is NaN where no scene has any value.
    """
    totals = np.zeros((2, *shape), "float64")
    counts = np.zeros((2, *shape), "int32")
    for pair in scenes:
        for kind, values in enumerate(pair):
            known = ~np.isnan(values)
            totals[kind] += np.where(known, values, 0)
            counts[kind] += known
    means = np.divide(totals, counts, out=np.full(totals.shape, np.nan), where=counts > 0)
    seen = counts[0] > 0
    return np.where(seen, means[0], means[1]).astype("float32"), seen.astype("float32")
