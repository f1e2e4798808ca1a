"""Moving a scene by what co-registration found; where no data is stays no data and reaches no pixel beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from glaciercast.cube import coregister_kernels as kernels

Motion = Literal["translation", "euclidean", "affine"]
Interpolation = Literal["nearest", "bilinear", "cubic"]


@dataclass(frozen=True)
class Match:
    """Where a scene lies.

    ``columns`` and ``rows`` are the shift in pixels by which the content of the scene has to be moved to lie on the reference (at the
    centre of the scene): positive to the right and down. ``matrix`` (2, 3) leads from a pixel (x, y) of the reference to the place in the
    scene that shows it. ``valid`` is the share of the scene's pixels that were compared, ``correlation`` that of the textures there.
    A match that is not ``accepted`` says why in ``reason``; its shift is what was found (NaN if nothing), and is not to be applied.
    ``error`` is the standard deviation that its shift is expected to have along each axis, pixels; NaN if nothing was found.
    """

    columns: float
    rows: float
    correlation: float
    valid: float
    matrix: np.ndarray
    accepted: bool
    reason: str = ""
    error: float = np.nan

    def metres(self, transform: tuple[float, ...]) -> tuple[float, float]:
        """Return the shift eastward and northward in m; `transform` is the affine map of the grid (a, b, c, d, e, f) in metres."""
        a, b, _, d, e = (float(value) for value in tuple(transform)[:5])
        return a * self.columns + b * self.rows, d * self.columns + e * self.rows


def move(values: np.ndarray, found: Match, how: Interpolation = "cubic") -> np.ndarray:
    """Return a scene with its content moved onto the reference, or as it was if the match was not accepted.

    Parameters
    ----------
    values
        (y, x) or (band, y, x); float with NaN for no data, or any type for ``nearest`` (masks, classes).
    found
        The match.
    how
        ``cubic`` keeps detail, ``bilinear`` never overshoots, ``nearest`` keeps values as they are. No data is never averaged in:
        where cubic convolution would meet it, bilinear weights of the pixels with data take over.

    Returns
    -------
    numpy.ndarray
        A new array of the same shape, float32 (``nearest``: as `values`). Beyond the edge of the scene: NaN, or 0 for whole numbers.
    """
    if not found.accepted:
        return np.array(values, copy=True)
    layers = values.reshape(-1, *values.shape[-2:])
    if how == "nearest":
        return _nearest(layers, found.matrix).reshape(values.shape)
    out = np.empty(layers.shape, dtype="float32")
    for layer, target in zip(layers, out, strict=True):
        kernels.resample(np.ascontiguousarray(layer, dtype="float32"), found.matrix, 3 if how == "cubic" else 1, target)
    return out.reshape(values.shape)


def composed(matrix: np.ndarray, step: np.ndarray, motion: Motion, shape: tuple[int, ...]) -> np.ndarray:
    """Return `matrix` (2, 3) after the inverse of the small motion that is left, about the centre of a scene of `shape`.

    `step` holds columns and rows, then radians (euclidean) or the four entries of the linear part less one (affine).
    """
    left = np.eye(3)
    if motion == "euclidean":
        left[:2, :2] = [[np.cos(step[2]), -np.sin(step[2])], [np.sin(step[2]), np.cos(step[2])]]
    elif motion == "affine":
        left[:2, :2] += step[2:].reshape(2, 2)
    left[:2, 2] = step[:2]
    centre = np.eye(3)
    centre[:2, 2] = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    whole: np.ndarray = np.vstack([matrix, [0, 0, 1]]) @ centre @ np.linalg.inv(left) @ np.linalg.inv(centre)
    return whole[:2]


def _nearest(layers: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    height, width = layers.shape[1:]
    y, x = np.mgrid[:height, :width]
    column, row = (np.floor(line[0] * x + line[1] * y + line[2] + 0.5).astype(int) for line in matrix)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    out: np.ndarray = np.full(layers.shape, np.nan if layers.dtype.kind == "f" else 0, dtype=layers.dtype)
    out[:, inside] = layers[:, row[inside], column[inside]]
    return out
