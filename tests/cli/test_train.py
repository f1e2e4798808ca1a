"""What goes wrong while a network is trained is one line and an exit code, and a finished checkpoint survives it."""

import json
import re
import resource

import pytest
import torch
from tests.cli.test_cli import call, refused
from tests.made import SceneFolder

from glaciercast.cli.train import _text as command_text
from glaciercast.training.fit import CHECKPOINT
from glaciercast.training.module import ForecastModule

pytestmark = pytest.mark.slow  # cubes are built and networks trained

OPTIONS = (
    "windows.patch=8", "windows.stride=8", "windows.n_input=2", "windows.n_target=1", "windows.fractions=[0.5,0.2,0.3]",
    "training.epochs=3", "training.patience=3", "training.device=cpu", "training.threads=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    made = SceneFolder(tmp_path_factory.mktemp("cube"))
    made.add_months(40)
    assert call("build", made.save(), "--out", made.folder / "run").returncode == 0
    assert call("align", made.folder / "run").returncode == 0
    return made.folder / "run"


def train(cube, out, *more, model="unet_time+climatology"):
    options = [part for option in OPTIONS for part in ("--set", option)]
    return call("train", cube, model, "--out", out, *options, *more)


def interrupted(monkeypatch, cube, out):
    """Train, and press Ctrl-C in the second epoch; return where the checkpoint lies."""
    step = ForecastModule.validation_step

    def stop(module, batch, index):
        if module.current_epoch == 1:
            raise KeyboardInterrupt
        step(module, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(ForecastModule, "validation_step", stop)
        refused(train(cube, out), "interrupted; the same command goes on from here", code=1)
    return out / "models" / "unet_time+climatology" / CHECKPOINT


def test_an_ensemble_is_trained_and_told(cube, tmp_path):
    result = train(cube, tmp_path / "run", "--json", model="unet_time+climatology+x2")
    told = json.loads(result.stdout)
    assert told["model"].endswith("/models/unet_time+climatology+x2") and [each["seed"] for each in told["members"]] == [0, 1]
    text = command_text(told)
    epochs = ", ".join(str(each["best_epoch"]) for each in told["members"])
    assert f"{told['parameters']:,} parameters" in text and f"best epoch {epochs}\n" in text
    alone = command_text({**told["members"][0], "train_seconds": 1.0, **{key: told[key] for key in ("model", "parameters", "split")}})
    assert "1.0 s, best epoch " in alone


@pytest.mark.parametrize(
    ("name", "line"),
    [("tpu", r"training\.device"), ("cuda", r"device: expected 1 CUDA device\(s\), found 0; use cpu or fewer 'devices'")],
)
def test_a_device_that_is_not_there_is_refused(cube, tmp_path, monkeypatch, name, line):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    result = call("train", cube, "unet_time", "--out", tmp_path / "run", "--device", name)
    assert result.returncode == 2 and re.search(line, result.stderr), result.stderr


def test_a_loss_that_is_not_finite_names_the_batch(cube, tmp_path):
    result = train(cube, tmp_path / "run", "--set", "training.learning_rate=1e30")
    refused(result, "training unet_time: the ", code=1)
    assert "batch 1, from the windows issued at step " in result.stderr or "batch 2, from the windows issued at step " in result.stderr


def test_a_checkpoint_cut_short_is_named_and_left(cube, tmp_path, monkeypatch):
    checkpoint = interrupted(monkeypatch, cube, tmp_path / "run")
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2])
    refused(train(cube, tmp_path / "run"), f"{CHECKPOINT}: cannot be read as a checkpoint")
    checkpoint.write_bytes(whole)
    assert train(cube, tmp_path / "run").returncode == 0 and not checkpoint.exists()


def test_a_full_disk_leaves_the_checkpoint_that_was_there(cube, tmp_path, monkeypatch):
    checkpoint = interrupted(monkeypatch, cube, tmp_path / "run")
    before, limits = checkpoint.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
        result = train(cube, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    refused(result, "cannot be written: File too large; what it held before is still there", code=1)
    assert checkpoint.read_bytes() == before
    assert train(cube, tmp_path / "run").returncode == 0


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("unet_time", ("windows.patch=17",), "the scene is 16×16 pixels, smaller than a patch of 17"),
        ("unet_time+calibrated", (), "model 'unet_time+calibrated': calibrate: expected a head that states quantiles"),
        ("unet_time+gaussian+calibrated", (), "calibration: a 90% interval takes 9 windows in the validation part, found"),
        ("unet_time+x5+x6", (), "model 'unet_time+x5+x6': expected one part for its members, found two"),
        ("unet_time+climatologie", (), "unknown part 'climatologie' (did you mean 'climatology'?)"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_fitted(cube, tmp_path, model, options, message):
    refused(train(cube, tmp_path / "run", *(part for option in options for part in ("--set", option)), model=model), message)
    assert not (tmp_path / "run" / "models").exists()
