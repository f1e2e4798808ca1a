"""The networks of the outlook: nothing of the future in them, the season where nothing is known, and what image or series alone tell."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.hazard import folds, models, network, records, verify_cells
from glaciercast.hazard.labels import label
from glaciercast.hazard.models_base import OutlookConfig
from glaciercast.hazard.models_blend import Blended
from glaciercast.hazard.network import NetworkConfig
from glaciercast.hazard.records import Records
from glaciercast.hazard.samples import Samples

HORIZON = 30
DAY = np.timedelta64(1, "D")
TINY = NetworkConfig(members=1, epochs=(1,), steps=4, width=3, most_others=60)
FIRST, LAST = pd.Timestamp("2019-01-01"), pd.Timestamp("2020-12-31")


def world(lakes: int, seed: int = 0, told: str = "nothing", every: int = 28) -> tuple[Records, Samples, np.ndarray]:
    """Return lakes that are large in one state in four and small in the others, for `every` days each; `told`: what shows the state.

    A flood begins within the month with a chance of 0.5 in the large state and 0.02 in the small one.
    """
    rng = np.random.default_rng(seed)
    names = [f"lake-{number}" for number in range(lakes)]
    days = pd.date_range(FIRST, LAST - pd.Timedelta(days=31), freq=f"{every}D")
    big = rng.random((lakes, days.size)) < 0.25
    chance = np.where(big, 0.5, 0.02)
    floods = rng.random(big.shape) < chance
    y, x = np.mgrid[:24, :24] - 11.5
    rows, events, images = [], [], []
    for lake, name in enumerate(names):
        for number, day in enumerate(days):
            radius = (9 if big[lake, number] else 5) if told == "image" else 6
            water = np.hypot(y, x) < radius
            images.append([np.where(water, 0.09, 0.13), np.where(water, 0.03, 0.20), np.where(water, 0.015, 0.26)])
            area = (4e5 if big[lake, number] else 1e5) if told == "series" else 2e5
            at = day - pd.Timedelta(days=2)
            rows.append((name, at, area * rng.normal(1, 0.02), 1e3, 1.0, len(rows), day - pd.Timedelta(days=1)))
            if floods[lake, number]:
                start = day + pd.Timedelta(days=int(rng.integers(0, every - 2)))
                events.append((f"{name}-{number}", name, start, start, start, start))
    tables = {
        "lakes": pd.DataFrame({"lake": names, "lon": 74.0, "lat": 36.0, "watched_from": FIRST, "watched_to": LAST}),
        "areas": pd.DataFrame(rows, columns=["lake", "time", "area", "area_error", "seen", "image", "available_at"]),
        "events": pd.DataFrame(events, columns=["event", "lake", "start", "earliest", "latest", "end"]),
    }
    noise = rng.normal(0, 0.004, (len(images), 3, 24, 24))
    made = records.make(tables, (np.array(images) + noise).astype("float32"))
    return made, samples(made, np.repeat(names, days.size), np.tile(days.to_numpy("datetime64[ns]"), lakes)), chance.ravel()


def samples(made: Records, lake: np.ndarray, issue: np.ndarray) -> Samples:
    """Return samples without features."""
    lake, empty = lake.astype(object), np.zeros((len(lake), 0))
    known, floods = label(made.events, made.lakes, lake, issue, 28)
    return Samples(lake, issue, empty, empty, (), {HORIZON: known}, {HORIZON: floods}, made.events)


def tiny(name: str) -> Blended:
    return network.create(name, OutlookConfig(groups=2), TINY)


@pytest.fixture(scope="module")
def fitted():
    made, all_samples, _ = world(6)
    train = all_samples.take(all_samples.issue < np.datetime64("2020-06-01"))
    model = tiny("network")
    model.fit(made, train, HORIZON, seed=3)
    model.blend = replace(model.blend, weight=1.0)  # whatever was found, so that the network is seen through it
    return made, all_samples, train, model


def test_all_networks_are_in_the_registry():
    assert set(network.SENSES) == {name for name in models.names() if name.startswith("network")}
    for name in network.SENSES:
        assert models.create(name).name == name
    with pytest.raises(InputError, match="unknown network of the outlook 'netwrok'"):
        network.create("netwrok")


def test_what_was_not_available_at_the_issue_changes_no_bit(fitted):
    made, all_samples, _, model = fitted
    issue = np.datetime64("2020-07-14", "ns")
    asked = all_samples.take(all_samples.issue <= issue)
    late = (made.areas["available_at"] > issue).to_numpy()
    images = made.images.copy()
    images[made.areas.loc[late, "image"].to_numpy(int)] = 7.0
    areas = made.areas.assign(area=made.areas["area"].where(~late, 1e9), seen=made.areas["seen"].where(~late, 0.0))
    corrupted = replace(made, areas=areas, images=images, events=made.events[made.events["end"] < issue].reset_index(drop=True))
    before, after = model.predict(made, asked), model.predict(corrupted, asked)
    assert late.sum() > 20
    assert np.array_equal(before.chance, after.chance)
    assert np.array_equal(before.low, after.low)


def test_a_fit_reads_nothing_of_lakes_and_times_outside_its_samples(fitted):
    made, _, train, _ = fitted
    outside = (made.areas["available_at"] > train.issue.max()).to_numpy() | (made.areas["lake"] == "lake-5").to_numpy()
    some = train.take(train.lake != "lake-5")
    images = made.images.copy()
    images[made.areas.loc[outside, "image"].to_numpy(int)] = 3.0
    areas = made.areas.assign(area=made.areas["area"].where(~outside, 9e6))
    asked = some.take(some.issue > np.datetime64("2020-01-01"))
    found = []
    for each in (made, replace(made, areas=areas, images=images)):
        again = tiny("network")
        again.fit(each, some, HORIZON, seed=1)
        found.append(again.whole.score(each, asked, np.full(len(asked), -2.0)))
    assert np.array_equal(*found)
    assert np.ptp(found[0]) > 0


def test_the_same_seed_gives_the_same_network_and_leaves_torch_as_it_was(fitted):
    import torch

    made, _, train, model = fitted
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    again = tiny("network")
    again.fit(made, train, HORIZON, seed=3)
    season = np.full(len(train), -2.0)
    assert np.array_equal(again.whole.score(made, train, season), model.whole.score(made, train, season))
    other = tiny("network")
    other.fit(made, train, HORIZON, seed=4)
    assert not np.array_equal(other.whole.score(made, train, season), model.whole.score(made, train, season))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_where_nothing_is_known_it_says_what_the_season_says(fitted):
    made, _, train, model = fitted
    asked = samples(made, np.array(["lake-0", "lake-3"]), np.array(["2019-01-01", "2019-01-01"], "datetime64[ns]") - 900 * DAY)
    season = np.array([-2.5, 0.75])
    for told in model.whole.score(made, asked, season):
        assert told == pytest.approx(season, abs=1e-6)
    known = model.whole.score(made, train, np.full(len(train), -2.5))
    assert np.abs(known + 2.5).max() > 1e-4


def test_outcomes_of_the_tested_lakes_change_no_bit(fitted):
    made, every, _, _ = fitted
    split = folds.split("lakes", every, HORIZON, HORIZON)
    fold = replace(split, folds=split.folds[:1])
    tested = fold.folds[0].test
    label = np.where(tested, 1 - every.labels[HORIZON], every.labels[HORIZON])
    flipped = replace(every, labels={HORIZON: label})
    told = [
        verify_cells.foretell(verify_cells.Cell("network", "lakes", HORIZON), made, each, fold, lambda _: tiny("network"))
        for each in (every, flipped)
    ]
    assert np.isfinite(told[0].chance[tested]).all()
    assert np.array_equal(told[0].chance, told[1].chance, equal_nan=True)


@pytest.mark.parametrize(("name", "corrupted"), [("network_images", {"area": 7e7, "seen": 0.5}), ("network_series", {"image": np.nan})])
def test_each_part_alone_reads_nothing_of_the_other(fitted, name, corrupted):
    made, _, train, _ = fitted
    other, told = replace(made, areas=made.areas.assign(**corrupted)), []
    season = np.full(len(train), -2.0)
    for each in (made, other):
        model = tiny(name)
        model.fit(each, train, HORIZON)
        told.append(model.whole.score(each, train, season))
    assert np.array_equal(*told)
    assert np.abs(told[0] - season).max() > 1e-6


def test_a_missing_modality_still_gives_a_chance(fitted):
    made, all_samples, _, model = fitted
    asked = all_samples.take(all_samples.issue > np.datetime64("2020-06-01"))
    blind = model.predict(replace(made, areas=made.areas.assign(image=np.nan)), asked)
    assert np.isfinite(blind.chance).all()
    assert ((blind.low <= blind.chance) & (blind.chance <= blind.high)).all()


def skill(name: str, told: str, shuffled: bool = False) -> tuple[float, float]:
    """Return the Brier skill against the season on lakes that were not learnt from, and that of the known chances."""
    made, every, chance = world(48, 5, told)
    if shuffled:
        mixed = np.random.default_rng(8).permutation(len(every))
        every = replace(every, labels={HORIZON: every.labels[HORIZON][mixed]}, floods={HORIZON: every.floods[HORIZON][mixed]})
    test = np.isin(every.lake, [f"lake-{number}" for number in range(24)])
    outcome = every.labels[HORIZON][test]
    said = {}
    quick = NetworkConfig(members=2, batch=64)
    for each in (name, "season"):
        model = models.create(each) if each == "season" else network.create(each, OutlookConfig(groups=2), quick)
        model.fit(made, every.take(~test), HORIZON)
        said[each] = float(np.mean((model.predict(made, every.take(test)).chance - outcome) ** 2))
    return 1 - said[name] / said["season"], 1 - float(np.mean((chance[test] - outcome) ** 2)) / said["season"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "told"), [("network_images", "image"), ("network_series", "series"), ("network", "image")])
def test_what_one_modality_tells_is_learnt(name, told):
    reached, possible = skill(name, told)
    assert possible > 0.2
    assert reached > 0.5 * possible


@pytest.mark.slow
def test_where_labels_are_shuffled_it_is_the_season():
    reached, _ = skill("network", "series", shuffled=True)
    assert abs(reached) < 0.02


def test_the_first_weights_of_a_network_are_those_of_the_season():
    import torch

    from glaciercast.hazard.network_layers import Batch, Fused, Shape

    torch.manual_seed(0)
    batch = Batch(torch.rand(5, 4), torch.ones(5), torch.rand(5, 6), torch.ones(5), torch.randn(5, 3))
    for sees, hears in network.SENSES.values():
        untrained = Fused(Shape(4 if sees else None, 6 if hears else None, 2, 3, 0.1, 0.1, 0.1)).eval()
        assert torch.equal(untrained(batch), batch.season[:, 0].expand(2, -1))
