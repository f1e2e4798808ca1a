"""Batches of windows: what a forecaster sees and what it is to forecast."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from glaciercast.errors import InputError

if TYPE_CHECKING:
    from glaciercast.patches.cache import Cache


class WindowShape(Protocol):
    """The part of a task that cutting windows needs (see `glaciercast.models.task.Task`)."""

    @property
    def n_target(self) -> int: ...  # noqa: D102
    @property
    def history(self) -> int: ...  # noqa: D102
    @property
    def variables(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def targets(self) -> tuple[str, ...]: ...  # noqa: D102


class Batch(NamedTuple):
    """Windows of b samples, V variables, H past and T future steps.

    Attributes
    ----------
    past
        float32 (b, H, V, y, x), physical units, filled from the past only, NaN where never seen; the last frame is the issue step.
    past_observed
        float32 (b, H, V, y, x), observed fraction, 0 … 1.
    season_past, season_future
        float32 (b, H, 2) and (b, T, 2): sine and cosine of the phase of the year.
    index_past, index_future
        int64 (b, H) and (b, T): season, 0 … period − 1.
    issue
        int64 (b,): number of the issue step.
    origin
        int64 (b, 2): row and column of the patch's first pixel in the scene.
    statics
        float32 (b, S, y, x): normalised channels that do not change with time; S may be 0.
    target, target_weight
        float32 (b, T, W, y, x): the truth of the targets, which are the first variables, and its observed fraction (0 where NaN); None in
        a forecast.
    """

    past: Tensor
    past_observed: Tensor
    season_past: Tensor
    season_future: Tensor
    index_past: Tensor
    index_future: Tensor
    issue: Tensor
    origin: Tensor
    statics: Tensor
    target: Tensor | None
    target_weight: Tensor | None


class Windows(Dataset[Batch]):
    """Windows that are gathered as whole batches."""

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def scenes(self) -> list[int]:
        """Number of windows of each issue step, in the order of the windows."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Return the windows `indices` as one batch."""
        raise NotImplementedError


