"""The U-Net: its size, any patch size, and that no sample sees another."""

import pytest
import torch
from tests.models.batches import task

from glaciercast.models import registry
from glaciercast.models.base import parameter_count


def shaken(chosen, **options):
    """A network whose last layer is random too."""
    torch.manual_seed(0)
    network = registry.create("unet_time", chosen, **options)
    torch.nn.init.normal_(network.readout.weight)
    return network


@pytest.mark.parametrize("n_input", [3, 4])
@pytest.mark.parametrize("n_target", [2, 4])
def test_the_default_is_a_tenth_of_a_million_weights(n_input, n_target):
    network = registry.create("unet_time", task(n_input=n_input, n_target=n_target, history=12, period=12))
    assert 0.08e6 < parameter_count(network) < 0.15e6


@pytest.mark.parametrize("norm", ["group", "none"])
@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (9, 11), (1, 3), (24, 24), (50, 47)])
def test_any_patch_size_goes_in_and_comes_out(rows, columns, norm):
    network = shaken(task(variables=("ndsi", "ndwi")), norm=norm)
    y = network(torch.randn(2, 3, 4, rows, columns), torch.randn(2, 5, 2))
    assert y.shape == (2, 2, 2, rows, columns) and y.isfinite().all()


def test_padding_repeats_the_edge():
    network, x, season = shaken(task()), torch.randn(2, 3, 2, 6, 7), torch.randn(2, 5, 2)
    padded = torch.cat([x, x[..., -1:]], dim=-1)
    padded = torch.cat([padded, padded[..., -1:, :], padded[..., -1:, :]], dim=-2)
    torch.testing.assert_close(network(x, season), network(padded, season)[..., :6, :7], rtol=0, atol=0)


def test_it_starts_at_zero():
    network = registry.create("unet_time", task())
    assert not network(torch.randn(2, 3, 2, 8, 8), torch.randn(2, 5, 2)).any()


def test_no_sample_sees_another():
    network, x, season = shaken(task()).train(), torch.randn(4, 3, 2, 8, 8), torch.randn(4, 5, 2)
    other = x.clone()
    other[1:] += 5
    torch.testing.assert_close(network(x, season)[0], network(other, season)[0], rtol=0, atol=0)
    torch.testing.assert_close(network(x[:1], season[:1])[0], network(x, season)[0], rtol=1e-4, atol=1e-5)


def test_the_targets_seasons_count_and_the_inputs_do_not():
    network, x, season = shaken(task()), torch.randn(1, 3, 2, 8, 8), torch.randn(1, 5, 2)
    past, future = season.clone(), season.clone()
    past[:, :3] += 1
    future[:, 4] += 1
    assert torch.equal(network(x, season), network(x, past))
    assert not torch.allclose(network(x, season), network(x, future))


def test_groups_fit_any_width():
    assert shaken(task(), widths=(7, 12))(torch.randn(1, 3, 2, 8, 8), torch.randn(1, 5, 2)).shape == (1, 2, 1, 8, 8)
    assert shaken(task(), widths=(5,)).multiple == 1
