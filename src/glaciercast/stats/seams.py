"""Whether the borders of patches show in a scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glaciercast.errors import InputError


def seam_index(scene: np.ndarray, rows: Sequence[int] | np.ndarray, columns: Sequence[int] | np.ndarray) -> float:
    """Return the mean gradient across the borders of patches over that of the interior.

    With the absolute differences d of all pixels that touch by a side, (mean of d across a border) / (mean of the other d). A scene that
    was not put together has 1 on average, patches pasted side by side had 2 to 14 in published forecasts.

    Parameters
    ----------
    scene
        (…, y, x); several frames are taken together. Pairs with a NaN do not count.
    rows, columns
        Borders: the first row or column behind each, 1 … size − 1.

    Returns
    -------
    float
        Infinite where nothing but the borders varies; NaN where nothing varies at all, or no pair across a border has two values.

    Raises
    ------
    InputError
        If there is no border, or one lies outside.
    """
    total, count = np.zeros(2), np.zeros(2)  # interior, borders
    for axis, borders in ((-2, rows), (-1, columns)):
        across = np.zeros(scene.shape[axis] - 1, bool)
        across[_inside(borders, scene.shape[axis])] = True
        step = np.moveaxis(np.abs(np.diff(scene, axis=axis)), axis, 0)
        for kind, chosen in enumerate((step[~across], step[across])):
            total[kind] += np.nansum(chosen, dtype="float64")
            count[kind] += np.isfinite(chosen).sum()
    if len(rows) + len(columns) == 0:
        raise InputError("seam index: expected the borders of patches, found none")
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN and infinity are answers here
        interior, border = total / count
        return float(np.divide(border, interior))


def _inside(borders: Sequence[int] | np.ndarray, size: int) -> np.ndarray:
    """Return the index of the difference across each border."""
    found = np.asarray(borders, "int64")
    outside = found[(found < 1) | (found > size - 1)]
    if outside.size:
        raise InputError(f"seam index: expected borders within 1 … {size - 1}, found {outside[0]}")
    return found - 1
