"""What changes from step to step and epoch to epoch, each a function of its number alone, so that a resumed fit repeats it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from glaciercast.training.config import TrainingConfig

if TYPE_CHECKING:
    from torch import nn


def learning_rate(config: TrainingConfig, step: int, steps_per_epoch: int) -> float:
    """Return the share of the highest learning rate at one optimiser step.

    It rises linearly over the warm-up (Goyal et al. 2017, arXiv:1706.02677), then stays, or follows half a cosine towards 0 at the end of
    the last epoch (Loshchilov & Hutter 2017, arXiv:1608.03983).

    Parameters
    ----------
    step
        Steps taken before this one, from 0.
    steps_per_epoch
        Batches in an epoch.
    """
    warm, last = config.warmup_epochs * steps_per_epoch, config.epochs * steps_per_epoch
    if step < warm:
        return min(1.0, (step + 1) / warm)
    if config.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / (last - warm))))


def teacher(config: TrainingConfig, epoch: int) -> float:
    """Return the share of decoder steps that read the truth in `epoch` (from 0): linear from `teacher_start` to 0."""
    return config.teacher_start * max(0.0, 1 - epoch / config.teacher_epochs)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return the trainable weights for AdamW: those with two dimensions and more decay, biases and norms do not."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim > 1], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
