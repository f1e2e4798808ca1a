"""The default network is as good as it was when its accuracy was recorded, on a fixed small task."""

import json

import pytest
from tests import accuracy

from glaciercast import workflow

KEPT = json.loads(accuracy.KEPT.read_text(encoding="utf-8"))


def test_the_margin_is_tight_enough_to_miss_what_the_network_adds():
    """Were the network no better than the best baseline, or fell it back to the reference that it corrects, the test below would fail."""
    mean = sum(KEPT["mse_by_seed"]) / len(KEPT["mse_by_seed"])
    assert mean + KEPT["margin"] < min(KEPT["baselines"].values()) < KEPT["baselines"]["harmonic"]
    assert max(KEPT["mse_by_seed"]) < mean + KEPT["margin"]


def test_it_is_the_default_that_is_measured():
    assert KEPT["model"] == accuracy.MODEL and workflow.parse_model(accuracy.MODEL) in workflow.BenchmarkConfig().models


@pytest.mark.slow
def test_the_default_network_has_not_lost_accuracy(tmp_path):
    cube = accuracy.build(tmp_path)
    found = accuracy.measure(cube, tmp_path / "out", seed=KEPT["seeds"][0])
    mean = sum(KEPT["mse_by_seed"]) / len(KEPT["mse_by_seed"])
    assert found[accuracy.MODEL] <= mean + KEPT["margin"]
    assert found["harmonic"] == pytest.approx(KEPT["baselines"]["harmonic"], rel=1e-3)
