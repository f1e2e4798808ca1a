"""Verification of the flood outlook from a folder of tables into a run folder: JSON, page and figures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config, runs
from glaciercast.config import Config
from glaciercast.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from glaciercast.hazard.verify import VerifyConfig

TRUTH = "truth.csv"


class _Identity(Config):
    """What a verification was made from: a run that was stopped goes on only over the same tables."""

    models: tuple[str, ...]
    horizons: tuple[int, ...]
    protocols: tuple[str, ...]
    settings: dict[str, Any]
    tables: dict[str, str]


def read_verify_config(overrides: dict[str, Any]) -> VerifyConfig:
    """Return settings from dotted keys such as ``features.every_days``."""
    from glaciercast.hazard.verify import VerifyConfig

    return config.parse(VerifyConfig, config.merge({}, overrides), "hazard verify")


def verify_outlook(
    folder: str | Path, out: str | Path, models: Sequence[str], horizons: Sequence[int], protocols: Sequence[str], settings: VerifyConfig
) -> dict[str, Any]:
    """Verify models on the tables of a folder; writes ``verification.json``, ``verification.html`` and figures into the run folder `out`.

    A ``truth.csv`` of known chances beside the tables is used if it is there. Each cell (model, protocol, horizon) is kept once it is done:
    the same command goes on from where it was stopped. Cells that another version or edit of glaciercast made are made anew, which a note
    tells.

    Returns
    -------
    dict
        As `hazard.verify.verify`, with the paths ``page`` and ``json``.

    Raises
    ------
    InputError
        If a table, model or protocol cannot be used, or no flood can be learnt from.
    """
    from glaciercast.hazard import models as registry
    from glaciercast.hazard import records, verify
    from glaciercast.report import verification

    lakes, truth = records.read(folder), _truth(Path(folder) / TRUTH)
    for name in models:
        registry.summary(name)
    verify.checked(models, horizons, tuple(protocols))
    identity = _Identity(
        models=tuple(models),
        horizons=tuple(horizons),
        protocols=tuple(protocols),
        settings=config.plain(settings),
        tables=_digests(Path(folder)),
    )
    with runs.run_folder(out, "hazard verify", identity) as place:
        found = verify.run(lakes, models, horizons, tuple(protocols), settings, truth=truth, keep=place / "cells")
        starts = dict(zip(lakes.events["event"], lakes.events["start"].to_numpy(), strict=True))
        runs.write_json(place / "verification.json", found.result)
        page = verification.write_page(place / "verification.html", found, starts, runs.read_json(place / "provenance.json"))
    return {**found.result, "json": str(Path(out) / "verification.json"), "page": str(page)}


def _truth(path: Path) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype={"lake": str})
        table["issue"] = pd.to_datetime(table["issue"], format="ISO8601")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: expected a table of known chances with lake and issue: {' '.join(str(error).split())}") from error
    if missing := {"lake"} - set(table.columns):
        raise InputError(f"{path}: expected a column {missing.pop()}, found {', '.join(table.columns)}")
    return table


def _digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each table and of the images."""
    files = sorted([*folder.glob("*.csv"), *folder.glob("images.npy")])
    found = {}
    for path in files:
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
