"""What the tests of the simulated world share: the tiny world, the same without snow, and sensors without noise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from glaciercast.simulate import render, scenario, world
from glaciercast.simulate.world import World


@pytest.fixture(scope="session")
def tiny() -> World:
    """Return the world of the scenario `tiny`."""
    return world.make(scenario.load("tiny"), seed=1)


@pytest.fixture(scope="session")
def bare(tiny: World) -> World:
    """Return the tiny world on which no snow ever lies, so that ice and rock show on every day."""
    pack = tiny.snow
    return dataclasses.replace(tiny, snow=dataclasses.replace(pack, swe=np.zeros_like(pack.swe)))


class _Silent:
    """Stands for the generator of a sensor: no gain error, no noise."""

    def normal(self, mean: float, _: float) -> float:
        return mean

    def standard_normal(self, shape: tuple[int, int], kind: type) -> np.ndarray:
        return np.zeros(shape, kind)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sensors see without noise and without an error of their gain."""
    monkeypatch.setattr(render, "generator", lambda *_: _Silent())
