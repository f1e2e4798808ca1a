"""What a forecast shows of a distribution: what was trained or calibrated, and of a few values no more than they can say."""

from types import SimpleNamespace

import numpy as np
import pytest
from tests.forecast.made import task

from glaciercast.forecast.traits import levels_of, of_networks, stated_levels
from glaciercast.models import registry, residual
from glaciercast.models.conformal import LEVELS, Calibrated
from glaciercast.models.ensemble import Ensemble
from glaciercast.models.heads import Gaussian, Quantiles, Value

STATS = SimpleNamespace(mean=np.zeros(2, "float32"), std=np.ones(2, "float32"))
TASK = task(variables=("ndsi", "lst_day"), targets=("ndsi",))
THREE = Quantiles(levels=(0.1, 0.5, 0.9))


def network(head=None, seed=0, name="unet_time", **options):
    return residual.build(name, TASK, "none", STATS, seed=seed, head=head, **{"widths": (4, 8), **options})


@pytest.mark.parametrize(
    ("head", "levels"), [(Value(), LEVELS), (Gaussian(), LEVELS), (THREE, (0.1, 0.5, 0.9))], ids=["value", "gaussian", "quantiles"]
)
def test_a_network_shows_the_levels_of_its_head_and_a_calibrated_one_its_own(head, levels):
    assert levels_of(head) == levels
    assert stated_levels(network(head)) == (() if isinstance(head, Value) else levels)
    assert stated_levels(Calibrated(network(head), levels)) == levels
    assert stated_levels(registry.create("persistence", TASK)) == ()


@pytest.mark.parametrize(("members", "levels"), [(2, ()), (3, (0.25, 0.5, 0.75)), (5, (0.25, 0.5, 0.75)), (19, LEVELS)])
def test_an_ensemble_of_values_shows_the_levels_that_its_members_can_say(members, levels):
    together = Ensemble([network(seed=seed) for seed in range(members)])
    assert stated_levels(together) == levels
    assert stated_levels(Calibrated(together, LEVELS)) == LEVELS


def test_an_ensemble_of_distributions_shows_those_of_its_head():
    assert stated_levels(Ensemble([network(THREE, seed) for seed in range(2)])) == THREE.levels
    assert stated_levels(Ensemble([network(Gaussian(), seed) for seed in range(2)])) == LEVELS


def test_a_trait_is_that_of_every_network_within():
    able = [network(name="multimodal", seed=seed) for seed in range(2)]
    assert of_networks(Calibrated(Ensemble(able), LEVELS), "missing_ok") and not of_networks(network(), "missing_ok")
    assert of_networks(registry.create("persistence", TASK), "missing_ok")  # it has none that could not
