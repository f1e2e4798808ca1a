"""What a user reads while a fit goes on."""

import pytest
import torch

from glaciercast.training.config import TrainingConfig
from glaciercast.training.epochs import describe, in_words
from glaciercast.training.record import Record


def test_the_line_tells_the_losses_and_the_time_that_is_left():
    record, config = Record(), TrainingConfig(epochs=30, patience=2)
    record.add(torch.nn.Linear(1, 1), 0.5, 0.25, 4.0)
    record.add(torch.nn.Linear(1, 1), 0.4, 0.3, 6.0)
    expected = "epoch 2/30: training loss 0.4000, validation 0.3000 (best 0.2500 in epoch 1), 6.0 s"
    assert describe(record, config) == expected + ", at most 2 min 20 s left"
    record.add(torch.nn.Linear(1, 1), 0.4, 0.3, 6.0)
    assert describe(record, config).endswith("in epoch 1), 6.0 s")  # nothing is left: patience is at its end


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (9000, "2 h 30 min")])
def test_durations_are_words(seconds, words):
    assert in_words(seconds) == words
