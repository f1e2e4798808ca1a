"""Attention, positions and sublayers against loops over the published equations."""

import cmath
import math

import numpy as np
import pytest
import torch
from tests.models.batches import task

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.attention import Attention, FeedForward, Sublayer, plane_angles, rotate, sinusoid


def product(layer, vector):
    """W x + b, one product at a time."""
    weight = layer.weight.tolist()
    bias = [0.0] * len(weight) if layer.bias is None else layer.bias.tolist()
    return [b + sum(w * x for w, x in zip(row, vector, strict=True)) for row, b in zip(weight, bias, strict=True)]


def turned(vector, angles):
    """Each pair (k, k + e/2) as one complex number, turned."""
    half = len(vector) // 2
    pairs = [complex(vector[k], vector[k + half]) * cmath.exp(1j * angles[k]) for k in range(half)]
    return [pair.real for pair in pairs] + [pair.imag for pair in pairs]


def slow_attention(layer, tokens, context, angles=None):
    """Vaswani et al. 2017, equation 1, for one sample; head by head and query by query."""
    width = len(tokens[0])
    size = width // layer.heads
    queries = [product(layer.query, token) for token in tokens]
    both = [product(layer.key_value, token) for token in context]
    out = []
    for n, query in enumerate(queries):
        attended = []
        for head in range(layer.heads):
            of = slice(head * size, (head + 1) * size)
            asked = query[of] if angles is None else turned(query[of], angles[n])
            keys = [pair[:width][of] if angles is None else turned(pair[:width][of], angles[m]) for m, pair in enumerate(both)]
            scores = [math.exp(sum(q * k for q, k in zip(asked, key, strict=True)) / math.sqrt(size)) for key in keys]
            values = [pair[width:][of] for pair in both]
            attended += [sum(s * value[k] for s, value in zip(scores, values, strict=True)) / sum(scores) for k in range(size)]
        out.append(product(layer.project, attended))
    return out


def made(width=8, heads=2):
    torch.manual_seed(0)
    return Attention(width, heads).double()


@torch.no_grad()
def test_attention_to_a_context_equals_the_equation_one_product_at_a_time():
    layer, tokens, context = made(), torch.randn(2, 3, 8).double(), torch.randn(2, 5, 8).double()
    found = layer(tokens, context)
    for b in range(2):
        np.testing.assert_allclose(found[b], slow_attention(layer, tokens[b].tolist(), context[b].tolist()), rtol=1e-10)


@torch.no_grad()
def test_attention_of_turned_tokens_equals_complex_rotation():
    layer, tokens, angles = made(), torch.randn(2, 4, 8).double(), torch.randn(4, 2).double()
    found = layer(tokens, None, angles)
    for b in range(2):
        expected = slow_attention(layer, tokens[b].tolist(), tokens[b].tolist(), angles.tolist())
        np.testing.assert_allclose(found[b], expected, rtol=1e-10)


def test_without_rotation_it_is_torchs_own():
    layer, known = made(), torch.nn.MultiheadAttention(8, 2, batch_first=True).double()
    with torch.no_grad():
        known.in_proj_weight.copy_(torch.cat([layer.query.weight, layer.key_value.weight]))
        known.in_proj_bias.zero_()
        known.out_proj.weight.copy_(layer.project.weight)
        known.out_proj.bias.copy_(layer.project.bias)
    tokens = torch.randn(3, 6, 8).double()
    torch.testing.assert_close(layer(tokens), known(tokens, tokens, tokens)[0])


def test_its_gradient_equals_finite_differences():
    layer, angles = made(4, 1), plane_angles(1, 2, 4).double()
    tokens = torch.randn(1, 2, 4, dtype=torch.double, requires_grad=True)
    names, values = zip(*layer.named_parameters(), strict=True)
    assert torch.autograd.gradcheck(
        lambda x, *weights: torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x, None, angles)), (tokens, *values)
    )


def test_where_a_token_lies_counts_only_as_seen_from_the_others():
    layer, tokens, angles = made(), torch.randn(1, 6, 8).double(), plane_angles(2, 3, 4).double()
    torch.testing.assert_close(layer(tokens, None, angles + torch.tensor([7.0, -3.0])), layer(tokens, None, angles))
    assert not torch.allclose(layer(tokens, None, angles.flip(0).roll(1, 0)), layer(tokens, None, angles))


def test_a_turn_keeps_the_length_and_turns_the_product_by_the_difference():
    x, y = torch.randn(2, 1, 6).double()
    a, b = torch.randn(2, 1, 3).double()
    torch.testing.assert_close(rotate(x, a).norm(), x.norm())
    torch.testing.assert_close((rotate(x, a) * rotate(y, b)).sum(), (rotate(x, a - b) * y).sum())


def test_the_angles_of_a_plane_are_row_and_column_times_the_frequencies():
    angles = plane_angles(3, 4, 8)
    for row, column in np.ndindex(3, 4):
        expected = [row, row / 10, column, column / 10]
        assert angles[row * 4 + column].tolist() == pytest.approx(expected)


def test_the_sinusoid_is_that_of_the_paper():
    found = sinusoid(torch.tensor([-2.0, 0.0, 5.0]), 6)
    for row, position in enumerate((-2, 0, 5)):
        expected = [wave(position / 10000 ** (2 * k / 6)) for wave in (math.sin, math.cos) for k in range(3)]
        assert found[row].tolist() == pytest.approx(expected, abs=1e-6)


def test_a_sublayer_adds_what_it_makes_of_standardised_tokens():
    torch.manual_seed(0)
    sublayer = Sublayer(FeedForward(4, 3), 4, 0.0).double()
    torch.nn.init.normal_(sublayer.norm.weight)
    token = torch.randn(4).double()
    standard = (token - token.mean()) / (token.var(unbiased=False) + 1e-5).sqrt() * sublayer.norm.weight
    hidden = [z * (1 + math.erf(z / math.sqrt(2))) / 2 for z in product(sublayer.layer[0], standard.tolist())]
    expected = [a + b for a, b in zip(token.tolist(), product(sublayer.layer[2], hidden), strict=True)]
    assert sublayer(token[None, None])[0, 0].tolist() == pytest.approx(expected)


def test_dropout_drops_the_contribution_and_never_the_token():
    torch.manual_seed(0)
    sublayer, tokens = Sublayer(torch.nn.Identity(), 64, 0.25), torch.randn(1, 50, 64)
    added = sublayer(tokens) - tokens
    assert (added == 0).double().mean().item() == pytest.approx(0.25, abs=0.03)
    kept = added != 0
    torch.testing.assert_close(added[kept], sublayer.norm(tokens)[kept] / 0.75, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(sublayer.eval()(tokens), tokens + sublayer.norm(tokens))


@pytest.mark.parametrize("name", ["transformer", "vit"])
def test_heads_that_do_not_fit_are_refused_in_one_line(name):
    with pytest.raises(InputError, match=f"options of {name}: width: expected a multiple of 4 · heads = 12, found 64"):
        registry.create(name, task(), width=64, heads=3)
