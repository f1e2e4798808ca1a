"""What does not change with time: elevation, slope and the glacier's outline as channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from glaciercast.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

Static = Literal["elevation", "slope", "ice"]


def channels(aligned: xr.Dataset, names: tuple[str, ...], where: str) -> np.ndarray:
    """Return static fields of ``/aligned``, each brought to mean 0 and standard deviation 1 over its scene, float32 (S, y, x).

    They are normalised by the scene itself, as they are known before anything is forecast, so that a network that goes to another
    glacier finds its upper part where it was at home. Where a field is unknown it is 0, the mean; a constant field is 0 throughout.

    Raises
    ------
    InputError
        If the cube lacks a field; `where` names the cube.
    """
    fields = np.zeros((len(names), aligned.sizes["y"], aligned.sizes["x"]), "float32")
    for field, name in zip(fields, names, strict=True):
        if name not in aligned:
            raise InputError(f"{where}: /aligned has no '{name}'; build the cube with terrain, or leave it out of 'statics'")
        values = aligned[name].values.astype("float64")
        spread = np.nanstd(values)
        if spread > 0:
            field[:] = np.nan_to_num((values - np.nanmean(values)) / spread)
    return fields
