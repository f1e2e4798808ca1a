"""The season of a series by harmonics of the year, fitted beside its trend so that neither takes the other's part."""

from __future__ import annotations

import numpy as np

from glaciercast.errors import InputError

YEAR = 365.25
HARMONICS = 3
"""Per year: the third follows a thaw that holds spring back."""


def years(times: np.ndarray) -> np.ndarray:
    """Return times as years of 365.25 days since 2000-01-01, float64."""
    since: np.ndarray = (times.astype("datetime64[ns]") - np.datetime64("2000-01-01", "ns")) / np.timedelta64(1, "D") / YEAR
    return since


def design(moment: np.ndarray, centre: float, harmonics: int = HARMONICS) -> np.ndarray:
    """Return mean, trend about `centre`, and cosine and sine of each harmonic, float64 (n, 2 + 2·harmonics).

    Parameters
    ----------
    moment
        Years, (n,); whole numbers are the beginning of a year.
    """
    phase = 2 * np.pi * np.arange(1, harmonics + 1) * moment[:, None]
    return np.concatenate([np.ones((len(moment), 1)), (moment - centre)[:, None], np.cos(phase), np.sin(phase)], axis=1)


def least_squares(columns: np.ndarray, values: np.ndarray, what: str) -> np.ndarray:
    """Return the coefficients of an ordinary fit.

    Raises
    ------
    InputError
        If there are too few values, or they leave a column undetermined (a season of which half was never seen).
    """
    if len(values) < 2 * columns.shape[1]:
        raise InputError(f"{what}: expected {2 * columns.shape[1]} values or more, found {len(values)}")
    found, _, rank, _ = np.linalg.lstsq(columns, values, rcond=1e-8)
    if rank < columns.shape[1]:
        raise InputError(f"{what}: the values are too close together in time to tell a season from a trend")
    return np.asarray(found)


def anomalies(times: np.ndarray, values: np.ndarray, centre: float, harmonics: int = HARMONICS) -> np.ndarray:
    """Return the values less their season and their mean at `centre`; the trend, fitted beside these, stays.

    Parameters
    ----------
    times, values
        datetime64 and float (n,), without NaN, in any order.
    centre
        Years since 2000 (`years`): several series are compared about the same.

    Raises
    ------
    InputError
        If the values are too few, or too close together in time.
    """
    columns = design(years(times), centre, harmonics)
    found = least_squares(columns, values, "season")
    found[1] = 0
    rest: np.ndarray = values - columns @ found
    return rest
