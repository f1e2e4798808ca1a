"""Several processes that fit one network together: who takes which samples, what they add up, and how they are started.

Lightning's DDP strategy averages the gradients; this module starts its processes, because neither of Lightning's own ways suits a
library: one runs the user's command again in every process, which then finds the run folder locked, the other hands weights over in
shared memory, of which containers have little.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed

from glaciercast import errors, progress
from glaciercast.errors import GlaciercastError, InputError, unknown
from glaciercast.patches.sampling import Batch
from glaciercast.training.config import TrainingConfig

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

Taking = Callable[[Sequence[int]], Batch]


class Shares:
    """One process's share of each batch of a loader: every n-th sample, gathered alone where the loader can.

    All processes see as many batches. Where a batch has fewer samples than there are processes, the others take one that weighs nothing.
    """

    def __init__(self, loader: Iterable[Batch]) -> None:
        self.loader = loader

    def set_epoch(self, epoch: int) -> None:
        """Order the batches of an epoch."""
        set_epoch(self.loader, epoch)

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]  # checked where the fit begins

    def __iter__(self) -> Iterator[Batch]:
        first, step = rank(), count()
        for indices, taking in self._batches():
            mine = indices[first::step]
            yield taking(mine) if mine else weightless(taking(indices[:1]))

    def _batches(self) -> Iterator[tuple[Sequence[int], Taking]]:
        """Yield the samples of each batch, and what gathers some of them."""
        sampler = getattr(self.loader, "batch_sampler", None)
        if sampler is not None:
            gather = self.loader.dataset.__getitems__  # type: ignore[attr-defined]
            yield from ((indices, gather) for indices in sampler)
        else:
            for batch in self.loader:
                yield range(len(batch.past)), functools.partial(take, batch)


def set_epoch(loader: Iterable[Batch], epoch: int) -> None:
    """Tell whatever orders the patches (the loader, its sampler or its batch sampler) which epoch begins."""
    for part in (loader, getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)):
        if part is not None and hasattr(part, "set_epoch"):
            part.set_epoch(epoch)


def take(batch: Batch, rows: Sequence[int]) -> Batch:
    """Return some samples of a batch."""
    chosen = list(rows)
    return Batch._make(None if field is None else field[chosen] for field in batch)


def weightless(batch: Batch) -> Batch:
    """Return a batch whose targets weigh nothing."""
    assert batch.target_weight is not None
    return batch._replace(target_weight=torch.zeros_like(batch.target_weight))


def use_cuda(config: TrainingConfig) -> bool:
    """Tell whether a fit runs on GPUs.

    Raises
    ------
    InputError
        If there are too few.
    """
    return device(config.device, config.devices).type == "cuda"


def device(name: str, number: int = 1) -> torch.device:
    """Return the device that ``auto``, ``cpu`` or ``cuda`` stands for; auto is a GPU where there is one.

    Raises
    ------
    InputError
        If there is no device of that name, or fewer than `number`.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(unknown("device", name, ("auto", "cpu", "cuda")))
    cuda = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    if cuda and torch.cuda.device_count() < number:
        raise InputError(f"device: expected {number} CUDA device(s), found {torch.cuda.device_count()}; use cpu or fewer 'devices'")
    return torch.device("cuda" if cuda else "cpu")


def count() -> int:
    """Return how many processes fit together; 1 outside of DDP."""
    return distributed.get_world_size() if _together() else 1


def rank() -> int:
    """Return the number of this process, from 0."""
    return distributed.get_rank() if _together() else 0


def total(sums: Tensor) -> Tensor:
    """Return the sum of `sums` over all processes."""
    if _together():
        distributed.all_reduce(sums)
    return sums


def gathered(texts: list[str]) -> list[str]:
    """Return the texts of all processes, in the order of their numbers."""
    if not _together():
        return texts
    found: list[Any] = [None] * count()
    distributed.all_gather_object(found, texts)
    return [text for each in found for text in each]


def start(number: int, work: Callable[..., None], *given: Any) -> None:
    """Run ``work(*given)`` in `number` new processes that can form a group on this machine, and wait for them.

    What is given is copied to each process; nothing comes back.

    Raises
    ------
    GlaciercastError
        The first that a process raised, of the same class and with the same message; or that a process died, with what is known of it.
    """
    from lightning.fabric.plugins.environments.lightning import find_free_network_port
    from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, start_processes

    failures = multiprocessing.get_context("spawn").SimpleQueue()
    # pickled here, so that tensors travel as bytes and not in shared memory; the pipe to our own child is all that these bytes pass
    job = pickle.dumps((work, given, find_free_network_port(), progress.shown()))
    with _environment(TORCH_CPP_LOG_LEVEL="ERROR"):  # DDP's remark that all weights were used for once
        context = start_processes(_process, (number, job, failures), number, join=False, start_method="spawn")  # type: ignore[no-untyped-call]
    try:
        while not context.join():
            pass
    except (ProcessRaisedException, ProcessExitedException) as error:
        if failures.empty():
            raise GlaciercastError(f"process {error.error_index} of {number} ended: {_last_line(error)}") from error
        kind, message = failures.get()
        raise getattr(errors, kind)(message) from error
    finally:
        for process in context.processes:
            process.terminate()
            process.join()


def _process(number: int, processes: int, job: bytes, failures: SimpleQueue[tuple[str, str]]) -> None:
    """Do one process's part of `start`."""
    work, given, port, shown = pickle.loads(job)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), LOCAL_RANK=str(number), NODE_RANK="0", GROUP_RANK="0")
    if sys.platform == "linux":
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    progress.show(shown and number == 0)
    try:
        work(*given)
    except GlaciercastError as error:
        failures.put((type(error).__name__, str(error)))
        raise


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set what new processes inherit."""
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _last_line(error: Exception) -> str:
    """Return what is known of a process that ended; one that could not begin was started by a script without a main guard."""
    hint = "; a script needs \"if __name__ == '__main__':\" around what starts processes" if getattr(error, "exit_code", 0) == 1 else ""
    return str(error).strip().rpartition("\n")[2] + hint
