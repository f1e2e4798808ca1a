"""A network becomes a forecaster: references, units and missing values, by value."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.models.batches import batch, task, training_data

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.base import Network, TrainingData
from glaciercast.models.ports import Ports
from glaciercast.models.residual import ResidualForecaster, build, rebuild
from glaciercast.models.seasonal import seasonal_mean

STATS = SimpleNamespace(mean=np.array([0.4, -2.0], "float32"), std=np.array([0.5, 4.0], "float32"))
TASK = task(variables=("ndsi", "ndwi"))


class Spy(Network):
    """Returns what it is told and remembers what it was given."""

    answer = 0.0

    def forward(self, inputs, truth=None):
        self.inputs, self.truth = inputs, truth
        frames = inputs.frames
        return frames.new_full((len(frames), self.task.n_target, self.ports.out, *frames.shape[-2:]), self.answer)


def reference(residual):
    name = {"last": "persistence", "same_season": "same_season", "climatology": "climatology"}.get(residual)
    return name and registry.create(name, TASK).fit(training_data(variables=2))


@pytest.mark.parametrize("residual", ["none", "last", "same_season", "climatology"])
def test_a_network_of_zeros_gives_exactly_the_reference(residual):
    baseline, given = reference(residual), batch(TASK)
    network = Spy(TASK, ports=Ports.of(TASK, departures=residual == "climatology"))
    forecast = ResidualForecaster(network, TASK, residual, STATS, baseline).eval()(given)
    mean = torch.tensor(STATS.mean)[:, None, None].expand(3, 2, 2, 8, 8)
    expected = mean if baseline is None else torch.where(baseline(given).isnan(), mean, baseline(given))
    torch.testing.assert_close(forecast, expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["lstm", "unet_time"])
def test_an_untrained_network_is_the_reference(name):
    given = batch(TASK)
    forecast = build(name, TASK, "climatology", STATS, reference("climatology")).eval()(given)
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
    assert network.inputs.frames.shape == (3, 3, 4, 8, 8)
    for b, frame, v, y, x in np.ndindex(3, 3, 2, 8, 8):
        value, observed = given.past[b, frame + 2, v, y, x].item(), given.past_observed[b, frame + 2, v, y, x].item()
        if np.isnan(value):
            value, observed = float(STATS.mean[v]), 0.0
        assert network.inputs.frames[b, frame, v, y, x].item() == pytest.approx((value - STATS.mean[v]) / STATS.std[v], rel=1e-4, abs=1e-6)
        assert network.inputs.frames[b, frame, v + 2, y, x].item() == observed
    torch.testing.assert_close(network.inputs.season, torch.cat([given.season_past[:, -3:], given.season_future], 1), rtol=0, atol=0)


def windows_of(data, starts):
    """Windows of TASK's length cut from training frames, whole scenes."""
    frames, observed = torch.from_numpy(data.values), torch.from_numpy(data.observed)
    season = torch.from_numpy(data.season_index)
    made = batch(TASK, len(starts), size=12)
    rows = [slice(start, start + TASK.history) for start in starts]
    ahead = [slice(start + TASK.history, start + TASK.history + TASK.n_target) for start in starts]
    target = torch.stack([frames[row] for row in ahead])
    return made._replace(
        past=torch.stack([frames[row] for row in rows]), past_observed=torch.stack([observed[row] for row in rows]),
        index_past=torch.stack([season[row] for row in rows]), index_future=torch.stack([season[row] for row in ahead]),
        target=target, target_weight=torch.where(target.isnan(), 0.0, torch.stack([observed[row] for row in ahead])),
        origin=torch.zeros(len(starts), 2, dtype=torch.int64),
    )  # fmt: skip


def without(data, frame):
    """The training data as if one frame had not been seen."""
    observed = data.observed.copy()
    observed[frame] = 0
    return TrainingData(data.values, observed, data.season_index, data.steps, data.period)


def test_in_training_each_frame_departs_from_the_mean_of_the_others():
    data = training_data(variables=2, years=4)
    network = Spy(TASK, ports=Ports.of(TASK, departures=True))
    forecaster = ResidualForecaster(network, TASK, "climatology", STATS, registry.create("climatology", TASK).fit(data)).train()
    given = windows_of(data, [0, 6])
    _, reference = forecaster.read(given)
    departures = forecaster.read(given)[0].frames[:, :, 4:]
    for sample, start in enumerate([0, 6]):
        for step in range(TASK.history + TASK.n_target):
            frame, season = start + step, data.season_index[start + step]
            mean, weight = seasonal_mean(without(data, frame))
            known = torch.from_numpy(weight[season] > 0)
            others = torch.where(known, torch.from_numpy(mean[season]).float(), torch.nan)
            if step >= TASK.history:
                torch.testing.assert_close(reference[sample, step - TASK.history], others, rtol=1e-4, atol=1e-4, equal_nan=True)
            elif step >= TASK.history - TASK.n_input:
                change = (torch.from_numpy(data.values[frame]) - others) / torch.tensor(STATS.std)[:, None, None]
                seen = torch.from_numpy(data.observed[frame] > 0)  # a filled value is absurd here, and float32 keeps no digits of the rest
                found = departures[sample, step - TASK.history + TASK.n_input]
                torch.testing.assert_close(found[seen], change.nan_to_num()[seen], rtol=1e-3, atol=1e-3)


