"""Ensembles and calibrated models in the workflow: fitted, resumed, scored beside the baselines, and forecast with their bands."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
import xarray as xr
from tests.made import SceneFolder

from glaciercast import runs, workflow
from glaciercast.cli.common import benchmark_text
from glaciercast.errors import InputError
from glaciercast.evaluate import scoring, sealing, table
from glaciercast.forecast import scenes
from glaciercast.models.conformal import Calibrated, calibrate
from glaciercast.models.ensemble import Ensemble
from glaciercast.models.heads import Quantiles
from glaciercast.patches import normalise
from glaciercast.patches.splits import WindowConfig
from glaciercast.training import networks, saving
from glaciercast.training.config import TrainingConfig
from glaciercast.workflow import ModelSpec, model_cells, sealed
from glaciercast.workflow.workbench import Workbench

pytestmark = pytest.mark.slow  # cubes are built and networks trained

NARROW = Quantiles(levels=(0.25, 0.5, 0.75))
SMALL = {"name": "unet_time", "residual": "climatology", "options": {"widths": (4, 8)}}
TOGETHER = ModelSpec(**SMALL, head=NARROW, members=2, calibrate=True)
VALUES = ModelSpec(**SMALL, members=3)
SETTINGS = workflow.BenchmarkConfig(
    windows=WindowConfig(n_input=2, n_target=1, patch=8, stride=4, fractions=(0.5, 0.2, 0.3)),
    models=(TOGETHER, VALUES),
    training=TrainingConfig(epochs=1, batch_size=16, threads=1, device="cpu", learning_rate=0.01, seed=4),
)


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    made = SceneFolder(tmp_path_factory.mktemp("cube"))
    made.add_months(40)
    workflow.build(made.save(), made.folder / "run")
    workflow.align(made.folder / "run")
    return made.folder / "run"


@pytest.fixture(scope="module")
def run(cube, tmp_path_factory):
    """Return the folder and the results of a benchmark with both models, and the workbench on it."""
    folder = tmp_path_factory.mktemp("out") / "bench"
    results = workflow.benchmark(cube, folder, SETTINGS, final=True)
    return folder, results, Workbench.open(cube, folder, SETTINGS)


def test_an_ensemble_stands_in_the_table_with_the_cost_of_all_its_members(run):
    folder, results, _ = run
    found = results["models"][VALUES.label]
    members = [runs.read_json(folder / "models" / VALUES.label / "members" / str(seed) / "fit.json") for seed in (4, 5, 6)]
    assert found["train_seconds"] == pytest.approx(sum(member["seconds"] for member in members))
    assert [member["val_loss"] for member in found["members"]] == [member["val_loss"] for member in members]
    one, _ = saving.load(folder / "models" / VALUES.label / "members" / "4")
    assert found["parameters"] == 3 * sum(weights.numel() for weights in one.parameters())
    assert {TOGETHER.label, VALUES.label} == {"unet_time-quantiles+climatology+x2+calibrated", "unet_time+climatology+x3"}
    assert results["models"]["persistence"].get("bands") is None


def test_it_is_calibrated_on_the_validation_part_alone(run):
    folder, _, bench = run
    kept, meta = saving.load(folder / "models" / TOGETHER.label)
    assert isinstance(kept, Calibrated) and isinstance(kept.forecaster, Ensemble)
    windows = networks.windows(bench.series, bench.task, bench.split, "validation", bench.task.patch)
    assert windows.issues.tolist() == bench.split.issues("validation").tolist() and len(windows.origins) == 4
    std = normalise.fit(bench.data.values, bench.data.observed).std
    again = calibrate(kept.forecaster, windows, std, NARROW.levels)
    torch.testing.assert_close(again.offset, kept.offset)
    assert meta["fitted_until"] == str(bench.series.available_at[: bench.split.targets["validation"].stop].max())
    loaded, _ = bench.model(TOGETHER)
    torch.testing.assert_close(loaded.offset, kept.offset, rtol=0, atol=0)


def test_results_tell_crps_and_coverage_before_and_after(run):
    folder, results, bench = run
    scores = scoring.score(saving.load(folder / "models" / TOGETHER.label)[0], "m", bench.series, bench.task, bench.split)
    found = results["models"][TOGETHER.label]
    for key, sums in (("bands", scores.quantiles), ("uncalibrated_bands", scores.uncalibrated)):
        assert found[key]["crps"] == pytest.approx(sums.mean_crps()) and found[key]["levels"] == [0.25, 0.5, 0.75]
        assert found[key]["coverage_by_lead"] == pytest.approx([sums.coverage(0)[0.5]])
    assert found["mse"] == pytest.approx(scores.errors.mse())
    of_values = results["models"][VALUES.label]
    assert of_values["bands"]["interval"] == 0.5 and "uncalibrated_bands" not in of_values
    assert all(line in benchmark_text(results).splitlines() for line in table.band_lines(results))
    assert len(table.band_lines(results)) == 2
    kept = json.loads((folder / "results" / "benchmark.json").read_text())
    assert kept["models"][TOGETHER.label]["bands"] == found["bands"]


def test_nothing_is_fitted_or_calibrated_twice(run, monkeypatch):
    folder, results, bench = run
    before = {path: path.stat().st_mtime_ns for path in (folder / "models").rglob("*") if path.is_file()}
    again = model_cells.score(bench, final=True)
    assert {path: path.stat().st_mtime_ns for path in (folder / "models").rglob("*") if path.is_file()} == before
    assert again["models"] == results["models"]


@pytest.mark.parametrize("spec", [TOGETHER, VALUES], ids=["calibrated", "values"])
def test_a_forecast_writes_the_bands_of_the_model(run, cube, tmp_path, spec):
    folder, _, _ = run
    place = folder / "models" / spec.label
    made = workflow.forecast(cube, place, tmp_path / "forecast")
    assert made["quantiles"] == [0.25, 0.5, 0.75] and made["missing_inputs"] is None
    forecaster, _ = saving.load(place)
    _, _, bench = run
    values, bands = scenes.forecast_bands(forecaster, bench.series, bench.task, bench.series.n_steps - 1, NARROW.levels)
    with xr.open_dataset(made["netcdf"]) as dataset:
        np.testing.assert_array_equal(dataset.ndsi.values, values[:, 0])
        np.testing.assert_array_equal(dataset.ndsi_quantile.transpose("quantile", ...).values, bands[:, :, 0])
    assert len(made["geotiffs"]) == 4


def test_too_few_windows_to_calibrate_are_told_before_anything_is_fitted(cube, tmp_path):
    wide = workflow.parse_model("unet_time+gaussian+calibrated")
    with pytest.raises(InputError, match=r"calibration: a 90% interval takes 9 windows in the validation part, found \d; give it"):
        workflow.train(cube, wide, tmp_path / "run", SETTINGS)
    assert not (tmp_path / "run" / "models").exists()
    skewed = ModelSpec(**SMALL, head=Quantiles(levels=(0.1, 0.5)), calibrate=True)
    with pytest.raises(InputError, match="levels: expected ascending ones, symmetric around 0"):
        workflow.train(cube, skewed, tmp_path / "other", SETTINGS)


@pytest.mark.parametrize(
    ("name", "message"), [("unet_tim", "unknown model 'unet_tim'"), ("", "models: expected names, found an empty one"),
                          ("unet_time/huge", "unknown preset of unet_time 'huge'"), ("persistence", "is a baseline")],
)  # fmt: skip
def test_settings_that_cannot_be_used_leave_no_run_folder(cube, tmp_path, name, message):
    settings = SETTINGS.model_copy(update={"models": (workflow.parse_model(name),)})
    for work in (workflow.benchmark, lambda *given: workflow.compare([given[0]], *given[1:])):
        with pytest.raises(InputError, match=message):
            work(cube, tmp_path / "run", settings)
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("kind", "openings"), [("published", 1), ("space", 0), ("time", 0)])
def test_to_score_validation_opens_the_test_part_where_both_have_the_same_windows(cube, tmp_path, kind, openings):
    windows = SETTINGS.windows.model_copy(update={"split": kind, "patch": 4, "blocks": 2})
    copied = shutil.copytree(cube, tmp_path / "copy", ignore=shutil.ignore_patterns("*.openings.jsonl"))
    bench = Workbench.open(copied, tmp_path / "bench", SETTINGS.model_copy(update={"windows": windows, "models": ()}))
    told, log = sealed.checked(bench, "validation"), sealing.log_of(copied)
    assert (told["opening"]["count"] if openings else told["opening"]) == (openings or None)
    assert (len(log.read_text().splitlines()) if log.exists() else 0) == openings
    assert sealed.checked(dataclasses.replace(bench, folder=tmp_path / "again"), "test")["opening"]["count"] == openings + 1
    first, last = (f"{bench.series.starts[step]:%Y-%m}" for step in (bench.split.targets["test"].start, bench.series.n_steps - 1))
    assert f"test {first} to {last}" in bench.describe_split()["text"]


def test_an_ensemble_of_a_network_without_chance_is_refused(cube, tmp_path):
    with pytest.raises(InputError, match="ensemble of pixel_linear: expected members that differ by their seeds"):
        workflow.train(cube, workflow.parse_model("pixel_linear+x2"), tmp_path / "run", SETTINGS)
