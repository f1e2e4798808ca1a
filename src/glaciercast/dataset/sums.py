"""Checksums of a data set as ``sha256sum -c`` reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from glaciercast import export
from glaciercast.errors import GlaciercastError

FILE = "SHA256SUMS"


def of(folder: Path, skip: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return path → SHA-256 (hex) of every file below a folder, by path; `skip` names files and folders at its top that are left out."""
    paths = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix(): of_file(folder / path) for path in paths if path.parts[0] not in skip}


def of_file(path: Path) -> str:
    """Return the SHA-256 of one file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(folder: Path, sums: Mapping[str, str]) -> None:
    """Write ``SHA256SUMS`` into a folder."""
    with export.atomic(folder / FILE) as partial:
        partial.write_text("".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items())), encoding="utf-8")


def read(folder: Path) -> dict[str, str]:
    """Return path → SHA-256 as a data set states them.

    Raises
    ------
    GlaciercastError
        If the file is missing or a line is none of a checksum.
    """
    try:
        lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise GlaciercastError(f"{folder / FILE}: cannot be read: {error.strerror}") from error
    pairs = [line.split("  ", 1) for line in lines]
    if any(len(pair) != 2 or len(pair[0]) != 64 for pair in pairs):
        raise GlaciercastError(f"{folder / FILE}: expected lines of a checksum and a path, found something else")
    return {path: digest for digest, path in pairs}


def verify(folder: Path) -> int:
    """Compare every file with its checksum; return how many there are.

    Raises
    ------
    GlaciercastError
        Naming the first file that is missing or differs.
    """
    stated = read(folder)
    for path, digest in stated.items():
        if not (folder / path).is_file():
            raise GlaciercastError(f"{folder / path}: is in {FILE} but not there; export anew with --replace")
        if of_file(folder / path) != digest:
            raise GlaciercastError(f"{folder / path}: differs from its checksum in {FILE}; export anew with --replace")
    return len(stated)
