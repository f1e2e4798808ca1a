"""The censored fit: least squares where nothing is censored, the same maximum as a general optimiser's, and the truth behind a ceiling."""

import numpy as np
import pytest
from scipy import optimize
from scipy.stats import norm

from glaciercast.errors import InputError
from glaciercast.stats import censored


def made(n, seed=0, sigma=3.0):
    rng = np.random.default_rng(seed)
    columns = np.stack([np.ones(n), rng.uniform(-1, 1, n)], axis=1)
    return columns, columns @ [270.0, 5.0] + sigma * rng.standard_normal(n)


def test_without_a_ceiling_it_is_least_squares_and_its_spread():
    columns, values = made(200)
    found = censored.fit(columns, values, np.zeros(200, bool))
    beta = np.linalg.lstsq(columns, values, rcond=None)[0]
    assert found.coefficients == pytest.approx(beta, abs=1e-8)
    assert found.sigma == pytest.approx(np.sqrt(np.mean((values - columns @ beta) ** 2)), rel=1e-8)


def test_the_squared_influence_is_then_whites_variance():
    columns, values = made(200)
    found = censored.fit(columns, values, np.zeros(200, bool))
    rest = values - columns @ found.coefficients
    bread = np.linalg.inv(columns.T @ columns)
    white = bread @ (columns.T * rest**2) @ columns @ bread
    assert (found.influence.T @ found.influence)[1, 1] == pytest.approx(white[1, 1], rel=1e-6)
    assert found.influence.sum(axis=0) == pytest.approx([0, 0], abs=1e-8)


def test_the_maximum_is_that_of_a_general_optimiser():
    columns, values = made(300, seed=2)
    above = values > 272
    seen = np.where(above, 272.0, values)

    def loss(p):
        mean, sigma = columns @ p[:2], np.exp(p[2])
        return -(norm.logpdf(seen, mean, sigma)[~above].sum() + norm.logsf(272, mean, sigma)[above].sum())

    best = optimize.minimize(loss, [270, 0, 1], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000}).x
    found = censored.fit(columns, seen, above)
    assert found.coefficients == pytest.approx(best[:2], abs=1e-4)
    assert found.sigma == pytest.approx(np.exp(best[2]), abs=1e-4)


def test_the_slope_behind_the_ceiling_comes_back_and_ignoring_it_halves_the_slope():
    columns, values = made(20000, seed=3)
    above = values > 270
    seen = np.where(above, 270.0, values)
    assert censored.fit(columns, seen, above).coefficients[1] == pytest.approx(5, abs=0.2)
    assert np.linalg.lstsq(columns, seen, rcond=None)[0][1] < 3


def test_too_little_below_the_ceiling_is_refused():
    columns, values = made(50)
    with pytest.raises(InputError, match=r"4 values or more below the threshold.*found 0"):
        censored.fit(columns, values, np.ones(50, bool))
    with pytest.raises(InputError, match="no spread"):
        censored.fit(columns, np.full(50, 3.0), np.zeros(50, bool))
