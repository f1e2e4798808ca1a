"""The recurrent U-Net against its recursion written out, its teacher, and the published size."""

import pytest
import torch
from tests.models.batches import inputs, task

from glaciercast.models import registry
from glaciercast.models.base import parameter_count
from glaciercast.models.ports import Inputs, Ports


def shaken(chosen, ports=None, **options):
    """A network whose last layer is random too."""
    torch.manual_seed(0)
    network = registry.create("unet_recurrent", chosen, ports=ports, **{"widths": (4, 6), **options})
    torch.nn.init.normal_(network.readout.weight, std=0.3)
    return network


def written_out(network, given, sample, changes=None):
    """The recursion for one sample; a frame holds V values, V observed fractions and V departures; `changes` are fed if given."""
    ports, frames = network.ports, list(given.frames[sample])
    forecast = []
    for lead, reference in enumerate(given.future[sample]):
        sine, cosine = given.season[sample, network.task.n_input + lead]
        planes = [torch.full_like(reference[:1], value) for value in (sine, cosine)]
        channels = torch.cat([*frames[-network.task.n_input :], reference, given.statics[sample], *planes])
        out = network.readout(network.body(channels[None]))[0]
        forecast.append(out)
        change = out[: ports.targets] if changes is None else changes[lead]
        frame = torch.zeros_like(frames[0])
        for target in range(ports.targets):
            frame[target] = reference[target] + change[target]
            if ports.departures:
                frame[2 * ports.variables + target] = change[target]
        frames.append(frame)
    return torch.stack(forecast)


CHOSEN = task(variables=("ndsi", "ndwi", "lst"), targets=("ndsi", "ndwi"), statics=("elevation", "slope"), n_target=4)


@pytest.mark.parametrize(("parameters", "departures"), [(1, False), (3, True)])
@torch.no_grad()
def test_it_equals_the_recursion_written_out(parameters, departures):
    ports = Ports.of(CHOSEN, parameters, departures=departures)
    network, given = shaken(CHOSEN, ports).eval(), inputs(CHOSEN, ports=ports)
    forecast = network(given)
    assert forecast.shape == (2, 4, 2 * parameters, 8, 8)
    for sample in range(2):
        torch.testing.assert_close(forecast[sample], written_out(network, given, sample), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_teacher_replaces_every_step_that_is_fed_back():
    network, given = shaken(CHOSEN), inputs(CHOSEN)
    network.teacher, truth = 1.0, torch.randn(2, 4, 2, 8, 8)
    taught = network(given, truth)
    for sample in range(2):
        torch.testing.assert_close(taught[sample], written_out(network, given, sample, truth[sample]), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_step_never_sees_its_own_truth_nor_a_later_one():
    network, given = shaken(CHOSEN), inputs(CHOSEN)
    network.teacher, truth = 1.0, torch.randn(2, 4, 2, 8, 8)
    known = network(given, truth)
    for lead in range(4):
        other = truth.clone()
        other[:, lead:] += 3
        found = network(given, other)
        assert torch.equal(found[:, : lead + 1], known[:, : lead + 1])
        assert lead == 3 or not torch.allclose(found[:, lead + 1], known[:, lead + 1])


@torch.no_grad()
def test_the_teacher_is_drawn_anew_for_each_sample_and_step_from_torchs_generator():
    chosen = task(n_target=2)
    network, given = shaken(chosen), inputs(chosen, n=64)
    truth = torch.randn(64, 2, 1, 8, 8)
    free, network.teacher = network(given), 1.0
    always, network.teacher = network(given, truth), 0.5
    torch.manual_seed(3)
    mixed = network(given, truth)
    torch.manual_seed(3)
    assert torch.equal(network(given, truth), mixed)
    took = [torch.equal(mixed[k], always[k]) for k in range(64)]
    kept = [torch.equal(mixed[k], free[k]) for k in range(64)]
    assert all(a != b for a, b in zip(took, kept, strict=True)) and 20 < sum(took) < 44
    network.teacher = 0.0
    assert torch.equal(network(given, truth), free)


@pytest.mark.parametrize(("n_input", "n_target", "rows", "columns"), [(1, 1, 8, 8), (1, 3, 1, 5), (4, 1, 9, 6)])
def test_any_numbers_of_steps_and_any_patch(n_input, n_target, rows, columns):
    chosen = task(n_input=n_input, n_target=n_target)
    network, given = shaken(chosen).double().eval(), inputs(chosen, rows=rows, columns=columns)
    given = Inputs(*(part.double() for part in given))
    torch.testing.assert_close(network(given)[1], written_out(network, given, 1))


@torch.no_grad()
def test_a_pixel_away_from_the_edge_does_not_know_the_size_of_its_tile():
    """Each lead reaches as far as the U-Net does, 10 pixels, beyond what the lead before it has reached."""
    chosen = task(n_target=2)
    network, scene = shaken(chosen, norm="layer").double(), inputs(chosen, rows=60)
    scene = Inputs(*(part.double() for part in scene))
    tile = Inputs(*(part if part.ndim == 3 else part[..., 4:52, 6:54] for part in scene))
    torch.testing.assert_close(network(tile)[..., 20:28, 20:28], network(scene)[..., 24:32, 26:34])
    assert network.any_size and not shaken(chosen, norm="group").any_size


def test_it_starts_at_zero():
    assert not registry.create("unet_recurrent", CHOSEN)(inputs(CHOSEN)).any()


@torch.no_grad()
def test_no_sample_sees_another_and_their_order_does_not_matter():
    network, given = shaken(CHOSEN).train(), inputs(CHOSEN, n=4)
    other = given._replace(frames=torch.cat([given.frames[:1], given.frames[1:] + 5]))
    assert torch.equal(network(given)[0], network(other)[0])
    order = [2, 0, 3, 1]
    torch.testing.assert_close(network(Inputs(*(part[order] for part in given))), network(given)[order], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("norm", ["group", "layer", "none"])
def test_a_gradient_reaches_every_weight(norm):
    network = shaken(CHOSEN, norm=norm)
    network(inputs(CHOSEN)).square().sum().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()] == []


def test_a_lead_teaches_the_leads_before_it():
    """The last lead's error flows back through the forecasts that it was fed."""
    chosen = task(n_input=1, n_target=3)
    network, given = shaken(chosen), inputs(chosen)
    given.future.requires_grad_()
    network(given)[:, 2].sum().backward()
    assert all(given.future.grad[:, lead].any() for lead in range(3))


def test_the_paper_preset_is_the_published_network():
    """23 convolutional layers of 64 … 1024 channels (Ronneberger et al. 2015, figure 1)."""
    with torch.device("meta"):
        network = registry.create("unet_recurrent", task(), preset="paper")
    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
    assert len(layers) == 23 and sum(isinstance(layer, torch.nn.ConvTranspose2d) for layer in layers) == 4
    widths, inputs_ = (64, 128, 256, 512, 1024), 3 * 2 + 1 + 2
    down = sum(9 * a * b + 9 * b * b + 2 * b for a, b in zip((inputs_, *widths), widths, strict=False))
    up = sum(8 * b * b + b + 18 * b * b + 9 * b * b + 2 * b for b in widths[:-1])
    assert parameter_count(network) == down + up + 64 + 1
