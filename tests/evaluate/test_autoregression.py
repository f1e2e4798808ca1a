"""Linear autoregression against processes whose coefficients and errors are known, and against a least-squares fit of one's own."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.evaluate import movement, movement_series
from glaciercast.evaluate.autoregression import LinearAR
from glaciercast.models import registry

SETTINGS = movement.MovementConfig(n_input=4, n_target=3, patch=1, orders=(1, 2, 3), learners=())
PHI, LEVEL = 0.8, 50.0


def table(values: np.ndarray) -> xr.Dataset:
    """Return quarterly series (time, glacier) of vx, and vy that is its negative."""
    time = pd.date_range("1700-01-01", periods=len(values), freq="QS")
    dims = ("time", "glacier")
    made = xr.Dataset({"vx": (dims, values), "vy": (dims, -values)}, {"time": time, "glacier": np.arange(values.shape[1])})
    return made.assign_attrs(cadence="QS", title="made", attribution="")


def bench(folder, values: np.ndarray, settings=SETTINGS) -> movement.Bench:
    return movement.Bench.of(movement_series.of_table(table(values), folder, settings.n_target), settings)


def fitted(made: movement.Bench, of="levels", orders=(1, 2, 3), **changes) -> LinearAR:
    climatology = registry.create("climatology", made.task).fit(made.data) if of == "climatology" else None
    return LinearAR(made.task, of, climatology, orders, **changes).fit_on(made.series, made.split, made.data)


def first_order(steps=1000, places=40, phi=PHI, seed=0) -> np.ndarray:
    """Return x(t) = φ x(t − 1) + ε about a level, ε of standard deviation 1."""
    noise = np.random.default_rng(seed).normal(size=(steps + 100, places))
    for step in range(1, len(noise)):
        noise[step] += phi * noise[step - 1]
    return LEVEL + noise[100:]


def test_the_coefficient_of_a_first_order_process_is_recovered_at_every_lead(tmp_path):
    """The best forecast is m + φ^h (x − m): the coefficient of lag 0 is φ^h and the others are 0."""
    made = bench(tmp_path, first_order())
    found = fitted(made, orders=(3,), penalties=(1e-6,)).coefficients[:, 0].numpy()
    for lead in range(3):
        np.testing.assert_allclose(found[lead, 1:], [PHI ** (lead + 1), 0, 0], atol=0.03)
    # and the error of its forecasts is that of the process: (1 − φ^2h)/(1 − φ²)
    issues = made.split.issues("test")
    forecast = movement.forecasts(fitted(made), made.series, made.task, issues)
    errors = np.nanmean((forecast - movement.truth_of(made.series, issues, 3)) ** 2, axis=(0, 2, 3, 4))
    np.testing.assert_allclose(errors, [(1 - PHI ** (2 * lead)) / (1 - PHI**2) for lead in (1, 2, 3)], rtol=0.1)


@pytest.mark.parametrize("of", ["levels", "changes"])
def test_coefficients_are_those_of_least_squares_over_all_windows_of_the_training_part(tmp_path, of):
    values = first_order(120, 3)
    values[40, 1] = np.nan
    made = bench(tmp_path, values)
    found = fitted(made, of, orders=(2,), penalties=(1e-9,)).coefficients[:, 0].double().numpy()
    level = np.nanmean(values[: made.split.training_steps.stop].astype("float32"))
    for lead in (1, 2, 3):
        rows, wanted = [], []
        for issue in made.split.issues("train"):
            for place in range(3):
                y = values[issue - np.arange(3), place] - level
                x = y[:2] if of == "levels" else y[:2] - y[1:]
                future = values[issue + lead, place] - level - (y[0] if of == "changes" else 0)
                if np.isfinite([*x, future]).all():
                    rows.append([1, *x])
                    wanted.append(future)
        expected = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0]
        np.testing.assert_allclose(found[lead - 1], expected, atol=2e-4)


def test_a_season_on_top_is_no_hindrance_to_departures_from_the_climatology(tmp_path):
    """With a strong season, departures keep φ; the mean that they depart from leaves each year out, so that φ is not too small."""
    season = 30 * np.cos(np.arange(1000) * np.pi / 2)[:, None]
    made = bench(tmp_path, first_order() + season)
    found = fitted(made, "climatology", orders=(1,), penalties=(1e-6,))
    np.testing.assert_allclose(found.coefficients[:, 0, 1], [PHI, PHI**2, PHI**3], atol=0.03)
    issues = made.split.issues("test")
    truth = movement.truth_of(made.series, issues, 3)
    error = np.mean((movement.forecasts(found, made.series, made.task, issues) - truth) ** 2, axis=(0, 2, 3, 4))
    np.testing.assert_allclose(error, [(1 - PHI ** (2 * lead)) / (1 - PHI**2) for lead in (1, 2, 3)], rtol=0.1)


def test_a_steady_rise_is_carried_on_by_changes(tmp_path):
    """What rises by 2 a step, with a little noise, is forecast on its line far beyond all that was trained on; levels are not."""
    rng = np.random.default_rng(1)
    line = 2.0 * np.arange(120)[:, None] + np.arange(4) * 5 + 0.01 * rng.normal(size=(120, 4))
    made = bench(tmp_path, line)
    issues = made.split.issues("test")
    forecast = movement.forecasts(fitted(made, "changes"), made.series, made.task, issues)
    np.testing.assert_allclose(forecast, movement.truth_of(made.series, issues, 3), atol=0.1)


def test_the_order_is_chosen_on_the_validation_part(tmp_path):
    """x(t) = 0.9 x(t − 3) + ε: only the order 3 sees where it comes from."""
    noise = np.random.default_rng(2).normal(size=(300, 10))
    for step in range(3, 300):
        noise[step] += 0.9 * noise[step - 3]
    found = fitted(bench(tmp_path, noise))
    assert {order for order, _ in found.chosen[0]} == {3} and 1 not in {order for order, _ in found.chosen[1]}


def test_what_is_missing_counts_as_the_mean_or_as_no_change(tmp_path):
    made = bench(tmp_path, first_order(200, 3))
    model, changes = fitted(made, orders=(2,)), fitted(made, "changes", orders=(2,))
    values, observed = made.series.frames(range(made.series.n_steps))
    values = values.copy()
    values[-1, :, 1] = np.nan
    gone = dataclasses.replace(made.series, cache=movement.caches.write(
        tmp_path / "gone", np.concatenate([values, observed], axis=1), len(values), movement.CHANNELS, made.series.shape, "gone"
    ))  # fmt: skip
    issue = np.array([made.series.n_steps - 1])
    before, level = float(values[-2, 0, 1, 0]), float(model.level[0])
    coefficients = model.coefficients[:, 0].numpy()
    forecast = movement.forecasts(model, gone, made.task, issue)[0, :, 0, 1, 0]
    np.testing.assert_allclose(forecast, level + coefficients[:, 0] + coefficients[:, 2] * (before - level), rtol=1e-5)
    earlier = before - float(values[-3, 0, 1, 0])
    coefficients = changes.coefficients[:, 0].numpy()
    forecast = movement.forecasts(changes, gone, made.task, issue)[0, :, 0, 1, 0]
    np.testing.assert_allclose(forecast, level + coefficients[:, 0] + coefficients[:, 2] * earlier, rtol=1e-5)


def test_orders_that_windows_do_not_reach_are_left_out_or_refused(tmp_path):
    made = bench(tmp_path, first_order(120, 2))
    assert LinearAR(made.task, "levels", orders=(1, 4, 9)).orders == (1, 4)
    assert LinearAR(made.task, "changes", orders=(1, 4)).orders == (1,)
    with pytest.raises(InputError, match="orders: expected some from 1 to 4, found 9"):
        LinearAR(made.task, "levels", orders=(9,))
    with pytest.raises(InputError, match="autoregression of climatology: expected a climatology"):
        LinearAR(made.task, "climatology")
    values = first_order(120, 2)
    values[::3] = np.nan
    torn = bench(tmp_path / "torn", values)
    with pytest.raises(GlaciercastError, match="linear_ar: no whole window of some variable was observed"):
        fitted(torn)
    assert bool(torch.isfinite(fitted(torn, orders=(1,)).coefficients).all())
