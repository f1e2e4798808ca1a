"""The course of a fit on disk: ``metrics.csv``, and events for TensorBoard if they are wanted."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from glaciercast.errors import InputError
from glaciercast.training import saving

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

METRICS = "metrics.csv"
EVENTS = "tensorboard"


def write_metrics(history: list[dict[str, float]], folder: Path) -> None:
    """Write all epochs as ``metrics.csv``, a row each; a reader sees the old file or the whole new one."""
    with saving.whole(folder / METRICS) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)


@contextmanager
def events(wanted: bool, folder: Path, epochs_done: int) -> Iterator[SummaryWriter | None]:
    """Open the events in `folder` for TensorBoard, or give None if they are not wanted; those after `epochs_done` count no more.

    Raises
    ------
    InputError
        If the package is missing.
    """
    if not wanted:
        yield None
        return
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / EVENTS), purge_step=epochs_done + 1 if epochs_done else None) as writer:
        yield writer


def check_tensorboard() -> None:
    """Refuse what cannot be written before anything is fitted.

    Raises
    ------
    InputError
        If the package tensorboard is missing.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise InputError("tensorboard: expected the package tensorboard, found none; install it or leave training.tensorboard false")


def add_epoch(writer: SummaryWriter, row: dict[str, float]) -> None:
    """Write one row of the history as events."""
    for key, value in row.items():
        if key != "epoch":
            writer.add_scalar(key, value, int(row["epoch"]))
    writer.flush()
