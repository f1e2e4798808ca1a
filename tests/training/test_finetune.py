"""A network goes to another glacier: as it is, fine-tuned, and beside one that was trained on both."""

import json

import numpy as np
import pytest
import torch
from tests.made import SceneFolder, seasonal_ndsi

from glaciercast import store, workflow
from glaciercast.errors import ConfigError, InputError
from glaciercast.patches.splits import WindowConfig
from glaciercast.training import saving
from glaciercast.training.config import TrainingConfig
from glaciercast.workflow import finetuning
from glaciercast.workflow.finetuning import FinetuneConfig, finetune
from glaciercast.workflow.workbench import BASELINES

TRAINING = TrainingConfig(epochs=2, batch_size=16, threads=1, device="cpu", learning_rate=0.01, keep_start=False)
SETTINGS = FinetuneConfig(stride=4, fractions=(0.5, 0.2, 0.3), training=TRAINING)


def aligned(folder, shape, first, level):
    """Build an aligned cube of 40 months; `level` is its mean NDSI."""
    scenes = SceneFolder(folder, shape)
    scenes.add_months(0)
    for number in range(40):
        month = np.datetime64(first, "M") + number
        scenes.add(f"{month}".replace("-", "") + "15", 0.5 * seasonal_ndsi(number, shape) + level)
    workflow.build(scenes.save(), folder / "run")
    workflow.align(folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    return aligned(tmp_path_factory.mktemp("there"), (16, 16), "2014-01", 0.1)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return aligned(tmp_path_factory.mktemp("here"), (12, 20), "2015-01", 0.3)


@pytest.fixture(scope="module")
def trained(there, tmp_path_factory):
    settings = workflow.BenchmarkConfig(
        windows=WindowConfig(n_input=2, n_target=1, patch=8, stride=4, fractions=(0.5, 0.2, 0.3)), training=TRAINING
    )
    spec = workflow.ModelSpec(name="unet_time", residual="climatology", options={"widths": (4, 8)})
    return workflow.train(there, spec, tmp_path_factory.mktemp("trained") / "run", settings)["model"]


@pytest.fixture(scope="module")
def results(here, there, trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run"
    return finetune(here, trained, out, SETTINGS.model_copy(update={"freeze": "backbone"}), mix=there), out


def networks(results, trained):
    loaded = {title: saving.load(folder)[0] for title, folder in results["models"].items()}
    return {title: dict(model.network.named_parameters()) for title, model in {**loaded, "source": saving.load(trained)[0]}.items()}


def same(one, other):
    return {key for key in one if torch.equal(one[key], other[key])}


@pytest.mark.slow
def test_all_stand_in_one_table_with_the_baselines(results):
    summary, out = results
    models = summary["benchmark"]["models"]
    assert set(models) == {*BASELINES, "zero-shot", "fine-tuned", "mixed"}
    assert json.loads((out / "results" / "finetune.json").read_text()) == json.loads(json.dumps(summary))
    for title in ("zero-shot", "fine-tuned", "mixed"):
        assert models[title]["val_loss"] > 0 and models[title]["mse"] > 0 and models[title]["validation_mse"] > 0
    assert len({models[title]["parameters"] for title in ("zero-shot", "fine-tuned", "mixed")}) == 1
    assert models["zero-shot"]["train_seconds"] == 0 < models["fine-tuned"]["train_seconds"]


@pytest.mark.slow
def test_zero_shot_has_the_weights_of_the_source_and_the_units_of_this_cube(results, trained, here):
    summary, _ = results
    zero, meta = saving.load(summary["models"]["zero-shot"])
    source = saving.load(trained)[0]
    weights = networks(summary, trained)
    assert same(weights["zero-shot"], weights["source"]) == set(weights["source"])
    aligned = store.open_cube(here)["aligned"].to_dataset().load()
    stop = meta["split"]["train"][1]
    values, seen = aligned.ndsi.values[:stop].astype("float64"), aligned.ndsi_observed.values[:stop]
    mean = (values * seen).sum() / seen.sum()
    assert zero.mean.item() == pytest.approx(mean, rel=1e-5)
    assert zero.std.item() == pytest.approx(np.sqrt((seen * (values - mean) ** 2).sum() / seen.sum()), rel=1e-5)
    assert zero.reference.mean.shape[-2:] == (12, 20) != source.reference.mean.shape[-2:]
    months = aligned.time.dt.month.values[:stop]
    np.testing.assert_allclose(zero.reference.mean[0, 0], np.average(values[months == 1], axis=0, weights=seen[months == 1]), rtol=1e-5)


@pytest.mark.slow
def test_a_frozen_backbone_stays_and_the_mixed_network_starts_afresh(results, trained):
    weights = networks(results[0], trained)
    assert set(weights["source"]) - same(weights["fine-tuned"], weights["source"]) == {"readout.weight", "readout.bias"}
    assert not same(weights["mixed"], weights["source"]) & {key for key in weights["source"] if key.endswith("weight") and "0.0" in key}


@pytest.mark.slow
def test_all_of_them_forecast_this_cube_and_know_what_their_weights_have_seen(results, trained, here, there, tmp_path):
    summary, _ = results
    for title, folder in summary["models"].items():
        made = workflow.forecast(here, folder, tmp_path / title)
        assert made["valid"] == ["2018-05-01"]
    until = {title: saving.load(folder)[1]["fitted_until"] for title, folder in summary["models"].items()}
    assert len(set(until.values())) == 1 and min(until.values()) >= saving.load(trained)[1]["fitted_until"]
    assert summary["caution"] == ""  # the other cube ends a year before this one


@pytest.mark.slow
def test_frames_of_another_cube_from_the_test_years_are_told(results, here, there, tmp_path):
    settings = workflow.BenchmarkConfig(
        windows=WindowConfig(n_input=2, n_target=1, patch=8, stride=4, fractions=(0.5, 0.2, 0.3)), training=TRAINING
    )
    late = workflow.train(here, workflow.parse_model("unet_time"), tmp_path / "late", settings)["model"]
    summary = finetune(there, late, tmp_path / "back", SETTINGS.model_copy(update={"training": TRAINING.model_copy(update={"epochs": 1})}))
    assert summary["caution"].startswith("the weights have seen frames of another cube up to 2017-")
    assert set(summary["models"]) == {"zero-shot", "fine-tuned"}


@pytest.mark.slow
def test_an_interrupted_run_ends_as_a_straight_one(here, there, trained, results, tmp_path, monkeypatch):
    settings = SETTINGS.model_copy(update={"freeze": "backbone"})
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(finetuning.Transfer, "_mixed", lambda *_: (_ for _ in ()).throw(RuntimeError))
        finetune(here, trained, tmp_path / "run", settings, mix=there)
    summary = finetune(here, trained, tmp_path / "run", settings, mix=there)
    for title, model in results[0]["benchmark"]["models"].items():
        assert summary["benchmark"]["models"][title]["mse"] == model["mse"], title


def test_another_task_is_one_line_that_names_it(here, there, trained, tmp_path):
    workflow.build(here.parent / "scenes.yml", tmp_path / "quarters")
    workflow.align(tmp_path / "quarters", workflow.steps.AlignConfig(cadence="QS"))
    with pytest.raises(InputError, match=r"quarters.*: the model was trained for history 12, found 4"):
        finetune(tmp_path / "quarters", trained, tmp_path / "a", SETTINGS)


def test_only_trained_networks_are_taken_and_unknown_keys_refused(here, there, tmp_path):
    settings = workflow.BenchmarkConfig(windows=WindowConfig(n_input=2, n_target=1, patch=8, stride=4, fractions=(0.5, 0.2, 0.3)))
    solved = workflow.train(there, workflow.parse_model("pixel_linear"), tmp_path / "solved", settings)["model"]
    with pytest.raises(InputError, match=r"pixel_linear: expected a single trained network, found pixel_linear, an ensemble"):
        finetune(here, solved, tmp_path / "a", SETTINGS)
    with pytest.raises(InputError, match=r"nothing: expected a trained model"):
        finetune(here, tmp_path / "nothing", tmp_path / "b", SETTINGS)
    with pytest.raises(ConfigError, match="unknown key 'windows'"):
        finetuning.read_finetune_config(None, {"windows.n_input": 3})
    assert finetuning.read_finetune_config(None, {"training.epochs": 3, "freeze": "backbone"}).training.epochs == 3