class PatchDataset(Windows):
    """All windows of some issue steps at some patch origins; whole batches are gathered at once.

    Parameters
    ----------
    cache
        Channels: the variables, then their observed fractions.
    issues
        Issue steps, int64 (issue,).
    origins
        Row and column of each patch, int64 (patch, 2).
    season, season_index
        Calendar of every step, future ones included: float32 (step, 2), int64 (step,).
    size
        Height and width of a patch.
    statics
        Normalised channels that do not change with time, float32 (S, Y, X); None: there are none.
    with_target
        False in a forecast: nothing after the issue step is read.
    chosen
        Numbers issue · patches + patch of the windows that are kept, int64 (window,); None: all.
    """

    def __init__(
        self, cache: Cache, issues: np.ndarray, origins: np.ndarray, task: WindowShape, season: np.ndarray, season_index: np.ndarray,
        size: tuple[int, int], statics: np.ndarray | None = None, with_target: bool = True,
        chosen: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.statics = np.zeros((0, *cache.shape), "float32") if statics is None else statics
        self.cache, self.task, self.size, self.with_target = cache, task, size, with_target
        self.issues, self.origins = np.asarray(issues, "int64"), np.asarray(origins, "int64")
        self.season, self.season_index = torch.from_numpy(season), torch.from_numpy(season_index)
        self.chosen = chosen

    def __len__(self) -> int:
        return len(self.issues) * len(self.origins) if self.chosen is None else len(self.chosen)

    @property
    def scenes(self) -> list[int]:
        """Number of windows of each issue step, in the order of the windows."""
        if self.chosen is None:
            return [len(self.origins)] * len(self.issues)
        return list(map(int, np.bincount(self.chosen // len(self.origins), minlength=len(self.issues))))

    def places(self, indices: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the issue steps, int64 (window,), and origins, int64 (window, 2), of the windows `indices`."""
        numbers = np.asarray(indices, "int64")
        issue, patch = np.divmod(numbers if self.chosen is None else self.chosen[numbers], len(self.origins))
        return self.issues[issue], self.origins[patch]

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """Return the windows `indices` as one batch; index = issue · patches + patch where none is left out."""
        steps, origin = self.places(indices)
        history, n_target, n = self.task.history, self.task.n_target, len(self.task.variables)
        extent = history + (n_target if self.with_target else 0)
        block = torch.from_numpy(self.cache.gather(steps - history + 1, origin[:, 0], origin[:, 1], extent, *self.size))
        wanted = len(self.task.targets)
        target = block[:, history:, :wanted] if self.with_target else None
        weight = None if target is None else torch.where(target.isnan(), 0.0, block[:, history:, n : n + wanted])
        past_steps = torch.from_numpy(steps[:, None] + np.arange(1 - history, 1))
        future_steps = torch.from_numpy(steps[:, None] + np.arange(1, n_target + 1))
        return Batch(
            past=block[:, :history, :n],
            past_observed=block[:, :history, n:],
            season_past=self.season[past_steps],
            season_future=self.season[future_steps],
            index_past=self.season_index[past_steps],
            index_future=self.season_index[future_steps],
            issue=torch.from_numpy(steps),
            origin=torch.from_numpy(origin),
            statics=torch.from_numpy(np.stack([self._statics_at(*corner) for corner in origin])),
            target=target,
            target_weight=weight,
        )

    def _statics_at(self, row: int, column: int) -> np.ndarray:
        return self.statics[:, row : row + self.size[0], column : column + self.size[1]]


class EpochBatches(Sampler[list[int]]):
    """Batches of indices in an order that (seed, epoch) alone decides, so that a resumed training sees what a straight one sees."""

    def __init__(self, n_samples: int, batch_size: int, seed: int = 0, shuffle: bool = True) -> None:
        self.n_samples, self.batch_size, self.seed, self.shuffle = n_samples, batch_size, seed, shuffle
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return (self.n_samples + self.batch_size - 1) // self.batch_size

    def __iter__(self) -> Iterator[list[int]]:
        order = np.arange(self.n_samples)
        if self.shuffle:
            np.random.default_rng(np.random.SeedSequence([self.seed, self.epoch])).shuffle(order)
        for start in range(0, self.n_samples, self.batch_size):
            yield order[start : start + self.batch_size].tolist()


def loader(dataset: Windows, batch_size: int, seed: int = 0, shuffle: bool = True) -> DataLoader[Batch]:
    """Return a loader of whole batches, in this process: gathering them costs less than handing them over."""
    return DataLoader(dataset, batch_sampler=EpochBatches(len(dataset), batch_size, seed, shuffle), collate_fn=_as_is, num_workers=0)


def patch_origins(shape: tuple[int, int], patch: int, stride: int) -> np.ndarray:
    """Return the origins of patches every `stride` pixels, the last ones moved to the edge, int64 (patch, 2).

    Raises
    ------
    InputError
        If the scene is smaller than a patch, or the stride is no step forward.
    """
    if stride < 1:
        raise InputError(f"stride: expected at least 1 pixel, found {stride}")
    if min(shape) < patch:
        raise InputError(f"the scene is {shape[0]}×{shape[1]} pixels, smaller than a patch of {patch}")
    rows, cols = (sorted({*range(0, size - patch + 1, stride), size - patch}) for size in shape)
    return np.array([(row, col) for row in rows for col in cols], dtype="int64")


def origins_within(origins: np.ndarray, mask: np.ndarray, patch: int) -> np.ndarray:
    """Return those of the origins, int64 (patch, 2), whose patch lies wholly in `mask`, bool (y, x).

    Raises
    ------
    InputError
        If there are none.
    """
    outside = np.pad(np.cumsum(np.cumsum(~mask, axis=0), axis=1), ((1, 0), (1, 0)))
    first, last = origins.T, origins.T + patch
    held = outside[last[0], last[1]] - outside[first[0], last[1]] - outside[last[0], first[1]] + outside[first[0], first[1]]
    if not (held == 0).any():
        raise InputError(f"split by space: a part holds no whole patch of {patch} pixels; use smaller patches or fewer blocks")
    kept: np.ndarray = origins[held == 0]
    return kept


def _as_is(batch: Any) -> Any:
    return batch