def test_a_forecast_departs_from_the_mean_of_all():
    data = training_data(variables=2, years=4)
    reference = registry.create("climatology", TASK).fit(data)
    forecaster = ResidualForecaster(Spy(TASK, ports=Ports.of(TASK, departures=True)), TASK, "climatology", STATS, reference).eval()
    given = windows_of(data, [3])
    torch.testing.assert_close(forecaster.read(given)[1], reference(given), rtol=0, atol=0)
    torch.testing.assert_close(forecaster.train().read(given._replace(target=None))[1], reference(given), rtol=0, atol=0)


def test_what_only_this_year_saw_teaches_nothing():
    data = training_data(variables=2, years=1, missing=0.0)
    forecaster = ResidualForecaster(
        Spy(TASK, ports=Ports.of(TASK, departures=True)), TASK, "climatology", STATS, registry.create("climatology", TASK).fit(data)
    )
    only = training_data(variables=2, years=2, missing=0.0)
    given = windows_of(TrainingData(only.values, only.observed, only.season_index, only.steps, 4), [0])
    losses, weight = forecaster.train().loss(
        given._replace(
            target=torch.from_numpy(data.values[[1, 2]])[None],
            target_weight=torch.from_numpy(data.observed[[1, 2]])[None],
            index_future=torch.tensor([[1, 2]]),
        )
    )
    assert losses == 0 and weight == 0


def test_the_loss_is_the_heads_over_what_was_observed():
    network, given = Spy(TASK), batch(TASK)
    network.answer = 0.5
    losses, weight = ResidualForecaster(network, TASK, "none", STATS).loss(given)
    squares, total = 0.0, 0.0
    for b, lead, v, y, x in np.ndindex(3, 2, 2, 8, 8):
        w = given.target_weight[b, lead, v, y, x].item()
        if w > 0:
            squares += w * ((given.target[b, lead, v, y, x].item() - STATS.mean[v]) / STATS.std[v] - 0.5) ** 2
            total += w
    assert weight.item() == pytest.approx(total, rel=1e-5) and losses.item() == pytest.approx(squares, rel=1e-5)


def test_a_network_that_is_taught_gets_the_true_change_in_training_alone():
    network, given = Spy(TASK), batch(TASK)
    forecaster = ResidualForecaster(network, TASK, "last", STATS)
    forecaster.train().loss(given)
    assert network.truth is None
    network.teacher = 0.5
    forecaster.loss(given)
    change = (given.target - given.past[:, -1:].nan_to_num(torch.nan)) / torch.tensor(STATS.std)[:, None, None]
    known = (given.target_weight > 0) & change.isfinite()
    torch.testing.assert_close(network.truth[known], change[known])
    assert not network.truth[given.target_weight == 0].any()
    forecaster.eval().loss(given)
    assert network.truth is None


def test_inputs_that_are_no_targets_are_read_and_not_forecast():
    chosen = task(variables=("ndsi", "ndwi"), targets=("ndsi",), statics=("ice",))
    network, given = Spy(chosen), batch(chosen)
    forecast = ResidualForecaster(network, chosen, "last", STATS)(given)
    assert network.inputs.frames.shape[2] == 4 and forecast.shape == (3, 2, 1, 8, 8)
    torch.testing.assert_close(network.inputs.statics, given.statics, rtol=0, atol=0)
    last = given.past[:, -1:, :1].expand(-1, 2, -1, -1, -1)
    torch.testing.assert_close(forecast[last.isfinite()], last[last.isfinite()], rtol=0, atol=0)


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
    assert {"mean", "std", "reference.mean", "reference.weight"} <= set(forecaster.state_dict())
    given = batch(TASK)
    torch.testing.assert_close(again(given), forecaster(given), rtol=0, atol=0)


def test_fresh_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, two, other = (build("lstm", TASK, "none", STATS, seed=seed, hidden=4).network.encoder[0].weight for seed in (5, 5, 6))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_what_does_not_fit_is_one_line():
    with pytest.raises(InputError, match=r"unknown residual 'lst' \(did you mean 'last'\?\)"):
        build("lstm", TASK, "lst", STATS)
    with pytest.raises(InputError, match="expected a fitted climatology, found none"):
        build("lstm", TASK, "climatology", STATS)
    with pytest.raises(InputError, match="residual 'last': expected persistence baseline, found climatology"):
        build("lstm", TASK, "last", STATS, reference("climatology"))
    with pytest.raises(InputError, match="unknown network 'climatology'; known: "):
        build("climatology", TASK, "none", STATS)
    with pytest.raises(InputError, match="one usable std for each of ndsi, ndwi"):
        build("lstm", TASK, "none", SimpleNamespace(mean=STATS.mean, std=np.array([1.0, 0.0])))
    with pytest.raises(InputError, match="key 'residual' is missing"):
        rebuild({"model": "lstm", "options": {}, "task": TASK.plain()})
