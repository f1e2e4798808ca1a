"""The seasonal base rate: what any outlook must beat, and what every model falls back on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.errors import InputError
from glaciercast.hazard.calibration import fit_logit, sandwich
from glaciercast.hazard.models_base import OutlookConfig, expit, floods_of, logit, overlap
from glaciercast.hazard.models_groups import LeftOut, clusters, left_out
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Chances, Samples

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""Penalties of roughness to choose from, in floods."""
FIRST = 0.05
"""Penalty of the first harmonic, in floods."""
_DAYS = 366


def create(name: str, settings: OutlookConfig) -> Season:
    """Return the seasonal base rate, for the registry."""
    del name
    return Season(settings)


@dataclass(frozen=True)
class Curve:
    """The chance of a flood within the horizon by day of the year.

    Attributes
    ----------
    logits, variance
        Of days 1 … 366, float64 (366,).
    strength
        Penalty that was chosen, in floods.
    """

    logits: np.ndarray
    variance: np.ndarray
    strength: float

    def at(self, samples: Samples) -> np.ndarray:
        """Return the logit of each sample, float64 (sample,)."""
        found: np.ndarray = self.logits[samples.day_of_year - 1]
        return found


class Season:
    """Harmonics of the day of the year, the same for all lakes: smooth as left-out years ask for, shrunk to the base rate."""

    name = "season"

    def __init__(self, settings: OutlookConfig) -> None:
        self.settings = settings
        self.curve: Curve | None = None

    def fit(self, records: Records, samples: Samples, horizon: int, seed: int = 0) -> None:
        """Learn the curve from samples whose outcome is known."""
        del records, seed
        self.curve = curve(samples.known(horizon), horizon, self.settings)

    def predict(self, records: Records, samples: Samples) -> Chances:
        """Return the chance at each sample's day of the year."""
        del records
        if self.curve is None:
            raise InputError("the seasonal base rate has learnt nothing yet: fit it first")
        middle, spread = self.curve.at(samples), np.sqrt(self.curve.variance[samples.day_of_year - 1])
        return interval(middle, spread, self.settings.level)


def interval(middle: np.ndarray, spread: np.ndarray, level: float) -> Chances:
    """Return chances with an interval from logits and their standard errors, float64 (sample,)."""
    from scipy.special import ndtri

    reach = float(ndtri((1 + level) / 2)) * spread
    return Chances(expit(middle), expit(middle - reach), expit(middle + reach))


def curve(samples: Samples, horizon: int, settings: OutlookConfig, strength: float | None = None, robust: bool = True) -> Curve:
    """Return the seasonal base rate of samples whose outcome is known.

    The logit is a constant and harmonics of the day of the year; a penalty on the squared slope of the k-th, weighed by k² − 1, holds it
    near a single wave. The penalty is the one that foretells left-out years best. In the end one part in 1 + number of floods is the
    base rate.

    Parameters
    ----------
    strength
        Penalty, in floods; None: chosen on left-out years.
    robust
        Whether to work out the variance (0 where not).

    Raises
    ------
    InputError
        If no sample has a flood, or all have.
    """
    label = samples.labels[horizon]
    if not 0 < label.sum() < label.size:
        raise InputError(f"a season needs days of issue with and without a flood within {horizon} days, found {_told(label)}")
    shared, design = overlap(samples, horizon), basis(settings.harmonics)
    if strength is None:
        strength = _chosen(samples, horizon, design, shared)
    slopes = _solve(*_counts(samples, label), design, strength, shared)
    share = 1 / (1 + floods_of(samples, horizon))
    chance = (1 - share) * expit(design @ slopes) + share * float(label.mean())
    spread = _variance(samples, label, design, slopes, strength * shared) if robust else np.zeros(_DAYS)
    return Curve(logit(chance), spread, strength)


def basis(harmonics: int) -> np.ndarray:
    """Return 1, cos and sin of each harmonic for days 1 … 366, float64 (366, 1 + 2·harmonics)."""
    angle = 2 * np.pi * (np.arange(_DAYS) + 0.5) / 365.25
    waves = [wave(number * angle) for number in range(1, harmonics + 1) for wave in (np.cos, np.sin)]
    return np.column_stack([np.ones(_DAYS), *waves])


def _chosen(samples: Samples, horizon: int, design: np.ndarray, shared: float) -> float:
    """Return the penalty with the least log loss of left-out years; the strongest where nothing can be left out."""
    label = samples.labels[horizon]
    parts = _years(left_out(samples, horizon, 5))
    loss = np.zeros(len(STRENGTHS))
    for part in parts:
        days, floods = _counts(samples, label, part.train)
        all_days, all_floods = _counts(samples, label, part.test)
        for number, strength in enumerate(STRENGTHS):
            chance = np.clip(expit(design @ _solve(days, floods, design, strength, shared)), 1e-4, 1 - 1e-4)
            loss[number] -= float(np.sum(all_floods * np.log(chance) + (all_days - all_floods) * np.log1p(-chance)))
    return STRENGTHS[int(np.argmin(loss))] if parts else STRENGTHS[-1]


def _years(parts: list[LeftOut]) -> list[LeftOut]:
    """Return the runs of years, or where there are none the groups of lakes."""
    return [part for part in parts if part.kind == "years"] or parts


def _counts(samples: Samples, label: np.ndarray, chosen: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return samples and samples with a flood of each day of the year, float64 (366,)."""
    day = samples.day_of_year - 1
    kept = np.ones(day.size, bool) if chosen is None else chosen
    counts = [np.bincount(day[kept], weights, _DAYS).astype("float64") for weights in (None, label[kept])]
    return counts[0], counts[1]


def _solve(days: np.ndarray, floods: np.ndarray, design: np.ndarray, strength: float, shared: float) -> np.ndarray:
    share = np.divide(floods, days, out=np.zeros(_DAYS), where=days > 0)
    return fit_logit(design, share, np.zeros(_DAYS, int), weight=days / shared, ridge=_ridge(design, strength)).slopes


def _ridge(design: np.ndarray, strength: float) -> np.ndarray:
    """Return the penalty of each column: the first harmonic is nearly free, for floods of ice-dammed lakes know a season."""
    number = (np.arange(design.shape[1]) + 1) // 2
    return np.where(number == 0, 1e-6, FIRST + strength * (number**2.0 - 1))


def _variance(samples: Samples, label: np.ndarray, design: np.ndarray, slopes: np.ndarray, strength: float) -> np.ndarray:
    rows = design[samples.day_of_year - 1]
    chance = expit(rows @ slopes)
    bend = (rows.T * (chance * (1 - chance))) @ rows + np.diag(_ridge(design, strength))
    found = sandwich(rows, label - chance, clusters(samples), bend)
    spread: np.ndarray = np.einsum("ij,jk,ik->i", design, found, design)
    return spread.clip(min=0)


def _told(label: np.ndarray) -> str:
    return f"{int(label.sum())} with and {int(label.size - label.sum())} without"
