"""Several products: a missing one is a dropped one, the latent is a mean, and the order does not matter."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.models.batches import batch, inputs, task, training_data
from torch.nn import functional

from glaciercast import schema
from glaciercast.models import registry
from glaciercast.models.multimodal import PRODUCTS, channels_by_product, kept
from glaciercast.models.ports import Inputs, Ports
from glaciercast.models.residual import build

ALL = ("ndsi", "ndwi", "vx", "vy", "speed", "lst_day", "lst_night")
TASK = task(variables=ALL, targets=("ndsi",), statics=("elevation",))


def shaken(chosen=TASK, ports=None, **options):
    torch.manual_seed(0)
    network = registry.create("multimodal", chosen, ports=ports, **{"latent": 4, "widths": (4, 8), **options})
    torch.nn.init.normal_(network.readout.weight)
    return network


def without(given, network, product, samples=slice(None)):
    frames = given.frames.clone()
    frames[samples, :, network.channels[product]] = 0
    return given._replace(frames=frames)


def test_every_variable_of_the_contract_has_a_product():
    assert sorted(name for members in PRODUCTS.values() for name in members) == sorted(schema.ALIGNED_VARIABLES)
    for members in PRODUCTS.values():
        assert len({schema.AVAILABILITY[name] for name in members}) == 1


def test_channels_are_values_fractions_and_departures_of_each_product():
    grouped = channels_by_product(("ndsi", "vx", "lst_day", "vy", "albedo"), 3)
    assert grouped == {"albedo": [4, 9, 14], "optical": [0, 5, 10], "temperature": [2, 7, 12], "velocity": [1, 3, 6, 8, 11, 13]}
    assert list(grouped) == sorted(grouped)  # in which they are added up: the order of the variables leaves no bit changed


def test_a_missing_product_is_a_dropped_one_bit_for_bit(monkeypatch):
    network, given = shaken(), inputs(TASK)
    missing = network.eval()(without(given, network, "velocity"))
    monkeypatch.setattr("glaciercast.models.multimodal.kept", lambda present, drop: present & torch.tensor([True, True, False]))
    assert torch.equal(network.train()(given), missing)
    assert not torch.equal(network.eval()(given), missing)


def test_a_product_may_miss_from_one_sample_of_a_batch():
    network, given = shaken().eval(), inputs(TASK)
    partly = without(given, network, "temperature", slice(0, 1))
    assert network.present(partly.frames).tolist() == [[[True, False, True]] * 3, [[True, True, True]] * 3]
    assert torch.equal(network(partly)[0], network(without(given, network, "temperature"))[0])
    assert torch.equal(network(partly)[1], network(given)[1])


def test_one_observed_pixel_or_one_filled_value_makes_a_product_present():
    network, given = shaken(), inputs(TASK)
    for channel in (ALL.index("vy"), len(ALL) + ALL.index("speed")):
        frames = without(given, network, "velocity").frames
        frames[1, 0, channel, 4, 4] = 0.1
        assert network.present(frames)[..., 2].tolist() == [[False, False, False], [True, False, False]]


def test_the_latent_of_one_product_is_its_encoders():
    network, frames = shaken(), inputs(TASK).frames
    for number, (name, channels) in enumerate(network.channels.items()):
        used = torch.zeros(2, 3, 3, dtype=torch.bool)
        used[..., number] = True
        encoded = torch.stack([network.encoders[name](frames[:, step, channels]) for step in range(3)], dim=1)
        torch.testing.assert_close(network.latent(frames, used), encoded)


def test_the_latent_is_the_mean_of_those_present():
    network, frames = shaken(), inputs(TASK).frames

    def alone(number):
        return network.latent(frames, torch.eye(3, dtype=torch.bool)[number].expand(2, 3, 3))

    both = network.latent(frames, torch.tensor([True, False, True]).expand(2, 3, 3))
    torch.testing.assert_close(both, (alone(0) + alone(2)) / 2)


def test_nothing_at_all_is_a_latent_of_zero():
    network, given = shaken().eval(), inputs(TASK)
    empty = given._replace(frames=torch.zeros_like(given.frames))
    assert not network.latent(empty.frames, network.present(empty.frames)).any()
    assert network(empty).isfinite().all()
    assert torch.equal(network.train()(empty), network.eval()(empty))


@pytest.mark.parametrize("drop", [0.0, 0.2, 0.9])
def test_products_are_dropped_as_often_as_asked_and_never_all(drop):
    torch.manual_seed(0)
    left = kept(torch.ones(20000, 3, dtype=torch.bool), drop)
    assert left.any(1).all()
    assert (~left).float().mean().item() == pytest.approx(drop - drop**3 / 3, abs=0.01)  # all three drawn: one of them stays
    assert left.float().mean(0).std() < 0.01


def test_what_is_missing_is_never_kept_and_the_last_product_never_dropped():
    torch.manual_seed(0)
    present = torch.rand(5000, 3) < 0.5
    left = kept(present, 0.7)
    assert not (left & ~present).any()
    assert torch.equal(left.any(1), present.any(1))
    single = present.sum(1) == 1
    assert torch.equal(left[single], present[single])


def test_products_are_dropped_in_training_only_and_repeatably():
    network, given = shaken(drop=0.9), inputs(TASK, n=4)
    network.eval()
    assert torch.equal(network(given), network(given))
    network.train()
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        runs.append(network(given))
    assert torch.equal(runs[0], runs[1]) and not torch.equal(runs[0], runs[2])


def test_without_dropping_training_and_forecast_are_the_same():
    network, given = shaken(drop=0.0), inputs(TASK)
    assert torch.equal(network.train()(given), network.eval()(given))


def test_the_order_of_the_products_does_not_matter():
    order = ("ndsi", "lst_day", "lst_night", "vx", "ndwi", "vy", "speed")
    other, given = task(variables=order, targets=("ndsi",), statics=("elevation",)), inputs(TASK)
    moved = [block * len(ALL) + ALL.index(name) for block in range(2) for name in order]
    network, permuted = shaken().eval(), shaken(other).eval()
    permuted.load_state_dict(network.state_dict())
    assert torch.equal(permuted(given._replace(frames=given.frames[:, :, moved])), network(given))


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (9, 11), (1, 3)])
def test_any_patch_size_any_head_and_departures(rows, columns):
    ports = Ports.of(TASK, parameters=3, departures=True)
    network, given = shaken(ports=ports), inputs(TASK, rows=rows, columns=columns, ports=ports)
    change = network(given)
    assert change.shape == (2, 2, 3, rows, columns) and change.isfinite().all()
    assert [len(read) for read in network.channels.values()] == [6, 6, 9]


def test_it_starts_at_zero():
    assert not registry.create("multimodal", TASK)(inputs(TASK)).any()


def test_references_seasons_and_statics_count():
    network, given = shaken().eval(), inputs(TASK)
    before = network(given)
    for name in ("future", "season", "statics"):
        assert not torch.allclose(network(given._replace(**{name: getattr(given, name) + 1})), before, atol=1e-3)


def test_a_late_product_leaves_the_latent_of_its_frames_to_the_others():
    network, given = shaken().eval(), inputs(TASK)
    late = given.frames.clone()
    late[:, 2, network.channels["velocity"]] = 0
    latent = network.latent(late, network.present(late))
    assert torch.equal(latent[:, :2], network.latent(given.frames, network.present(given.frames))[:, :2])
    absent = without(given, network, "velocity").frames
    assert torch.equal(latent[:, 2], network.latent(absent, network.present(absent))[:, 2])


@pytest.mark.parametrize("residual", ["last", "climatology"])
def test_a_product_of_which_a_batch_holds_nothing_is_missing(residual):
    climatology = registry.create("climatology", TASK).fit(training_data(variables=7)) if residual == "climatology" else None
    stats = SimpleNamespace(mean=np.full(7, 0.5, "float32"), std=np.full(7, 0.3, "float32"))
    forecaster, given = build("multimodal", TASK, residual, stats, climatology, latent=4, widths=(4,)).eval(), batch(TASK)
    torch.nn.init.normal_(forecaster.network.readout.weight)
    past, observed = given.past.clone(), given.past_observed.clone()
    past[:, :, 2:5], observed[:, :, 2:5] = torch.nan, 0
    missing = given._replace(past=past, past_observed=observed)
    read, reference = forecaster.read(given)
    forecast = reference + 0.3 * forecaster.network(without(read, forecaster.network, "velocity"))
    torch.testing.assert_close(forecaster(missing), forecast)
    assert not torch.allclose(forecaster(given), forecast)


def test_it_says_whether_it_learns_to_do_without_a_product():
    assert shaken().missing_ok and not shaken(drop=0.0).missing_ok


def views(n, seed):
    """Return the truth, and frames of an image of it with a shadow on it, of the shadow, and of the truth with much noise."""
    generator = torch.Generator().manual_seed(seed)
    truth, shadow = (5 * functional.avg_pool2d(torch.randn(2, n, 1, 16, 16, generator=generator).flatten(0, 1), 5, 1)).chunk(2)
    noise = torch.randn(n, 3, 3, 12, 12, generator=generator) * torch.tensor([0.2, 0.2, 1.2])[:, None, None]
    values = torch.stack([truth + shadow, shadow, truth], dim=2).expand(-1, 3, -1, -1, -1) + noise
    return truth[:, None], torch.cat([values, torch.ones_like(values)], dim=2)


@pytest.mark.slow
def test_a_missing_product_costs_less_if_products_were_dropped_in_training():
    chosen = task(n_target=1, variables=("ndsi", "vx", "lst_day"), targets=("ndsi",), patch=12)
    rest = (torch.zeros(8, 1, 1, 12, 12), torch.zeros(8, 0, 12, 12), torch.zeros(8, 4, 2))
    lost = {}
    for drop in (0.0, 0.2):
        torch.manual_seed(0)
        network = registry.create("multimodal", chosen, drop=drop, widths=(8, 16))
        optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
        for step in range(200):
            truth, frames = views(8, step)
            optimiser.zero_grad()
            (network(Inputs(frames, *rest)) - truth).square().mean().backward()
            optimiser.step()
        truth, frames = views(8, 999)
        frames[:, :, network.channels["optical"]] = 0
        with torch.no_grad():
            lost[drop] = (network.eval()(Inputs(frames, *rest)) - truth).square().mean() / truth.var()
    assert lost[0.2] < 0.5 < lost[0.0]
