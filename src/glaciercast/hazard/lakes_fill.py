"""What of a lake a scene did not show, filled from the level of its shore, with an error for it.

A lake is level: it floods its basin from the lowest ground up. Ground is ranked by its elevation, or by how often it was under water in
earlier looks, whichever tells the water and land that the scene does show apart better; what is hidden is water up to the rank of the
shore.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

FEWEST = 5
"""Fewer seen pixels of one kind or earlier looks give no rank."""
MOST = 2.0
"""A lake does not grow by a larger factor out of sight, as far as we tell."""
GUESS = 0.5
"""Share of water, and of error, where nothing is known."""


@dataclass(frozen=True)
class Filled:
    """Water that was not seen.

    Attributes
    ----------
    hidden
        Ground of the lake that was not seen, bool (y, x).
    share
        Share of water of each hidden pixel, float64 (y, x); 0 elsewhere.
    error
        1 σ of their sum and of `more`, pixels.
    more
        Water that a rising lake has gained out of sight, pixels: where it lies is not known.
    """

    hidden: np.ndarray
    share: np.ndarray
    error: float
    more: float = 0.0


def fill(lake: np.ndarray, seen: np.ndarray, basin: np.ndarray, ranks: list[np.ndarray]) -> Filled:
    """Return the water that a scene hides.

    Parameters
    ----------
    lake
        Water of the lake that the scene shows, bool (y, x).
    seen
        Pixels that it shows, bool (y, x).
    basin
        Ground that the lake has covered in this or an earlier look, bool (y, x).
    ranks
        Orders in which the ground floods (y, x), lowest first; NaN where unknown.
    """
    hidden = basin & ~seen
    share = np.zeros(lake.shape)
    number = int(hidden.sum())
    if number == 0:
        return Filled(hidden, share, 0.0)
    known_ground = ndimage.binary_dilation(basin, np.ones((3, 3), bool)) & seen
    judged = [_by_rank(lake, known_ground, hidden, rank) for rank in ranks]
    known = [found for found in judged if found is not None]
    if known:
        chosen, wrong, open_ended = min(known, key=lambda found: found[1] * number + found[2])
        share[hidden] = chosen
        line = _shore(share > GUESS, hidden)
        return Filled(hidden, share, GUESS * (open_ended + line) + wrong * number)
    visible = basin & seen
    dry = visible.sum() >= FEWEST and not (lake & visible).any()
    level = 0.0 if dry else float((lake & visible).sum() / visible.sum()) if visible.sum() >= FEWEST else GUESS
    share[hidden] = level
    return Filled(hidden, share, number * (0.25 if visible.sum() >= FEWEST else GUESS))


def beyond(lake: np.ndarray, visible: np.ndarray, before: np.ndarray) -> float:
    """Return water that a rising lake has gained out of sight, pixels, where no elevation tells: hidden shores move as visible ones do.

    Parameters
    ----------
    lake, visible
        As for `fill`.
    before
        Ground that the lake had covered before this look, bool (y, x).
    """
    known, hidden = int((before & visible).sum()), int((before & ~visible).sum())
    if known < FEWEST or not hidden:
        return 0.0
    growth = float((lake & visible).sum()) / known
    return hidden * (min(growth, MOST) - 1) if growth > 1 else 0.0


def _shore(water: np.ndarray, hidden: np.ndarray) -> float:
    """Return how many sides of pixels part hidden water from hidden land: the rank tells that line no better than to half a pixel."""
    sides = 0
    for axis in (0, 1):
        ahead = [slice(None), slice(None)]
        behind = [slice(None), slice(None)]
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        first, second = tuple(ahead), tuple(behind)
        sides += int(((water[first] != water[second]) & (hidden[first] | hidden[second])).sum())
    return float(sides)


def _by_rank(lake: np.ndarray, visible: np.ndarray, hidden: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, float, float] | None:
    """Return shares of the hidden pixels, the share of visible ones that the rank gets wrong, and how many hidden ones it leaves open."""
    known = visible & np.isfinite(rank)
    ranks, wet = rank[known], lake[known]
    here = rank[hidden]
    if ranks.size < 2 * FEWEST or not np.isfinite(here).all():
        return None
    order = np.argsort(ranks, kind="stable")
    ranks, wet = ranks[order], wet[order]
    mistakes = np.concatenate([[0], np.cumsum(~wet)]) + wet.sum() - np.concatenate([[0], np.cumsum(wet)])
    parts = np.concatenate([[True], np.diff(ranks) > 0, [True]])  # ground of one rank floods together
    fewest = np.flatnonzero(parts & (mistakes == mistakes[parts].min()))
    best = int(fewest[fewest.size // 2])  # so many of the lowest are water
    below = ranks[best - 1] if best else -np.inf
    above = ranks[best] if best < ranks.size else np.inf
    shares = np.where(here <= below, 1.0, np.where(here >= above, 0.0, GUESS))
    return shares, float(mistakes[best]) / ranks.size, float((shares == GUESS).sum())
