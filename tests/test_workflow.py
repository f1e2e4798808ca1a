"""The chain as a user runs it: on made scenes, killed and resumed, with the future corrupted."""

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from html import unescape
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
import yaml

from glaciercast import grid, runs, store, workflow
from glaciercast.align.settings import AlignConfig
from glaciercast.config import Config
from glaciercast.errors import InputError, LeakError, RunFolderError
from glaciercast.evaluate import scoring
from glaciercast.forecast import scenes as scene_forecasts
from glaciercast.patches import series as serieses
from glaciercast.patches.splits import WindowConfig
from glaciercast.report.tables import winner_sentence
from glaciercast.training.config import TrainingConfig
from glaciercast.workflow import model_cells, showcase, steps
from glaciercast.workflow.workbench import BASELINES, Workbench

SETTINGS = workflow.BenchmarkConfig(
    windows=WindowConfig(n_input=2, n_target=1, patch=8, stride=4, fractions=(0.5, 0.2, 0.3)),
    models=(workflow.parse_model("unet_time+climatology"),),
    training=TrainingConfig(epochs=2, batch_size=16),
)
N_MONTHS = 40


@pytest.fixture
def cube(scenes, tmp_path):
    """An aligned cube of made scenes, with a month that was not seen."""
    scenes.add_months(N_MONTHS)
    (scenes.folder / "scene_20150615.tif").unlink()
    workflow.build(scenes.save(), tmp_path / "run")
    workflow.align(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def workbench(cube, tmp_path):
    return Workbench.open(cube, tmp_path / "bench", SETTINGS)


def test_the_baselines_in_the_table_equal_plain_numpy(cube, tmp_path):
    results = workflow.benchmark(cube, tmp_path / "bench", SETTINGS.model_copy(update={"models": ()}), final=True)
    aligned = store.open_cube(cube)["aligned"].to_dataset().load()
    values, seen = aligned.ndsi.values.astype("float64"), aligned.ndsi_observed.values
    first, last = (int(np.flatnonzero(aligned.time.dt.strftime("%Y-%m").values == month)[0]) for month in results["split"]["test"])
    targets = np.arange(first, last + 1)
    train_end = int(np.flatnonzero(aligned.time.dt.strftime("%Y-%m").values == results["split"]["train"][1])[0])
    months = aligned.time.dt.month.values - 1
    climatology = np.stack(
        [
            values[: train_end + 1][months[: train_end + 1] == m].mean(0, where=seen[: train_end + 1][months[: train_end + 1] == m] > 0)
            for m in range(12)
        ]
    )
    forecasts = {"persistence": values[targets - 1], "same_season": values[targets - 12], "climatology": climatology[months[targets]]}
    for name, forecast in forecasts.items():
        weight = seen[targets]
        expected = (weight * (forecast - values[targets]) ** 2).sum() / weight.sum()
        assert results["models"][name]["mse"] == pytest.approx(expected, rel=1e-4), name
    assert set(results["models"]) == set(BASELINES)
    best = results["best_baseline"]
    assert results["models"][best]["skill"] == 0 and all(model["skill"] <= 0 for model in results["models"].values())


def test_corrupting_what_was_not_available_leaves_every_forecast_bit_for_bit(cube, tmp_path, workbench):
    """All models are fitted on the training part and forecast the test part; then everything after the issue time becomes noise."""
    issue = int(workbench.split.issues("test")[0])
    before = {
        spec.label: scene_forecasts.forecast_scene(workbench.model(spec)[0], workbench.series, workbench.task, issue)
        for spec in workbench.specs()
    }
    spoiled = workbench.series.cache
    raw = np.memmap(spoiled.path / "data.bin", dtype="float32", mode="r+", shape=spoiled.tiles.shape)
    raw[:, :, issue + 1 :] = np.random.default_rng(0).normal(size=raw[:, :, issue + 1 :].shape)
    raw.flush()
    facts = runs.read_json(spoiled.path / "cache.json")  # as if the cube had held the noise
    runs.write_json(spoiled.path / "cache.json", facts | {"sha256": hashlib.sha256((spoiled.path / "data.bin").read_bytes()).hexdigest()})
    after_bench = Workbench.open(cube, tmp_path / "bench", SETTINGS)
    assert not np.array_equal(
        *(series.frames(range(issue + 1, issue + 2))[0] for series in (serieses.load(cube, tmp_path / "clean"), after_bench.series))
    )
    (tmp_path / "bench" / "models").rename(tmp_path / "bench" / "models-before")  # fit all over again
    for spec in after_bench.specs():
        after = scene_forecasts.forecast_scene(after_bench.model(spec)[0], after_bench.series, after_bench.task, issue)
        np.testing.assert_array_equal(before[spec.label], after, err_msg=spec.label)


def test_corrupting_the_training_part_does_change_them(cube, tmp_path, workbench):
    """The check above can fail: what a forecast does read changes it."""
    issue = int(workbench.split.issues("test")[0])
    spec = workflow.ModelSpec(name="persistence")
    before = scene_forecasts.forecast_scene(workbench.model(spec)[0], workbench.series, workbench.task, issue)
    cache = workbench.series.cache
    raw = np.memmap(cache.path / "data.bin", dtype="float32", mode="r+", shape=cache.tiles.shape)
    raw[:, :, issue] += 0.1
    raw.flush()
    assert not np.array_equal(before, scene_forecasts.forecast_scene(workbench.model(spec)[0], workbench.series, workbench.task, issue))


def test_a_frame_in_the_history_that_came_after_the_issue_time_stops_the_forecast(workbench):
    forecaster, _ = workbench.model(workflow.ModelSpec(name="persistence"))
    late = workbench.series.available_at.copy()
    late[15] = late[-1]
    with pytest.raises(LeakError, match="step 15 was available at"):
        scene_forecasts.forecast_scene(forecaster, dataclasses.replace(workbench.series, available_at=late), workbench.task, 16)


def test_scoring_part_by_part_equals_scoring_all(workbench):
    spec = workflow.ModelSpec(name="same_season")
    forecaster, _ = workbench.model(spec)
    sums = scoring.score(forecaster, spec.label, workbench.series, workbench.task, workbench.split).errors
    assert sums.weight.shape == (len(workbench.split.issues("test")), 1)
    assert sums.weight.max() == 16 * 16


def test_a_forecast_is_in_its_place_and_time_and_reads_only_what_was_there(cube, tmp_path):
    trained = workflow.train(cube, workflow.parse_model("unet_time+climatology"), tmp_path / "model", SETTINGS)
    made = workflow.forecast(cube, trained["model"], tmp_path / "forecast", issue_time="2017-01-20")
    assert made["valid"] == ["2017-01-01"] and made["issue_time"].startswith("2017-01-01")
    with rasterio.open(made["geotiffs"][0]) as file:
        assert file.crs.to_epsg() == 32643 and file.transform.c == 500000 and file.transform.f == 4000000 and file.res == (30, 30)
        assert (
            file.tags()["valid_time"] == "2017-01-01" and file.tags()["issue_time"].startswith("2017-01-01") and file.tags()["units"] == "1"
        )
        pixels = file.read(1)
    with xr.open_dataset(made["netcdf"], decode_coords="all") as dataset:
        assert dataset.ndsi.attrs["units"] == "1" and grid.of(dataset, "forecast").crs.epsg == 32643
        np.testing.assert_array_equal(dataset.ndsi.values[0], pixels)
        assert np.isfinite(pixels).all()
    latest = workflow.forecast(cube, trained["model"], tmp_path / "latest")
    assert latest["valid"] == ["2017-05-01"]
    with pytest.raises(LeakError, match="issue time 2015-06-01: the model was fitted on frames up to 2016"):
        workflow.forecast(cube, trained["model"], tmp_path / "leak", issue_time="2015-06-10")
    with pytest.raises(InputError, match="issue time 2014-03-01: 2 steps were available by then, expected at least 12"):
        workflow.forecast(cube, trained["model"], tmp_path / "early", issue_time="2014-03-01")


@pytest.mark.slow
def test_a_model_that_states_a_spread_writes_its_quantiles_and_goes_on_from_its_own_forecasts(cube, tmp_path):
    spec = workflow.ModelSpec(name="unet_time", residual="climatology", head="gaussian")
    trained = workflow.train(cube, spec, tmp_path / "model", SETTINGS)
    made = workflow.forecast(cube, trained["model"], tmp_path / "one")
    assert made["quantiles"] == [0.05, 0.25, 0.5, 0.75, 0.95] and made["valid"] == ["2017-05-01"]
    with xr.open_zarr(made["zarr"], consolidated=False) as zarr, xr.open_dataset(made["netcdf"]) as netcdf:
        quantiles = zarr.ndsi_quantile.transpose("quantile", ...).values
        np.testing.assert_array_equal(quantiles, netcdf.ndsi_quantile.transpose("quantile", ...).values)
        assert (np.diff(quantiles, axis=0) > 0).all()
        np.testing.assert_allclose(quantiles[2], zarr.ndsi.values, rtol=1e-6, atol=1e-6)
        first = zarr.ndsi.values
    longer = workflow.forecast(cube, trained["model"], tmp_path / "three", leads=3)
    assert longer["quantiles"] == [] and longer["valid"] == ["2017-05-01", "2017-06-01", "2017-07-01"]
    with xr.open_dataset(longer["netcdf"]) as netcdf:
        np.testing.assert_array_equal(netcdf.ndsi.values[:1], first)


def test_a_model_is_not_applied_to_a_cube_that_it_does_not_fit(cube, scenes, tmp_path):
    trained = workflow.train(cube, workflow.parse_model("unet_time+climatology"), tmp_path / "model", SETTINGS)
    for path in scenes.folder.glob("scene_*.tif"):
        path.unlink()
    for number, month in enumerate(pd.period_range("2014-01", periods=N_MONTHS, freq="M")):
        scenes.add(f"{month.year}{month.month:02d}15", number / 100, origin=(600000.0, 4000000.0))
    workflow.build(scenes.save(), tmp_path / "elsewhere")
    workflow.align(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="its climatology belongs to another grid"):
        workflow.forecast(tmp_path / "elsewhere", trained["model"], tmp_path / "a")
    workflow.align(cube, AlignConfig(cadence="QS"), replace=True)
    with pytest.raises(InputError, match="was trained on steps of MS, found a series of QS"):
        workflow.forecast(cube, trained["model"], tmp_path / "b")


def test_a_pixel_first_seen_in_a_test_target_is_scored_for_every_model(scenes, tmp_path):
    corner = np.ones(scenes.shape, "uint16")
    corner[:8, :8] = 0
    for number, month in enumerate(pd.period_range("2014-01", periods=N_MONTHS, freq="M")):
        scenes.add(f"{month.year}{month.month:02d}15", 0.1 + 0.01 * (number % 12), corner if number < N_MONTHS - 2 else 1)
    workflow.build(scenes.save(), tmp_path / "run")
    workflow.align(tmp_path / "run", AlignConfig(fill=False))  # the fill would take the corner from its surroundings
    results = workflow.benchmark(tmp_path / "run", tmp_path / "bench", SETTINGS.model_copy(update={"models": ()}), final=True)
    assert all(np.isfinite(model["mse"]) for model in results["models"].values())
    assert results["models"]["same_season"]["mse"] > results["models"]["climatology"]["mse"]  # mean of all months against that of the month


@pytest.mark.slow
def test_a_benchmark_killed_in_training_ends_as_if_it_had_not_been(cube, tmp_path):
    straight = workflow.benchmark(cube, tmp_path / "straight", SETTINGS)
    script = textwrap.dedent(
        """
        import os, signal, sys
        from glaciercast import progress, workflow
        from tests.test_workflow import SETTINGS
        import glaciercast.training.fit as fit
        note = progress.note
        def note_then_die(text):
            note(text)
            if text.startswith("epoch 1/"):
                os.kill(os.getpid(), signal.SIGKILL)
        for module in [m for n, m in list(sys.modules.items()) if n.startswith("glaciercast.training")]:
            if hasattr(module, "note"):
                module.note = note_then_die
        progress.note = note_then_die
        workflow.benchmark(sys.argv[1], sys.argv[2], SETTINGS)
        """
    )
    command = [sys.executable, "-c", script, str(cube), str(tmp_path / "killed")]
    died = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path])}, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert not runs.is_complete(tmp_path / "killed")
    resumed = workflow.benchmark(cube, tmp_path / "killed", SETTINGS)
    for name, model in straight["models"].items():
        assert resumed["models"][name]["mse"] == model["mse"], name
    with pytest.raises(RunFolderError, match="holds a finished 'benchmark' run"):
        workflow.benchmark(cube, tmp_path / "killed", SETTINGS)


