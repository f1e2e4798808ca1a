"""The blocks of SimVP against their equations written out, and the sizes that OpenSTL publishes."""

import math

import pytest
import torch
from torch.nn import functional

from glaciercast.models.base import parameter_count
from glaciercast.models.simvp_blocks import ConvMixer, Decoder, Encoder, GatedUnit, LargeKernel, Middle, TemporalUnit, block

BLOCKS = ["convmixer", "gsta", "tau"]


@pytest.mark.parametrize(("name", "millions"), [("gsta", 46.8), ("tau", 44.7), ("convmixer", 3.9)])
def test_the_published_setting_has_the_published_number_of_weights(name, millions):
    with torch.device("meta"):  # OpenSTL, Moving MNIST: 10 → 10 frames of one channel, hid_S 64, hid_T 512, N_T 8, N_S 4
        parts = [Encoder(1, 64, 4), Middle(name, 640, 512, 640, 8), Decoder(64, 4), torch.nn.Conv2d(64, 1, 1)]
    assert round(sum(parameter_count(part) for part in parts) / 1e6, 1) == millions


def depthwise(x, weight, bias, dilation=1):
    """A depthwise convolution as the sum that it is, zeros beyond the edge."""
    channels, size, reach = len(weight), weight.shape[-1], weight.shape[-1] // 2 * dilation
    rows, columns = x.shape[-2:]
    wide = functional.pad(x, (reach,) * 4)
    total = torch.zeros_like(x) + bias[:, None, None]
    for i in range(size):
        for j in range(size):
            part = wide[..., i * dilation : i * dilation + rows, j * dilation : j * dilation + columns]
            total = total + weight[:, 0, i, j].reshape(channels, 1, 1) * part
    return total


def pointwise(x, convolution):
    return torch.einsum("oc,bcyx->boyx", convolution.weight[..., 0, 0], x) + convolution.bias[:, None, None]


def large_kernel(x, kernel):
    near, far, mix = kernel
    return pointwise(depthwise(depthwise(x, near.weight, near.bias), far.weight, far.bias, 3), mix)


def shaken(module):
    torch.manual_seed(1)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module


def normalised(x, norm):
    mean, variance = x.mean((1, 2, 3), keepdim=True), x.var((1, 2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (variance + norm.eps).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]


def gelu(x):
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def test_gated_attention_is_its_equation():
    unit, x = shaken(GatedUnit(3)), torch.randn(2, 3, 7, 6)
    both = large_kernel(x, unit.kernel)
    torch.testing.assert_close(unit(x), both[:, :3] / (1 + torch.exp(-both[:, 3:])), rtol=1e-4, atol=1e-4)


def test_temporal_attention_is_its_equation():
    unit, x = shaken(TemporalUnit(8)), torch.randn(2, 8, 7, 6)
    squeeze, expand = unit.excitation[0].weight, unit.excitation[2].weight
    assert squeeze.shape == (2, 8)
    dynamic = torch.sigmoid((x.mean((2, 3)) @ squeeze.T).relu() @ expand.T)[..., None, None]
    torch.testing.assert_close(unit(x), dynamic * large_kernel(x, unit.kernel) * x, rtol=1e-4, atol=1e-4)


def test_the_convmixer_is_its_equation():
    mixer, x = shaken(ConvMixer(4)), torch.randn(2, 4, 7, 6)
    conv, _, norm = mixer.space
    y = x + normalised(gelu(depthwise(x, conv.weight, conv.bias)), norm)
    conv, _, norm = mixer.channels
    torch.testing.assert_close(mixer(x), normalised(gelu(pointwise(y, conv)), norm), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["gsta", "tau"])
def test_an_attention_block_is_its_equation(name):
    made, x = shaken(block(name, 4)), torch.randn(2, 4, 6, 5)
    first, _, unit, second = made.attention
    n = normalised(x, made.norms[0])
    y = x + made.scales[0] * (n + pointwise(unit(gelu(pointwise(n, first))), second))
    wide, spread, _, narrow = made.feed_forward
    assert wide.out_channels == 32
    hidden = pointwise(normalised(y, made.norms[1]), wide)
    z = y + made.scales[1] * pointwise(gelu(depthwise(hidden, spread.weight, spread.bias)), narrow)
    torch.testing.assert_close(made(x), z, rtol=1e-4, atol=1e-4)


def test_the_large_kernel_sees_eleven_pixels_each_way():
    kernel, x = LargeKernel(1, 1), torch.zeros(1, 1, 31, 31)
    torch.nn.init.ones_(kernel[0].weight)
    torch.nn.init.ones_(kernel[1].weight)
    torch.nn.init.ones_(kernel[2].weight)
    spike = x.clone()
    spike[..., 15, 15] = 1
    reached = (kernel(spike) - kernel(x)).abs()[0, 0] > 1e-6
    assert reached[4:27, 4:27].all() and reached.sum() == 23**2


@pytest.mark.parametrize("name", BLOCKS)
def test_weights_start_with_the_variance_of_their_fan_out(name):
    torch.manual_seed(0)
    made = block(name, 64)
    for layer in made.modules():
        if isinstance(layer, torch.nn.Conv2d):
            expected = math.sqrt(2 / (layer.kernel_size[0] ** 2 * layer.out_channels / layer.groups))
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)
            assert not layer.bias.any()


@pytest.mark.parametrize("name", BLOCKS)
def test_no_sample_sees_another(name):
    made, x = block(name, 8).train(), torch.randn(3, 8, 6, 6)
    other = x.clone()
    other[1:] += 5
    torch.testing.assert_close(made(x)[0], made(other)[0], rtol=0, atol=0)
    torch.testing.assert_close(made(x[:1])[0], made(x)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("layers", "sides"), [(1, (16, 12)), (2, (8, 6)), (3, (8, 6)), (4, (4, 3)), (5, (4, 3))])
def test_every_second_layer_halves_the_sides_and_the_decoder_undoes_it(layers, sides):
    encoder, decoder, frames = Encoder(3, 6, layers), Decoder(6, layers), torch.randn(2, 3, 16, 12)
    latent, first = encoder(frames)
    assert latent.shape == (2, 6, *sides) and torch.equal(first, encoder.first(frames))
    assert torch.equal(decoder(latent, first), decoder.last(decoder.rest(latent) + first))
