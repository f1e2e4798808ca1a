"""Forecasts of movement by value: known errors of known processes, nothing read after the issue, and the standard workflow agrees."""

import dataclasses

import numpy as np
import pytest
from tests.evaluate.moving import small_series, table

from glaciercast.errors import InputError
from glaciercast.evaluate import movement, movement_series
from glaciercast.patches import cache as caches
from glaciercast.patches import series as serieses
from glaciercast.sources import velocity_series, velocity_table
from glaciercast.sources.velocity_series import VelocitySeriesConfig
from glaciercast.training.config import TrainingConfig

pytestmark = pytest.mark.slow  # cubes are built and networks trained

QUICK = TrainingConfig(epochs=2)
SMALL = movement.MovementConfig(n_input=3, n_target=2, patch=1, stride=1, orders=(1, 2), learners=(), clusters="place")
TREES = movement.Learner(name="pixel_boosted", options={"samples": 2000, "rounds": 20, "pixels": 5, "around": 1})
UNET = movement.Learner(name="unet_time", residual="climatology", options={"widths": (4, 8)})


def walk(folder, steps=300, places=12, scale=(1.0, 3.0)):
    """Return random walks of steps of standard deviation 1 in vx and 3 in vy."""
    rng = np.random.default_rng(0)
    vx, vy = (np.cumsum(rng.normal(0, size, (steps, places)), axis=0) for size in scale)
    return movement_series.of_table(table(vx, vy), folder, SMALL.n_target)


def corrupted(series, issue: int, folder):
    """Return the series with nonsense in place of all that came after step `issue`."""
    values, observed = series.frames(range(series.n_steps))
    stack = np.concatenate([values, observed], axis=1)
    stack[issue + 1 :, : len(series.variables)] = 1e6
    cache = caches.write(folder, stack, len(stack), movement_series.CHANNELS, series.shape, f"corrupted after {issue}")
    return dataclasses.replace(series, cache=cache)


def test_persistence_of_a_random_walk_errs_by_its_steps_and_nothing_beats_it(tmp_path):
    """After h steps the mean square error is h in vx and 9 h in vy; climatology is far off; a momentum gains nothing."""
    found = movement.assess(walk(tmp_path), SMALL, tmp_path)
    kept = found["models"]["persistence"]
    np.testing.assert_allclose(kept["vx_by_lead"], [1, 2], rtol=0.15)
    np.testing.assert_allclose(kept["vy_by_lead"], [9, 18], rtol=0.15)
    np.testing.assert_allclose(kept["mse_by_lead"], [5, 10], rtol=0.15)
    assert kept["mse"] == pytest.approx(np.mean(kept["mse_by_lead"]))
    assert found["models"]["climatology"]["skill"] < -5 and abs(found["models"]["linear_ar+last"]["skill"]) < 0.05
    assert found["clusters"] == 12 and found["interval_note"].startswith("95 % intervals by bootstrap over 12 glaciers")
    low, high = found["models"]["climatology"]["interval"]
    assert low < found["models"]["climatology"]["skill"] < high < 0


@pytest.mark.parametrize("learner", [TREES, pytest.param(UNET, marks=pytest.mark.slow)], ids=lambda learner: learner.name)
def test_nothing_that_came_after_the_issue_changes_a_forecast_by_a_bit(tmp_path, learner):
    """All models, fitted on the training part, over a series with nonsense after the issue step, and fitted again with nonsense there."""
    path = movement_series.write_cube(small_series(), tmp_path / "cube.zarr")
    series = serieses.load(path, tmp_path / "cache", movement_series.COMPONENTS, 2)
    settings = SMALL.model_copy(update={"patch": 8, "stride": 1, "learners": (learner,), "training": QUICK, "clusters": "time"})
    bench = movement.Bench.of(series, settings)
    models = movement.fitted(bench, settings, tmp_path / "fits")
    issue = int(bench.split.issues("test")[1])
    after = corrupted(series, issue, tmp_path / "after")
    for name, model in models.items():
        before = movement.forecasts(model, series, bench.task, np.array([issue]))
        assert np.isfinite(before).all(), name
        np.testing.assert_array_equal(before, movement.forecasts(model, after, bench.task, np.array([issue])), err_msg=name)
    again = movement.fitted(movement.Bench.of(after, settings), settings, tmp_path / "again")
    for name, model in again.items():
        np.testing.assert_array_equal(
            movement.forecasts(models[name], series, bench.task, np.array([issue])),
            movement.forecasts(model, after, bench.task, np.array([issue])),
            err_msg=name,
        )