@pytest.mark.slow
def test_results_keep_what_a_sceptic_asks_for(cube, tmp_path):
    results = workflow.benchmark(cube, tmp_path / "bench", SETTINGS, final=True)
    kept = json.loads((tmp_path / "bench" / "results" / "benchmark.json").read_text())
    assert kept == json.loads(json.dumps(results))
    assert kept["split"]["gap_steps"] == 2 + 1 - 1 + 1
    assert kept["interval_note"].startswith("No interval is given") and all(
        model["skill_interval"] is None for model in kept["models"].values()
    )
    cell = json.loads((tmp_path / "bench" / "cells" / "unet_time+climatology.test.json").read_text())
    assert len(cell["scores"]["sums"]["weight"]) == kept["split"]["windows"]["test"]
    page = workflow.report(tmp_path / "bench")["report"]
    html = Path(page).read_text(encoding="utf-8")
    assert winner_sentence(kept) in unescape(html) and "No interval is given" in html


def test_too_few_frames_and_unknown_models_are_one_line(cube, tmp_path):
    with pytest.raises(InputError, match="the series has 40 steps, fewer than the"):
        workflow.benchmark(cube, tmp_path / "a", SETTINGS.model_copy(update={"windows": WindowConfig(n_input=12, n_target=12, patch=8)}))
    with pytest.raises(InputError, match=r"unknown model 'unet_tyme' \(did you mean 'unet_time'\?\)"):
        workflow.benchmark(cube, tmp_path / "b", SETTINGS.model_copy(update={"models": (workflow.parse_model("unet_tyme"),)}))
    with pytest.raises(InputError, match="the scene is 16×16 pixels, smaller than a patch of 50"):
        workflow.benchmark(cube, tmp_path / "c", SETTINGS.model_copy(update={"windows": WindowConfig(n_input=2, n_target=1)}))


