"""From a series to a fitted network: on patches, or on scenes blended from tiles."""

import numpy as np
import pytest
import torch
from tests.forecast.made import series, task

from glaciercast.errors import InputError
from glaciercast.models import registry
from glaciercast.models.base import TrainingData
from glaciercast.patches import splits, splits_published, splits_space
from glaciercast.training import assembled, networks
from glaciercast.training.config import AugmentConfig, TrainingConfig
from glaciercast.training.fit import mean_loss
from glaciercast.training.module import ForecastModule

SCENES = TrainingConfig(
    loss="scene", epochs=3, learning_rate=0.01, threads=1, device="cpu", augment=AugmentConfig(flips=True, rotations=True, cloud_gaps=0.2)
)
ASKED = task(n_input=2, n_target=1, history=4)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A series, its split and its training frames."""
    found = series(tmp_path_factory.mktemp("made"), shape=(12, 14), steps=26, missing=0.1)
    split = splits.by_time(found.n_steps, n_input=2, n_target=1, history=4)
    steps = split.training_steps
    return found, split, TrainingData(*found.frames(steps), found.season_index[: steps.stop], np.arange(steps.stop), found.period)


def fitted(made, folder, settings=SCENES, name="unet_time", options=None):
    found, split, data = made
    options = {"widths": (4, 6), "dropout": 0.1} if options is None else options
    return networks.fit_network(name, found, ASKED, split, data, folder, settings, residual="climatology", options=options, stride=4)


def test_a_fit_on_scenes_goes_on_bit_for_bit_and_is_validated_on_scenes(made, tmp_path, monkeypatch):
    model, straight = fitted(made, tmp_path / "straight")
    step = ForecastModule.training_step

    def fail(self, batch, index):
        if (self.current_epoch, index) == (1, 3):
            raise RuntimeError("a made failure")
        return step(self, batch, index)

    monkeypatch.setattr(ForecastModule, "training_step", fail)
    with pytest.raises(RuntimeError, match="a made failure"):
        fitted(made, tmp_path / "cut")
    monkeypatch.undo()
    again, resumed = fitted(made, tmp_path / "cut")
    assert [row | {"seconds": 0} for row in resumed.history] == [row | {"seconds": 0} for row in straight.history]
    assert all(torch.equal(mine, yours) for mine, yours in zip(again.parameters(), model.parameters(), strict=True))
    assert straight.history[-1]["train_loss"] < straight.history[0]["train_loss"]
    found, split, _ = made
    validation = networks.loader(networks.windows(found, ASKED, split, "validation", 4, "scene"), SCENES, "scene", shuffle=False)
    assert straight.val_loss == pytest.approx(mean_loss(model, validation, "scene"), rel=1e-6)
    with torch.no_grad():
        sums = [assembled.scene_loss(model, batch, assembled.tiling_for(found.shape, (8, 8))) for batch in validation]
    assert straight.val_loss == pytest.approx((sum(losses for losses, _ in sums) / sum(weight for _, weight in sums)).item(), rel=1e-5)
    assert len(sums) == len(split.issues("validation"))


def test_what_is_solved_for_is_solved_on_patches(made, tmp_path):
    model, result = fitted(made, tmp_path / "scene", name="pixel_linear", options={})
    other, _ = fitted(made, tmp_path / "patch", SCENES.model_copy(update={"loss": "patch"}), name="pixel_linear", options={})
    assert all(torch.equal(mine, yours) for mine, yours in zip(model.parameters(), other.parameters(), strict=True))
    found, split, _ = made
    patches = networks.loader(networks.windows(found, ASKED, split, "validation", 4), SCENES, shuffle=False)
    assert result.val_loss == pytest.approx(mean_loss(model, patches), rel=1e-6)


def test_statistics_and_patches_come_from_the_pixels_of_their_part_alone(made):
    found, times, _ = made
    split = splits_space.by_space(times, found.shape, 3)
    asked, mask = task(n_input=2, n_target=1, history=4, patch=3), split.mask("train")
    data, whole = networks.training_data(found, split), networks.training_data(found, times)
    assert np.isnan(data.values[..., ~mask]).all() and not data.observed[..., ~mask].any()
    np.testing.assert_array_equal(data.values[..., mask], whole.values[..., mask])
    assert data.steps.tolist() == list(times.training_steps)
    for part in splits.PARTS:
        windows = networks.windows(found, asked, split, part, 1)
        covered = np.zeros(found.shape, bool)
        for row, column in windows.origins:
            covered[row : row + 3, column : column + 3] = True
        np.testing.assert_array_equal(covered, split.mask(part))
        assert windows.issues.tolist() == times.issues(part).tolist()
    climatology = registry.create("climatology", asked).fit(data)
    usual = climatology.mean.numpy()  # a pixel of another part has the mean season of those of training
    np.testing.assert_allclose(usual[..., ~mask], np.repeat(usual[..., mask].mean(-1)[..., None], (~mask).sum(), -1), rtol=1e-5)


def test_the_windows_of_the_published_split_are_a_choice_of_all(made):
    found, split = made[0], splits_published.published(26, n_input=2, n_target=1, history=4)
    train, test = (networks.windows(found, ASKED, split, part, 2) for part in ("train", "test"))
    places = {
        tuple(np.hstack([issue, origin])) for each in (train, test) for issue, origin in zip(*each.places(range(len(each))), strict=True)
    }
    assert len(places) == len(train) + len(test) == 22 * 12 and len(test) == round(0.2 * 22 * 12)


def test_whole_scenes_are_learnt_on_under_a_split_by_time_alone(made):
    found, times, _ = made
    split = splits_space.by_space(times, found.shape, 3)
    with pytest.raises(InputError, match="loss 'scene': expected a split by time, whose parts hold whole scenes, found 'both'"):
        networks.windows(found, task(n_input=2, n_target=1, history=4, patch=3), split, "train", 1, "scene")
    assert networks.describe(found, split)["split_by"] == split.facts() and networks.describe(found, times)["split_by"] == {"kind": "time"}
