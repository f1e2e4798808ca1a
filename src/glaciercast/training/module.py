"""A forecaster, its loss and its optimiser as Lightning sees them. Slow to import: import it where it is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from glaciercast.errors import GlaciercastError
from glaciercast.models.residual import ResidualForecaster
from glaciercast.patches import augment
from glaciercast.training import assembled, processes, schedules
from glaciercast.training.config import TrainingConfig
from glaciercast.training.record import trained_state

if TYPE_CHECKING:
    from glaciercast.patches.augment import Views
    from glaciercast.patches.sampling import Batch

NAMED = 3
"""Windows that an error names."""


class ForecastModule(LightningModule):
    """A forecaster in training; `sums` holds Σ w · loss and Σ w of the present epoch's training and validation, over all processes.

    Parameters
    ----------
    forecaster
        What is fitted.
    config
        How to fit.
    steps_per_epoch
        Batches of a training epoch.
    """

    def __init__(self, forecaster: ResidualForecaster, config: TrainingConfig, steps_per_epoch: int) -> None:
        super().__init__()
        self.forecaster = forecaster
        self.config = config
        self.steps_per_epoch = steps_per_epoch
        self.sums: dict[str, Tensor] = {}

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of one batch, Σ w · loss / Σ w in normalised units; 0 where the batch holds no observed target.

        With n processes it is n times this one's part of that ratio, of which DDP takes the mean: the gradient of the whole batch.
        """
        losses, weight = self._add("training", batch, index)
        return processes.count() * losses / weight.to(losses.dtype).clamp_min(torch.finfo(losses.dtype).tiny)

    def validation_step(self, batch: Batch, index: int) -> None:
        """Add one batch to the validation loss, of windows as they are; the network runs free of the truth."""
        self._add("validation", batch, index)

    def configure_optimizers(self) -> Any:
        """Return AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) and the schedule of its learning rate."""
        config, per_epoch = self.config, self.steps_per_epoch
        groups = schedules.parameter_groups(self, config.weight_decay)
        optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)  # a fifth of the time for 62 M weights on a CPU
        scheduler = LambdaLR(optimiser, lambda step: schedules.learning_rate(config, step, per_epoch))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def epoch_loss(self, part: str) -> float:
        """Return Σ w · loss / Σ w over the present epoch of ``training`` or ``validation``.

        Raises
        ------
        GlaciercastError
            If the part holds no observed target.
        """
        losses, weight = self.sums[part].tolist() if part in self.sums else (0.0, 0.0)
        if weight == 0:
            raise GlaciercastError(f"training {self.forecaster.name}: no target pixel of the {part} part was observed")
        return float(losses / weight)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave the fixed reference forecast out of the checkpoint."""
        kept = {f"forecaster.{key}" for key in trained_state(self.forecaster)}
        checkpoint["state_dict"] = {key: value for key, value in checkpoint["state_dict"].items() if key in kept}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Fill in the fixed reference forecast, which is as it was built."""
        checkpoint["state_dict"] = {**self.state_dict(), **checkpoint["state_dict"]}

    def _add(self, part: str, batch: Batch, index: int) -> tuple[Tensor, Tensor]:
        """Return this process's Σ w · loss of a batch and the Σ w of all processes, float64."""
        losses, weight = assembled.batch_loss(self.forecaster, batch, self.config.loss, self._views(part, batch))
        both = processes.total(torch.stack([losses.detach(), weight.detach()]).double())
        if not bool(both.isfinite().all()):
            raise GlaciercastError(self._complaint(part, batch, index, float(both[0] / both[1])))
        self.sums[part] = self.sums[part] + both if part in self.sums else both
        return losses, both[1]

    def _views(self, part: str, batch: Batch) -> Views | None:
        """Return how the windows of a batch are varied; those of validation are not."""
        if part != "training" or not self.config.augment.active:
            return None
        return augment.draw(self.config.augment, batch, self.config.seed, self.current_epoch, together=self.config.loss == "scene")

    def _complaint(self, part: str, batch: Batch, index: int, loss: float) -> str:
        """Return the line that says where a loss that is not finite came from, the same in all processes."""
        windows = processes.gathered(windows_at_fault(lambda each: self.forecaster.loss(each, self._views(part, each)), batch))
        named = ", ".join(windows[:NAMED]) + (f" and {len(windows) - NAMED} more" if len(windows) > NAMED else "")
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        return (
            f"training {self.forecaster.name}: the {part} loss is {loss} in epoch {self.current_epoch + 1}, batch {index + 1}, "
            f"from the windows issued at step {named or 'none alone'}; expected a finite value (learning rate {rate:g})"
        )


def windows_at_fault(loss: Callable[[Batch], Sequence[Tensor]], batch: Batch) -> list[str]:
    """Return which windows of a batch have a loss that is not finite: the step of issue, the row and column of the patch."""
    with torch.no_grad():
        found = [row for row in range(len(batch.past)) if not _finite(loss(processes.take(batch, [row])))]
    return [f"{int(batch.issue[row])} at ({int(batch.origin[row, 0])}, {int(batch.origin[row, 1])})" for row in found]


def _finite(sums: Sequence[Tensor]) -> bool:
    return all(bool(each.isfinite()) for each in sums)
