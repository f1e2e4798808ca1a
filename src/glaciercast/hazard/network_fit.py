"""Training the outlook's networks: all floods, some of the other days with the weight of all, the same weights for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from glaciercast.hazard.network_layers import Batch

State = dict[str, Tensor]


@dataclass(frozen=True)
class Schedule:
    """How a network is trained.

    Attributes
    ----------
    epochs
        After which the weights are noted, ascending; the last ends the training.
    batch
        Samples a step.
    rate, decay
        Adam's learning rate, which falls linearly to 0, and decay of the weights.
    """

    epochs: tuple[int, ...]
    batch: int
    rate: float
    decay: float


def drawn(labels: np.ndarray, most: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return samples to train on, and how many of all each stands for.

    All days before floods are kept. Of the others at most `most` are drawn at random, without any being drawn twice, and stand for
    all: chances are those of all days, with nothing to correct afterwards.

    Parameters
    ----------
    labels
        1 or 0, float64 (sample,).

    Returns
    -------
    tuple
        Numbers int64 and weights float64, both (row,); weights sum up to the number of samples.
    """
    floods, others = np.flatnonzero(labels == 1), np.flatnonzero(labels != 1)
    chosen = others if others.size <= most else np.sort(rng.choice(others, most, replace=False))
    weight = np.concatenate([np.ones(floods.size), np.full(chosen.size, others.size / max(1, chosen.size))])
    return np.concatenate([floods, chosen]), weight


def train(
    build: Callable[[], nn.Module], inputs: Batch, labels: np.ndarray, weights: np.ndarray, schedule: Schedule, seed: int
) -> tuple[nn.Module, list[State]]:
    """Train the members of a network by weighted log loss.

    Parameters
    ----------
    build
        Makes the untrained network.
    labels, weights
        1 or 0, and how much each sample counts, float64 (sample,).
    seed
        First weights, order and dropout follow from it alone; torch's own random state stays as it was.

    Returns
    -------
    tuple
        The network and its weights after each of the schedule's epochs.
    """
    truth = torch.from_numpy(np.asarray(labels, dtype="float32"))
    mass = torch.from_numpy(np.asarray(weights / weights.mean(), dtype="float32"))
    with repeatable(seed):
        network, states = build(), []
        optimiser = torch.optim.AdamW(network.parameters(), lr=schedule.rate, weight_decay=schedule.decay)
        for epoch in range(schedule.epochs[-1]):
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate * (1 - epoch / schedule.epochs[-1])
            for rows in torch.split(torch.randperm(len(inputs.sight)), schedule.batch):
                _step(network, optimiser, inputs.at(rows), truth[rows], mass[rows])
            if epoch + 1 in schedule.epochs:
                states.append({name: value.detach().clone() for name, value in network.state_dict().items()})
    return network.eval(), states


def log_odds(network: nn.Module, states: list[State], inputs: Batch, at_once: int = 2048) -> np.ndarray:
    """Return what the members say on average with each of their weights, float64 (state, sample)."""
    found = np.zeros((len(states), len(inputs.sight)))
    with repeatable(0), torch.no_grad():
        for number, state in enumerate(states):
            network.load_state_dict(state)
            for rows in torch.split(torch.arange(len(inputs.sight)), at_once):
                found[number, rows.numpy()] = network.eval()(inputs.at(rows)).double().mean(0).numpy()
    return found


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Draw from `seed` and add up in one order, on one core; random state and number of threads come back afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _step(network: nn.Module, optimiser: torch.optim.Optimizer, batch: Batch, truth: Tensor, mass: Tensor) -> None:
    optimiser.zero_grad()
    told = network(batch)
    loss = nn.functional.binary_cross_entropy_with_logits(told, truth.expand_as(told), reduction="none") * mass
    loss.mean(1).sum().backward()  # type: ignore[no-untyped-call]
    optimiser.step()
