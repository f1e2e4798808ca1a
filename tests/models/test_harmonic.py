"""The smooth climatology by value: closed forms, and the cycle without a window's own frames against fits that never saw them."""

import numpy as np
import pytest
import torch
from tests.models.batches import batch, task

from glaciercast.models import harmonic, registry
from glaciercast.models.base import TrainingData
from glaciercast.models.season_shift import SeasonShift, _around, _not_negative
from glaciercast.patches.sampling import Batch

PERIOD = 12
PHASE = 2 * np.pi * np.arange(PERIOD) / PERIOD


def months(years=6, noise=0.0, shift=None, scene=6, missing=0.0, seed=0):
    """Frames of a cycle of two harmonics whose mean differs by pixel; `shift` (t,): how many steps it is late."""
    generator = np.random.default_rng(seed)
    frames = PERIOD * years
    late = np.zeros(frames) if shift is None else shift
    phase = 2 * np.pi * (np.arange(frames) - late) / PERIOD
    level = generator.normal(0.3, 0.1, (scene, scene))
    values = (0.4 * np.cos(phase) + 0.1 * np.sin(2 * phase))[:, None, None] + level + noise * generator.normal(size=(frames, scene, scene))
    observed = np.where(generator.random(values.shape) < missing, 0.0, 1.0)
    index = np.arange(frames) % PERIOD
    return TrainingData(values[:, None].astype("float32"), observed[:, None].astype("float32"), index, np.arange(frames), PERIOD)


def window(chosen, data, issue, size=6):
    past, future = slice(issue + 1 - chosen.history, issue + 1), slice(issue + 1, issue + 1 + chosen.n_target)
    cut = [torch.from_numpy(array[part][None]) for part in (past, future) for array in (data.values, data.observed)]
    index = [torch.from_numpy(data.season_index[part][None]) for part in (past, future)]
    season = [torch.zeros(1, length, 2) for length in (chosen.history, chosen.n_target)]
    rest = (torch.tensor([issue]), torch.zeros(1, 2, dtype=torch.int64), torch.zeros(1, 0, size, size))
    return Batch(cut[0], cut[1], *season, *index, *rest, cut[2], cut[3])


def monthly(**changes):
    return task(**{"n_input": 4, "n_target": 2, "history": 12, "period": PERIOD, "patch": 6, **changes})


def test_a_cycle_of_two_harmonics_is_found_through_gaps_and_noise():
    data = months(years=8, noise=0.2, missing=0.4, scene=16)
    model = registry.create("harmonic", monthly()).fit(data)
    truth = months(years=1, scene=16).values
    rough = registry.create("climatology", monthly()).fit(data)
    assert int(model.smoothing[0]) == 2
    error, other = (float((each.mean.numpy() - truth).std()) for each in (model, rough))
    assert error < 0.75 * other
    assert error == pytest.approx(0.2 * np.sqrt(5 / (8 * 12 * 0.6)), rel=0.25)  # five coefficients from 58 frames, as theory has it


def test_smoothing_is_the_penalised_least_squares_fit():
    generator = np.random.default_rng(1)
    mean, weight = generator.normal(size=(PERIOD, 1)), generator.integers(0, 4, (PERIOD, 1)).astype(float)
    basis = np.stack([np.ones(PERIOD), np.sin(PHASE), np.cos(PHASE), np.sin(2 * PHASE), np.cos(2 * PHASE)], 1)
    rows = np.vstack([np.sqrt(weight) * basis, np.diag(np.sqrt([1e-3, 0.5, 0.5, 2, 2]))])  # as rows that ask for coefficients of 0
    wanted = np.linalg.lstsq(rows, np.concatenate([np.sqrt(weight[:, 0]) * mean[:, 0], np.zeros(5)]), rcond=None)[0]
    np.testing.assert_allclose(harmonic.smooth(mean, weight, (2, 2.0))[:, 0], basis @ wanted, atol=1e-12)


