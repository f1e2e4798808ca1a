"""All figures come from sums by name: over everything, by lead and stratum, and resampled."""

import dataclasses
import json

import numpy as np
import pytest
from tests.stats.made_sums import elevation, scenes

from glaciercast.evaluate import figures, scoring
from glaciercast.evaluate.strata import Ground
from glaciercast.stats.bootstrap import Clusters
from glaciercast.stats.probabilistic import crps_quantiles
from glaciercast.stats.scores import ErrorSums

FORECASTS = 20
LEVELS = (0.05, 0.5, 0.95)


@pytest.fixture(scope="module")
def arrays():
    return scenes(7, forecasts=FORECASTS)


@pytest.fixture(scope="module")
def scores(arrays):
    forecast, truth, weight = (each[:, :, None] for each in arrays)
    ice = np.arange(truth.shape[-1]) < 9 + np.zeros(truth.shape[-2:], int)
    ground = Ground.of(truth.shape[-2:], 9e-4, elevation(), ice)
    quantiles = np.stack([forecast - 0.3, forecast, forecast + 0.3])
    month = np.arange(FORECASTS)[:, None] % 12 + np.array([1, 1])
    borders = (np.array([6, 12]), np.array([11]))
    return scoring.of_scenes(forecast, truth, weight, month, ground, borders, snow=True, stated=(quantiles, LEVELS))


def test_the_report_is_that_of_the_pixels(arrays, scores):
    forecast, truth, weight = arrays
    known = np.nan_to_num(truth)
    told = figures.report(scores)
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["all"]["mse"] == pytest.approx((weight * (forecast - known) ** 2).sum() / weight.sum())
    assert told["by_lead"][1]["bias"] == pytest.approx((weight * (forecast - known))[:, 1].sum() / weight[:, 1].sum())
    quantiles = np.stack([forecast - 0.3, forecast, forecast + 0.3])
    assert told["all"]["crps"] == pytest.approx((weight * crps_quantiles(quantiles, LEVELS, known)).sum() / weight.sum())
    assert told["all"]["below_5"] == pytest.approx((weight * (known < forecast - 0.3)).sum() / weight.sum())
    inside = (np.abs(forecast - known) <= 0.3) * weight
    assert told["all"]["coverage_90"] == pytest.approx(inside.sum() / weight.sum()) and told["all"]["width_90"] == pytest.approx(0.6)
    assert told["all"]["spread_skill"] == pytest.approx((0.3 / 1.6448536) / np.sqrt(told["all"]["mse"]))
    ice = (weight > 0)[:, :, :, :9]
    f, y = forecast[:, :, :, :9][ice] >= 0.3, truth[:, :, :, :9][ice] >= 0.3
    assert told["by_place"]["outside"]["crps"] < told["by_place"]["outside"]["mae"]
    assert told["by_place"]["ice"]["iou"] == pytest.approx((f & y).sum() / (f | y).sum())
    low = elevation()[:, 0] < 3500
    zone = (weight * np.abs(forecast - known))[:, :, low].sum() / weight[:, :, low].sum()
    assert told["by_zone"]["3000"]["mae"] == pytest.approx(zone) and list(told["by_zone"]) == ["3000", "3500"]
    march = weight[2::12]
    assert told["by_month"]["3"]["mse"] == pytest.approx((march * (forecast - known)[2::12] ** 2).sum() / march.sum())
    names = ("f1", "ssim", "fss_5px", "fss_45px", "power_2_4px", "area_error_km2", "snow_line_error_m", "seam_index")
    assert set(names) <= set(told["all"]) and told["all"]["fss_45px"] is None  # larger than the scene


