"""The decoder loop by value, and what every recurrent network owes to teacher forcing and to its seed."""

import pytest
import torch
from tests.models.batches import inputs, task

from glaciercast.models import registry
from glaciercast.models.ports import Ports
from glaciercast.models.recurrent import Repeated, decode, gated

TASK = task(variables=("ndsi", "speed", "lst"), targets=("ndsi", "speed"), n_target=4, patch=3)
SMALL = {"lstm": {"hidden": 6}, "attention_lstm": {"hidden": 6, "heads": 2}, "conv_lstm": {"hidden": (3, 2)}}


def shaken(name, **options):
    """A network whose every weight is random, read-out included."""
    torch.manual_seed(0)
    network = registry.create(name, TASK, **SMALL[name], **options)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def truth(n=2, seed=9):
    return torch.randn(n, 4, 2, 3, 3, generator=torch.Generator().manual_seed(seed))


class Recorder:
    """A decoder that writes a known number at each step and remembers what it was given."""

    def __init__(self):
        self.read = []

    def __call__(self, lead, values, state):
        self.read.append(values)
        change = torch.full_like(values, 10.0 * (lead + 1))
        return torch.cat([change, change + 1], dim=1), state + 1


def test_free_running_it_reads_the_reference_of_the_step_before_plus_its_own_change():
    given, recorder = inputs(TASK), Recorder()
    out = decode(recorder, 0, given)
    torch.testing.assert_close(recorder.read[0], given.frames[:, -1, :2], rtol=0, atol=0)
    for lead in range(1, 4):
        torch.testing.assert_close(recorder.read[lead], given.future[:, lead - 1] + 10.0 * lead, rtol=0, atol=0)
    assert out.shape == (2, 4, 4, 3, 3)
    for lead in range(4):
        assert (out[:, lead, :2] == 10 * lead + 10).all() and (out[:, lead, 2:] == 10 * lead + 11).all()


def test_with_full_teacher_forcing_it_reads_the_truth_of_the_step_before():
    given, recorder = inputs(TASK), Recorder()
    decode(recorder, 0, given, truth(), teacher=1.0)
    torch.testing.assert_close(recorder.read[0], given.frames[:, -1, :2], rtol=0, atol=0)
    for lead in range(1, 4):
        torch.testing.assert_close(recorder.read[lead], given.future[:, lead - 1] + truth()[:, lead - 1], rtol=0, atol=0)


def test_each_step_of_each_sample_is_forced_with_the_given_probability():
    n, recorder = 2000, Recorder()
    given = inputs(TASK, n)._replace(future=torch.zeros(n, 4, 2, 3, 3))
    torch.manual_seed(1)
    decode(recorder, 0, given, truth(n), teacher=0.3)
    draws = []
    for lead in range(1, 4):
        own, true = torch.full((n, 2, 3, 3), 10.0 * lead), truth(n)[:, lead - 1]
        forced = (recorder.read[lead] == true).flatten(1).all(1)
        torch.testing.assert_close(recorder.read[lead], torch.where(forced[:, None, None, None], true, own), rtol=0, atol=0)
        draws.append(forced.double())
    draws = torch.stack(draws)
    assert (draws.mean(1) - 0.3).abs().max() < 4 * (0.3 * 0.7 / n) ** 0.5
    assert torch.corrcoef(draws).fill_diagonal_(0).abs().max() < 4 / n**0.5


