"""What must not be known may be noise: no forecast and no fit changes by a bit, and those that peek are found."""

import dataclasses

import numpy as np
import pytest
import torch
from tests.evaluate import held

from glaciercast.errors import LeakError
from glaciercast.evaluate import corruption
from glaciercast.models import conformal, registry
from glaciercast.models.base import Baseline, Solvable
from glaciercast.patches import splits
from glaciercast.patches.sampling import PatchDataset
from glaciercast.training import networks
from glaciercast.training.config import TrainingConfig

QUICK = TrainingConfig(epochs=1, batch_size=64, learning_rate=0.01, threads=1, device="cpu", keep_start=False)
BASELINES = registry.names("baseline")
NETWORKS = registry.names("network")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return held.made(tmp_path_factory.mktemp("held"))


def fresh(name, found, split, residual="harmonic"):
    """Return a network with random weights throughout, so that all that it reads changes what it says."""
    made = networks.fresh(name, held.TASK, networks.training_data(found, split), 0, residual=residual)
    for weights in made.network.parameters():
        torch.nn.init.normal_(weights, 0, 0.1, generator=torch.Generator().manual_seed(1))
    return made.eval()


def fit(name, found, split, folder, residual="harmonic"):
    """Fit a network for one epoch."""
    data = networks.training_data(found, split)
    place = folder / f"{name}-{split.name}-{found.fingerprint}"
    made, _ = networks.fit_network(name, found, held.TASK, split, data, place, QUICK, residual=residual, stride=held.STRIDE)
    return made


def test_noise_takes_the_place_of_all_but_what_is_known(found):
    mask = np.zeros(found.shape, bool)
    mask[:, :7] = True
    known = [corruption.Known(np.arange(held.STEPS) < 5), corruption.Known(np.arange(held.STEPS) < 20, mask)]
    noisy = corruption.noised(found, known)
    (values, fractions), (before, seen) = noisy.frames(range(held.STEPS)), found.frames(range(held.STEPS))
    kept = np.zeros((held.STEPS, 1, *found.shape), bool)
    kept[:5], kept[5:20, :, :, :7] = True, True
    np.testing.assert_array_equal(values[kept], before[kept])
    np.testing.assert_array_equal(fractions[kept], seen[kept])
    assert (values[~kept] != before[~kept]).all() and values[~kept].std() == pytest.approx(corruption.SPREAD, rel=0.05)
    assert fractions[~kept].min() >= 0 and fractions[~kept].mean() == pytest.approx(0.5, abs=0.02)
    window = noisy.cache.gather(np.array([3]), np.array([4]), np.array([5]), 6, 9, 10)[0]
    np.testing.assert_array_equal(window[:, :1], values[3:9, :, 4:13, 5:15])  # the same noise wherever it is looked at


@pytest.mark.parametrize("name", BASELINES)
def test_no_baseline_reads_what_was_not_available(found, name):
    split = held.split(found, "time")
    baseline = registry.create(name, held.TASK).fit(networks.training_data(found, split))
    assert all(corruption.unchanged_forecast(baseline, found, held.TASK, int(issue)) for issue in split.issues("test")[:2])


@pytest.mark.parametrize("residual", ["harmonic", "same_season"])
def test_no_network_of_the_default_reads_what_was_not_available(found, residual):
    split = held.split(found, "time")
    assert corruption.unchanged_forecast(fresh("unet_time", found, split, residual), found, held.TASK, int(split.issues("test")[0]))


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_no_network_reads_or_is_fitted_on_what_it_may_not_know(found, tmp_path, name):
    split = held.split(found, "time")
    known = corruption.part_of(found, split, "train", "validation")
    assert corruption.changed_state(lambda series: fit(name, series, split, tmp_path), found, known) == []
    trained = fit(name, found, split, tmp_path)
    assert corruption.unchanged_forecast(trained, found, held.TASK, int(split.issues("test")[0]))


