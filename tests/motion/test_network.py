"""The network of pairs: which dates pair up, the steps, and the shares of a pair in them, against slow loops."""

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.motion.network import YEAR, edges_of, network, pairs_of

DAY = np.timedelta64(1, "D")
EDGES = pd.date_range("2019-12-01", "2021-01-01", freq="MS")


def random_pairs(number: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    seconds = (EDGES[-1] - EDGES[0]).total_seconds()
    times = np.sort(rng.uniform(0, seconds, (number, 2)), axis=1).astype("int64")
    first, second = (EDGES[0].to_datetime64().astype("datetime64[ns]") + column.astype("timedelta64[s]") for column in times.T)
    return first, np.maximum(second, first + np.timedelta64(1, "h"))


def test_what_a_pair_sees_is_the_integral_of_the_linear_functions_of_the_edges_and_its_share_of_the_steps():
    first, second = random_pairs()
    found = network(first, second, EDGES)
    knots = ((EDGES - EDGES[0]) / pd.Timedelta("1D")).to_numpy()
    start, end = ((times - EDGES[0].to_datetime64()) / DAY for times in (first, second))
    by_step, design = np.zeros((len(first), len(EDGES) - 1)), np.zeros((len(first), len(EDGES)))
    for pair in range(len(first)):
        for step in range(len(EDGES) - 1):
            low, high = max(start[pair], knots[step]), min(end[pair], knots[step + 1])
            share = max(high - low, 0) / (end[pair] - start[pair])
            rise = ((low + high) / 2 - knots[step]) / (knots[step + 1] - knots[step])  # of the linear function at mid-overlap
            by_step[pair, step] = share
            design[pair, step] += share * (1 - rise)
            design[pair, step + 1] += share * rise
    np.testing.assert_allclose(found.by_step(), by_step, atol=1e-12)
    np.testing.assert_allclose(found.design(), design, atol=1e-12)
    np.testing.assert_allclose(found.span * YEAR, (second - first) / DAY)
    assert found.width == max(np.count_nonzero(row > 1e-13) for row in design) - 1


def test_a_pair_that_ends_on_an_edge_has_no_share_in_the_next_step():
    first, second = np.array(["2020-01-01", "2020-01-01"], "M8[ns]"), np.array(["2020-02-01", "2020-03-01"], "M8[ns]")
    shares = network(first, second, EDGES).by_step()
    assert shares[0].tolist() == [0, 1] + [0] * 11
    np.testing.assert_allclose(shares[1, 1:4], [31 / 60, 29 / 60, 0])


def test_pairs_are_all_dates_within_the_range_of_baselines():
    times = np.array(["2020-01-01", "2020-01-17", "2020-02-02", "2021-01-03", "2020-01-17"], "M8[ns]")
    earlier, later = pairs_of(times, 16, 33)
    expected = [(a, b) for b in range(5) for a in range(5) if 16 <= (times[b] - times[a]) / DAY <= 33]
    assert sorted(zip(earlier.tolist(), later.tolist(), strict=True)) == sorted(expected) and len(expected) == 5
    assert (np.diff(times[later]) >= np.timedelta64(0)).all()
    assert [tuple(times[[a, b]]) for a, b in zip(*pairs_of(times, 350, 380), strict=True)] == [
        (times[0], times[3]),
        (times[1], times[3]),
        (times[4], times[3]),
    ]
    with pytest.raises(InputError, match=r"none of 5 scenes pairs with another over 500 to 600 days"):
        pairs_of(times, 500, 600)
    with pytest.raises(InputError, match=r"expected 0 ≤ shortest ≤ longest"):
        pairs_of(times, 20, 10)


@pytest.mark.parametrize(
    ("cadence", "expected"),
    [
        ("MS", ["2020-01-01", "2020-02-01", "2020-03-01", "2020-04-01"]),
        ("16D", ["2020-01-05", "2020-01-21", "2020-02-06", "2020-02-22", "2020-03-09"]),
        ("YS", ["2020-01-01", "2021-01-01"]),
    ],
)
def test_steps_cover_the_pairs_and_no_more(cadence, expected):
    edges = edges_of(np.array(["2020-01-05T05:00"], "M8[ns]"), np.array(["2020-03-01T00:00:01"], "M8[ns]"), cadence)
    assert [str(edge.date()) for edge in edges] == expected


def test_an_end_on_an_edge_needs_no_further_step():
    edges = edges_of(np.array(["2020-01-01"], "M8[ns]"), np.array(["2020-03-01"], "M8[ns]"), "MS")
    assert [str(edge.date()) for edge in edges] == ["2020-01-01", "2020-02-01", "2020-03-01"]


@pytest.mark.parametrize("cadence", ["fortnightly", "6h", "-1D"])
def test_cadences_that_are_none_are_refused(cadence):
    with pytest.raises(InputError, match=f"cadence '{cadence}'"):
        edges_of(np.array(["2020-01-01"], "M8[ns]"), np.array(["2020-03-01"], "M8[ns]"), cadence)


def test_reversed_pairs_and_pairs_that_leave_the_steps_are_named():
    first, second = random_pairs(5)
    turned = second.copy()
    turned[3] = first[3]
    with pytest.raises(InputError, match=r"pair 3: expected a later second image"):
        network(first, turned, EDGES)
    with pytest.raises(InputError, match=r"pair \d: expected to lie between 2020-11-01"):
        network(first, second, EDGES[-3:])
    with pytest.raises(InputError, match=r"steps: expected three edges or more that increase, found 13 out of order"):
        network(first, second, EDGES[:-1][::-1])