def test_slopes_are_the_derivative():
    step = 1e-5
    for harmonics in (1, 3):
        late = np.stack(
            [np.ones(PERIOD), *(w(k * (PHASE + 2 * np.pi / PERIOD * step)) for k in range(1, harmonics + 1) for w in (np.sin, np.cos))], 1
        )
        np.testing.assert_allclose((late - harmonic._waves(PERIOD, harmonics)) / step, harmonic._slopes(PERIOD, harmonics), atol=1e-4)


@pytest.mark.parametrize("name", ["harmonic", "season_shift"])
def test_training_departs_from_a_cycle_that_has_not_seen_the_window(name):
    """What the window holds changes nothing of what it is compared with; and it is the fit of a record that lacks it."""
    chosen, data = monthly(), months(noise=0.3, missing=0.3)
    model = registry.create(name, chosen).fit(data)
    given = window(chosen, data, 40)
    found = model.coefficients_of_others(given)
    without = np.where((np.arange(len(data.values)) > 28) & (np.arange(len(data.values)) <= 42), 0, 1)[:, None, None, None]
    mean, weight = harmonic._seasonal(
        np.where(data.observed * without > 0, data.values, 0).astype("float64"),
        (data.observed * without).astype("float64"),
        data.season_index,
        PERIOD,
    )
    smoothing = int(model.smoothing[0]), float(model.smoothing[1])
    cycle = harmonic.smooth(mean.reshape(PERIOD, -1), weight.reshape(PERIOD, -1), smoothing).reshape(mean.shape)
    got = model.at(found, torch.arange(PERIOD)[None])[0].numpy()
    np.testing.assert_allclose(got, cycle, atol=2e-5)


def test_a_pixel_that_was_never_seen_has_the_mean_cycle_and_none_to_learn_from():
    data = months()
    observed = data.observed.copy()
    observed[:, :, 2, 3] = 0
    data = TrainingData(data.values, observed, data.season_index, data.steps, PERIOD)
    model = registry.create("harmonic", monthly()).fit(data)
    seen = np.ones((6, 6), bool)
    seen[2, 3] = False
    np.testing.assert_allclose(model.mean[:, 0, 2, 3], model.mean[:, 0, seen].mean(1), atol=1e-6)
    assert bool(model.coefficients_of_others(window(monthly(), data, 30))[0, 0, 2, 3].isnan().all())


def test_one_year_of_training_still_gives_a_cycle():
    model = registry.create("harmonic", monthly()).fit(months(years=1))
    assert model.smoothing.tolist() == [2, 2]
    assert float((model.mean - torch.from_numpy(months(years=1).values)).abs().max()) < 0.25


def test_a_late_season_is_foreseen_where_it_lasts():
    """Each year is late by a number of steps of its own: the shift of the last frame tells that of the next months."""
    years = 12
    late = np.repeat(np.random.default_rng(3).normal(0, 0.7, years), PERIOD)
    data = months(years=years, shift=late, noise=0.05)
    chosen = monthly()
    model = registry.create("season_shift", chosen).fit(data)
    assert 0.3 < float(model.damping[1, 0, 0]) <= 1 and float(model.damping[0].max()) < 0.35  # shrunk, and most of it a shift
    errors = {}
    for name in ("harmonic", "season_shift", "damped_anomaly"):
        fitted = registry.create(name, chosen).fit(data)
        windows = [window(chosen, data, year * PERIOD + 2) for year in range(1, years)]  # in March the slope is steep, and the year goes on
        errors[name] = np.mean([float((fitted(each) - each.target).square().mean()) for each in windows])
    assert errors["season_shift"] < 0.6 * errors["harmonic"] and errors["season_shift"] < errors["damped_anomaly"]


