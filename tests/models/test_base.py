"""The task and the training data refuse what cannot be forecast or fitted."""

import numpy as np
import pytest
from tests.models.batches import task, training_data

from glaciercast.errors import InputError
from glaciercast.models.base import TrainingData, parameter_count
from glaciercast.models.task import Task


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_input": 0}, "n_input: expected at least 1, found 0"),
        ({"patch": -1}, "patch: expected at least 1, found -1"),
        ({"variables": ()}, "variables: expected at least one name"),
        ({"variables": ("ndsi", "vx"), "targets": ("vx",)}, "targets: expected the first of ndsi, vx, found vx"),
        ({"history": 2}, "history: expected at least n_input = 3 steps, found 2"),
    ],
)
def test_an_impossible_task_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        task(**changes)


def test_a_task_survives_json():
    assert Task.from_plain(task().plain()) == task()
    with pytest.raises(InputError, match=r"task: expected the keys n_input, .* found variables"):
        Task.from_plain({"variables": ["ndsi"]})


def test_training_data_must_agree_and_be_consecutive():
    data = training_data()
    with pytest.raises(InputError, match="consecutive"):
        TrainingData(data.values, data.observed, data.season_index, data.steps * 2, 4)
    with pytest.raises(InputError, match="one shape"):
        TrainingData(data.values, data.observed[:-1], data.season_index, data.steps, 4)
    with pytest.raises(InputError, match="seasons 0 to 2, found 0 to 3"):
        TrainingData(data.values, data.observed, data.season_index, data.steps, 3)
    with pytest.raises(InputError, match="12 frames, 11 seasons"):
        TrainingData(data.values, data.observed, data.season_index[:-1], data.steps, 4)


def test_a_frame_shows_nothing_that_was_not_seen():
    data = training_data()
    data.observed[0, 0, 0, 0] = np.nan
    values, weight = data.frame(0)
    unseen = ~(np.isfinite(data.values[0]) & (data.observed[0] > 0))
    assert unseen.any() and (values[unseen] == 0).all() and (weight[unseen] == 0).all()
    np.testing.assert_array_equal(values[~unseen], data.values[0][~unseen].astype("float64"))


def test_only_trainable_weights_are_counted():
    import torch

    layer = torch.nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    assert parameter_count(layer) == 6
