"""A network becomes a forecaster: references, units and missing values, by value."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.models.batches import batch, task, training_data

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.base import Network
from glaciercast.models.residual import ResidualForecaster, build, rebuild

STATS = SimpleNamespace(mean=np.array([0.4, -2.0], "float32"), std=np.array([0.5, 4.0], "float32"))
TASK = task(variables=("ndsi", "ndwi"))


class Spy(Network):
    """Returns what it is told and remembers what it was given."""

    answer = 0.0

    def forward(self, x, season):
        self.x, self.season = x, season
        return x.new_full((len(x), self.task.n_target, len(self.task.variables), *x.shape[-2:]), self.answer)


def reference(residual):
    name = {"last": "persistence", "same_season": "same_season", "climatology": "climatology"}.get(residual)
    return name and registry.create(name, TASK).fit(training_data(variables=2))


@pytest.mark.parametrize("residual", ["none", "last", "same_season", "climatology"])
def test_a_network_of_zeros_gives_exactly_the_reference(residual):
    baseline, given = reference(residual), batch(TASK)
    forecast = ResidualForecaster(Spy(TASK), TASK, residual, STATS, baseline)(given)
    mean = torch.tensor(STATS.mean)[:, None, None].expand(3, 2, 2, 8, 8)
    expected = mean if baseline is None else torch.where(baseline(given).isnan(), mean, baseline(given))
    torch.testing.assert_close(forecast, expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["lstm", "unet_time"])
def test_an_untrained_network_is_the_reference(name):
    given = batch(TASK)
    forecast = build(name, TASK, "climatology", STATS, reference("climatology"))(given)
    torch.testing.assert_close(forecast, reference("climatology")(given), rtol=0, atol=0)


def test_the_change_is_in_units_of_the_standard_deviation():
    network = Spy(TASK)
    network.answer = 3.0
    given = batch(TASK, missing=0.0)
    change = ResidualForecaster(network, TASK, "last", STATS)(given) - given.past[:, -1:]
    torch.testing.assert_close(change[:, :, 0], torch.full((3, 2, 8, 8), 1.5))
    torch.testing.assert_close(change[:, :, 1], torch.full((3, 2, 8, 8), 12.0))


def test_the_network_reads_the_last_frames_normalised_then_what_was_observed():
    network, given = Spy(TASK), batch(TASK)
    ResidualForecaster(network, TASK, "none", STATS)(given)
    assert network.x.shape == (3, 3, 4, 8, 8)
    for b, frame, v, y, x in np.ndindex(3, 3, 2, 8, 8):
        value, observed = given.past[b, frame + 2, v, y, x].item(), given.past_observed[b, frame + 2, v, y, x].item()
        if np.isnan(value):
            value, observed = float(STATS.mean[v]), 0.0
        assert network.x[b, frame, v, y, x].item() == pytest.approx((value - STATS.mean[v]) / STATS.std[v], rel=1e-4, abs=1e-6)
        assert network.x[b, frame, v + 2, y, x].item() == observed
    torch.testing.assert_close(network.season, torch.cat([given.season_past[:, -3:], given.season_future], 1), rtol=0, atol=0)


@pytest.mark.parametrize("residual", ["none", "last", "same_season", "climatology"])
@pytest.mark.parametrize("name", ["lstm", "unet_time"])
def test_a_forecast_and_its_gradient_hold_no_nan_whatever_is_missing(name, residual):
    forecaster = build(name, TASK, residual, STATS, reference(residual), seed=1)
    torch.nn.init.normal_(forecaster.network.readout.weight)
    given = batch(TASK, missing=0.9)
    given = given._replace(past=torch.where(torch.arange(3).reshape(3, 1, 1, 1, 1) == 0, torch.nan, given.past))
    forecast = forecaster(given)
    assert forecast.isfinite().all() and forecast.dtype == torch.float32
    forecast.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in forecaster.parameters())


def test_frames_before_the_input_change_nothing():
    forecaster = build("unet_time", TASK, "last", STATS)
    torch.nn.init.normal_(forecaster.network.readout.weight)
    given = batch(TASK)
    other = given._replace(past=torch.cat([given.past[:, :2] + 1, given.past[:, 2:]], dim=1))
    torch.testing.assert_close(forecaster(given), forecaster(other), rtol=0, atol=0)


def test_the_state_holds_everything():
    forecaster = build("lstm", TASK, "climatology", STATS, reference("climatology"), seed=3)
    torch.nn.init.normal_(forecaster.network.readout.weight)
    again = rebuild(forecaster.recipe())
    again.load_state_dict(forecaster.state_dict())
    assert {"mean", "std", "reference.mean"} <= set(forecaster.state_dict())
    given = batch(TASK)
    torch.testing.assert_close(again(given), forecaster(given), rtol=0, atol=0)


def test_fresh_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, two, other = (build("lstm", TASK, "none", STATS, seed=seed, hidden=4).network.encoder.weight for seed in (5, 5, 6))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_what_does_not_fit_is_one_line():
    with pytest.raises(InputError, match=r"unknown residual 'lst' \(did you mean 'last'\?\)"):
        build("lstm", TASK, "lst", STATS)
    with pytest.raises(InputError, match="expected a fitted climatology, found none"):
        build("lstm", TASK, "climatology", STATS)
    with pytest.raises(InputError, match="residual 'last': expected persistence baseline, found climatology"):
        build("lstm", TASK, "last", STATS, reference("climatology"))
    with pytest.raises(InputError, match="unknown network 'climatology'; known: lstm, unet_time"):
        build("climatology", TASK, "none", STATS)
    with pytest.raises(InputError, match="one usable std for each of ndsi, ndwi"):
        build("lstm", TASK, "none", SimpleNamespace(mean=STATS.mean, std=np.array([1.0, 0.0])))
    with pytest.raises(InputError, match="key 'residual' is missing"):
        rebuild({"model": "lstm", "options": {}, "task": TASK.plain()})
