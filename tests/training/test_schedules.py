"""What changes with steps and epochs, by its formula."""

import math

import pytest
import torch

from glaciercast import config as configs
from glaciercast.errors import ConfigError
from glaciercast.training import schedules
from glaciercast.training.config import TrainingConfig


def test_the_learning_rate_rises_in_the_warm_up_and_falls_as_half_a_cosine():
    config = TrainingConfig(epochs=10, schedule="cosine", warmup_epochs=2)
    shares = [schedules.learning_rate(config, step, 5) for step in range(50)]
    assert shares[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert shares[10:] == pytest.approx([(1 + math.cos(math.pi * step / 40)) / 2 for step in range(40)])
    assert shares[30] == pytest.approx(0.5) and 0 < shares[-1] < 0.01
    assert schedules.learning_rate(config, 50, 5) == 0.0  # the schedule is asked once more after the last step


def test_a_constant_rate_is_constant_after_the_warm_up():
    assert [schedules.learning_rate(TrainingConfig(), step, 3) for step in range(5)] == [1.0] * 5
    warm = TrainingConfig(epochs=4, warmup_epochs=0.5)
    assert [schedules.learning_rate(warm, step, 4) for step in range(4)] == [0.5, 1.0, 1.0, 1.0]


def test_the_teacher_leaves_in_a_straight_line():
    config = TrainingConfig(teacher_start=0.6, teacher_epochs=3)
    assert [schedules.teacher(config, epoch) for epoch in range(5)] == pytest.approx([0.6, 0.4, 0.2, 0.0, 0.0])


def test_biases_and_norms_do_not_decay_and_fixed_weights_are_not_there():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.GroupNorm(1, 2), torch.nn.Conv2d(2, 1, 1))
    model[2].requires_grad_(False)
    wide, flat = schedules.parameter_groups(model, 0.3)
    assert wide["params"] == [model[0].weight] and wide["weight_decay"] == 0.3
    assert [id(p) for p in flat["params"]] == [id(model[0].bias), id(model[1].weight), id(model[1].bias)] and flat["weight_decay"] == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 3, "warmup_epochs": 3}, "warmup_epochs: expected fewer than the 3 epochs, found 3"),
        ({"country": "Nepal"}, "key 'country'"),
        ({"teacher_start": 1.5}, "key 'teacher_start'"),
        ({"schedule": "cosinus"}, "key 'schedule'"),
    ],
)
def test_options_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        configs.parse(TrainingConfig, wrong, "training")