def test_intervals_are_percentiles_of_figures_of_drawn_forecasts(scores):
    clusters = Clusters.of(np.arange(FORECASTS) // 2)
    found, counts = figures.estimates([scores], clusters, lead=1, seed=4), clusters.draws(seed=4)
    replicates = []
    for row in counts[:200]:
        drawn = scores.each(lambda sums, row=row: sums.chosen(np.repeat(np.arange(FORECASTS), row.astype(int))).total())
        replicates.append({name: values[0] for name, values in figures.of(drawn, 1).items()})
    every = figures.of(scores.each(lambda sums: sums.weighted(counts)), 1)
    for name in ("mse", "f1", "ssim", "fss_5px", "bias", "snow_line_error_m", "coverage_90", "seam_index"):
        np.testing.assert_allclose(every[name][:200], [replicate[name] for replicate in replicates], rtol=1e-9)
        assert found[name].interval == pytest.approx(tuple(np.quantile(every[name], [0.025, 0.975])))
        assert found[name].value == pytest.approx(figures.report(scores)["by_lead"][1][name])
    told = figures.report(scores, clusters)["interval"]
    assert told == {name: each.interval for name, each in figures.estimates([scores], clusters).items()} and told["fss_45px"] is None
    assert told["mse"][0] < scores.errors.mse() < told["mse"][1]
    assert found["fss_45px"].interval is None and found["mse"].seed_spread is None


def test_below_eight_clusters_no_figure_has_an_interval(scores):
    assert {each.interval for each in figures.estimates([scores], Clusters.of(np.arange(FORECASTS) // 3)).values()} == {None}


def rescaled(scores, factor):
    """Return scores of which every error is `factor` times as large."""
    errors = ErrorSums(
        scores.errors.weight, factor**2 * scores.errors.squared, factor * scores.errors.absolute, factor * scores.errors.signed
    )
    return scoring.Scores(errors)


def test_differences_between_models_are_paired_and_seeds_are_told_apart(scores):
    clusters = Clusters.of(np.arange(FORECASTS) // 2)
    found = figures.estimates([rescaled(scores, 0.9), rescaled(scores, 1.1)], clusters, [scores])
    mae, own = scores.errors.mae(), figures.estimates([scores], clusters)["mae"].interval
    assert set(found) == {"mse", "mae", "bias"}  # what both have
    assert found["mae"].value == pytest.approx(0, abs=1e-12) and found["mae"].interval == pytest.approx((0, 0), abs=1e-12)
    assert found["mae"].seed_spread == pytest.approx(np.sqrt(0.02) * mae) and found["mae"].seeds == 2
    worse = figures.estimates([rescaled(scores, 1.5)], clusters, [scores])["mae"]
    assert worse.value == pytest.approx(0.5 * mae) and worse.interval == pytest.approx(tuple(0.5 * end for end in own))


def test_several_glaciers_join_with_the_strata_of_each(scores):
    part = scores.strata
    other = dataclasses.replace(part, labels=tuple((place, None if zone is None else zone + 500) for place, zone in part.labels))
    both = type(part).joined([part, other])
    assert both.total().mse()[0] == pytest.approx(part.total().mse()[0]) and len(both.month) == 2 * FORECASTS
    lowest = both.within(lambda label: label[1] == 3000).total()
    assert lowest.squared.sum() == pytest.approx(part.within(lambda label: label[1] == 3000).squared.sum())
    assert both.within(lambda label: label[1] == 3500).total().weight.sum() == pytest.approx(
        part.within(lambda label: label[1] == 3500).weight.sum() + other.within(lambda label: label[1] == 3500).weight.sum()
    )


def test_models_without_quantiles_and_other_variables_have_fewer_figures(arrays):
    forecast, truth, weight = (each[:, :, None] for each in arrays)
    ground = Ground.of(truth.shape[-2:], 9e-4)
    scores = scoring.of_scenes(forecast, truth, weight, np.ones((FORECASTS, 2), int), ground, ([], []), snow=False)
    told = figures.report(scores)
    assert set(told["by_place"]["anywhere"]) == {"mse", "mae", "bias", "iou", "f1"} and told["by_place"]["anywhere"]["iou"] is None
    assert not {"crps", "coverage_90", "iou", "ssim", "area_error_km2"} & set(told["all"])
    assert told["by_zone"] == {} and list(told["by_place"]) == ["anywhere"] and told["all"]["seam_index"] is None
