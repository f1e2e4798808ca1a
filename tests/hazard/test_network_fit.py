"""Days before floods are all trained on; others stand for all, and training leaves no trace in torch."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from glaciercast.hazard import network_fit


@given(floods=st.integers(1, 20), others=st.integers(1, 200), most=st.integers(1, 100), seed=st.integers(0, 9))
def test_drawn_days_keep_all_floods_and_the_base_rate(floods, others, most, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat([1.0, 0.0], [floods, others]))
    rows, weights = network_fit.drawn(labels, most, np.random.default_rng(seed))
    assert rows.size == np.unique(rows).size == floods + min(most, others)
    assert labels[rows].sum() == floods
    assert np.isclose(np.average(labels[rows], weights=weights), labels.mean())
    assert np.isclose(weights.sum(), labels.size)


def test_what_is_drawn_within_is_repeatable_and_outside_goes_on_as_before():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    found = []
    for _ in range(2):
        with network_fit.repeatable(11):
            assert torch.get_num_threads() == 1
            found.append(torch.rand(4))
    assert torch.equal(*found)
    assert torch.equal(torch.rand(3), expected)
