"""The vision transformer: its tokens by hand, space and time one by one, any image size, and that the truth is not read."""

import numpy as np
import pytest
import torch
from tests.models.batches import inputs, task

from glaciercast.models import registry
from glaciercast.models.attention import AttentionOptions, plane_angles
from glaciercast.models.base import parameter_count
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.vit import SpaceTimeBlock, cut, joined

CHOSEN = task(patch=6, variables=("ndsi", "ndwi"), targets=("ndsi",), statics=("elevation",), n_target=3)


def shaken(chosen=CHOSEN, ports=None, **options):
    """A small network whose last layer is random too."""
    torch.manual_seed(0)
    network = registry.create("vit", chosen, ports=ports, **{"width": 16, "heads": 2, "feedforward": 24, "depth": 2, "token": 3, **options})
    torch.nn.init.normal_(network.readout.weight, std=0.3)
    return network


def test_squares_are_cut_row_by_row_and_the_edge_is_repeated():
    frames = torch.randn(2, 3, 2, 5, 7)
    squares = cut(frames, 3)
    assert squares.shape == (2, 3, 2 * 3, 2 * 9)
    for b, t, row, column, c, i, j in np.ndindex(2, 3, 2, 3, 2, 3, 3):
        pixel = frames[b, t, c, min(3 * row + i, 4), min(3 * column + j, 6)]
        assert squares[b, t, 3 * row + column, 9 * c + 3 * i + j] == pixel
    assert torch.equal(joined(squares, 3, 2, 3)[..., :5, :7], frames)


@torch.no_grad()
def test_tokens_are_embedded_squares_with_statics_season_and_step():
    network, given = shaken().double(), Inputs(*(part.double() for part in inputs(CHOSEN)))
    tokens = network.tokens(given)
    assert tokens.shape == (2, 6, 4, 16)

    def embedded(layer, planes, place, unit):
        total, (row, column) = 0.0 if layer.bias is None else layer.bias[unit].item(), divmod(place, 2)
        for k, (c, i, j) in enumerate(np.ndindex(len(planes), 3, 3)):
            total += layer.weight[unit, k].item() * planes[c, 3 * row + i, 3 * column + j].item()
        return total

    for sample, step, place, unit in np.ndindex(2, 6, 4, 4):
        unit *= 5
        planes = given.frames[sample, step] if step < 3 else given.future[sample, step - 3]
        expected = embedded(network.frame if step < 3 else network.reference, planes, place, unit)
        expected += embedded(network.statics, given.statics[sample], place, unit)
        expected += sum(network.season.weight[unit, k].item() * given.season[sample, step, k].item() for k in range(2))
        expected += (np.sin if unit < 8 else np.cos)((step - 2) / 10000 ** (unit % 8 / 8))
        assert tokens[sample, step, place, unit].item() == pytest.approx(expected, abs=1e-6)


@torch.no_grad()
def test_a_block_attends_within_each_frame_and_then_along_time_at_each_place():
    torch.manual_seed(0)
    block = SpaceTimeBlock(AttentionOptions(width=16, heads=2, feedforward=24)).double()
    tokens, angles = torch.randn(2, 4, 6, 16).double(), plane_angles(2, 3, 8).double()
    found = block(tokens, angles)
    for sample in range(2):
        seen = torch.stack([block.space(frame[None], None, angles)[0] for frame in tokens[sample]])
        seen = torch.stack([block.time(place[None])[0] for place in seen.unbind(1)], dim=1)
        torch.testing.assert_close(found[sample], block.feedforward(seen))


