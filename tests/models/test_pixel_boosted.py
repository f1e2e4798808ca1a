"""The boosted pixel model: it repeats, it survives saving, and it learns what a linear model cannot."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.models.batches import batch, inputs, task, training_data

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.models import registry
from glaciercast.models.base import Solvable
from glaciercast.models.heads import Gaussian, Quantiles, Value
from glaciercast.models.residual import build
from glaciercast.training import saving

STATS = SimpleNamespace(mean=np.array([0.4, -2.0], "float32"), std=np.array([0.5, 4.0], "float32"))
TASK = task(variables=("ndsi", "ndwi"), targets=("ndsi",), statics=("elevation",))
SMALL = {"rounds": 30, "learning_rate": 0.3, "leaves": 8, "pixels": 10}


def threshold(given, forecaster):
    """The batch with targets that jump where the last value crosses 0, the other way above an elevation."""
    read, reference = forecaster.eval().read(given)
    above, high = read.frames[:, -1, 0] > 0, read.statics[:, 0] > 0
    change = torch.where(above ^ high, 0.5, -0.5)[:, None, None] * torch.tensor([1.0, 2.0])[:, None, None, None]
    return given._replace(target=reference + change * STATS.std[0])


def solved(name="pixel_boosted", residual="none", seed=0, head=None, truth=threshold, **options):
    reference = registry.create("climatology", TASK).fit(training_data(variables=2)) if residual == "climatology" else None
    forecaster = build(name, TASK, residual, STATS, reference, seed=seed, head=head, **options)
    train, validation = ([truth(batch(TASK, 6, seed=seed), forecaster) for seed in seeds] for seeds in ((1, 2), (3,)))
    forecaster.network.solve(forecaster, train, validation)
    return forecaster.eval()


def loss(forecaster, given):
    squares, weight = forecaster.loss(given)
    return (squares / weight).item()


@pytest.mark.slow
def test_a_threshold_is_learnt_by_trees_and_not_by_a_line():
    boosted, linear = solved(**SMALL), solved("pixel_linear")
    given = threshold(batch(TASK, 6, seed=9), boosted)
    still = build("pixel_linear", TASK, "none", STATS).eval()
    assert loss(boosted, given) < 0.1 * loss(still, given)
    assert loss(linear, given) > 0.9 * loss(still, given)


def test_it_repeats_bit_for_bit_with_its_seed():
    given = batch(TASK, seed=9)
    one, two, other = (solved(seed=seed, samples=300, **SMALL) for seed in (1, 1, 2))
    assert torch.equal(one.network.trees, two.network.trees) and torch.equal(one(given), two(given))
    assert not torch.equal(one(given), other(given))


def test_the_number_of_threads_changes_nothing():
    given, threads = batch(TASK, seed=9), torch.get_num_threads()
    forecasts = []
    for number in (1, 2):
        torch.set_num_threads(number)
        forecasts.append(solved(**{**SMALL, "rounds": 5})(given))
    torch.set_num_threads(threads)
    assert torch.equal(*forecasts)


@pytest.mark.parametrize("residual", ["none", "climatology"])
def test_it_survives_saving(tmp_path, residual):
    forecaster, given = solved(residual=residual, **SMALL), batch(TASK, seed=9)
    saving.save(forecaster, tmp_path, {})
    loaded, _ = saving.load(tmp_path)
    assert torch.equal(loaded(given), forecaster(given))
    assert not torch.equal(loaded(given), build("pixel_linear", TASK, residual, STATS, forecaster.reference).eval()(given))
    # weights that are loaded over others take their place, boosters and all
    another = solved(residual=residual, seed=5, **SMALL)
    another(given)
    saving.load_weights(another, tmp_path)
    assert torch.equal(another(given), forecaster(given))


def test_each_lead_and_target_has_trees_of_its_own():
    chosen = task(variables=("ndsi", "ndwi"))

    def truth(given):
        change = torch.arange(4.0).reshape(2, 2) - 1.5  # another constant for each lead and target
        target = torch.tensor(STATS.mean) + torch.tensor(STATS.std) * change
        return given._replace(target=target[:, :, None, None].expand_as(given.target))

    forecaster = build("pixel_boosted", chosen, "none", STATS, **SMALL)
    forecaster.network.solve(forecaster, [truth(batch(chosen, 4))], [truth(batch(chosen, 4, seed=1))])
    change = forecaster.network(inputs(chosen))
    assert len(forecaster.network.boosters()) == 4
    expected = (torch.arange(4.0).reshape(2, 2, 1, 1) - 1.5).expand(2, 2, 2, 8, 8)
    torch.testing.assert_close(change, expected, rtol=0, atol=1e-4)


def test_the_forecast_is_that_of_lightgbm_at_every_pixel():
    forecaster = solved(**SMALL)
    given = inputs(TASK, rows=5, columns=3)
    out, planes = forecaster.network(given), forecaster.network.planes(given)
    for lead, booster in enumerate(forecaster.network.boosters()):
        for b, y, x in np.ndindex(2, 5, 3):
            assert out[b, lead, 0, y, x].item() == pytest.approx(booster.predict(planes[b, :, y, x].numpy()[None])[0], rel=1e-6)


def test_what_was_not_observed_does_not_count():
    trees = []
    for spoilt in (0.0, 1e4):

        def spoil(given, forecaster, spoilt=spoilt):
            return given._replace(target=torch.where(given.target_weight > 0, given.target, spoilt))

        trees.append(solved(residual="climatology", truth=spoil, **SMALL).network.trees)
    assert torch.equal(*trees)


def test_growing_stops_when_the_validation_part_gains_nothing():
    noise = solved(truth=lambda given, forecaster: given, **{**SMALL, "rounds": 200}, patience=5)
    learnt = solved(**{**SMALL, "rounds": 200}, patience=5)
    assert all(booster.num_trees() < 10 for booster in noise.network.boosters())
    assert all(booster.num_trees() > 10 for booster in learnt.network.boosters())


def test_absolute_errors_learn_the_median():
    def skewed(given, forecaster):
        change = torch.where(torch.rand(given.target.shape, generator=torch.Generator().manual_seed(0)) < 0.3, 4.0, 1.0)
        return given._replace(target=STATS.mean[0] + STATS.std[0] * change)

    given = inputs(TASK)
    assert solved(truth=skewed, head=Value(error="absolute"), **SMALL).network(given).median().item() == pytest.approx(1.0, abs=0.05)
    assert solved(truth=skewed, **SMALL).network(given).mean().item() == pytest.approx(1.9, abs=0.2)


@pytest.mark.parametrize("head", [Gaussian(), Quantiles()])
def test_any_head_gets_the_same_point_forecast_and_errors_as_large_as_in_the_validation_part(tmp_path, head):
    def noise(given, forecaster):
        scale = torch.tensor([0.7, 1.4])[:, None, None, None]
        drawn = scale * torch.randn(given.target.shape, generator=torch.Generator().manual_seed(len(given.past)))
        return given._replace(target=STATS.mean[0] + STATS.std[0] * drawn)

    given = batch(TASK, seed=4)
    value, spread = solved(truth=noise, **SMALL), solved(truth=noise, head=head, **SMALL)
    assert torch.equal(value(given), spread(given))
    saving.save(spread, tmp_path, {})
    lower, upper = saving.load(tmp_path)[0].quantiles(given, (0.25, 0.75)) / STATS.std[0]
    for lead, scale in enumerate((0.7, 1.4)):
        assert (upper - lower)[:, lead].mean().item() == pytest.approx(2 * 0.6745 * scale, rel=0.1)


def test_without_trees_it_is_the_reference_at_any_size():
    network = registry.create("pixel_boosted", TASK)
    assert isinstance(network, Solvable)
    out = network(inputs(TASK, rows=3, columns=7))
    assert out.shape == (2, 2, 1, 3, 7) and not out.any()


def test_its_trees_name_what_they_split():
    booster = solved(**SMALL).network.boosters()[0]
    importance = dict(zip(booster.feature_name(), booster.feature_importance("gain"), strict=True))
    assert set(sorted(importance, key=importance.get)[-2:]) == {"ndsi_lag0", "elevation"}


def test_what_does_not_fit_is_one_line():
    forecaster = build("pixel_boosted", TASK, "none", STATS)
    given = batch(TASK)
    with pytest.raises(InputError, match="expected batches, found none"):
        forecaster.network.solve(forecaster, [], [given])
    with pytest.raises(GlaciercastError, match="some lead of a target was nowhere observed"):
        forecaster.network.solve(forecaster, [given], [given._replace(target_weight=0 * given.target_weight)])
