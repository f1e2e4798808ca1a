"""Several estimates of one velocity, each with its error → one, by the errors; how well they agree."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2, norm

CONTRADICTION = 3.0
"""Standard deviations of a normal variable beyond which estimates contradict each other: by chance, 0.27 % of those do."""


class Combination(NamedTuple):
    """One velocity of several estimates.

    Attributes
    ----------
    velocity, error, observed
        Components, their 1 sigma errors, and the share of each that was observed, float32 (2, …); velocity and error are NaN where no
        source has a value, and observed is 0 there.
    chi
        √(χ²/ν) of the estimates about their mean weighted by errors, float32 (…): 1 where errors hold. Of two sources it is the root
        mean square, over both components, of their difference over its error √(σ₁² + σ₂²). NaN where fewer than two have a value.
    contradicted
        Whether they differ by more than chance allows, bool (…).
    share
        Of each source in the weight, the mean of both components, float32 (source, …); 0 where it has no value.
    """

    velocity: np.ndarray
    error: np.ndarray
    observed: np.ndarray
    chi: np.ndarray
    contradicted: np.ndarray
    share: np.ndarray


def combine(velocity: np.ndarray, error: np.ndarray, observed: np.ndarray, choose: bool = False) -> Combination:
    """Combine estimates by their errors.

    Each component is Σ v/σ² / Σ 1/σ² with the error 1/√(Σ 1/σ²), as for independent estimates; or, to `choose`, the vector of the source
    whose errors are smaller (σx² + σy²), the first of equal ones, with its own. ``observed`` is the mean by the same weights: the share of
    the value that was seen. Where χ² is larger than chance allows at 3 σ, the errors do not tell the whole, and both grow by
    √(χ²/ν), Birge's ratio, with ν = 2 (sources − 1): where two sources differ by 40 m/yr, neither is known to 5.

    Parameters
    ----------
    velocity, error, observed
        float (source, 2, …); a source counts where both components are finite and both errors are positive.
    choose
        Whether to take one source's vector in place of the mean.

    References
    ----------
    Birge (1932), The calculation of errors by the method of least squares, Physical Review 40, 207, equation 18.
    """
    known = (np.isfinite(velocity) & (error > 0)).all(axis=1, keepdims=True)
    inverse = np.where(known, 1 / np.where(known, error, 1.0).astype(float) ** 2, 0.0)
    values = np.where(known, velocity, 0.0)
    total = inverse.sum(axis=0)
    some = np.where(total > 0, total, np.nan)
    mean = (inverse * values).sum(axis=0) / some
    chi, contrary = _agreement(inverse * (values - mean) ** 2, known)
    share = _best(error, known) if choose else inverse / some
    share = np.nan_to_num(np.broadcast_to(share, values.shape))
    found = (share * values).sum(axis=0) if choose else mean
    sigma = (share * np.where(known, error, 0.0)).sum(axis=0) if choose else 1 / np.sqrt(some)
    grown = sigma * np.where(contrary, chi, 1.0)
    missing = ~known.any(axis=0)
    seen = (share * np.nan_to_num(observed)).sum(axis=0)
    found, grown, seen, chi = (
        part.astype(np.float32) for part in (np.where(missing, np.nan, found), np.where(missing, np.nan, grown), seen, chi)
    )
    return Combination(found, grown, seen, chi, contrary, share.mean(axis=1).astype(np.float32))


def _agreement(squares: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return √(χ²/ν), NaN without freedom, and whether χ² is beyond chance, (…)."""
    freedom = 2 * np.maximum(known.sum(axis=(0, 1)) - 1, 0)
    total = np.nan_to_num(squares).sum(axis=(0, 1))
    limit = chi2.isf(2 * norm.sf(CONTRADICTION), np.arange(2 * len(known)))
    ratio = np.sqrt(total / np.where(freedom > 0, freedom, np.nan))
    return ratio, (freedom > 0) & (total > limit[freedom])


def _best(error: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return 1 for the source with the least errors and 0 for the others, (source, 1, …)."""
    size = np.where(known[:, 0], (error.astype(float) ** 2).sum(axis=1), np.inf)
    source = np.arange(len(error)).reshape(-1, *[1] * (size.ndim - 1))
    best: np.ndarray = ((source == size.argmin(axis=0)) & known[:, 0])[:, None].astype(float)
    return best
