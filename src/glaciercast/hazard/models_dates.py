"""Date climatology: a lake that drains at the same time of every year needs no satellite."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from glaciercast.hazard import known
from glaciercast.hazard.models_base import OutlookConfig, expit, logit
from glaciercast.hazard.models_blend import Blended
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Samples

WIDTHS = (8.0, 16.0, 32.0)
"""Spreads of a flood's date from year to year to choose from, days."""
WORTH = (0.5, 2.0, 8.0)
"""How many years of the lake's own record the season of all lakes is worth."""
YEAR = 365.25
_DAY = np.timedelta64(1, "D")


def create(name: str, settings: OutlookConfig) -> Blended:
    """Return the date climatology, for the registry."""
    return Blended(name, Dates(), settings, leaving=("years",))


@dataclass(frozen=True)
class Dates:
    """Learns which spread and which worth of the season serve best; the dates themselves are those of events in the training samples."""

    def learn(self, records: Records, samples: Samples, horizon: int, season: np.ndarray, seed: int) -> DatesScore:
        """Keep the events that may be learnt from; there is nothing else to fit."""
        del records, season, seed
        return DatesScore(samples.events, frozenset(samples.lake), horizon)


@dataclass(frozen=True)
class DatesScore:
    """Expected floods within the horizon by the dates of the lake's past floods, one candidate for each of `WIDTHS` and `WORTH`.

    Of a lake that was not learnt from no past flood is known: its chances are the season's.
    """

    events: pd.DataFrame
    lakes: frozenset[str]
    horizon: int

    def __call__(self, records: Records, samples: Samples, season: np.ndarray, only: int | None = None) -> np.ndarray:
        """Return logits, float64 (candidate, sample): the rate is (Σ past floods' share in the horizon + worth · season)/(years + worth).

        Only floods that were over and known by the issue count.
        """
        choices = list(itertools.product(WIDTHS, WORTH))
        choices = choices if only is None else [choices[only]]
        years, shares = self._own(records, samples, sorted({width for width, _ in choices}))
        expected = -np.log1p(-expit(season))
        rates = [(shares[width] + worth * expected) / (years + worth) for width, worth in choices]
        return logit(-np.expm1(-np.stack(rates)))

    def _own(self, records: Records, samples: Samples, widths: list[float]) -> tuple[np.ndarray, dict[float, np.ndarray]]:
        """Return how long the lake had been watched, years, and by width what its past floods put into the horizon, float64 (sample,)."""
        years, shares = np.zeros(len(samples)), {width: np.zeros(len(samples)) for width in widths}
        began = records.lakes.set_index("lake")["watched_from"]
        for name in sorted(self.lakes & set(samples.lake)):
            own = np.flatnonzero(samples.lake == name)
            issue, past = samples.issue[own], self.events[self.events["lake"] == name]
            years[own] = np.maximum(0.0, (issue - np.datetime64(began[name], "ns")) / (_DAY * YEAR))
            for width in widths:
                shares[width][own] = within(past, issue, self.horizon, width)
        return years, shares


def within(past: pd.DataFrame, issue: np.ndarray, horizon: int, width: float) -> np.ndarray:
    """Return how much of past floods' dates, each spread by a normal of `width` days round the year, lies in the horizon, float64 (issue,).

    A flood counts from when it could have been known (`known.known_at`), the day after its end at the earliest.
    """
    from scipy.special import ndtr

    share = np.zeros(len(issue))
    for start, told in zip(*(times.to_numpy("datetime64[ns]") for times in (past["start"], known.known_at(past))), strict=True):
        ahead = (start - issue) / _DAY % YEAR
        own = sum(ndtr((horizon - ahead - turn) / width) - ndtr((-ahead - turn) / width) for turn in (-YEAR, 0.0, YEAR))
        share += np.where(told <= issue, own, 0.0)  # one by one: those to come change no bit of the sum
    return share
