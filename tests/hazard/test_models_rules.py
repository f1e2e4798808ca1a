"""The rule on areas: its threshold by value."""

import dataclasses

import numpy as np
import pytest
from tests.hazard import made_samples

from glaciercast.errors import InputError
from glaciercast.hazard import models_rules
from glaciercast.hazard.models_base import OutlookConfig, expit, logit


@pytest.fixture(scope="module")
def steps():
    """Return samples whose floods come in 2 of 100 days below a share of 0.8, in 30 of 100 above."""
    samples = made_samples.made(10, 4).samples
    share = np.linspace(0, 1, len(samples))
    label = ((37 * np.arange(len(samples)) % 100) < np.where(share < 0.8, 2, 30)).astype(float)
    floods = np.where(label == 1, [str(number) for number in range(len(samples))], "").astype(object)
    values = np.column_stack([share, np.zeros(len(samples))])
    return dataclasses.replace(samples, values=values, labels={30: label}, floods={30: floods})


def test_the_threshold_is_where_acting_begins_to_pay(steps):
    found = models_rules.AreaRule(OutlookConfig(cost_ratio=0.1)).learn(None, steps, 30, np.zeros(len(steps)), 0)
    assert found.level == pytest.approx(0.8, abs=0.02)
    base = steps.labels[30].mean()
    assert expit(np.array(found.moves) + logit(base)) == pytest.approx([0.02, 0.3], abs=0.02)


def test_where_acting_never_pays_there_is_no_threshold(steps):
    found = models_rules.AreaRule(OutlookConfig(cost_ratio=0.9)).learn(None, steps, 30, np.zeros(len(steps)), 0)
    assert found.level == np.inf


def test_without_an_area_the_season_is_told(steps):
    found = models_rules.AreaRule(OutlookConfig(cost_ratio=0.1)).learn(None, steps, 30, np.zeros(len(steps)), 0)
    blind = dataclasses.replace(steps, values=np.full_like(steps.values, np.nan))
    season = np.linspace(-3, 0, len(blind))
    np.testing.assert_array_equal(found(None, blind, season)[0], season)


def test_without_a_feature_of_areas_the_rule_is_refused(steps):
    with pytest.raises(InputError, match="needs one of the features share_largest, filled, area; found speed, growth"):
        models_rules.fullness(dataclasses.replace(steps, names=("speed", "growth")))
