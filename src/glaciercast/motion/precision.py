"""The error of a vector: from how much the pull of its own pixels scatters, and what smoothing between passes does to it.

A step of least-squares matching is a weighted mean of g·d, gradient times difference. Its variance is estimated from sums of g·d over small
blocks, which scatter independently though neighbouring pixels do not (a sandwich estimator, clustered by blocks; White 1980). Passes feed
back: with W the response of a chip and S that of the smoothing in between, the response H to noise goes from W to W + S (1 − W) H a pass.

Source: White (1980), Econometrica 48, 817–838.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from glaciercast.motion import matching
from glaciercast.motion.matching import Deformed, Lattice
from glaciercast.motion.outliers import blurred

BLOCK = 8
"""Side of the blocks, pixels: longer than texture and noise hang together after whitening."""
LEVERAGE = 5 / 12
"""Share of the scatter of one block that the fit takes away, with all the weight in one: (2 Σw³ − (Σw²)²/Σw)/Σw² of Gaussian weights."""
SMOOTHING = 0.8
"""Standard deviation of the smoothing between passes over that of the chip's weights."""


def variance(images: Deformed, nodes: Lattice, total: np.ndarray, sigma: float, passes: int) -> np.ndarray:
    """Return the variance of converged vectors, pixels², (2: columns, rows; node y, node x); inf where not determined.

    Parameters
    ----------
    images
        Both images, deformed by the converged field.
    total
        Sums of the chips (`matching.sums`).
    sigma
        Standard deviation of the chips' weights, pixels.
    passes
        How many steps there were.
    """
    scores = matching.block_scores(images, BLOCK).astype("float64")
    down, across = (_weights(places, scores.shape[axis], sigma) for axis, places in enumerate((nodes.rows, nodes.columns)))
    x, y = scores[..., 0], scores[..., 1]
    xx, yy, xy = (blurred(down @ product @ across.T, sigma / nodes.step) for product in (x * x, y * y, x * y))
    matrix, sound = matching.inverse(total)
    a, b, c = matrix
    found = np.stack([a * a * xx + 2 * a * c * xy + c * c * yy, c * c * xx + 2 * b * c * xy + b * b * yy])
    spread = inflation(passes)
    fitted = min(LEVERAGE * spread * BLOCK**2 / (np.pi * sigma**2), 0.5)
    return np.where(sound, found * (spread / (1 - fitted)), np.inf)


def inflation(passes: int) -> float:
    """Return how much larger the variance of a vector is after some `passes` than that of one step from a known field.

    `SMOOTHING` lies between passes; the field that they start from is as noisy as a step.
    """
    omega = np.linspace(0, 6, 600)  # in units of 1/σ
    chip, smooth = np.exp(-0.5 * omega**2), np.exp(-0.5 * (SMOOTHING * omega) ** 2)
    ended = chip
    for _ in range(passes):
        ended = chip + smooth * (1 - chip) * ended
    return float((ended**2 * omega).sum() / (chip**2 * omega).sum())


def _weights(places: np.ndarray, blocks: int, sigma: float) -> csr_array:
    """Return the squared weight of each block in the chip at each of `places`, along one axis, (place, block); few are not 0."""
    centres = BLOCK * np.arange(blocks) + (BLOCK - 1) / 2
    apart = (centres - places[:, None]) / sigma
    return csr_array(np.where(abs(apart) <= matching.REACH, np.exp(-0.5 * apart**2) ** 2, 0))
