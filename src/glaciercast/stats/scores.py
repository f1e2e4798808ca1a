"""Errors as mergeable sums: adding up parts gives exactly what one pass over everything gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.stats.sums import Sums, check_finite


@dataclass(frozen=True)
class ErrorSums(Sums):
    """Weighted sums of errors e = forecast − truth, one row a forecast and one column a lead time.

    Attributes
    ----------
    weight, squared, absolute, signed
        Sums of w, w·e², w·abs(e) and w·e over valid pixels, float64 (forecast, lead).
    """

    weight: np.ndarray
    squared: np.ndarray
    absolute: np.ndarray
    signed: np.ndarray

    @classmethod
    def of(cls, forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> ErrorSums:
        """Return the sums of forecasts (forecast, lead, …) against `truth`; pixels of weight 0 or without truth don't count.

        Raises
        ------
        GlaciercastError
            If a forecast is not finite where it has to be scored: a model may not choose its pixels.
        """
        valid = (weight > 0) & ~np.isnan(truth)
        check_finite(forecast, valid)
        error = np.where(valid, forecast - truth, 0).astype("float64")
        w = np.where(valid, weight, 0).astype("float64")
        rest = tuple(range(2, error.ndim))
        return cls(w.sum(rest), (w * error**2).sum(rest), (w * np.abs(error)).sum(rest), (w * error).sum(rest))

    def mse(self, lead: int | None = None) -> float:
        """Return the mean squared error, Σw·e²/Σw, over all forecasts, at one lead (0-based) or at all; NaN where nothing is valid."""
        return self._mean(self.squared, lead)

    def mae(self, lead: int | None = None) -> float:
        """Return the mean absolute error, Σw·abs(e)/Σw, as `mse`."""
        return self._mean(self.absolute, lead)

    def bias(self, lead: int | None = None) -> float:
        """Return the mean error, Σw·e/Σw, as `mse`: above 0 where forecasts are too high."""
        return self._mean(self.signed, lead)

    def _mean(self, sums: np.ndarray, lead: int | None) -> float:
        pick = slice(None) if lead is None else lead
        weight = self.weight[:, pick].sum()
        return float(sums[:, pick].sum() / weight) if weight > 0 else float("nan")


def skill(mse: float, reference: float) -> float:
    """Return 1 − MSE/MSE(reference): 1 perfect, 0 no better than the reference, negative worse (Murphy 1988)."""
    return 1 - mse / reference if reference > 0 else float("nan")