def test_shift_and_departure_follow_their_formulas():
    chosen, data = monthly(), months(noise=0.2, missing=0.3)
    model: SeasonShift = registry.create("season_shift", chosen).fit(data)
    given = window(chosen, data, 41)
    cycle, both = model.signs(given, model.coefficients(given))
    now, slope = int(given.index_past[0, -1]), model.at(model.coefficients(given), torch.arange(PERIOD)[None], slope=True)[0, :, 0]
    departure = given.past[0, -1, 0] - model.mean[now, 0]
    weight = given.past_observed[0, -1, 0]
    shift = (weight * departure * slope[now]).mean() / (
        (weight * slope[now] ** 2).mean() + 0.2 * model.floor[0]
    )  # the square holds all pixels
    for lead in range(2):
        season = int(given.index_future[0, lead])
        torch.testing.assert_close(cycle[0, lead, 0], model.mean[season, 0], atol=1e-5, rtol=0)
        torch.testing.assert_close(both[0, 0, lead, 0], departure, atol=1e-5, rtol=0)
        torch.testing.assert_close(both[1, 0, lead, 0], shift * slope[season], atol=1e-5, rtol=1e-4)
    forecast = cycle + model.damping[0, None, :, :, None, None] * both[0] + model.damping[1, None, :, :, None, None] * both[1]
    torch.testing.assert_close(model(given), forecast)


def test_the_square_around_a_pixel_ends_at_the_patch():
    field = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 1, 1, 60, 64)).astype("float32"))
    around = _around(field)
    for row, column in ((0, 0), (30, 40), (59, 63), (24, 26)):
        rows, columns = slice(max(0, row - 25), row + 26), slice(max(0, column - 25), column + 26)
        torch.testing.assert_close(around[:, 0, 0, row, column], field[:, 0, 0, rows, columns].mean(dim=(-2, -1)), atol=1e-5, rtol=0)


def test_coefficients_are_never_negative():
    gram, moment = np.array([[2.0, 1.8], [1.8, 2.0]]), np.array([2.0, 0.5])
    found = _not_negative(gram, moment)
    np.testing.assert_allclose(found, [2 / 3, 0])  # the second alone would gain less: 0.5 of 3 against 2 of 3, shrunk by two thirds
    np.testing.assert_allclose(_not_negative(np.eye(2), np.array([3.0, 1.5])), [2, 1])


@pytest.mark.parametrize("name", ["harmonic", "season_shift"])
def test_what_was_not_observed_is_never_fitted(name):
    data = months(noise=0.3, missing=0.4)
    spoiled = TrainingData(np.where(data.observed > 0, data.values, np.float32(-777)), data.observed, data.season_index, data.steps, PERIOD)
    one, two = (registry.create(name, monthly()).fit(each).state_dict() for each in (data, spoiled))
    for key in ("mean", "weight", "smoothing"):
        torch.testing.assert_close(one[key], two[key], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["harmonic", "season_shift"])
def test_state_comes_back(name):
    data = months(noise=0.2)
    model = registry.create(name, monthly()).fit(data)
    other = registry.create(name, monthly())
    other.load_state_dict(model.state_dict())
    given = window(monthly(), data, 30)
    torch.testing.assert_close(other(given), model(given), rtol=0, atol=0)


def test_several_variables_keep_apart():
    chosen = monthly(variables=("ndsi", "lst_day"))
    ndsi, warmth = months(noise=0.1, seed=1), months(noise=0.1, seed=2)
    both = TrainingData(
        np.concatenate([ndsi.values, 270 + 10 * warmth.values], 1),
        np.concatenate([ndsi.observed, warmth.observed], 1),
        ndsi.season_index,
        ndsi.steps,
        PERIOD,
    )
    model = registry.create("season_shift", chosen).fit(both)
    assert model.damping.shape == (2, 2, 2) and float(model.mean[:, 1].mean()) == pytest.approx(273, abs=1)
    given = batch(chosen, size=6, scene=6)
    assert bool(model(given).isfinite().all())
