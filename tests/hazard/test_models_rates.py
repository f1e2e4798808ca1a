"""The base rate by value."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import beta
from tests.hazard import made_samples

from glaciercast.errors import InputError
from glaciercast.hazard import models_rates
from glaciercast.hazard.models_base import OutlookConfig


def test_the_base_rate_is_the_share_of_days_with_a_flood_ahead():
    made = made_samples.made(6, 4)
    model = models_rates.create("base_rate", OutlookConfig())
    model.fit(made.records, made.samples, 30)
    found = model.predict(made.records, made.samples)
    np.testing.assert_array_equal(found.chance, made.samples.labels[30].mean())


def test_its_interval_counts_floods_not_days():
    samples = made_samples.made(6, 4).samples
    label, floods = np.zeros(len(samples)), np.full(len(samples), "", object)
    label[:40], floods[:40] = 1, np.repeat([f"f{number}" for number in range(10)], 4)  # ten floods, four days of issue before each
    samples = dataclasses.replace(samples, labels={30: label}, floods={30: floods})
    mean, low, high = models_rates.rate(samples, 30, 0.95)
    days = len(samples) / 4
    assert mean == 40 / len(samples)
    assert (low, high) == pytest.approx((beta.ppf(0.025, 10.5, days - 9.5), beta.ppf(0.975, 10.5, days - 9.5)))


def test_days_of_unknown_outcome_alone_are_refused():
    samples = made_samples.made(2, 2).samples
    empty = dataclasses.replace(samples, labels={30: np.full(len(samples), np.nan)})
    with pytest.raises(InputError, match="base rate of 30 days needs days of issue whose outcome is known"):
        models_rates.rate(empty, 30, 0.95)
