"""Fit a network in a folder: interrupted fits resume bit for bit, finished ones are loaded, others' folders are refused."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from glaciercast import config as configs
from glaciercast import progress, runs
from glaciercast.errors import GlaciercastError, InputError, RunFolderError
from glaciercast.models.base import Forecaster, Solvable, parameter_count
from glaciercast.models.residual import ResidualForecaster
from glaciercast.patches import augment
from glaciercast.training import assembled, energy, logs, processes, saving
from glaciercast.training.config import Loss, TrainingConfig
from glaciercast.training.record import Record, trained_state

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch

STATE = "fit.json"
CHECKPOINT = "training.ckpt"


@dataclass(frozen=True)
class FitResult:
    """Outcome of a fit.

    Attributes
    ----------
    best_epoch, val_loss
        Epoch whose weights were kept (from 1; 0: those it began with, which none bettered), and their validation loss.
    seconds
        Of training.
    history
        A row an epoch (see `training.record.Record`).
    energy
        What it took (see `training.energy.Meter`); empty if that was not tracked.
    """

    best_epoch: int
    val_loss: float
    seconds: float
    history: list[dict[str, float]]
    energy: dict[str, Any]


def fit(
    forecaster: Forecaster,
    train_loader: Iterable[Batch],
    val_loader: Iterable[Batch],
    folder: str | Path,
    config: TrainingConfig,
    meta: dict[str, Any],
) -> FitResult:
    """Fit `forecaster` in place, leave it with its best weights in evaluation mode, and save it in `folder`.

    The loss is Σ w · loss / Σ w of the forecaster's head over what was observed. After each epoch a checkpoint replaces the last one; a fit
    that was killed resumes from it and ends with the same weights, bit for bit on a CPU with as many threads. A network that is `Solvable`
    is solved for once instead, from the windows as they are. A folder that holds the finished fit is loaded.

    With the loss ``scene`` each batch holds all tiles of a scene (`networks.loader`), of training and validation alike, and the scenes that
    are blended from them are compared with the truth. Training windows are varied by `config.augment`, those of validation are not.

    Parameters
    ----------
    forecaster
        A `ResidualForecaster`, with fresh weights drawn from `config.seed` (`models.residual.build`) or those of another fit.
    train_loader, val_loader
        Iterables of `Batch` with targets. Where the training loader, its sampler or its batch sampler has a ``set_epoch``, it is called.
    folder
        Gets ``model.safetensors``, ``model.json``, ``fit.json`` and ``metrics.csv``; ``training.ckpt`` while unfinished.
    config
        How to fit.
    meta
        What the fit depends on (site, split, data digest …), plain JSON types; it is stored and its digest identifies the fit.

    Raises
    ------
    RunFolderError
        If the folder holds another fit.
    InputError
        If the forecaster has no weights to train or its variables cannot be turned, batches are no scenes where the loss wants them, a file
        of the folder cannot be read, or a device or package is missing.
    GlaciercastError
        If a loss is not finite, nothing was observed, or the disk is full.
    """
    if not isinstance(forecaster, ResidualForecaster) or not (isinstance(forecaster.network, Solvable) or parameter_count(forecaster)):
        raise InputError(f"{forecaster.name}: has no weights to train")
    augment.check(config.augment, forecaster.task.variables, forecaster.task.targets)
    folder = Path(folder)
    digest = configs.digest(identity(forecaster, config, meta))
    state = _state(folder, digest)
    if state.get("status") == "finished":
        saving.load_weights(forecaster, folder)
        progress.note(f"{folder}: fitted before, loaded")
        return FitResult(**{key: state[key] for key in FitResult.__dataclass_fields__})
    check_options(config)
    folder.mkdir(parents=True, exist_ok=True)
    runs.write_json(folder / STATE, {"digest": digest, "status": "running"})
    if isinstance(forecaster.network, Solvable):
        record = _solve(forecaster, forecaster.network, train_loader, val_loader, folder, config)
        best_loss = record.best_loss
    else:
        record, best_loss = _train(forecaster, train_loader, val_loader, folder, config)
    forecaster.load_state_dict({**forecaster.state_dict(), **record.best})
    forecaster.eval()
    logs.write_metrics(record.history, folder)
    saving.save(forecaster, folder, meta)
    result = FitResult(record.best_epoch, best_loss, record.seconds, record.history, record.energy)
    runs.write_json(folder / STATE, {"digest": digest, "status": "finished", **vars(result)})
    for name in (CHECKPOINT, energy.CUT_SHORT):
        (folder / name).unlink(missing_ok=True)
    return result


def check_options(config: TrainingConfig) -> None:
    """Refuse what this machine cannot do, before anything is fitted or written.

    Raises
    ------
    InputError
        If there are too few devices, a package is missing, or a country is unknown.
    """
    processes.use_cuda(config)
    if config.tensorboard:
        logs.check_tensorboard()
    if config.energy:
        energy.check_codecarbon(config)


def mean_loss(forecaster: ResidualForecaster, batches: Iterable[Batch], kind: Loss = "patch") -> float:
    """Return Σ w · loss / Σ w over all batches, of the forecaster as it is used: free of the truth, in evaluation mode.

    The losses are those of patches, or of the scenes whose tiles each batch holds.

    Raises
    ------
    GlaciercastError
        If nothing was observed, or the loss is not finite.
    """
    losses, weight = _summed_loss(forecaster, batches, kind)
    if weight == 0:
        raise GlaciercastError(f"{forecaster.name}: no target pixel of the validation part was observed")
    if not math.isfinite(losses):
        raise GlaciercastError(f"{forecaster.name}: the validation loss is {losses}; expected a finite value")
    return losses / weight


def _summed_loss(forecaster: ResidualForecaster, batches: Iterable[Batch], kind: Loss) -> tuple[float, float]:
    """Return Σ w · loss and Σ w over all batches, in evaluation mode."""
    forecaster.eval()
    sums = torch.zeros(2, dtype=torch.float64)
    with torch.no_grad():
        for batch in batches:
            sums += torch.stack(assembled.batch_loss(forecaster, batch, kind)).double()
    return float(sums[0]), float(sums[1])


def identity(forecaster: Forecaster, config: TrainingConfig, meta: dict[str, Any]) -> dict[str, Any]:
    """Return what makes two fits the same: recipe, shapes of the weights, which are fixed, training options and `meta`."""
    shapes = {key: list(value.shape) for key, value in trained_state(forecaster).items()}
    fixed = [key for key, value in forecaster.named_parameters() if not value.requires_grad]
    return {"recipe": forecaster.recipe(), "shapes": shapes, "fixed": fixed, "config": configs.plain(config), "meta": meta}


def _train(
    forecaster: ResidualForecaster, train_loader: Iterable[Batch], val_loader: Iterable[Batch], folder: Path, config: TrainingConfig
) -> tuple[Record, float]:
    """Train, and return the record with the best weights and their validation loss.

    Those that the fit begins with may compete: fresh ones forecast the reference, and what does not better it is not kept.
    """
    from glaciercast.training import trainer  # imports lightning, which takes seconds

    before = {key: value.detach().clone() for key, value in trained_state(forecaster).items()}
    losses, weight = _summed_loss(forecaster, val_loader, config.loss) if config.keep_start else (math.inf, 1.0)
    loss = losses / weight if math.isfinite(losses) and weight else math.inf  # training names the windows of a loss that is not finite
    record = trainer.run(forecaster, train_loader, val_loader, folder / CHECKPOINT, config)
    if record.best_loss < loss:
        return record, record.best_loss
    return replace(record, best=before, best_epoch=0), loss


def _solve(
    forecaster: ResidualForecaster, network: Solvable, train_loader: Iterable[Batch], val_loader: Iterable[Batch], folder: Path,
    config: TrainingConfig,
) -> Record:  # fmt: skip
    """Solve for the weights in one pass, and record it as one epoch."""
    with energy.metered(config, {}, folder) as meter, torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        meter.start()
        started = time.perf_counter()
        network.solve(forecaster, train_loader, val_loader)
        loss = mean_loss(forecaster, val_loader)
        row = {"epoch": 1, "val_loss": loss, "seconds": time.perf_counter() - started}
        return Record(history=[row], best_epoch=1, energy=meter.stop())


def _state(folder: Path, digest: str) -> dict[str, Any]:
    if not (folder / STATE).is_file():
        if (folder / saving.MODEL).exists() or (folder / CHECKPOINT).exists():
            raise RunFolderError(f"{folder}: holds a model that no fit left there; choose another folder")
        return {}
    state = runs.read_json(folder / STATE)
    if state.get("digest") != digest:
        raise RunFolderError(f"{folder}: holds a fit with another model, options or data; choose another folder")
    return state
