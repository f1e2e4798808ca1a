"""A data set in its folder: windows, statistics, data sheet, catalogues, checksums and provenance."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glaciercast import config, export, runs, store
from glaciercast.dataset import croissant, datasheet, describe, opening, stac, statistics, sums, writing
from glaciercast.dataset.config import DatasetConfig
from glaciercast.errors import InputError

PROVENANCE = "provenance.json"


def publish(named: Mapping[str, Path], out: Path, settings: DatasetConfig, replace: bool = False) -> tuple[dict[str, Any], bool]:
    """Write the data set of some cubes into `out`, or keep it where it is there already; a stopped export goes on.

    The same cubes and settings give the same bytes: nothing in the folder tells when it was written.

    Parameters
    ----------
    named
        Name → cube (`opening.identify`).
    out
        Folder of the data set; it is whole or not there.
    replace
        Put this data set in the place of another one.

    Returns
    -------
    tuple
        What ``dataset.json`` holds, and whether it was there already.

    Raises
    ------
    InputError
        If `out` holds something else, or the cubes do not go with the settings.
    GlaciercastError
        If a data set that is there differs from its checksums.
    """
    identity = _identity(named, settings)
    if _is_finished(writing.beside(out), identity):  # a kill came just before it took its place
        _is_there(out, identity, replace)
        writing.take_place(out)
    elif _is_there(out, identity, replace):
        writing.clean(out)
        sums.verify(out)
    else:
        return _write(named, out, settings, identity, replace), False
    return runs.read_json(out / describe.FILE), True


def _write(named: Mapping[str, Path], out: Path, settings: DatasetConfig, identity: str, replace: bool) -> dict[str, Any]:
    """Write the data set and return what its ``dataset.json`` holds."""
    with writing.unfinished(out, identity, replace) as folder:
        made = opening.open_plan(named, settings, folder / writing.WORK / "cache")
        stats = statistics.fit(made)
        writing.begin(folder, identity)
        writer = writing.Writer(made, folder, stats)
        log = writer.write()
        told = describe.whole(made, stats, log, identity)
        describe.write_table(folder / describe.WINDOWS, describe.table(made, writer.tables, log))
        _describe(folder, told)
    return told


def _is_finished(folder: Path, identity: str) -> bool:
    """Tell whether an unfinished data set is whole, with nothing left but to take its place."""
    there = not (folder / writing.WORK).exists() and (folder / sums.FILE).is_file() and (folder / describe.FILE).is_file()
    return there and runs.read_json(folder / describe.FILE).get("identity") == identity


def _identity(named: Mapping[str, Path], settings: DatasetConfig) -> str:
    content = {name: store.fingerprint(path, "/aligned") for name, path in named.items()}
    return config.digest([describe.FORMAT, content, config.plain(settings)])


def _is_there(out: Path, identity: str, replace: bool) -> bool:
    """Tell whether `out` holds this data set; a folder that holds something else is refused."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        if out.exists():
            out.rmdir()
        return False
    found = runs.read_json(out / describe.FILE).get("identity") if (out / describe.FILE).is_file() else None
    if found == identity and not replace:
        return True
    if found is None:
        raise InputError(f"{out}: exists and is no data set of glaciercast; choose another --out")
    if not replace:
        raise InputError(f"{out}: holds another data set; use --replace or another --out")
    return False


def _describe(folder: Path, told: Mapping[str, Any]) -> None:
    """Write everything that tells of the windows, and last the checksums of all files."""
    runs.write_json(folder / describe.FILE, dict(told))
    runs.write_json(folder / PROVENANCE, _provenance(told))
    with export.atomic(folder / datasheet.FILE) as partial:
        partial.write_text(datasheet.text(told), encoding="utf-8")
    late = frozenset({writing.WORK, sums.FILE, croissant.FILE, stac.COLLECTION, stac.ITEMS})
    known = sums.of(folder, late)
    sizes = {path: (folder / path).stat().st_size for path in known}
    runs.write_json(folder / croissant.FILE, croissant.document(told, known, sizes))
    stac.write(folder, told)
    own = {path: sums.of_file(folder / path) for path in _late(told)}
    sums.write(folder, {**known, **own})


def _late(told: Mapping[str, Any]) -> list[str]:
    return [croissant.FILE, stac.COLLECTION, *(f"{stac.ITEMS}/{part}.json" for part in told["parts"])]


def _provenance(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the data set was made from and with; no time, so that the same content is the same bytes."""
    return {
        "packages": runs.provenance()["packages"],
        "python": platform.python_version(),
        "settings": told["settings"],
        "identity": told["identity"],
        "cubes": {
            place["name"]: {"aligned": place["content"], **{k: place[k] for k in ("attribution", "licence")}} for place in told["places"]
        },
    }
