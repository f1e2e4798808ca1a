"""The linear pixel model: closed forms, a linear truth, and what counts."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.models.batches import batch, inputs, task, training_data

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.models import registry
from glaciercast.models.base import Solvable
from glaciercast.models.heads import Gaussian, Quantiles, Value
from glaciercast.models.pixel_features import Rows
from glaciercast.models.pixel_linear import ridge, second_moments, squared_errors
from glaciercast.models.residual import build
from glaciercast.training import saving

STATS = SimpleNamespace(mean=np.array([0.4, -2.0], "float32"), std=np.array([0.5, 4.0], "float32"))
TASK = task(variables=("ndsi", "ndwi"), targets=("ndsi",), statics=("elevation",))


def random_rows(pixels=200, features=4, outputs=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(pixels, features, generator=generator) * torch.tensor([1.0, 10.0, 0.1, 3.0]) + torch.tensor([0.0, 5.0, 1.0, -2.0])
    y = torch.randn(pixels, outputs, generator=generator) + x[:, :outputs]
    w = torch.rand(pixels, outputs, generator=generator)
    return Rows(x, y, torch.where(w < 0.3, 0.0, w))


@pytest.mark.parametrize("penalty", [1e-6, 0.03, 2.0])
def test_the_coefficients_are_the_closed_form(penalty):
    rows = random_rows()
    found = ridge(second_moments([Rows(*(part[:80] for part in rows)), Rows(*(part[80:] for part in rows))]), penalty)
    x = rows.features.double().numpy()
    for output in range(2):
        y, w = rows.change[:, output].double().numpy(), rows.weight[:, output].double().numpy()
        w = w / w.sum()
        mean = w @ x
        centred = x - mean
        slopes = np.linalg.solve(centred.T @ (w[:, None] * centred) + penalty * np.diag(w @ centred**2), centred.T @ (w * (y - w @ y)))
        np.testing.assert_allclose(found[output, 1:].numpy(), slopes, rtol=1e-8, atol=1e-12)
        assert found[output, 0].item() == pytest.approx(w @ y - mean @ slopes, rel=1e-8)


def test_the_penalty_does_not_know_units():
    rows = random_rows()
    scaled = rows._replace(features=rows.features * torch.tensor([100.0, 0.01, 7.0, 1.0]) + torch.tensor([3.0, 0.0, -1.0, 50.0]))
    forecasts = []
    for each in (rows, scaled):
        coefficients = ridge(second_moments([each]), 0.5)
        forecasts.append(each.features.double() @ coefficients[:, 1:].t() + coefficients[:, 0])
    torch.testing.assert_close(*forecasts, rtol=0, atol=1e-5)


def test_constant_and_repeated_features_do_no_harm():
    rows = random_rows()
    wide = rows._replace(features=torch.cat([rows.features, rows.features[:, :1], torch.full((200, 1), 0.7), torch.zeros(200, 1)], dim=1))
    found, plain = ridge(second_moments([wide]), 1e-6), ridge(second_moments([rows]), 1e-6)
    assert found.isfinite().all() and not found[:, -2:].any()
    torch.testing.assert_close(found[:, 1] + found[:, 5], plain[:, 1], rtol=0, atol=1e-5)


def test_errors_from_moments_are_those_of_the_pixels():
    rows, coefficients = random_rows(), torch.randn(3, 2, 5, dtype=torch.float64)
    found = squared_errors(coefficients, second_moments([rows]))
    for penalty, output in np.ndindex(3, 2):
        forecast = coefficients[penalty, output, 0] + rows.features.double() @ coefficients[penalty, output, 1:]
        expected = (rows.weight[:, output] * (rows.change[:, output] - forecast) ** 2).sum()
        torch.testing.assert_close(found[penalty, output], expected, rtol=1e-6, atol=0)


def linear_truth(given, forecaster, nonlinear=0.0):
    """The batch with targets that are linear in the window: two lags, the elevation, and the season times the last value."""
    read, reference = forecaster.eval().read(given)
    last, before, static = read.frames[:, -1, 0], read.frames[:, -2, 0], read.statics[:, 0]
    season = read.season[:, 2, 0, None, None]
    leads = [0.6 * last - 0.2 * before + 0.1 * static + 0.05, 0.3 * last + 0.4 * season * last - 0.3 * static]
    change = torch.stack(leads, dim=1)[:, :, None] + nonlinear * torch.randn(reference.shape)
    return given._replace(target=reference + change * STATS.std[0])


def build_linear(residual="none", **options):
    reference = registry.create("climatology", TASK).fit(training_data(variables=2)) if residual == "climatology" else None
    return build("pixel_linear", TASK, residual, STATS, reference, **{"seasonal": True, "penalties": (1e-6, 1e-3, 1.0), **options})


@pytest.mark.parametrize("residual", ["none", "last", "same_season"])
def test_a_linear_truth_is_recovered(residual):
    forecaster = build_linear(residual)
    train, validation, unseen = ([linear_truth(batch(TASK, 8, seed=seed), forecaster)] for seed in (1, 2, 3))
    assert isinstance(forecaster.network, Solvable)
    forecaster.network.solve(forecaster, train, validation)
    error = (forecaster.eval()(unseen[0]) - unseen[0].target)[unseen[0].target_weight > 0]
    assert error.abs().max() < 1e-4 * STATS.std[0]


def test_a_season_that_changes_the_coefficients_needs_the_option():
    errors = []
    for seasonal in (True, False):
        forecaster = build_linear(seasonal=seasonal)
        train, validation, unseen = ([linear_truth(batch(TASK, 8, seed=seed), forecaster)] for seed in (1, 2, 3))
        forecaster.network.solve(forecaster, train, validation)
        squares, weight = forecaster.eval().loss(unseen[0])
        errors.append((squares / weight).item())
    assert errors[0] < 1e-7 and errors[1] > 1e-3


def test_what_was_not_observed_does_not_count():
    coefficients = []
    for spoilt in (0.0, 1e4):
        forecaster = build_linear("climatology")
        train = [batch(TASK, 4, seed=seed) for seed in (1, 2)]
        train = [each._replace(target=torch.where(each.target_weight > 0, each.target, spoilt)) for each in train]
        forecaster.network.solve(forecaster, train, [batch(TASK, 4, seed=9)])
        coefficients.append(forecaster.network.readout.weight)
    assert coefficients[0].any() and torch.equal(*coefficients)


def test_the_validation_part_chooses_the_penalty_of_each_lead():
    """Few noisy pixels: the least penalty overfits; the chosen one is the best of the list at each lead, and shrinks."""
    torch.manual_seed(0)
    small = task(variables=("ndsi", "ndwi"), targets=("ndsi",), statics=("elevation",), patch=4)
    losses, weights = {}, {}
    for penalties in ((1e-6,), (0.1,), (1.0,), (10.0,), (1e-6, 0.1, 1.0, 10.0)):
        torch.manual_seed(1)
        forecaster = build("pixel_linear", small, "none", STATS, penalties=penalties)
        train, validation = ([linear_truth(batch(small, 3, seed=seed), forecaster, nonlinear=2.0)] for seed in (1, 2))
        forecaster.network.solve(forecaster, train, validation)
        error = forecaster.eval()(validation[0]) - validation[0].target
        losses[penalties] = (validation[0].target_weight * error.nan_to_num() ** 2).sum(dim=(0, 2, 3, 4))
        weights[penalties] = forecaster.network.readout.weight.square().sum().item()
    single = torch.stack([losses[key] for key in losses if len(key) == 1])
    torch.testing.assert_close(losses[(1e-6, 0.1, 1.0, 10.0)], single.amin(dim=0), rtol=1e-4, atol=0)
    assert single.argmin(dim=0).min() > 0 and weights[(10.0,)] < weights[(1.0,)] < weights[(1e-6,)]


def test_the_climatology_that_it_learns_from_leaves_the_windows_own_year_out():
    forecaster, seen = build_linear("climatology"), []
    read = forecaster.read
    forecaster.read = lambda given: seen.append(forecaster.training) or read(given)
    forecaster.network.solve(forecaster, [batch(TASK, seed=1), batch(TASK, seed=2)], [batch(TASK, seed=3)])
    assert seen == [True, True, False]


def test_it_forecasts_the_reference_before_it_is_solved_and_takes_any_size():
    network = registry.create("pixel_linear", TASK)
    assert not network(inputs(TASK)).any()
    torch.nn.init.normal_(network.readout.weight)
    large = inputs(TASK, rows=9, columns=11)
    out = network(large)
    assert out.shape == (2, 2, 1, 9, 11)
    inner = large._replace(frames=large.frames[..., 2:8, 2:8], future=large.future[..., 2:8, 2:8], statics=large.statics[..., 2:8, 2:8])
    torch.testing.assert_close(network(inner)[..., 1:-1, 1:-1], out[..., 3:7, 3:7], rtol=1e-5, atol=1e-5)


def test_it_survives_saving(tmp_path):
    forecaster = build_linear("climatology", around=5)
    forecaster.network.solve(forecaster, [batch(TASK, seed=1)], [batch(TASK, seed=2)])
    saving.save(forecaster, tmp_path, {})
    given = batch(TASK, seed=4)
    assert torch.equal(saving.load(tmp_path)[0](given), forecaster.eval()(given))


@pytest.mark.parametrize("head", [Gaussian(), Quantiles()])
def test_any_head_gets_the_same_point_forecast_and_errors_as_large_as_in_the_validation_part(head):
    """Normal noise of standard deviation 0.7 at the first lead and 1.4 at the second: the quartiles lie 0.674 of it off the median."""

    def noisy(given, forecaster):
        noise = torch.tensor([0.7, 1.4])[:, None, None, None] * torch.randn(given.target.shape, generator=torch.Generator().manual_seed(7))
        return given._replace(target=linear_truth(given, forecaster).target + STATS.std[0] * noise)

    solved = []
    for chosen in (Value(), head):
        forecaster = build_linear(head=chosen)
        train, validation = ([noisy(batch(TASK, 20, seed=seed), forecaster)] for seed in (1, 2))
        forecaster.network.solve(forecaster, train, validation)
        solved.append(forecaster.eval())
    error, weight = (solved[0](validation[0]) - validation[0].target).nan_to_num() / STATS.std[0], validation[0].target_weight
    scales = ((weight * error.square()).sum(dim=(0, 2, 3, 4)) / weight.sum(dim=(0, 2, 3, 4))).sqrt().tolist()
    assert scales == pytest.approx([0.7, 1.4], rel=0.1)
    given = batch(TASK, seed=4)
    assert torch.equal(*(each(given) for each in solved))
    lower, median, upper = solved[1].quantiles(given, (0.25, 0.5, 0.75)) / STATS.std[0]
    torch.testing.assert_close(median, solved[0](given) / STATS.std[0], rtol=0, atol=1e-5)
    for lead, scale in enumerate(scales):
        for half in (upper - median, median - lower):
            expected = torch.full_like(half[:, lead], 0.6745 * scale)
            torch.testing.assert_close(half[:, lead], expected, rtol=0, atol=0.01)  # 0.01: the floor of the Gaussian


def test_what_does_not_fit_is_one_line():
    forecaster = build_linear(head=Value(error="absolute"))
    with pytest.raises(InputError, match="pixel_linear: expected the head 'value' with squared errors, found absolute ones"):
        forecaster.network.solve(forecaster, [batch(TASK)], [batch(TASK)])
    forecaster = build_linear()
    with pytest.raises(InputError, match="expected batches, found none"):
        forecaster.network.solve(forecaster, [], [batch(TASK)])
    given = batch(TASK)
    weight = given.target_weight.clone()
    weight[:, 1] = 0
    with pytest.raises(GlaciercastError, match="some lead of a target was nowhere observed"):
        forecaster.network.solve(forecaster, [given._replace(target_weight=weight)], [given])
