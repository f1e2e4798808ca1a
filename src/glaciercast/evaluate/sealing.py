"""The sealed test part: what is selected, is selected on the validation part; each look at the test part is logged and counted."""

from __future__ import annotations

import fcntl
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from glaciercast import runs, store
from glaciercast.errors import GlaciercastError, InputError

KEYS = ("data", "split", "config", "code", "models")
"""What an opening must tell: digest or description of each; of `split` at least ``parts.test``, the first step of the test part and the one
after its last."""
LOG = ".openings.jsonl"
"""What follows the cube's name in that of its log."""


@dataclass(frozen=True)
class Opening:
    """One look at a test part.

    Attributes
    ----------
    count
        How often targets of this test part have been looked at, this time included: openings of the same data whose test steps overlap
        these, whatever the split, its fractions and its windows were.
    log_path
        The log, one JSON object a line.
    """

    count: int
    log_path: Path

    @property
    def sentence(self) -> str:
        """What the results say of it."""
        times = "once" if self.count == 1 else f"{self.count} times"
        warning = "" if self.count == 1 else ": who chooses a model by what it scored there has fitted the test part"
        return f"The test part has been opened {times} ({self.log_path.name}){warning}."


def open(cube: str | Path, key: dict[str, Any]) -> Opening:
    """Open the test part of a cube: append a line to the log beside it, and count how often its steps were looked at.

    Each line holds the time, the key and the SHA-256 of the line before, so a line that is taken out or changed later is found out.

    Parameters
    ----------
    cube
        An aligned cube, or the run folder that holds it.
    key
        `KEYS` as plain JSON types: digests of data, split, config and code, and the names of the models.

    Raises
    ------
    InputError
        If the key lacks something, or the log was changed.
    GlaciercastError
        If the log cannot be written: what cannot be logged is not opened.
    """
    if missing := [name for name in KEYS if name not in key]:
        raise InputError(f"opening of a test part: expected {', '.join(KEYS)}, found no '{missing[0]}'")
    path = log_of(cube)
    try:
        with path.open("a+", encoding="utf-8") as log:
            fcntl.flock(log, fcntl.LOCK_EX)
            lines = _lines(log, path)
            entry = {"time": runs.now(), **{name: key[name] for name in KEYS}, "before": _after(lines)}
            log.write(json.dumps(entry, sort_keys=True) + "\n")
    except OSError as error:
        raise GlaciercastError(f"{path}: cannot be written: {error.strerror or error}; the test part stays sealed") from error
    return Opening(_count(lines, key) + 1, path)


def log_of(cube: str | Path) -> Path:
    """Return the path of a cube's log, beside the cube."""
    path = store.locate(cube)
    return path.with_name(path.name + LOG)


def _count(lines: list[str], key: dict[str, Any]) -> int:
    """Return how many lines are of the same data and of a test part that shares steps with this one."""
    openings = (json.loads(line) for line in lines)
    return sum(opening["data"] == key["data"] and _shares_steps(opening["split"], key["split"]) for opening in openings)


def _shares_steps(one: dict[str, Any], two: dict[str, Any]) -> bool:
    (first, stop), (other_first, other_stop) = (split["parts"]["test"] for split in (one, two))
    return bool(first < other_stop and other_first < stop)


def _lines(log: TextIO, path: Path) -> list[str]:
    """Return the lines of a log whose every line follows the one before."""
    log.seek(0)
    lines = log.read().splitlines()
    for number, line in enumerate(lines):
        try:
            follows = json.loads(line)["before"] == _after(lines[:number])
        except (ValueError, KeyError, TypeError):
            follows = False
        if not follows:
            raise InputError(f"{path}: line {number + 1} does not follow the one before; the log of openings was changed")
    return lines


def _after(lines: list[str]) -> str:
    """Return what the next line calls the one before."""
    return hashlib.sha256(lines[-1].encode()).hexdigest() if lines else ""
