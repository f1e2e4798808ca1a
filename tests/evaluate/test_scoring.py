"""Scores are sums over windows: of forecasts and of quantiles, before and after calibration, and kept with what they are scores of."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.forecast.made import series, task

from glaciercast import config
from glaciercast.evaluate import scoring
from glaciercast.evaluate.scoring import Scores
from glaciercast.forecast import scenes
from glaciercast.models import residual
from glaciercast.models.conformal import LEVELS, Calibrated
from glaciercast.models.heads import Gaussian
from glaciercast.patches import splits
from glaciercast.stats.probabilistic import crps_quantiles

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


def test_parts_merge_to_the_whole_and_come_back_from_json(made, split, forecaster):
    whole = scoring.score(Calibrated(forecaster, LEVELS, np.zeros((2, 1, 1))).eval(), "m", made, TASK, split)

    def rows(scores, chosen):
        parts = scores.to_json().items()
        return Scores.from_json({key: {name: v if name == "levels" else v[chosen] for name, v in sums.items()} for key, sums in parts})

    merged = rows(whole, slice(0, 2)) + rows(whole, slice(2, None))
    assert merged.to_json() == whole.to_json() == Scores.from_json(whole.to_json()).to_json()
    alone = Scores(whole.errors)
    assert Scores.from_json(alone.to_json()).quantiles is None and (alone + alone).quantiles is None


def test_a_cell_is_scored_once_for_its_key(made, split, forecaster, tmp_path, monkeypatch):
    arguments = (forecaster, "m", made, TASK, split, "test")
    first = scoring.cell(tmp_path / "m.json", {"data": 1}, *arguments)
    monkeypatch.setattr(scoring, "score", None)
    assert scoring.cell(tmp_path / "m.json", {"data": 1}, *arguments).to_json() == first.to_json()
    with pytest.raises(TypeError):
        scoring.cell(tmp_path / "m.json", {"data": 2}, *arguments)
    assert config.digest({"data": 1}) in (tmp_path / "m.json").read_text()
