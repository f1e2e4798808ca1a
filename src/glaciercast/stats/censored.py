"""Regression on values of which some are known only to lie above a threshold.

References
----------
Tobin (1958), Estimation of relationships for limited dependent variables, Econometrica 26, 24; Olsen (1978), Note on the uniqueness of the
maximum likelihood estimator for the Tobit model, Econometrica 46, 1211.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from glaciercast.errors import GlaciercastError, InputError

ROUNDS = 100
TOLERANCE = 1e-9


class Censored(NamedTuple):
    """A fit of y* = Xβ + σε with ε standard normal, where y* above a threshold is not seen.

    Attributes
    ----------
    coefficients
        β, float64 (k,).
    sigma
        σ.
    influence
        By how much each value moved each coefficient, float64 (n, k): their sums are 0, their squares add up to the variance that holds
        whatever the errors' distribution, if they are independent (sandwich).
    residuals
        Generalised residuals, float64 (n,): (y − Xβ)/σ, or its expectation given that the value lies above the threshold.
    """

    coefficients: np.ndarray
    sigma: float
    influence: np.ndarray
    residuals: np.ndarray


def fit(columns: np.ndarray, values: np.ndarray, above: np.ndarray) -> Censored:
    """Fit by maximum likelihood, in Olsen's (1978) parameters β/σ and 1/σ, in which the likelihood has one maximum.

    Without values above the threshold the coefficients are those of least squares.

    Parameters
    ----------
    columns
        X, float (n, k).
    values
        (n,), without NaN: what was seen, or the threshold where the value lies above it.
    above
        Which values are thresholds, bool (n,).

    Raises
    ------
    InputError
        If fewer than 2·k values lie below their thresholds, or columns are not independent there.
    GlaciercastError
        If Newton's method does not arrive.
    """
    k = columns.shape[1]
    below = int(np.count_nonzero(~above))
    if below < 2 * k or np.linalg.matrix_rank(columns[~above]) < k:
        raise InputError(f"censored fit: expected {2 * k} values or more below the threshold, at all times of the year, found {below}")
    centre = float(values.mean())
    shifted = values - centre  # the first column is a constant; large values would spoil the condition
    start, *_ = np.linalg.lstsq(columns, shifted, rcond=None)
    spread = float(np.std(shifted - columns @ start))
    if spread == 0:
        raise InputError("censored fit: the values have no spread")
    found = np.append(start / spread, 1 / spread)
    signed = np.concatenate([columns, -shifted[:, None]], axis=1)
    for _ in range(ROUNDS):
        scores, hessian, _ = _derivatives(found, signed, above)
        step = np.linalg.solve(hessian, -scores.sum(axis=0))
        found = _climb(found, step, signed, above)
        if np.abs(step).max() < TOLERANCE * max(1.0, np.abs(found).max()):
            break
    else:
        raise GlaciercastError(f"censored fit: no maximum after {ROUNDS} steps")
    scores, hessian, residuals = _derivatives(found, signed, above)
    moved = -np.linalg.solve(hessian, scores.T).T
    beta = found[:-1] / found[-1]
    influence = (moved[:, :-1] - beta * moved[:, -1:]) / found[-1]
    beta[0] += centre
    return Censored(beta, float(1 / found[-1]), influence, residuals)


def _climb(found: np.ndarray, step: np.ndarray, signed: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Return the next parameters: the step, halved until σ stays positive and the likelihood does not fall."""
    before = _likelihood(found, signed, above)
    for _ in range(60):
        there: np.ndarray = found + step
        if there[-1] > 0 and _likelihood(there, signed, above) >= before - 1e-9 * abs(before):
            return there
        step = step / 2
    return found


def _likelihood(found: np.ndarray, signed: np.ndarray, above: np.ndarray) -> float:
    from scipy.special import log_ndtr

    reach = signed @ found
    return float((np.log(found[-1]) - reach[~above] ** 2 / 2).sum() + log_ndtr(reach[above]).sum())


def _derivatives(found: np.ndarray, signed: np.ndarray, above: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the scores (n, k + 1), the Hessian and the generalised residuals of the parameters (β/σ, 1/σ)."""
    from scipy.special import log_ndtr

    reach = signed @ found  # (Xβ − y)/σ
    mills = np.exp(-(reach**2) / 2 - log_ndtr(reach)) / np.sqrt(2 * np.pi)
    residuals = np.where(above, mills, -reach)
    scores = residuals[:, None] * signed
    scores[~above, -1] += 1 / found[-1]
    curvature = np.where(above, mills * (reach + mills), 1.0)
    hessian = -(signed * curvature[:, None]).T @ signed
    hessian[-1, -1] -= np.count_nonzero(~above) / found[-1] ** 2
    return scores, np.asarray(hessian), residuals
