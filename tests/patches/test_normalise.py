"""Statistics come from observed values alone."""

import numpy as np
import pytest

from glaciercast.errors import InputError
from glaciercast.patches import normalise


def test_filled_and_missing_values_do_not_count():
    values = np.array([1.0, 3.0, 99.0, np.nan], "float32").reshape(4, 1, 1, 1)
    observed = np.array([1.0, 1.0, 0.0, 1.0], "float32").reshape(4, 1, 1, 1)
    stats = normalise.fit(values, observed)
    assert stats.mean.tolist() == [2.0] and stats.std.tolist() == [1.0]


@pytest.mark.parametrize(("value", "seen", "message"), [(1.0, 0.0, "no observed value"), (1.0, 1.0, "one and the same value")])
def test_what_cannot_be_normalised_is_refused(value, seen, message):
    shape = (2, 1, 3, 3)
    with pytest.raises(InputError, match=message):
        normalise.fit(np.full(shape, value, "float32"), np.full(shape, seen, "float32"))


def frames(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal([[[0.3]], [[120.0]]], [[[0.2]], [[40.0]]], (6, 2, 20, 15)).astype("float32"), rng.random(
        (6, 2, 20, 15), dtype="float32"
    )


def test_statistics_equal_weighted_means() -> None:
    values, observed = frames()
    stats = normalise.fit(values, observed)
    assert stats.mean.dtype == stats.std.dtype == np.float32
    for v in range(2):
        x, w = values[:, v].astype("float64").ravel(), observed[:, v].astype("float64").ravel()
        mean = np.average(x, weights=w)
        assert stats.mean[v] == pytest.approx(mean, rel=1e-6)
        assert stats.std[v] == pytest.approx(np.sqrt(np.average((x - mean) ** 2, weights=w)), rel=1e-6)


def test_two_values_have_their_closed_form() -> None:
    values = np.array([2.0, 6.0, 1e6], "float32").reshape(3, 1, 1, 1)
    observed = np.array([3.0, 1.0, 0.0], "float32").reshape(3, 1, 1, 1)
    stats = normalise.fit(values, observed)
    assert stats.mean.tolist() == [3.0]
    assert stats.std[0] == pytest.approx(np.sqrt(3))


def test_a_variable_that_was_never_observed_is_refused() -> None:
    values, observed = frames()
    observed[:, 1] = 0
    with pytest.raises(InputError, match="no observed value"):
        normalise.fit(values, observed)
    with pytest.raises(InputError, match="no observed value"):
        normalise.fit(np.full_like(values, np.nan), np.ones_like(observed))


@pytest.mark.parametrize("constant", [0.0, 0.1, -273.15, 1e-6])
def test_a_variable_that_does_not_vary_is_refused_whatever_its_rounding(constant: float) -> None:
    _, observed = frames()
    with pytest.raises(InputError, match="one and the same value"):
        normalise.fit(np.full_like(observed, constant), observed)


def test_small_variation_around_zero_is_variation() -> None:
    values, observed = frames()
    stats = normalise.fit((values[:, :1] - 0.3) * 1e-12, observed[:, :1])
    assert stats.std[0] == pytest.approx(0.2e-12, rel=0.1)


def test_an_infinite_value_is_refused() -> None:
    values, observed = frames()
    values[0, 0, 0, 0] = np.inf
    with pytest.raises(InputError, match="infinite value"):
        normalise.fit(values, observed)
