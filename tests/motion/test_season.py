"""Season and trend: closed forms, spans undone, errors that hold."""

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.motion.season import clustered, design, fit

DAY = np.timedelta64(1, "D")
ORIGIN = np.datetime64("2000-01-01", "ns")


def spans(number=400, longest=300.0, seed=0):
    """Return begins and ends of random spans, and both in years of 365.25 days from 2000."""
    rng = np.random.default_rng(seed)
    begin = rng.uniform(18 * 365.25, 24 * 365.25, number)
    end = begin + rng.uniform(5, longest, number)
    first, second = (ORIGIN + (days * 86400e9).astype("timedelta64[ns]") for days in (begin, end))
    return first, second, begin / 365.25, end / 365.25


def observed(begin, end, mean, trend, amplitude, peak_day, middle):
    """Return the mean over each span of mean + trend·(t − middle) + amplitude·cos 2π(t − peak), integrated by hand."""
    phase = peak_day / 365.25

    def integral(t):
        return mean * t + trend * (t - middle) ** 2 / 2 + amplitude * np.sin(2 * np.pi * (t - phase)) / (2 * np.pi)

    return (integral(end) - integral(begin)) / (end - begin)


def test_mean_trend_amplitude_and_day_of_the_peak_come_back_whatever_the_spans():
    first, second, begin, end = spans()
    middle = (begin.min() + end.max()) / 2
    truth = [(100.0, -5.0, 30.0, 180.0), (20.0, 2.0, 4.0, 3.5), (0.0, 0.0, 8.0, 360.0)]
    values = np.stack([observed(begin, end, *one, middle) for one in truth], axis=1)
    found = fit(values, np.ones_like(values), first, second)
    for name, expected in zip(("mean", "trend", "amplitude", "peak_day"), zip(*truth, strict=True), strict=True):
        np.testing.assert_allclose(getattr(found, name), expected, atol=1e-6)
    assert found.scale.max() < 1e-9 and (found.observations == 400).all()


def test_a_regular_series_is_fitted_by_its_steps():
    edges = pd.date_range("2018-01-01", "2022-01-01", freq="MS").to_numpy()
    begin, end = ((e - ORIGIN) / DAY / 365.25 for e in (edges[:-1], edges[1:]))
    values = observed(begin, end, 50.0, 1.0, 10.0, 200.0, (begin[0] + end[-1]) / 2)
    found = fit(values, np.ones_like(values), edges[:-1], edges[1:])
    assert found.amplitude == pytest.approx(10) and found.peak_day == pytest.approx(200) and found.trend == pytest.approx(1)
    date = ORIGIN + np.timedelta64(round(20 * 365.25 * 86400), "s") + np.timedelta64(200, "D")
    assert pd.Timestamp(date).strftime("%m-%d") == "07-19"  # the day that is the 200th after New Year


def test_weights_and_errors_are_those_of_weighted_least_squares():
    first, second, begin, end = spans(60)
    rng = np.random.default_rng(1)
    error = rng.uniform(1, 5, 60)
    values = observed(begin, end, 80.0, 3.0, 12.0, 100.0, 21.0) + rng.normal(0, error)
    found = fit(values, error, first, second)
    middle, span = (begin + end) / 2, end - begin
    damping = np.sin(np.pi * span) / (np.pi * span)
    centre = (begin.min() + end.max()) / 2
    design = np.stack([np.ones(60), middle - centre, damping * np.cos(2 * np.pi * middle), damping * np.sin(2 * np.pi * middle)], axis=1)
    solution, squares, *_ = np.linalg.lstsq(design / error[:, None], values / error, rcond=None)
    assert found.mean == pytest.approx(solution[0]) and found.amplitude == pytest.approx(np.hypot(*solution[2:]))
    covariance = np.linalg.inv(design.T @ (design / error[:, None] ** 2)) * squares[0] / 56
    assert found.trend_error == pytest.approx(np.sqrt(covariance[1, 1])) and found.scale == pytest.approx(np.sqrt(squares[0] / 56))


def test_errors_are_those_that_are_made():
    first, second, begin, end = spans(80)
    rng = np.random.default_rng(2)
    middle = (begin.min() + end.max()) / 2
    error = np.broadcast_to(rng.uniform(1, 6, (80, 1)), (80, 3000))
    values = observed(begin, end, 100.0, -2.0, 15.0, 250.0, middle)[:, None] + 2 * error * rng.normal(size=error.shape)
    found = fit(values, error, first, second)
    truth = {"mean": 100.0, "trend": -2.0, "amplitude": 15.0, "peak_day": 250.0}
    for name, expected in truth.items():
        scores = (getattr(found, name) - expected) / getattr(found, f"{name}_error")
        assert 0.95 < scores.std() < 1.07, name
    assert found.scale.mean() == pytest.approx(2, rel=0.01)


