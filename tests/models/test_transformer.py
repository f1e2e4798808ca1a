"""The transformer over time: its tokens by hand, its blocks against torch's own, and that the truth is not read."""

import numpy as np
import pytest
import torch
from tests.models.batches import inputs, task

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.attention import AttentionOptions
from glaciercast.models.base import parameter_count
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.transformer import Block

CHOSEN = task(patch=4, variables=("ndsi", "ndwi"), targets=("ndsi",), statics=("elevation",), n_target=3)


def shaken(chosen=CHOSEN, ports=None, **options):
    """A small network whose last layer is random too."""
    torch.manual_seed(0)
    network = registry.create("transformer", chosen, ports=ports, **{"width": 16, "heads": 2, "feedforward": 24, **options})
    torch.nn.init.normal_(network.readout.weight, std=0.3)
    return network


@torch.no_grad()
def test_tokens_are_embedded_frames_references_and_statics_with_season_and_step():
    network, given = shaken().double(), Inputs(*(part.double() for part in inputs(CHOSEN)))
    known, asked = network.tokens(given)
    assert known.shape == (2, 3 + 1, 16) and asked.shape == (2, 3, 16)

    def embedded(layer, planes, step, sample, unit):
        pixels, total = planes.flatten().tolist(), layer.bias[unit].item()
        for k, pixel in enumerate(pixels):
            total += layer.weight[unit, k].item() * pixel
        if step is not None:
            wave, exponent = (np.sin, unit) if unit < 8 else (np.cos, unit - 8)
            total += wave((step - 2) / 10000 ** (exponent / 8))
            total += sum(network.season.weight[unit, k].item() * given.season[sample, step, k].item() for k in range(2))
        return total

    for sample, unit in np.ndindex(2, 16):
        for step in range(3):
            expected = embedded(network.frame, given.frames[sample, step], step, sample, unit)
            assert known[sample, step, unit].item() == pytest.approx(expected, abs=1e-6)
            expected = embedded(network.reference, given.future[sample, step], 3 + step, sample, unit)
            assert asked[sample, step, unit].item() == pytest.approx(expected, abs=1e-6)
        expected = embedded(network.statics, given.statics[sample], None, sample, unit)
        assert known[sample, 3, unit].item() == pytest.approx(expected, abs=1e-6)


def copied(known, mine):
    known.in_proj_weight.copy_(torch.cat([mine.query.weight, mine.key_value.weight]))
    known.in_proj_bias.zero_()
    known.out_proj.load_state_dict(mine.project.state_dict())


@torch.no_grad()
def test_the_blocks_are_torchs_own_with_the_norm_first():
    torch.manual_seed(0)
    options = AttentionOptions(width=16, heads=2, feedforward=24)
    tokens, context = torch.randn(2, 3, 16).double(), torch.randn(2, 5, 16).double()
    for cross in (False, True):
        mine = Block(options, cross=cross).double()
        for parameter in mine.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        kind = torch.nn.TransformerDecoderLayer if cross else torch.nn.TransformerEncoderLayer
        known = kind(16, 2, 24, dropout=0.0, activation="gelu", batch_first=True, norm_first=True).double()
        copied(known.self_attn, mine.among.layer)
        norms = [mine.among.norm, *([mine.across.norm] if cross else []), mine.feedforward.norm]
        for k, norm in enumerate(norms):
            getattr(known, f"norm{k + 1}").load_state_dict(norm.state_dict())
        known.linear1.load_state_dict(mine.feedforward.layer[0].state_dict())
        known.linear2.load_state_dict(mine.feedforward.layer[2].state_dict())
        if cross:
            copied(known.multihead_attn, mine.across.layer)
        torch.testing.assert_close(mine(tokens, context), known(tokens, context) if cross else known(tokens))


