"""Whether a forecast looks like the truth: structural similarity, and the fractions of snow in neighbourhoods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from glaciercast.stats.sums import Sums, check_finite, over_leads, ratio
from glaciercast.stats.tally import SNOW

WINDOW = 7
"""Side of the windows of SSIM in pixels, scikit-image's default."""
SIDES = (5, 15, 45)
"""Sides of the neighbourhoods of FSS in pixels; with a side of 1 it is the F1 score."""


@dataclass(frozen=True)
class SimilaritySums(Sums):
    """Σ SSIM over windows, and their number, float64 (forecast, lead)."""

    similarity: np.ndarray
    windows: np.ndarray

    @classmethod
    def of(cls, forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray, extent: float) -> SimilaritySums:
        """Return the sums of forecasts (forecast, lead, y, x) of a variable whose values span `extent`.

        SSIM = (2 μx μy + C₁)(2 σxy + C₂) / ((μx² + μy² + C₁)(σx² + σy² + C₂)) with C₁ = (0.01 · extent)² and C₂ = (0.03 · extent)² in
        square windows that lie wholly inside the scene, with sample (co)variances. Means and (co)variances are those of a window's observed
        pixels; a window counts if at least half of its pixels are observed. Where all are, this is scikit-image's
        ``structural_similarity`` with its defaults.

        References
        ----------
        Wang, Bovik, Sheikh & Simoncelli (2004): image quality assessment, IEEE Transactions on Image Processing 13(4), eq. 13.
        """
        from glaciercast.stats import structure_kernels as kernels

        check_finite(forecast, (weight > 0) & ~np.isnan(truth))
        forecast, truth, weight = (np.ascontiguousarray(each) for each in (forecast, truth, weight))  # so that sums have one order
        found = np.zeros((2, *truth.shape[:2]))
        for at in np.ndindex(truth.shape[:2]):
            found[:, *at] = kernels.similarity(
                forecast[at], truth[at], weight[at], WINDOW, (WINDOW**2 + 1) // 2, (0.01 * extent) ** 2, (0.03 * extent) ** 2
            )
        return cls(*found)

    def ssim(self, lead: int | None = None) -> np.ndarray:
        """Return the mean SSIM of each row, (forecast,), at one lead (0-based) or over all; 1 is equal, NaN where no window counts."""
        return ratio(over_leads(self.similarity, lead), over_leads(self.windows, lead))


@dataclass(frozen=True)
class FractionSums(Sums):
    """What the fractions skill score is made of, float64 (forecast, lead, side): Σ(P − O)² and Σ(P² + O²) over neighbourhoods.

    Attributes
    ----------
    sides
        Sides of the neighbourhoods in pixels.
    """

    shared: ClassVar[tuple[str, ...]] = ("sides",)
    sides: tuple[int, ...]
    different: np.ndarray
    worst: np.ndarray

    @classmethod
    def of(cls, forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray, sides: tuple[int, ...] = SIDES) -> FractionSums:
        """Return the sums of forecasts (forecast, lead, y, x) of NDSI.

        P and O are the shares of a neighbourhood's observed pixels that are snow (NDSI ≥ 0.3) in the forecast and in the truth.
        Neighbourhoods lie wholly inside the scene, and at least half of their pixels are observed; sides larger than the scene have none.
        """
        from glaciercast.stats import structure_kernels as kernels

        check_finite(forecast, (weight > 0) & ~np.isnan(truth))
        found = np.zeros((2, *truth.shape[:2], len(sides)))
        for at in np.ndindex(truth.shape[:2]):
            table = kernels.tables(forecast[at], truth[at], weight[at], SNOW)
            for number, side in enumerate(sides):
                found[:, *at, number] = kernels.fractions(table, side)
        return cls(sides, *found)

    def fss(self, lead: int | None = None) -> np.ndarray:
        """Return 1 − Σ(P − O)² / Σ(P² + O²) of each row, (forecast, side), at one lead (0-based) or over all; NaN where neither has snow.

        1 is perfect, 0 no overlap; a scale is of use from 0.5 + half the share of snow.

        References
        ----------
        Roberts & Lean (2008): scale-selective verification of rainfall accumulations, Monthly Weather Review 136, eqs. 5 to 8.
        """
        return 1 - ratio(over_leads(self.different, lead), over_leads(self.worst, lead))
