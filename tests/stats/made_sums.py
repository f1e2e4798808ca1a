"""Every kind of sums, of the same random forecasts, for the tests of what all of them share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from glaciercast.stats.probabilistic import QuantileSums
from glaciercast.stats.scores import ErrorSums
from glaciercast.stats.seams import SeamSums
from glaciercast.stats.snowline import Bands, SnowSums
from glaciercast.stats.spectra import SpectrumSums
from glaciercast.stats.structure import FractionSums, SimilaritySums
from glaciercast.stats.sums import Sums
from glaciercast.stats.tally import StratumSums, tally

SHAPE = (18, 22)
LABELS = (("ice", 4000), ("outside", 4000), ("outside", None))


def scenes(seed: int = 0, forecasts: int = 5, leads: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return forecasts, truths with NaN and observed fractions, (forecast, lead, y, x)."""
    rng = np.random.default_rng(seed)
    truth = rng.random((forecasts, leads, *SHAPE)) + np.linspace(-0.6, 0.4, SHAPE[0])[:, None]
    forecast = truth + 0.2 * rng.normal(size=truth.shape)
    weight = rng.random(truth.shape) * (rng.random(truth.shape) < 0.9)
    weight[:, :, :, 14:] = 1  # some blocks and windows whole
    truth[weight == 0] = np.nan
    return forecast, truth, weight


def stratum() -> np.ndarray:
    """Return the stratum of each pixel, int16 (y, x)."""
    return np.random.default_rng(3).integers(0, len(LABELS), SHAPE).astype("int16")


def elevation() -> np.ndarray:
    """Return a slope from 3,000 to 3,900 m, (y, x)."""
    return np.broadcast_to(np.linspace(3000, 3900, SHAPE[0])[:, None], SHAPE)


def tallied(forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray, first: int = 0) -> StratumSums:
    """Return sums by stratum of forecasts of which the first is number `first`."""
    month = (first + np.arange(len(truth))[:, None] + np.arange(truth.shape[1])) % 12 + 1
    return tally(forecast, truth, weight, stratum(), LABELS, month)


def _snow(forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> SnowSums:
    return SnowSums.of(forecast, truth, weight, tallied(forecast, truth, weight), 9e-4, Bands.of(elevation()))


def _quantiles(forecast: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> QuantileSums:
    return QuantileSums.of(np.stack([forecast - 0.2, forecast, forecast + 0.2]), (0.1, 0.5, 0.9), truth, weight)


KINDS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], Sums]] = {
    "errors": ErrorSums.of,
    "quantiles": _quantiles,
    "strata": tallied,
    "similarity": lambda f, y, w: SimilaritySums.of(f, y, w, 2.0),
    "fractions": lambda f, y, w: FractionSums.of(f, y, w, (1, 3, 5)),
    "spectrum": SpectrumSums.of,
    "snow": _snow,
    "seams": lambda f, y, w: SeamSums.of(f, [6, 12], [11]),
}