def test_too_few_observations_and_gaps_have_no_fit():
    first, second, begin, _end = spans(40)
    values = np.stack([begin, begin, begin], axis=1)
    values[11:, 1] = np.nan
    error = np.ones_like(values)
    error[:, 2] = np.nan
    found = fit(values, error, first, second)
    assert np.isfinite(found.trend).tolist() == [True, False, False] and found.observations.tolist() == [40, 11, 0]
    same = fit(values[:, :1] * 0 + 1, error[:, :1], np.repeat(first[:1], 40), np.repeat(second[:1], 40))
    assert np.isnan(same.mean).all()  # one span forty times tells neither trend nor season


def test_bad_input_is_refused():
    first, second, begin, _ = spans(20)
    with pytest.raises(InputError, match=r"season: expected values, errors and spans of one length"):
        fit(begin, begin, first[:5], second[:5])
    with pytest.raises(InputError, match=r"season: expected spans whose end is after their begin"):
        fit(begin, begin, second, first)


def test_the_season_over_spans_is_the_mean_of_its_curve():
    rng = np.random.default_rng(3)
    first = np.datetime64("2018-01-01", "ns") + rng.integers(0, 900, 80) * np.timedelta64(1, "D")
    second = first + rng.integers(5, 300, 80) * np.timedelta64(1, "D")
    begin, end = ((times - np.datetime64("2000-01-01", "ns")) / np.timedelta64(1, "D") for times in (first, second))
    days = begin[:, None] + (end - begin)[:, None] * (np.arange(4000) + 0.5) / 4000
    seasonal = (30 * np.cos(2 * np.pi * (days - 120) / 365.25)).mean(axis=1)
    values = np.stack([100 + seasonal, np.full(80, np.nan)], axis=1)
    found = fit(values, np.ones_like(values), first, second).over(first, second)
    np.testing.assert_allclose(found[:, 0], seasonal, atol=1e-3)
    assert (found[:, 1] == 0).all()  # where there is no fit, there is no season


def clustered_case():
    """Return 60 uneven spans over nine years in clusters of a year, with errors of different size."""
    rng = np.random.default_rng(0)
    begin = np.sort(rng.uniform(0, 9, 60))
    first, second = (ORIGIN + (years * 365.25 * 86400e9).astype("timedelta64[ns]") for years in (begin, begin + rng.uniform(0.02, 0.5, 60)))
    error = rng.uniform(1, 4, 60)
    return rng.normal(0, error) + 10 * np.cos(2 * np.pi * begin), error, first, second, begin.astype(int)


def test_errors_of_clusters_are_those_of_bell_and_mccaffrey_by_whole_matrices():
    """CR2 and Satterthwaite's degrees of freedom, with the n×n matrices that the module never forms."""
    values, error, first, second, cluster = clustered_case()
    found = clustered(values, error, first, second, cluster)
    whitened = design(first, second) / error[:, None]
    inverse = np.linalg.inv(whitened.T @ whitened)
    hat = whitened @ inverse @ whitened.T
    best = inverse @ whitened.T @ (values / error)
    left = values / error - whitened @ best
    covariance, arms = np.zeros((4, 4)), []
    for number in range(9):
        own = cluster == number
        share, axes = np.linalg.eigh(np.eye(own.sum()) - hat[np.ix_(own, own)])
        turned = axes @ np.diag(share**-0.5) @ axes.T
        moved = inverse @ whitened[own].T @ turned @ left[own]
        covariance += np.outer(moved, moved)
        arms.append(np.eye(60)[:, own] @ turned @ whitened[own] @ inverse)
    angle, freedom = np.arctan2(best[3], best[2]), []
    for turn in (angle, angle + np.pi / 2):
        pulls = np.stack([(np.eye(60) - hat) @ arm @ [0, 0, np.cos(turn), np.sin(turn)] for arm in arms])
        products = pulls @ pulls.T
        freedom.append(np.trace(products) ** 2 / (products**2).sum())
    along = np.array([0, 0, np.cos(angle), np.sin(angle)])
    plain = fit(values, error, first, second)
    assert found.fit.amplitude_error == pytest.approx(max(np.sqrt(along @ covariance @ along), plain.amplitude_error))
    assert found.fit.trend_error == pytest.approx(max(np.sqrt(covariance[1, 1]), plain.trend_error))
    assert found.freedom == pytest.approx(min(freedom)) and found.clusters == 9 and 4 < found.freedom < 8
    assert found.fit.amplitude == plain.amplitude and found.fit.peak_day == plain.peak_day


def test_a_harmonic_is_as_likely_by_chance_as_many_draws_of_noise_say():
    """Of 200 draws of noise without a season as many lie below each probability as it says."""
    _, error, first, second, _ = clustered_case()
    rng = np.random.default_rng(1)
    chance = [clustered(rng.normal(0, error), error, first, second).chance for _ in range(200)]
    assert np.mean(np.array(chance) < 0.5) == pytest.approx(0.5, abs=0.08) and np.mean(np.array(chance) < 0.05) == pytest.approx(
        0.05, abs=0.03
    )
    assert clustered(*clustered_case()).chance < 1e-3


def test_what_rests_on_one_cluster_alone_has_no_finite_error():
    values, error, first, second, _ = clustered_case()
    found = clustered(values, error, first, second, np.zeros(60, int))
    assert np.isinf(found.fit.amplitude_error) and found.chance == 1.0
