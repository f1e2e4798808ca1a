"""The U-Net with time as channels: its size, what it reads, and that no sample sees another."""

import pytest
import torch
from tests.models.batches import inputs, task

from glaciercast.models import registry
from glaciercast.models.base import parameter_count
from glaciercast.models.ports import Ports


def shaken(chosen, ports=None, **options):
    """A network whose last layer is random too."""
    torch.manual_seed(0)
    network = registry.create("unet_time", chosen, ports=ports, **options)
    torch.nn.init.normal_(network.readout.weight)
    return network


@pytest.mark.parametrize("n_input", [3, 4])
@pytest.mark.parametrize("n_target", [2, 4])
def test_the_default_is_a_tenth_of_a_million_weights(n_input, n_target):
    network = registry.create("unet_time", task(n_input=n_input, n_target=n_target, history=12, period=12))
    assert 0.08e6 < parameter_count(network) < 0.15e6


@pytest.mark.parametrize("norm", ["group", "layer", "none"])
@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (1, 3), (50, 47)])
def test_any_patch_size_goes_in_and_comes_out(rows, columns, norm):
    chosen = task(variables=("ndsi", "ndwi", "lst"), targets=("ndsi", "ndwi"), statics=("elevation",))
    ports = Ports.of(chosen, parameters=3, departures=True)
    forecast = shaken(chosen, ports, norm=norm)(inputs(chosen, rows=rows, columns=columns, ports=ports))
    assert forecast.shape == (2, 2, 6, rows, columns) and forecast.isfinite().all()


def test_every_lead_and_channel_is_a_map_of_its_own():
    """The read-out's channels are lead by lead, and in a lead those of the head: what its rows say stands where its step is."""
    chosen = task(variables=("ndsi", "ndwi"))
    network, given = shaken(chosen), inputs(chosen)
    with torch.no_grad():
        network.readout.weight.zero_()
        network.readout.bias.copy_(torch.arange(4.0))
    assert network(given)[0, :, :, 3, 5].tolist() == [[0.0, 1.0], [2.0, 3.0]]


def test_only_with_group_norm_a_forecast_is_tied_to_the_size_of_its_tile():
    assert [shaken(task(), norm=norm).any_size for norm in ("none", "layer", "group")] == [True, True, False]


def test_it_starts_at_zero():
    assert not registry.create("unet_time", task())(inputs(task())).any()


def test_no_sample_sees_another():
    network, given = shaken(task()).train(), inputs(task(), n=4)
    other = given._replace(frames=torch.cat([given.frames[:1], given.frames[1:] + 5]))
    torch.testing.assert_close(network(given)[0], network(other)[0], rtol=0, atol=0)
    alone = type(given)(*(part[:1] for part in given))
    torch.testing.assert_close(network(alone)[0], network(given)[0], rtol=1e-4, atol=1e-5)


def test_all_that_is_known_of_the_targets_counts_and_the_inputs_seasons_do_not():
    chosen = task(statics=("elevation",))
    network, given = shaken(chosen), inputs(chosen)
    forecast = network(given)
    for name in ("frames", "future", "statics"):
        assert not torch.allclose(network(given._replace(**{name: getattr(given, name) + 1})), forecast), name
    past, future = given.season.clone(), given.season.clone()
    past[:, :3] += 1
    future[:, 4] += 1
    assert torch.equal(network(given._replace(season=past)), forecast)
    assert not torch.allclose(network(given._replace(season=future)), forecast)


@pytest.mark.parametrize("norm", ["group", "layer", "none"])
def test_a_gradient_reaches_every_weight(norm):
    chosen = task(statics=("elevation",))
    network = shaken(chosen, norm=norm)
    network(inputs(chosen)).square().sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()] == []
