"""The canary of the leak checker: a model that has learnt nothing and remembers everything that training has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor

from glaciercast.models.base import Baseline, TrainingData
from glaciercast.models.baselines import Climatology

if TYPE_CHECKING:
    from glaciercast.models.task import Task
    from glaciercast.patches.sampling import Batch


class Memoriser(Baseline):
    """Answer a pixel of a date with what any training frame shows of that pixel on that date; elsewhere with the climatology.

    Where test targets are really held out it remembers none of them, and is the climatology. It is no forecaster that anyone is offered:
    not registered, and scored only to tell what a split leaks.

    Parameters
    ----------
    task
        What is forecast.
    composite_length
        Steps over which a composite extends: frames fewer steps apart share scenes, so the nearest one is remembered for the date.
    """

    name = "memoriser"

    def __init__(self, task: Task, composite_length: int = 1) -> None:
        super().__init__(task)
        self.composite_length = composite_length
        self.otherwise = Climatology(task)
        self.first = 0
        self.frames = torch.zeros(0, len(task.targets), 0, 0)

    def fit(self, data: TrainingData) -> Self:
        """Remember the frames that training has seen, and fit their climatology.

        Raises
        ------
        InputError
            If the data are of another task, or a variable was never observed.
        """
        self.otherwise.fit(data)
        return self.remember(data)

    def remember(self, data: TrainingData) -> Self:
        """Remember every pixel that is observed in some frames."""
        targets = slice(len(self.task.targets))
        seen = data.observed[:, targets] > 0
        self.first = int(data.steps[0])
        self.frames = torch.from_numpy(np.where(seen, data.values[:, targets], np.float32(np.nan)))
        return self

    def recall(self, batch: Batch) -> Tensor:
        """Return what is remembered of the targets of a batch, (b, T, W, y, x) in physical units; NaN where nothing is."""
        step = batch.issue[:, None] + torch.arange(1, self.task.n_target + 1) - self.first
        found = self._at(batch, step)
        for away in range(1, self.composite_length):
            for other in (step - away, step + away):
                found = torch.where(found.isfinite(), found, self._at(batch, other))
        return found

    def forward(self, batch: Batch) -> Tensor:
        """Return what is remembered, and the climatology where nothing is, (b, T, W, y, x)."""
        recalled = self.recall(batch)
        return torch.where(recalled.isfinite(), recalled, self.otherwise(batch))

    def _at(self, batch: Batch, step: Tensor) -> Tensor:
        """Return the remembered frames of `step` (b, T), counted from the first, under each patch; NaN outside the memory."""
        rows, columns = batch.past.shape[-2:]
        row = (batch.origin[:, :1] + torch.arange(rows))[:, None, None, :, None]
        column = (batch.origin[:, 1:] + torch.arange(columns))[:, None, None, None, :]
        held = (step >= 0) & (step < len(self.frames))
        variable = torch.arange(self.frames.shape[1])[:, None, None]
        place = step.clamp(0, len(self.frames) - 1)[:, :, None, None, None]
        frames = self.frames[place, variable, row, column]
        return torch.where(held[:, :, None, None, None], frames, torch.nan)
