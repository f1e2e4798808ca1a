"""The record keeps the best weights and knows when to stop."""

import pytest
import torch

from glaciercast.training.config import TrainingConfig
from glaciercast.training.record import Record


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
        record.add(layer, 9.0, loss, 0.5)
        assert record.finished(config) == (epoch == stops_after)
    assert record.best_epoch == best and record.best["weight"].item() == best and record.best_loss == losses[best - 1]
    assert record.seconds == 0.5 * len(losses)
    again = Record()
    again.restore(record.plain())
    assert again == record


def test_the_reference_is_not_kept_with_the_weights():
    from tests.models.test_residual import STATS, TASK, reference

    from glaciercast.models.residual import build
    from glaciercast.training.record import trained_state

    forecaster = build("lstm", TASK, "climatology", STATS, reference("climatology"))
    assert set(forecaster.state_dict()) - set(trained_state(forecaster)) == {"reference.mean"}
