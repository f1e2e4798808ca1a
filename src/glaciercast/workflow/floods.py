"""Past floods of a catalogue: counted, chosen, written, and the dates of a lake as baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def floods(
    file: str | Path,
    *,
    form: str | None = None,
    lake: str | None = None,
    kind: str | None = None,
    first: str | None = None,
    last: str | None = None,
    out: str | Path | None = None,
    records: str | Path | None = None,
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
    records
        Folder of an outlook's records with a ``lakes.csv``: the floods of its lakes are written to its ``events.csv``, which must not be
        there yet (see `hazard.events.to_records`).

    Returns
    -------
    dict
        Counts (see `hazard.catalogue_counts.counts`) and ``notes`` on what was mended or refused among the chosen. For a lake ``dates``
        (those known to the day) and ``baselines`` (see `hazard.dates.table`). For records ``matched``, the number of floods of each lake,
        and ``left_out``, a line for each flood that was not taken.

    Raises
    ------
    InputError
        If the file cannot be read, a choice leaves no flood, or the records have no lakes, no watch of them, or floods already.
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
    if records is not None:
        result |= _matched(kept, Path(records))
    if out is not None:
        result["out"] = str(catalogue.write(kept, out))
    return result


def _matched(floods: pd.DataFrame, folder: Path) -> dict[str, Any]:
    import pandas as pd

    from glaciercast.hazard import events

    path = folder / "events.csv"
    if path.exists():
        raise InputError(f"{path}: there already; floods are not written over")
    if not (folder / "lakes.csv").is_file():
        raise InputError(f"{folder}: expected a table lakes.csv, found none")
    try:
        lakes = pd.read_csv(folder / "lakes.csv", dtype=str, keep_default_na=False, encoding="utf-8")
    except ValueError as error:
        raise InputError(f"{folder / 'lakes.csv'}: cannot be read as a table: {' '.join(str(error).split())}") from error
    missing = sorted({"watched_from", "watched_to"} - set(lakes))
    if missing:
        raise InputError(
            f"{folder / 'lakes.csv'}: expected a column '{missing[0]}': between which days every flood would have been recorded"
        )
    made, notes = events.to_records(floods, lakes)
    partial = path.with_name(path.name + ".partial")
    made.events.to_csv(partial, index=False, date_format="%Y-%m-%dT%H:%M:%S", lineterminator="\n")
    partial.replace(path)
    counts = made.events["lake"].value_counts()
    matched = {name: int(counts.get(name, 0)) for name in made.lakes["lake"]}
    return {"records": str(path), "matched": matched, "left_out": list(notes)}
