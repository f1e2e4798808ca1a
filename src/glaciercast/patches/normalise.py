"""Mean and standard deviation of the training frames, from observed values only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.errors import InputError

CONSTANT = 1e-7
"""A standard deviation below this share of the mean is the rounding of float32, not variation."""


@dataclass(frozen=True)
class Stats:
    """What brings each variable to mean 0 and standard deviation 1; float32 (V,) each."""

    mean: np.ndarray
    std: np.ndarray


def fit(values: np.ndarray, observed: np.ndarray) -> Stats:
    """Return the mean and standard deviation of frames (step, variable, y, x), weighted by the observed fraction.

    Raises
    ------
    InputError
        If nothing of a variable was observed, a value is infinite, or it does not vary.
    """
    total, first = _sums(values, observed, np.zeros(values.shape[1]), 1)
    if not (total > 0).all():
        raise InputError("the training part holds no observed value of a variable; it cannot be normalised")
    mean = first / total
    if not np.isfinite(mean).all():
        raise InputError("a variable has an infinite value in the training part; it cannot be normalised")
    std = np.sqrt(_sums(values, observed, mean, 2)[1] / total)
    if not (std > CONSTANT * np.abs(mean)).all():
        raise InputError("a variable has one and the same value in the whole training part; it cannot be normalised")
    return Stats(mean.astype("float32"), std.astype("float32"))


def _sums(values: np.ndarray, observed: np.ndarray, centre: np.ndarray, power: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums of the weights and of weight · (value − centre)^power, float64 (V,); frame by frame, so that memory stays small."""
    total, moment = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for frame, fraction in zip(values, observed, strict=True):
        seen = ~np.isnan(frame) & (fraction > 0)
        weight = np.where(seen, fraction, 0).astype("float64")
        total += weight.sum((1, 2))
        moment += (weight * np.where(seen, frame - centre[:, None, None], 0) ** power).sum((1, 2))
    return total, moment
