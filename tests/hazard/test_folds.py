"""Folds: what is tested is never touched by what is learnt from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glaciercast.errors import InputError
from glaciercast.hazard import folds
from glaciercast.hazard.samples import Samples

DAY = np.timedelta64(1, "D")
HORIZON, EMBARGO = 30, 75
BACK = EMBARGO - HORIZON
"""Days that features look back."""


def made(lakes: dict[str, list[str]], first: str = "2001-01-01", last: str = "2006-12-31", step: int = 5) -> Samples:
    """Return samples of lakes with floods on given days; a flood's own day has no sample."""
    issues = np.arange(first, last, step, dtype="datetime64[D]")
    lake, issue, label, flood, events = [], [], [], [], []
    for name, dates in lakes.items():
        starts = {f"{name} {date}": np.datetime64(date) for date in dates}
        for day in issues[~np.isin(issues, list(starts.values()))]:
            within = [event for event, start in starts.items() if day <= start < day + HORIZON * DAY]
            lake.append(name), issue.append(day), label.append(float(bool(within))), flood.append(within[0] if within else "")
        for event, start in starts.items():
            events.append({"event": event, "lake": name, "start": start, "earliest": start, "latest": start, "end": start})
    table = pd.DataFrame(events, columns=["event", "lake", "start", "earliest", "latest", "end"])
    for column in ("start", "earliest", "latest", "end"):
        table[column] = pd.to_datetime(table[column]).astype("datetime64[ns]")
    empty = np.zeros((len(issue), 0))
    return Samples(
        np.array(lake, object), np.array(issue, "datetime64[ns]"), empty, empty, (), {HORIZON: np.array(label)},
        {HORIZON: np.array(flood, object)}, table,
    )  # fmt: skip


def floods(lake_seed: int) -> list[str]:
    """Return seeded dates of floods of a lake, some years without."""
    rng = np.random.default_rng(lake_seed)
    return [f"{year}-{rng.integers(5, 9):02d}-{rng.integers(1, 28):02d}" for year in range(2001, 2007) if rng.random() < 0.6]


def touches(samples: Samples, fold: folds.Fold) -> bool:
    """Tell whether features or outcome of a training sample share a day with the outcome of a tested one of its lake."""
    day = samples.issue.astype("datetime64[D]").astype("int64")
    for lake in set(samples.lake[fold.test]):
        train, test = (day[part & (samples.lake == lake)] for part in (fold.train, fold.test))
        shares = (train[:, None] - BACK < test[None] + HORIZON) & (test[None] < train[:, None] + HORIZON)
        if shares.any():
            return True
    return False


@given(seeds=st.lists(st.integers(0, 500), min_size=1, max_size=4, unique=True), protocol=st.sampled_from(sorted(folds.PROTOCOLS)))
@settings(max_examples=25, deadline=None)
def test_no_day_is_both_learnt_from_and_tested(seeds, protocol):
    samples = made({f"lake {seed}": floods(seed) for seed in seeds}, step=9)
    for fold in folds.split(protocol, samples, HORIZON, EMBARGO).folds:
        assert fold.test.any()
        assert not (fold.train & fold.test).any()
        assert not touches(samples, fold)
        assert (samples.labels[HORIZON][fold.train] == 1).any()
        tested = set(samples.floods[HORIZON][fold.test & (samples.labels[HORIZON] == 1)])
        assert not tested & set(fold.events["event"])
        assert not tested & set(samples.floods[HORIZON][fold.train])


@given(seeds=st.lists(st.integers(0, 500), min_size=1, max_size=3, unique=True))
@settings(max_examples=15, deadline=None)
def test_forward_knows_nothing_from_less_than_an_embargo_before_its_first_issue(seeds):
    samples = made({f"lake {seed}": floods(seed) for seed in seeds}, step=9)
    for fold in folds.forward(samples, HORIZON, EMBARGO):
        cut = samples.issue[fold.test].min() - EMBARGO * DAY
        assert (samples.issue[fold.train] + HORIZON * DAY).max() <= cut
        assert (fold.events["end"] < pd.Timestamp(cut)).all()


def test_forward_knows_a_flood_only_once_it_could_have_been_known():
    """The flood of 2002 was told of on 1 June 2003: the fold of 2003, fitted in October 2002, takes its days for quiet ones."""
    samples = made({"a": ["2001-07-05", "2002-06-01"], "b": ["2001-06-20", "2002-06-25"]}, first="2001-01-02")
    told = {"a 2002-06-01": "2003-06-01", "b 2002-06-25": "2002-08-01"}
    samples.events["available_at"] = pd.to_datetime(samples.events["event"].map(told))
    by_year = {fold.name: fold for fold in folds.split("forward", samples, HORIZON, EMBARGO).folds}
    assert sorted(by_year["2003"].events["event"]) == ["a 2001-07-05", "b 2001-06-20", "b 2002-06-25"]
    learnt = {year: folds.learnt(samples, fold, HORIZON) for year, fold in by_year.items()}
    counts = {year: pd.Series(found.floods[HORIZON]).value_counts().drop("").to_dict() for year, found in learnt.items()}
    assert counts["2003"] == {"a 2001-07-05": 6, "b 2001-06-20": 6, "b 2002-06-25": 6}
    assert counts["2004"] == counts["2003"] | {"a 2002-06-01": 5}  # of its own day there is no sample
    assert len(learnt["2003"]) == by_year["2003"].train.sum()
    assert learnt["2003"].labels[HORIZON].sum() == 18


