"""A network for a glacier that was left out knows the others, and not one bit of it hangs on that glacier."""

import numpy as np
import pytest
import torch
from tests.forecast.made import series, task

from glaciercast.errors import InputError
from glaciercast.evaluate import corruption, scoring
from glaciercast.models import registry
from glaciercast.patches import normalise, splits_glacier
from glaciercast.training import left_out, networks
from glaciercast.training.config import TrainingConfig

TASK = task(n_input=2, n_target=1, history=4)
STEPS = 36
SETTINGS = TrainingConfig(epochs=2, batch_size=32, learning_rate=0.01, threads=1, device="cpu")


def glacier(folder, seed, shape, steps=STEPS):
    """Return a glacier whose seasons depart by what the last one departed."""
    rng = np.random.default_rng(seed)
    away = np.zeros((steps, 1, *shape))
    for step in range(1, steps):
        away[step] = 0.8 * away[step - 1] + rng.normal(0, 0.1)
    frames = 0.3 * np.cos(np.pi * np.arange(steps) / 2)[:, None, None, None] + away + rng.normal(0, 0.02, away.shape)
    return series(folder, frames=frames.astype("float32"))


@pytest.fixture(scope="module")
def glaciers(tmp_path_factory):
    shapes = {"home": (12, 14), "one": (10, 12), "two": (16, 9)}
    return {name: glacier(tmp_path_factory.mktemp(name), seed, shape) for seed, (name, shape) in enumerate(shapes.items())}


@pytest.fixture(scope="module")
def splits(glaciers):
    starts = {name: each.starts[:STEPS] for name, each in glaciers.items()}
    return splits_glacier.by_glacier(starts, "home", n_input=2, n_target=1, history=4)


def fitted(glaciers, splits, folder, name="pixel_linear"):
    return left_out.fit_elsewhere(name, glaciers, splits, TASK, folder, SETTINGS, stride=2)[0]


def test_statistics_are_those_of_all_training_frames_elsewhere(glaciers, splits):
    data = left_out.pooled(glaciers, splits)
    frames = [networks.training_data(glaciers[name], splits[name]).values.ravel() for name in ("one", "two")]
    assert data.values.shape == (splits["one"].targets["train"].stop, 1, 1, 10 * 12 + 16 * 9)
    stats = normalise.fit(data.values, data.observed)
    assert stats.mean[0] == pytest.approx(np.concatenate(frames).mean(), rel=1e-5)
    assert stats.std[0] == pytest.approx(np.concatenate(frames).std(), rel=1e-5)
    persistence = registry.create("persistence", TASK).fit(data)
    assert persistence.fallback[0].item() == pytest.approx(stats.mean[0], rel=1e-5)


def test_a_glacier_that_begins_later_is_unseen_before(glaciers, splits, tmp_path):
    late = glacier(tmp_path, 5, (3, 4))
    late = type(late)(**{**vars(late), "starts": late.starts[8:], "ends": late.ends[8:]})
    starts = {"home": glaciers["home"].starts[:STEPS], "one": glaciers["one"].starts[:STEPS], "late": late.starts[:STEPS]}
    made = splits_glacier.by_glacier(starts, "home", n_input=2, n_target=1, history=4)
    data = left_out.pooled({**glaciers, "late": late}, made)
    count = len(made["late"].training_steps)
    assert np.isnan(data.values[:8, ..., 120:]).all() and count + 8 == len(made["one"].training_steps) == len(data.values)
    np.testing.assert_array_equal(data.values[8 : 8 + count, 0, 0, 120:], late.frames(range(count))[0].reshape(count, 12))


def test_batches_hold_the_windows_of_all_cubes(glaciers, splits):
    cubes = [networks.windows(glaciers[name], TASK, splits[name], "train", 2) for name in ("one", "two")]
    several, first = left_out.Several(cubes), len(cubes[0])
    batch = several.__getitems__([first + 3, 1, first, 5])
    own, other = cubes[0].__getitems__([1, 5]), cubes[1].__getitems__([3, 0])
    assert torch.equal(batch.past, torch.cat([own.past, other.past])) and torch.equal(batch.target, torch.cat([own.target, other.target]))
    assert len(several) == first + len(cubes[1]) == sum(several.scenes)


@pytest.mark.parametrize("name", ["pixel_linear", pytest.param("unet_time", marks=pytest.mark.slow)])
def test_nothing_of_the_glacier_that_is_left_out_is_known(glaciers, splits, tmp_path, name):
    def elsewhere(home):
        return fitted({**glaciers, "home": home}, splits, tmp_path / home.fingerprint, name)

    assert corruption.changed_state(elsewhere, glaciers["home"], []) == []

    def here(one):
        return fitted({**glaciers, "one": one}, splits, tmp_path / f"one-{one.fingerprint}", name)

    assert corruption.changed_state(here, glaciers["one"], corruption.part_of(glaciers["one"], splits["one"], "train", "validation")) == []
    assert corruption.changed_state(here, glaciers["one"], []) != []


def test_what_is_learnt_elsewhere_beats_persistence_and_the_same_season_at_home(glaciers, splits, tmp_path):
    network, data = fitted(glaciers, splits, tmp_path), left_out.pooled(glaciers, splits)
    scores = {"network": scoring.score(network, "network", glaciers["home"], TASK, splits["home"]).errors.mse()}
    for name in ("persistence", "same_season"):
        baseline = registry.create(name, TASK).fit(data)
        scores[name] = scoring.score(baseline, name, glaciers["home"], TASK, splits["home"]).errors.mse()
    assert scores["network"] < 0.8 * min(scores["persistence"], scores["same_season"])


def test_a_reference_that_is_fitted_to_a_place_is_refused(glaciers, splits, tmp_path):
    with pytest.raises(InputError, match="residual 'climatology': is fitted to a place, and says nothing of a glacier that is left out"):
        left_out.fit_elsewhere("unet_time", glaciers, splits, TASK, tmp_path, SETTINGS, residual="climatology")
