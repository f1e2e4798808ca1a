"""How many floods a catalogue tells, by kind of lake, month, decade and how well they are dated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from glaciercast.errors import InputError, unknown
from glaciercast.hazard import catalogue, catalogue_dates, events

UNKNOWN = "unknown"
MONTHS = tuple(str(month) for month in range(1, 13))


def counts(floods: pd.DataFrame) -> dict[str, Any]:
    """Return numbers of floods: ``events``, ``by_type``, ``by_month``, ``by_type_and_month``, ``by_decade``, ``by_precision``.

    A flood counts in a month or a decade only where all days on which it may have begun lie in it, else under unknown.

    Parameters
    ----------
    floods
        Columns of `catalogue.COLUMNS`.
    """
    kinds, months, decades = floods["type"].astype(str), _months(floods), _decades(floods)
    present = [kind for kind in catalogue.TYPES if (kinds == kind).any()]
    return {
        "events": len(floods),
        "by_type": _tally(kinds, present),
        "by_month": _tally(months, [*MONTHS, UNKNOWN]),
        "by_type_and_month": {kind: _tally(months[kinds == kind], [*MONTHS, UNKNOWN]) for kind in present},
        "by_decade": _tally(decades, [*sorted((set(decades) - {UNKNOWN}), key=lambda decade: int(decade[:-1])), UNKNOWN]),
        "by_precision": _tally(floods["precision"], catalogue_dates.PRECISIONS),
    }


def chosen(
    floods: pd.DataFrame, lake: str | None = None, kind: str | None = None, first: str | None = None, last: str | None = None
) -> pd.DataFrame:
    """Return the floods of a lake, a kind of lake and a span of time; each choice may be left out.

    Parameters
    ----------
    floods
        Columns of `catalogue.COLUMNS`.
    lake
        Name of a lake or glacier, or an alias.
    kind
        One of `catalogue.TYPES`.
    first, last
        Day, month or year; only floods that began between them for certain are kept.

    Raises
    ------
    InputError
        If a choice is not known or leaves no flood.
    """
    kept = floods
    if kind is not None:
        if kind not in catalogue.TYPES:
            raise InputError(unknown("type", kind, catalogue.TYPES))
        kept = kept[kept["type"] == kind]
    if first is not None:
        kept = kept[kept["earliest"] >= catalogue_dates.of_text(first).earliest.astype("datetime64[s]")]
    if last is not None:
        kept = kept[kept["latest"] <= catalogue_dates.of_text(last).latest.astype("datetime64[s]")]
    if kept.empty:
        raise InputError("no flood of the catalogue is of that type and began between those days for certain")
    return events.of_lake(kept, lake) if lake is not None else kept.reset_index(drop=True)


def _tally(values: pd.Series, keys: Any) -> dict[str, int]:
    found = values.value_counts()
    return {str(key): int(found.get(key, 0)) for key in keys}


def _months(floods: pd.DataFrame) -> pd.Series:
    first, last = (floods[key].to_numpy("datetime64[s]").astype("datetime64[M]") for key in ("earliest", "latest"))
    number = first.astype("int64") % 12 + 1
    return pd.Series(np.where(first == last, number.astype(str), UNKNOWN), index=floods.index, dtype=object)


def _decades(floods: pd.DataFrame) -> pd.Series:
    first, last = (floods[key].to_numpy("datetime64[s]").astype("datetime64[Y]").astype("int64") + 1970 for key in ("earliest", "latest"))
    same = (first // 10 == last // 10) & floods["earliest"].notna().to_numpy() & floods["latest"].notna().to_numpy()
    return pd.Series(
        [f"{year // 10 * 10}s" if one else UNKNOWN for year, one in zip(first, same, strict=True)], index=floods.index, dtype=object
    )
