"""Scores of probabilistic forecasts: CRPS, pinball loss, coverage, reliability; parts merge as in `scores`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import erf, ndtri

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.stats.sums import Sums


def pinball(quantiles: np.ndarray, levels: Sequence[float], truth: np.ndarray) -> np.ndarray:
    """Return the pinball loss of quantiles (level, …) against `truth` (…), max(τ(y − q), (τ − 1)(y − q)) (Koenker & Bassett 1978)."""
    error = truth - quantiles
    level = np.asarray(levels, "float64").reshape(-1, *[1] * truth.ndim)
    loss: np.ndarray = np.maximum(level * error, (level - 1) * error)
    return loss


def level_weights(levels: Sequence[float]) -> np.ndarray:
    """Return the share of (0, 1) that each level stands for, float64 (level,): up to half-way to its neighbours; they add up to 1."""
    inner = (np.asarray(levels[1:]) + np.asarray(levels[:-1])) / 2
    weights: np.ndarray = np.diff(np.concatenate([[0.0], inner, [1.0]]))
    return weights


def crps_quantiles(quantiles: np.ndarray, levels: Sequence[float], truth: np.ndarray) -> np.ndarray:
    """Return the CRPS that quantiles (level, …) approximate against `truth` (…), in the unit of the truth.

    CRPS = 2 ∫ pinball(τ) dτ (Gneiting & Ranjan 2011), each level standing for the part of (0, 1) that is nearest to it. For forecasts at
    the same levels the sum is a proper score; against the exact CRPS of a normal distribution, its mean is 2.8 % low at the levels 0.05,
    0.25, 0.5, 0.75, 0.95 and 1.4 % high at 0.05, 0.1 … 0.95. At 0.5 alone it is the absolute error.
    """
    weights = level_weights(levels).reshape(-1, *[1] * truth.ndim)
    crps: np.ndarray = 2 * (weights * pinball(quantiles, levels, truth)).sum(axis=0)
    return crps


def crps_gaussian(mean: np.ndarray, scale: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the CRPS of normal distributions in closed form (Gneiting et al. 2005, eq. 5), in the unit of the truth."""
    z = (truth - mean) / scale
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    crps: np.ndarray = scale * (z * erf(z / math.sqrt(2)) + 2 * density - 1 / math.sqrt(math.pi))
    return crps


