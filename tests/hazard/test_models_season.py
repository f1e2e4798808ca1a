"""The seasonal base rate against a season that is known."""

import dataclasses

import numpy as np
import pytest
from tests.hazard import made_samples

from glaciercast.errors import InputError
from glaciercast.hazard import calibration, models_season
from glaciercast.hazard.models_base import OutlookConfig, expit, logit


@pytest.fixture(scope="module")
def by_season():
    return made_samples.made(40, 8, by_lake=0.0)


def test_the_curve_is_the_known_season(by_season):
    found = expit(models_season.curve(by_season.samples, 30, OutlookConfig()).at(by_season.samples))
    assert 1 - np.mean((found - by_season.truth) ** 2) / by_season.truth.var() > 0.93
    assert 0.8 < calibration.reliability(found, by_season.truth)[1] < 1.2


def test_its_interval_holds_the_known_season_on_most_days(by_season):
    model = models_season.create("season", OutlookConfig())
    model.fit(by_season.records, by_season.samples, 30)
    found = model.predict(by_season.records, by_season.samples)
    inside = (found.low <= by_season.truth) & (by_season.truth <= found.high)
    assert inside[by_season.truth > 0.005].mean() > 0.75  # days go together: one draw of the curve
    assert (found.high - found.low).max() < 0.12


def test_without_a_season_in_the_floods_the_curve_is_nearly_flat():
    samples = made_samples.made(20, 8, by_lake=0.0).samples
    order = np.random.default_rng(0).permutation(len(samples))
    flat = dataclasses.replace(samples, labels={30: samples.labels[30][order]}, floods={30: samples.floods[30][order]})
    curve = models_season.curve(flat, 30, OutlookConfig())
    assert np.ptp(expit(curve.logits)) < 0.5 * flat.labels[30].mean()


def test_with_one_flood_half_of_it_is_the_base_rate():
    samples = made_samples.made(3, 3).samples
    label, floods = np.zeros(len(samples)), np.full(len(samples), "", object)
    label[30:34], floods[30:34] = 1, "only"
    one = dataclasses.replace(samples, labels={30: label}, floods={30: floods})
    chance = expit(models_season.curve(one, 30, OutlookConfig()).logits)
    assert chance.min() >= 0.5 * label.mean()


def test_neither_no_flood_nor_nothing_but_floods_makes_a_season():
    samples = made_samples.made(3, 3).samples
    for value in (0.0, 1.0):
        all_alike = dataclasses.replace(samples, labels={30: np.full(len(samples), value)})
        with pytest.raises(InputError, match="a season needs days of issue with and without a flood within 30 days"):
            models_season.curve(all_alike, 30, OutlookConfig())


def test_a_season_that_has_learnt_nothing_says_so(by_season):
    with pytest.raises(InputError, match="fit it first"):
        models_season.create("season", OutlookConfig()).predict(by_season.records, by_season.samples)


def test_logits_of_chances_come_back():
    chance = np.array([0.001, 0.3, 0.5, 0.97])
    np.testing.assert_allclose(expit(logit(chance)), chance)
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()
