"""The ConvLSTM against a slow loop over pixels, its gradient against finite differences, and that places are alike."""

import math

import numpy as np
import pytest
import torch
from tests.models.batches import inputs, task

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.base import parameter_count
from glaciercast.models.conv_lstm import ConvPeepholeCell
from glaciercast.models.lstm import PeepholeCell
from glaciercast.models.ports import Inputs, Ports


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def slow_step(cell, x, h, c):
    """Shi et al. (2015), eq. 3, pixel by pixel for one sample (channel, y, x); peepholes a weight a channel, zeros outside the frame."""
    weight, bias, peephole = cell.weight.detach().numpy(), cell.bias.tolist(), cell.peephole.flatten(1).tolist()
    hidden, reach = len(h), weight.shape[-1] // 2
    frame = np.concatenate([x, h])
    rows, columns = frame.shape[1:]

    def drive(gate, channel, y, x):
        total = bias[gate * hidden + channel]
        for k, dy, dx in np.ndindex(len(frame), *weight.shape[2:]):
            row, column = y + dy - reach, x + dx - reach
            if 0 <= row < rows and 0 <= column < columns:
                total += weight[gate * hidden + channel, k, dy, dx] * frame[k, row, column]
        return total

    h_new, c_new = np.zeros_like(h), np.zeros_like(c)
    for channel, y, x in np.ndindex(h.shape):
        old = c[channel, y, x]
        i = sigmoid(drive(0, channel, y, x) + peephole[0][channel] * old)
        f = sigmoid(drive(1, channel, y, x) + peephole[1][channel] * old)
        new = f * old + i * math.tanh(drive(2, channel, y, x))
        o = sigmoid(drive(3, channel, y, x) + peephole[2][channel] * new)
        h_new[channel, y, x], c_new[channel, y, x] = o * math.tanh(new), new
    return h_new, c_new


def shake(module):
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return module.double()


def shaken(chosen, ports=None, **options):
    return shake(registry.create("conv_lstm", chosen, ports=ports, **options))


def double(given):
    return Inputs(*(part.double() for part in given))


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_a_cell_equals_the_equations_pixel_by_pixel(kernel):
    cell = shake(ConvPeepholeCell(2, 2, kernel))
    x, h, c = torch.randn(3, 2, 2, 3, 4).double()
    for b, (h_new, c_new) in enumerate(zip(*cell(x, (h, c)), strict=True)):
        expected = slow_step(cell, x[b].numpy(), h[b].numpy(), c[b].numpy())
        np.testing.assert_allclose(h_new.detach(), expected[0], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(c_new.detach(), expected[1], rtol=1e-12, atol=1e-14)


def test_at_one_pixel_a_cell_is_the_flat_lstms():
    flat = shake(PeepholeCell(3, 4))
    cell = ConvPeepholeCell(3, 4, 1).double()
    with torch.no_grad():
        cell.weight.copy_(torch.cat([flat.weight, flat.recurrent], dim=1)[..., None, None])
        cell.bias.copy_(flat.bias)
        cell.peephole.copy_(flat.peephole[..., None, None])
    x, state = torch.randn(2, 3).double(), (torch.randn(2, 4).double(), torch.randn(2, 4).double())
    planes = [tensor[..., None, None] for tensor in (x, *state)]
    for mine, theirs in zip(cell(planes[0], (planes[1], planes[2])), flat(x, state), strict=True):
        torch.testing.assert_close(mine[..., 0, 0], theirs)


def test_a_network_steps_all_layers_through_past_and_future():
    chosen = task(variables=("ndsi", "lst"), targets=("ndsi",), statics=("elevation",), n_target=3)
    ports = Ports.of(chosen, 2, departures=True)
    network, given = shaken(chosen, ports, hidden=(3, 2)), double(inputs(chosen, 1, rows=3, columns=4, ports=ports))
    season = given.season[0, :, :, None, None].expand(-1, -1, 3, 4)
    states = [(np.zeros((channels, 3, 4)), np.zeros((channels, 3, 4))) for channels in (3, 2)]

    def through(layers, *planes):
        x = np.concatenate([plane.detach().numpy() for plane in planes])
        for level, cell in enumerate(layers):
            states[level] = slow_step(cell, x, *states[level])
            x = states[level][0]

    for step in range(3):
        through(network.encoder, given.frames[0, step], given.statics[0], season[step])
    values, forecast = given.frames[0, -1, :1], network(given)[0]
    for lead in range(3):
        through(network.decoder, values, given.future[0, lead], season[3 + lead])
        read = torch.from_numpy(np.concatenate([h for h, _ in states]))
        out = torch.einsum("oi,iyx->oyx", network.readout.weight[..., 0, 0], read) + network.readout.bias[:, None, None]
        torch.testing.assert_close(forecast[lead], out, rtol=1e-12, atol=1e-13)
        values = given.future[0, lead] + out[:1]


def test_its_gradient_equals_finite_differences():
    chosen = task(n_input=2, n_target=2, statics=("elevation",))
    network, given = shaken(chosen, hidden=(2, 1)), double(inputs(chosen, 1, rows=2, columns=3))
    parts = [part.requires_grad_() for part in given]
    names, values = zip(*network.named_parameters(), strict=True)

    def forecast(*tensors):
        weights = dict(zip(names, tensors[4:], strict=True))
        return torch.func.functional_call(network, weights, (Inputs(*tensors[:4]),))

    assert torch.autograd.gradcheck(forecast, (*parts, *values), fast_mode=True)


def test_away_from_the_border_a_shifted_scene_gives_the_shifted_forecast():
    chosen = task(statics=("elevation",), n_input=2)
    network, scene = shaken(chosen, hidden=(3, 2)), double(inputs(chosen, 1, rows=26, columns=27))
    dy, dx, reach = 3, 2, 8  # a pixel a layer and a step: 2 · (2 + 2)

    def seen_from(row, column):
        cut = [part[..., row : row + 21, column : column + 22] for part in scene[:3]]
        return network(Inputs(*cut, scene.season))

    here, there = seen_from(0, 0), seen_from(dy, dx)
    expected = here[..., reach + dy : 21 - reach, reach + dx : 22 - reach]
    assert expected.shape[-2:] == (2, 4)
    torch.testing.assert_close(there[..., reach : 21 - reach - dy, reach : 22 - reach - dx], expected, rtol=1e-12, atol=1e-13)
    assert (here[..., dy:, dx:] - there[..., :-dy, :-dx]).abs().max() > 1e-3  # at the border, zeros stand outside


def test_fresh_gates_remember():
    cell = ConvPeepholeCell(5, 4, 3)
    assert cell.bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
    assert not cell.peephole.any()


def test_it_has_the_weights_of_the_equations_and_shis_size():
    network = registry.create("conv_lstm", task(), preset="paper")

    def cell(inputs, hidden):
        return 4 * hidden * (25 * (inputs + hidden) + 1) + 3 * hidden

    upper = cell(128, 64) + cell(64, 64)
    assert parameter_count(network) == cell(2 + 2, 128) + upper + cell(2 + 2, 128) + upper + 256 + 1


def test_a_kernel_without_a_centre_is_refused():
    with pytest.raises(InputError, match=r"options of conv_lstm: key 'kernel': expected an odd number of pixels, found 4"):
        registry.create("conv_lstm", task(), kernel=4)
