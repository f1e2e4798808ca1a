"""Fit a network in a folder: interrupted fits resume bit for bit, finished ones are loaded, others' folders are refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import config as configs
from glaciercast import progress, runs
from glaciercast.errors import InputError, RunFolderError
from glaciercast.models.base import Forecaster, parameter_count
from glaciercast.models.residual import ResidualForecaster
from glaciercast.training import saving
from glaciercast.training.config import TrainingConfig
from glaciercast.training.record import trained_state

if TYPE_CHECKING:
    from glaciercast.patches.sampling import Batch

STATE = "fit.json"
CHECKPOINT = "training.ckpt"


@dataclass(frozen=True)
class FitResult:
    """Outcome of a fit: epoch of the best weights (from 1), their validation loss, seconds of training, and the losses of every epoch."""

    best_epoch: int
    val_loss: float
    seconds: float
    history: list[dict[str, float]]


def fit(
    forecaster: Forecaster,
    train_loader: Iterable[Batch],
    val_loader: Iterable[Batch],
    folder: str | Path,
    config: TrainingConfig,
    meta: dict[str, Any],
) -> FitResult:
    """Fit `forecaster` in place, leave it with its best weights in evaluation mode, and save it in `folder`.

    The loss is Σ w (p − t)² / Σ w in normalised units over what was observed. After each epoch a checkpoint replaces the last one; a fit
    that was killed resumes from it and ends with the same weights, bit for bit on a CPU with as many threads. A folder that holds the
    finished fit is loaded instead.

    Parameters
    ----------
    forecaster
        A `ResidualForecaster`, with fresh weights drawn from `config.seed` (`models.residual.build`).
    train_loader, val_loader
        Iterables of `Batch` with targets. Where the training loader, its sampler or its batch sampler has a ``set_epoch``, it is called.
    folder
        Gets ``model.safetensors``, ``model.json`` and ``fit.json``; ``training.ckpt`` while unfinished.
    config
        How to fit.
    meta
        What the fit depends on (site, split, data digest …), plain JSON types; it is stored and its digest identifies the fit.

    Raises
    ------
    RunFolderError
        If the folder holds another fit.
    InputError
        If the forecaster has no weights to train, or a file of the folder cannot be read.
    GlaciercastError
        If a loss is not finite or nothing was observed.
    """
    if not isinstance(forecaster, ResidualForecaster) or parameter_count(forecaster) == 0:
        raise InputError(f"{forecaster.name}: has no weights to train")
    folder = Path(folder)
    digest = configs.digest(identity(forecaster, config, meta))
    state = _state(folder, digest)
    if state.get("status") == "finished":
        saving.load_weights(forecaster, folder)
        progress.note(f"{folder}: fitted before, loaded")
        return FitResult(**{key: state[key] for key in FitResult.__dataclass_fields__})
    folder.mkdir(parents=True, exist_ok=True)
    runs.write_json(folder / STATE, {"digest": digest, "status": "running"})

    from glaciercast.training import module  # imports lightning, which takes seconds

    record = module.run(forecaster, train_loader, val_loader, folder / CHECKPOINT, config)
    forecaster.load_state_dict({**forecaster.state_dict(), **record.best})
    forecaster.eval()
    saving.save(forecaster, folder, meta)
    finished = {"best_epoch": record.best_epoch, "val_loss": record.best_loss, "seconds": record.seconds, "history": record.history}
    runs.write_json(folder / STATE, {"digest": digest, "status": "finished", **finished})
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return FitResult(record.best_epoch, record.best_loss, record.seconds, record.history)


def identity(forecaster: Forecaster, config: TrainingConfig, meta: dict[str, Any]) -> dict[str, Any]:
    """Return what makes two fits the same: recipe, shapes of the weights, training options and `meta`."""
    shapes = {key: list(value.shape) for key, value in trained_state(forecaster).items()}
    return {"recipe": forecaster.recipe(), "shapes": shapes, "config": configs.plain(config), "meta": meta}


def _state(folder: Path, digest: str) -> dict[str, Any]:
    if not (folder / STATE).is_file():
        if (folder / saving.MODEL).exists() or (folder / CHECKPOINT).exists():
            raise RunFolderError(f"{folder}: holds a model that no fit left there; choose another folder")
        return {}
    state = runs.read_json(folder / STATE)
    if state.get("digest") != digest:
        raise RunFolderError(f"{folder}: holds a fit with another model, options or data; choose another folder")
    return state
