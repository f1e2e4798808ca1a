"""A data set as a map-style `torch.utils.data.Dataset` over its Zarr store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from glaciercast import runs
from glaciercast.dataset import describe, zarr_form
from glaciercast.errors import InputError, unknown
from glaciercast.patches.splits import PARTS

FIELDS = ("inputs", "inputs_observed", "targets", "targets_observed", "statics", "inputs_season", "targets_season")
"""What a window holds; `statics` only where the data set has some."""


class WindowDataset(Dataset[dict[str, Tensor]]):
    """The windows of one part.

    A window is a dict of float32 tensors: ``inputs``, ``inputs_observed`` (input step, variable, y, x), ``targets``,
    ``targets_observed`` (target step, target, y, x), ``statics`` (static, y, x), ``inputs_season``, ``targets_season`` (step, 2), and its
    ``number`` in the part, int64. The store is opened anew in each worker.

    Parameters
    ----------
    folder
        The data set.
    part
        ``train``, ``validation`` or ``test``.
    normalise
        Bring inputs and targets to mean 0 and standard deviation 1 by the statistics of the training frames, and set to 0 what is unknown
        (its observed fraction is 0); otherwise values are in their units, NaN where unknown.

    Raises
    ------
    InputError
        If there is no such data set or part, or it was written without Zarr.
    """

    def __init__(self, folder: str | Path, part: str = "train", normalise: bool = True) -> None:
        self.told = opened(folder, part, "zarr")
        self.folder, self.part, self.normalise = Path(folder), part, normalise
        self._group: Any = None

    def __len__(self) -> int:
        return int(self.told["parts"][self.part]["windows"])

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open store behind: each process opens its own."""
        return {**self.__dict__, "_group": None}

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Return one window.

        Raises
        ------
        IndexError
            If there is no such window.
        """
        if not -len(self) <= number < len(self):
            raise IndexError(f"window {number} of {len(self)}")
        number %= len(self)
        arrays = {name: np.asarray(self.group[name][number]) for name in FIELDS if name in self.group}
        return as_tensors(arrays, self.told, self.normalise) | {"number": torch.tensor(number)}

    @property
    def group(self) -> Any:
        """The Zarr group of the part."""
        if self._group is None:
            import zarr

            self._group = zarr.open_group(self.folder / zarr_form.NAME, path=self.part, mode="r")
        return self._group


def opened(folder: str | Path, part: str, form: str) -> dict[str, Any]:
    """Return what ``dataset.json`` holds.

    Raises
    ------
    InputError
        If there is no data set, no such part, or it was written without that form.
    """
    file = Path(folder) / describe.FILE
    if not file.is_file():
        raise InputError(f"{folder}: expected a data set with {describe.FILE}, found none")
    if part not in PARTS:
        raise InputError(unknown("part", part, PARTS))
    told = runs.read_json(file)
    if form not in told["forms"]:
        raise InputError(f"{folder}: was written as {', '.join(told['forms'])}, not as {form}; export it with forms=[zarr,tar]")
    return told


def as_tensors(arrays: Mapping[str, np.ndarray], told: Mapping[str, Any], normalise: bool) -> dict[str, Tensor]:
    """Return the arrays of a window as float32 tensors, normalised if asked."""
    made = {name: np.asarray(values, "float32") for name, values in arrays.items()}
    if normalise:
        for name, names in (("inputs", told["variables"]), ("targets", told["targets"])):
            made[name] = normalised(made[name], names, told)
    return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in made.items()}


def normalised(values: np.ndarray, names: Sequence[str], told: Mapping[str, Any]) -> np.ndarray:
    """Return values (…, variable, y, x) of some variables at mean 0 and standard deviation 1, float32, 0 where they are NaN."""
    order = [told["variables"].index(name) for name in names]
    mean, std = (np.array(told[key], "float32")[order][:, None, None] for key in ("mean", "std"))
    return np.nan_to_num((values - mean) / std)
