"""Probabilistic scores agree with numerical integration and simulation; parts merge into exactly the whole."""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.stats.probabilistic import (
    QuantileSums,
    crps_ensemble,
    crps_gaussian,
    crps_quantiles,
    level_weights,
    pinball,
    variance_quantiles,
)

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
POINTS = np.linspace(-40, 40, 800_001)


def integral(distribution, y):
    """Return ∫ (F(x) − 1[x ≥ y])² dx, the definition of the CRPS."""
    return np.trapezoid((distribution - (y <= POINTS)) ** 2, POINTS)


@pytest.mark.parametrize(("mean", "scale", "y"), [(0.0, 1.0, 0.0), (1.5, 0.3, 2.9), (-2.0, 4.0, -9.0), (0.2, 0.01, 0.21)])
def test_the_gaussian_crps_is_the_integral(mean, scale, y):
    crps = crps_gaussian(np.array(mean), np.array(scale), np.array(y))
    assert crps == pytest.approx(integral(ndtr((POINTS - mean) / scale), y), abs=1e-4)


def test_the_gaussian_crps_agrees_with_the_loss_that_networks_are_trained_on():
    import torch

    from glaciercast.models.heads import Gaussian

    out, target = torch.randn(5, 4, 3, 3, dtype=torch.float64), torch.randn(5, 2, 3, 3, dtype=torch.float64)
    mean, scale = (values.numpy() for values in Gaussian().moments(out))
    np.testing.assert_allclose(Gaussian().loss(out, target).numpy(), crps_gaussian(mean, scale, target.numpy()), rtol=1e-10)


@pytest.mark.parametrize("count", [2, 5, 20])
def test_the_ensemble_crps_is_the_integral_over_its_steps_made_fair(count):
    rng = np.random.default_rng(count)
    members, truth = rng.normal(size=(count, 3)), rng.normal(size=3)
    fair = crps_ensemble(members, truth)
    for number, y in enumerate(truth):
        steps = (members[:, number, None] <= POINTS).mean(axis=0)
        pairs = np.abs(members[:, None, number] - members[None, :, number]).sum()
        unfair = pairs / (2 * count**2)  # what the empirical distribution subtracts
        assert fair[number] == pytest.approx(integral(steps, y) + unfair - pairs / (2 * count * (count - 1)), abs=2e-4)


def test_the_fair_crps_does_not_depend_on_the_number_of_members():
    truth = np.zeros(40_000)
    expected = crps_gaussian(np.array(0.3), np.array(1.2), np.array(0.0))
    for count in (2, 3, 10):
        crps = crps_ensemble(np.random.default_rng(count).normal(0.3, 1.2, (count, truth.size)), truth)
        assert crps.mean() == pytest.approx(expected, abs=4 * crps.std() / 200)
    with pytest.raises(InputError, match="at least 2 members, found 1"):
        crps_ensemble(truth[None], truth)


def test_pinball_by_hand_and_level_weights_share_out_all_levels():
    assert pinball(np.array([[1.0], [1.0]]), (0.1, 0.9), np.array([3.0])).tolist() == [[pytest.approx(0.2)], [pytest.approx(1.8)]]
    assert pinball(np.array([[1.0]]), (0.1,), np.array([0.0])).tolist() == [[0.9]]
    np.testing.assert_allclose(level_weights(LEVELS), [0.15, 0.225, 0.25, 0.225, 0.15])
    assert level_weights((0.5,)).tolist() == [1.0]


@pytest.mark.parametrize(("levels", "share"), [(LEVELS, 0.972), (tuple(np.arange(1, 20) / 20), 1.014), ((0.5,), 1.414)])
def test_the_crps_of_quantiles_comes_as_close_to_the_exact_one_as_stated(levels, share):
    truth = ndtri((np.arange(20_000) + 0.5) / 20_000)
    quantiles = np.repeat(ndtri(levels)[:, None], truth.size, axis=1)
    exact = crps_gaussian(np.zeros_like(truth), np.ones_like(truth), truth).mean()
    assert crps_quantiles(quantiles, levels, truth).mean() / exact == pytest.approx(share, abs=2e-3)


@pytest.mark.parametrize("levels", [LEVELS, (0.1, 0.5), (0.3, 0.4, 0.9)])
def test_the_variance_of_normal_quantiles_is_exact(levels):
    mean, scale = np.random.default_rng(0).normal(size=(3, 4)), np.random.default_rng(1).random((3, 4)) + 0.1
    quantiles = mean + ndtri(levels)[:, None, None] * scale
    np.testing.assert_allclose(variance_quantiles(quantiles, levels), scale**2)
    with pytest.raises(InputError, match="at least 2 levels, found 1"):
        variance_quantiles(quantiles[:1], levels[:1])


