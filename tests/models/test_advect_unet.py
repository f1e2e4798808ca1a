"""The transported frame as a network: exact at rest, exact for a known motion, and motion that is learnt from data."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.models.batches import batch, inputs, task, training_data

from glaciercast.models import registry
from glaciercast.models.advect_unet import PIXELS, EstimatedMotion, VelocityMotion
from glaciercast.models.advection import carried
from glaciercast.models.ports import Ports
from glaciercast.models.residual import build

MOVING = task(variables=("ndsi", "vx", "vy"), targets=("ndsi",))


def created(chosen, ports=None, **options):
    torch.manual_seed(0)
    return registry.create("advect_unet", chosen, ports=ports, **{"widths": (4, 8), **options})


def moving(network, x, y):
    """Set a uniform motion of (x, y) pixels a step."""
    with torch.no_grad():
        if isinstance(network.motion, VelocityMotion):
            network.motion.offset.copy_(torch.tensor([x, y])[:, None, None] / PIXELS)
        else:
            network.motion.readout.bias.copy_(torch.tensor([x, y]))
    return network


@pytest.mark.parametrize("chosen", [task(), MOVING])
@pytest.mark.parametrize("departures", [False, True])
def test_at_rest_it_changes_nothing(chosen, departures):
    ports = Ports.of(chosen, parameters=3, departures=departures)
    network = created(chosen, ports)
    torch.nn.init.normal_(network.share)
    change = network(inputs(chosen, rows=9, columns=7, ports=ports))
    assert change.shape == (2, 2, 3, 9, 7) and not change.any()


@pytest.mark.parametrize("residual", ["none", "last", "same_season", "climatology"])
def test_untrained_it_is_every_reference_bit_for_bit(residual):
    chosen = task(variables=("ndsi", "ndwi"))
    stats = SimpleNamespace(mean=np.array([0.4, -2.0], "float32"), std=np.array([0.5, 4.0], "float32"))
    climatology = registry.create("climatology", chosen).fit(training_data(variables=2)) if residual == "climatology" else None
    forecaster, given = build("advect_unet", chosen, residual, stats, climatology, widths=(4,)).eval(), batch(chosen)
    torch.testing.assert_close(forecaster(given), forecaster.read(given)[1].nan_to_num(), rtol=0, atol=0)


def test_on_persistence_it_is_the_frame_carried_along():
    network, given = moving(created(task()), 2.0, -1.0), inputs(task())
    last = given.frames[:, -1, :1]
    forecast = given._replace(future=last[:, None].expand(-1, 2, -1, -1, -1)).future + network(given)
    torch.testing.assert_close(forecast, carried(last, torch.tensor([2.0, -1.0])[None, :, None, None].expand(2, 2, 8, 8), 2))
    torch.testing.assert_close(forecast[:, 0, :, :-1, 2:], last[:, :, 1:, :-2])


def test_half_precision_does_not_blur_the_transport():
    network, given = moving(created(task()), 2.3125, -1.0), inputs(task(), rows=40)
    whole = network(given)
    network.motion.register_forward_hook(lambda module, args, motion: motion.bfloat16())  # what autocast makes of it on a GPU
    torch.testing.assert_close(network(given), whole, rtol=0, atol=0)


def test_on_a_climatology_only_departures_move():
    ports = Ports.of(task(), departures=True)
    network, given = moving(created(task(), ports), 1.0, 0.0), inputs(task(), ports=ports)
    departure = given.frames[:, -1, 2:3]
    torch.testing.assert_close(network(given)[:, 0, :, :, 1:], departure[..., :-1] - departure[..., 1:])
    still = given.frames.clone()
    still[:, :, 2] = 0
    assert not network(given._replace(frames=still)).any()


def test_the_motion_is_a_factor_and_an_offset_of_the_latest_velocity():
    motion, frames = VelocityMotion(MOVING), inputs(MOVING).frames
    with torch.no_grad():
        motion.factor.copy_(torch.tensor([0.3, -0.2])[:, None, None])
        motion.offset.copy_(torch.tensor([0.1, 0.0])[:, None, None])
    frames[0, -1, [1, 2, 4, 5], 2, 3] = 0  # vx, vy and what was observed of them: nothing is known here
    frames[1, -1, [1, 2], 2, 3] = 0  # the mean velocity,
    frames[1, -1, [4, 5], 2, 3] = 0.5  # observed
    moved = motion(frames)
    expected = torch.stack([3 * frames[:, -1, 1] + 1, -2 * frames[:, -1, 2]], dim=1)
    expected[0, :, 2, 3] = 0
    torch.testing.assert_close(moved, expected)
    assert moved[1, :, 2, 3].tolist() == [1, 0]


def test_velocities_are_used_only_if_both_are_there():
    assert isinstance(created(MOVING).motion, VelocityMotion)
    for variables in (("ndsi",), ("ndsi", "vx", "speed")):
        assert isinstance(created(task(variables=variables)).motion, EstimatedMotion)


def texture(n, size, x, y, steps, seed):
    """Frames of a smooth random texture that moves by (x, y) pixels a step, (n, steps, size, size)."""
    k = torch.randn(n, 12, 2, generator=torch.Generator().manual_seed(seed)) * 0.5
    phase = 6.28 * torch.rand(n, 12, generator=torch.Generator().manual_seed(seed + 1))
    rows, columns = torch.meshgrid(torch.arange(float(size)), torch.arange(float(size)), indexing="ij")
    frames = [
        torch.sin(k[..., 0, None, None] * (columns - step * x) + k[..., 1, None, None] * (rows - step * y) + phase[..., None, None]).sum(1)
        for step in range(steps)
    ]
    return torch.stack(frames, dim=1) / 6**0.5


def learnt(network, given, truth, rate, steps):
    """Return the loss before and after some steps of Adam on the motion alone."""
    optimiser, losses = torch.optim.Adam(network.motion.parameters(), lr=rate), []
    for _ in range(steps + 1):
        loss = (given.future + network(given) - truth)[..., 4:-4, 4:-4].square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


@pytest.mark.slow
def test_pixel_size_and_step_are_learnt_from_velocities():
    frames = texture(2, 16, 0.75, -0.5, 5, seed=0)[:, :, None]
    velocity = torch.tensor([1.5, 1.0])[None, None, :, None, None].expand(2, 3, 2, 16, 16)  # normalised: rows run south
    given = inputs(MOVING, n=2, rows=16)._replace(
        frames=torch.cat([frames[:, :3], velocity, torch.ones(2, 3, 3, 16, 16)], dim=2), future=frames[:, 2:3].expand(-1, 2, -1, -1, -1)
    )
    network = created(MOVING, widths=(4,))
    before, after = learnt(network, given, frames[:, 3:], 0.015, 40)
    assert after < 0.01 * before
    torch.testing.assert_close(network.motion(given.frames)[0, :, 8, 8], torch.tensor([0.75, -0.5]), rtol=0, atol=0.05)


@pytest.mark.slow
def test_motion_is_learnt_from_frames_alone():
    frames = texture(2, 16, 0.75, -0.5, 5, seed=0)[:, :, None]
    given = inputs(task(), n=2, rows=16)._replace(
        frames=torch.cat([frames[:, :3], torch.ones(2, 3, 1, 16, 16)], dim=2), future=frames[:, 2:3].expand(-1, 2, -1, -1, -1)
    )
    before, after = learnt(created(task(), widths=(4,)), given, frames[:, 3:], 0.01, 40)
    assert after < 0.1 * before


def test_growth_is_added_to_what_moves():
    chosen = task(variables=("ndsi", "ndwi"), targets=("ndsi",))
    ports = Ports.of(chosen, parameters=2)
    network, given = moving(created(chosen, ports), 1.0, 0.0), inputs(chosen)
    moved = network(given)
    with torch.no_grad():
        network.readout.bias.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    torch.testing.assert_close(network(given) - moved, torch.arange(1.0, 5.0).reshape(2, 2, 1, 1).expand(2, 2, 2, 8, 8))
    assert not moved[:, :, 1].any()


def test_a_target_that_ice_does_not_carry_stays():
    chosen = task(variables=("ndsi", "speed"))
    network, given = moving(created(chosen), 1.0, 0.0), inputs(chosen)
    with torch.no_grad():
        network.share[1] = 0
    change = network(given)
    assert change[:, :, 0].any() and not change[:, :, 1].any()


def test_references_seasons_and_statics_count():
    chosen = task(statics=("elevation",))
    network, given = created(chosen), inputs(chosen)
    torch.nn.init.normal_(network.readout.weight)
    before = network(given)
    for name in ("future", "season", "statics"):
        assert not torch.allclose(network(given._replace(**{name: getattr(given, name) + 1})), before, atol=1e-3)


def test_normalised_by_pixel_it_says_the_same_in_a_larger_tile():
    network, given = created(task(), norm="layer"), inputs(task(), n=1, rows=70, columns=66)
    for readout in (network.readout, network.motion.readout):
        torch.nn.init.normal_(readout.weight, std=0.5)
    cut = {name: getattr(given, name)[..., 8:62, 8:58] for name in ("frames", "future", "statics")}
    middle = network(given)[..., 33:37, 31:35]
    torch.testing.assert_close(network(given._replace(**cut))[..., 25:29, 23:27], middle, rtol=1e-4, atol=1e-5)
    assert network.any_size and not created(task(), norm="group").any_size
