"""Normalised differences of reflectances, undefined where a reflectance makes no sense."""

from __future__ import annotations

import numpy as np

SNOW_THRESHOLD = 0.4
"""NDSI from which a pixel counts as snow (Dozier 1989; Hall et al. 1995)."""
STUDY_THRESHOLD = 0.3
"""NDSI below which the study (Müller 2023) sets a pixel to 0."""


def normalised_difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return (a − b)/(a + b) of reflectances, float32.

    Parameters
    ----------
    a, b
        Reflectance (1) of any common shape; NaN is no data.

    Returns
    -------
    numpy.ndarray
        Values in [−1, 1]; NaN where either reflectance is NaN or negative, or where both are zero: there the index is
        undefined, not ±1.
    """
    a, b = np.asarray(a, "float32"), np.asarray(b, "float32")
    total = a + b
    defined = (a >= 0) & (b >= 0) & (total > 0)
    index: np.ndarray = np.divide(a - b, total, out=np.full(total.shape, np.nan, "float32"), where=defined)
    return index


def ndsi(green: np.ndarray, swir16: np.ndarray) -> np.ndarray:
    """Return the normalised difference snow index (Hall et al. 1995) of reflectances; see `normalised_difference`."""
    return normalised_difference(green, swir16)


def ndwi(green: np.ndarray, nir: np.ndarray) -> np.ndarray:
    """Return the normalised difference water index (McFeeters 1996) of reflectances; see `normalised_difference`."""
    return normalised_difference(green, nir)


def ndsi_masked(values: np.ndarray, threshold: float = STUDY_THRESHOLD) -> np.ndarray:
    """Return the study's snow mask: NDSI where it is at least `threshold`, 0 elsewhere, NaN where it is NaN."""
    return np.where(np.isnan(values) | (values >= threshold), values, np.float32(0))
