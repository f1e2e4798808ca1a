"""Cells of a benchmark: the results of one model, site, seed and part, kept as JSON under a hash of data, code and config."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

import glaciercast
from glaciercast import config, runs
from glaciercast.config import Config
from glaciercast.evaluate.scoring import Scores
from glaciercast.patches.splits import Part

SCHEMA = 1
"""Version of a cell's file; files of another are not read."""
ELSEWHERE = {"cli", "report", "simulate", "sources"}
"""Rooms that change no score: what they make is printed, drawn, or part of the data."""


class Key(Config):
    """What the numbers of a cell depend on."""

    data: str = Field(description="fingerprint of the series")
    code: str = Field(description="version and source of the package, see `code_identity`")
    config: dict[str, Any] = Field(description="windows, split, the model and its training, as resolved")
    part: Part = Field(description="part of the split that is scored")

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it."""
        return config.digest(config.plain(self))


class Cell(Config):
    """The file of a cell: which it is, what it depends on, and the sums from which every table is made."""

    schema_version: int = Field(default=SCHEMA, ge=SCHEMA, le=SCHEMA)
    site: str = Field(description="name of the cube in the grid")
    model: str = Field(description="label of the model")
    seed: int | None = Field(description="seed of the training; none for what is fitted without chance")
    digest: str = Field(description="SHA-256 of the key")
    key: Key
    about: dict[str, Any] = Field(description="site, variable, units, leads and split in words")
    issues: tuple[int, ...] = Field(description="step at which each window was issued")
    gap: int = Field(ge=0, description="steps between parts: the length of a time block")
    facts: dict[str, Any] = Field(description="kind, parameters, training time and history of the model")
    scores: dict[str, Any] = Field(description="sums over observed pixels, one row a window and one column a lead (`Scores`)")

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Cell:
        if self.digest != self.key.digest:
            raise ValueError("digest: is not that of the key; the file was changed by hand")
        try:
            rows = len(self.result.errors.weight)
        except (KeyError, TypeError) as error:
            raise ValueError(f"scores: expected the sums of errors, found none that can be read ({error})") from error
        if rows != len(self.issues):
            raise ValueError(f"scores: expected a row for each of the {len(self.issues)} windows, found {rows}")
        return self

    @property
    def result(self) -> Scores:
        """The scores as mergeable sums."""
        return Scores.from_json(self.scores)


def read(path: Path, key: Key) -> Cell | None:
    """Return the cell in a file; None if there is none, or one of other data, code or config, or of another schema.

    Raises
    ------
    RunFolderError
        If the file is no JSON object.
    ConfigError
        If it doesn't fit the schema; the line names the file and the key.
    """
    if not path.is_file():
        return None
    data = runs.read_json(path)
    if data.get("schema_version") != SCHEMA or data.get("digest") != key.digest:
        return None
    return config.parse(Cell, data, str(path))


def write(path: Path, cell: Cell) -> Cell:
    """Write a cell so that a reader sees the whole file or none, and return it."""
    runs.write_json(path, config.plain(cell))
    return cell


@functools.cache
def code_identity() -> str:
    """Return the package's version and, behind a plus, the SHA-256 (hex) of the source that makes scores.

    The digest is that of paths and contents of modules and data files. It changes with every edit of a room that fits or scores,
    released or not; `ELSEWHERE` lists the rooms that are left out.
    """
    root, digest = Path(glaciercast.__file__).parent, hashlib.sha256()
    for path in sorted((*root.rglob("*.py"), *root.rglob("*.yml"))):
        place = path.relative_to(root)
        if place.parts[0] not in ELSEWHERE:
            digest.update(f"{place.as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return f"{glaciercast.__version__}+{digest.hexdigest()}"
