"""Image pairs → a regular series of velocity, by weighted, robust, smoothed inversion of each pixel.

A pair observes the mean velocity between its two dates. Velocity is linear in time between the edges of the steps, where it is x; with A
of what each pair sees of x (`network.Network`), x minimises::

    Σ ρ(|vₙ − (A x)ₙ| / (s σₙ)) + Σ λ/s² (x[k+1] − x[k])² / Δt[k]

the latter over the components along and across the pixel's median flow: Tikhonov's regularisation of order 1, λ ∫ (dv/dt)² dt. The series
is the mean of each step.

- **ρ** is Tukey's biweight of the length of the residual vector (tuning 5.12: 95 % efficient in two dimensions), reached by reweighted
  least squares from Huber's (1.5), whose minimum is unique. A pair weighs the same for both components, so that the series does not
  depend on the axes of the grid. *s* is the median length over 1.177 (that of a Gaussian vector) and √(1 − p/n), as the fit used up p
  degrees of freedom of n.
- **λ** is chosen for each pixel by generalised cross-validation, a degree of freedom counting 1.4 (Kim & Gu, 2004), one along the flow,
  where ice speeds up and slows down, and one across it, where little changes; or it follows from the change in a year that is
  expected: λ = 1/τ².
- **The error** is s √(diag (AᵀWA + λL)⁻¹), times what the biweight loses: the spread of the posterior under the smoothing as a prior
  (Wahba, 1983), with the least λ that cross-validation can't tell from the best (n log score higher by 2.25), so that what is smoothed
  away counts, and with what the history may do between two edges and no pair resolves. Errors hold for histories that change as the
  prior does. They are too large for smoother ones, and too small where a season lies wholly below the noise: it is smoothed away unseen.
  Pairs count as independent; those that share an image are not, and what all pairs have in common the error cannot know.
- The normal matrix is banded: the band is as wide as the longest pair. Its factor, and the band of its inverse, cost steps × width².

References
----------
Beaton & Tukey (1974), Technometrics 16, 147; Holland & Welsch (1977), Commun. Stat. A6, 813; Wahba (1983), J. R. Stat. Soc. B 45, 133;
Kim & Gu (2004), J. R. Stat. Soc. B 66, 337; Charrier et al. (2022), IEEE TGRS 60 (inversion of pairs of ITS_LIVE).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from glaciercast.config import Config
from glaciercast.errors import InputError
from glaciercast.motion.network import Network, network

PIXELS = 64
"""That a thread takes at once."""


class InversionConfig(Config):
    """How pairs become a regular series."""

    cadence: str = Field(default="MS", description="pandas frequency of the steps, such as MS (months) or 16D")
    min_span_days: float = Field(default=0.0, ge=0, description="shorter pairs are left out")
    max_span_days: float = Field(default=128.0, gt=0, description="longer pairs are left out: over them fast ice does not match any more")
    robust: bool = Field(default=True, description="weigh pairs down that lie off (Huber's, then Tukey's influence function)")
    yearly_change: float | None = Field(
        default=None, gt=0, description="change of velocity over a year to expect, m/yr; null: cross-validation chooses in each pixel"
    )
    least_error: float = Field(default=0.5, gt=0, description="m/yr; no pair's error counts as less")
    min_observations: int = Field(default=30, ge=3, description="pixels with fewer pairs have no series")

    @model_validator(mode="after")
    def _ordered(self) -> InversionConfig:
        if self.min_span_days > self.max_span_days:
            raise ValueError("expected min_span_days ≤ max_span_days")
        return self

    def counts(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return which pairs count by their span, bool (pair,)."""
        days = (second - first) / np.timedelta64(1, "D")
        counts: np.ndarray = (days >= self.min_span_days) & (days <= self.max_span_days)
        return counts


