"""What a network costs: its weights, the arithmetic of a training step, and the time that this machine takes for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

from glaciercast.models import registry
from glaciercast.models.base import Network, Solvable, parameter_count
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.task import Task

TASK = Task(n_input=4, n_target=4, history=12, period=12, variables=("ndsi",), patch=50)
"""The study's: four monthly frames in and out, patches of 50×50 pixels."""


@dataclass(frozen=True)
class Cost:
    """Of one training step, forward and backward; of a network that is solved for, the forward pass alone.

    Attributes
    ----------
    batch
        Patches in the step.
    gflop
        10⁹ floating-point operations of matrix products and convolutions; a multiplication and an addition are two.
    seconds
        Median wall time of the steps.
    """

    batch: int
    gflop: float
    seconds: float


def parameters(name: str, preset: str = "small", task: Task = TASK) -> int:
    """Return the number of trainable weights of a network, without making room for them."""
    with torch.device("meta"):
        return parameter_count(registry.create(name, task, preset=preset, ports=_ports(task)))


def measure(name: str, preset: str = "small", task: Task = TASK, batch: int = 16, repeats: int = 3) -> Cost:
    """Measure training steps of a network with fresh weights on random patches, on the CPU with torch's present number of threads."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: Network = registry.create(name, task, preset=preset, ports=_ports(task))
        given = _inputs(task, batch)
        _step(network, given)  # what is made at the first call counts for none
        with FlopCounterMode(display=False) as counter:
            _step(network, given)
        return Cost(batch, counter.get_total_flops() / 1e9, median(_timed(network, given) for _ in range(repeats)))


def _ports(task: Task) -> Ports:
    return Ports.of(task, departures=True)


def _inputs(task: Task, batch: int) -> Inputs:
    size, ports = (task.patch, task.patch), _ports(task)
    return Inputs(
        frames=torch.randn(batch, task.n_input, ports.frame, *size),
        future=torch.randn(batch, task.n_target, ports.targets, *size),
        statics=torch.randn(batch, ports.statics, *size),
        season=torch.randn(batch, task.n_input + task.n_target, 2),
    )


def _step(network: Network, given: Inputs) -> None:
    if isinstance(network, Solvable):
        with torch.no_grad():
            network(given)
        return
    network(given).square().mean().backward()
    network.zero_grad(set_to_none=True)


def _timed(network: Network, given: Inputs) -> float:
    began = time.perf_counter()
    _step(network, given)
    return time.perf_counter() - began
