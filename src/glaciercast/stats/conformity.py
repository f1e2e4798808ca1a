"""By how much intervals must move so that they hold what they should: scores of exchangeable blocks, counted in bins."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glaciercast.errors import GlaciercastError, InputError

RESOLUTION = 0.02
SMALLEST, LARGEST = 1e-4, 100.0
_POSITIVE = np.geomspace(SMALLEST, LARGEST, 1 + math.ceil(math.log(LARGEST / SMALLEST) / math.log1p(RESOLUTION)))
EDGES: NDArray[np.float64] = np.concatenate([-_POSITIVE[::-1], [0.0], _POSITIVE])
"""Upper edges of the bins, in units of `scale`: a score is rounded up, by at most 2 % of itself or 0.0001."""


class ConformityScores:
    """Scores of central intervals, max(lower − y, y − upper), counted per block, interval, lead and variable.

    Memory is bounded by the number of blocks, and batches come in any order.

    Parameters
    ----------
    variables
        Names of the W variables.
    scale
        (W,), the unit in which the scores of each variable are counted, in its physical unit.
    levels
        Of the quantiles; see `intervals`.
    """

    def __init__(self, variables: Sequence[str], scale: np.ndarray, levels: Sequence[float]) -> None:
        self.variables, self.intervals = tuple(variables), intervals(levels)
        self.scale = np.asarray(scale, "float64")
        self.counts: dict[int, NDArray[np.float64]] = {}  # block → (interval, T, W, bin)

    def add(self, quantiles: np.ndarray, truth: np.ndarray, weight: np.ndarray, blocks: np.ndarray) -> None:
        """Count the scores of some windows; where a truth is NaN or has no weight, none.

        Parameters
        ----------
        quantiles
            (level, b, T, W, y, x), of all levels, in physical units.
        truth, weight
            (b, T, W, y, x), the truth and its observed fraction.
        blocks
            (b,) int, the block of each window.

        Raises
        ------
        GlaciercastError
            If a quantile is not finite where it has to be scored.
        """
        valid = (weight > 0) & ~np.isnan(truth)
        if not np.isfinite(quantiles[:, valid]).all():
            raise GlaciercastError("calibration: expected finite quantiles wherever the truth was observed, found others")
        shape = (*truth.shape[1:3], len(EDGES) + 1)
        cell = np.arange(shape[0] * shape[1]).reshape(*shape[:2], 1, 1) * shape[2]
        for number in range(len(self.intervals)):
            outside = np.maximum(quantiles[number] - truth, truth - quantiles[-1 - number]) / self.scale[:, None, None]
            bins = np.searchsorted(EDGES, outside) + cell
            for block in np.unique(blocks):
                chosen = valid & (blocks == block)[:, None, None, None, None]
                counts = np.bincount(bins[chosen], weights=weight[chosen], minlength=math.prod(shape)).reshape(shape)
                self.counts.setdefault(int(block), np.zeros((len(self.intervals), *shape)))[number] += counts

    def merge(self, other: ConformityScores) -> None:
        """Add what another accumulation of the same variables, scale and levels has counted."""
        for block, counts in other.counts.items():
            self.counts[block] = self.counts[block] + counts if block in self.counts else counts

    def offsets(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return how far the ends of intervals must move outwards, and the number of blocks that this was measured on.

        Each of n blocks counts 1/n, whatever its size. The offset is the quantile of all scores at (1 − α)(n + 1)/n, rounded up to the
        edge of a bin; with one score in each block that is the ⌈(n + 1)(1 − α)⌉-th smallest. If the blocks and the next one are
        exchangeable, a random score of the next one lies below it with probability at least 1 − α: with the unknown scores of the next
        block put at infinity, the offset is the (1 − α) quantile of the n + 1 blocks together, and each block has an equal part in it.

        Returns
        -------
        tuple
            (interval, T, W) in physical units, outermost interval first, and (T, W).

        Raises
        ------
        InputError
            If a variable was observed at a lead in fewer than (1 − α)/α blocks.
        GlaciercastError
            If an end would have to move by more than 100 `scale`.

        References
        ----------
        Lee, Barber & Willett (2023): distribution-free inference with hierarchical data, arXiv:2306.06342 (their HCP).
        """
        if not self.counts:
            raise InputError("calibration: expected at least one window, found none")
        share, blocks = self._pooled()
        offset = np.zeros(share.shape[:-1])
        for number, lead, variable in np.ndindex(offset.shape):
            n, nominal = int(blocks[lead, variable]), self.intervals[number]
            self._check_blocks(n, nominal, lead, variable)
            first = int((np.cumsum(share[number, lead, variable]) >= nominal * (n + 1) - 1e-6).argmax())
            if first == len(EDGES):
                raise GlaciercastError(
                    f"calibration: more than {1 - nominal:.0%} of the truths of {self.variables[variable]} at lead {lead + 1} lie over "
                    f"{LARGEST * self.scale[variable]:g} outside their interval"
                )
            offset[number, lead, variable] = EDGES[first] * self.scale[variable]
        return offset, blocks

    def _pooled(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the sum over blocks of each one's shares of scores per bin, (interval, T, W, bin), and the number of blocks, (T, W)."""
        share = np.zeros_like(next(iter(self.counts.values())))
        blocks = np.zeros(share.shape[1:3], "int64")
        for counts in self.counts.values():
            total = counts.sum(axis=-1, keepdims=True)
            share += np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
            blocks += total[0, ..., 0] > 0
        return share, blocks

    def _check_blocks(self, n: int, nominal: float, lead: int, variable: int) -> None:
        needed = math.ceil(nominal / (1 - nominal) - 1e-6)
        if n < needed:
            raise InputError(
                f"calibration: a {nominal:.0%} interval takes {needed} blocks in which {self.variables[variable]} was observed at lead "
                f"{lead + 1}, found {n}; ask for a lower level, a shorter block or a longer validation part"
            )


def intervals(levels: Sequence[float]) -> tuple[float, ...]:
    """Return the nominal coverage of the central intervals between `levels`, outermost first.

    Raises
    ------
    InputError
        If the levels are not ascending in (0, 1) and symmetric around 0.5, which is among them, or no interval is left.
    """
    fine = len(levels) >= 3 and 0.5 in levels and levels[0] > 0 and list(levels) == sorted(set(levels))
    if not fine or any(abs(low + high - 1) > 1e-9 for low, high in zip(levels, reversed(levels), strict=True)):
        raise InputError(f"levels: expected ascending ones, symmetric around 0.5 and with it, found {', '.join(map(str, levels))}")
    return tuple(levels[-1 - number] - levels[number] for number in range(len(levels) // 2))
