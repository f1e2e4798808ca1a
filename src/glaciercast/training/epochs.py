"""What happens between epochs: seeds and schedules before, record, checkpoint, logs and the decision to stop after. Slow to import."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer

from glaciercast import progress
from glaciercast.training import logs, processes, saving, schedules
from glaciercast.training.config import TrainingConfig
from glaciercast.training.energy import Meter
from glaciercast.training.module import ForecastModule
from glaciercast.training.record import Record

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from glaciercast.patches.sampling import Batch

KEY = "record"
"""Under which a checkpoint holds the record."""


class EpochEnd(Callback):
    """Make each epoch depend on its number alone, and leave it on the disk.

    Parameters
    ----------
    record
        The epochs so far, continued here.
    checkpoint
        File that holds the last epoch; logs go beside it.
    config, train_loader
        How and on what to fit.
    writer
        Events for TensorBoard, or None.
    meter
        What measures the energy.
    """

    def __init__(
        self, record: Record, checkpoint: Path, config: TrainingConfig, train_loader: Iterable[Batch], writer: SummaryWriter | None,
        meter: Meter,
    ) -> None:  # fmt: skip
        self.record, self.checkpoint, self.config = record, checkpoint, config
        self.train_loader, self.writer, self.meter = train_loader, writer, meter
        self.started = 0.0
        self.failure: BaseException | None = None

    @property
    def state_key(self) -> str:
        """Name of the record in a checkpoint."""
        return KEY

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Order the patches and set the teacher by the epoch's number, so that a resumed fit repeats it."""
        self.started = time.perf_counter()
        epoch, module = trainer.current_epoch, cast(ForecastModule, pl_module)
        processes.set_epoch(self.train_loader, epoch)
        module.sums = {}
        module.forecaster.network.teacher = schedules.teacher(self.config, epoch)
        self.meter.start()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Seed torch by the epoch's number; here, as a loader draws from torch when it begins, in a resumed fit at another moment."""
        if batch_idx == 0:  # dropout differs between the shares of a batch
            torch.manual_seed((processes.rank() << 52) + (self.config.seed << 20) + trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the losses, write the checkpoint whole or not at all, and stop when nothing improves."""
        module, record = cast(ForecastModule, pl_module), self.record
        losses = module.epoch_loss("training"), module.epoch_loss("validation")
        more = {"learning_rate": trainer.optimizers[0].param_groups[0]["lr"], "teacher": module.forecaster.network.teacher}
        record.add(module.forecaster, *losses, time.perf_counter() - self.started, **more)
        record.energy = self.meter.stop()
        trainer.save_checkpoint(self.checkpoint)  # all processes meet here; the first alone writes
        if trainer.is_global_zero:
            logs.write_metrics(record.history, self.checkpoint.parent)
            if self.writer is not None:
                logs.add_epoch(self.writer, record.history[-1])
        progress.note(describe(record, self.config))
        trainer.should_stop = record.finished(self.config)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Remember what ended the fit."""
        self.failure = exception

    def state_dict(self) -> dict[str, Any]:
        """Return the record for the checkpoint."""
        return self.record.plain()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the record from a checkpoint."""
        self.record.restore(state_dict)


class WholeFiles(TorchCheckpointIO):
    """Checkpoints that appear whole or not at all, written where they belong.

    Lightning's own way goes through the system's folder for temporary files, which may have no room for them.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises
        ------
        GlaciercastError
            If the system refuses a write; the checkpoint that was there stays.
        """
        with saving.whole(Path(path)) as partial, partial.open("wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:
                if isinstance(error.__context__, OSError):  # torch says that the file is cut short, but not why
                    raise error.__context__ from error
                raise


def describe(record: Record, config: TrainingConfig) -> str:
    """Return the line that tells how a fit goes, and how long it may still take."""
    last = record.history[-1]
    left = "" if record.finished(config) else f", at most {in_words(record.seconds_left(config))} left"
    return (
        f"epoch {last['epoch']}/{config.epochs}: training loss {last['train_loss']:.4f}, validation {last['val_loss']:.4f} "
        f"(best {record.best_loss:.4f} in epoch {record.best_epoch}), {last['seconds']:.1f} s{left}"
    )


def in_words(seconds: float) -> str:
    """Return a duration as hours, minutes or seconds."""
    if seconds >= 3600:
        return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s" if seconds >= 60 else f"{seconds:.0f} s"
