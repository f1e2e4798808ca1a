"""The record keeps the best weights and knows when to stop."""

import pytest
import torch
from tests.training.made import forecaster

from glaciercast.training.config import TrainingConfig
from glaciercast.training.record import Record, trained_state


@pytest.mark.parametrize(
    ("losses", "patience", "stops_after", "best"),
    [
        ([3, 2, 1, 0.5, 0.4], 2, 5, 5),
        ([3, 2, 2.5, 2.5], 2, 4, 2),
        ([3, 3, 3], 2, 3, 1),  # an equal loss is no lower one
        ([3, 3, 3, 1], 3, None, 4),
        ([1, 2], 1, 2, 1),
    ],
)
def test_it_stops_after_patience_and_keeps_the_best(losses, patience, stops_after, best):
    record, config = Record(), TrainingConfig(epochs=5, patience=patience)
    layer = torch.nn.Linear(1, 1)
    for epoch, loss in enumerate(losses, start=1):
        torch.nn.init.constant_(layer.weight, epoch)
        record.add(layer, 9.0, loss, 0.5, learning_rate=0.1)
        assert record.finished(config) == (epoch == stops_after)
    assert record.best_epoch == best and record.best["weight"].item() == best and record.best_loss == losses[best - 1]
    assert record.seconds == 0.5 * len(losses) and record.seconds_left(config) == 0.5 * (5 - len(losses))
    assert record.history[0] == {"epoch": 1, "train_loss": 9.0, "val_loss": losses[0], "seconds": 0.5, "learning_rate": 0.1}
    record.energy = {"kwh": 0.1}
    again = Record()
    again.restore(record.plain())
    assert again == record


def test_the_reference_is_not_kept_with_the_weights():
    model = forecaster()
    assert set(model.state_dict()) - set(trained_state(model)) == {"reference.mean", "reference.weight"}
