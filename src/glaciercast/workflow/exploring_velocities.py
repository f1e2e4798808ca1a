"""What a file or a table of velocities shows: the velocity part of an exploration, of data that are in no cube."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config
from glaciercast.errors import InputError
from glaciercast.explore import velocities, velocity_files, velocity_grids, velocity_tables
from glaciercast.explore.settings import ExploreConfig

if TYPE_CHECKING:
    from glaciercast.explore.velocities import Read
    from glaciercast.report.exploration import Drawn

FILES, TABLES = (".nc", ".nc4", ".h5", ".hdf5"), (".csv", ".csv.gz", ".csv.xz", ".csv.bz2", ".csv.zip", ".txt")
"""Ends of names of NetCDF files and of tables."""


def is_one(path: Path) -> bool:
    """Return whether `path` is a file, or a Zarr store with velocities at its root, and no cube of this project."""
    return path.is_file() or (path.is_dir() and velocity_files.is_one(path))


def explored(path: Path, settings: ExploreConfig) -> tuple[dict[str, Any], Drawn]:
    """Return the sections of an exploration with the velocities of `path` alone, and the figures.

    Raises
    ------
    InputError
        If it cannot be read, holds no velocities in metres a year, or too few.
    """
    from glaciercast.report import exploration_series

    found = read(path, settings)
    told, places = velocities.describe(found, settings, str(path))
    name = path.name
    drawn = exploration_series.drawn(name, found, places, settings.level)
    return {"title": found.title, "terrain": None, "optical": {}, "velocity": {name: told}, "temperature": {}, "missing": []}, drawn


def read(path: Path, settings: ExploreConfig) -> Read:
    """Return the places of a file, told by its name."""
    name = path.name.lower()
    if path.is_dir() or name.endswith(FILES):
        return velocity_grids.of(velocity_files.read(path, settings.velocities), settings)
    if name.endswith(TABLES):
        return velocity_tables.read(path, settings)
    raise InputError(f"{path}: expected a cube, or velocities as NetCDF ({', '.join(FILES)}), Zarr or a table ({', '.join(TABLES)})")


def fingerprint(path: Path) -> str:
    """Return a hash of the content of a file, or of all files of a store."""
    files = sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]
    whole = hashlib.sha256()
    for part in files:
        with part.open("rb") as content:
            whole.update(f"{part.relative_to(path)} {hashlib.file_digest(content, 'sha256').hexdigest()}".encode())
    return whole.hexdigest()


def of(path: Path, settings: ExploreConfig) -> dict[str, Any]:
    """Return what identifies the exploration of a file."""
    return {"cube": str(path), "contents": {path.name: fingerprint(path)}, "settings": config.plain(settings)}