@torch.no_grad()
def test_the_encoder_is_asked_by_the_targets_and_the_answers_are_maps():
    network, given = shaken(), inputs(CHOSEN)
    known, asked = network.tokens(given)
    for block in network.encoder:
        known = block(known)
    for block in network.decoder:
        asked = block(asked, network.encoded_norm(known))
    forecast = network(given)
    weight, bias = network.readout.weight, network.readout.bias
    for sample, lead, row, column in np.ndindex(2, 3, 4, 4):
        pixel = 4 * row + column
        expected = (network.decoded_norm(asked[sample, lead]) * weight[pixel]).sum() + bias[pixel]
        assert forecast[sample, lead, 0, row, column].item() == pytest.approx(expected.item(), abs=1e-5)


@torch.no_grad()
def test_a_target_never_sees_the_truth():
    network, given = shaken(), inputs(CHOSEN)
    network.teacher = 1.0
    assert torch.equal(network(given, torch.randn(2, 3, 1, 4, 4)), network(given))


@torch.no_grad()
def test_every_frame_and_all_that_is_known_of_every_target_counts_at_every_lead():
    network, given = shaken(), inputs(CHOSEN)
    forecast = network(given)
    for name, steps in (("frames", 3), ("future", 3), ("season", 6), ("statics", 1)):
        for step in range(steps):
            other = getattr(given, name).clone()
            other[:, step] += 1
            changed = (network(given._replace(**{name: other})) - forecast).abs().amax(dim=(0, 2, 3, 4))
            assert (changed > 1e-5).all(), (name, step)


@torch.no_grad()
def test_the_order_of_the_frames_counts():
    network, given = shaken(), inputs(CHOSEN)
    season = torch.zeros_like(given.season)
    swapped = given._replace(frames=given.frames[:, [1, 0, 2]], season=season)
    assert not torch.allclose(network(swapped), network(given._replace(season=season)), atol=1e-3)


@torch.no_grad()
def test_no_sample_sees_another_and_their_order_does_not_matter():
    network, given = shaken().train(), inputs(CHOSEN, n=4)
    other = given._replace(frames=torch.cat([given.frames[:1], given.frames[1:] + 5]))
    torch.testing.assert_close(network(given)[0], network(other)[0], rtol=1e-5, atol=1e-6)
    order = [2, 0, 3, 1]
    torch.testing.assert_close(network(Inputs(*(part[order] for part in given))), network(given)[order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("n_input", "n_target", "parameters"), [(1, 1, 1), (1, 4, 3), (5, 1, 2)])
def test_any_numbers_of_steps(n_input, n_target, parameters):
    chosen = task(n_input=n_input, n_target=n_target, variables=("ndsi", "ndwi"))
    ports = Ports.of(chosen, parameters, departures=True)
    network, given = shaken(chosen, ports), inputs(chosen, ports=ports)
    forecast = network(given)
    assert forecast.shape == (2, n_target, 2 * parameters, 8, 8)
    torch.testing.assert_close(forecast[1:], network(Inputs(*(part[1:] for part in given))), rtol=1e-4, atol=1e-5)


def test_it_starts_at_zero():
    assert not registry.create("transformer", CHOSEN)(inputs(CHOSEN)).any()


def test_a_gradient_reaches_every_weight():
    network = shaken()
    network(inputs(CHOSEN)).square().sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_another_patch_size_is_refused():
    with pytest.raises(InputError, match="transformer: expected patches of 4×4 pixels, as trained, found 4×5"):
        shaken()(inputs(CHOSEN, rows=4, columns=5))


def test_the_paper_preset_has_the_published_size():
    """Base model of Vaswani et al. 2017, table 3: 6 + 6 blocks of width 512 with 2048 hidden units, 44 M weights without the words."""
    chosen = task(patch=50)
    with torch.device("meta"):
        network = registry.create("transformer", chosen, preset="paper")
    attention, feedforward, norm = 4 * 512**2 + 512, 2 * 512 * 2048 + 2048 + 512, 2 * 512
    blocks = 6 * (attention + feedforward + 2 * norm) + 6 * (2 * attention + feedforward + 3 * norm)
    assert 43e6 < blocks < 45e6
    tokens = (2 * 2500 + 1) * 512 + (2500 + 1) * 512 + 2 * 512
    assert parameter_count(network) == blocks + tokens + 2 * norm + (512 + 1) * 2500
