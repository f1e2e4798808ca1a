"""Forecasts of models that do not fit are one line; one that does without an input says so on standard error."""

import json
from dataclasses import replace

import pytest
from tests.cli.test_cli import call, refused
from tests.made import SceneFolder
from tests.workflow.test_forecasting import TASK, saved

from glaciercast.patches import series as serieses

pytestmark = pytest.mark.slow  # cubes are built and networks trained


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    made = SceneFolder(tmp_path_factory.mktemp("cube"))
    made.add_months(30)
    assert call("build", made.save(), "--out", made.folder / "run").returncode == 0
    assert call("align", made.folder / "run").returncode == 0
    return made.folder / "run"


@pytest.fixture
def ndsi(cube, tmp_path):
    return serieses.load(cube, tmp_path / "ndsi")


def test_a_missing_input_is_said_on_standard_error_and_in_json(cube, ndsi, tmp_path):
    model = saved(tmp_path / "model", ndsi)
    result = call("forecast", cube, model, "--out", tmp_path / "f", "--json")
    assert result.returncode == 0 and result.stderr == "glaciercast: missing inputs: lst_day (not in the cube)\n"
    assert json.loads(result.stdout)["missing_inputs"] == "lst_day (not in the cube)"
    assert call("forecast", cube, model, "--out", tmp_path / "g").stderr.count("missing inputs") == 1


def test_a_network_that_was_not_trained_to_do_without_is_refused(cube, ndsi, tmp_path):
    result = call("forecast", cube, saved(tmp_path / "model", ndsi, "unet_time"), "--out", tmp_path / "f")
    refused(result, "/aligned has no 'lst_day', which unet_time reads and was not trained to do without (see 'multimodal')")


def of_another_model(folder, series):
    other = saved(folder.parent / "other", series, "unet_time")
    (other / "model.safetensors").replace(folder / "model.safetensors")


def cut_short(folder, _series):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def of_another_cadence(folder, _series):
    path = folder / "model.json"
    path.write_text(path.read_text().replace('"cadence": "MS"', '"cadence": "QS"'))


def of_a_later_version(folder, _series):
    path = folder / "model.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (of_another_model, "model.safetensors: damaged, or not the weights of model.json: expected SHA-256 "),
        (cut_short, "model.safetensors: damaged, or not the weights of model.json: expected SHA-256 "),
        (of_another_cadence, "model: was trained on steps of QS, found a series of MS"),
        (of_a_later_version, "model.json: expected format 1, found 2"),
    ],
)
def test_a_model_that_does_not_fit_is_one_line(cube, ndsi, tmp_path, harm, message):
    folder = saved(tmp_path / "model", ndsi)
    harm(folder, ndsi)
    refused(call("forecast", cube, folder, "--out", tmp_path / "f"), message)


def test_a_cube_smaller_than_the_patch_is_one_line(cube, ndsi, tmp_path):
    model = saved(tmp_path / "model", ndsi, asked=replace(TASK, patch=20))
    refused(call("forecast", cube, model, "--out", tmp_path / "f"), "16×16")
