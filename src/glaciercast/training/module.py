"""The fit as Lightning sees it: one module, one callback, one quiet trainer. Slow to import: import it where it is used."""

from __future__ import annotations

import logging
import signal
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from glaciercast import progress
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.models.residual import ResidualForecaster
from glaciercast.training.config import TrainingConfig
from glaciercast.training.record import Record, trained_state

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch


class ForecastModule(LightningModule):
    """A forecaster, its loss and its optimiser; `sums` holds Σ w e² and Σ w of the present epoch's training and validation."""

    def __init__(self, forecaster: ResidualForecaster, config: TrainingConfig) -> None:
        super().__init__()
        self.forecaster = forecaster
        self.config = config
        self.sums: dict[str, Tensor] = {}

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of one batch, Σ w e² / Σ w in normalised units; 0 where the batch holds no observed target."""
        squares, weight = self._add("training", batch)
        loss = squares / weight.clamp_min(torch.finfo(weight.dtype).tiny)
        if not bool(loss.isfinite()):
            raise GlaciercastError(
                f"training {self.forecaster.name}: the loss is {loss.item()} in epoch {self.current_epoch + 1}, batch {index + 1}; "
                f"expected a finite value (learning rate {self.config.learning_rate:g})"
            )
        return loss

    def validation_step(self, batch: Batch, index: int) -> None:
        """Add one batch to the validation loss."""
        self._add("validation", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return AdamW over all trainable weights (Loshchilov & Hutter 2019, arXiv:1711.05101)."""
        return torch.optim.AdamW(self.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay)

    def epoch_loss(self, part: str) -> float:
        """Return Σ w e² / Σ w over the present epoch of ``training`` or ``validation``.

        Raises
        ------
        GlaciercastError
            If the part holds no observed target, or the loss is not finite.
        """
        squares, weight = self.sums[part].tolist() if part in self.sums else (0.0, 0.0)
        if weight == 0:
            raise GlaciercastError(f"training {self.forecaster.name}: no target pixel of the {part} part was observed")
        loss: float = squares / weight
        if not -float("inf") < loss < float("inf"):
            raise GlaciercastError(f"training {self.forecaster.name}: the {part} loss is {loss} in epoch {self.current_epoch + 1}")
        return loss

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave the fixed reference forecast out of the checkpoint."""
        kept = {f"forecaster.{key}" for key in trained_state(self.forecaster)}
        checkpoint["state_dict"] = {key: value for key, value in checkpoint["state_dict"].items() if key in kept}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Fill in the fixed reference forecast, which is as it was built."""
        checkpoint["state_dict"] = {**self.state_dict(), **checkpoint["state_dict"]}

    def _add(self, part: str, batch: Batch) -> tuple[Tensor, Tensor]:
        losses, weight = self.forecaster.loss(batch)
        both = torch.stack([losses.detach(), weight]).double()
        self.sums[part] = self.sums[part] + both if part in self.sums else both
        return losses, weight


class EpochEnd(Callback):
    """Seed and order each epoch by its number; at its end record, checkpoint and maybe stop."""

    def __init__(self, record: Record, checkpoint: Path, config: TrainingConfig, train_loader: Iterable[Batch]) -> None:
        self.record, self.checkpoint, self.config, self.train_loader = record, checkpoint, config, train_loader
        self.started = 0.0
        self.failure: BaseException | None = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the epoch depend on its number alone, so that a resumed fit repeats it."""
        self.started = time.perf_counter()
        torch.manual_seed((self.config.seed << 20) + trainer.current_epoch)
        set_epoch(self.train_loader, trainer.current_epoch)
        assert isinstance(pl_module, ForecastModule)
        pl_module.sums = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the losses, write the checkpoint whole or not at all, and stop when nothing improves."""
        assert isinstance(pl_module, ForecastModule)
        seconds = time.perf_counter() - self.started
        record = self.record
        record.add(pl_module.forecaster, pl_module.epoch_loss("training"), pl_module.epoch_loss("validation"), seconds)
        partial = self.checkpoint.with_name(self.checkpoint.name + ".partial")
        trainer.save_checkpoint(partial)
        partial.replace(self.checkpoint)
        last = record.history[-1]
        progress.note(
            f"epoch {last['epoch']}/{self.config.epochs}: training loss {last['train_loss']:.4f}, validation {last['val_loss']:.4f} "
            f"(best {record.best_loss:.4f} in epoch {record.best_epoch}), {seconds:.1f} s"
        )
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


def run(
    forecaster: ResidualForecaster, train_loader: Iterable[Batch], val_loader: Iterable[Batch], checkpoint: Path, config: TrainingConfig
) -> Record:
    """Train until done, from the last whole checkpoint if there is one; return the record with the best weights.

    Raises
    ------
    GlaciercastError
        If a loss is not finite (the message names epoch and batch), nothing was observed, or the checkpoint cannot be read.
    """
    record = Record()
    resume = checkpoint.is_file()
    if resume:
        record.restore(_read(checkpoint)["callbacks"][EpochEnd.__qualname__])
        if record.finished(config):  # killed between the last epoch and the end
            return record
    cuda = config.device == "cuda" or (config.device == "auto" and torch.cuda.is_available())
    if cuda and not torch.cuda.is_available():
        raise InputError("device: expected a CUDA device, found none; use cpu or auto")
    module = ForecastModule(forecaster.train(), config)
    with _quiet(), _threads(config.threads), torch.random.fork_rng(devices=[torch.cuda.current_device()] if cuda else []):
        epoch_end = EpochEnd(record, checkpoint, config, train_loader)
        trainer = Trainer(
            accelerator="cuda" if cuda else "cpu",
            devices=1,
            max_epochs=config.epochs,
            gradient_clip_val=config.gradient_clip or None,
            callbacks=[epoch_end],
            plugins=[LightningEnvironment()],  # one process, also inside a batch job of a cluster
            default_root_dir=checkpoint.parent,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        with _interruptible(epoch_end):
            trainer.fit(module, train_loader, val_loader, ckpt_path=checkpoint if resume else None, weights_only=True)
    return record


def set_epoch(loader: Iterable[Batch], epoch: int) -> None:
    """Tell whatever orders the patches (the loader, its sampler or its batch sampler) which epoch begins."""
    for part in (loader, getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)):
        setter = getattr(part, "set_epoch", None)
        if callable(setter):
            setter(epoch)


def _read(checkpoint: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen types for a damaged file, and none of them is ours to handle differently
        reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise InputError(f"{checkpoint}: cannot be read as a checkpoint: {reason}; delete it to fit from the start") from error
    return state


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's notices and advice (workers of a loader, unused GPUs) off the terminal."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)
            warnings.filterwarnings("ignore", message="`isinstance.treespec, LeafSpec", category=FutureWarning)  # Lightning, torch 2.13
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _interruptible(epoch_end: EpochEnd) -> Iterator[None]:
    """Let Ctrl-C reach the caller: Lightning turns it into an exit and ignores further ones."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        if not isinstance(epoch_end.failure, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None
