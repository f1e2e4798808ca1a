"""Stable ground: what does not move says how far a pair is shifted, and how large its error is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from glaciercast.errors import InputError

NORMAL = 1.4826
"""Standard deviation of a Gaussian over its median absolute deviation."""
FEWEST = 100
"""Vectors on stable ground that a correction takes."""
TUKEY = 4.685
ROUNDS = 50
SETTLED = 1e-6


class StableGround(NamedTuple):
    """What stable ground tells of a pair; units are those of the vectors.

    Attributes
    ----------
    shift_x, shift_y
        What was subtracted, (y, x): the same everywhere, or a plane.
    nmad_x, nmad_y
        Spread of what is left, robust: the 1 sigma error of a component off the ice.
    vectors
        How many lie on stable ground.
    """

    shift_x: np.ndarray
    shift_y: np.ndarray
    nmad_x: float
    nmad_y: float
    vectors: int

    @property
    def error(self) -> float:
        """1 sigma of either component: the root mean square of both."""
        return float(np.hypot(self.nmad_x, self.nmad_y) / np.sqrt(2))


def nmad(values: np.ndarray) -> float:
    """Return the normalised median absolute deviation, 1.4826 times the median of abs(v − median v), of what is no NaN (NaN where all is).

    The standard deviation of Gaussian errors, and hardly moved by the blunders among them (Höhle & Höhle, 2009, ISPRS J. 64, 398).
    """
    known = values[np.isfinite(values)]
    return float(NORMAL * np.median(np.abs(known - np.median(known)))) if known.size else float("nan")


def correct(
    vx: np.ndarray, vy: np.ndarray, stable: np.ndarray, *, plane: bool = False, fewest: int = FEWEST
) -> tuple[np.ndarray, np.ndarray, StableGround]:
    """Return both components less what stable ground seems to move, and what it tells.

    Parameters
    ----------
    vx, vy
        (y, x), in any unit; NaN where there is none.
    stable
        Ground that does not move, bool (y, x): off the ice and its buffer, no water.
    plane
        Fit a plane (a + b·column + c·row, by Tukey's biweight) and not the median: a scene that is turned or stretched against the other.
    fewest
        Vectors on stable ground that it takes.

    Raises
    ------
    InputError
        If shapes differ, there are fewer vectors on stable ground, or a plane has no extent to be fitted over.
    """
    if not vx.shape == vy.shape == stable.shape:
        raise InputError(f"stable ground: expected vx, vy and the mask of one shape, found {vx.shape}, {vy.shape}, {stable.shape}")
    seen = stable & np.isfinite(vx) & np.isfinite(vy)
    vectors = int(seen.sum())
    if vectors < max(fewest, 1):
        raise InputError(f"stable ground: expected at least {max(fewest, 1)} vectors off the ice, found {vectors}")
    shifts = [_plane(values, seen) if plane else np.full(values.shape, np.median(values[seen])) for values in (vx, vy)]
    left_x, left_y = (values - shift for values, shift in zip((vx, vy), shifts, strict=True))
    return left_x, left_y, StableGround(shifts[0], shifts[1], nmad(left_x[seen]), nmad(left_y[seen]), vectors)


def calibrate(error: np.ndarray, vx: np.ndarray, vy: np.ndarray, stable: np.ndarray, fewest: int = FEWEST) -> tuple[np.ndarray, float]:
    """Return errors that stable ground bears out, and the factor: the NMAD of v/error there.

    Parameters
    ----------
    error
        1 sigma of either component as the tracker states it, (y, x), in the unit of `vx` and `vy`.
    vx, vy
        Corrected, (y, x).
    stable, fewest
        As for `correct`, which raises the same errors.
    """
    seen = stable & np.isfinite(vx) & np.isfinite(vy) & (error > 0)
    if int(seen.sum()) < max(fewest, 1):
        raise InputError(f"stable ground: expected at least {max(fewest, 1)} vectors off the ice, found {int(seen.sum())}")
    factor = nmad(np.concatenate([vx[seen] / error[seen], vy[seen] / error[seen]]))
    return error * factor, factor


def _plane(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the plane through the values that are seen, float64 (y, x), fitted with Tukey's biweight from the median on."""
    row, column = np.indices(values.shape)
    basis = np.stack([np.ones(values.shape), column / max(values.shape[1], 2), row / max(values.shape[0], 2)], axis=-1)
    at, wanted = basis[seen], values[seen].astype(np.float64)
    if np.linalg.matrix_rank(at) < 3:
        raise InputError("stable ground: expected an area to fit a plane over, found a line of vectors")
    plane = np.array([np.median(wanted), 0.0, 0.0])
    for _ in range(ROUNDS):
        away = wanted - at @ plane
        scale = NORMAL * np.median(np.abs(away))
        if scale == 0:
            break
        root = np.clip(1 - (away / (TUKEY * scale)) ** 2, 0, None)  # the root of the weight
        found = np.linalg.lstsq(at * root[:, None], wanted * root, rcond=None)[0]
        moved, plane = np.abs(found - plane).max(), found
        if moved <= SETTLED * scale:
            break
    fitted: np.ndarray = basis @ plane
    return fitted