def crps_ensemble(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the fair CRPS of ensembles (M, …) against `truth` (…): mean abs(x − y) − Σᵢⱼ abs(xᵢ − xⱼ) / (2M(M − 1)) (Ferro 2014).

    Its expectation is the CRPS of the distribution that the members are drawn from, whatever their number; so it may be negative.

    Raises
    ------
    InputError
        If there are fewer than two members.
    """
    count = len(members)
    if count < 2:
        raise InputError(f"CRPS of an ensemble: expected at least 2 members, found {count}")
    rank = (2 * np.arange(1, count + 1) - count - 1).reshape(-1, *[1] * truth.ndim)
    spread = (rank * np.sort(members, axis=0)).sum(axis=0) / (count * (count - 1))  # Σ over pairs i < j, each once
    crps: np.ndarray = np.abs(members - truth).mean(axis=0) - spread
    return crps


def variance_quantiles(quantiles: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return the variance that quantiles (level, …) suggest: the squared slope of their line against normal quantiles, by least squares.

    Exact for a normal distribution; of others it is that of the normal distribution that is nearest at these levels.

    Raises
    ------
    InputError
        If there are fewer than two levels.
    """
    if len(levels) < 2:
        raise InputError(f"variance of quantiles: expected at least 2 levels, found {len(levels)}")
    variance: np.ndarray = np.tensordot(_slope(levels), quantiles, axes=1) ** 2
    return variance


@dataclass(frozen=True)
class QuantileSums(Sums):
    """What quantile forecasts are scored by.

    Attributes
    ----------
    levels
        Of the quantiles, ascending.
    weight
        Σw over valid pixels, float64 (forecast, lead).
    pinball, below
        Σ w · pinball loss, and Σ w of the truths below the quantile (ties count half), float64 (forecast, lead, level).
    inside, width
        Σ w of the truths inside each central interval, ends included, and Σ w · its width, float64 (forecast, lead, interval), outermost
        first; intervals lie between the levels at equal distance from both ends of `levels`.
    variance
        Σ w · the variance that the quantiles suggest, float64 (forecast, lead); see `variance_quantiles`.
    """

    shared: ClassVar[tuple[str, ...]] = ("levels",)
    levels: tuple[float, ...]
    weight: np.ndarray
    pinball: np.ndarray
    below: np.ndarray
    inside: np.ndarray
    width: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, quantiles: np.ndarray, levels: Sequence[float], truth: np.ndarray, weight: np.ndarray) -> QuantileSums:
        """Return the sums of quantiles (level, forecast, lead, …) against `truth` (forecast, lead, …).

        Pixels of weight 0 or without truth don't count.

        Raises
        ------
        GlaciercastError
            If a quantile is not finite where it has to be scored: a model may not choose its pixels.
        """
        everywhere = np.zeros(truth.shape[2:], "int16")
        return cls.by_stratum(quantiles, levels, truth, weight, everywhere, 1)[0]

    @classmethod
    def by_stratum(
        cls, quantiles: np.ndarray, levels: Sequence[float], truth: np.ndarray, weight: np.ndarray, stratum: np.ndarray, n_strata: int
    ) -> tuple[QuantileSums, np.ndarray]:
        """Return the sums, and Σ w · CRPS by stratum, float64 (forecast, lead, stratum), in one pass over the pixels.

        Parameters
        ----------
        stratum
            0 … `n_strata` − 1, int (…) as the last axes of `truth`; the others as in `of`.
        """
        from glaciercast.stats import tally_kernels as kernels

        n, frames = len(levels), truth.shape[0] * truth.shape[1]
        sums, crps = np.zeros((frames, 2 + 2 * n + 2 * (n // 2))), np.zeros((frames, n_strata))
        wrong = kernels.quantile_frames(
            np.ascontiguousarray(quantiles.reshape(n, frames, -1)), np.asarray(levels, "float64"), level_weights(levels), _slope(levels),
            truth.reshape(frames, -1), weight.reshape(frames, -1), stratum.ravel(), sums, crps,
        )  # fmt: skip
        if wrong:
            raise GlaciercastError(f"{wrong} forecast values are not finite where they are scored")
        columns = np.split(sums.reshape(*truth.shape[:2], -1), np.cumsum([1, n, n, n // 2, n // 2]), axis=2)
        found, pinball, below, inside, width, variance = columns
        return cls(tuple(levels), found[..., 0], pinball, below, inside, width, variance[..., 0]), crps.reshape(*truth.shape[:2], -1)

    @property
    def crps(self) -> np.ndarray:
        """Σ w · CRPS as `crps_quantiles` approximates it, float64 (forecast, lead)."""
        sums: np.ndarray = 2 * self.pinball @ level_weights(self.levels)
        return sums

    def mean_crps(self, lead: int | None = None) -> float:
        """Return the mean CRPS over all forecasts, at one lead (0-based) or at all; NaN where nothing is valid."""
        return float(mean_of(self.crps, self.weight, lead))

    def reliability(self, lead: int | None = None) -> np.ndarray:
        """Return the share of truths below the quantile of each level, (level,): of a reliable forecast, the level itself."""
        return mean_of(self.below, self.weight, lead)

    def pit(self, lead: int | None = None) -> np.ndarray:
        """Return the share of truths between neighbouring quantiles, (level + 1,): the PIT histogram with the levels as its edges.

        Of a reliable forecast it is the difference of the levels; outer bins too full say that forecasts are too narrow (Gneiting et al.
        2007).
        """
        share = self.reliability(lead)
        histogram: np.ndarray = np.diff(np.concatenate([[0.0], share, [1.0]]))
        return histogram

    def coverage(self, lead: int | None = None) -> dict[float, float]:
        """Return the nominal coverage of each central interval → the share of truths in it."""
        return dict(zip(self._nominal(), mean_of(self.inside, self.weight, lead).tolist(), strict=True))

    def mean_width(self, lead: int | None = None) -> dict[float, float]:
        """Return the nominal coverage of each central interval → its mean width, in the unit of the truth."""
        return dict(zip(self._nominal(), mean_of(self.width, self.weight, lead).tolist(), strict=True))

    def spread(self, lead: int | None = None) -> float:
        """Return the root of the mean variance, in the unit of the truth: of a reliable forecast, the root of its mean squared error."""
        return float(np.sqrt(mean_of(self.variance, self.weight, lead)))

    def _nominal(self) -> list[float]:
        return [round(self.levels[-1 - number] - self.levels[number], 9) for number in range(len(self.levels) // 2)]


def _slope(levels: Sequence[float]) -> np.ndarray:
    """Return by what quantiles are multiplied so that they sum to the slope of their line against normal quantiles, (level,)."""
    normal = ndtri(np.asarray(levels, "float64"))
    normal -= normal.mean()
    slope: np.ndarray = normal / max((normal**2).sum(), np.finfo(float).tiny)  # a single level has none
    return slope


def mean_of(sums: np.ndarray, weight: np.ndarray, lead: int | None) -> np.ndarray:
    """Return the weighted mean of sums (forecast, lead, …) at one lead (0-based) or at all; NaN where nothing is valid."""
    pick = slice(None) if lead is None else slice(lead, lead + 1)
    all_weight, total = weight[:, pick].sum(), sums[:, pick].sum(axis=(0, 1))
    mean: np.ndarray = total / all_weight if all_weight > 0 else np.full_like(total, np.nan)
    return mean
