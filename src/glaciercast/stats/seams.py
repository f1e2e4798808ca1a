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
    if len(rows) + len(columns) == 0:
        raise InputError("seam index: expected the borders of patches, found none")
    total, count = np.zeros(2), np.zeros(2)  # interior, borders
    for axis, borders in ((-2, rows), (-1, columns)):
        across = np.zeros(scene.shape[axis] - 1, bool)
        across[_inside(borders, scene.shape[axis])] = True
        step = np.moveaxis(np.abs(np.diff(scene, axis=axis)), axis, 0)
        for kind, chosen in enumerate((step[~across], step[across])):
            total[kind] += np.nansum(chosen, dtype="float64")
            count[kind] += np.isfinite(chosen).sum()
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN and infinity are answers here
        interior, border = total / count
        return float(np.divide(border, interior))


def strongest_line(scene: np.ndarray, margin: int = 0) -> float:
    """Return the largest mean gradient across any row or column over the median of all.

    The seam index looks at the borders alone; where tiles are blended over a few pixels, a step lies between them, and this finds it.

    Parameters
    ----------
    scene
        (…, y, x); several frames are taken together. Pairs with a NaN do not count.
    margin
        Rows and columns at the scene's edges that are left out.

    Returns
    -------
    float
        NaN where nothing varies.
    """
    lines = []
    for axis in (-2, -1):
        step = np.moveaxis(np.abs(np.diff(scene, axis=axis)), axis, 0)[margin : scene.shape[axis] - 1 - margin]
        flat = step.reshape(len(step), -1)
        count = np.isfinite(flat).sum(axis=1)
        lines.append(np.nansum(flat, axis=1, dtype="float64")[count > 0] / count[count > 0])
    mean = np.concatenate(lines)
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN is an answer here
        return float(np.divide(mean.max(), np.median(mean)))


def _inside(borders: Sequence[int] | np.ndarray, size: int) -> np.ndarray:
    """Return the index of the difference across each border."""
    found = np.asarray(borders, "int64")
    outside = found[(found < 1) | (found > size - 1)]
    if outside.size:
        raise InputError(f"seam index: expected borders within 1 … {size - 1}, found {outside[0]}")
    return found - 1
