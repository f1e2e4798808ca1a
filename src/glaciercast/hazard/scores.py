"""Scores of chances of a flood: Brier, reliability, resolution, precision and recall, Peirce; pure functions over arrays.

Labels are outcomes, 1 or 0; where the true chance is known (a simulation), it may stand in their place: the score is then what is
expected over all outcomes. Each function takes weights, float64 (sample,), by which a bootstrap counts samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from glaciercast.errors import InputError

FAR = 12.0
"""Chances are held within ± this on the logit scale (6e-6 … 1 − 6e-6) where a logarithm is taken of them."""
STEPS = 50
ENOUGH = 1e-9


def brier(chance: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the Brier score, the mean of (p − y)² (Brier 1950); NaN without samples."""
    _checked(chance, label)
    return _mean((chance - label) ** 2, weight)


def expected_brier(chance: np.ndarray, truth: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean of (p − q)² + q(1 − q): the Brier score expected over all outcomes where the true chance is q."""
    _checked(chance, truth)
    return _mean((chance - truth) ** 2 + truth * (1 - truth), weight)


def skill(score: float, reference: float) -> float | None:
    """Return 1 − score/reference; None where the reference is 0 or not known."""
    return 1 - score / reference if reference > 0 and np.isfinite(score) else None


@dataclass(frozen=True)
class Bins:
    """Samples in bins of chance: a reliability diagram.

    Attributes
    ----------
    low, high
        Edges, float64 (bin,); empty bins are not there.
    chance, frequency
        Mean chance and share of floods (with true chances in place of outcomes: their mean), float64 (bin,).
    count
        Number of samples, or sum of weights, float64 (bin,).
    """

    low: np.ndarray
    high: np.ndarray
    chance: np.ndarray
    frequency: np.ndarray
    count: np.ndarray


def bins(chance: np.ndarray, label: np.ndarray, edges: np.ndarray | None = None, weight: np.ndarray | None = None) -> Bins:
    """Return samples in bins of chance; by default at edges that lie closer together near 0, where floods are rare."""
    _checked(chance, label)
    edges = EDGES if edges is None else edges
    weight = np.ones(chance.size) if weight is None else weight
    number = np.clip(np.searchsorted(edges, chance, side="right") - 1, 0, edges.size - 2)
    count, of_chance, of_label = (
        np.bincount(number, weights=values, minlength=edges.size - 1) for values in (weight, weight * chance, weight * label)
    )
    full = count > 0
    return Bins(edges[:-1][full], edges[1:][full], of_chance[full] / count[full], of_label[full] / count[full], count[full])


EDGES = np.array([0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])


@dataclass(frozen=True)
class Parts:
    """The Brier score in parts: reliability − resolution + uncertainty + within.

    Attributes
    ----------
    reliability
        Mean squared distance of bins from the diagonal: 0 is best.
    resolution
        Mean squared distance of bins from the base rate: 0 where all chances are alike.
    uncertainty
        Base rate × (1 − base rate).
    within
        What bins of unequal chances add (Stephenson et al. 2008); 0 where each bin holds one chance.
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float


def murphy(chance: np.ndarray, label: np.ndarray, edges: np.ndarray | None = None) -> Parts:
    """Return the Brier score in parts (Murphy 1973).

    References
    ----------
    Murphy (1973), J. Appl. Meteorol. 12, 595–600. Stephenson, Coelho & Jolliffe (2008), Weather Forecast. 23, 752–757.
    """
    found = bins(chance, label, edges)
    share, base = found.count / found.count.sum(), float(label.mean())
    reliability = float(share @ (found.chance - found.frequency) ** 2)
    resolution = float(share @ (found.frequency - base) ** 2)
    uncertainty = base * (1 - base)
    outcome = float(np.mean(label * (1 - label)))  # 0 for outcomes, q(1 − q) for true chances
    total = float(np.mean((chance - label) ** 2)) + outcome
    return Parts(reliability, resolution, uncertainty, total - (reliability - resolution + uncertainty))


def recalibration(chance: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> tuple[float, float] | None:
    """Return intercept and slope of logit(P(flood)) = a + b·logit(p), by maximum likelihood: (0, 1) where chances are reliable.

    A slope below 1 says that chances are too extreme, above 1 that they are too timid. With true chances in the place of outcomes it is the
    slope that outcomes would give in the mean. None where all chances are alike, nothing or everything is followed by a flood, or chances
    tell floods apart without fault, so that no slope is finite.

    References
    ----------
    Cox (1958), Biometrika 45, 562–565.
    """
    _checked(chance, label)
    weight = np.ones(chance.size) if weight is None else weight
    used = weight > 0
    x, y, w = logit(chance[used]), label[used], weight[used]
    if not x.size or np.ptp(x) < ENOUGH or not 0 < y @ w < w.sum():
        return None
    found = slopes(x, w[None], (w * y)[None])[0]
    return None if np.isnan(found).any() else (float(found[0]), float(found[1]))


def slopes(x: np.ndarray, weight: np.ndarray, floods: np.ndarray) -> np.ndarray:
    """Return intercepts and slopes of many weighted logistic regressions on one `x` (bin,), float64 (replicate, 2), by Newton's steps.

    Parameters
    ----------
    weight, floods
        Samples and floods of each bin, float64 (replicate, bin). NaN is returned where no slope is finite.
    """
    found = np.tile([0.0, 1.0], (len(weight), 1))
    converged, lost = np.zeros(len(weight), bool), np.zeros(len(weight), bool)
    for _ in range(STEPS):
        now = np.flatnonzero(~(converged | lost))
        if not now.size:
            break
        mean = 1 / (1 + np.exp(-np.clip(found[now, :1] + found[now, 1:] * x, -30, 30)))
        spread, rest = weight[now] * mean * (1 - mean), floods[now] - weight[now] * mean
        a, b, c = spread.sum(axis=1), spread @ x, spread @ x**2
        u, v, determinant = rest.sum(axis=1), rest @ x, a * c - b**2
        lost[now] |= determinant <= ENOUGH * (a * c + ENOUGH)
        safe = np.where(lost[now], 1, determinant)
        step = np.stack([c * u - b * v, a * v - b * u], axis=1) / safe[:, None]
        found[now] += step / np.maximum(1, np.abs(step).max(axis=1, keepdims=True) / 2)
        converged[now] |= np.abs(step).max(axis=1) < ENOUGH
    found[lost | ~converged] = np.nan
    return found


def logit(chance: np.ndarray) -> np.ndarray:
    """Return log(p / (1 − p)), held within ± `FAR`."""
    edge = 1 / (1 + np.exp(FAR))
    held = np.clip(chance, edge, 1 - edge)
    odds: np.ndarray = np.log(held / (1 - held))
    return odds


@dataclass(frozen=True)
class Curve:
    """Precision and recall at every threshold, from the highest chance downwards, float64 (threshold,)."""

    threshold: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


def precision_recall(chance: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> Curve:
    """Return precision and recall of "chance ≥ threshold" for each chance that occurs; empty where no flood follows any sample.

    References
    ----------
    Saito & Rehmsmeier (2015), PLOS ONE 10, e0118432: of rare events, this curve is more telling than the ROC curve.
    """
    _checked(chance, label)
    weight = np.ones(chance.size) if weight is None else weight
    order = np.argsort(-chance, kind="stable")
    hits, alerts = np.cumsum((weight * label)[order]), np.cumsum(weight[order])
    last = np.flatnonzero(np.append(np.diff(chance[order]) != 0, True)) if chance.size else np.zeros(0, "int64")
    last = last[alerts[last] > 0]
    if not last.size or hits[-1] <= 0:
        return Curve(*np.zeros((3, 0)))
    return Curve(chance[order][last], hits[last] / alerts[last], hits[last] / hits[-1])


def pr_auc(chance: np.ndarray, label: np.ndarray, weight: np.ndarray | None = None) -> float | None:
    """Return the average precision Σ (Rₙ − Rₙ₋₁) Pₙ; chance alone gives the prevalence. None where no flood follows any sample."""
    curve = precision_recall(chance, label, weight)
    if not curve.recall.size:
        return None
    return float(np.diff(curve.recall, prepend=0.0) @ curve.precision)


@dataclass(frozen=True)
class Table:
    """Alerts against outcomes, in numbers of samples."""

    hits: float
    misses: float
    false_alarms: float
    rejections: float

    @property
    def hit_rate(self) -> float | None:
        """Share of the samples followed by a flood that alerted."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def false_rate(self) -> float | None:
        """Share of the samples not followed by a flood that alerted."""
        return _share(self.false_alarms, self.false_alarms + self.rejections)

    @property
    def peirce(self) -> float | None:
        """Peirce skill score, hit rate − false rate: 0 for alerts that do not look, or never or always come (Peirce 1884)."""
        hit, false = self.hit_rate, self.false_rate
        return None if hit is None or false is None else hit - false


def table(chance: np.ndarray, label: np.ndarray, threshold: float) -> Table:
    """Return the contingency table of "chance ≥ threshold"."""
    _checked(chance, label)
    alert = chance >= threshold
    return Table(*(float(part.sum()) for part in (label[alert], label[~alert], 1 - label[alert], 1 - label[~alert])))


def economic_value(chance: np.ndarray, label: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """Return the relative economic value of acting where chance ≥ cost ratio, float64 (ratio,): 1 is perfect, 0 is the base rate's.

    Acting costs C, a flood unprepared for costs L, and the cost ratio is C/L. The value is (E_base − E)/(E_base − E_perfect) of the mean
    expenses per sample, where the base rate alone acts always or never, whatever costs less. NaN where nothing can be gained: no or
    only floods.

    References
    ----------
    Murphy (1977), Mon. Weather Rev. 105, 803–816. Richardson (2000), Q. J. R. Meteorol. Soc. 126, 649–667.
    """
    _checked(chance, label)
    base = float(label.mean())
    alert = chance[None] >= ratios[:, None]
    spent = ratios * alert.mean(axis=1) + ((1 - alert) * label[None]).mean(axis=1)
    by_base, perfect = np.minimum(ratios, base), ratios * base
    gain = by_base - perfect
    value: np.ndarray = np.where(gain > 0, (by_base - spent) / np.where(gain > 0, gain, 1), np.nan)
    return value


def _checked(chance: np.ndarray, label: np.ndarray) -> None:
    if chance.shape != label.shape or chance.ndim != 1:
        raise InputError(f"scores: expected one outcome for each chance, found {label.shape} for {chance.shape}")
    for name, values in (("chance", chance), ("outcome", label)):
        if not ((values >= 0) & (values <= 1)).all():
            wrong = values[~((values >= 0) & (values <= 1))][0]
            raise InputError(f"scores: expected each {name} within 0 and 1, found {wrong:g}")


def _mean(values: np.ndarray, weight: np.ndarray | None) -> float:
    total = float(values.size if weight is None else weight.sum())
    if total <= 0:
        return float("nan")
    return float(values.sum() if weight is None else values @ weight) / total


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
