"""Temperature of coarse cells brought to finer pixels by elevation. It spreads what was observed; it observes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glaciercast.align.regrid import spread

STANDARD = -6.5
"""K/km: the lapse rate of the standard atmosphere (ISO 2533), which stands in where too few cells tell their own."""
BOUNDS = (-9.8, 0.0)
"""K/km: the dry adiabat, and none. A fit beyond them tells of sun, snow or clouds rather than of elevation."""
ENOUGH = 20
"""Cells that it takes to fit a rate."""
RELIEF = 300.0
"""Metres between the tenth and the ninetieth percentile of the cells' elevation that it takes."""
PAIRS_OF = 1000
"""Cells whose pairs are compared at most: half a million pairs."""


@dataclass(frozen=True)
class Relief:
    """Elevation of pixels and the mean of each cell.

    Attributes
    ----------
    pixels
        Metres (y, x) on the fine grid.
    cells
        Mean over the pixels whose centres a cell holds, float64 (row, column); NaN where it holds none.
    """

    pixels: np.ndarray
    cells: np.ndarray

    @classmethod
    def of(cls, elevation: np.ndarray, where: tuple[np.ndarray, np.ndarray], shape: tuple[int, ...]) -> Relief:
        """Return the relief of `elevation`, metres (y, x), over cells of a grid of `shape`; `where` is from `regrid.cells`."""
        known = (where[0] >= 0) & np.isfinite(elevation)
        flat = where[0][known] * shape[1] + where[1][known]
        size = shape[0] * shape[1]
        count = np.bincount(flat, minlength=size)
        total = np.bincount(flat, weights=elevation[known], minlength=size)
        mean = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
        return cls(elevation, mean.reshape(tuple(shape)))


def downscale(
    values: np.ndarray, relief: Relief, where: tuple[np.ndarray, np.ndarray], rate: float | None = None
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return temperatures at pixels: T = T_cell + rate · (z − z_cell), so that the mean over a cell stays as it is.

    Parameters
    ----------
    values
        K, float32 (row, column) of cells, NaN missing.
    relief, where
        Of the pixels and their cells.
    rate
        K/km; None: `fitted` to the cells themselves, or `STANDARD` where they do not tell, which the facts say.

    Returns
    -------
    tuple
        K, float32 (y, x); NaN where the cell or the elevation is missing; and ``lapse_rate`` (K/km) and ``lapse_from``
        (``settings``, ``fit``, ``fit, bounded`` or ``standard: …``).
    """
    origin = "settings"
    if rate is None:
        rate, origin = fitted(values, relief.cells)
    above = (relief.pixels - spread(relief.cells, where)) / 1000
    return (spread(values, where) + rate * above).astype(np.float32), {"lapse_rate": round(rate, 3), "lapse_from": origin}


def fitted(values: np.ndarray, elevation: np.ndarray) -> tuple[float, str]:
    """Return the lapse rate of some cells, K/km, within `BOUNDS`, and where it comes from.

    It is the median slope over all pairs of cells (Theil 1950, Sen 1968), so that a few cells of cloud or lake do not turn it; of more than
    1000 cells an even choice by elevation is compared.
    """
    known = np.isfinite(values) & np.isfinite(elevation)
    order = np.argsort(elevation[known], kind="stable")
    heights, warmth = elevation[known][order], values[known][order].astype(np.float64)
    if len(heights) < ENOUGH:
        return STANDARD, f"standard: {len(heights)} cells"
    if np.diff(np.percentile(heights, (10, 90)))[0] < RELIEF:
        return STANDARD, "standard: too little relief"
    chosen = np.unique(np.linspace(0, len(heights) - 1, min(PAIRS_OF, len(heights))).astype(int))
    first, second = np.triu_indices(len(chosen), 1)
    rise, warming = np.diff(heights[chosen][[first, second]], axis=0)[0], np.diff(warmth[chosen][[first, second]], axis=0)[0]
    slope = float(np.median(warming[rise > 0] / rise[rise > 0]) * 1000)
    bounded = min(max(slope, BOUNDS[0]), BOUNDS[1])
    return bounded, "fit" if bounded == slope else "fit, bounded"
