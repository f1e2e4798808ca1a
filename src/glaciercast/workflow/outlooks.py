"""An outlook on outburst floods from a folder of records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glaciercast import config, runs
from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.hazard.issued import IssueConfig

FIGURE = "outlook.png"
RESULT = "outlook.json"


class OutlookTask(Config):
    """What a run folder of an outlook was asked for."""

    records: str
    issue: str
    lakes: tuple[str, ...]
    settings: IssueConfig


def read_issue_config(overrides: dict[str, Any]) -> IssueConfig:
    """Return settings of an outlook; keys are dotted, those that are None keep their default.

    Raises
    ------
    ConfigError
        If a key is unknown or a value does not fit.
    """
    return config.parse(IssueConfig, config.merge({}, overrides), "outlook")


def outlook(
    folder: str | Path, issue: str, *, lakes: Sequence[str] = (), settings: IssueConfig | None = None, out: str | Path | None = None
) -> dict[str, Any]:
    """Return the outlook of a day of issue, and write it with its figure where `out` is given.

    Parameters
    ----------
    folder
        Of ``lakes.csv``, ``events.csv``, ``areas.csv``, ``motion.csv``, ``temperature.csv`` and ``images.npy``; see `hazard.records`.
    issue
        Day, such as 2022-05-01; the outlook reads what was available at 0:00 UTC and no more.
    lakes
        Which; none: all that are watched on that day.
    out
        Run folder of ``outlook.json`` and ``outlook.png``; never overwritten.

    Raises
    ------
    InputError
        As `hazard.records.read` and `hazard.issued.issue` tell, or if `out` holds something else.
    """
    settings = settings or IssueConfig()
    if out is None:
        return {**_issued(folder, issue, lakes, settings), "figure": None, "result": None}
    if runs.is_complete(out):
        raise InputError(f"{out}: holds a finished run already; name another folder")
    found = _issued(folder, issue, lakes, settings)
    task = OutlookTask(records=str(folder), issue=issue, lakes=tuple(lakes), settings=settings)
    with runs.run_folder(out, "hazard outlook", task) as place:
        from glaciercast.report import outlook as drawn

        drawn.outlook(found).savefig(place / FIGURE)
        result = {**found, "figure": str(place / FIGURE), "result": str(place / RESULT)}
        runs.write_json(place / RESULT, result)
    return result


def _issued(folder: str | Path, issue: str, lakes: Sequence[str], settings: IssueConfig) -> dict[str, Any]:
    from glaciercast.hazard import issued, records

    return {"records": str(folder), **issued.issue(records.read(folder), issue, lakes, settings)}
