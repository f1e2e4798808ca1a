"""Chips of two images against each other: symmetric deformation by a field, steps of least-squares matching, correlation surfaces.

The first image is moved half of the displacement forwards, the second half of it back, so that a chip sees the ground as it lay halfway
(which removes the bias that grows with shear), and what is left between the two is estimated by one Gauss–Newton step with the gradient of
their mean. Iterated, the step ends where the correlation of the chip peaks.

Sources: Grün (1985), South African Journal of Photogrammetry, Remote Sensing and Cartography 14, 175–187 (least-squares matching); Scarano
(2002), Measurement Science and Technology 13, R1–R19 (window deformation).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from glaciercast.motion import deform_kernels, surface_kernels
from glaciercast.motion import matching_kernels as kernels
from glaciercast.motion.filters import threads

REACH = 2.6
"""Standard deviations at which a chip's weights end."""
LARGEST = 1.5
"""Pixels that one step may go along each axis."""
DETERMINED = 1e-3
"""Least share of the larger in the smaller eigenvalue of a chip's normal equations."""


@dataclass(frozen=True)
class Lattice:
    """Nodes on which displacement is known: whole rows and columns of pixels, `step` apart."""

    rows: np.ndarray
    columns: np.ndarray
    step: int

    @property
    def shape(self) -> tuple[int, int]:
        """Nodes down and across."""
        return self.rows.size, self.columns.size

    @property
    def origin(self) -> np.ndarray:
        """Row and column of the first node, float64 (2,)."""
        return np.array([self.rows[0], self.columns[0]], "float64")


@dataclass(frozen=True)
class Pair:
    """Two images of even contrast as B-spline coefficients, float32 (y, x), and where they are usable, uint8 (y, x)."""

    first: np.ndarray
    second: np.ndarray
    usable1: np.ndarray
    usable2: np.ndarray


@dataclass(frozen=True)
class Deformed:
    """Both images as they lie halfway, float32 (y, x), 0 where either is not usable; `seen`: where both are, uint8 (y, x)."""

    first: np.ndarray
    second: np.ndarray
    seen: np.ndarray


def lattice(shape: tuple[int, int], step: int, inset: int) -> Lattice:
    """Return nodes every `step` pixels from `inset` pixels on, at least `inset` pixels from the far edges."""
    rows, columns = (np.arange(inset, size - inset, step) for size in shape)
    return Lattice(rows, columns, step)


def sigma_of(chip: float) -> float:
    """Return the standard deviation of Gaussian weights that average noise as a square chip of side `chip` does, pixels."""
    return float(chip / (2 * np.sqrt(np.pi)))


def window(sigma: float) -> np.ndarray:
    """Return a chip's weights along one side, float32 of odd length, 1 in the middle."""
    reach = int(np.ceil(REACH * sigma))
    return np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).astype("float32")


def deform(pair: Pair, field: np.ndarray, nodes: Lattice) -> Deformed:
    """Return the images of `pair` moved towards each other by `field` (2: columns, rows; node y, node x), pixels."""
    coefficients = np.stack([_coefficients(component) for component in field])
    shape = pair.first.shape
    a, b, seen = np.empty(shape, "float32"), np.empty(shape, "float32"), np.empty(shape, "uint8")
    images = pair.first, pair.second, pair.usable1, pair.usable2, bool(pair.usable1.all() and pair.usable2.all())
    origin, step = nodes.origin, float(nodes.step)

    def band(top: int, bottom: int) -> None:
        deform_kernels.deform(*images, coefficients, origin, step, top, bottom, a, b, seen)

    banded(band, shape[0], 64)
    return Deformed(a, b, seen)


