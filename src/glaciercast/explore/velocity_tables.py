"""Tables of velocities, a line a look: which glacier or point, when, and the components or the magnitude."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.explore import looks
from glaciercast.explore.settings import ExploreConfig
from glaciercast.explore.velocities import Read
from glaciercast.sources import tables
from glaciercast.sources.velocity_series import UNITS


def read(path: Path, settings: ExploreConfig) -> Read:
    """Read a table (CSV, compressed or not) in metres a year.

    Raises
    ------
    InputError
        If it cannot be read, lacks velocities or times, is empty, has a cell that is no number or date, or holds nothing but NaN.
    """
    table = tables.read(path)
    names = looks.names_of([str(name) for name in table.columns], settings.velocities, str(path))
    if settings.velocities.units not in (None, *UNITS):
        raise InputError(f"velocities.units: expected metres a year such as 'm/yr', found '{settings.velocities.units}'")
    wanted = ("vx", "vy") if "vx" in names and "vy" in names else ("speed",)
    columns = {part: tables.numbers(table[names[part]], path) for part in (*wanted, "error") if part in names}
    if not any(np.isfinite(columns[part]).any() for part in wanted):
        raise InputError(f"{path}: expected velocities, found nothing but empty cells in '{names[wanted[0]]}'")
    dated = "first" in names and "second" in names
    if dated and settings.velocities.span_days is None:
        first, second = (tables.dates(table[names[part]], path) for part in ("first", "second"))
        if len(wrong := np.flatnonzero(second <= first)):
            raise InputError(
                f"{path}: line {wrong[0] + 2}: expected '{names['first']}' before '{names['second']}', found {second[wrong[0]]}"
            )
    elif "time" in names:
        first, second = looks.spans(tables.dates(table[names["time"]], path), settings.velocities.span_days, str(path))
    else:
        raise InputError(f"{path}: expected a column of dates, found {', '.join(map(str, table.columns))}; 'velocities.time' names it")
    label = table[names["place"]].astype(str) if "place" in names else pd.Series(path.name.split(".")[0], table.index)
    paired = dated and looks.are_pairs(first, second)
    kept, note = looks.short(first, second, paired, settings.velocities, str(path))
    table, label, first, second = table[kept].reset_index(drop=True), label[kept].reset_index(drop=True), first[kept], second[kept]
    columns = {part: values[kept] for part, values in columns.items()}
    places = []
    for name, rows in label.groupby(label, sort=True).groups.items():
        at = table.index.get_indexer(rows)
        own = {part: values[at] for part, values in columns.items()}
        places.append(looks.place_of(str(name), "glacier", first[at], second[at], own, settings, paired))
    return Read(path.name, paired, True, tuple(places), (note,) if note else ())