def test_a_cube_that_is_not_aligned_says_what_to_do(scenes, tmp_path):
    scenes.add_months(3)
    workflow.build(scenes.save(), tmp_path / "run")
    with pytest.raises(InputError, match="has no /aligned; run 'glaciercast align"):
        workflow.benchmark(tmp_path / "run", tmp_path / "bench", SETTINGS)


def test_the_cache_is_made_anew_when_the_cube_has_changed(cube, tmp_path, scenes):
    one = serieses.load(cube, tmp_path / "cache")
    assert serieses.load(cube, tmp_path / "cache").fingerprint == one.fingerprint
    scenes.add("20150615", 0.9)
    workflow.build(scenes.save(), tmp_path / "other")
    workflow.align(tmp_path / "other")
    step = 17
    other = serieses.load(tmp_path / "other", tmp_path / "cache")
    assert other.frames(range(step, step + 1))[1].min() == 1 and other.frames(range(step, step + 1))[0][0, 0, 0, 0] == pytest.approx(
        0.9, abs=1e-3
    )


def _scenes_by_step(run):
    cube = store.open_cube(run)
    times, bounds = cube["optical/sentinel2"].time.values, cube["aligned"].time_bounds.values
    return [set(np.flatnonzero((times >= first) & (times < last)).tolist()) for first, last in bounds]


