"""Chips of several sizes: converged vectors of each, and at every node the size whose expected error is least.

Large chips average noise, small ones follow shear. Where a large chip differs from the smallest by more than noise explains, the excess is
bias. The squares of bias and error, averaged over a neighbourhood, make the expected error (as Lepski 1991 chooses bandwidths). A large
chip whose texture lies mostly around the smallest one tells of the ground there, not here.

Source: Lepski (1991), Theory of Probability and Its Applications 35, 454–466.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from glaciercast.motion import matching, precision
from glaciercast.motion.matching import Deformed, Lattice, Pair
from glaciercast.motion.outliers import blurred, normalised_residual, stood_in

AROUND = 32.0
"""Standard deviation of the neighbourhood over which bias is averaged, pixels."""
APART = 3.5
"""Standard errors of the smallest chip's vector beyond which that of a larger chip is another motion."""
LEAN = 0.3
"""Share of a larger chip's texture, by area, that the smallest chip has to hold."""
FAINT, DOUBTFUL = 0.05, 4.0
"""Correlation below which, and normalised residual above which, a vector does not lead the next pass."""


@dataclass(frozen=True)
class Estimate:
    """Vectors on a lattice, (node y, node x): displacement and its variance (2: columns, rows), pixels and pixels².

    ``covered``: the chip has enough usable pixels; ``sound``: they determine it and correlate; ``correlation`` at the end; ``last``: how
    far the last pass moved the vector, pixels; ``texture``: mean square of the gradient; ``chip``: the side of the chip, pixels.
    """

    field: np.ndarray
    variance: np.ndarray
    covered: np.ndarray
    sound: np.ndarray
    correlation: np.ndarray
    last: np.ndarray
    texture: np.ndarray
    chip: np.ndarray

    def at(self, every: int) -> Estimate:
        """Return each `every`-th node."""
        return Estimate(*(getattr(self, part.name)[..., ::every, ::every] for part in fields(self)))


def converge(pair: Pair, field: np.ndarray, nodes: Lattice, chip: float, passes: int, min_valid: float) -> tuple[Estimate, Deformed]:
    """Return vectors of chips of side `chip` pixels after some `passes` from `field` on, and the images as the last pass saw them."""
    sigma = matching.sigma_of(chip)
    whole = float(matching.window(sigma).sum()) ** 2
    moved = field
    for left in range(passes - 1, -1, -1):
        images = matching.deform(pair, field, nodes)
        total = matching.sums(images, nodes, sigma)
        taken, sound = matching.step(total)
        correlation = matching.correlation(total)
        covered = total[..., 0] >= min_valid * whole
        sound &= covered & (correlation > FAINT)
        before, moved = moved, field + taken
        if left:
            field = smoothed(_without_outliers(moved, sound), precision.SMOOTHING * sigma / nodes.step)
    found = precision.variance(images, nodes, total, sigma, passes)
    texture = (total[..., 1] + total[..., 2]) / np.maximum(total[..., 0], 1)
    size = np.full(nodes.shape, chip, "float32")
    return Estimate(moved, found, covered, sound, correlation, np.hypot(*(moved - before)), texture, size), images


def led(estimate: Estimate) -> np.ndarray:
    """Return the field of an estimate (2, node y, node x) as it may deform images: without outliers and gaps."""
    return smoothed(_without_outliers(estimate.field, estimate.sound), 1.0)


def _without_outliers(field: np.ndarray, sound: np.ndarray) -> np.ndarray:
    return stood_in(field, sound & ~(normalised_residual(field[0], field[1], sound) > DOUBTFUL))


def smoothed(field: np.ndarray, sigma: float) -> np.ndarray:
    """Return a field (2, node y, node x) smoothed by a Gaussian of `sigma` nodes."""
    return np.stack([blurred(component, sigma) for component in field])


def best(estimates: list[Estimate], nodes: Lattice) -> Estimate:
    """Return at every node the estimate of least expected error; the first has the smallest chips. Variances include the bias."""
    if len(estimates) == 1:
        return estimates[0]
    smallest = estimates[0]
    around = AROUND / nodes.step
    expected, variances = [], []
    for one in estimates:
        both = one.sound & smallest.sound
        noise0, noise1 = (np.where(both, variance.sum(0), 0) for variance in (smallest.variance, one.variance))
        apart = np.where(both, np.square(one.field - smallest.field).sum(0), 0)
        share = np.maximum(blurred(both, around), 1e-3)
        bias = np.maximum(blurred(apart - noise0 + noise1, around) / share, 0) if one is not smallest else np.zeros(nodes.shape)
        noise = blurred(noise1, around) / share
        other = (both & (apart > APART**2 * noise0)) | (smallest.texture < LEAN * one.texture)
        expected.append(np.where(one.sound & ~other, noise + bias, np.inf))
        variances.append(one.variance + bias / 2)
    choice = np.argmin(expected, axis=0)

    def chosen(layers: list[np.ndarray]) -> np.ndarray:
        stack = np.stack(layers)
        return np.asarray(np.take_along_axis(stack, np.broadcast_to(choice, (1, *stack.shape[1:])), 0)[0])

    return Estimate(
        chosen([one.field for one in estimates]),
        chosen(variances),
        np.any([one.covered for one in estimates], axis=0),
        chosen([one.sound for one in estimates]),
        chosen([one.correlation for one in estimates]),
        chosen([one.last for one in estimates]),
        chosen([one.texture for one in estimates]),
        chosen([one.chip for one in estimates]),
    )
