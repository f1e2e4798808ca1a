"""An outlook of a day, from records that a simulation wrote: only what was available then, told with its age and its floods."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.hazard import features, issued, records
from glaciercast.hazard.features import FeatureConfig
from glaciercast.hazard.issued import IssueConfig
from glaciercast.simulate import outbursts

DAY = "2020-07-01"
SPARSE = {"every_days": 28}
QUICK = IssueConfig(horizons=(30,), features=SPARSE)


@pytest.fixture(scope="module")
def known():
    spec = outbursts.OutburstSpec(lakes=6, draining=1.0, first="2016-01-01", last="2020-12-31", seen={"images": 0})
    return records.make(outbursts.simulate(spec, 3).tables)


@pytest.fixture(scope="module")
def outlook(known):
    return issued.issue(known, DAY, settings=QUICK)


def test_it_tells_each_lake_the_chance_with_its_interval_beside_the_season(known, outlook):
    assert [lake["lake"] for lake in outlook["lakes"]] == list(known.lakes["lake"])
    for lake in outlook["lakes"]:
        (row,) = lake["outlook"]
        assert 0 <= row["low"] <= row["chance"] <= row["high"] <= 1
        assert row["season"] == outlook["lakes"][0]["outlook"][0]["season"]
        assert row["alert"] is None
    json.dumps(outlook, allow_nan=False)


def test_the_chance_varies_with_the_lake(outlook):
    assert np.ptp([lake["outlook"][0]["chance"] for lake in outlook["lakes"]]) > 0.02


def test_it_counts_the_floods_that_were_over(known, outlook):
    over = known.events[known.events["end"].fillna(known.events["latest"]) < DAY]
    assert outlook["floods"] == len(over)
    assert outlook["claims"][0].startswith(f"It rests on {len(over)} floods of {over['lake'].nunique()} lakes.")


def test_a_flood_counts_from_when_it_could_have_been_known(known):
    """Issued between the end of the newest flood and the day on which the catalogue heard of it, it does not count."""
    flood = known.events[known.events["end"] < "2020-09-01"].sort_values("end").iloc[-1]
    newest = known.events["event"] == flood["event"]
    late = flood["end"].normalize() + pd.Timedelta(50, unit="D")
    told = dataclasses.replace(known, events=known.events.assign(available_at=pd.Series(late, known.events.index).where(newest)))
    never = dataclasses.replace(known, events=known.events[~newest].reset_index(drop=True))
    before, after = (late - pd.Timedelta(1, unit="D"), late)
    found = {day: issued.issue(told, day, settings=QUICK) for day in (before, after)}
    assert found[before] == issued.issue(never, before, settings=QUICK)
    assert found[after]["floods"] == issued.issue(known, after, settings=QUICK)["floods"] == found[before]["floods"] + 1


def test_horizons_that_are_not_over_do_not_raise_the_base_rate(known):
    """Of the last 90 days it is known where a flood came, never where none will."""
    flood = known.events.sort_values("start").iloc[-1]
    day = (flood["end"] + pd.Timedelta(2, unit="D")).normalize()
    past = features.make(issued._by(known, day), None, FeatureConfig(every_days=7), (90,))
    late = past.issue > (day - pd.Timedelta(90, unit="D")).to_datetime64()
    assert late.any() and np.isnan(past.labels[90][late]).all()
    over = past.take(~late)
    assert not np.isnan(over.labels[90][over.lake == flood["lake"]]).all()
    found = issued.foretell(known.until(day), past, over.take(np.arange(3)), 90, IssueConfig(model="season", horizons=(90,)), day)
    assert found.base_rate == pytest.approx(np.nanmean(over.labels[90]))


def test_it_tells_how_old_its_records_are(known, outlook):
    lake = outlook["lakes"][0]
    areas = known.areas[(known.areas["lake"] == lake["lake"]) & (known.areas["available_at"] <= DAY)]
    age = (pd.Timestamp(DAY) - areas["time"].max()).total_seconds() / 86400
    assert lake["ages"]["areas"] == pytest.approx(age, abs=0.01)
    assert f"areas {age:.0f} days old" in lake["words"]


def noisy(known: records.Records, day: str) -> records.Records:
    """Return records with all that was not available on a day replaced by noise."""
    rng, at, tables = np.random.default_rng(9), pd.Timestamp(day), {}
    for name, columns in (("areas", ["area", "area_error", "seen"]), ("motion", ["vx", "vy", "v_error"]), ("temperature", ["lst_day"])):
        table = getattr(known, name).copy()
        later = table["available_at"] > at
        table.loc[later, columns] = rng.uniform(0.1, 1e6, (later.sum(), len(columns)))
        tables[name] = table
    events = known.events.copy()
    open_still = ~(events["end"].fillna(events["latest"]) < at)
    moved = pd.to_timedelta(rng.integers(1, 300, open_still.sum()), "D")
    for column in ("start", "earliest", "latest", "end"):
        events.loc[open_still, column] = at + moved
    lakes = known.lakes.assign(watched_to=known.lakes["watched_to"] + pd.Timedelta(days=400))
    return records.make({**tables, "events": events, "lakes": lakes})


@pytest.mark.parametrize(
    "model", ["logistic", pytest.param("boosted", marks=pytest.mark.slow), pytest.param("dates", marks=pytest.mark.slow)]
)
def test_noise_in_all_that_was_not_available_changes_no_bit(known, model):
    settings = IssueConfig(model=model, horizons=(30,), features=SPARSE, cost_ratio=0.1)
    assert issued.issue(known, DAY, settings=settings) == issued.issue(noisy(known, DAY), DAY, settings=settings)


def test_alerts_come_with_a_cost_ratio(known):
    found = issued.issue(known, DAY, settings=IssueConfig(model="area_rule", horizons=(30,), features=SPARSE, cost_ratio=0.05))
    for lake in found["lakes"]:
        assert lake["outlook"][0]["alert"] == (lake["outlook"][0]["chance"] >= 0.05)
    assert not any("cost ratio" in said for said in found["claims"])


def test_an_outlook_without_a_cost_ratio_says_why_it_has_no_alert(outlook):
    assert any(said.startswith("No alert: an alert needs a stated cost ratio") for said in outlook["claims"])


def test_a_model_that_reads_no_feature_says_so(known):
    found = issued.issue(known, DAY, settings=IssueConfig(model="season", horizons=(30,), features=SPARSE))
    assert any("reads no record of the lakes themselves" in said for said in found["claims"])
    assert len({lake["outlook"][0]["chance"] for lake in found["lakes"]}) == 1


def test_without_temperatures_the_outlook_neither_tells_nor_claims_them(known, outlook):
    cold = dataclasses.replace(known, temperature=known.temperature.iloc[:0])
    found = issued.issue(cold, DAY, settings=QUICK)
    assert (outlook["rests_on"], found["rests_on"]) == (["areas", "motion", "temperature"], ["areas", "motion"])
    assert found["not_seen"] == ["temperature"]
    assert "no temperature" in found["lakes"][0]["words"]
    with pytest.raises(InputError, match="can't be said to rest on temperature"):
        issued.issue(cold, DAY, settings=QUICK.model_copy(update={"require": ("temperature",)}))


def test_four_floods_are_told_to_be_too_few(known):
    few = dataclasses.replace(known, events=known.events[known.events["end"] < DAY].iloc[:4].reset_index(drop=True))
    found = issued.issue(few, DAY, settings=QUICK)
    assert "4 floods: too few for any claim of skill" in found["claims"][0]


@pytest.mark.parametrize(
    ("change", "day", "lakes", "message"),
    [
        ({}, "2015-06-01", (), "day of issue 2015-06-01 lies outside of the watch of the records: 2016-01-01 to 2020-12-31"),
        ({}, "2024-06-01", (), "lies outside of the watch"),
        ({}, "2020-06-31", (), "expected a date such as 2022-05-01"),
        ({}, "2020-06-01T12:00", (), "expected a date such as 2022-05-01"),
        ({}, "2016-01-05", (), "expected floods that were over before 2016-01-05 to learn from, found none"),
        ({}, DAY, ("Shisper",), "unknown lake 'Shisper'"),
        ({"model": "forest"}, DAY, (), "unknown model of the outlook 'forest'"),
        ({"cost_ratio": 3.0}, DAY, (), "cost ratio: expected"),
        ({"require": ("rain",)}, DAY, (), "unknown source 'rain'"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(known, change, day, lakes, message):
    with pytest.raises(InputError, match=message):
        issued.issue(known, day, lakes, QUICK.model_copy(update=change))


def test_floods_alone_without_a_quiet_day_are_refused(known):
    start = pd.date_range("2016-01-01", DAY, freq="10D")
    lake = known.lakes["lake"].iloc[0]
    events = pd.DataFrame({"event": start.astype(str), "lake": lake, "start": start, "earliest": start, "latest": start, "end": start})
    always = records.make({"lakes": known.lakes.iloc[:1], "events": events})
    with pytest.raises(InputError, match="expected days without a flood before 2020-07-01 to learn from, found none"):
        issued.issue(always, DAY, settings=QUICK)
