"""Run folders: config, provenance and results of one command, resumable and never overwritten."""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from glaciercast import config as configs
from glaciercast.errors import RunFolderError

STATE = "run.json"
EMPTY = {STATE, ".lock", "config.yml", "provenance.json", "cache"}
"""What a run folder holds whose command has made nothing yet; the cache is remade at will."""
PACKAGES = ("glaciercast", "numpy", "xarray", "zarr", "rasterio", "torch", "lightning", "numba")


@contextmanager
def run_folder(path: str | Path, command: str, config: configs.Config) -> Iterator[Path]:
    """Open a run folder for one command; mark it complete when the block ends without an error.

    A new folder gets ``config.yml``, ``provenance.json`` and ``run.json``. A folder that the same command left
    unfinished with the same config is taken up where it stopped.

    Raises
    ------
    RunFolderError
        If the folder is complete, is in use, was made with another config, or holds something else.
    """
    folder = Path(path)
    wanted = {"command": command, "config_digest": configs.digest(configs.plain(config))}
    state = _state_for(folder, wanted)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if state is None:
            state = {**wanted, "status": "running", "started": now()}
            (folder / "config.yml").write_text(yaml.safe_dump(configs.plain(config), sort_keys=False), encoding="utf-8")
            write_json(folder / "provenance.json", provenance())
            write_json(folder / STATE, state)
        yield folder
        write_json(folder / STATE, {**state, "status": "complete", "finished": now()})


def is_complete(path: str | Path) -> bool:
    """Tell whether `path` is a run folder whose command has finished."""
    return (Path(path) / STATE).is_file() and read_json(Path(path) / STATE).get("status") == "complete"


def unused(path: str | Path) -> Path:
    """Return `path`, or ``path-2``, ``path-3``, … : the first that holds no finished run."""
    base = Path(path)
    candidate, number = base, 1
    while is_complete(candidate):
        number += 1
        candidate = base.with_name(f"{base.name}-{number}")
    return candidate


def provenance() -> dict[str, Any]:
    """Return versions, platform and time; arguments and environment stay out, as they may hold secrets."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "created": now(),
        "packages": versions,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "program": Path(sys.argv[0]).name,
    }


def write_json(path: Path, data: Any) -> None:
    """Write JSON so that a reader sees either the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(data, indent=2, allow_nan=False, default=str) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Read one JSON object.

    Raises
    ------
    RunFolderError
        If the file is missing, cut short or no object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(data, dict):
        raise RunFolderError(f"{path}: expected a JSON object, found {type(data).__name__}")
    return data


def now() -> str:
    """Return the present time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _state_for(folder: Path, wanted: dict[str, str]) -> dict[str, Any] | None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not (folder / STATE).is_file():
        held = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if ".lock" in held and held <= EMPTY:  # killed before its state was written
            return None
        raise RunFolderError(f"{folder}: exists and is not a run folder of glaciercast; choose another --out")
    state = read_json(folder / STATE)
    if state.get("status") == "complete":
        raise RunFolderError(f"{folder}: holds a finished '{state.get('command')}' run; choose another --out")
    if {path.name for path in folder.iterdir()} <= EMPTY:  # refused before it made anything: nothing to lose
        return None
    for key, value in wanted.items():
        if state.get(key) != value:
            raise RunFolderError(
                f"{folder}: holds an unfinished run with another {key.replace('_', ' ')}; choose another --out or restore it"
            )
    return state


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunFolderError(f"{folder}: another process is writing this run folder") from error
        yield
