"""Density of scattered pairs of numbers, and how wide its peak is: the measure of scatter of the Glacier Feature Tracking test.

Source: Zheng et al. (2023), The Cryosphere 17, 4063–4078, section 3: the half-width of the region where a kernel density (Epanechnikov's
kernel, bandwidth by the rule of thumb of Duong, 2012) exceeds the share e⁻² of its peak, which a Gaussian does within 2 σ. Unlike there,
the density is convolved on a grid, whose extent follows either axis and not their mean, and the region ends between its cells.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

LEVEL = 2.0
"""Standard deviations of a Gaussian at which the peak's width is taken."""
RULE = 2.1991
"""Bandwidth of Epanechnikov's kernel over σ n^(−1/6), in two dimensions."""
CELLS = 10
"""Cells of the grid in a bandwidth."""
REACH = 3.0
"""Standard deviations of the data, on either side of the median, over which the density is computed."""
LARGEST = 1000
"""Cells along an axis of the grid at most."""
FEWEST = 10
"""Points without which there is no density."""


class Density(NamedTuple):
    """Density of points in a plane: `values` (v, u) of unit integral at the places `u` (u,) and `v` (v,)."""

    u: np.ndarray
    v: np.ndarray
    values: np.ndarray


class Peak(NamedTuple):
    """Where the density of points is largest, and the region in which it exceeds e⁻² of that; in units of the points.

    Attributes
    ----------
    u, v
        Of the largest density.
    left, right, low, high
        Box about the region.
    """

    u: float
    v: float
    left: float
    right: float
    low: float
    high: float

    @property
    def half_widths(self) -> tuple[float, float]:
        """Half the width and half the height of the box: 2 σ where points are Gaussian, and what the kernel adds (1 to 3 %)."""
        return (self.right - self.left) / 2, (self.high - self.low) / 2

    def outside(self, u: np.ndarray, v: np.ndarray) -> float:
        """Return the share of points outside the box, about 0.09 of Gaussian ones; NaN where there is no peak."""
        if math.isnan(self.u):
            return math.nan
        inside = (u >= self.left) & (u <= self.right) & (v >= self.low) & (v <= self.high)
        return float(1 - inside.mean())


def density(u: np.ndarray, v: np.ndarray) -> Density | None:
    """Return the density of points, or None where they are fewer than `FEWEST` or do not differ in both coordinates.

    Parameters
    ----------
    u, v
        Coordinates, finite, (point,).
    """
    from scipy.signal import fftconvolve

    if len(u) < FEWEST or not (np.ptp(u) > 0 and np.ptp(v) > 0):
        return None
    bandwidth = RULE * float(np.sqrt(np.std(u, ddof=1) * np.std(v, ddof=1))) * len(u) ** (-1 / 6)
    edges = [_edges(values, bandwidth) for values in (v, u)]
    counts, *_ = np.histogram2d(v, u, bins=edges)
    cells = [float(axis[1] - axis[0]) for axis in edges]
    spread = fftconvolve(counts, _kernel(bandwidth, *cells), mode="same")
    across, down = ((axis[1:] + axis[:-1]) / 2 for axis in (edges[1], edges[0]))
    return Density(across, down, np.maximum(spread, 0) / (len(u) * cells[0] * cells[1]))


def peak(of: Density, level: float = LEVEL) -> Peak:
    """Return the peak of a density and the box about where it exceeds exp(−level²/2) of the peak."""
    row, column = np.unravel_index(of.values.argmax(), of.values.shape)
    threshold = of.values.max() * np.exp(-(level**2) / 2)
    sides = [_ends(places, of.values.max(axis=axis), threshold) for axis, places in ((0, of.u), (1, of.v))]
    return Peak(float(of.u[column]), float(of.v[row]), *sides[0], *sides[1])


def peak_of(u: np.ndarray, v: np.ndarray) -> Peak:
    """Return the peak of the density of points, all NaN where there is none."""
    found = density(u, v)
    return Peak(*[math.nan] * 6) if found is None else peak(found)


def _edges(values: np.ndarray, bandwidth: float) -> np.ndarray:
    """Return the edges of the cells along an axis: the median is the centre of one."""
    reach = REACH * float(np.std(values, ddof=1)) + bandwidth
    side = int(np.ceil(min(reach / bandwidth * CELLS, LARGEST / 2)))
    return float(np.median(values)) + reach * (np.arange(2 * side + 2) - side - 0.5) / side


def _kernel(bandwidth: float, down: float, across: float) -> np.ndarray:
    """Return Epanechnikov's kernel, max(0, 1 − r²/h²) over its sum, on a grid of cells of `down` × `across`."""
    rows, columns = (np.arange(-n, n + 1) * step for n, step in ((int(np.ceil(bandwidth / step)), step) for step in (down, across)))
    kernel: np.ndarray = np.maximum(1 - (rows[:, None] ** 2 + columns**2) / bandwidth**2, 0)
    kernel /= kernel.sum()
    return kernel


def _ends(places: np.ndarray, profile: np.ndarray, threshold: float) -> tuple[float, float]:
    """Return the first and the last place where a profile crosses the threshold, linear between cells; the grid ends where it does."""
    above = np.flatnonzero(profile >= threshold)
    ends = []
    for inner, step in ((int(above[0]), -1), (int(above[-1]), 1)):
        outer = inner + step
        if 0 <= outer < len(profile):
            part = (profile[inner] - threshold) / (profile[inner] - profile[outer])
            ends.append(float(places[inner] + part * (places[outer] - places[inner])))
        else:
            ends.append(float(places[inner]))
    return ends[0], ends[1]
