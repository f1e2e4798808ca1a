"""Whether the borders of patches show in a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glaciercast.errors import InputError
from glaciercast.stats.sums import Sums, over_leads


@dataclass(frozen=True)
class SeamSums(Sums):
    """What the seam index is made of: sums of absolute differences of neighbours and their numbers, float64 (forecast, lead).

    Attributes
    ----------
    interior, interior_pairs, border, border_pairs
        Σ of the differences and pairs, inside patches and across their borders.
    """

    interior: np.ndarray
    interior_pairs: np.ndarray
    border: np.ndarray
    border_pairs: np.ndarray

    @classmethod
    def of(cls, forecast: np.ndarray, rows: Sequence[int] | np.ndarray, columns: Sequence[int] | np.ndarray) -> SeamSums:
        """Return the sums of forecasts (forecast, lead, y, x), put together at borders as in `seam_index`; there may be none."""
        from glaciercast.stats import tally_kernels as kernels

        found = np.zeros((*forecast.shape[:2], 2, 2))
        down, across = _flags(rows, forecast.shape[-2]), _flags(columns, forecast.shape[-1])
        for at in np.ndindex(forecast.shape[:2]):
            kernels.gradients(forecast[at], across, down, found[at])
        return cls(*np.moveaxis(found.reshape(*forecast.shape[:2], 4), -1, 0))

    def index(self, lead: int | None = None) -> np.ndarray:
        """Return the seam index of each row, (forecast,), at one lead (0-based) or over all; NaN without borders."""
        over = (over_leads(sums, lead) for sums in (self.border, self.border_pairs, self.interior, self.interior_pairs))
        border, border_pairs, interior, interior_pairs = over
        with np.errstate(invalid="ignore", divide="ignore"):  # NaN and infinity are answers here
            index: np.ndarray = np.divide(border / border_pairs, interior / interior_pairs)
            return index


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
    frames = scene.reshape(1, -1, *scene.shape[-2:])
    return float(SeamSums.of(frames, rows, columns).index()[0])


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


def _flags(borders: Sequence[int] | np.ndarray, size: int) -> np.ndarray:
    """Return 1 for the difference across each border and 0 for the others, int64 (size − 1,)."""
    found = np.asarray(borders, "int64")
    outside = found[(found < 1) | (found > size - 1)]
    if outside.size:
        raise InputError(f"seam index: expected borders within 1 … {size - 1}, found {outside[0]}")
    flags = np.zeros(size - 1, "int64")
    flags[found - 1] = 1
    return flags
