"""The loss counts what was observed, in normalised units."""

import numpy as np
import pytest
import torch
from tests.models.batches import batch, task

from glaciercast.training.loss import weighted_squares


def test_it_equals_a_loop_and_never_sees_what_was_not_observed():
    given, std = batch(task(variables=("ndsi", "ndwi"))), torch.tensor([0.5, 4.0])
    prediction = torch.randn(given.target.shape)
    squares = total = 0.0
    for index in np.ndindex(tuple(prediction.shape)):
        weight = given.target_weight[index].item()
        if weight > 0:
            squares += weight * ((prediction[index].item() - given.target[index].item()) / std[index[2]].item()) ** 2
            total += weight
    assert given.target.isnan().any()
    found = weighted_squares(prediction, given.target, given.target_weight, std)
    assert [value.item() for value in found] == pytest.approx([squares, total], rel=1e-4)


def test_its_gradient_is_zero_where_nothing_was_observed():
    given = batch(task())
    prediction = torch.randn(given.target.shape, requires_grad=True)
    squares, weight = weighted_squares(prediction, given.target, given.target_weight, torch.ones(1))
    (squares / weight).backward()
    assert prediction.grad.isfinite().all()
    torch.testing.assert_close(prediction.grad == 0, given.target_weight == 0)
