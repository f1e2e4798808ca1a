"""Errors and the snow mask by stratum: where the ice is, how high a pixel lies, and in which month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from glaciercast.errors import GlaciercastError
from glaciercast.stats.scores import ErrorSums
from glaciercast.stats.sums import Sums, over_leads, ratio

SNOW = 0.3
"""NDSI from which a pixel is snow in all scores."""

Label = tuple[str, int | None]
"""A stratum: ``ice``, ``outside`` or ``anywhere``, and the lower edge of its elevation zone in m (None: elevation unknown)."""


@dataclass(frozen=True)
class StratumSums(Sums):
    """What pixels are scored by, float64 (forecast, lead, stratum); a stratum is one of `labels`.

    Attributes
    ----------
    labels
        Strata, in the order of the last axis.
    month
        Calendar month of each target, 1 … 12, (forecast, lead); it means nothing where rows were added up.
    weight, squared, absolute, signed
        As in `ErrorSums`.
    hits, misses, false_alarms, rejections
        Pixels with a truth: snow in both; in the truth alone; in the forecast alone; in neither. They count whole, whatever their observed
        fraction, so that they are areas.
    crps
        Σ w · CRPS of stated quantiles; 0 where none are stated.
    """

    shared: ClassVar[tuple[str, ...]] = ("labels",)
    labels: tuple[Label, ...]
    month: np.ndarray
    weight: np.ndarray
    squared: np.ndarray
    absolute: np.ndarray
    signed: np.ndarray
    hits: np.ndarray
    misses: np.ndarray
    false_alarms: np.ndarray
    rejections: np.ndarray
    crps: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[StratumSums]) -> StratumSums:
        """Merge the forecasts of at least one part, in order; strata that a part lacks, as another glacier has them, are empty there."""
        labels = tuple(dict.fromkeys(label for part in parts for label in part.labels))
        return super().joined([part if part.labels == labels else part._among(labels) for part in parts])

    def within(self, chosen: Callable[[Label], bool]) -> StratumSums:
        """Return the same with the strata that are not chosen left out."""
        kept = np.array([number for number, label in enumerate(self.labels) if chosen(label)], "int64")
        arrays = {name: getattr(self, name)[..., kept] for name in self._summed() if name != "month"}
        return StratumSums(labels=tuple(self.labels[number] for number in kept), month=self.month, **arrays)

    def in_month(self, month: int) -> StratumSums:
        """Return the same with nothing in it but targets of one calendar month, 1 … 12."""
        return self.at_leads(self.month == month)

    def errors(self) -> ErrorSums:
        """Return the errors over all strata."""
        return ErrorSums(*(getattr(self, name).sum(axis=2) for name in ("weight", "squared", "absolute", "signed")))

    def mse(self, lead: int | None = None) -> np.ndarray:
        """Return Σw·e²/Σw of each row, (forecast,), at one lead (0-based) or over all; NaN where nothing was observed."""
        return self._quotient("squared", "weight", lead)

    def mae(self, lead: int | None = None) -> np.ndarray:
        """Return Σw·abs(e)/Σw, as `mse`."""
        return self._quotient("absolute", "weight", lead)

    def bias(self, lead: int | None = None) -> np.ndarray:
        """Return Σw·e/Σw, as `mse`."""
        return self._quotient("signed", "weight", lead)

    def mean_crps(self, lead: int | None = None) -> np.ndarray:
        """Return the mean CRPS of the stated quantiles, as `mse`."""
        return self._quotient("crps", "weight", lead)

    def iou(self, lead: int | None = None) -> np.ndarray:
        """Return the intersection of the snow masks over their union, hits / (hits + misses + false alarms), as `mse` (Jaccard 1912).

        Also the critical success index; NaN where neither has snow.
        """
        hits, misses, alarms = self._mask(lead)
        return ratio(hits, hits + misses + alarms)

    def f1(self, lead: int | None = None) -> np.ndarray:
        """Return 2 · hits / (2 · hits + misses + false alarms), as `iou` (Dice 1945)."""
        hits, misses, alarms = self._mask(lead)
        return ratio(2 * hits, 2 * hits + misses + alarms)

    def _among(self, labels: tuple[Label, ...]) -> StratumSums:
        """Return the same with more strata, which are empty."""
        places = [labels.index(label) for label in self.labels]
        arrays = {name: np.zeros((*self.month.shape, len(labels))) for name in self._summed() if name != "month"}
        for name, values in arrays.items():
            values[..., places] = getattr(self, name)
        return StratumSums(labels=labels, month=self.month, **arrays)

    def _mask(self, lead: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._sum("hits", lead), self._sum("misses", lead), self._sum("false_alarms", lead)

    def _quotient(self, above: str, below: str, lead: int | None) -> np.ndarray:
        return ratio(self._sum(above, lead), self._sum(below, lead))

    def _sum(self, name: str, lead: int | None) -> np.ndarray:
        over: np.ndarray = over_leads(getattr(self, name), lead).sum(axis=-1)
        return over


def tally(
    forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray, stratum: np.ndarray, labels: tuple[Label, ...], month: np.ndarray,
    snow: bool = True, crps: np.ndarray | None = None,
) -> StratumSums:  # fmt: skip
    """Return the sums of forecasts by stratum, in one pass over their pixels.

    Parameters
    ----------
    forecast, truth, weight
        (forecast, lead, y, x); pixels of weight 0 or without truth don't count.
    stratum
        Index of each pixel's stratum in `labels`, int (y, x).
    month
        Calendar month of each target, int (forecast, lead).
    snow
        Whether values are NDSI, so that there is a snow mask.
    crps
        Σ w · CRPS, (forecast, lead, stratum), of forecasts that state quantiles.

    Raises
    ------
    GlaciercastError
        If a forecast is not finite where it has to be scored.
    """
    from glaciercast.stats import tally_kernels as kernels

    shape = (*truth.shape[:2], len(labels))
    errors, mask = np.zeros((*shape, kernels.ERRORS)), np.zeros((*shape, kernels.SNOW))
    threshold, wrong = SNOW if snow else float("nan"), 0
    for at in np.ndindex(truth.shape[:2]):
        wrong += kernels.frame(forecast[at], truth[at], weight[at], stratum, threshold, errors[at], mask[at])
    if wrong:
        raise GlaciercastError(f"{wrong} forecast values are not finite where they are scored")
    return StratumSums(
        labels, month.astype("float64"),
        errors[..., 0], errors[..., 1], errors[..., 2], errors[..., 3],
        mask[..., 0], mask[..., 1], mask[..., 2], mask[..., 3],
        np.zeros(shape) if crps is None else crps,
    )  # fmt: skip
