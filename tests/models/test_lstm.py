"""The LSTM against a slow scalar loop over the published equations, and its gradient against finite differences."""

import math

import numpy as np
import pytest
import torch
from tests.models.batches import task

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.lstm import PeepholeCell


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def slow_step(cell, x, h, c):
    """Gers et al. (2002), one unit and one weight at a time, for one sample."""
    n = len(h)
    weight, recurrent, bias, peephole = (tensor.detach().tolist() for tensor in (cell.weight, cell.recurrent, cell.bias, cell.peephole))

    def drive(gate, unit):
        row = gate * n + unit
        from_input = sum(weight[row][k] * x[k] for k in range(len(x)))
        return from_input + sum(recurrent[row][k] * h[k] for k in range(n)) + bias[row]

    h_new, c_new = [], []
    for unit in range(n):
        i = sigmoid(drive(0, unit) + peephole[0][unit] * c[unit])
        f = sigmoid(drive(1, unit) + peephole[1][unit] * c[unit])
        g = math.tanh(drive(2, unit))
        c_new.append(f * c[unit] + i * g)
        o = sigmoid(drive(3, unit) + peephole[2][unit] * c_new[unit])
        h_new.append(o * math.tanh(c_new[unit]))
    return h_new, c_new


def shaken(chosen, **options):
    """A network in double precision whose every weight is random, peepholes and read-out included."""
    torch.manual_seed(0)
    network = registry.create("lstm", chosen, hidden=3, **options).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return network


@pytest.mark.parametrize("with_season", [False, True])
def test_it_equals_the_equations_one_weight_at_a_time(with_season):
    chosen = task(patch=2, variables=("ndsi", "ndwi"), n_target=3)
    network = shaken(chosen, season=with_season)
    x, season = torch.randn(2, 3, 4, 2, 2).double(), torch.randn(2, 6, 2).double()
    forecast = network(x, season)
    readout, bias = network.readout.weight.tolist(), network.readout.bias.tolist()
    for b in range(2):
        h, c = [0.0] * 3, [0.0] * 3
        for step in range(3):
            frame = x[b, step].flatten().tolist() + (season[b, step].tolist() if with_season else [])
            h, c = slow_step(network.encoder, frame, h, c)
        frame = x[b, -1, :2].flatten().tolist()
        for lead in range(3):
            h, c = slow_step(network.decoder, frame + (season[b, 3 + lead].tolist() if with_season else []), h, c)
            frame = [bias[k] + sum(readout[k][unit] * h[unit] for unit in range(3)) for k in range(8)]
            np.testing.assert_allclose(forecast[b, lead].flatten().tolist(), frame, rtol=1e-12, atol=1e-14)


def test_its_gradient_equals_finite_differences():
    chosen = task(patch=1, n_input=2, n_target=2)
    network = shaken(chosen)
    x = torch.randn(2, 2, 2, 1, 1, dtype=torch.double, requires_grad=True)
    season = torch.zeros(2, 4, 2).double()
    names, values = zip(*network.named_parameters(), strict=True)

    def forecast(x, *parameters):
        return torch.func.functional_call(network, dict(zip(names, parameters, strict=True)), (x, season))

    assert torch.autograd.gradcheck(forecast, (x, *values))


def test_without_peepholes_a_cell_is_torchs_own():
    torch.manual_seed(0)
    cell, known = PeepholeCell(5, 4), torch.nn.LSTMCell(5, 4)
    with torch.no_grad():
        known.weight_ih.copy_(cell.weight)
        known.weight_hh.copy_(cell.recurrent)
        known.bias_ih.copy_(cell.bias)
        known.bias_hh.zero_()
    x, state = torch.randn(3, 5), (torch.randn(3, 4), torch.randn(3, 4))
    for mine, theirs in zip(cell(x, state), known(x, state), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_fresh_gates_remember():
    cell = PeepholeCell(5, 4)
    assert cell.bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
    assert not cell.peephole.any()


def test_another_patch_size_is_refused():
    network = registry.create("lstm", task())
    with pytest.raises(InputError, match="lstm: expected patches of 8×8 pixels, as trained, found 8×9"):
        network(torch.zeros(1, 3, 2, 8, 9), torch.zeros(1, 5, 2))
