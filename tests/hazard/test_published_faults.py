"""Faults of published work, each with a test that would find it here again; docs/science/published-faults.md is their table."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import numpy as np
import pandas as pd
import pytest
from tests.conftest import ROOT
from tests.hazard import made_outlooks

from glaciercast.hazard import features, features_motion, features_temperature, models, records, scores, verify, windows
from glaciercast.hazard.pairs import Pairs
from glaciercast.hazard.samples import Chances
from glaciercast.hazard.warned import warned
from glaciercast.simulate import outbursts

PAGE = ROOT / "docs" / "science" / "published-faults.md"
FAULTS = (
    *("alert after the event", "constant risk", "swapped coordinates", "temperature model without temperature", "windows across pixels"),
    *("disjoint footprints", "augmentation before the split", "speed averaged instead of components", "leaky random split"),
    *("no baselines", "optical flow of zero", "seams"),
    *("look-ahead", "fitted on everything", "floods without quiet days", "skill of a handful of floods"),
)
HORIZON = 30
SPEC = outbursts.OutburstSpec(
    lakes=3, draining=1.0, first=dt.date(2018, 1, 1), last=dt.date(2021, 12, 31), seen=outbursts.SeenSpec(images=0)
)
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def valleys():
    """Return records of four simulated lakes that fill and drain."""
    return records.make(outbursts.simulate(SPEC, 5).tables)


@pytest.fixture(scope="module")
def samples(valleys):
    """Return their samples."""
    return features.make(valleys, horizons=(HORIZON,)).known(HORIZON)


def named():
    """Return fault, file and test of each row of the page's table of tests."""
    return re.findall(r"^\| ([^|]+) \| `(tests/[\w/]+\.py)::(\w+)` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def pairs_of(samples, chance):
    """Return pairs of chances and outcomes."""
    season = np.full(len(samples), samples.labels[HORIZON].mean())
    return Pairs(HORIZON, samples.lake, samples.issue, chance, samples.labels[HORIZON], season, samples.floods[HORIZON])


def test_every_fault_is_told_and_has_a_test():
    text = PAGE.read_text(encoding="utf-8")
    assert {fault for fault, *_ in named()} == set(FAULTS)
    assert len(named()) == text.count("::"), "a row of another form would not be read"
    for fault in FAULTS:
        assert len(re.findall(rf"^\| {fault} \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)) == 1


@pytest.mark.parametrize(("fault", "file", "name"), named())
def test_every_test_that_the_page_names_is_there(fault, file, name):
    assert (ROOT / file).is_file(), fault
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), fault


def test_alerts_once_a_lake_has_emptied_warn_of_nothing(valleys, samples):
    floods = valleys.events[valleys.events["event"].isin(samples.floods[HORIZON])]
    after = np.nan_to_num(samples.column("since_flood"), nan=1e9) <= HORIZON
    late = warned(pairs_of(samples, np.where(after, 0.9, 0.01)), floods, 0.5)
    assert late.hits == 0 and late.misses == len(floods) >= 8
    assert late.false_alarms == late.alarms >= 8
    before = warned(pairs_of(samples, np.where(samples.labels[HORIZON] == 1, 0.9, 0.01)), floods, 0.5)
    assert before.misses == before.false_alarms == 0
    assert min(before.lead_days.values()) >= 0


class Aftermath:
    """A model that is sure of a flood for a month after each."""

    name = "aftermath"

    def fit(self, records, samples, horizon, seed=0):
        """Learn nothing."""

    def predict(self, records, samples):
        """Return 0.9 in the month after a flood."""
        return _certain(np.where(np.nan_to_num(samples.column("since_flood"), nan=1e9) <= HORIZON, 0.9, 0.01))


class HardCoded(Aftermath):
    """A model that says 0.7 whatever it is shown."""

    name = "hard-coded"

    def predict(self, records, samples):
        """Return 0.7."""
        return _certain(np.full(len(samples), 0.7))


@pytest.mark.parametrize("model", [Aftermath, HardCoded])
def test_verification_gives_such_models_no_skill_and_their_alerts_no_worth(valleys, samples, model):
    settings = verify.VerifyConfig(cost_ratio=0.2)
    made = verify.run(
        valleys, [model.name], [HORIZON], "lake", settings, samples=samples,
        create=lambda name: models.create(name) if name == "season" else model(),
    )  # fmt: skip
    cell = next(cell for cell in made.result["cells"] if cell["model"] == model.name)
    assert cell["skill"]["value"] < 0
    assert not cell["claim"].startswith("Skill is shown")
    assert cell["parts"]["resolution"] < 0.02
    assert cell["alerts"]["false_alarms"] >= 8
    if model is Aftermath:
        assert cell["alerts"]["hits"] == 0 and cell["alerts"]["lead_days"] == {}


def test_no_outlook_is_issued_while_a_flood_is_under_way(valleys):
    flood = valleys.events.iloc[0]
    days = pd.date_range(flood["earliest"] - 2 * DAY, flood["end"] + 2 * DAY)
    issued = features.make(valleys, pd.DataFrame({"lake": flood["lake"], "issue": days})).issue
    assert set(days) - set(pd.DatetimeIndex(issued)) == set(
        pd.date_range(flood["earliest"] + DAY, flood["end"])
    )  # at 0:00 of its first day it is to come


def test_a_hard_coded_risk_has_no_skill_no_resolution_and_the_precision_of_the_base_rate(samples):
    label = samples.labels[HORIZON]
    risk = np.full(len(samples), 0.7)
    base = np.full(len(samples), label.mean())
    assert scores.skill(scores.brier(risk, label), scores.brier(base, label)) < -1
    assert scores.murphy(risk, label).resolution == pytest.approx(0, abs=1e-12)
    assert scores.pr_auc(risk, label) == pytest.approx(label.mean())


@pytest.mark.parametrize("name", ["season", "dates", "area_rule", "logistic", "boosted"])
def test_every_model_but_the_base_rate_tells_days_apart(name):
    lakes = made_outlooks.made(lakes=10, years=6, seed=2)
    full = dataclasses.replace(lakes.samples, names=("share_largest", "lst_anomaly"))
    chance = {}
    for each in ("base_rate", name):
        model = models.create(each)
        model.fit(lakes.records, full, HORIZON)
        chance[each] = model.predict(lakes.records, full).chance
    assert np.ptp(chance["base_rate"]) == 0
    assert chance[name].max() > 3 * chance[name].min()


def test_features_of_temperature_follow_the_temperature_and_are_missing_without_it(valleys):
    issues = pd.DataFrame({"lake": valleys.lakes["lake"].iloc[0], "issue": pd.date_range("2020-05-01", "2020-08-01", freq="10D")})
    warmer = valleys.temperature.assign(lst_day=valleys.temperature["lst_day"] + 5.0 * (valleys.temperature["surface"] == "ground"))
    told, moved = (features.make(dataclasses.replace(valleys, temperature=table), issues) for table in (valleys.temperature, warmer))
    np.testing.assert_allclose(moved.column("lst"), told.column("lst") + 5)
    assert (moved.column("degree_days_short") > told.column("degree_days_short") + 50).all()
    none = features.make(dataclasses.replace(valleys, temperature=valleys.temperature[:0]), issues)
    for name in features_temperature.NAMES:
        assert np.isnan(none.column(name)).all()


def test_a_model_of_temperature_hangs_on_it_and_without_it_falls_back_on_the_season():
    lakes = made_outlooks.made(lakes=10, years=6, seed=2)
    warm = dataclasses.replace(lakes.samples, names=("lst_anomaly", "share_largest"))
    model = models.create("logistic")
    model.fit(lakes.records, warm, HORIZON)
    known = model.predict(lakes.records, warm).chance
    blind = dataclasses.replace(warm, values=np.full_like(warm.values, np.nan), ages=np.full_like(warm.ages, np.nan))
    unknown = model.predict(lakes.records, blind).chance
    day = warm.day_of_year
    within = [np.ptp(known[day == one]) for one in np.unique(day[(day > 150) & (day < 200)])]
    assert min(within) > 0.15
    assert max(np.ptp(unknown[day == one]) for one in np.unique(day)) < 0.02


@pytest.mark.parametrize("other", ["lake-000", "lake-001"])
def test_no_window_reaches_from_one_lake_into_the_next(valleys, samples, other):
    changed = {}
    for name, keys in (("areas", ["area"]), ("motion", ["vx", "vy"]), ("temperature", ["lst_day"])):
        table = getattr(valleys, name).copy()
        table.loc[table["lake"] == other, keys] *= 17.0
        changed[name] = table
    noisy = dataclasses.replace(valleys, **changed)
    own = samples.take(samples.lake != other)
    asked = pd.DataFrame({"lake": own.lake, "issue": own.issue})
    assert features.make(noisy, asked).values.tobytes() == features.make(valleys, asked).values.tobytes()
    few = own.take(np.arange(0, len(own), 9))
    assert windows.of(noisy, few).series.tobytes() == windows.of(valleys, few).series.tobytes()
    theirs = samples.take(np.flatnonzero(samples.lake == other)[100:110])
    assert windows.of(noisy, theirs).series.tobytes() != windows.of(valleys, theirs).series.tobytes()


def test_noise_at_rest_is_speed_when_magnitudes_are_averaged_and_not_when_components_are():
    rng, sigma, count = np.random.default_rng(3), 40.0, 25
    second = pd.date_range("2020-06-01", periods=count, freq="2D")
    vx, vy = rng.normal(0, sigma, (2, 400, count))
    magnitudes = np.hypot(vx, vy).mean()
    assert magnitudes == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.02), "the mean of a Rayleigh distribution"
    lakes = [f"lake {number}" for number in range(20)]
    made = records.make(
        {"lakes": _still(lakes), "motion": pd.concat([_pairs(lake, second, vx[n], vy[n], sigma) for n, lake in enumerate(lakes)])}
    )
    found = features.make(made, pd.DataFrame({"lake": lakes, "issue": pd.Timestamp("2020-08-01")}))
    assert features_motion.NAMES[0] == "speed"
    assert found.column("speed").mean() == pytest.approx(sigma * np.sqrt(np.pi / 2) / np.sqrt(count), rel=0.35)
    assert found.column("speed").max() < magnitudes / 2


def _certain(chance):
    return Chances(chance, chance, chance)


def _still(lakes):
    return pd.DataFrame({"lake": lakes, "lon": 74.0, "lat": 36.0, "watched_from": "2019-01-01", "watched_to": "2021-01-01"})


def _pairs(lake, second, vx, vy, sigma):
    times = {"first": second - 16 * DAY, "second": second, "available_at": second + DAY}
    return pd.DataFrame({"lake": lake, "vx": vx, "vy": vy, "v_error": sigma, **times})
