"""Scores are sums over windows: of forecasts and of quantiles, before and after calibration, and in every other way on the same pixels."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.forecast.made import series, task

from glaciercast.evaluate import scoring
from glaciercast.evaluate.scoring import Scores
from glaciercast.evaluate.strata import Ground
from glaciercast.forecast import scenes
from glaciercast.models import registry, residual
from glaciercast.models.conformal import LEVELS, Calibrated
from glaciercast.models.heads import Gaussian
from glaciercast.patches import splits, splits_space
from glaciercast.stats.probabilistic import crps_quantiles
from glaciercast.stats.seams import SeamSums
from glaciercast.stats.snowline import SnowSums
from glaciercast.stats.spectra import SpectrumSums
from glaciercast.stats.structure import FractionSums, SimilaritySums
from glaciercast.stats.tally import tally

STATS = SimpleNamespace(mean=np.zeros(1, "float32"), std=np.ones(1, "float32"))
TASK = task(n_target=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return series(tmp_path_factory.mktemp("series"), steps=24, missing=0.2)


@pytest.fixture(scope="module")
def split():
    return splits.by_time(24, n_input=3, n_target=1, history=5, fractions=(0.4, 0.2, 0.4))


@pytest.fixture(scope="module")
def forecaster():
    made = residual.build("unet_time", TASK, "last", STATS, head=Gaussian(), widths=(4,), norm="none")
    torch.nn.init.normal_(made.network.readout.weight, 0, 0.1, generator=torch.Generator().manual_seed(0))
    return made.eval()


def looped(forecaster, made, split, levels):
    """Return squared error, CRPS and the share of truths in the widest interval over all observed pixels of the test part."""
    squared, crps, inside = [], [], []
    for issue in map(int, split.issues("test")):
        truth, observed = (each[:, :1] for each in made.frames(range(issue + 1, issue + 2)))
        forecast, quantiles = scenes.forecast_bands(forecaster, made, TASK, issue, levels)
        seen = observed > 0
        squared += ((forecast - truth)[seen] ** 2).tolist()
        crps += crps_quantiles(quantiles[:, seen], levels, truth[seen]).tolist()
        inside += ((quantiles[0] <= truth) & (truth <= quantiles[-1]))[seen].tolist()
    return np.mean(squared), np.mean(crps), np.mean(inside)


def test_the_scores_of_a_model_that_states_quantiles_are_those_of_a_loop(made, split, forecaster):
    scores = scoring.score(forecaster, "m", made, TASK, split)
    squared, crps, inside = looped(forecaster, made, split, LEVELS)
    assert scores.errors.mse() == pytest.approx(squared, rel=1e-5)
    assert scores.quantiles.levels == LEVELS and scores.quantiles.mean_crps() == pytest.approx(crps, rel=1e-5)
    assert scores.quantiles.coverage()[0.9] == pytest.approx(inside, rel=1e-6) and scores.uncalibrated is None
    assert len(scores.quantiles.weight) == len(split.issues("test"))


def test_a_calibrated_model_is_scored_before_and_after(made, split, forecaster):
    levels = (0.1, 0.5, 0.9)
    calibrated = Calibrated(forecaster, levels, np.full((1, 1, 1), 0.4)).eval()
    scores = scoring.score(calibrated, "m", made, TASK, split)
    for sums, model in ((scores.quantiles, calibrated), (scores.uncalibrated, forecaster)):
        _, crps, inside = looped(model, made, split, levels)
        assert sums.mean_crps() == pytest.approx(crps, rel=1e-5) and sums.coverage()[0.8] == pytest.approx(inside, rel=1e-6)
    assert scores.quantiles.mean_width()[0.8] == pytest.approx(scores.uncalibrated.mean_width()[0.8] + 0.8, rel=1e-5)
    assert scores.errors.mse() == scoring.score(forecaster, "m", made, TASK, split).errors.mse()


def test_a_model_that_states_none_is_scored_by_its_errors_alone(made, split):
    forecaster = residual.build("unet_time", TASK, "last", STATS, widths=(4,), norm="none")
    scores = scoring.score(forecaster, "value", made, TASK, split)
    assert scores.quantiles is None and scores.uncalibrated is None and scores.errors.mse() > 0


def test_where_parts_are_blocks_only_those_of_the_part_are_scored(made, split, forecaster):
    apart = splits_space.by_space(split, made.shape, 5, blocks=3)
    for part in ("validation", "test"):
        mask, scores = apart.mask(part), scoring.score(forecaster, "m", made, TASK, apart, part)
        squared = weight = 0.0
        for issue in map(int, apart.issues(part)):
            truth, observed = (each[:, :1] for each in made.frames(range(issue + 1, issue + 2)))
            seen = np.where(mask, observed, 0)
            squared += (seen * (scenes.forecast_scene(forecaster, made, TASK, issue) - np.nan_to_num(truth)) ** 2).sum(dtype=float)
            weight += seen.sum(dtype=float)
        assert 0 < mask.mean() < 0.5 and scores.errors.mse() == pytest.approx(squared / weight, rel=1e-5)
        assert scores.errors.weight.sum() == scores.quantiles.weight.sum() == pytest.approx(weight, rel=1e-6)


def test_parts_merge_to_the_whole_and_come_back_from_json(made, split, forecaster):
    whole = scoring.score(Calibrated(forecaster, LEVELS, np.zeros((2, 1, 1))).eval(), "m", made, TASK, split, ground=ground(made))
    parts = [whole.each(lambda sums, rows=rows: sums.chosen(rows)) for rows in (slice(0, 2), slice(2, 3), slice(3, None))]
    assert (parts[0] + parts[1] + parts[2]).to_json() == whole.to_json()
    assert Scores.from_json(json.loads(json.dumps(whole.to_json()))).to_json() == whole.to_json()
    alone = Scores(whole.errors)
    assert Scores.from_json(alone.to_json()).quantiles is None and (alone + alone).quantiles is None
    assert (whole + alone).strata is None


def ground(series):
    """Return a slope of 20 m a row from 4,000 m, half of it ice."""
    elevation = np.broadcast_to(4000 + 20.0 * np.arange(series.shape[0])[:, None], series.shape)
    return Ground.of(series.shape, 9e-4, elevation, np.arange(series.shape[1]) < 15 + np.zeros(series.shape, int))


def test_every_window_is_scored_in_all_ways_on_the_same_pixels(made, split, forecaster):
    scores = scoring.score(forecaster, "m", made, TASK, split, ground=ground(made))
    issues = split.issues("test")
    forecast = np.stack([scenes.forecast_scene(forecaster, made, TASK, int(issue)) for issue in issues])[:, :, 0]
    truth, weight = (np.stack(each)[:, :, 0] for each in zip(*(made.frames(range(i + 1, i + 2)) for i in map(int, issues)), strict=True))
    assert scores.similarity.to_json() == SimilaritySums.of(forecast, truth, weight, 2.0).to_json()
    assert scores.fractions.to_json() == FractionSums.of(forecast, truth, weight).to_json()
    assert scores.spectrum.to_json() == SpectrumSums.of(forecast, truth, weight).to_json()
    place = ground(made)
    assert scores.strata.mse(0).tolist() == tally(forecast, truth, weight, place.stratum, place.labels, scores.strata.month).mse(0).tolist()
    np.testing.assert_allclose(scores.strata.crps.sum(2), scores.quantiles.crps)
    np.testing.assert_array_equal(scores.errors.squared, scores.strata.squared.sum(2))
    assert scores.snow.to_json() == SnowSums.of(forecast, truth, weight, scores.strata, 9e-4, place.bands).to_json()
    borders = scenes.tiling_for(forecaster, made.shape, TASK.patch).borders
    assert scores.seams.to_json() == SeamSums.of(forecast, *borders).to_json()


def test_a_target_belongs_to_the_month_of_its_middle(made, split, forecaster):
    months = scoring.score(forecaster, "m", made, TASK, split).strata.month[:, 0]
    quarter = {1: 2, 4: 5, 7: 8, 10: 11}  # quarters from January, April, July and October
    assert months.tolist() == [quarter[made.starts[issue + 1].month] for issue in split.issues("test")]


def test_other_variables_have_errors_spectra_and_seams_alone(tmp_path):
    frames = np.random.default_rng(0).random((24, 2, 20, 30)).astype("float32")
    made = series(tmp_path, variables=("lst", "ndsi"), frames=frames)
    both = task(n_target=1, variables=("lst", "ndsi"))
    split = splits.by_time(24, n_input=3, n_target=1, history=5, fractions=(0.4, 0.2, 0.4))
    persistence = registry.create("persistence", both)
    scores = scoring.score(persistence, "persistence", made, both, split)
    issues = split.issues("test")
    error = frames[issues] - frames[issues + 1]
    assert scores.errors.mse() == pytest.approx((error**2).mean(), rel=1e-5)
    assert scores.strata.total().mse()[0] == pytest.approx((error[:, 0] ** 2).mean(), rel=1e-5)  # of the first target
    assert scores.snow is None and scores.similarity is None and scores.fractions is None
    assert np.isfinite(scores.spectrum.ratio()).any() and np.isnan(scores.seams.index()).all()  # a baseline sees the scene whole
