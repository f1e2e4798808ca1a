"""A latent is what the last layer reads: in closed form for a linear network, and by what the last layer makes of it for all others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.forecast.made import wrapped
from tests.models.batches import batch, inputs, task
from torch import Tensor, nn

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.base import Network
from glaciercast.models.conformal import Calibrated
from glaciercast.models.embedding import embed, latent
from glaciercast.models.ensemble import Ensemble
from glaciercast.models.pixel_features import planes
from glaciercast.models.ports import Inputs
from glaciercast.models.vit import cut

NETWORKS = registry.names("network")
TASK = task(patch=20, statics=("elevation",))
"""Sides that tokens of 5 pixels and two halvings divide, so that no pixel is padded."""


class ByLead(Network):
    """A linear network: features (1 + lead) · (A x + a) of the last frame x, lead 0, 1, …, read by a 1×1 convolution at each lead."""

    def __init__(self, task, features: int = 3) -> None:
        super().__init__(task)
        self.body, self.readout = nn.Conv2d(self.ports.frame, features, 1), nn.Conv2d(features, self.ports.out, 1)

    def forward(self, inputs: Inputs, truth: Tensor | None = None) -> Tensor:
        features = self.body(inputs.frames[:, -1])
        return torch.stack([self.readout((1 + lead) * features) for lead in range(self.task.n_target)], dim=1)


def made(name: str, seed: int = 0) -> Network:
    """Return a network with random weights, its last layer's included, in evaluation mode."""
    torch.manual_seed(seed)
    network = registry.create(name, TASK)
    if name != "pixel_boosted":
        nn.init.normal_(network.readout.weight)
        nn.init.normal_(network.readout.bias)
    if name == "advect_unet":
        nn.init.zeros_(network.share)  # what is carried is added behind the last layer
    return network.eval()


def seen_by_last_layer(network: Network, given: Inputs) -> np.ndarray:
    """Return the mean of what the last layer writes over its places, (b, outputs), from the forecast."""
    out, written = network(given), len(network.readout.bias)
    leads, channels, pixels = out.shape[1], out.shape[2], out.shape[3] * out.shape[4]
    if written == leads * channels:  # time as channels
        means = out.flatten(1, 2).mean((2, 3))
    elif written == channels:  # lead by lead
        means = out.mean((1, 3, 4))
    elif written == channels * pixels:  # whole patches
        means = out.mean(1).flatten(1)
    else:  # tokens
        means = cut(out, network.token).mean((1, 2))
    return means.detach().numpy()


def test_the_latent_of_a_linear_network_is_its_closed_form():
    network, given = ByLead(task()), inputs(task(), n=4)
    means = given.frames[:, -1].double().mean((2, 3)).numpy()
    weight, bias = (value.detach().double().numpy() for value in (network.body.weight[:, :, 0, 0], network.body.bias))
    expected = 1.5 * (means @ weight.T + bias)  # the mean of leads 1 and 2
    np.testing.assert_allclose(latent(network, given), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "pixel_boosted"])
def test_the_last_layer_makes_of_the_mean_latent_its_mean_forecast(name):
    """The last layer is affine: of the mean of what it reads it makes the mean of what it writes."""
    network, given = made(name), inputs(TASK, n=3)
    weight, bias = (value.detach().flatten(1).numpy() for value in (network.readout.weight, network.readout.bias[:, None]))
    found = latent(network, given)
    assert found.shape == (3, weight.shape[1]) and found.std(0).max() > 0
    np.testing.assert_allclose(found.numpy() @ weight.T + bias[:, 0], seen_by_last_layer(network, given), rtol=1e-3, atol=1e-4)


def test_the_latent_of_boosted_trees_are_the_means_of_their_features():
    network, given = made("pixel_boosted"), inputs(TASK, n=3)
    np.testing.assert_allclose(latent(network, given), planes(given, network.chosen.around).mean((2, 3)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_window_has_the_latent_that_it_has_alone(name):
    network, given = made(name), inputs(TASK, n=3)
    alone = [latent(network, Inputs(*(part[[number]] for part in given))) for number in range(3)]
    np.testing.assert_allclose(latent(network, given), torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_nothing_listens_on_even_after_an_error():
    network = registry.create("lstm", TASK).eval()
    with pytest.raises(InputError, match="expected patches of 20×20"):
        latent(network, inputs(TASK, rows=8))
    assert not network.dropout._forward_pre_hooks
    latent(network, inputs(TASK))
    assert not network.dropout._forward_pre_hooks


def test_one_pass_gives_latent_and_forecast_of_a_forecaster():
    small = task()
    forecaster, given = wrapped(ByLead(small), small).eval(), batch(small)
    found, forecast = embed(forecaster, given)
    np.testing.assert_array_equal(found, latent(forecaster.network, forecaster.read(given)[0]))
    np.testing.assert_array_equal(forecast, forecaster(given).detach())


def test_an_ensemble_sets_its_members_side_by_side_and_a_calibrated_one_is_what_it_calibrates():
    small = task()
    members, given = [wrapped(registry.create("unet_time", small), small).eval() for _ in range(2)], batch(small)
    apart = torch.cat([embed(member, given)[0] for member in members], dim=1)
    assert not torch.equal(*apart.chunk(2, dim=1))
    np.testing.assert_array_equal(embed(Ensemble(members), given)[0], apart)
    np.testing.assert_array_equal(embed(Calibrated(members[0]), given)[0], apart.chunk(2, dim=1)[0])


def test_what_has_no_latent_is_refused():
    small = task()
    with pytest.raises(InputError, match="expected a network, found persistence, which has no latent"):
        embed(registry.create("persistence", small), batch(small))

    class Bare(Network):
        name = "bare"

    with pytest.raises(InputError, match="bare has no read-out"):
        latent(Bare(small), inputs(small))
