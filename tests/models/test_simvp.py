"""SimVP as a network: which frame serves which lead, any size, and that references, seasons and statics count."""

import pytest
import torch
from tests.models.batches import inputs, task

from glaciercast.errors import ConfigError
from glaciercast.models import registry
from glaciercast.models.base import parameter_count
from glaciercast.models.ports import Ports

RICH = {"variables": ("ndsi", "lst_day"), "targets": ("ndsi",), "statics": ("elevation",)}


def shaken(chosen, ports=None, **options):
    """A small network whose last layer is random too."""
    torch.manual_seed(0)
    network = registry.create("simvp", chosen, ports=ports, **{"hidden": 4, "middle": 12, "blocks": 2, **options})
    torch.nn.init.normal_(network.readout.weight)
    return network


@pytest.mark.parametrize("block", ["convmixer", "gsta", "tau"])
@pytest.mark.parametrize(("n_input", "n_target", "rows", "columns"), [(3, 2, 8, 8), (1, 4, 9, 11), (4, 1, 1, 3), (2, 2, 13, 6)])
def test_any_numbers_of_steps_and_any_patch_go_in_and_come_out(block, n_input, n_target, rows, columns):
    chosen = task(n_input=n_input, n_target=n_target, **RICH)
    ports = Ports.of(chosen, parameters=3, departures=True)
    change = shaken(chosen, ports, block=block)(inputs(chosen, rows=rows, columns=columns, ports=ports))
    assert change.shape == (2, n_target, 3, rows, columns)
    assert change.isfinite().all() and change.std() > 0.01


@pytest.mark.parametrize("block", ["convmixer", "gsta", "tau"])
def test_it_starts_at_zero(block):
    assert not registry.create("simvp", task(), block=block)(inputs(task())).any()


def test_the_sizes_of_the_presets():
    monthly = task(n_input=10, n_target=10, history=12)
    with torch.device("meta"):
        small, paper = registry.create("simvp", monthly), registry.create("simvp", monthly, preset="paper")
    assert 0.1e6 < parameter_count(small) < 0.3e6
    published = 46.77e6  # with one input channel; ours has 4, and the references and seasons of the leads
    assert parameter_count(paper) == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize(("n_input", "n_target", "frames"), [(3, 3, [0, 1, 2]), (2, 4, [0, 1, 1, 1]), (4, 2, [2, 3]), (3, 1, [2])])
def test_the_skip_of_a_lead_comes_from_its_frame(n_input, n_target, frames):
    network, given = shaken(task(n_input=n_input, n_target=n_target)), inputs(task(n_input=n_input, n_target=n_target))
    torch.nn.init.zeros_(network.decoder.rest[-1][-2].weight)  # what comes from the middle
    for frame in range(n_input):
        moved = given.frames.clone()
        moved[:, frame] += 1
        differs = (network(given._replace(frames=moved)) != network(given)).flatten(2).any(2).any(0)
        assert differs.tolist() == [source == frame for source in frames]


def test_references_seasons_and_statics_count():
    chosen = task(**RICH)
    network, given = shaken(chosen), inputs(chosen)
    before = network(given)
    for name in ("future", "season", "statics"):
        assert not torch.allclose(network(given._replace(**{name: getattr(given, name) + 1})), before, atol=1e-3)


def test_a_lead_reads_its_own_reference_at_full_resolution_and_all_others_through_the_middle():
    network, given = shaken(task()), inputs(task())
    future = given.future.clone()
    future[:, 1, :, 3, 3] += 1
    differs = network(given._replace(future=future)) != network(given)
    assert differs[:, 0].any() and differs[:, 1].any()
    torch.nn.init.zeros_(network.decoder.rest[-1][-2].weight)  # what comes from the middle
    differs = network(given._replace(future=future)) != network(given)
    assert not differs[:, 0].any() and differs[:, 1, :, 3, 3].all()


def test_time_is_mixed():
    network, given = shaken(task()), inputs(task())
    frames = given.frames.clone()
    frames[:, 0] += 1
    differs = network(given._replace(frames=frames)) - network(given)
    assert (differs.abs().amax((0, 2, 3, 4)) > 1e-4).all()


def test_padding_repeats_the_edge():
    network, given = shaken(task()), inputs(task(), rows=6, columns=7)
    padded = given._replace(**{name: torch.nn.functional.pad(getattr(given, name).flatten(0, 1), (0, 1, 0, 2), mode="replicate").unflatten(
        0, getattr(given, name).shape[:2]) for name in ("frames", "future")}, statics=given.statics.new_zeros(2, 0, 8, 8))  # fmt: skip
    torch.testing.assert_close(network(given), network(padded)[..., :6, :7], rtol=0, atol=0)


def test_no_sample_sees_another():
    network, given = shaken(task()).train(), inputs(task(), n=3)
    other = given._replace(frames=torch.cat([given.frames[:1], given.frames[1:] + 5]))
    torch.testing.assert_close(network(given)[0], network(other)[0], rtol=0, atol=0)


def test_every_weight_is_trained():
    chosen = task(**RICH)
    for block in ("convmixer", "gsta", "tau"):
        network = shaken(chosen, block=block)
        network(inputs(chosen)).square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_an_unknown_block_is_refused():
    with pytest.raises(ConfigError, match=r"options of simvp: key 'block'.*found 'swin'"):
        registry.create("simvp", task(), block="swin")
