"""Windows of aligned cubes as a data set for others' models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glaciercast import config
from glaciercast.dataset.config import DatasetConfig
from glaciercast.errors import InputError


def export_dataset(
    cubes: str | Path | Sequence[str | Path], out: str | Path, settings: DatasetConfig | None = None, *, replace: bool = False
) -> dict[str, Any]:
    """Write windows of ``/aligned`` of one cube, or of several with one left out, as a data set for machine learning.

    Parts are kept apart first; statistics are those of the training frames, and only training windows are varied. The folder is whole or
    not there: what a stopped export has written waits in ``OUT.partial``, from where the same call goes on, to the same bytes.

    Parameters
    ----------
    cubes
        Cubes, or the run folders that hold them.
    out
        Folder of the data set.
    settings
        What it holds; None: the defaults.
    replace
        Put it in the place of another data set.

    Returns
    -------
    dict
        ``folder``, ``cubes``, ``windows`` (part → number), ``variables``, ``targets``, ``split``, ``forms``, ``files``, ``bytes``, and
        ``kept``: whether it was there already.

    Raises
    ------
    InputError
        If a cube, variable or setting does not fit (with the settings that would), or `out` holds something else.
    LeakError
        If parts share a scene.
    GlaciercastError
        If the cube, or the data set that is there, differs from its checksums.
    """
    from glaciercast.dataset import opening, publish, sums

    named = opening.identify([cubes] if isinstance(cubes, str | Path) else cubes)
    folder = Path(out)
    for path in named.values():
        if path.resolve() in (folder.resolve(), *folder.resolve().parents):
            raise InputError(f"{folder}: lies in the cube {path}; choose another --out")
    told, kept = publish.publish(named, folder, settings or DatasetConfig(), replace)
    files = [*sums.read(folder), sums.FILE]
    return {
        "folder": str(folder),
        "cubes": {name: str(path) for name, path in named.items()},
        "windows": {part: about["windows"] for part, about in told["parts"].items()},
        "variables": told["variables"],
        "targets": told["targets"],
        "split": told["split"],
        "forms": told["forms"],
        "files": len(files),
        "bytes": sum((folder / path).stat().st_size for path in files),
        "kept": kept,
    }


def read_dataset_config(path: str | Path | None, overrides: dict[str, Any] | None = None) -> DatasetConfig:
    """Read the config of a data set; without a file, the defaults."""
    data = config.read_yaml(path) if path is not None else {}
    return config.parse(DatasetConfig, config.merge(data, overrides or {}), str(path or "options"))
