"""Figures of pooled pairs with intervals: lakes and lake-years are drawn, never overlapping samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from glaciercast.hazard import scores
from glaciercast.hazard.claims import FEWEST_FLOODS
from glaciercast.hazard.pairs import Pairs, sums
from glaciercast.hazard.warned import Warned
from glaciercast.stats.bootstrap import MIN_CLUSTERS, REPLICATES, bounds

SLOW_REPLICATES = 300
"""Replicates of figures that are no ratios of sums: slope and PR-AUC."""
SLOPE_BINS = 200


@dataclass(frozen=True)
class Figure:
    """A figure and its 95 % interval; None where it is not defined, or rests on too little."""

    value: float | None
    interval: tuple[float, float] | None = None

    def to_json(self) -> dict[str, object]:
        """Return plain JSON."""
        return {"value": self.value, "interval": None if self.interval is None else list(self.interval)}


class Drawn:
    """Replicates of the lake-years of some pairs.

    Attributes
    ----------
    unit
        Lake-year of each sample, int64 (sample,).
    counts
        How often each lake-year is drawn, float64 (replicate, unit); None where too few floods, lakes or lake-years are there.
    """

    def __init__(self, pairs: Pairs, replicates: int = REPLICATES, seed: int = 0) -> None:
        self.unit, self.clusters = pairs.units()
        enough = len(pairs.floods) >= FEWEST_FLOODS
        self.counts = self.clusters.draws(replicates, seed) if enough else None

    def figure(self, of: Callable[..., np.ndarray], *values: np.ndarray) -> Figure:
        """Return a figure made from sums over samples.

        Parameters
        ----------
        of
            Makes the figure, float64 (replicate,), from sums, each float64 (replicate,).
        *values
            What is summed, float64 (sample,).
        """
        return self.of_units(of, *(sums(each, self.unit) for each in values))

    def of_units(self, of: Callable[..., np.ndarray], *values: np.ndarray) -> Figure:
        """Return a figure as `figure` does, from sums of each lake-year, float64 (unit,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            alone = of(*(np.array([each.sum()]) for each in values))[0]
            replicates = None if self.counts is None else of(*(self.counts @ each for each in values))
        if not np.isfinite(alone):
            return Figure(None)
        return Figure(float(alone), None if replicates is None else bounds(replicates))

    def slope(self, chance: np.ndarray, label: np.ndarray) -> Figure:
        """Return the slope of logistic recalibration; replicates put chances into `SLOPE_BINS` bins as full as each other."""
        alone = scores.recalibration(chance, label)
        if alone is None or self.counts is None:
            return Figure(None if alone is None else alone[1])
        x, count = scores.logit(chance), self.counts[:SLOW_REPLICATES]
        edges = np.unique(np.quantile(x, np.linspace(0, 1, SLOPE_BINS + 1)))
        number = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, max(edges.size - 2, 0))
        inside = np.bincount(number, minlength=edges.size)
        middle = np.bincount(number, weights=x, minlength=edges.size) / np.maximum(inside, 1)
        place, shape = self.unit * edges.size + number, (count.shape[1], edges.size)
        weight, floods = (np.bincount(place, values, shape[0] * shape[1]).reshape(shape) for values in (np.ones(x.size), label))
        return Figure(alone[1], bounds(scores.slopes(middle, count @ weight, count @ floods)[:, 1]))

    def slow(self, of: Callable[[np.ndarray], float | None]) -> Figure:
        """Return a figure that is made anew from weights of samples, float64 (sample,), in `SLOW_REPLICATES` replicates."""
        alone = of(np.ones(self.unit.size))
        if alone is None or self.counts is None:
            return Figure(alone)
        found = [of(count[self.unit]) for count in self.counts[:SLOW_REPLICATES]]
        return Figure(alone, bounds(np.array([np.nan if each is None else each for each in found])))


def brier(pairs: Pairs, drawn: Drawn, chance: np.ndarray | None = None) -> Figure:
    """Return the Brier score of the pairs, or of other chances (sample,) for the same samples."""
    chance = pairs.chance if chance is None else chance
    return drawn.figure(np.divide, (chance - pairs.label) ** 2, np.ones(len(pairs)))


def skill(pairs: Pairs, drawn: Drawn) -> Figure:
    """Return the Brier skill against the seasonal base rate of the same folds, paired."""
    return drawn.figure(_gain, (pairs.chance - pairs.label) ** 2, (pairs.season - pairs.label) ** 2)


