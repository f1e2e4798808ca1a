"""Which pixels are clear: by class (Sentinel-2 SCL) or by bit (Landsat QA_PIXEL)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

SCL_CLEAR = (2, 4, 5, 6, 7, 11)
"""Sentinel-2 scene classes kept by default: dark or shadowed, vegetation, bare, water, unclassified, snow and ice."""
SCL_STRICT = (4, 5, 6, 11)
"""As `SCL_CLEAR` without shadowed terrain and unclassified pixels."""
QA_PIXEL_REJECTED = (0, 1, 2, 3, 4)
"""Landsat Collection 2 QA_PIXEL bits: fill, dilated cloud, cirrus, cloud, cloud shadow."""


def clear_by_class(classes: np.ndarray, keep: Iterable[int]) -> np.ndarray:
    """Return where `classes` (integers, any shape) is one of `keep`, bool of the same shape."""
    clear: np.ndarray = np.isin(classes, list(keep))
    return clear


def clear_by_bits(quality: np.ndarray, reject: Iterable[int]) -> np.ndarray:
    """Return where none of the bits `reject` (0 = least significant) is set in `quality`, bool of the same shape."""
    flags = np.uint32(sum(1 << bit for bit in reject))
    clear: np.ndarray = (quality.astype(np.uint32) & flags) == 0
    return clear
