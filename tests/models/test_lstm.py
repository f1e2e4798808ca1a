"""The LSTM against a slow scalar loop over the published equations, and its gradient against finite differences."""

import math

import numpy as np
import pytest
import torch
from tests.models.batches import inputs, task

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.base import parameter_count
from glaciercast.models.lstm import PeepholeCell
from glaciercast.models.ports import Inputs, Ports


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def product(matrix, vector):
    return [sum(weight * value for weight, value in zip(row, vector, strict=True)) for row in matrix]


def slow_step(cell, x, h, c, extra=None):
    """Gers et al. (2002), one unit and one weight at a time, for one sample; `extra` is what other inputs add to each gate."""
    n = len(h)
    weight, recurrent, bias, peephole = (tensor.detach().tolist() for tensor in (cell.weight, cell.recurrent, cell.bias, cell.peephole))
    from_input, from_state = product(weight, x), product(recurrent, h)

    def drive(gate, unit):
        row = gate * n + unit
        return from_input[row] + from_state[row] + bias[row] + (extra[row] if extra else 0.0)

    h_new, c_new = [], []
    for unit in range(n):
        i = sigmoid(drive(0, unit) + peephole[0][unit] * c[unit])
        f = sigmoid(drive(1, unit) + peephole[1][unit] * c[unit])
        g = math.tanh(drive(2, unit))
        c_new.append(f * c[unit] + i * g)
        o = sigmoid(drive(3, unit) + peephole[2][unit] * c_new[unit])
        h_new.append(o * math.tanh(c_new[unit]))
    return h_new, c_new


def slow_climb(layers, x, states, extra):
    """One step of each layer, of which the lowest reads x and each other the hidden state below it."""
    new = []
    for number, (cell, state) in enumerate(zip(layers, states, strict=True)):
        new.append(slow_step(cell, new[-1][0] if number else x, *state, None if number else extra))
    return new


def slow_forecast(network, given, b, truth=None):
    """The forecast of one sample, (n_target, K·W·y·x), in plain floats; with a truth, the decoder reads it at every step."""
    states = [([0.0] * 3, [0.0] * 3) for _ in network.encoder]
    past, pixels = given.frames.shape[1], given.future[0, 0].numel()

    def when(step):
        return given.season[b, step].tolist() if network.season else []

    still = product(network.statics.weight.tolist(), given.statics[b].flatten().tolist()) if network.statics else None
    for step in range(past):
        states = slow_climb(network.encoder, given.frames[b, step].flatten().tolist() + when(step), states, still)
    values = given.frames[b, -1].flatten().tolist()[:pixels]
    forecast = []
    for lead in range(given.future.shape[1]):
        reference = given.future[b, lead].flatten().tolist()
        states = slow_climb(network.decoder, reference + when(past + lead), states, product(network.again.weight.tolist(), values))
        read_out = product(network.readout.weight.tolist(), states[-1][0])
        forecast.append([out + bias for out, bias in zip(read_out, network.readout.bias.tolist(), strict=True)])
        change = forecast[-1][:pixels] if truth is None else truth[b, lead].flatten().tolist()
        values = [usual + own for usual, own in zip(reference, change, strict=True)]
    return forecast


def shaken(chosen, ports=None, **options):
    """A network in double precision whose every weight is random, peepholes and read-out included."""
    torch.manual_seed(0)
    network = registry.create("lstm", chosen, ports=ports, **{"hidden": 3, **options}).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return network


def double(given):
    return Inputs(*(part.double() for part in given))


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize(
    ("season", "statics", "n_input", "parameters", "layers"),
    [(False, (), 3, 1, 1), (True, ("elevation", "slope"), 1, 2, 2), (True, (), 4, 1, 3)],
)
def test_it_equals_the_equations_one_weight_at_a_time(season, statics, n_input, parameters, layers, forced):
    variables = ("ndsi", "ndwi", "lst")
    chosen = task(patch=2, variables=variables, targets=variables[:2], statics=statics, n_input=n_input, n_target=3)
    ports = Ports.of(chosen, parameters, departures=parameters == 2)
    network, given = shaken(chosen, ports, season=season, layers=layers), double(inputs(chosen, ports=ports))
    truth = torch.randn(2, 3, 2, 2, 2).double() if forced else None
    network.teacher = 1.0 if forced else 0.0
    forecast = network(given, truth)
    assert forecast.shape == (2, 3, 2 * parameters, 2, 2)
    for b in range(2):
        np.testing.assert_allclose(forecast[b].detach().flatten(1), slow_forecast(network, given, b, truth), rtol=1e-12, atol=1e-14)


def test_a_cells_gradient_equals_finite_differences():
    torch.manual_seed(0)
    cell = PeepholeCell(2, 2).double()
    torch.nn.init.normal_(cell.peephole)
    x, h, c = (torch.randn(2, 2, dtype=torch.double, requires_grad=True) for _ in range(3))
    names, values = zip(*cell.named_parameters(), strict=True)

    def step(x, h, c, *parameters):
        return torch.func.functional_call(cell, dict(zip(names, parameters, strict=True)), (x, (h, c)))

    assert torch.autograd.gradcheck(step, (x, h, c, *values))


def test_its_gradient_equals_finite_differences():
    chosen = task(patch=1, n_input=2, n_target=2, statics=("elevation",))
    network, given = shaken(chosen, layers=2), double(inputs(chosen))
    parts = [part.requires_grad_() for part in given]
    names, values = zip(*network.named_parameters(), strict=True)

    def forecast(*tensors):
        weights = dict(zip(names, tensors[4:], strict=True))
        return torch.func.functional_call(network, weights, (Inputs(*tensors[:4]),))

    assert torch.autograd.gradcheck(forecast, (*parts, *values), fast_mode=True)


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


def test_it_has_the_weights_of_the_equations():
    chosen = task(variables=("ndsi", "lst"), targets=("ndsi",), statics=("elevation",), patch=5)
    network = registry.create("lstm", chosen, hidden=7, layers=3, ports=Ports.of(chosen, 3, departures=True))
    cells = 28 * (6 * 25 + 2) + 28 * (25 + 2) + 4 * 28 * 7 + 6 * (28 * 7 + 28 + 3 * 7)
    assert parameter_count(network) == cells + 28 * 25 + 28 * 25 + 3 * 25 * (7 + 1)


def test_the_paper_preset_reads_no_season_with_three_layers_of_2500_units():
    assert registry.resolved("lstm", "paper", {}).model_dump() == {"hidden": 2500, "layers": 3, "season": False, "dropout": 0.0}


def test_another_patch_size_is_refused():
    network = registry.create("lstm", task())
    with pytest.raises(InputError, match="lstm: expected patches of 8×8 pixels, as trained, found 8×9"):
        network(inputs(task(), rows=8, columns=9))