def test_where_two_floods_lie_in_a_horizon_the_one_that_was_known_labels_it():
    samples = made({"a": ["2002-06-01", "2002-06-16"]}, last="2003-12-31")
    samples.events["available_at"] = pd.to_datetime(["2004-06-01", "NaT"])
    fold = next(fold for fold in folds.forward(samples, HORIZON, EMBARGO) if fold.name == "2003")
    found = folds.learnt(samples, fold, HORIZON)
    assert set(found.floods[HORIZON]) == {"", "a 2002-06-16"}
    assert found.labels[HORIZON].sum() == ((found.issue > np.datetime64("2002-05-17")) & (found.issue <= np.datetime64("2002-06-16"))).sum()


@pytest.mark.parametrize("protocol", sorted(folds.PROTOCOLS))
def test_each_known_sample_is_tested_once_or_in_no_fold_at_all(protocol):
    samples = made({"a": ["2002-07-01", "2004-07-05"], "b": ["2003-06-20"], "c": []})
    found = folds.split(protocol, samples, HORIZON, EMBARGO)
    assert np.sum([fold.test for fold in found.folds], axis=0).max() == 1
    if protocol != "forward":
        assert np.sum([fold.test for fold in found.folds], axis=0).min() == 1
        assert found.left_out == ()


def test_an_event_fold_holds_the_whole_season_of_its_lake_and_leaves_other_lakes_alone():
    samples = made({"a": ["2002-07-01", "2004-07-05"], "b": ["2003-06-20"]})
    fold = next(fold for fold in folds.leave_one_event_out(samples, HORIZON, EMBARGO) if fold.name == "a 2002")
    own, year = samples.lake == "a", folds.seasons(samples)
    assert (fold.test[own] == (year[own] == 2002)).all()
    assert sorted(fold.events["event"]) == ["a 2004-07-05", "b 2003-06-20"]
    quiet = fold.test & ~own  # seasons of b without a flood, dealt to this fold
    assert set(zip(samples.lake[quiet], year[quiet], strict=True)) <= {("b", number) for number in (2001, 2002, 2004, 2005, 2006)}
    assert fold.train[(samples.lake == "b") & (year == 2003)].mean() > 0.5


def test_one_lake_alone_has_folds_of_its_quiet_seasons():
    samples = made({"a": ["2002-07-01", "2004-07-05"]})
    assert [fold.name for fold in folds.leave_one_event_out(samples, HORIZON, EMBARGO)] == [
        f"a {year}" for year in (2002, 2004, 2001, 2003, 2005, 2006)
    ]


def test_a_lake_left_out_is_not_known_by_its_floods_either():
    samples = made({"a": ["2002-07-01", "2004-07-05"], "b": ["2003-06-20"]})
    fold = folds.leave_one_lake_out(samples, HORIZON, EMBARGO)[0]
    assert fold.name == "a"
    assert set(samples.lake[fold.train]) == {"b"}
    assert list(fold.events["lake"]) == ["b"]


def test_lakes_left_out_in_groups_are_each_tested_once_with_no_lake_on_both_sides():
    samples = made({f"lake {number}": ["2002-07-01", "2004-07-05"] for number in range(8)})
    found = folds.leave_lakes_out(samples, HORIZON, EMBARGO)
    assert [fold.name for fold in found] == ["lake 0, lake 6", "lake 1, lake 7", "lake 2", "lake 3", "lake 4", "lake 5"]
    for fold in found:
        assert not set(samples.lake[fold.train]) & set(samples.lake[fold.test])
        assert not set(fold.events["lake"]) & set(samples.lake[fold.test])


def test_folds_without_a_flood_to_learn_from_are_named():
    samples = made({"a": ["2002-07-01"], "b": []})
    assert folds.split("lake", samples, HORIZON, EMBARGO).left_out == ("a",)
    assert folds.split("forward", samples, HORIZON, EMBARGO).left_out == ("2001", "2002")
    assert [fold.name for fold in folds.forward(samples, HORIZON, EMBARGO)] == ["2003", "2004", "2005", "2006"]


def test_unknown_outcomes_are_neither_learnt_from_nor_tested():
    samples = made({"a": ["2002-07-01", "2004-07-05"], "b": ["2003-06-20"]})
    samples.labels[HORIZON][::3] = np.nan
    for protocol in folds.PROTOCOLS:
        for fold in folds.split(protocol, samples, HORIZON, EMBARGO).folds:
            assert not np.isnan(samples.labels[HORIZON][fold.train | fold.test]).any()


def test_seasons_of_floods_at_the_turn_of_the_year_stay_whole():
    andes = made({"a": ["2002-12-28", "2004-01-04", "2004-12-30"]})
    year = folds.seasons(andes)
    for start in andes.events["start"]:
        near = np.abs(andes.issue - start.to_datetime64()) < 100 * DAY
        assert len(set(year[near])) == 1
    assert (folds.seasons(made({"a": []})) == made({"a": []}).years).all()


def test_folds_refuse_an_embargo_below_the_horizon_and_unknown_protocols():
    samples = made({"a": ["2002-07-01"]})
    with pytest.raises(InputError, match="at least the horizon of 30 days, found 7"):
        folds.split("lake", samples, HORIZON, 7)
    with pytest.raises(InputError, match="protocol"):
        folds.split("random", samples, HORIZON, EMBARGO)
