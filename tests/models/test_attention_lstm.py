"""Attention against a slow loop over Vaswani's equations, and where the order of the past comes from."""

import math

import numpy as np
import pytest
import torch
from tests.models.batches import inputs, task

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.attention_lstm import Attention
from glaciercast.models.ports import Inputs
from glaciercast.models.recurrent import Repeated


def attention(width=6, heads=3):
    torch.manual_seed(0)
    module = Attention(width, heads).double()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    return module


def affine(layer, vector, rows=slice(None)):
    weight, bias = layer.weight[rows].tolist(), layer.bias[rows].tolist()
    return [sum(w * v for w, v in zip(row, vector, strict=True)) + b for row, b in zip(weight, bias, strict=True)]


def slow_attention(module, x, states):
    """softmax(q Kᵀ / √d) V, head by head and state by state, for one sample; also the weights, (heads, n)."""
    width = len(x)
    d = width // module.heads
    query = affine(module.query, x)
    keys = [affine(module.memory, state, slice(0, width)) for state in states]
    values = [affine(module.memory, state, slice(width, None)) for state in states]
    side_by_side, all_weights = [], []
    for head in range(module.heads):
        own = slice(head * d, (head + 1) * d)
        scores = [sum(q * k for q, k in zip(query[own], key[own], strict=True)) / math.sqrt(d) for key in keys]
        total = sum(math.exp(score) for score in scores)
        weights = [math.exp(score) / total for score in scores]
        side_by_side += [sum(w * value[own][k] for w, value in zip(weights, values, strict=True)) for k in range(d)]
        all_weights.append(weights)
    return affine(module.out, side_by_side), all_weights


def test_attention_equals_the_equations_state_by_state():
    module = attention()
    x, states = torch.randn(2, 6).double(), torch.randn(2, 4, 6).double()
    keys, values = module.remember(states)
    found, weights = module(x, keys, values), module.weights(x, keys)
    for b in range(2):
        expected, expected_weights = slow_attention(module, x[b].tolist(), states[b].tolist())
        np.testing.assert_allclose(found[b].tolist(), expected, rtol=1e-12)
        np.testing.assert_allclose(weights[b].tolist(), expected_weights, rtol=1e-12)


def test_attention_is_torchs_own():
    module, known = attention(), torch.nn.MultiheadAttention(6, 3, batch_first=True).double()
    with torch.no_grad():
        known.in_proj_weight.copy_(torch.cat([module.query.weight, module.memory.weight]))
        known.in_proj_bias.copy_(torch.cat([module.query.bias, module.memory.bias]))
        known.out_proj.load_state_dict(module.out.state_dict())
    x, states = torch.randn(2, 6).double(), torch.randn(2, 4, 6).double()
    theirs, their_weights = known(x[:, None], states, states, average_attn_weights=False)
    keys, values = module.remember(states)
    torch.testing.assert_close(module(x, keys, values), theirs[:, 0])
    torch.testing.assert_close(module.weights(x, keys), their_weights[:, :, 0])


def test_weights_sum_to_one_and_equal_states_share_them_equally():
    module = attention()
    x, states = torch.randn(5, 6).double(), 10 * torch.randn(5, 7, 6).double()
    weights = module.weights(x, module.remember(states)[0])
    torch.testing.assert_close(weights.sum(2), torch.ones(5, 3).double())
    assert weights.min() >= 0 and weights.std() > 0.1
    same = module.remember(states[:, :1].expand(-1, 7, -1))
    torch.testing.assert_close(module.weights(x, same[0]), torch.full((5, 3, 7), 1 / 7).double())
    torch.testing.assert_close(module(x, *same), module.out(same[1][:, :, 0].flatten(1)))


def test_the_order_of_states_counts_only_where_they_say_it():
    module, order = attention(), [2, 0, 3, 1]
    x, states = torch.randn(2, 6).double(), torch.randn(2, 4, 6).double()
    expected = module(x, *module.remember(states))
    torch.testing.assert_close(module(x, *module.remember(states[:, order])), expected)
    position = torch.arange(4.0).double()[:, None]
    placed, moved = (module(x, *module.remember(given + position)) for given in (states, states[:, order]))
    assert (placed - moved).abs().min() > 1e-3


def shaken(chosen, name="attention_lstm", **options):
    torch.manual_seed(0)
    network = registry.create(name, chosen, hidden=4, **options).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return network


def double(given):
    return Inputs(*(part.double() for part in given))


def test_each_step_reads_out_its_state_and_what_that_attends_to():
    chosen = task(patch=2, n_target=3)
    network, given = shaken(chosen, heads=2), double(inputs(chosen))
    hidden, (state,) = network.encode(given)
    memory, (decoder,) = torch.stack(hidden, dim=1), network.decoder
    values = given.frames[:, -1, :1]
    forecast = network(given)
    for lead in range(3):
        drive = decoder.project(torch.cat([given.future[:, lead].flatten(1), given.season[:, 3 + lead]], dim=1))
        state = decoder.step(drive + network.again(values.flatten(1)), state, Repeated(decoder.recurrent))
        attended = [slow_attention(network.attention, state[0][b].tolist(), memory[b].tolist())[0] for b in range(2)]
        expected = network.readout(state[0] + torch.tensor(attended, dtype=torch.double)).reshape(2, 1, 2, 2)
        torch.testing.assert_close(forecast[:, lead], expected, rtol=1e-12, atol=1e-13)
        values = given.future[:, lead] + expected


def test_without_attention_it_is_the_lstm():
    chosen = task(patch=2, statics=("elevation",))
    network, plain, given = shaken(chosen, heads=2), shaken(chosen, "lstm"), double(inputs(chosen))
    plain.load_state_dict({key: value for key, value in network.state_dict().items() if not key.startswith("attention.")})
    assert not torch.allclose(network(given), plain(given))
    torch.nn.init.zeros_(network.attention.out.weight)
    torch.nn.init.zeros_(network.attention.out.bias)
    torch.testing.assert_close(network(given), plain(given), rtol=0, atol=0)


def test_its_gradient_equals_finite_differences():
    chosen = task(patch=1, n_input=2, n_target=2)
    network, given = shaken(chosen, heads=2), double(inputs(chosen))
    frames = given.frames.requires_grad_()
    names, values = zip(*network.named_parameters(), strict=True)

    def forecast(frames, *weights):
        return torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (given._replace(frames=frames),))

    assert torch.autograd.gradcheck(forecast, (frames, *values), fast_mode=True)


def test_heads_share_the_hidden_units():
    with pytest.raises(InputError, match=r"options of attention_lstm: hidden: expected a multiple of heads = 4, found 6$"):
        registry.create("attention_lstm", task(), hidden=6)


def test_the_paper_preset_has_8_heads_on_1024_units():
    chosen = registry.resolved("attention_lstm", "paper", {}).model_dump()
    assert chosen == {"hidden": 1024, "layers": 1, "season": False, "dropout": 0.0, "heads": 8}


def test_another_patch_size_is_refused_in_its_own_name():
    with pytest.raises(InputError, match="attention_lstm: expected patches of 8×8 pixels, as trained, found 9×8"):
        registry.create("attention_lstm", task())(inputs(task(), rows=9, columns=8))