@pytest.mark.slow
def test_the_demo_on_real_scenes(carpathians, tmp_path):
    """Every model and baseline in the table, no leak, no interval from three blocks; whoever wins."""
    path = tmp_path / "demo.yml"
    path.write_text((resources.files("glaciercast") / "demos" / "carpathians.yml").read_text(encoding="utf-8"))
    settings = workflow.read_run_config(path, {"training.epochs": 1, "recipe.files": str(carpathians)})
    summary = workflow.run(settings, tmp_path / "run")
    assert summary["build"]["scenes"] == 140 and summary["align"]["steps"] == 66
    results = summary["benchmark"]
    networks = {spec.label for spec in settings.models}
    assert set(results["models"]) == set(BASELINES) | networks
    assert all(np.isfinite(model["mse"]) for model in results["models"].values())
    assert results["clusters"] < 8 and results["interval_note"].startswith("No interval is given: the test part holds 2")
    assert results["site"]["is_glacier"] is False
    scenes_of = _scenes_by_step(tmp_path / "run")
    split = Workbench.open(tmp_path / "run", tmp_path / "run", settings).split
    trained = {scene for step in split.training_steps for scene in scenes_of[step]}
    tested = {scene for issue in split.issues("test") for lead in (1, 2) for scene in scenes_of[int(issue) + lead]}
    assert len(trained) > 50 and len(tested) > 30 and not trained & tested  # a memoriser of training scenes finds no test target
    season = json.loads((tmp_path / "run" / "results" / "season.json").read_text())
    february = [entry["snow_fraction"][1] for entry in season.values()]
    assert february == pytest.approx([0.484, 0.742], abs=0.005)
    assert "not a glacier" in Path(summary["report"]).read_text(encoding="utf-8")