def test_a_place_that_is_left_out_is_unknown_to_what_forecasts_it(tmp_path):
    """Whatever the training part holds of the last place, its forecasts stay; the place that all others learn from changes theirs."""
    rng = np.random.default_rng(1)
    vx, vy = (rng.normal(level, 1, (90, 4)) for level in (20, -10))
    settings = SMALL.model_copy(update={"learners": (TREES,), "training": QUICK})
    found = []
    for number, shift in enumerate((0.0, 500.0)):
        moved = vx.copy()
        moved[:40, 3] += shift  # of the training part
        series = movement_series.of_table(table(moved, vy), tmp_path / f"cache{number}", 2)
        assert movement.Bench.of(series, settings).split.training_steps.stop >= 40
        found.append(movement.leave_one_out(series, settings, tmp_path / f"fits{number}"))
    for name in ("climatology", "damped_anomaly", "linear_trend", "linear_ar", "linear_ar+climatology", "pixel_boosted+last"):
        assert found[0]["models"][name]["mse"] != found[1]["models"][name]["mse"], name
    series = movement_series.of_table(table(vx, vy), tmp_path / "cache", 2)
    hidden = movement.without(series, 3, tmp_path / "hidden")
    data = movement.Bench.of(hidden, settings).data
    assert np.isnan(data.values[:, :, 3]).all() and not data.observed[:, :, 3].any()
    np.testing.assert_array_equal(data.values[:, :, :3], series.frames(range(len(data.values)))[0][:, :, :3])


def test_the_standard_workflow_gives_the_same_scores(tmp_path):
    """What `glaciercast benchmark` says of the cube is what is said here: one rule of splitting and scoring for all."""
    from glaciercast import workflow
    from glaciercast.patches.splits import WindowConfig
    from glaciercast.workflow.settings import BenchmarkConfig

    path = movement_series.write_cube(small_series(), tmp_path / "cube.zarr")
    windows = WindowConfig(targets=movement_series.COMPONENTS, n_input=3, n_target=2, patch=8, stride=4)
    theirs = workflow.benchmark(path, tmp_path / "run", BenchmarkConfig(windows=windows, models=()), final=True)
    series = serieses.load(path, tmp_path / "cache", movement_series.COMPONENTS, 2)
    ours = movement.assess(series, SMALL.model_copy(update={"patch": 8, "clusters": "time"}), tmp_path / "fits")
    assert theirs["site"]["note"] == ours["comment"] == movement_series.HINDCAST
    assert theirs["split"] == ours["split"]
    for name in movement.BASELINES:
        np.testing.assert_allclose(ours["models"][name]["mse_by_lead"], theirs["models"][name]["mse_by_lead"], rtol=1e-6, err_msg=name)


def test_the_real_surge_and_the_real_glaciers_are_scored_by_hand(real_data, tmp_path):
    """Persistence of Lowell at thirty days, and last year's quarter of the glaciers, by a loop of one's own."""
    lowell = real_data("lowell_surge/Lowell_example_interp.nc")
    months = velocity_series.thinned(velocity_series.read(lowell, VelocitySeriesConfig(title="Lowell")), 6)
    series = serieses.load(movement_series.write_cube(months, tmp_path / "c.zarr"), tmp_path / "m", movement_series.COMPONENTS, 2)
    settings = SMALL.model_copy(update={"clusters": "time"})
    found = movement.assess(series, settings, tmp_path / "fits")
    issues = movement.Bench.of(series, settings).split.issues("test")
    errors = [(months[name].values[issues + 1] - months[name].values[issues]) ** 2 for name in ("vx", "vy")]
    assert found["models"]["persistence"]["mse_by_lead"][0] == pytest.approx(np.mean(errors), rel=1e-5)
    assert "bootstrap interval would be too narrow" in found["interval_note"]
    glaciers = velocity_table.read(real_data("itslive_hma/regional_quarterly_velocity.csv.gz"))
    quarters = movement_series.of_table(glaciers, tmp_path / "q", 2)
    assert quarters.n_steps == 154 and quarters.shape == (14, 1) and quarters.period == 4
    found = movement.assess(quarters, SMALL, tmp_path / "fits")
    issues = movement.Bench.of(quarters, SMALL).split.issues("test")
    errors = [(glaciers[name].values[issues + 1] - glaciers[name].values[issues - 3]) ** 2 for name in ("vx", "vy")]
    assert found["models"]["same_season"]["mse_by_lead"][0] == pytest.approx(np.mean(errors), rel=1e-4)


def test_other_series_are_refused(tmp_path):
    series = dataclasses.replace(walk(tmp_path), variables=("speed", "vx"))
    with pytest.raises(InputError, match="movement: expected the variables vx, vy, found speed, vx"):
        movement.assess(series, SMALL, tmp_path)
    cube = movement_series.write_cube(small_series(), tmp_path / "cube.zarr")
    wide = serieses.load(cube, tmp_path / "cache", movement_series.COMPONENTS, 2)
    with pytest.raises(InputError, match="leave one out: expected a series of several places side by side"):
        movement.leave_one_out(wide, SMALL, tmp_path)
    with pytest.raises(InputError, match=r"step: expected whole days, found 2\.5"):
        movement_series.write_cube(small_series().assign_attrs(step_days=2.5), tmp_path / "half.zarr")
