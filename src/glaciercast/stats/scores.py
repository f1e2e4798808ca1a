"""Errors as mergeable sums: adding up parts gives exactly what one pass over everything gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from glaciercast.errors import GlaciercastError


@dataclass(frozen=True)
class ErrorSums:
    """Weighted sums of errors, one row a forecast and one column a lead time.

    Attributes
    ----------
    weight, squared, absolute
        Sums of w, w·e² and the absolute w·e over valid pixels, float64 (forecast, lead).
    """

    weight: np.ndarray
    squared: np.ndarray
    absolute: np.ndarray

    @classmethod
    def of(cls, forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> ErrorSums:
        """Return the sums of forecasts (forecast, lead, …) against `truth`; pixels of weight 0 or without truth don't count.

        Raises
        ------
        GlaciercastError
            If a forecast is not finite where it has to be scored: a model may not choose its pixels.
        """
        valid = (weight > 0) & ~np.isnan(truth)
        if not np.isfinite(forecast[valid]).all():
            raise GlaciercastError(
                f"{np.count_nonzero(~np.isfinite(forecast[valid]))} forecast values are not finite where they are scored"
            )
        error = np.where(valid, forecast - truth, 0).astype("float64")
        w = np.where(valid, weight, 0).astype("float64")
        rest = tuple(range(2, error.ndim))
        return cls(w.sum(rest), (w * error**2).sum(rest), (w * np.abs(error)).sum(rest))

    def __add__(self, other: ErrorSums) -> ErrorSums:
        """Merge the forecasts of two parts (rows are appended)."""
        pairs = zip(self._arrays(), other._arrays(), strict=True)
        return ErrorSums(*(np.concatenate(pair) for pair in pairs))

    def mse(self, lead: int | None = None) -> float:
        """Return the mean squared error over all forecasts, at one lead (0-based) or at all; NaN where nothing is valid."""
        return self._ratio(self.squared, lead)

    def mae(self, lead: int | None = None) -> float:
        """Return the mean absolute error, as `mse`."""
        return self._ratio(self.absolute, lead)

    def to_json(self) -> dict[str, Any]:
        """Return plain lists."""
        return {"weight": self.weight.tolist(), "squared": self.squared.tolist(), "absolute": self.absolute.tolist()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ErrorSums:
        """Return the sums that `to_json` wrote."""
        return cls(*(np.array(data[key], dtype="float64") for key in ("weight", "squared", "absolute")))

    def _ratio(self, sums: np.ndarray, lead: int | None) -> float:
        pick = slice(None) if lead is None else lead
        weight = self.weight[:, pick].sum()
        return float(sums[:, pick].sum() / weight) if weight > 0 else float("nan")

    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.weight, self.squared, self.absolute


def skill(mse: float, reference: float) -> float:
    """Return 1 − MSE/MSE(reference): 1 perfect, 0 no better than the reference, negative worse (Murphy 1988)."""
    return 1 - mse / reference if reference > 0 else float("nan")