class Series(NamedTuple):
    """A regular series of velocity and what it rests on.

    Attributes
    ----------
    vx, vy
        float32 (step, y, x), m/yr; NaN where a pixel has too few pairs, and where the error is not known.
    error_x, error_y
        1 sigma of the components, float32 (step, y, x), m/yr.
    observed
        Share of the step that is spanned by pairs that count, float32 (step, y, x); 0 where the smoothing alone fills it.
    pairs, rejected
        Observations of a pixel, and those of them that the influence function leaves no weight, int64 (y, x).
    scale
        Spread of the residuals over the pairs' errors: 1 where the errors are as stated, float64 (y, x).
    closure
        Spread of the difference between a pair's displacement and the series', m, float64 (y, x).
    change_along, change_across
        τ = 1/√λ: what the smoothing lets the components along and across the flow change in a year, m/yr, float64 (y, x), where errors
        are as stated.
    freedom
        Effective degrees of freedom, the mean of both components, float64 (y, x).
    """

    vx: np.ndarray
    vy: np.ndarray
    error_x: np.ndarray
    error_y: np.ndarray
    observed: np.ndarray
    pairs: np.ndarray
    rejected: np.ndarray
    scale: np.ndarray
    closure: np.ndarray
    change_along: np.ndarray
    change_across: np.ndarray
    freedom: np.ndarray

    @property
    def speed(self) -> np.ndarray:
        """Length of the velocity: never a mean of speeds, which noise makes larger."""
        speed: np.ndarray = np.hypot(self.vx, self.vy)
        return speed

    @property
    def error(self) -> np.ndarray:
        """Root mean square of the errors of both components, 1 sigma."""
        error: np.ndarray = np.hypot(self.error_x, self.error_y) / np.float32(np.sqrt(2))
        return error


def invert(
    vx: np.ndarray,
    vy: np.ndarray,
    error: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    edges: pd.DatetimeIndex,
    settings: InversionConfig | None = None,
) -> Series:
    """Invert the pairs of every pixel to a series of steps.

    Parameters
    ----------
    vx, vy
        (pair, y, x), m/yr; NaN where there is none.
    error
        1 sigma of either component, m/yr, of the same shape or broadcast to it; without one (NaN) an observation does not count.
    first, second
        Acquisitions, datetime64 (pair,).
    edges
        Of the steps, one more than there are: `network.edges_of`. Pairs that count by their span must lie within them.
    settings
        Default: `InversionConfig` as it is; its cadence plays no part here.

    Raises
    ------
    InputError
        If shapes do not go together, no pair counts, dates are reversed or a pair leaves the steps.
    """
    settings = settings or InversionConfig()
    if not (vx.ndim == 3 and vx.shape == vy.shape and len(first) == len(second) == len(vx)):
        shapes = ", ".join(str(np.shape(values)) for values in (vx, vy, first, second))
        raise InputError(f"inversion: expected vx, vy (pair, y, x) and two times of each pair, found {shapes}")
    chosen = np.flatnonzero(settings.counts(first, second) | ~(second > first))
    if not len(chosen):
        days = f"{settings.min_span_days:g} to {settings.max_span_days:g} days"
        raise InputError(f"inversion: expected pairs that span {days}, found none among {len(first)}")
    net = network(first[chosen], second[chosen], edges)
    sigma = np.maximum(np.broadcast_to(error, vx.shape)[chosen], settings.least_error)
    columns = [_by_pixel(values) for values in (vx[chosen], vy[chosen], sigma)]
    series, facts = _run(net, columns, settings)
    return _unpacked(series, facts, vx.shape[1:])


def _by_pixel(values: np.ndarray) -> np.ndarray:
    """Return (pair, y, x) as contiguous float32 (pixel, pair)."""
    return np.ascontiguousarray(values.reshape(len(values), -1).T, dtype=np.float32)


def _run(net: Network, columns: list[np.ndarray], settings: InversionConfig) -> tuple[np.ndarray, np.ndarray]:
    from glaciercast.motion import inversion_kernels as kernels

    pixels = len(columns[0])
    series, facts = np.empty((pixels, 5, len(net.length)), np.float32), np.empty((pixels, kernels.FACTS))
    given = 0.0 if settings.yearly_change is None else settings.yearly_change**-2

    kernel: Callable[..., None] = kernels.invert

    def some(begin: int) -> None:
        end = min(begin + PIXELS, pixels)
        kernel(begin, end, tuple(net), *columns, settings.min_observations, settings.robust, given, series, facts)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(some, range(0, pixels, PIXELS)))
    return series, facts


def _unpacked(series: np.ndarray, facts: np.ndarray, shape: tuple[int, ...]) -> Series:
    vx, vy, error_x, error_y, observed = (np.ascontiguousarray(part.T).reshape(-1, *shape) for part in np.moveaxis(series, 1, 0))
    counted, rejected, scale, closure, along, across, freedom = (column.reshape(shape) for column in facts.T)
    pairs, without = counted.astype(np.int64), np.nan_to_num(rejected).astype(np.int64)
    tau = 1 / np.sqrt(along), 1 / np.sqrt(across)
    return Series(vx, vy, error_x, error_y, observed, pairs, without, scale, closure, *tau, freedom)
