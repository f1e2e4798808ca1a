"""The canary remembers what it was shown, of the date that it is asked for, and is a climatology elsewhere."""

import numpy as np
import torch
from tests.models.batches import batch, task, training_data

from glaciercast.models import registry
from glaciercast.models.memoriser import Memoriser

TASK = task()
DATA = training_data(years=4)  # steps 7 … 22


def asked(steps):
    """Return windows issued at `steps`, at origins that differ."""
    given = batch(TASK, n=len(steps), seed=1)
    return given._replace(issue=torch.tensor(steps))


def test_a_target_is_answered_with_the_frame_of_its_date():
    given = asked([8, 12, 20])
    recalled = Memoriser(TASK).remember(DATA).recall(given).numpy()
    for number, (issue, (row, column)) in enumerate(zip(given.issue.tolist(), given.origin.tolist(), strict=True)):
        for lead in (1, 2):
            index = issue + lead - 7
            here = (index, slice(None), slice(row, row + 8), slice(column, column + 8))
            expected = np.where(DATA.observed[here] > 0, DATA.values[here], np.nan)
            np.testing.assert_array_equal(recalled[number, lead - 1], expected)
    assert np.isfinite(recalled).mean() > 0.5


def test_what_it_was_never_shown_it_does_not_know():
    memoriser = Memoriser(TASK).remember(DATA)
    recalled = memoriser.recall(asked([22, 21, 4]))  # targets 23 and 24; 22 and 23; 5 and 6
    assert recalled.isfinite().flatten(2).any(2).tolist() == [[False, False], [True, False], [False, False]]


def test_a_frame_that_shares_scenes_stands_for_the_date():
    near = Memoriser(TASK, composite_length=3).remember(DATA).recall(asked([22, 23, 24]))
    assert near.isfinite().flatten(2).any(2).tolist() == [[True, True], [True, False], [False, False]]
    far = Memoriser(TASK, composite_length=3).remember(DATA).recall(asked([3, 2, 4]))
    assert far.isfinite().flatten(2).any(2).tolist() == [[False, True], [False, False], [True, True]]


def test_where_it_remembers_nothing_it_is_the_climatology():
    memoriser, climatology = Memoriser(TASK).fit(DATA), registry.create("climatology", TASK).fit(DATA)
    later, within = asked([30, 40]), asked([10, 12])
    assert torch.equal(memoriser(later), climatology(later))
    recalled, forecast = memoriser.recall(within), memoriser(within)
    known = recalled.isfinite()
    assert torch.equal(forecast[known], recalled[known]) and torch.equal(forecast[~known], climatology(within)[~known])


def test_it_is_offered_to_nobody():
    assert "memoriser" not in registry.names()
