"""Learning on assembled scenes: a loss on the scene whose gradient reaches the tiles that it is blended from.

A loss on patches never sees how they meet. Here all tiles of a scene pass through the network, are blended as in a forecast, and the scene
is compared with the truth: each pixel's error reaches every tile that takes part in it, by the tile's weight (the source study's third
experiment learns on full scenes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Sampler

from glaciercast.errors import InputError
from glaciercast.models.ports import Inputs
from glaciercast.patches.sampling import Batch, Windows
from glaciercast.patches.tiling import Tiling

if TYPE_CHECKING:
    from glaciercast.models.residual import ResidualForecaster
    from glaciercast.patches.augment import Views
    from glaciercast.training.config import Loss


def tiling_for(shape: tuple[int, int], tile: tuple[int, int]) -> Tiling:
    """Return how a scene of `shape` pixels is cut in training: tiles overlap by a quarter, as in a forecast from patches."""
    return Tiling(shape, tile, min(tile) // 4)


def tiling_of(batch: Batch) -> Tiling:
    """Return the tiling of the scene that the tiles of a batch cover."""
    tile = (batch.past.shape[-2], batch.past.shape[-1])
    first, last = batch.origin.amin(0), batch.origin.amax(0)
    rows, columns = (last - first).tolist()
    return tiling_for((rows + tile[0], columns + tile[1]), tile)


def assemble(tiles: Tensor, tiling: Tiling) -> Tensor:
    """Return the scene (…, Y, X) of all tiles (tile, …, y, x), differentiable: ∂ scene[p] / ∂ tile[p] is the tile's weight at p."""
    height, width = tiling.shape
    rows, columns = (np.arange(side) for side in tiling.tile)
    first = tiling.origins @ np.array([width, 1])
    pixel = torch.from_numpy(first[:, None, None] + rows[:, None] * width + columns).to(tiles.device)
    weight = torch.stack([tiling.weight(number) for number in range(len(tiling))]).to(tiles)
    weighted = (tiles.movedim(0, -3) * weight).flatten(-3)
    scene = weighted.new_zeros(*weighted.shape[:-1], height * width)
    return scene.index_add(-1, pixel.flatten(), weighted).reshape(*scene.shape[:-1], height, width)


def scene_loss(
    forecaster: ResidualForecaster, batch: Batch, tiling: Tiling, at_once: int = 64, views: Views | None = None
) -> tuple[Tensor, Tensor]:
    """Return Σ w · loss and Σ w of one assembled scene, as `ResidualForecaster.loss` does of a batch of patches.

    The numbers that the network writes are blended, and the head scores the blend. In training, what lies between is not kept but computed
    again in the backward pass, `at_once` tiles at a time, so memory does not grow with the scene.

    Parameters
    ----------
    forecaster
        Its network is differentiated.
    batch
        All tiles of `tiling` in their order, issued at one step, with targets (`loader` gives such batches).
    tiling
        How the scene is cut.
    at_once
        Tiles that pass through the network together.
    views
        How the tiles are varied, all of them alike (`augment.draw` with ``together``).

    Raises
    ------
    InputError
        If the batch has no targets, or other tiles than `tiling`.
    """
    if not np.array_equal(batch.origin.cpu().numpy() - batch.origin[0].cpu().numpy(), tiling.origins):
        raise InputError(f"assembled scene: expected all {len(tiling)} tiles in their order, found {len(batch.origin)} others")
    inputs, change, weight = forecaster.lesson(batch, views)
    network = forecaster.network
    taught = forecaster.training and network.teacher > 0
    parts = []
    for start in range(0, len(batch.origin), at_once):
        here = slice(start, start + at_once)
        given = (Inputs(*(part[here] for part in inputs)), *([change[here]] if taught else []))
        parts.append(checkpoint(network, *given, use_reentrant=False) if torch.is_grad_enabled() else network(*given))
    tiles = (torch.cat(parts), change, weight)
    out, truth, weight = (assemble(each if views is None else views.upright(each), tiling) for each in tiles)
    return (weight * forecaster.head.loss(out, truth)).sum(), weight.sum()


def batch_loss(forecaster: ResidualForecaster, batch: Batch, kind: Loss, views: Views | None = None) -> tuple[Tensor, Tensor]:
    """Return Σ w · loss and Σ w of a batch of patches, or of the scene that its tiles are blended to (`loader` gives such batches)."""
    if kind == "scene":
        return scene_loss(forecaster, batch, tiling_of(batch), views=views)
    return forecaster.loss(batch, views)


class SceneOrder(Sampler[list[int]]):
    """Batches of indices of windows, each all tiles of one issue step, in an order that (seed, epoch) alone decides.

    Parameters
    ----------
    scenes
        Number of tiles of each scene, in the order of the windows.
    """

    def __init__(self, scenes: Sequence[int], seed: int = 0, shuffle: bool = True) -> None:
        self.bounds = np.concatenate([[0], np.cumsum(scenes, dtype="int64")])
        self.seed, self.shuffle, self.epoch = seed, shuffle, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __iter__(self) -> Iterator[list[int]]:
        order = np.arange(len(self))
        if self.shuffle:
            np.random.default_rng(np.random.SeedSequence([self.seed, self.epoch])).shuffle(order)
        for scene in order:
            yield list(range(self.bounds[scene], self.bounds[scene + 1]))


def loader(dataset: Windows, seed: int = 0, shuffle: bool = True) -> DataLoader[Batch]:
    """Return a loader of batches for `scene_loss`: one issue step of `dataset`, whose origins are those of a tiling, at a time."""
    return DataLoader(dataset, batch_sampler=SceneOrder(dataset.scenes, seed, shuffle), collate_fn=_as_is, num_workers=0)


def _as_is(batch: Any) -> Any:
    return batch
