"""The leak checker finds nothing under honest splits and nearly everything under the published one."""

import dataclasses

import numpy as np
import pytest
from tests.evaluate import held

from glaciercast.errors import LeakError
from glaciercast.evaluate import leaks, overlap
from glaciercast.models import registry
from glaciercast.models.memoriser import Memoriser
from glaciercast.patches import splits_glacier
from glaciercast.training import networks


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return held.made(tmp_path_factory.mktemp("held"))


def climatology(series, split):
    return registry.create("climatology", held.TASK).fit(networks.training_data(series, split))


@pytest.mark.parametrize("composite_length", [1, 3])
@pytest.mark.parametrize("kind", held.HONEST)
def test_nothing_is_found_under_honest_splits(found, kind, composite_length):
    found = dataclasses.replace(found, composite_length=composite_length)
    split = held.split(found, kind)
    models, fits = {"climatology": climatology(found, split)}, {"climatology": lambda series: climatology(series, split)}
    for part in ("validation", "test"):
        report = leaks.report(found, held.TASK, split, held.STRIDE, part, models=models, fits=fits)
        assert {pair: each.shared for pair, each in report.targets.items()} == dict.fromkeys(report.targets, 0)
        mask = split.mask(part)
        assert (
            report.read.pixel_dates == (len(split.issues(part)) + 1) * (held.SIDE**2 if mask is None else mask.sum())
            and report.read.shared == 0
        )
        assert report.canary == leaks.Canary(0.0, None) and report.faults == [] and report.changed_fits == report.changed_forecasts == ()
        report.require()
        assert report.text.startswith(f"Leak check ({kind}): no leak: none of {report.read.pixel_dates:,} {part} target pixel-dates")
        assert report.text.endswith("1 forecasts and 1 fits stay the same bit for bit.")


def test_nothing_is_found_of_a_glacier_that_was_left_out(found):
    starts = dict.fromkeys(("home", "other"), found.starts[: held.STEPS])
    split = splits_glacier.by_glacier(starts, "home", n_input=3, n_target=2, history=held.TASK.history)["home"]
    report = leaks.report(found, held.TASK, split, held.STRIDE)
    assert report.read.pixel_dates == len(split.targets["test"]) * held.SIDE**2 and report.faults == []
    seen_elsewhere = dataclasses.replace(split, held_out=False)
    line = dataclasses.replace(report, apart=7).text
    assert line == (
        "Leak check (glacier): no leak: no pixel of this glacier is read in training; "
        "targets of the other glaciers end 7 steps before its test part."
    )
    assert leaks.canary(found, held.TASK, seen_elsewhere, held.STRIDE, "train").found > 0.99


def test_nearly_everything_is_found_under_the_published_split(found):
    split = held.split(found, "published")
    report = leaks.report(found, held.TASK, split, held.STRIDE)
    assert report.canary.found > 0.99 and report.canary.mse == 0.0
    assert report.read.share == 1.0 and report.targets["train-test"].share > 0.95
    assert report.targets["validation-test"].share == 1.0  # it is chosen by what it is scored on
    report.require()  # it says so itself, and is compared with
    assert "it LEAKS: " in report.text and "100.0% of the test target pixel-dates are targets of validation too" in report.text
    assert "the canary finds 100.0% of the test targets." in report.text
    told = report.to_json()
    assert told["canary"] == {"found": report.canary.found, "mse": 0.0} and told["targets"]["train-test"]["share"] > 0.95


def test_the_share_that_the_canary_finds_is_that_of_a_loop(found):
    split = held.split(found, "published")
    seen = overlap.shown(found, held.TASK, split, held.STRIDE)
    seen[20:40] = False
    observed, hit, total = found.frames(range(held.STEPS))[1][:, 0], 0.0, 0.0
    windows = networks.windows(found, held.TASK, split, "test", held.STRIDE)
    for issue, (row, column) in zip(*windows.places(np.arange(len(windows))), strict=True):
        for step in (issue + 1, issue + 2):
            here = (step, slice(row, row + 8), slice(column, column + 8))
            hit, total = hit + (observed[here] * seen[here]).sum(), total + observed[here].sum()
    assert len(windows) < leaks.MOST
    assert leaks.canary(found, held.TASK, split, held.STRIDE, "test", seen).found == pytest.approx(hit / total, rel=1e-6)


def test_a_split_that_claims_to_be_honest_and_leaks_fails(found):
    split = held.split(found, "time")
    leaking = dataclasses.replace(split, targets={**split.targets, "test": range(split.targets["train"].stop - 4, held.STEPS)})
    report = leaks.report(
        found, held.TASK, leaking, held.STRIDE, fits={"climatology": lambda series: climatology(series, dataclasses.replace(split, targets={
            **split.targets, "train": range(5, held.STEPS)}))},
    )  # fmt: skip
    assert report.targets["train-test"].shared == report.read.shared == 4 * held.SIDE**2 and 0 < report.canary.found < 0.2
    assert report.changed_fits == ("climatology: mean", "climatology: weight")
    with pytest.raises(
        LeakError,
        match=r"split 'time': \d+\.\d% of the test target .*; climatology: mean is fitted on more than",
    ):
        report.require()


def test_targets_whose_composites_share_a_scene_are_found(found):
    """Monthly steps of three-month composites: two steps apart they share a month."""
    near = dataclasses.replace(held.split(found, "time"), composite_length=1)
    train = near.targets["train"]
    touching = dataclasses.replace(near, targets={**near.targets, "test": range(train.stop + 1, held.STEPS)})
    assert leaks.report(found, held.TASK, touching, held.STRIDE).read.shared == 0
    long = dataclasses.replace(touching, composite_length=3)
    report = leaks.report(found, held.TASK, long, held.STRIDE)
    assert (
        report.read.shared == report.targets["train-test"].shared == held.SIDE**2
    )  # the first target, two steps after the last of training
    assert report.canary.found > 0


def test_provenance_tells_until_when_and_of_how_many_pixels(found):
    told = leaks.report(found, held.TASK, held.split(found, "both"), held.STRIDE).to_json()["provenance"]
    split = held.split(found, "both")
    last = str(found.ends[split.targets["train"].stop - 1] - np.timedelta64(1, "D"))[:10]
    trained = {"until": last, "pixels": int(split.mask("train").sum())}
    assert told["baselines, references and normaliser"] == {"train": trained}
    assert {*told["calibration of intervals"]} == {"train", "validation"}


def test_windows_are_scored_as_patches(found):
    split = held.split(found, "published")
    windows = networks.windows(found, held.TASK, split, "test", held.STRIDE)
    seen = overlap.shown(found, held.TASK, split, held.STRIDE)
    memoriser = Memoriser(held.TASK).fit(leaks.frames_of(found, seen))
    few = np.arange(0, len(windows), 7)
    assert leaks.score_windows(memoriser, windows, few).mse() == 0.0
    persistence = registry.create("persistence", held.TASK).fit(networks.training_data(found, split))
    batch = windows.__getitems__(few.tolist())
    error = (persistence(batch) - batch.target)[batch.target_weight > 0]
    assert leaks.score_windows(persistence, windows, few).mse() == pytest.approx(float((error**2).mean()), rel=1e-6)
