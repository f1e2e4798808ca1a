"""The trend baseline by value: least squares with a level per season, missing observations included."""

import numpy as np
import pytest
import torch
from tests.models.batches import batch, task, training_data

from glaciercast.models import registry
from glaciercast.models.base import TrainingData
from glaciercast.training import saving

START = 7


def trending(years=6, scene=5, slope=0.03, level=0.0, noise=0.0, seed=0):
    """Frames with a level for each season and pixel, and a slope (units a step) of its own for each pixel."""
    generator = np.random.default_rng(seed)
    levels = level + generator.normal(0.5, 0.3, (4, 1, scene, scene))
    slopes = slope * generator.normal(size=(1, scene, scene))
    index = np.arange(4 * years)
    values = levels[index % 4] + slopes * index[:, None, None, None] + noise * generator.normal(size=(len(index), 1, scene, scene))
    observed = generator.uniform(0.1, 1, values.shape)
    data = TrainingData(values.astype("float32"), observed.astype("float32"), index % 4, index + START, 4)
    return data, levels, slopes


def issued(chosen, step, n=2, scene=5):
    """Windows that were all issued at one step."""
    given = batch(chosen, n, scene=scene)
    future = (torch.arange(1, chosen.n_target + 1) + step - START) % 4
    return given._replace(issue=torch.full((n,), step), index_future=future.expand(n, -1))


def test_a_trend_goes_on():
    data, levels, slopes = trending()
    chosen = task(patch=4, n_target=6)
    model = registry.create("linear_trend", chosen).fit(data)
    given = issued(chosen, START + 30)
    forecast = model(given)
    assert forecast.shape == (2, 6, 1, 4, 4) and forecast.dtype == torch.float32
    for b, lead in np.ndindex(2, 6):
        row, column = given.origin[b].tolist()
        truth = levels[(30 + lead + 1) % 4] + slopes * (30 + lead + 1)
        expected = truth[:, row : row + 4, column : column + 4].astype("float32")
        torch.testing.assert_close(forecast[b, lead], torch.from_numpy(expected), rtol=0, atol=2e-6)


def test_it_is_the_least_squares_fit_with_a_level_per_season():
    data = training_data(years=5, scene=3, missing=0.3)
    chosen = task(patch=3)
    model = registry.create("linear_trend", chosen).fit(data)
    forecast = model(issued(chosen, START + 25, 1, scene=3))
    index = np.arange(len(data.values))
    for row, column in np.ndindex(3, 3):
        y, w = data.values[:, 0, row, column].astype("float64"), data.observed[:, 0, row, column].astype("float64")
        seen = np.isfinite(y) & (w > 0)
        design = np.concatenate([np.eye(4)[index % 4], index[:, None]], axis=1)
        assert all((seen & (index % 4 == season)).any() for season in range(4))
        root = np.sqrt(w[seen])
        solution = np.linalg.lstsq(design[seen] * root[:, None], y[seen] * root, rcond=None)[0]
        assert model.slope[0, row, column].item() == pytest.approx(solution[4], rel=1e-4, abs=1e-6)
        for lead in range(2):
            expected = solution[(26 + lead) % 4] + solution[4] * (26 + lead)
            assert forecast[0, lead, 0, row, column].item() == pytest.approx(expected, abs=1e-5)


def test_what_was_filled_never_counts():
    data = training_data(missing=0.5)
    spoiled = np.where(data.observed > 0, data.values, np.float32(-777))
    other = TrainingData(spoiled, data.observed, data.season_index, data.steps, data.period)
    one, two = (registry.create("linear_trend", task()).fit(each) for each in (data, other))
    assert one.slope.abs().max() < 10 and one.slope.any()
    for key, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[key])


def test_without_three_years_of_a_season_it_is_the_climatology_bit_for_bit():
    data, _, _ = trending(years=5, noise=0.1)
    data.observed[:, 0, 1, 1] = 0  # never seen
    data.observed[8:, 0, 2, 2] = 0  # two years
    data.observed[[1, 2, 3, 5, 6, 7], 0, 3, 3] = 0  # … of which one is the only one of its seasons
    data.observed[8:, 0, 3, 3] = 0
    chosen = task(patch=5)
    given = issued(chosen, START + 40)
    trend, mean = (registry.create(name, chosen).fit(data) for name in ("linear_trend", "climatology"))
    equal = (trend(given) == mean(given)).all(dim=(0, 1, 2))
    assert equal.nonzero().tolist() == [[1, 1], [2, 2], [3, 3]]


def test_a_season_that_was_never_seen_follows_the_trend_too():
    """A truth that is linear in the step and knows no season: what lies between two seasons lies on the line."""
    data, _, slopes = trending(years=5)
    index = np.arange(20)
    data.values[:] = (2 + slopes * index[:, None, None, None]).astype("float32")
    data.observed[:] = 1
    data.observed[2::4, 0, :, 0] = 0
    chosen = task(patch=5)
    forecast = registry.create("linear_trend", chosen).fit(data)(issued(chosen, START + 25, 1))
    expected = torch.from_numpy((2 + slopes * 26).astype("float32"))  # season 2
    torch.testing.assert_close(forecast[0, 0], expected, rtol=0, atol=1e-5)


def test_large_values_and_late_steps_cost_no_digits():
    """A surface temperature of 273 K that rises by 0.01 K a month, in steps counted from year 0."""
    small, _, slopes = trending(slope=0.01)
    large, levels, _ = trending(slope=0.01, level=273.0)
    large = TrainingData(large.values, large.observed, large.season_index, large.steps + 24000, 4)
    chosen = task(patch=5)
    one = registry.create("linear_trend", chosen).fit(small)
    two = registry.create("linear_trend", chosen).fit(large)
    torch.testing.assert_close(two.slope, one.slope, rtol=0, atol=2e-6)
    forecast = two(issued(chosen, START + 30, 1)._replace(issue=torch.tensor([START + 24030])))
    expected = torch.from_numpy((levels[31 % 4] + slopes * 31).astype("float32"))
    torch.testing.assert_close(forecast[0, 0], expected, rtol=0, atol=1e-4)


def test_only_the_targets_are_forecast():
    chosen = task(variables=("ndsi", "ndwi"), targets=("ndsi",), patch=5)
    data = training_data(variables=2, scene=5)
    forecast = registry.create("linear_trend", chosen).fit(data)(issued(chosen, START + 20))
    alone = TrainingData(data.values[:, :1], data.observed[:, :1], data.season_index, data.steps, 4)
    expected = registry.create("linear_trend", task(patch=5)).fit(alone)(issued(task(patch=5), START + 20))
    assert forecast.shape == (2, 2, 1, 5, 5)
    torch.testing.assert_close(forecast, expected, rtol=0, atol=0)


def test_it_survives_saving(tmp_path):
    chosen = task()
    model = registry.create("linear_trend", chosen).fit(training_data())
    saving.save(model, tmp_path, {})
    given = batch(chosen)
    assert torch.equal(saving.load(tmp_path)[0](given), model(given))
