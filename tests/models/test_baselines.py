"""The baselines by value: closed forms and slow loops, missing observations included."""

import numpy as np
import pytest
import torch
from tests.models.batches import batch, task, training_data

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.base import TrainingData


def same(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


def test_persistence_repeats_the_issue_step():
    given = batch(task())
    forecast = registry.create("persistence", task())(given)
    assert forecast.shape == (3, 2, 1, 8, 8)
    for lead in range(2):
        same(forecast[:, lead], given.past[:, -1])
    forecast[:] = 0
    assert given.past[:, -1].nansum() != 0  # a forecast is no view of the past


@pytest.mark.parametrize(("history", "leads"), [(4, 3), (5, 4), (9, 11)])
def test_same_season_takes_the_latest_frame_of_the_targets_season(history, leads):
    chosen = task(history=history, n_target=leads)
    given = batch(chosen)
    past = torch.arange(history, dtype=torch.float32).reshape(1, -1, 1, 1, 1).expand(3, -1, 1, 8, 8)
    forecast = registry.create("same_season", chosen)(given._replace(past=past))
    for lead in range(1, leads + 1):
        frame = forecast[0, lead - 1, 0, 0, 0].int().item()
        assert given.index_past[0, frame] == given.index_future[0, lead - 1]
        candidates = [h for h in range(history) if given.index_past[0, h] == given.index_future[0, lead - 1]]
        assert frame == max(candidates)


def test_same_season_of_months():
    """Issued in a February (frame 13): next March looks up last year's, next February the issue step, the March after last year's again."""
    chosen = task(history=14, n_target=13, period=12)
    past = torch.arange(14.0).reshape(1, -1, 1, 1, 1).expand(1, -1, 1, 8, 8)
    forecast = registry.create("same_season", chosen)(batch(chosen, 1)._replace(past=past))
    assert forecast[0, :, 0, 0, 0].tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 2]


def test_same_season_needs_a_year():
    with pytest.raises(InputError, match=r"at least 4 steps \(one year\), found 3"):
        registry.create("same_season", task(history=3))


def test_climatology_is_gathered_under_each_patch():
    chosen = task(variables=("ndsi", "ndwi"), period=4)
    model = registry.create("climatology", chosen)
    model.mean = torch.arange(4 * 2 * 12 * 14.0).reshape(4, 2, 12, 14)
    given = batch(chosen, 5, size=6)
    forecast = model(given)
    for b, lead in np.ndindex(5, 2):
        row, column = given.origin[b].tolist()
        same(forecast[b, lead], model.mean[given.index_future[b, lead], :, row : row + 6, column : column + 6])


def test_climatology_counts_only_what_was_seen():
    values = np.array([1, 10, 3, 20, 1e6, np.nan], "float32").reshape(6, 1, 1, 1)
    observed = np.array([1, 0.5, 0.5, 0.5, 0, 1], "float32").reshape(6, 1, 1, 1)
    data = TrainingData(values, observed, np.array([0, 1] * 3), np.arange(6), 2)
    model = registry.create("climatology", task(period=2, patch=1)).fit(data)
    assert model.mean.flatten().tolist() == pytest.approx([5 / 3, 15])


def test_climatology_never_sees_filled_values():
    data = training_data(missing=0.6)
    spoiled = np.where(data.observed > 0, data.values, np.float32(-777))
    other = TrainingData(spoiled, data.observed, data.season_index, data.steps, data.period)
    for name in ("climatology", "damped_anomaly"):
        one, two = (registry.create(name, task()).fit(each) for each in (data, other))
        assert one.mean.abs().max() < 10
        for key, value in one.state_dict().items():
            same(value, two.state_dict()[key])


def test_what_was_never_observed_is_refused():
    data = training_data(variables=2)
    data.observed[:, 1] = 0
    with pytest.raises(InputError, match="climatology: 'ndwi' is not observed anywhere"):
        registry.create("climatology", task(variables=("ndsi", "ndwi"))).fit(data)


