"""What is left out in turn inside the training samples."""

import numpy as np
from tests.hazard import made_samples

from glaciercast.hazard import models_groups


def test_each_day_is_left_out_once_with_its_lake_and_once_with_its_year():
    samples = made_samples.made(12, 4).samples
    parts = models_groups.left_out(samples, 30, 3)
    for kind in ("lakes", "years"):
        np.testing.assert_array_equal(sum(part.test.astype(int) for part in parts if part.kind == kind), 1)
    for part in parts:
        assert not (part.train & part.test).any()


def test_lakes_left_out_are_nowhere_learnt_from():
    samples = made_samples.made(12, 4).samples
    for part in models_groups.left_out(samples, 30, 3):
        if part.kind == "lakes":
            assert not set(samples.lake[part.train]) & set(samples.lake[part.test])


def test_no_horizon_reaches_from_left_out_years_into_those_that_are_learnt_from():
    samples = made_samples.made(12, 4).samples
    for part in models_groups.left_out(samples, 30, 3):
        if part.kind == "years":
            apart = np.abs(samples.issue[part.train][:, None] - samples.issue[part.test][None, :]).min()
            assert apart >= np.timedelta64(30, "D")


def test_one_lake_is_left_out_by_years_and_one_year_not_at_all():
    one = made_samples.made(1, 5, rate=1.0).samples
    assert {part.kind for part in models_groups.left_out(one, 30, 3)} == {"years"}
    assert models_groups.left_out(one.take(one.years == 2012), 30, 3) == []


def test_days_of_a_lake_go_together_and_with_few_lakes_those_of_a_year():
    many, few = made_samples.made(12, 3).samples, made_samples.made(2, 3).samples
    assert np.unique(models_groups.clusters(many)).size == 12
    assert np.unique(models_groups.clusters(few)).size == 2 * np.unique(few.years).size
