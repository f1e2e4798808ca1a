"""Whether a forecast knows its error: spread over error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from glaciercast.stats.probabilistic import mean_of
from glaciercast.stats.sums import Sums, check_finite


@dataclass(frozen=True)
class SpreadSums(Sums):
    """Whether a forecast knows its error: Σw, Σ w · variance and Σ w · squared error of the mean, float64 (forecast, lead)."""

    weight: np.ndarray
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
        error = float(mean_of(self.squared, self.weight, lead))
        return math.sqrt(float(mean_of(self.variance, self.weight, lead)) / error) if error > 0 else float("nan")


def _valid(truth: np.ndarray, weight: np.ndarray, forecast: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weight, truth and forecast (…, pixels) as float64, all 0 where nothing is scored."""
    valid = (weight > 0) & ~np.isnan(truth)
    check_finite(forecast, valid)
    w, y, f = (np.where(valid, values, 0).astype("float64") for values in (weight, truth, forecast))
    return w, y, f


def _over_pixels(values: np.ndarray) -> np.ndarray:
    """Return the sums of (forecast, lead, …) over all but the first two axes."""
    sums: np.ndarray = values.sum(axis=tuple(range(2, values.ndim)))
    return sums
