"""One quiet Lightning trainer, in this process or several. Slow to import: import it where it is used."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy

from glaciercast.errors import InputError
from glaciercast.models.residual import ResidualForecaster
from glaciercast.training import energy, logs, processes
from glaciercast.training.config import TrainingConfig
from glaciercast.training.epochs import KEY, EpochEnd, WholeFiles
from glaciercast.training.module import ForecastModule
from glaciercast.training.record import Record

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch


def run(
    forecaster: ResidualForecaster, train_loader: Iterable[Batch], val_loader: Iterable[Batch], checkpoint: Path, config: TrainingConfig
) -> Record:
    """Train until done, from the last whole checkpoint if there is one; return the record with the best weights.

    With several processes `forecaster` itself stays as it was; the record holds the weights in any case.

    Raises
    ------
    GlaciercastError
        If a loss is not finite (the message names epoch, batch and windows), nothing was observed, or the checkpoint cannot be written.
    InputError
        If the checkpoint cannot be read, or the loader does not tell its length.
    """
    record = _recorded(checkpoint)
    if record.finished(config):  # killed between the last epoch and the end
        return record
    if not hasattr(train_loader, "__len__"):
        raise InputError(f"training: expected a loader that tells its length, found {type(train_loader).__name__}")
    if config.devices == 1:
        return _train(forecaster, train_loader, val_loader, checkpoint, config, record)
    processes.start(config.devices, _share, forecaster, train_loader, val_loader, checkpoint, config, torch.get_num_threads())
    return _recorded(checkpoint)


def _share(
    forecaster: ResidualForecaster, train_loader: Iterable[Batch], val_loader: Iterable[Batch], checkpoint: Path, config: TrainingConfig,
    threads: int,
) -> None:  # fmt: skip
    """Do what one of several processes does; without a number of threads, they share those of the caller."""
    torch.set_num_threads(config.threads or max(1, threads // config.devices))
    _train(forecaster, processes.Shares(train_loader), processes.Shares(val_loader), checkpoint, config, _recorded(checkpoint))


def _train(
    forecaster: ResidualForecaster, train_loader: Iterable[Batch], val_loader: Iterable[Batch], checkpoint: Path, config: TrainingConfig,
    record: Record,
) -> Record:  # fmt: skip
    """Train in this process, on after what the record holds, and return the record."""
    resume, cuda = checkpoint.is_file(), processes.use_cuda(config)
    module = ForecastModule(forecaster.train(), config, len(train_loader))  # type: ignore[arg-type]  # `run` has seen to it
    with (
        _quiet(),
        _threads(config.threads),
        torch.random.fork_rng(devices=[torch.cuda.current_device()] if cuda else []),
        logs.events(config.tensorboard and _is_first(), checkpoint.parent, len(record.history)) as writer,
        energy.metered(config, record.energy, checkpoint.parent, _is_first()) as meter,
    ):
        epoch_end = EpochEnd(record, checkpoint, config, train_loader, writer, meter)
        trainer = Trainer(
            accelerator="cuda" if cuda else "cpu",
            devices=config.devices,
            strategy=_strategy(config, cuda),
            max_epochs=config.epochs,
            gradient_clip_val=config.gradient_clip or None,
            callbacks=[epoch_end],
            plugins=[LightningEnvironment(), WholeFiles()],  # these processes alone, also inside a batch job of a cluster
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
    forecaster.network.teacher = 0.0
    return record


def _strategy(config: TrainingConfig, cuda: bool) -> DDPStrategy | str:
    """Return how the processes work together.

    Buffers are fixed or each process's own, so they are not sent around; a product's encoder may go without samples in a batch, so unused
    weights are looked for.
    """
    if config.devices == 1:
        return "auto"
    return DDPStrategy(process_group_backend="nccl" if cuda else "gloo", broadcast_buffers=False, find_unused_parameters=True)


def _is_first() -> bool:
    """Tell whether this process writes; the group does not exist yet when it is asked."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _recorded(checkpoint: Path) -> Record:
    """Return the record of a checkpoint; an empty one if there is none."""
    record = Record()
    if not checkpoint.is_file():
        return record
    try:
        record.restore(torch.load(checkpoint, map_location="cpu", weights_only=True)["callbacks"][KEY])
    except Exception as error:  # torch raises half a dozen types for a damaged file, and none of them is ours to handle differently
        reason = (" ".join(str(error).split()) or type(error).__name__)[:200]
        raise InputError(f"{checkpoint}: cannot be read as a checkpoint: {reason}; delete it to fit from the start") from error
    return record


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's notices and advice (workers of a loader, unused GPUs) off the terminal."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)
            warnings.filterwarnings("ignore", message="`isinstance.treespec, LeafSpec", category=FutureWarning)  # Lightning, torch 2.13
            warnings.filterwarnings("ignore", message="`broadcast_buffers` is deprecated")  # its successor came with torch 2.13
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
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
