"""Boosted trees: monotone where physics says so, and the same on every machine."""

import dataclasses

import numpy as np
import pytest
from tests.hazard import made_samples

from glaciercast.hazard import models


@pytest.fixture(scope="module")
def fitted():
    made = made_samples.made(14, 5)
    model = models.create("boosted")
    model.fit(made.records, made.samples, 30)
    return made, model


def test_a_fuller_lake_is_never_safer(fitted):
    made, model = fitted
    share = np.linspace(-3, 3, 50)
    samples = made.samples.take(np.full(50, 10))
    samples = dataclasses.replace(samples, values=np.column_stack([share, np.zeros(50)]))
    chance = model.predict(made.records, samples).chance
    assert (np.diff(chance) >= -1e-12).all()
    assert chance[-1] > 2 * chance[0]


def test_one_candidate_is_the_same_alone_as_among_all(fitted):
    made, model = fitted
    season, every = model.whole.logits(made.records, made.samples)
    for number in range(len(every)):
        np.testing.assert_allclose(model.whole.logits(made.records, made.samples, number)[1][0], every[number], atol=1e-9)
    assert np.isfinite(season).all()


def test_missing_features_are_no_error(fitted):
    made, model = fitted
    blind = dataclasses.replace(made.samples, values=np.full_like(made.samples.values, np.nan))
    assert np.isfinite(model.predict(made.records, blind).chance).all()


@pytest.mark.slow
def test_balanced_weights_are_corrected_back():
    made = made_samples.made(10, 5)
    model = models.create("boosted", models.OutlookConfig(class_weights="balanced"))
    model.fit(made.records, made.samples, 30)
    assert model.predict(made.records, made.samples).chance.mean() == pytest.approx(made.samples.labels[30].mean(), rel=0.2)
