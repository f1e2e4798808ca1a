"""A data set as an iterable `torch.utils.data.IterableDataset` over its tar shards, for storage that is read from end to end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from glaciercast.dataset import tar_form
from glaciercast.dataset.reading import as_tensors, opened
from glaciercast.errors import InputError


class WindowStream(IterableDataset[dict[str, Tensor]]):
    """The windows of one part, shard by shard; workers of a `DataLoader`, and the ranks of a training, share the shards out.

    A window is as in `WindowDataset`, but for its number.

    Parameters
    ----------
    folder
        The data set.
    part
        ``train``, ``validation`` or ``test``.
    normalise
        As for `WindowDataset`.
    shuffle
        Windows that are held to draw the next one from; 0: in the order of the shards. Shards are shuffled too.
    seed
        Of the shuffling, together with the epoch (see `set_epoch`).
    rank, ranks
        Which process of a training on several this is.

    Raises
    ------
    InputError
        If there is no such data set or part, it was written without tar, or there are fewer shards than ranks.
    """

    def __init__(
        self,
        folder: str | Path,
        part: str = "train",
        normalise: bool = True,
        shuffle: int = 0,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.told = opened(folder, part, "tar")
        count = self.told["parts"][part]["shards"]
        if not 0 <= rank < ranks <= count:
            raise InputError(f"rank {rank} of {ranks}: expected no more ranks than the {count} shards of the {part} part")
        self.shards = [Path(folder) / tar_form.name(part, block) for block in range(count)]  # type: ignore[arg-type]
        self.normalise, self.shuffle, self.seed, self.rank, self.ranks = normalise, shuffle, seed, rank, ranks
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Yield the windows of this worker's shards."""
        worker = get_worker_info()
        number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        shards = list(self.shards)
        if self.shuffle:
            np.random.default_rng([self.seed, self.epoch]).shuffle(shards)
        mine = shards[self.rank :: self.ranks][number::workers]
        windows = self._read(mine)
        return self._shuffled(windows, number) if self.shuffle else windows

    def _read(self, shards: list[Path]) -> Iterator[dict[str, Tensor]]:
        for shard in shards:
            for _, arrays, _ in tar_form.read(shard):
                yield as_tensors(arrays, self.told, self.normalise)

    def _shuffled(self, windows: Iterator[dict[str, Tensor]], worker: int) -> Iterator[dict[str, Tensor]]:
        """Yield windows drawn from a buffer that is filled up with the next."""
        random = np.random.default_rng([self.seed, self.epoch, self.rank, worker])
        held: list[dict[str, Tensor]] = []
        for window in windows:
            held.append(window)
            if len(held) >= self.shuffle:
                yield _drawn(held, random)
        while held:
            yield _drawn(held, random)


def _drawn(held: list[dict[str, Tensor]], random: np.random.Generator) -> dict[str, Tensor]:
    number = int(random.integers(len(held)))
    held[number], held[-1] = held[-1], held[number]
    return held.pop()