def sums(images: Deformed, nodes: Lattice, sigma: float) -> np.ndarray:
    """Return the weighted sums of all chips, float32 (node y, node x, `kernels.SUMS`)."""
    out = np.zeros((*nodes.shape, kernels.SUMS), "float32")
    weights = window(sigma)

    def band(lowest: int, highest: int) -> None:
        kernels.chip_sums(images.first, images.second, images.seen, weights, nodes.rows, nodes.columns, lowest, highest, out)

    banded(band, nodes.rows.size, 16)
    return out


def block_scores(images: Deformed, block: int) -> np.ndarray:
    """Return Σ gx·d and Σ gy·d over square blocks of `block` pixels a side, float32 (block y, block x, 2)."""
    height, width = images.first.shape
    out = np.zeros((-(-height // block), -(-width // block), 2), "float32")
    banded(lambda low, high: kernels.scores(images.first, images.second, images.seen, block, low, high, out), out.shape[0], 8)
    return out


def surfaces(pair: Pair, nodes: Lattice, half: int, shifts: np.ndarray, moved: np.ndarray | None = None) -> np.ndarray:
    """Return correlations of square chips over all pairs of `shifts`, float32 (node y, node x, shift y, shift x).

    `moved` is the whole displacement (2: columns, rows; node y, node x) about which they lie, half of it for each image; default 0.
    Chip and shifts together are at most `surface_kernels.MOST` pixels wide.
    """
    assert 2 * half + 1 + shifts[-1] - shifts[0] <= surface_kernels.MOST, "the kernel would write beyond its strips"
    out = np.empty((*nodes.shape, shifts.size, shifts.size), "float32")
    whole = np.zeros((2, *nodes.shape), "int64") if moved is None else moved
    images = pair.first, pair.second, pair.usable1, pair.usable2

    def band(lowest: int, highest: int) -> None:
        surface_kernels.surfaces(*images, half, nodes.rows, nodes.columns, whole, lowest, highest, shifts, out)

    banded(band, nodes.rows.size, 4)
    return out


def inverse(total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the inverse normal matrices (xx, yy, xy; node y, node x) of chips' sums, and which are well determined."""
    xx, yy, xy = (total[..., k].astype("float64") for k in (1, 2, 3))
    determinant, trace = xx * yy - xy * xy, xx + yy
    sound = determinant > DETERMINED * trace * trace
    scale = np.divide(1.0, determinant, out=np.zeros_like(determinant), where=sound)
    return np.stack([yy * scale, xx * scale, -xy * scale]), sound


def step(total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the Gauss–Newton step (2: columns, rows; node y, node x) of chips' sums, pixels, and which are well determined."""
    matrix, sound = inverse(total)
    right_x, right_y = total[..., 4].astype("float64"), total[..., 5].astype("float64")
    taken = np.stack([matrix[0] * right_x + matrix[2] * right_y, matrix[2] * right_x + matrix[1] * right_y])
    return np.clip(taken, -LARGEST, LARGEST), sound


def correlation(total: np.ndarray) -> np.ndarray:
    """Return the correlation of each chip, float32 (node y, node x); 0 where there is no contrast."""
    spread = np.sqrt(total[..., 6] * total[..., 7])
    return np.asarray(np.divide(total[..., 8], spread, out=np.zeros_like(spread), where=spread > 1e-6))


def banded(work: Callable[[int, int], None], size: int, band: int) -> None:
    """Run `work` (first, last + 1) over bands of 0 … `size`, on all cores."""
    if size <= band:
        work(0, size)
        return
    with ThreadPoolExecutor(threads(), "motion") as pool:
        for done in [pool.submit(work, start, min(start + band, size)) for start in range(0, size, band)]:
            done.result()


def _coefficients(component: np.ndarray) -> np.ndarray:
    """Return cubic B-spline coefficients of a field with one more node on each side, float32."""
    from scipy.ndimage import spline_filter

    grown = np.pad(component.astype("float64"), 3, mode="edge")
    return np.ascontiguousarray(spline_filter(grown, order=3, mode="mirror")[2:-2, 2:-2], "float32")
