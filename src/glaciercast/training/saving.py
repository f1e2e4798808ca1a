"""Forecasters on disk: ``model.safetensors`` for every number, ``model.json`` for what rebuilds the module; nothing is unpickled."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from glaciercast import runs
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.models.base import Forecaster
from glaciercast.models.residual import rebuild

WEIGHTS = "model.safetensors"
MODEL = "model.json"
FORMAT = 1


def save(forecaster: Forecaster, folder: str | Path, meta: dict[str, Any]) -> None:
    """Write weights, fitted values and recipe of `forecaster`, with `meta` (plain JSON types) beside them.

    Each file appears whole or not at all, and the recipe carries the weights' SHA-256: halves of two models are never taken for one.

    Raises
    ------
    GlaciercastError
        If the weights cannot be written, for instance because the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_model

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / WEIGHTS) as partial:
        try:
            save_model(forecaster, str(partial))
        except SafetensorError as error:  # its way to say that the system refused a write
            raise OSError(str(error)) from error
        sha256 = _sha256(partial)
    runs.write_json(folder / MODEL, {"format": FORMAT, **forecaster.recipe(), "weights_sha256": sha256, "meta": meta})


def locate(path: str | Path) -> Path:
    """Return the folder of the trained model that `path` stands for: itself, or the only one under the ``models`` of a run folder.

    Raises
    ------
    InputError
        If there is none, or there are several to choose from.
    """
    folder = Path(path)
    if (folder / MODEL).exists():
        return folder
    found = sorted(file.parent for file in folder.glob(f"models/*/{MODEL}"))
    if len(found) == 1:
        return found[0]
    held = f"several: {', '.join(each.name for each in found)}; name one, as {found[0]}" if found else "none"
    raise InputError(f"{folder}: expected a trained model ({MODEL} there or under models/), found {held}")


def load(folder: str | Path) -> tuple[Forecaster, dict[str, Any]]:
    """Rebuild the forecaster that `save` wrote, in evaluation mode on the CPU, and return it with its meta.

    Raises
    ------
    InputError
        If a file is missing, cut short or of another format, the model is unknown, or the weights do not fit it.
    """
    folder = Path(folder)
    stored = _stored(folder)
    try:
        forecaster = rebuild(stored)
    except InputError as error:
        raise InputError(f"{folder / MODEL}: {error}") from error
    load_weights(forecaster, folder)
    meta = stored.get("meta")
    return forecaster, meta if isinstance(meta, dict) else {}


def weights_sha256(folder: str | Path) -> str:
    """Return the SHA-256 of the weights that `save` wrote, which identifies them."""
    return str(_stored(Path(folder))["weights_sha256"])


def load_weights(forecaster: Forecaster, folder: str | Path) -> None:
    """Load the weights that `save` wrote into `forecaster`, and put it into evaluation mode.

    Raises
    ------
    InputError
        If the weights are missing, damaged, or of another model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_model

    path = Path(folder) / WEIGHTS
    expected = _stored(Path(folder)).get("weights_sha256")
    try:
        found = _sha256(path)
        if found != expected:
            raise InputError(f"{path}: damaged, or not the weights of {MODEL}: expected SHA-256 {str(expected)[:12]}…, found {found[:12]}…")
        load_model(forecaster, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (SafetensorError, RuntimeError) as error:
        raise InputError(f"{path}: does not fit the model of {MODEL}: {' '.join(str(error).split()):.300}") from error
    forecaster.eval()


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a file to write beside `path`, whose place it takes once it is on the disk as a whole.

    Raises
    ------
    GlaciercastError
        If the system refuses a write, as a full disk does; what `path` held is still there.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file)
        partial.replace(path)
    except OSError as error:
        kept = "what it held before is still there" if path.exists() else "there was none before"
        raise GlaciercastError(f"{path}: cannot be written: {error.strerror or error}; {kept}") from error
    finally:
        partial.unlink(missing_ok=True)


def _stored(folder: Path) -> dict[str, Any]:
    stored = runs.read_json(folder / MODEL)
    if stored.get("format") != FORMAT:
        raise InputError(f"{folder / MODEL}: expected format {FORMAT}, found {stored.get('format')}")
    return stored


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
