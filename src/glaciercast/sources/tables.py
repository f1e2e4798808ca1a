"""Tables of others (CSV): numbers and dates of a column, or a line that names the cell that is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from glaciercast.errors import InputError


def read(path: Path) -> pd.DataFrame:
    """Return a table (CSV, compressed or not) with a line or more.

    Raises
    ------
    InputError
        If it cannot be read or is empty.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError, EOFError) as error:  # of the compression, the encoding or the columns; pandas' own are ValueErrors
        raise InputError(f"{path}: cannot be read as a table: {' '.join(str(error).split())}") from error
    if table.empty:
        raise InputError(f"{path}: expected at least one line, found none")
    return table


def numbers(column: pd.Series, path: Path) -> np.ndarray:
    """Return a column as float64 (line,), NaN where a cell is empty.

    Raises
    ------
    InputError
        If a cell is no finite number.
    """
    found = pd.to_numeric(column, errors="coerce")
    wrong = np.flatnonzero(found.isna() & column.notna() | np.isinf(found))
    if wrong.size:
        raise InputError(f"{path}: line {wrong[0] + 2}: expected a number as '{column.name}', found '{column.iloc[wrong[0]]}'")
    return found.to_numpy("float64")


def dates(column: pd.Series, path: Path) -> np.ndarray:
    """Return a column of ISO 8601 as datetime64[ns] (line,), UTC.

    Raises
    ------
    InputError
        If a cell is no date, or empty.
    """
    times = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None)
    wrong = np.flatnonzero(times.isna())
    if wrong.size:
        found = column.iloc[wrong[0]]
        raise InputError(f"{path}: line {wrong[0] + 2}: expected a date such as 2020-05-01 as '{column.name}', found {found!r}")
    return times.to_numpy("datetime64[ns]")
