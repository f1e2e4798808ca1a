"""What is usual under a window: the mean of all years in a forecast, that of the other years in training, turned with the window."""

import torch
from tests.models.batches import batch, task, training_data

from glaciercast.models import registry
from glaciercast.models.usual import Usual
from glaciercast.patches.augment import Views

TASK = task(variables=("vx", "vy"))
CLIMATOLOGY = registry.create("climatology", TASK).fit(training_data(variables=2, years=4))


def test_in_a_forecast_it_is_the_mean_under_each_pixel():
    given = batch(TASK)
    usual = Usual.of_all(CLIMATOLOGY, given)
    for sample, (row, column) in enumerate(given.origin.tolist()):
        here = (slice(None), slice(row, row + 8), slice(column, column + 8))
        for step in range(TASK.n_input):
            assert torch.equal(usual.past[sample, step], CLIMATOLOGY.mean[given.index_past[sample, step + 2]][here])
        for lead in range(TASK.n_target):
            assert torch.equal(usual.future[sample, lead], CLIMATOLOGY.mean[given.index_future[sample, lead]][here])


def test_in_training_each_frame_is_taken_out_of_its_own_mean():
    given = batch(TASK)
    given = given._replace(target_weight=0.1 * given.target_weight)  # less than what the climatology holds of it
    usual, whole = Usual.of_others(CLIMATOLOGY, given), Usual.of_all(CLIMATOLOGY, given)
    weight = CLIMATOLOGY.weight[given.index_future[1, 0], :, given.origin[1, 0] + 3, given.origin[1, 1] + 4]
    own, value = given.target_weight[1, 0, :, 3, 4], given.target[1, 0, :, 3, 4].nan_to_num()
    expected = (weight * whole.future[1, 0, :, 3, 4] - own * value) / (weight - own)
    torch.testing.assert_close(usual.future[1, 0, :, 3, 4], expected)


def test_it_turns_as_the_window_does():
    """A quarter anticlockwise: what flew east flies north, and the pixel of the north-east corner lies in the north-west."""
    usual = Usual.of_all(CLIMATOLOGY, batch(TASK))
    seen = usual.seen(Views(torch.zeros(3, dtype=torch.bool), torch.ones(3, dtype=torch.int64)), TASK.variables)
    for mine, yours in zip(seen, usual, strict=True):
        torch.testing.assert_close(mine[:, :, 1, 0, 0], yours[:, :, 0, 0, -1])
        torch.testing.assert_close(mine[:, :, 0, 0, 0], -yours[:, :, 1, 0, -1])
