"""Where a surface temperature says no more than "melting": ice cannot be warmer than its melting point."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from glaciercast.errors import GlaciercastError

MELTING_POINT = 273.15
"""K, of ice at the pressure of the surface (it falls by 7·10⁻⁸ K a pascal: a glacier's elevation changes it by less than 0.01 K)."""
ROUNDING = 1e-4
"""K, more than float32 loses of a temperature: 273.15 K as float32 is less than 273.15."""


def melting(temperature: np.ndarray, error: ArrayLike, ice: np.ndarray) -> np.ndarray:
    """Return where ice is at the melting point within the error of its temperature, bool of the shape of `temperature`.

    There the temperature is saturated: clean ice takes up any further heat by melting, so that neither a warmer day nor a trend shows.
    Inside an outline T ≥ 273.15 K − error is marked. What is warmer than melting beyond its error is no bare ice (debris, rock in a
    mixed pixel); it lies above the threshold, so it is marked too, and no temperature is changed.

    Parameters
    ----------
    temperature
        Surface temperature, K, float (…, y, x); NaN is never marked.
    error
        Error of `temperature`, K, not negative; one for all or broadcastable. NaN (unknown) is never marked; nor is an infinite one,
        which bounds nothing.
    ice
        Inside the glacier's outline, bool, broadcastable.

    Raises
    ------
    GlaciercastError
        If an error is negative.
    """
    bound = np.asarray(error, np.float64)
    if (bound < 0).any():
        raise GlaciercastError(f"error of a temperature: expected 0 K or more, found {np.nanmin(bound):g} K")
    usable = np.isfinite(bound)
    threshold = MELTING_POINT - np.where(usable, bound, 0.0) - ROUNDING
    marked: np.ndarray = ice & usable & (temperature >= threshold)
    return marked