@torch.no_grad()
def test_the_targets_tokens_are_read_out_into_their_squares():
    network, given = shaken(), inputs(CHOSEN)
    tokens = network.tokens(given)
    for block in network.blocks:
        tokens = block(tokens, plane_angles(2, 2, 8))
    forecast, weight, bias = network(given), network.readout.weight, network.readout.bias
    for sample, lead, row, column in np.ndindex(2, 3, 6, 6):
        token, pixel = tokens[sample, 3 + lead, 2 * (row // 3) + column // 3], 3 * (row % 3) + column % 3
        expected = (network.norm(token) * weight[pixel]).sum() + bias[pixel]
        assert forecast[sample, lead, 0, row, column].item() == pytest.approx(expected.item(), abs=1e-5)


@torch.no_grad()
def test_a_target_never_sees_the_truth():
    network, given = shaken(), inputs(CHOSEN)
    network.teacher = 1.0
    assert torch.equal(network(given, torch.randn(2, 3, 1, 6, 6)), network(given))


@torch.no_grad()
def test_every_pixel_of_all_that_is_known_counts_at_every_lead_and_place():
    network, given = shaken(), inputs(CHOSEN)
    forecast = network(given)
    for name, steps in (("frames", 3), ("future", 3), ("season", 6), ("statics", 1)):
        for step in range(steps):
            other = getattr(given, name).clone()
            other[:, step, ..., -1] += 3
            changed = (network(given._replace(**{name: other})) - forecast).abs().amax(dim=(0, 2))
            assert (changed > 1e-6).float().mean() > 0.95 and (changed.amax(dim=(1, 2)) > 1e-4).all(), (name, step)


@torch.no_grad()
def test_the_order_of_frames_and_places_counts():
    network, given = shaken(), inputs(CHOSEN)
    given = given._replace(season=torch.zeros_like(given.season))
    swapped = given._replace(frames=given.frames[:, [1, 0, 2]])
    assert not torch.allclose(network(swapped), network(given), atol=1e-3)
    wide = inputs(CHOSEN, rows=3, columns=9)
    moved = Inputs(*(part if part.ndim == 3 else part[..., [3, 4, 5, 6, 7, 8, 0, 1, 2]] for part in wide))
    assert not torch.allclose(network(moved), network(wide)[..., [3, 4, 5, 6, 7, 8, 0, 1, 2]], atol=1e-3)


@pytest.mark.parametrize(("rows", "columns"), [(6, 6), (1, 4), (7, 11)])
@torch.no_grad()
def test_any_image_size_goes_in_and_padding_repeats_the_edge(rows, columns):
    network, given = shaken(), inputs(CHOSEN, rows=rows, columns=columns)

    def padded(x):
        return x[..., np.minimum(np.arange(12), rows - 1), :][..., np.minimum(np.arange(12), columns - 1)]

    whole = Inputs(padded(given.frames), padded(given.future), padded(given.statics), given.season)
    high, wide = -(-rows // 3) * 3, -(-columns // 3) * 3
    whole = Inputs(*(part if part.ndim == 3 else part[..., :high, :wide] for part in whole))
    torch.testing.assert_close(network(given), network(whole)[..., :rows, :columns])


@torch.no_grad()
def test_no_sample_sees_another_and_their_order_does_not_matter():
    network, given = shaken().train(), inputs(CHOSEN, n=4)
    other = given._replace(frames=torch.cat([given.frames[:1], given.frames[1:] + 5]))
    torch.testing.assert_close(network(given)[0], network(other)[0], rtol=1e-5, atol=1e-6)
    order = [2, 0, 3, 1]
    torch.testing.assert_close(network(Inputs(*(part[order] for part in given))), network(given)[order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("n_input", "n_target", "parameters"), [(1, 1, 1), (1, 4, 3), (5, 1, 2)])
@torch.no_grad()
def test_any_numbers_of_steps(n_input, n_target, parameters):
    chosen = task(n_input=n_input, n_target=n_target, variables=("ndsi", "ndwi"))
    ports = Ports.of(chosen, parameters, departures=True)
    network, given = shaken(chosen, ports), inputs(chosen, ports=ports)
    forecast = network(given)
    assert forecast.shape == (2, n_target, 2 * parameters, 8, 8)
    torch.testing.assert_close(forecast[1:], network(Inputs(*(part[1:] for part in given))), rtol=1e-4, atol=1e-5)


def test_it_starts_at_zero():
    assert not registry.create("vit", CHOSEN)(inputs(CHOSEN)).any()


def test_a_gradient_reaches_every_weight():
    network = shaken()
    network(inputs(CHOSEN)).square().sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_the_paper_preset_has_the_published_size():
    """ViT-Base (Dosovitskiy et al. 2021, table 1): 12 layers of width 768 with 3072 hidden units, 85 M weights, and time attention."""
    with torch.device("meta"):
        network = registry.create("vit", task(patch=50), preset="paper")
    attention, feedforward, norm = 4 * 768**2 + 768, 2 * 768 * 3072 + 3072 + 768, 2 * 768
    assert 84e6 < 12 * (attention + feedforward + 2 * norm) < 86e6
    blocks = 12 * (2 * attention + feedforward + 3 * norm)
    tokens = (2 * 25 + 1) * 768 + (25 + 1) * 768 + 2 * 768
    assert parameter_count(network) == blocks + tokens + norm + (768 + 1) * 25
