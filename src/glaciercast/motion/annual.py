"""Image pairs → a series of steps too long to show the season, and the season: neither passes for the other.

Optical pairs are many in summer and few in winter. The mean of a year's pairs is then that of its summer, and moves from year to year
with the weather. Here the pairs observe v[k] + a cos 2π(t − t₀): the velocity of each step and one season, alike in all years, of each
pixel, as in the producers' own annual maps. Both are fitted in turn, each to what the other leaves (backfitting).

References
----------
Greene, Gardner & Andrews (2020), Detecting seasonal ice dynamics in satellite images, The Cryosphere 14, 4365; Buja, Hastie & Tibshirani
(1989), Linear smoothers and additive models, Annals of Statistics 17, 453.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from glaciercast.motion import season
from glaciercast.motion.inversion import InversionConfig, Series, invert
from glaciercast.motion.network import network
from glaciercast.motion.season import SeasonFit

LONG_DAYS = 100.0
"""Steps that are longer do not show a season."""
ROUNDS = 3
TUKEY = 5.12
"""Tuning of the biweight of the length of residual vectors, as in `inversion_kernels`."""


class Annual(NamedTuple):
    """A series of long steps without the season, and the season of both components."""

    series: Series
    season: tuple[SeasonFit, SeasonFit]

    def seen(self, first: np.ndarray, second: np.ndarray, edges: pd.DatetimeIndex) -> np.ndarray:
        """Return what pairs would show: mean vx and vy between their dates, with the season, float64 (2, pair, y, x), m/yr."""
        shares = network(first, second, edges).by_step()
        steps = [np.einsum("pk,kyx->pyx", shares, values) for values in (self.series.vx, self.series.vy)]
        seen: np.ndarray = np.stack(steps) + np.stack([part.over(first, second) for part in self.season])
        return seen


def long_steps(edges: pd.DatetimeIndex) -> bool:
    """Return whether steps are too long to show a season."""
    return bool(np.median(np.diff(edges.to_numpy("datetime64[ns]"))) > np.timedelta64(int(LONG_DAYS * 24), "h"))


def invert_with_season(
    vx: np.ndarray,
    vy: np.ndarray,
    error: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    edges: pd.DatetimeIndex,
    settings: InversionConfig | None = None,
) -> Annual:
    """Invert the pairs of every pixel to a series of long steps and a season.

    Parameters and errors raised are those of `inversion.invert`. What lies off the series and the season counts less for the season, too,
    by Tukey's biweight. The series is of the pairs less the season: its mean over a year without the season's part, which over whole years
    is none. Its errors take the season as known.
    """
    settings = settings or InversionConfig()
    series = invert(vx, vy, error, first, second, edges, settings)
    chosen = settings.counts(first, second)
    values, times = np.stack([vx, vy])[:, chosen].astype(float), (first[chosen], second[chosen])
    sigma = np.maximum(np.broadcast_to(error, vx.shape)[chosen], settings.least_error)
    both = np.zeros_like(values)
    for _ in range(ROUNDS):
        found = _fitted(values, both, sigma, times, series, edges, settings.robust)
        both = np.stack([part.over(*times) for part in found])
        east, north = (values - both).astype(np.float32)
        series = invert(east, north, sigma, *times, edges, settings)
    return Annual(series, found)


def _fitted(
    values: np.ndarray,
    before: np.ndarray,
    sigma: np.ndarray,
    times: tuple[np.ndarray, np.ndarray],
    series: Series,
    edges: pd.DatetimeIndex,
    robust: bool,
) -> tuple[SeasonFit, SeasonFit]:
    """Return the season of what a series leaves; `before` is the season that it was inverted without."""
    shares = network(*times, edges).by_step()
    left = values - np.stack([np.einsum("pk,kyx->pyx", shares, part) for part in (series.vx, series.vy)])
    away = np.hypot(*(left - before)) / sigma
    weight = np.clip(1 - (away / (series.scale * TUKEY)) ** 2, 0, None) ** 2 if robust else np.ones_like(away)
    with np.errstate(divide="ignore"):
        error = sigma / np.sqrt(weight)  # infinite: it does not count
    one, other = (season.fit(part, error, *times) for part in left)
    return one, other
