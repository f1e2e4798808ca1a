"""Scores of probabilistic forecasts: CRPS, pinball loss, coverage, reliability, spread over error; parts merge as in `scores`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from scipy.special import erf, ndtri

from glaciercast.errors import GlaciercastError, InputError


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
    normal = ndtri(np.asarray(levels, "float64"))
    normal -= normal.mean()
    variance: np.ndarray = np.tensordot(normal / (normal**2).sum(), quantiles, axes=1) ** 2
    return variance


@dataclass(frozen=True)
class _Sums:
    """Weighted sums, one row a forecast and one column a lead time."""

    weight: np.ndarray

    def __add__(self, other: Self) -> Self:
        """Merge the forecasts of two parts (rows are appended)."""
        pairs = ((item.name, getattr(self, item.name), getattr(other, item.name)) for item in fields(self))
        return type(self)(**{name: ours if name == "levels" else np.concatenate([ours, theirs]) for name, ours, theirs in pairs})

    def to_json(self) -> dict[str, Any]:
        """Return plain lists."""
        return {item.name: np.asarray(getattr(self, item.name)).tolist() for item in fields(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return the sums that `to_json` wrote."""
        values: dict[str, Any] = {key: tuple(value) if key == "levels" else np.array(value, "float64") for key, value in data.items()}
        return cls(**values)

    def _mean(self, sums: np.ndarray, lead: int | None) -> np.ndarray:
        """Return the weighted mean of sums (forecast, lead, …) at one lead (0-based) or at all; NaN where nothing is valid."""
        pick = slice(None) if lead is None else slice(lead, lead + 1)
        weight, total = self.weight[:, pick].sum(), sums[:, pick].sum(axis=(0, 1))
        mean: np.ndarray = total / weight if weight > 0 else np.full_like(total, np.nan)
        return mean


@dataclass(frozen=True)
class QuantileSums(_Sums):
    """What quantile forecasts are scored by.

    Attributes
    ----------
    weight
        Σw over valid pixels, float64 (forecast, lead).
    levels
        Of the quantiles, ascending.
    pinball, below
        Σ w · pinball loss, and Σ w of the truths below the quantile (ties count half), float64 (forecast, lead, level).
    inside, width
        Σ w of the truths inside each central interval, ends included, and Σ w · its width, float64 (forecast, lead, interval), outermost
        first; intervals lie between the levels at equal distance from both ends of `levels`.
    """

    levels: tuple[float, ...]
    pinball: np.ndarray
    below: np.ndarray
    inside: np.ndarray
    width: np.ndarray

    @classmethod
    def of(cls, quantiles: np.ndarray, levels: Sequence[float], truth: np.ndarray, weight: np.ndarray) -> QuantileSums:
        """Return the sums of quantiles (level, forecast, lead, …) against `truth` (forecast, lead, …).

        Pixels of weight 0 or without truth don't count.

        Raises
        ------
        GlaciercastError
            If a quantile is not finite where it has to be scored: a model may not choose its pixels.
        """
        w, y, q = _valid(truth, weight, quantiles)
        central = list(zip(q, q[::-1], strict=True))[: len(levels) // 2]

        def summed(values: Iterable[np.ndarray]) -> np.ndarray:
            return np.stack([_over_pixels(w * value) for value in values], axis=-1)

        return cls(
            weight=_over_pixels(w),
            levels=tuple(levels),
            pinball=summed(pinball(one[None], [level], y)[0] for one, level in zip(q, levels, strict=True)),
            below=summed((y < one) + 0.5 * (y == one) for one in q),
            inside=summed((low <= y) & (y <= high) for low, high in central),
            width=summed(high - low for low, high in central),
        )

    @property
    def crps(self) -> np.ndarray:
        """Σ w · CRPS as `crps_quantiles` approximates it, float64 (forecast, lead)."""
        sums: np.ndarray = 2 * self.pinball @ level_weights(self.levels)
        return sums

    def mean_crps(self, lead: int | None = None) -> float:
        """Return the mean CRPS over all forecasts, at one lead (0-based) or at all; NaN where nothing is valid."""
        return float(self._mean(self.crps, lead))

    def reliability(self, lead: int | None = None) -> np.ndarray:
        """Return the share of truths below the quantile of each level, (level,): of a reliable forecast, the level itself."""
        return self._mean(self.below, lead)

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
        return dict(zip(self._nominal(), self._mean(self.inside, lead).tolist(), strict=True))

    def mean_width(self, lead: int | None = None) -> dict[float, float]:
        """Return the nominal coverage of each central interval → its mean width, in the unit of the truth."""
        return dict(zip(self._nominal(), self._mean(self.width, lead).tolist(), strict=True))

    def _nominal(self) -> list[float]:
        return [round(self.levels[-1 - number] - self.levels[number], 9) for number in range(len(self.levels) // 2)]


@dataclass(frozen=True)
class SpreadSums(_Sums):
    """Whether a forecast knows its error: Σw, Σ w · variance and Σ w · squared error of the mean, float64 (forecast, lead)."""

    variance: np.ndarray
    squared: np.ndarray

    @classmethod
    def of(cls, mean: np.ndarray, variance: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> SpreadSums:
        """Return the sums of forecasts (forecast, lead, …) with a variance each, as `QuantileSums.of`."""
        w, y, forecast = _valid(truth, weight, np.stack([mean, variance]))
        return cls(_over_pixels(w), _over_pixels(w * forecast[1]), _over_pixels(w * (forecast[0] - y) ** 2))

    @classmethod
    def of_members(cls, members: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> SpreadSums:
        """Return the sums of ensembles (M, forecast, lead, …).

        Their variance is enlarged by (M + 1)/M, as the mean of M members errs more than that of
        infinitely many (Fortin et al. 2014, Journal of Hydrometeorology 15).
        """
        count = len(members)
        return cls.of(members.mean(axis=0), members.var(axis=0, ddof=1) * (count + 1) / count, truth, weight)

    def ratio(self, lead: int | None = None) -> float:
        """Return spread over error, √(mean variance / mean squared error): 1 reliable, below 1 too sure of itself."""
        error = float(self._mean(self.squared, lead))
        return math.sqrt(float(self._mean(self.variance, lead)) / error) if error > 0 else float("nan")


def _valid(truth: np.ndarray, weight: np.ndarray, forecast: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weight, truth and forecast (…, pixels) as float64, all 0 where nothing is scored."""
    valid = (weight > 0) & ~np.isnan(truth)
    wrong = np.count_nonzero(~np.isfinite(forecast[:, valid]))
    if wrong:
        raise GlaciercastError(f"{wrong} forecast values are not finite where they are scored")
    w, y, f = (np.where(valid, values, 0).astype("float64") for values in (weight, truth, forecast))
    return w, y, f


def _over_pixels(values: np.ndarray) -> np.ndarray:
    """Return the sums of (forecast, lead, …) over all but the first two axes."""
    sums: np.ndarray = values.sum(axis=tuple(range(2, values.ndim)))
    return sums