@pytest.mark.parametrize("kind", ["time", "both"])
@pytest.mark.parametrize("name", BASELINES)
def test_baselines_are_fitted_on_the_training_part_alone(found, name, kind):
    split = held.split(found, kind)
    known = corruption.part_of(found, split, "train")

    def fit(series):
        return registry.create(name, held.TASK).fit(networks.training_data(series, split))

    assert corruption.changed_state(fit, found, known) == []


@pytest.mark.parametrize("kind", held.HONEST)
def test_normaliser_and_reference_of_a_network_know_the_training_part_alone(found, kind):
    split = held.split(found, kind)
    known = corruption.part_of(found, split, "train")
    assert corruption.changed_state(lambda series: fresh("unet_time", series, split), found, known) == []


@pytest.mark.parametrize("kind", ["time", "both"])
def test_weights_and_calibration_know_training_and_validation_alone(found, tmp_path, kind):
    split = held.split(found, kind)
    known = corruption.part_of(found, split, "train", "validation")

    def calibrated(series):
        network = fit("pixel_linear", series, split, tmp_path)
        windows = networks.windows(series, held.TASK, split, "validation", held.TASK.patch)
        return conformal.calibrate(network, windows, np.ones(1, "float32"), (0.4, 0.5, 0.6))

    assert isinstance(fit("pixel_linear", found, split, tmp_path).network, Solvable)
    assert corruption.changed_state(calibrated, found, known) == []
    earlier = [
        dataclasses.replace(each, steps=each.steps & (np.arange(held.STEPS) != split.targets["validation"].stop - 1)) for each in known
    ]
    changed = corruption.changed_state(calibrated, found, [known[0], earlier[1]] if kind == "time" else earlier)
    assert "offset" in changed  # it does know the last validation frame


def test_a_fit_on_all_frames_is_found_out(found):
    split = held.split(found, "time")
    known = corruption.part_of(found, split, "train")
    peeking = dataclasses.replace(split, targets={**split.targets, "train": range(5, held.STEPS)})

    def fit(series):
        return registry.create("climatology", held.TASK).fit(networks.training_data(series, peeking))

    assert sorted(corruption.changed_state(fit, found, known)) == ["mean", "weight"]


class Peeking(Baseline):
    """Reads one frame of the history that was not available at the issue time."""

    def forward(self, batch):
        return self.targets(batch.past[:, -2:-1]).expand(-1, self.task.n_target, -1, -1, -1)


def test_a_forecast_that_reads_a_late_frame_is_refused_and_would_be_found_out(found, monkeypatch):
    issue = 40
    late = found.available_at.copy()
    late[issue - 1] = late[issue + 3]
    delayed = dataclasses.replace(found, available_at=late)
    assert corruption.available(delayed, issue).steps.tolist() == [*[True] * 39, False, True, *[False] * 11]
    with pytest.raises(LeakError, match="step 39 was available at"):
        corruption.unchanged_forecast(Peeking(held.TASK), delayed, held.TASK, issue)
    monkeypatch.setattr(splits, "check_available", lambda *arguments: None)
    assert not corruption.unchanged_forecast(Peeking(held.TASK), delayed, held.TASK, issue)
    assert corruption.unchanged_forecast(Peeking(held.TASK), found, held.TASK, issue)


def test_windows_cut_one_step_too_late_are_found_out(found, monkeypatch):
    split, places = held.split(found, "time"), PatchDataset.places
    persistence = registry.create("persistence", held.TASK).fit(networks.training_data(found, split))
    issue = int(split.issues("test")[0])
    assert corruption.unchanged_forecast(persistence, found, held.TASK, issue)

    def one_late(windows, indices):
        issues, origins = places(windows, indices)
        return issues + 1, origins

    monkeypatch.setattr(PatchDataset, "places", one_late)
    assert not corruption.unchanged_forecast(persistence, found, held.TASK, issue)
