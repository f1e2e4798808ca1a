"""The loss: squared error over what was observed, in normalised units."""

from __future__ import annotations

import torch
from torch import Tensor


def weighted_squares(prediction: Tensor, target: Tensor, weight: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """Return Σ w ((p − t) / std)² and Σ w; their ratio is the loss of a batch, and the ratio of their sums that of an epoch.

    Parameters
    ----------
    prediction, target
        (b, T, V, y, x), physical units; the target may be NaN where the weight is 0.
    weight
        (b, T, V, y, x), observed fraction of the target.
    std
        (V,), standard deviation of each variable in the training part.
    """
    difference = torch.where(weight > 0, prediction - target, 0.0) / std[:, None, None]
    return (weight * difference.square()).sum(), weight.sum()