@pytest.fixture
def small_demo(scenes, monkeypatch):
    """Let both parts of the demo read made scenes and fit no network, and let the simulation only note that it ran."""
    scenes.add_months(N_MONTHS)
    calls = []

    def simulate(scenario, out, seed):
        calls.append("simulate")
        with runs.run_folder(out, "simulate", Config()) as folder:
            (folder / "archive").mkdir()

    run = workflow.run

    def run_part(settings, out):
        calls.append(Path(out).name)
        return run(settings, out)

    monkeypatch.setattr(steps, "simulate", simulate)
    monkeypatch.setattr(steps, "run", run_part)
    recipe = {**yaml.safe_load(scenes.save().read_text()), "files": str(scenes.folder / scenes.keys["files"])}
    windows = {"n_input": 2, "n_target": 1, "patch": 8, "stride": 4, "fractions": [0.5, 0.2, 0.3]}
    return calls, {"recipe": recipe, "windows": windows, "models": [], "mask_choices": {}}


@pytest.mark.slow
def test_an_interrupted_demo_goes_on_where_it_stopped(small_demo, tmp_path, monkeypatch):
    calls, overrides = small_demo
    with monkeypatch.context() as patch:
        patch.setattr(model_cells, "score", _interrupt_after(1, model_cells.score))
        with pytest.raises(KeyboardInterrupt):
            workflow.demo(tmp_path / "demo", overrides)
    assert calls == ["simulate", "simulated", "real"] and not runs.is_complete(tmp_path / "demo")
    first = json.loads((tmp_path / "demo" / "simulated" / "results" / "run.json").read_text())
    summary = workflow.demo(tmp_path / "demo", overrides)
    assert calls[3:] == ["real"] and summary["simulated"] == first  # what had finished is not done again
    assert summary["real"]["build"]["resumed_at"] == N_MONTHS and runs.is_complete(tmp_path / "demo")
    page = Path(summary["report"])
    html = page.read_text(encoding="utf-8")
    assert html.index('href="simulated/report.html"') < html.index('href="real/report.html"')
    assert all((page.parent / part / "report.html").is_file() for part in ("simulated", "real"))
    page.unlink()
    assert workflow.report(tmp_path / "demo") == {"report": str(page)} and page.read_text(encoding="utf-8") == html


def _interrupt_after(number, work):
    done = []

    def interrupted(*arguments, **named):
        if len(done) == number:
            raise KeyboardInterrupt
        done.append(work(*arguments, **named))
        return done[-1]

    return interrupted


@pytest.mark.slow
def test_the_demo_reads_what_the_simulation_writes(tmp_path):
    """The simulated part for real, with its baselines alone."""
    written = workflow.simulate("small", tmp_path / "simulation", seed=1)["items"]["landsat-c2-l2"]
    settings = showcase.demo_config("simulated", tmp_path, {"models": []})
    summary = workflow.run(settings, tmp_path / "run")
    assert summary["build"]["scenes"] == written == 77 and summary["align"]["steps"] == 84
    results = summary["benchmark"]
    assert results["leads"] == [1, 2, 3, 4] and results["site"]["is_glacier"] and "Simulated, not real" in results["site"]["note"]
    mse = {name: model["mse"] for name, model in results["models"].items()}
    assert max(mse["climatology"], mse["same_season"]) < mse["persistence"]  # one test year may well be like the one before it
    assert (tmp_path / "run" / "figures" / "scenes.png").is_file()