def made(seed=0, forecasts=6):
    """Return quantiles of N(mean, 1), (level, forecast, 2, 20, 20), and truths drawn from it and observed fractions, each without level."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(forecasts, 2, 20, 20))
    truth, weight = mean + rng.normal(size=mean.shape), rng.random(mean.shape) * (rng.random(mean.shape) < 0.7)
    return mean + ndtri(LEVELS).reshape(-1, 1, 1, 1, 1), truth, weight


def test_sums_are_those_of_a_slow_loop():
    quantiles, truth, weight = made(forecasts=2)
    truth[0, 0, 3, 4] = np.nan
    sums = QuantileSums.of(quantiles, LEVELS, truth, weight)
    total, loss, below, inside, width = 0.0, 0.0, np.zeros(5), np.zeros(2), np.zeros(2)
    for place in np.ndindex(2, 20, 20):
        place = (place[0], 1, *place[1:])
        w, y, q = weight[place], truth[place], quantiles[:, *place]
        total += w
        loss += w * crps_quantiles(q[:, None], LEVELS, np.array([y]))[0]
        below += w * (y < q)
        inside += w * np.array([q[0] <= y <= q[4], q[1] <= y <= q[3]])
        width += w * np.array([q[4] - q[0], q[3] - q[1]])
    assert sums.mean_crps(1) == pytest.approx(loss / total)
    np.testing.assert_allclose(sums.reliability(1), below / total)
    assert sums.coverage(1) == {0.9: pytest.approx(inside[0] / total), 0.5: pytest.approx(inside[1] / total)}
    assert sums.mean_width(1) == {0.9: pytest.approx(width[0] / total), 0.5: pytest.approx(width[1] / total)}
    np.testing.assert_allclose(sums.crps.sum() / sums.weight.sum(), sums.mean_crps())


def test_a_reliable_forecast_covers_what_it_says_and_its_pit_is_flat():
    sums = QuantileSums.of(*made(forecasts=40)[:1], LEVELS, *made(forecasts=40)[1:])
    np.testing.assert_allclose(sums.reliability(), LEVELS, atol=0.01)
    np.testing.assert_allclose(sums.pit(), [0.05, 0.2, 0.25, 0.25, 0.2, 0.05], atol=0.01)
    assert sums.coverage()[0.9] == pytest.approx(0.9, abs=0.01) and sums.mean_width()[0.5] == pytest.approx(2 * 0.67449, abs=1e-4)


def test_a_narrow_forecast_fills_the_outer_bins():
    quantiles, truth, weight = made(forecasts=40)
    median = quantiles[2:3]
    sums = QuantileSums.of(median + 0.5 * (quantiles - median), LEVELS, truth, weight)
    outer = ndtr(0.5 * ndtri(0.05))
    assert sums.pit()[[0, 5]] == pytest.approx([outer, outer], abs=0.01)
    assert sums.coverage()[0.9] == pytest.approx(1 - 2 * outer, abs=0.01)


def test_a_tie_counts_half_below_and_wholly_inside():
    zero = np.zeros((5, 1, 1, 2))
    sums = QuantileSums.of(zero, LEVELS, np.zeros((1, 1, 2)), np.ones((1, 1, 2)))
    assert sums.reliability().tolist() == [0.5] * 5 and sums.coverage() == {0.9: 1.0, 0.5: 1.0}


def test_merging_parts_equals_one_pass_and_survives_json():
    quantiles, truth, weight = made()
    whole = QuantileSums.of(quantiles, LEVELS, truth, weight)
    merged = sum((QuantileSums.of(quantiles[:, rows], LEVELS, truth[rows], weight[rows]) for rows in (slice(2, 3), slice(3, 6))),
                 QuantileSums.of(quantiles[:, :2], LEVELS, truth[:2], weight[:2]))  # fmt: skip
    assert merged.to_json() == whole.to_json() and QuantileSums.from_json(whole.to_json()).to_json() == whole.to_json()
    assert QuantileSums.from_json(whole.to_json()).coverage(0) == whole.coverage(0) and merged.mean_crps(1) == whole.mean_crps(1)


def test_pixels_that_were_not_observed_never_count():
    quantiles, truth, weight = made()
    spoiled = np.where(weight == 0, np.nan, truth)
    wild = np.where(weight == 0, np.inf, quantiles)
    assert QuantileSums.of(wild, LEVELS, spoiled, weight).to_json() == QuantileSums.of(quantiles, LEVELS, truth, weight).to_json()
    with pytest.raises(GlaciercastError, match="forecast values are not finite where they are scored"):
        QuantileSums.of(wild, LEVELS, truth, np.ones_like(weight))
    empty = QuantileSums.of(quantiles, LEVELS, truth, np.zeros_like(weight))
    assert np.isnan(empty.mean_crps()) and np.isnan(empty.coverage()[0.9]) and np.isnan(empty.pit()).all()


def test_variances_and_strata_are_those_of_each_pixel():
    quantiles, truth, weight = made(forecasts=2)
    stratum = np.random.default_rng(5).integers(0, 3, (20, 20)).astype("int16")
    crps = crps_quantiles(quantiles, LEVELS, truth)
    whole, found = QuantileSums.by_stratum(quantiles, LEVELS, truth, weight, stratum, 3)
    for number in range(3):
        np.testing.assert_allclose(found[..., number], (weight * crps * (stratum == number)).sum((2, 3)))
    np.testing.assert_allclose(whole.crps, (weight * crps).sum((2, 3)))
    np.testing.assert_allclose(whole.variance, (weight * variance_quantiles(quantiles, LEVELS)).sum((2, 3)))
    assert whole.spread() == pytest.approx(1)