def slope(pairs: Pairs, drawn: Drawn) -> Figure:
    """Return the slope of logistic recalibration (see `scores.recalibration`)."""
    return drawn.slope(pairs.chance, pairs.label)


def pr_auc(pairs: Pairs, drawn: Drawn) -> Figure:
    """Return the average precision."""
    order = np.argsort(-pairs.chance, kind="stable")  # once: sorting what is sorted takes no time
    chance, label = pairs.chance[order], pairs.label[order]
    return drawn.slow(lambda weight: scores.pr_auc(chance, label, weight[order]))


def peirce(pairs: Pairs, drawn: Drawn, threshold: float) -> Figure:
    """Return Peirce's skill score of alerts at a threshold, by samples."""
    alert = (pairs.chance >= threshold).astype("float64")
    return drawn.figure(
        lambda hit, flood, false, quiet: hit / flood - false / quiet,
        alert * pairs.label, pairs.label, alert * (1 - pairs.label), 1 - pairs.label,
    )  # fmt: skip


def hit_rate(pairs: Pairs, drawn: Drawn, found: Warned) -> Figure:
    """Return the share of floods warned of."""
    floods = _by_unit(pairs, drawn, dict.fromkeys(pairs.floods, 1.0))
    return drawn.of_units(np.divide, _by_unit(pairs, drawn, dict.fromkeys(found.lead_days, 1.0)), floods)


def lead(pairs: Pairs, drawn: Drawn, found: Warned) -> Figure:
    """Return the mean days from first alert to start, of the floods warned of."""
    warned = _by_unit(pairs, drawn, dict.fromkeys(found.lead_days, 1.0))
    return drawn.of_units(np.divide, _by_unit(pairs, drawn, found.lead_days), warned)


def expected(pairs: Pairs, drawn: Drawn) -> dict[str, Figure]:
    """Return what is expected over all outcomes where the true chances are known.

    Returns
    -------
    dict
        ``brier`` of the model, ``brier_season``, ``brier_oracle``; ``skill`` of the model and ``skill_oracle`` against the season;
        ``share`` of the oracle's gain that the model reaches; ``slope`` of recalibration against the true chances.
    """
    if pairs.truth is None:
        return {}
    truth, one = pairs.truth, np.ones(len(pairs))
    noise = truth * (1 - truth)
    model, season = (chance**2 - 2 * chance * truth + truth for chance in (pairs.chance, pairs.season))
    return {
        "brier": drawn.figure(np.divide, model, one),
        "brier_season": drawn.figure(np.divide, season, one),
        "brier_oracle": drawn.figure(np.divide, noise, one),
        "skill": drawn.figure(_gain, model, season),
        "skill_oracle": drawn.figure(_gain, noise, season),
        "share": drawn.figure(lambda ours, base, best: (base - ours) / (base - best), model, season, noise),
        "slope": drawn.slope(pairs.chance, truth),
    }


def note(pairs: Pairs, drawn: Drawn) -> str:
    """Return the sentence that says how intervals were made, or why there are none."""
    floods, lakes, years = len(pairs.floods), len(np.unique(pairs.lake)), drawn.clusters.block.size
    if floods < FEWEST_FLOODS:
        return (
            f"No interval is given: the figures rest on {_count(floods, 'flood')}, and below {FEWEST_FLOODS} an interval would be too "
            "narrow to be true."
        )
    if drawn.counts is None:
        return (
            f"No interval is given: {_count(floods, 'flood')} fall in {_count(years, 'lake-year')}, and below {MIN_CLUSTERS} of those a "
            "bootstrap interval would be too narrow to be true."
        )
    over = f"{lakes} lakes, and over their years within each," if drawn.clusters.by_glacier else f"{years} lake-years of {lakes} lakes"
    return (
        f"95 % intervals by bootstrap over {over} with {floods} floods ({REPLICATES:,} replicates, {SLOW_REPLICATES} of slope and PR-AUC)."
    )


def _gain(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    gain: np.ndarray = 1 - ours / theirs
    return gain


def _by_unit(pairs: Pairs, drawn: Drawn, values: dict[str, float]) -> np.ndarray:
    """Return the sum of values of floods, by name, in each lake-year: that of the last outlook before the flood, float64 (unit,)."""
    total = np.zeros(drawn.clusters.block.size)
    for name, value in values.items():
        last = np.flatnonzero((pairs.label == 1) & (pairs.flood == name))[-1]
        total[drawn.unit[last]] += value
    return total


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
