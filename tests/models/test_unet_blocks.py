"""The U-Net's blocks against loops over the published operations, its padding, and what a tile's size does to a pixel."""

import math

import numpy as np
import pytest
import torch
from tests.models.batches import task

from glaciercast.models import registry
from glaciercast.models.base import parameter_count
from glaciercast.models.unet_blocks import ConvBlock, PixelNorm, UNet, zero_readout


def convolved(x, layer):
    """3×3 convolution with zeros beyond the edge, one product at a time; x (c, y, x)."""
    weight, (rows, columns) = layer.weight.detach().numpy(), x.shape[1:]
    out = np.zeros((len(weight), rows, columns)) + layer.bias.detach().numpy()[:, None, None]
    for o, r, c in np.ndindex(out.shape):
        for i, k, m in np.ndindex(weight.shape[1:]):
            if 0 <= r + k - 1 < rows and 0 <= c + m - 1 < columns:
                out[o, r, c] += weight[o, i, k, m] * x[i, r + k - 1, c + m - 1]
    return out


def block(x, layers):
    for layer in (layers[0], layers[2]):
        x = np.maximum(convolved(x, layer), 0)
    return x


def enlarged(x, layer):
    """2×2 up-convolution: every coarse pixel writes its own square of four."""
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    out = np.zeros((weight.shape[1], 2 * x.shape[1], 2 * x.shape[2])) + bias[:, None, None]
    for i, o, k, m in np.ndindex(weight.shape):
        out[o, k::2, m::2] += weight[i, o, k, m] * x[i]
    return out


def test_the_network_equals_the_published_operations_one_by_one():
    torch.manual_seed(0)
    network = UNet(2, (3, 4), "none", up="convolution").double()
    x = torch.randn(2, 2, 4, 6).double()
    for sample, found in zip(x.numpy(), network(x).detach().numpy(), strict=True):
        fine = block(sample, network.down[0])
        pooled = fine.reshape(3, 2, 2, 3, 2).max(axis=(2, 4))
        coarse = block(pooled, network.down[1])
        expected = block(np.concatenate([enlarged(coarse, network.enlarge[0]), fine]), network.up[0])
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_the_cheap_network_takes_means_and_repeats_pixels():
    torch.manual_seed(0)
    network = UNet(2, (3, 4), "none", up="nearest").double()
    x = torch.randn(1, 2, 4, 6).double()
    fine = block(x[0].numpy(), network.down[0])
    coarse = block(fine.reshape(3, 2, 2, 3, 2).mean(axis=(2, 4)), network.down[1])
    expected = block(np.concatenate([coarse.repeat(2, axis=1).repeat(2, axis=2), fine]), network.up[0])
    np.testing.assert_allclose(network(x)[0].detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_pixel_norm_standardises_the_channels_of_each_pixel():
    norm = PixelNorm(5).double()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(2, 5, 3, 4).double()
    y = norm(x)
    for b, r, c in np.ndindex(2, 3, 4):
        pixel = x[b, :, r, c]
        expected = (pixel - pixel.mean()) / (pixel.var(unbiased=False) + 1e-5).sqrt() * norm.weight + norm.bias
        torch.testing.assert_close(y[b, :, r, c], expected)


def test_the_published_network_has_23_convolutional_layers_and_31_million_weights():
    widths = (64, 128, 256, 512, 1024)
    with torch.device("meta"):
        network = torch.nn.Sequential(UNet(1, widths, "none", up="convolution"), zero_readout(64, 2))
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
    assert len(layers) == 23
    down = sum(9 * a * b + 9 * b * b + 2 * b for a, b in zip((1, *widths), widths, strict=False))
    up = sum(4 * 2 * b * b + b + 9 * 2 * b * b + 9 * b * b + 2 * b for b in widths[:-1])
    assert parameter_count(network) == down + up + 64 * 2 + 2 == 31_030_658


def test_without_normalisation_the_signal_keeps_its_size_through_the_layers():
    torch.manual_seed(0)
    network = UNet(8, (16, 32, 64, 128), "none", up="convolution")
    assert network.down[2][0].weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 32)), rel=0.05)
    assert 0.1 < network(torch.randn(2, 8, 32, 32)).square().mean().item() < 10


@pytest.mark.parametrize("up", ["nearest", "convolution"])
def test_padding_repeats_the_edge(up):
    torch.manual_seed(0)
    network, x = UNet(2, (4, 6, 8), "layer", up=up), torch.randn(2, 2, 6, 7)
    padded = torch.cat([x, x[..., -1:]], dim=-1)
    padded = torch.cat([padded, padded[..., -1:, :], padded[..., -1:, :]], dim=-2)
    torch.testing.assert_close(network(x), network(padded)[..., :6, :7], rtol=0, atol=0)


@pytest.mark.parametrize("norm", ["layer", "none"])
@pytest.mark.parametrize("up", ["nearest", "convolution"])
def test_a_pixel_away_from_the_edge_does_not_know_the_size_of_its_tile(norm, up):
    """Two levels reach (2 + 4 + 2) pixels and one of pooling: beyond 10 pixels from a small tile's edge a larger tile changes nothing."""
    torch.manual_seed(0)
    network, scene = UNet(2, (4, 6), norm, up=up).double(), torch.randn(1, 2, 40, 40).double()
    small, large = network(scene[..., 4:32, 6:34]), network(scene)
    torch.testing.assert_close(small[..., 10:18, 10:18], large[..., 14:22, 16:24])
    assert not torch.allclose(small[..., 0, :], large[..., 4, 6:34])


def test_with_group_norm_every_pixel_knows_the_tile():
    torch.manual_seed(0)
    network, scene = UNet(2, (4, 6), "group", up="nearest").double(), torch.randn(1, 2, 40, 40).double()
    small, large = network(scene[..., 4:32, 6:34]), network(scene)
    assert (small[..., 10:18, 10:18] - large[..., 14:22, 16:24]).abs().max() > 0.01


@pytest.mark.parametrize(("channels", "groups"), [(1, 1), (7, 7), (12, 6), (13, 1), (16, 8), (64, 8)])
def test_groups_divide_any_width(channels, groups):
    assert ConvBlock(3, channels, "group")[1].num_groups == groups


def test_dropout_takes_whole_channels_in_training_and_none_in_a_forecast():
    torch.manual_seed(0)
    block, x = ConvBlock(2, 40, "none", dropout=0.25), torch.randn(30, 2, 5, 6)
    whole = block.eval()(x)
    found = block.train()(x)
    dropped = (found == 0).all(-1).all(-1)
    torch.testing.assert_close(found, torch.where(dropped[..., None, None], 0.0, whole / 0.75))
    alive = (whole > 0).any(-1).any(-1)
    assert (dropped & alive).sum() / alive.sum() == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("name", ["unet_time", "unet_recurrent"])
def test_the_networks_pass_their_dropout_to_every_block(name):
    def shares(**options):
        network = registry.create(name, task(), widths=(4, 6, 8), **options)
        return [layer.p for layer in network.modules() if isinstance(layer, torch.nn.Dropout2d)]

    assert shares(dropout=0.3) == [0.3] * 5 and shares() == []
