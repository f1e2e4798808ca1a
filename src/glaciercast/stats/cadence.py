"""The regular steps of a cadence: their edges."""

from __future__ import annotations

import warnings

import pandas as pd

from glaciercast.errors import InputError


def edges(first: pd.Timestamp, last: pd.Timestamp, cadence: str) -> pd.DatetimeIndex:
    """Return the edges of the regular steps that cover first … last, one more than there are steps.

    A step holds its first edge and not its last: where `last` is an edge, a step begins there.

    Parameters
    ----------
    first, last
        Earliest and latest moment to cover.
    cadence
        A pandas frequency, such as ``MS`` (calendar months) or ``16D``.

    Raises
    ------
    InputError
        If pandas does not know the frequency, or its steps are shorter than a day or longer than times can tell.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a name that pandas is about to drop would not be read by the next release
            offset = pd.tseries.frequencies.to_offset(cadence)
    except (ValueError, Warning) as error:
        raise InputError(f"cadence '{cadence}': not a pandas frequency such as MS or 16D") from error
    try:
        if offset.n < 1 or first.normalize() + offset < first.normalize() + pd.Timedelta("1D"):
            raise InputError(f"cadence '{cadence}': expected a step forward in time, a day or more, such as MS or 16D")
        start = first.normalize()
        start = start if offset.is_on_offset(start) else offset.rollback(start)
        steps = pd.date_range(start, last + offset, freq=offset)
        while steps[-1] <= last:
            steps = pd.DatetimeIndex([*steps, steps[-1] + offset])
    except (OverflowError, pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta) as error:
        raise InputError(f"cadence '{cadence}': its steps are too long; expected one such as MS or 16D") from error
    return steps
