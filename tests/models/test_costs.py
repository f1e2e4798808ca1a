"""What a network costs is counted, not guessed."""

import pytest
from tests.models.batches import task

from glaciercast.models import costs, registry
from glaciercast.models.base import parameter_count
from glaciercast.models.ports import Ports


@pytest.mark.parametrize("name", ["lstm", "unet_time", "conv_lstm", "transformer", "simvp"])
def test_weights_are_counted_without_room_for_them(name):
    made = registry.create(name, costs.TASK, ports=Ports.of(costs.TASK, departures=True))
    assert costs.parameters(name) == parameter_count(made)


def test_the_largest_preset_is_counted_too():
    """Ronneberger et al. (2015): 31,030,658 weights for one channel in and two out; more channels in make the first layer larger."""
    assert 31.0e6 < costs.parameters("unet_recurrent", "paper") < 31.1e6


def test_the_arithmetic_of_a_step_is_counted():
    """A ridge regression is one product of a pixel's features with a weight for each lead."""
    cost = costs.measure("pixel_linear", batch=3, repeats=1)
    leads = costs.TASK.n_target
    features = (costs.parameters("pixel_linear") - leads) // leads
    assert cost.gflop == pytest.approx(2 * 3 * 50 * 50 * features * leads / 1e9, rel=1e-6)


def test_twice_the_patches_are_twice_the_arithmetic():
    small = task(patch=8)
    once, both = (costs.measure("unet_time", task=small, batch=n, repeats=1) for n in (1, 2))
    assert both.gflop == pytest.approx(2 * once.gflop) and once.seconds > 0
