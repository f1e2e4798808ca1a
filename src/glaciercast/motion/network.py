"""Networks of image pairs: which dates are paired, the steps of a regular series, and what each pair observes of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from glaciercast.errors import InputError
from glaciercast.stats.cadence import edges as cadence_edges

YEAR = 365.25
"""Days of a year: of the Julian calendar, whatever year it is, as the producers of ITS_LIVE count."""


class Network(NamedTuple):
    """What pairs observe of a velocity that is linear in time between the edges of steps: its mean between their dates.

    With x the velocity at the edges, pair *n* sees a·x[first] + b·x[first + 1] + c·x[last] + d·x[last + 1] of its four `shares`, and
    Σ inner·x / span of the edges between them. A velocity that is constant in steps would misfit the pairs that end within one.

    Attributes
    ----------
    first, last
        Steps in which a pair begins and ends, int64 (pair,).
    lead, tail
        Years of the pair's span in them, float64 (pair,); tail is 0 where they are one step.
    span
        Years between its two images, float64 (pair,).
    shares
        float64 (pair, 4); where the four edges are not four, those that are named twice count once.
    inner
        Half of the steps on either side of an edge, yr, float64 (step + 1,).
    length
        Of each step, yr, float64 (step,).
    width
        Edges from the first to the last that any pair touches, less one: the half-bandwidth of the normal matrix.
    """

    first: np.ndarray
    last: np.ndarray
    lead: np.ndarray
    tail: np.ndarray
    span: np.ndarray
    shares: np.ndarray
    inner: np.ndarray
    length: np.ndarray
    width: int

    def design(self) -> np.ndarray:
        """Return the matrix A whose row of a pair times the velocity at the edges is what it observes, float64 (pair, step + 1)."""
        edge = np.arange(len(self.inner))
        between = (edge > self.first[:, None] + 1) & (edge < self.last[:, None])
        matrix = np.where(between, self.inner / self.span[:, None], 0.0)
        pair = np.arange(len(self.span))
        for number, at in enumerate((self.first, self.first + 1, self.last, self.last + 1)):
            matrix[pair, at] += self.shares[:, number]
        return matrix

    def by_step(self) -> np.ndarray:
        """Return the share of each pair's span that lies in each step, float64 (pair, step): what a velocity of steps would show it."""
        step = np.arange(len(self.length))
        inside = (step > self.first[:, None]) & (step < self.last[:, None])
        matrix: np.ndarray = np.where(inside, self.length, 0.0)
        pair = np.arange(len(self.span))
        matrix[pair, self.first] += self.lead
        matrix[pair, self.last] += self.tail
        matrix /= self.span[:, None]
        return matrix


