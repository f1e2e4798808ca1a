"""Verification: what it claims is true of lakes whose chances are known, and it never looks ahead."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tests.hazard import made_outlooks
from tests.hazard.made_outlooks import EMBARGO, HORIZON

from glaciercast import progress
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.evaluate import cells
from glaciercast.hazard import features, folds, records, verify, verify_cells, verify_scores, windows
from glaciercast.hazard.features_config import FeatureConfig
from glaciercast.hazard.pairs import Pairs
from glaciercast.hazard.samples import Chances
from glaciercast.hazard.verify_cells import Cell


@pytest.fixture(scope="module")
def lakes():
    return made_outlooks.made(lakes=12, years=6, seed=1)


def checked(lakes, models=("constant", "fitted"), protocol="lake", **others):
    return verify.run(
        lakes.records, models, [HORIZON], protocol, others.pop("settings", verify.VerifyConfig(cost_ratio=0.1)),
        samples=lakes.samples, truth=lakes.truth, embargo=EMBARGO, create=made_outlooks.create, **others,
    )  # fmt: skip


def cell_of(result, model, protocol="lake"):
    return next(cell for cell in result["cells"] if (cell["model"], cell["protocol"]) == (model, protocol))


@pytest.fixture(scope="module")
def verified(lakes):
    return checked(lakes, protocol=("lake", "event", "forward"))


def test_the_result_is_plain_json_with_floods_beside_every_cell(verified):
    result = json.loads(json.dumps(verified.result, allow_nan=False))
    assert [(cell["protocol"], cell["model"]) for cell in result["cells"]] == [
        (protocol, model) for protocol in ("lake", "event", "forward") for model in ("season", "constant", "fitted")
    ]
    for cell in result["cells"]:
        assert cell["floods"] >= 8
        assert f"{cell['floods']} floods" in cell["claim"]
        assert f"{cell['floods']} floods" in cell["interval_note"]


def test_a_model_that_reads_the_lake_has_the_skill_that_there_is(verified):
    known = cell_of(verified.result, "fitted")["known"]
    assert known["share"]["value"] > 0.5
    assert known["skill_oracle"]["value"] > known["skill"]["value"]
    assert 0.8 < known["slope"]["value"] < 1.2
    assert known["skill"]["interval"][0] > 0
    assert cell_of(verified.result, "fitted")["claim"].endswith("better than the seasonal base rate.")


def test_a_constant_risk_claims_nothing(verified):
    for protocol in ("lake", "event", "forward"):
        cell = cell_of(verified.result, "constant", protocol)
        assert cell["skill"]["value"] < 0
        assert "better than" not in cell["claim"]
        if protocol == "forward":  # one base rate a fold
            assert cell["parts"]["resolution"] < 0.01
    lone = verified.pairs[Cell("constant", "lake", HORIZON)]
    assert np.ptp(lone.chance) < 0.05


def test_the_season_is_measured_against_itself(verified):
    cell = cell_of(verified.result, "season")
    assert cell["skill"]["value"] == 0
    assert cell["claim"].startswith("The seasonal base rate is what skill is measured against")
    assert cell["brier"] == cell["brier_season"]


def test_horizons_that_the_watch_does_not_hold_are_neither_learnt_from_nor_tested():
    """Of the last 90 days only horizons with a flood could ever count: 78 days more than the 12 whose horizons are over."""
    watch = {"watched_from": "2001-01-01", "watched_to": "2004-12-31"}
    table = pd.DataFrame([{"lake": lake, "lon": 74, "lat": 36, "dam": "ice", **watch} for lake in "ab"])
    days = [("a", "2002-07-01"), ("a", "2004-12-20"), ("b", "2003-07-01")]
    floods = pd.DataFrame([{"event": day, "lake": lake, "start": day, "earliest": day, "latest": day} for lake, day in days])
    held = records.make({"lakes": table, "events": floods})
    samples = features.make(held, settings=FeatureConfig(every_days=1), horizons=(90,))
    within = samples.issue <= np.datetime64("2004-10-03")  # the last horizon that ends with the watch
    split = folds.split("lake", samples, 90, 200)
    for fold in split.folds:
        assert (fold.train | fold.test).sum() == within.sum()
        assert not (fold.train | fold.test)[~within].any()
        assert (samples.floods[90][fold.train | fold.test] == "2004-12-20").sum() == 12
    base_rate = verify_cells.foretell(Cell("constant", "lake", 90), held, samples, split, made_outlooks.create).chance
    learnt = within & (samples.lake == "a")
    assert base_rate[within & (samples.lake == "b")] == pytest.approx((90 + 12) / learnt.sum())


def test_floods_of_the_season_alone_give_no_skill():
    found = [checked(made_outlooks.made(lakes=12, years=8, by_lake=False, seed=seed)).result for seed in (0, 1)]
    for result in found:
        cell = cell_of(result, "fitted")
        assert abs(cell["known"]["skill"]["value"]) < 0.02
        assert "better than" not in cell["claim"]


def test_labels_shuffled_within_the_season_give_no_skill(lakes):
    """Floods change places among lakes and years, on their days of the year."""
    samples, rng = lakes.samples, np.random.default_rng(0)
    label = samples.labels[HORIZON].copy()
    key = list(zip(samples.lake, samples.years, strict=True))
    rows = {name: np.flatnonzero([each == name for each in key]) for name in sorted(set(key))}
    order = rng.permutation(len(rows))
    flood = samples.floods[HORIZON].copy()
    for target, source in zip(rows.values(), np.array(list(rows), dtype=object)[order], strict=True):
        label[target] = samples.labels[HORIZON][rows[tuple(source)]]
        flood[target] = samples.floods[HORIZON][rows[tuple(source)]]
    moved = made_outlooks.Made(lakes.records, _with(samples, label, flood), None)
    cell = cell_of(checked(moved).result, "fitted")
    assert cell["skill"]["value"] < 0.02
    assert "better than" not in cell["claim"]
    assert cell["known"] is None


def _with(samples, label, flood):
    from dataclasses import replace

    return replace(samples, labels={HORIZON: label}, floods={HORIZON: flood})


def test_four_floods_at_one_lake_give_a_sentence_and_no_interval():
    shisper = made_outlooks.made(lakes=1, years=6, by_lake=False, seed=3, rate=0.7)
    assert len(shisper.samples.events) == 4
    for cell in checked(shisper, protocol="event").result["cells"]:
        assert cell["skill"]["interval"] is None
        assert cell["interval_note"].startswith("No interval is given: the figures rest on 4 floods")
        if cell["model"] != "season":
            assert cell["claim"].startswith("4 floods: too few for any claim of skill")


def test_what_a_model_is_asked_holds_no_outcome(lakes):
    seen = []

    class Peeking(made_outlooks.Monthly):
        def predict(self, records, samples):
            seen.append((np.isnan(samples.labels[HORIZON]).all(), (samples.floods[HORIZON] == "").all(), set(samples.lake), samples.events))
            return super().predict(records, samples)

    split = folds.split("lake", lakes.samples, HORIZON, EMBARGO[HORIZON])
    verify_cells.foretell(Cell("peeking", "lake", HORIZON), lakes.records, lakes.samples, split, lambda name: Peeking())
    assert len(seen) == 12
    for no_label, no_flood, names, events in seen:
        assert no_label
        assert no_flood
        assert not names & set(events["lake"])


def test_corrupting_a_tested_lakes_outcomes_leaves_its_chances_as_they_are(lakes):
    label = lakes.samples.labels[HORIZON].copy()
    own = lakes.samples.lake == "lake 03"
    label[own] = 1 - label[own]
    changed = _with(lakes.samples, label, lakes.samples.floods[HORIZON])
    cell, found = Cell("fitted", "lake", HORIZON), []
    for samples in (lakes.samples, changed):
        split = folds.split("lake", samples, HORIZON, EMBARGO[HORIZON])
        found.append(verify_cells.foretell(cell, lakes.records, samples, split, made_outlooks.create).chance[own])
    np.testing.assert_array_equal(*found)


def test_a_model_may_not_choose_what_it_is_scored_on(lakes):
    class Silent(made_outlooks.Constant):
        def predict(self, records, samples):
            nothing = np.full(len(samples), np.nan)
            return Chances(nothing, nothing, nothing)

    split = folds.split("lake", lakes.samples, HORIZON, EMBARGO[HORIZON])
    with pytest.raises(GlaciercastError, match="fold lake 00: expected chances within 0 and 1, found nan"):
        verify_cells.foretell(Cell("silent", "lake", HORIZON), lakes.records, lakes.samples, split, lambda name: Silent())


@pytest.fixture(scope="module")
def few():
    return made_outlooks.made(lakes=3, years=4, seed=1)


def counting(lakes, keep, capsys, **others):
    """Return the result of a run that keeps its cells, the models that it fitted, and what it told."""
    made = []

    def counted(name):
        made.append(name)
        return made_outlooks.create(name)

    settings = others.pop("settings", verify.VerifyConfig(cost_ratio=0.1))
    samples = others.pop("samples", lakes.samples)
    progress.show(True)
    try:
        found = verify.run(
            lakes.records, ["constant"], [HORIZON], "lake", settings, samples=samples, truth=lakes.truth, embargo=EMBARGO, create=counted,
            keep=keep, **others,
        )  # fmt: skip
    finally:
        progress.show(False)
    return found.result, set(made), [line for line in capsys.readouterr().err.splitlines() if "kept cell" in line]


def test_a_run_that_was_stopped_goes_on_from_what_it_kept(few, tmp_path, capsys):
    first, made, told = counting(few, tmp_path, capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lake-30-constant.npz", "lake-30-season.npz"]
    assert (made, told) == ({"season", "constant"}, [])
    (tmp_path / "lake-30-constant.npz").write_bytes(b"cut short")
    again, made, told = counting(few, tmp_path, capsys)
    assert made == {"constant"}
    assert told == [f"{tmp_path}: 1 kept cell is of other code, settings or tables, or cut short, and made anew"]
    assert again == first
    other_alerts = verify.VerifyConfig(cost_ratio=0.2)  # a matter of scores: chances stay as they are
    assert counting(few, tmp_path, capsys, settings=other_alerts)[1:] == (set(), [])


def test_cells_of_other_code_settings_or_samples_are_not_mixed_in(few, tmp_path, capsys, monkeypatch):
    counting(few, tmp_path, capsys)
    both = f"{tmp_path}: 2 kept cells are of other code, settings or tables, or cut short, and made anew"
    assert counting(few, tmp_path, capsys, settings=verify.VerifyConfig(seed=1))[1:] == ({"season", "constant"}, [both])
    label = few.samples.labels[HORIZON].copy()
    label[np.flatnonzero(label == 0)[0]] = np.nan
    changed = _with(few.samples, label, few.samples.floods[HORIZON])
    assert counting(few, tmp_path, capsys, samples=changed)[1:] == ({"season", "constant"}, [both])
    assert counting(few, tmp_path, capsys, samples=changed)[1:] == (set(), [])
    monkeypatch.setattr(cells, "code_identity", lambda: "1.0.0+another")
    assert counting(few, tmp_path, capsys, samples=changed)[1:] == ({"season", "constant"}, [both])


def test_without_a_cost_ratio_no_alert_is_scored(lakes):
    result = checked(lakes, settings=verify.VerifyConfig()).result
    assert result["alerts_note"].startswith("No alerts are scored: they need a stated cost ratio")
    assert all(cell["alerts"] is None for cell in result["cells"])


def test_alerts_count_floods_and_lead_times_stay_within_the_horizon(verified):
    alerts = cell_of(verified.result, "fitted")["alerts"]
    assert alerts["hits"] + alerts["misses"] == cell_of(verified.result, "fitted")["floods"]
    assert all(0 <= lead < HORIZON for lead in alerts["lead_days"].values())
    assert alerts["alarms"] >= alerts["false_alarms"]
    fixed = cell_of(verified.result, "fitted")["fixed_hit_rate"]
    assert fixed["hit_rate"]["value"] >= 0.8
    assert fixed["false_per_lake_year"] < cell_of(verified.result, "constant")["fixed_hit_rate"]["false_per_lake_year"]


def test_folds_without_a_flood_to_learn_from_are_told(verified):
    forward = cell_of(verified.result, "fitted", "forward")
    assert forward["folds_left_out"][0] == "2001"
    assert forward["folds"] + len(forward["folds_left_out"]) == 6


def test_the_embargo_grows_with_how_far_a_network_looks_back(lakes):
    settings = verify.VerifyConfig()
    plain = verify.embargo_days(lakes.records, [7, 30], settings, ["logistic"])
    assert plain[30] - plain[7] == 23
    assert plain[7] == settings.features.window + 7 + settings.features.longest_pair  # no latency without records
    beyond = verify.embargo_days(lakes.records, [7], settings, ["season", "network_series"])[7] - plain[7]
    assert beyond == windows.reach() - settings.features.window


def test_records_that_give_nothing_to_score_are_refused():
    lone = made_outlooks.made(lakes=1, years=3, by_lake=False, seed=4, rate=0.3)
    assert len(lone.samples.events) == 1
    with pytest.raises(InputError, match=r"no fold has a flood both to learn from .* found 1 event in the records"):
        checked(lone, protocol="lake")
    with pytest.raises(InputError, match="at least one model, found none"):
        checked(lone, models=())
    with pytest.raises(InputError, match="protocol"):
        checked(lone, protocol="random")


def test_intervals_hold_the_figure_and_rest_on_lake_years_not_samples(verified):
    pairs = verified.pairs[Cell("fitted", "lake", HORIZON)]
    unit, clusters = pairs.units()
    assert clusters.glaciers == 12
    assert np.unique(unit).size == 72
    cell = cell_of(verified.result, "fitted")
    low, high = cell["skill"]["interval"]
    assert low < cell["skill"]["value"] < high
    doubled = Pairs(
        HORIZON, *(np.repeat(getattr(pairs, key), 2) for key in ("lake", "issue", "chance", "label", "season", "flood", "truth"))
    )  # fmt: skip
    split = folds.Split([], ())
    again = verify_scores.scored(Cell("fitted", "lake", HORIZON), doubled, split, verified_events(verified), 0.1, 0.8)
    assert again["skill"]["interval"] == pytest.approx([low, high])


def verified_events(verified):
    return made_outlooks.made(lakes=12, years=6, seed=1).samples.events