def test_a_climatology_of_another_task_or_scene_is_refused():
    with pytest.raises(InputError, match="expected training data of period 4 with 1 variables, found 3 and 1"):
        registry.create("climatology", task()).fit(training_data(period=3))
    model = registry.create("climatology", task())
    with pytest.raises(InputError, match="not fitted yet"):
        model(batch(task()))
    model.fit(training_data(scene=9))
    given = batch(task(), 1)
    with pytest.raises(InputError, match="8×8 pixels reaches beyond the fitted scene of 9×9"):
        model(given._replace(origin=torch.tensor([[2, 0]])))
    with pytest.raises(InputError, match="reaches beyond"):
        model(given._replace(origin=torch.tensor([[0, -1]])))


def test_the_damping_equals_a_slow_loop():
    data = training_data(variables=2, scene=4, years=4)
    chosen = task(variables=("ndsi", "ndwi"), n_target=3, patch=4)
    # anomalies that persist, so that the coefficients lie inside (0, 1)
    for t in range(1, len(data.values)):
        known = np.isfinite(data.values[t - 1]) & (data.observed[t - 1] > 0) & (data.observed[t] > 0)
        data.values[t] = np.where(known, 0.7 * data.values[t - 1] + data.values[t], data.values[t])
    model = registry.create("damped_anomaly", chosen).fit(data)
    mean = model.mean.numpy().astype("float64")
    for lead, v in np.ndindex(3, 2):
        product = square = 0.0
        for t in range(len(data.values) - lead - 1):
            later = t + lead + 1
            for y, x in np.ndindex(4, 4):
                weight = float(data.observed[t, v, y, x]) * float(data.observed[later, v, y, x])
                if weight > 0 and np.isfinite(data.values[t, v, y, x]) and np.isfinite(data.values[later, v, y, x]):
                    first = data.values[t, v, y, x] - mean[t % 4, v, y, x]
                    product += weight * first * (data.values[later, v, y, x] - mean[later % 4, v, y, x])
                    square += weight * first**2
        assert model.damping[lead, v].item() == pytest.approx(min(max(product / square, 0), 1), rel=1e-4, abs=1e-7)
    assert ((model.damping > 0) & (model.damping < 1)).any()


def test_a_persisting_anomaly_is_found_and_forecast():
    """A first-order autoregression on a seasonal mean: its coefficient is recovered, and the forecast follows the formula."""
    generator = np.random.default_rng(1)
    frames, phi = 600, 0.6
    anomaly = np.zeros((frames, 1, 6, 6))
    for t in range(1, frames):
        anomaly[t] = phi * anomaly[t - 1] + generator.normal(0, 0.1, (1, 6, 6))
    season = np.arange(frames) % 4
    data = TrainingData(
        (season[:, None, None, None] + anomaly).astype("float32"),
        np.ones(anomaly.shape, "float32"),
        season,
        np.arange(frames),
        4,
    )
    model = registry.create("damped_anomaly", task(patch=6)).fit(data)
    assert model.damping[:, 0].tolist() == pytest.approx([phi, phi**2], abs=0.02)
    given = batch(task(patch=6), 2, missing=0.0, scene=6)
    past = given.past.clone()
    past[0, -1, 0, 2, 3] = np.nan
    forecast = model(given._replace(past=past))
    for b, lead in np.ndindex(2, 2):
        now, then = model.mean[given.index_past[b, -1]], model.mean[given.index_future[b, lead]]
        expected = then + model.damping[lead, 0] * (past[b, -1] - now)
        if b == 0:
            expected[0, 2, 3] = then[0, 2, 3]  # nothing seen: climatology
        torch.testing.assert_close(forecast[b, lead], expected)


def test_damping_is_never_negative_nor_above_one():
    season = np.arange(40) % 2
    flip = np.where(np.arange(40) // 2 % 2, 1.0, -1.0)  # + + − − : lead 2 is perfectly anticorrelated
    data = TrainingData(flip.reshape(-1, 1, 1, 1).astype("float32"), np.ones((40, 1, 1, 1), "float32"), season, np.arange(40), 2)
    model = registry.create("damped_anomaly", task(period=2, patch=1, n_target=4)).fit(data)
    assert model.damping[1, 0] == 0 and model.damping[3, 0] == 1
