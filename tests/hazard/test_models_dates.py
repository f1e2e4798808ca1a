"""Date climatology: past floods alone, and only those that were over."""

import numpy as np
import pandas as pd
import pytest
from tests.hazard import made_samples

from glaciercast.hazard import models_dates
from glaciercast.hazard.models_base import expit, logit

SHISPER = ["2019-06-22", "2020-05-29", "2021-05-15", "2022-05-07"]


def floods(dates: list[str], lake: str = "lake 00") -> pd.DataFrame:
    start = pd.to_datetime(dates).astype("datetime64[ns]")
    return pd.DataFrame({"event": dates, "lake": lake, "start": start, "earliest": start, "latest": start, "end": start})


def test_a_date_in_the_middle_of_the_horizon_counts_one():
    issue = np.array(["2022-05-14"], "datetime64[ns]")
    assert models_dates.within(floods(["2021-05-29"]), issue, 30, 2.0) == pytest.approx([1.0], abs=1e-6)
    assert models_dates.within(floods(["2021-05-29"]), issue, 15, 2.0) == pytest.approx([0.5], abs=0.1)  # the date at its last day


def test_dates_go_round_the_year():
    issue = np.array(["2022-12-28"], "datetime64[ns]")
    assert models_dates.within(floods(["2021-01-05"]), issue, 30, 2.0) == pytest.approx([1.0], abs=1e-3)
    assert models_dates.within(floods(["2021-12-20"]), issue, 7, 2.0) == pytest.approx([0.0], abs=1e-3)


def test_a_flood_that_is_not_over_does_not_count():
    for issue, counted in (("2022-05-07", 3), ("2022-05-08", 4)):
        whole_year = models_dates.within(floods(SHISPER), np.array([issue], "datetime64[ns]"), 365, 1e-3)
        assert whole_year[0] == pytest.approx(counted, abs=0.02)


def test_a_flood_of_which_nobody_could_have_known_does_not_count():
    late = floods(SHISPER).assign(available_at=pd.to_datetime([None, None, None, "2022-06-20"]))
    for issue, counted in (("2022-05-08", 3), ("2022-06-19", 3), ("2022-06-20", 4)):
        whole_year = models_dates.within(late, np.array([issue], "datetime64[ns]"), 365, 1e-3)
        assert whole_year[0] == pytest.approx(counted, abs=0.02)


def test_the_rate_is_shared_between_the_lakes_past_and_the_season():
    made = made_samples.made(2, 4)
    samples = made.samples.take((made.samples.lake == "lake 00") & (made.samples.issue == np.datetime64("2012-05-18")))
    score = models_dates.DatesScore(floods(["2010-06-01", "2011-06-02"]), frozenset(["lake 00"]), 30)
    season = logit(np.array([0.1]))
    (found,) = expit(score(made.records, made.samples.take([0]), season, only=0))  # the first day of the watch: no past, no years
    assert found[0] == pytest.approx(0.1)
    if len(samples):
        assert expit(score(made.records, samples, season, only=0))[0] > 0.1


def test_of_a_lake_that_was_not_learnt_from_the_season_is_told():
    made = made_samples.made(2, 4)
    season = logit(np.linspace(0.01, 0.3, len(made.samples)))
    score = models_dates.DatesScore(made.records.events, frozenset(), 30)
    for found in score(made.records, made.samples, season):
        np.testing.assert_allclose(found, season)


def test_later_floods_change_nothing():
    made = made_samples.made(3, 6, rate=1.0)
    samples = made.samples.take(made.samples.issue < np.datetime64("2013-01-01"))
    season, lakes = np.full(len(samples), -2.0), frozenset(samples.lake)
    events = made.records.events
    known = events[events["end"] < "2013-01-01"]
    both = [models_dates.DatesScore(each, lakes, 30)(made.records, samples, season) for each in (events, known)]
    np.testing.assert_array_equal(*both)
