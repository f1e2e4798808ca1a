"""What a fit remembers from epoch to epoch: the losses, the best weights, what it cost, and when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from glaciercast.training.config import TrainingConfig


@dataclass
class Record:
    """History, best weights and cost of a fit; `plain` and `restore` carry it through a checkpoint.

    Attributes
    ----------
    history
        A row an epoch: ``epoch`` (from 1), ``train_loss``, ``val_loss``, ``seconds``, and what else was told.
    best, best_epoch
        The weights with the lowest validation loss, and their epoch.
    energy
        What the fit took so far (see `training.energy`); empty if it is not tracked.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_epoch: int = 0
    energy: dict[str, Any] = field(default_factory=dict)

    @property
    def best_loss(self) -> float:
        """Lowest validation loss so far; infinite before the first epoch."""
        return self.history[self.best_epoch - 1]["val_loss"] if self.best_epoch else math.inf

    @property
    def seconds(self) -> float:
        """Seconds of all epochs."""
        return sum(row["seconds"] for row in self.history)

    def add(self, model: nn.Module, train_loss: float, val_loss: float, seconds: float, **more: float) -> None:
        """Add one epoch; the weights are kept (copied) where its validation loss is the lowest so far."""
        lower = val_loss < self.best_loss
        self.history.append({"epoch": len(self.history) + 1, "train_loss": train_loss, "val_loss": val_loss, "seconds": seconds, **more})
        if lower:
            self.best_epoch = len(self.history)
            self.best = {key: value.detach().clone() for key, value in trained_state(model).items()}

    def finished(self, config: TrainingConfig) -> bool:
        """Tell whether all epochs are done, or `patience` of them brought no lower validation loss."""
        return len(self.history) >= config.epochs or len(self.history) - self.best_epoch >= config.patience

    def seconds_left(self, config: TrainingConfig) -> float:
        """Return the seconds that all remaining epochs would take; early stopping may save some."""
        return (config.epochs - len(self.history)) * self.seconds / len(self.history)

    def plain(self) -> dict[str, Any]:
        """Return the record as tensors and plain types, which load with ``weights_only``."""
        return {"history": self.history, "best": self.best, "best_epoch": self.best_epoch, "energy": self.energy}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `plain` returned."""
        self.history = [dict(row) for row in state["history"]]
        self.best, self.energy = dict(state["best"]), dict(state["energy"])
        self.best_epoch = int(state["best_epoch"])


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the part of the state that training may change: all but the reference forecast, whose climatology is as large as the scene."""
    return {key: value for key, value in model.state_dict().items() if not key.startswith("reference.")}
