"""Logistic regression of floods: standardising, what is missing, and weights that are corrected back."""

import dataclasses

import numpy as np
import pytest
from tests.hazard import made_samples

from glaciercast.hazard import models
from glaciercast.hazard.models_base import expit
from glaciercast.hazard.models_logistic import FREE, Standard, heavier


def test_columns_are_standardised_with_the_training_samples_and_told_where_missing():
    train = np.array([[0.0, 7.0], [2.0, 7.0], [4.0, 7.0], [np.nan, 7.0]])
    standard = Standard.of(train)
    columns = standard.columns(np.array([[2.0, 9.0], [np.nan, 9.0], [100.0, 9.0]]), np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(columns[:, 0], FREE * np.array([0.1, 0.2, 0.3]))
    np.testing.assert_allclose(columns[:, 1], [0, 0, 4])  # the median; missing: the median; far away: the limit
    np.testing.assert_allclose(columns[:, 2], 0)  # a constant tells nothing
    np.testing.assert_allclose(columns[:, -1], [0, 1, 0])


def test_class_weights_are_the_ratio_of_both():
    label = np.array([1.0, 0, 0, 0])
    assert (heavier(label, "balanced"), heavier(label, "none")) == (3, 1)


def test_balanced_weights_are_corrected_back_to_the_chance_itself():
    made = made_samples.made(16, 5)
    found = []
    for weights in ("none", "balanced"):
        model = models.create("logistic", models.OutlookConfig(class_weights=weights))
        model.fit(made.records, made.samples, 30)
        found.append(model.predict(made.records, made.samples).chance)
    assert found[1].mean() == pytest.approx(made.truth.mean(), rel=0.15)
    assert np.corrcoef(found[0], found[1])[0, 1] > 0.98


def test_a_lake_that_was_never_seen_is_no_error():
    made = made_samples.made(6, 4)
    model = models.create("logistic")
    model.fit(made.records, made.samples, 30)
    blind = dataclasses.replace(made.samples, values=np.full_like(made.samples.values, np.nan))
    assert np.isfinite(model.predict(made.records, blind).chance).all()


def test_scaling_a_feature_changes_nothing():
    made = made_samples.made(6, 4)
    scaled = dataclasses.replace(made.samples, values=made.samples.values * 1e6 + 3e5)
    chances = []
    for samples in (made.samples, scaled):
        model = models.create("logistic")
        model.fit(made.records, samples, 30)
        chances.append(model.predict(made.records, samples).chance)
    np.testing.assert_allclose(*chances, rtol=1e-4)
    assert expit(np.zeros(1)) == 0.5