def pairs_of(times: np.ndarray, shortest_days: float, longest_days: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the scenes to pair: all whose baseline lies in a range.

    Parameters
    ----------
    times
        Acquisitions, datetime64 (scene,), in any order.
    shortest_days, longest_days
        Range of the baseline, both ends in it. A range about a year (350 to 380) pairs scenes of one season only.

    Returns
    -------
    tuple of numpy.ndarray
        Index of the earlier and of the later scene, int64 (pair,), ordered by the later, then by the earlier acquisition.

    Raises
    ------
    InputError
        If the range is empty or holds no pair.
    """
    if not 0 <= shortest_days <= longest_days or longest_days == 0:
        raise InputError(f"baselines: expected 0 ≤ shortest ≤ longest and longest > 0 days, found {shortest_days:g} to {longest_days:g}")
    order = np.argsort(times, kind="stable")
    days = (times[order] - times[order][:1]) / np.timedelta64(1, "D")
    span = days[:, None] - days[None, :]  # (later, earlier)
    later, earlier = np.nonzero((span >= shortest_days) & (span <= longest_days) & (span > 0))
    if not len(later):
        raise InputError(f"baselines: none of {len(times)} scenes pairs with another over {shortest_days:g} to {longest_days:g} days")
    return order[earlier], order[later]


def edges_of(first: np.ndarray, second: np.ndarray, cadence: str) -> pd.DatetimeIndex:
    """Return the edges of the regular steps that cover all pairs, one more than there are steps.

    Parameters
    ----------
    first, second
        Acquisitions of the pairs, datetime64 (pair,).
    cadence
        A pandas frequency of a day or more, such as ``MS`` (calendar months) or ``16D``.

    Raises
    ------
    InputError
        As `glaciercast.stats.cadence.edges`.
    """
    before = pd.Timestamp(second.max()) - pd.Timedelta(1, "ns")  # a pair that ends on an edge needs no further step
    return cadence_edges(pd.Timestamp(first.min()), before, cadence)


def network(first: np.ndarray, second: np.ndarray, edges: pd.DatetimeIndex) -> Network:
    """Return what pairs observe of the steps between `edges`.

    Parameters
    ----------
    first, second
        Acquisitions, datetime64 (pair,).
    edges
        Of the steps, in order.

    Raises
    ------
    InputError
        If there are fewer than two steps, edges are out of order, a pair's second image is not the later one, or a pair leaves the steps.
    """
    times = edges.to_numpy("datetime64[ns]")
    if len(times) < 3 or not (np.diff(times) > np.timedelta64(0, "ns")).all():
        raise InputError(
            f"steps: expected three edges or more that increase, found {len(times)}{' out of order' if len(times) > 2 else ''}"
        )
    wrong = ~(second > first)
    if wrong.any():
        pair = int(np.flatnonzero(wrong)[0])
        raise InputError(f"pair {pair}: expected a later second image, found {first[pair]} and {second[pair]}")
    outside = (first < times[0]) | (second > times[-1])
    if outside.any():
        pair = int(np.flatnonzero(outside)[0])
        raise InputError(f"pair {pair}: expected to lie between {times[0]} and {times[-1]}, found {first[pair]} to {second[pair]}")
    knots, start, end = (_years(values, times[0]) for values in (times, first, second))
    begins, ends = np.searchsorted(knots, start, side="right") - 1, np.searchsorted(knots, end, side="left") - 1
    alone, length = begins == ends, np.diff(knots)
    lead, tail = np.where(alone, end - start, knots[begins + 1] - start), np.where(alone, 0.0, end - knots[ends])
    inner = (np.r_[length, 0.0] + np.r_[0.0, length]) / 2
    shares = _shares(begins, ends, lead, tail, length) / (end - start)[:, None]
    alone = np.flatnonzero(alone)
    middle = ((start + end) / 2 - knots[begins])[alone] / length[begins[alone]]
    shares[alone] = np.stack([1 - middle, middle, 0 * middle, 0 * middle], axis=1)
    return Network(begins, ends, lead, tail, end - start, shares, inner, length, int((ends - begins).max(initial=0)) + 1)


def _shares(begins: np.ndarray, ends: np.ndarray, lead: np.ndarray, tail: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return the integral over a pair's span of the linear functions of its first two and last two edges, yr, (pair, 4)."""
    entered, left = lead / length[begins], tail / length[ends]
    whole = ends > begins + 1
    next_to_first = np.where(whole, length[np.minimum(begins + 1, len(length) - 1)] / 2, 0.0) + lead * (1 - entered / 2)
    next_to_last = np.where(whole, length[np.maximum(ends - 1, 0)] / 2, 0.0) + tail * (1 - left / 2)
    beside = ends == begins + 1  # both are one edge
    next_to_first = np.where(beside, next_to_first + next_to_last, next_to_first)
    return np.stack([lead * entered / 2, next_to_first, np.where(beside, 0.0, next_to_last), tail * left / 2], axis=1)


def _years(times: np.ndarray, origin: np.datetime64) -> np.ndarray:
    years: np.ndarray = (times.astype("datetime64[ns]") - origin) / np.timedelta64(1, "D") / YEAR
    return years