def test_without_teacher_forcing_no_random_number_is_drawn():
    before = torch.get_rng_state()
    decode(Recorder(), 0, inputs(TASK), truth(), teacher=0.0)
    decode(Recorder(), 0, inputs(TASK), None, teacher=1.0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", SMALL)
def test_truth_changes_only_the_leads_after_it(name):
    network, given = shaken(name), inputs(TASK)
    network.teacher = 1.0
    forecast = network(given, truth())
    for lead in range(4):
        other = truth()
        other[:, lead] += 1.0
        changed = (network(given, other) != forecast).flatten(2).any(2).all(0)
        assert changed.tolist() == [later > lead for later in range(4)]


@pytest.mark.parametrize("name", SMALL)
def test_forced_with_its_own_forecast_a_network_runs_free(name):
    network, given = shaken(name), inputs(TASK)
    free = network(given)
    network.teacher = 1.0
    torch.testing.assert_close(network(given, free), free, rtol=0, atol=0)


@pytest.mark.parametrize("name", SMALL)
def test_without_teacher_forcing_truth_counts_nothing(name):
    network, given = shaken(name), inputs(TASK)
    assert torch.equal(network(given, truth()), network(given))
    network.teacher = 1.0
    assert torch.equal(network(given), network(given, None))


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_gives_the_same_bits(name):
    found = []
    for _ in range(2):
        network, given = shaken(name, dropout=0.2).train(), inputs(TASK, 8)
        network.teacher = 0.5
        torch.manual_seed(5)
        forecast = network(given, truth(8))
        forecast.square().sum().backward()
        found.append([forecast, *(parameter.grad for parameter in network.parameters())])
    for one, two in zip(*found, strict=True):
        assert one.dtype == torch.float32 and torch.equal(one, two) and one.any()


@pytest.mark.parametrize("name", SMALL)
def test_dropout_is_for_training_only(name):
    network, given = shaken(name, dropout=0.5), inputs(TASK)
    assert torch.equal(network.eval()(given), shaken(name)(given))
    assert not torch.allclose(network.train()(given), network(given))


@pytest.mark.parametrize("name", SMALL)
def test_an_untrained_network_changes_nothing_and_no_sample_sees_another(name):
    torch.manual_seed(0)
    assert not registry.create(name, TASK, **SMALL[name])(inputs(TASK)).any()
    network, given = shaken(name), inputs(TASK, 3)
    torch.testing.assert_close(network(type(given)(*(part[:1] for part in given))), network(given)[:1])


@pytest.mark.parametrize("name", SMALL)
def test_the_reference_the_season_and_the_statics_count(name):
    chosen = task(statics=("elevation",), n_target=3, patch=3)
    torch.manual_seed(0)
    network = registry.create(name, chosen, **SMALL[name], ports=Ports.of(chosen, 2, departures=True))
    torch.nn.init.normal_(network.readout.weight)
    given = inputs(chosen, ports=network.ports)
    forecast = network(given)
    for part in given._fields:
        other = given._replace(**{part: getattr(given, part) + 0.5})
        assert (network(other) != forecast).flatten(2).any(2).all()
    later = given.future.clone()
    later[:, 1] += 0.5  # the reference of the second step
    changed = (network(given._replace(future=later)) != forecast).flatten(2).any(2).all(0)
    assert changed.tolist() == [False, True, True]


def test_gates_take_states_of_any_shape():
    drive, c, peephole = torch.randn(2, 12, 4, 5), torch.randn(2, 3, 4, 5), torch.randn(3, 3)
    h_new, c_new = gated(drive, c, peephole[..., None, None])
    for y in range(4):
        for x in range(5):
            h_one, c_one = gated(drive[..., y, x], c[..., y, x], peephole)
            torch.testing.assert_close(h_new[..., y, x], h_one)
            torch.testing.assert_close(c_new[..., y, x], c_one)


def steps_through(weight, x, product):
    """Three steps of a small recurrence; `product` is drive + state Wᵀ."""
    state, states = x, []
    for _ in range(3):
        state = torch.tanh(product(x, state))
        states.append(state)
    return torch.stack(states)


@pytest.mark.parametrize("counted", [slice(None), slice(0, 1), slice(1, 2)])
def test_a_repeated_matrix_has_the_gradient_of_a_sum_of_products(counted):
    weight, x = torch.randn(4, 4).double().requires_grad_(), torch.randn(3, 4).double().requires_grad_()
    plain = steps_through(weight, x, lambda drive, state: drive + state @ weight.t())
    repeated = steps_through(weight, x, Repeated(weight))
    torch.testing.assert_close(repeated, plain)
    expected = torch.autograd.grad(plain[counted].square().sum(), (weight, x))
    for _ in range(2):  # a graph that is kept gives the same again
        found = torch.autograd.grad(repeated[counted].square().sum(), (weight, x), retain_graph=True)
        torch.testing.assert_close(found, expected)


def test_a_repeated_matrix_may_be_frozen_and_its_input_fixed():
    weight, x = torch.randn(4, 4).double(), torch.randn(3, 4).double().requires_grad_()
    frozen = Repeated(weight)
    steps_through(weight, x, frozen).sum().backward()
    assert not frozen.uses and x.grad is not None
    moving = Repeated(weight.requires_grad_())
    moving(x.detach(), x.detach()).sum().backward()
    torch.testing.assert_close(weight.grad, x.detach().sum(0).expand(4, 4))
    assert not moving.uses


def test_a_repeated_matrix_may_be_rounded_by_autocast():
    weight, x = torch.randn(4, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    exact = torch.autograd.grad(steps_through(weight, x, Repeated(weight)).sum(), (weight, x))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = steps_through(weight, x, Repeated(weight))
    for found, expected in zip(torch.autograd.grad(rounded.sum(), (weight, x)), exact, strict=True):
        torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)
