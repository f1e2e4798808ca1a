"""Past floods of a catalogue: counted, chosen, written, and the dates of a lake as baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def floods(
    file: str | Path,
    *,
    form: str | None = None,
    lake: str | None = None,
    kind: str | None = None,
    first: str | None = None,
    last: str | None = None,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Read a catalogue of outburst floods and count what it tells.

    Parameters
    ----------
    file
        HMAGLOFDB, the workbook of the global inventory, or a CSV table of one's own (`hazard.catalogue_csv.COLUMNS`).
    form
        One of ``hmaglofdb``, ``global``, ``csv``; None: told from the file.
    lake
        Name of a lake or glacier: only its floods, and its date baselines.
    kind
        One of `hazard.catalogue.TYPES`: only floods of such lakes.
    first, last
        Day, month or year: only floods that began between them for certain.
    out
        CSV table to write; the same columns can be read again.

    Returns
    -------
    dict
        Counts (see `hazard.catalogue_counts.counts`), ``notes`` on what was mended or refused among the chosen, and for
        a lake ``dates`` (those known to the day) and ``baselines`` (see `hazard.dates.table`).

    Raises
    ------
    InputError
        If the file cannot be read, or a choice leaves no flood.
    """
    from glaciercast.hazard import catalogue, catalogue_counts, dates

    found = catalogue.read(file, form)
    kept = catalogue_counts.chosen(found.events, lake, kind, first, last)
    names = set(kept["event"])
    notes = [note for note in found.notes if len(kept) == len(found.events) or note.split(":")[0] in names]
    result = {"file": str(file), "source": str(kept["source"].iloc[0]), **catalogue_counts.counts(kept), "notes": notes}
    if lake is not None:
        days = dates.exact(kept)
        result |= {"lake": lake, "dates": [str(day) for day in days], "baselines": dates.table(days)}
    if out is not None:
        result["out"] = str(catalogue.write(kept, out))
    return result
