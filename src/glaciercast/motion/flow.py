"""Dense optical flow, of scenes or of forecasts: Farnebäck with the source study's parameters, and DIS as the fast alternative.

Farnebäck's method has an absolute regulariser: on NDSI in 0 … 1, as the study gave it, it finds no motion at all. Images are therefore
scaled to 0 … 255 first, both by the same percentiles of the two together, so that the result depends neither on gain nor on offset.

Flow follows whatever changes between two images. Between snow masks or NDSI of different dates that is the snow line, which retreats and
advances; it is not ice in motion (`CAVEAT`). Ice motion needs texture that moves with the ice, a short baseline, and stable ground as a
control: `glaciercast.motion.tracking`.

Sources: Farnebäck (2003), Scandinavian Conference on Image Analysis, 363–370; Kroeger et al. (2016), European Conference on Computer
Vision, 471–488 (DIS).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from glaciercast.errors import InputError

Method = Literal["farneback", "dis"]
STUDY: dict[str, Any] = {"pyr_scale": 0.5, "levels": 6, "winsize": 15, "iterations": 10, "poly_n": 5, "poly_sigma": 1.2, "flags": 0}
"""Parameters of the source study."""
PERCENTILES = (0.5, 99.5)
"""Of both images together; they become 0 and 255."""
SPACING = 40
"""Pixels between the arrows of a quiver."""
SMALLEST = 32
"""Pixels that the shorter side of an image must have."""
CAVEAT = (
    "flow between snow masks or NDSI of different dates shows the snow line moving, not ice; only where texture of the ice itself lasts "
    "from one image to the next (bare ice or crevasses, weeks apart, in one season) and stable ground stays at 0 is it ice in motion"
)
"""What every output of flow between such images has to say."""


@dataclass(frozen=True)
class Flow:
    """Displacement at every pixel of the first image, pixels to the right and downwards, float32 (y, x); NaN where either has no data."""

    dx: np.ndarray
    dy: np.ndarray


@dataclass(frozen=True)
class Arrows:
    """Flow at some pixels: `x`, `y` (column, row) and `dx`, `dy`, pixels, all (arrow,)."""

    x: np.ndarray
    y: np.ndarray
    dx: np.ndarray
    dy: np.ndarray


def flow(first: np.ndarray, second: np.ndarray, method: Method = "farneback") -> Flow:
    """Return the flow from `first` to `second`.

    Parameters
    ----------
    first, second
        One layer each, any unit, (y, x); NaN is no data and is filled with the other image's value, which moves nowhere.
    method
        ``farneback`` (the study's parameters) or ``dis`` (several times faster).

    Raises
    ------
    InputError
        If shapes differ or are too small, or the two hold no two common values.
    """
    import cv2

    one, two, known = scaled(first, second)
    room = np.zeros((*one.shape, 2), "float32")
    if method == "dis":
        found = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(one, two, room)
    else:
        found = cv2.calcOpticalFlowFarneback(one, two, room, **STUDY)
    dx, dy = (np.where(known, layer, np.float32(np.nan)) for layer in np.moveaxis(np.asarray(found), -1, 0))
    return Flow(dx, dy)


def scaled(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both images on one scale of 0 … 255 (uint8, without gaps), and where both have data (bool).

    Raises
    ------
    InputError
        As `flow` does.
    """
    if first.shape != second.shape or first.ndim != 2:
        raise InputError(f"flow: expected two images of one shape (y, x), found {first.shape} and {second.shape}")
    if min(first.shape) < SMALLEST:
        raise InputError(f"flow: expected images of at least {SMALLEST}×{SMALLEST} pixels, found {first.shape[0]}×{first.shape[1]}")
    known = np.isfinite(first) & np.isfinite(second)
    if not known.any():
        raise InputError("flow: expected pixels with data in both images, found none")
    low, high = np.percentile(np.concatenate([first[known], second[known]]), PERCENTILES)
    if high <= low:
        raise InputError(f"flow: expected images with contrast, found {low:g} nearly everywhere")
    middle = (low + high) / 2
    layers = []
    for own, other in ((first, second), (second, first)):
        whole = np.where(np.isfinite(own), own, np.where(np.isfinite(other), other, middle))
        layers.append(np.rint(np.clip((whole - low) * (255 / (high - low)), 0, 255)).astype("uint8"))
    return layers[0], layers[1], known


def arrows(found: Flow, spacing: int = SPACING) -> Arrows:
    """Return the flow every `spacing` pixels, from half of that on, where it is known."""
    rows, columns = (np.arange(spacing // 2, size, spacing) for size in found.dx.shape)
    y, x = (axis.ravel() for axis in np.meshgrid(rows, columns, indexing="ij"))
    dx, dy = found.dx[y, x], found.dy[y, x]
    known = np.isfinite(dx)
    return Arrows(x[known], y[known], dx[known], dy[known])


def successive(frames: np.ndarray, method: Method = "farneback") -> list[Flow]:
    """Return the flow from each frame (time, y, x) to the next.

    Raises
    ------
    InputError
        As `flow` does.
    """
    return [flow(first, second, method) for first, second in itertools.pairwise(frames)]


def mean_length(found: Flow, where: np.ndarray | None = None) -> float:
    """Return the mean length of a flow, pixels, where it is known (and `where`, bool (y, x)): the end-point error of no flow at all."""
    still = np.zeros(found.dx.shape, "float32")
    return end_point_error(found, Flow(still, still), where)


def end_point_error(found: Flow, truth: Flow, where: np.ndarray | None = None) -> float:
    """Return the mean length of the difference of two flows, pixels, over pixels that both know (and `where`, bool (y, x)).

    This compares the flow of forecast scenes with the flow of the true ones. NaN where there is nothing to compare.
    """
    apart = np.hypot(found.dx - truth.dx, found.dy - truth.dy)
    used = np.isfinite(apart) if where is None else np.isfinite(apart) & where
    return float(apart[used].mean(dtype="float64")) if used.any() else float("nan")
