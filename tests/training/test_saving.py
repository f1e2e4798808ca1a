"""Forecasters come back from disk as they were, and damage is one line."""

import errno
import json
import resource
from contextlib import contextmanager

import pytest
import torch
from tests.models.batches import batch, training_data
from tests.training.made import TASK, forecaster

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.models import registry
from glaciercast.training import saving


def shaken(name="unet_time", **options):
    model = forecaster(name, **options)
    torch.nn.init.normal_(model.network.readout.weight)
    return model.eval()


@pytest.mark.parametrize("model", [shaken(), shaken("lstm", hidden=3)], ids=["unet_time", "lstm"])
def test_a_network_comes_back_with_everything_it_needs(tmp_path, model):
    saving.save(model, tmp_path, {"trained": "2018-12"})
    loaded, meta = saving.load(tmp_path)
    assert meta == {"trained": "2018-12"} and not loaded.training
    assert (loaded.name, loaded.residual, loaded.task, loaded.options) == (model.name, "climatology", TASK, model.options)
    torch.testing.assert_close(loaded(batch(TASK)), model(batch(TASK)), rtol=0, atol=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.safetensors"]


@pytest.mark.parametrize("name", ["persistence", "same_season", "climatology", "damped_anomaly"])
def test_a_baseline_comes_back(tmp_path, name):
    model = registry.create(name, TASK).fit(training_data())
    saving.save(model, tmp_path, {})
    loaded, _ = saving.load(tmp_path)
    torch.testing.assert_close(loaded(batch(TASK)), model(batch(TASK)), rtol=0, atol=0, equal_nan=True)


def test_a_run_folder_stands_for_its_only_model(tmp_path):
    model, other = tmp_path / "models" / "unet_time", tmp_path / "models" / "lstm"
    with pytest.raises(InputError, match=r"expected a trained model \(model.json there or under models/\), found none"):
        saving.locate(tmp_path)
    for folder in (model, other):
        folder.mkdir(parents=True)
        saving.save(shaken(), folder, {})
        assert saving.locate(folder) == folder
        if folder == model:
            assert saving.locate(tmp_path) == model
    with pytest.raises(InputError, match=r"found several: lstm, unet_time; name one, as .*models/lstm"):
        saving.locate(tmp_path)


def damaged(folder, change):
    path = folder / "model.json"
    stored = json.loads(path.read_text())
    change(stored)
    path.write_text(json.dumps(stored))


def cut_short(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def of_another_model(folder):
    saving.save(shaken(widths=(4, 16)), folder / "other", {})
    (folder / "other" / "model.safetensors").replace(folder / "model.safetensors")


def cut_short_with_its_digest(folder):
    cut_short(folder)
    damaged(folder, lambda stored: stored.update(weights_sha256=saving._sha256(folder / "model.safetensors")))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (cut_short, r"model.safetensors: damaged, or not the weights of model.json: expected SHA-256 \w{12}…, found \w{12}…"),
        (of_another_model, "damaged, or not the weights of model.json"),
        (cut_short_with_its_digest, "model.safetensors: does not fit the model of model.json: "),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors: cannot be read: No such file"),
        (lambda folder: (folder / "model.json").unlink(), "model.json: cannot be read"),
        (lambda folder: damaged(folder, lambda s: s.update(options={"widths": [4, 16], "norm": "group"})), "does not fit .*size mismatch"),
        (lambda folder: damaged(folder, lambda s: s.update(residual="none")), "does not fit the model of model.json"),
        (lambda folder: damaged(folder, lambda s: s.update(model="unet")), r"model.json: unknown network 'unet'|unknown model 'unet'"),
        (lambda folder: damaged(folder, lambda s: s.update(format=2)), "model.json: expected format 1, found 2"),
        (lambda folder: damaged(folder, lambda s: s.pop("task")), "model.json: recipe of a forecaster: key 'task' is missing"),
        (lambda folder: damaged(folder, lambda s: s["task"].pop("patch")), "model.json: task: expected the keys"),
    ],
)
def test_damage_is_one_line(tmp_path, harm, message):
    saving.save(shaken(), tmp_path, {})
    harm(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        saving.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_no_file_is_ever_unpickled(tmp_path, monkeypatch):
    import pickle

    def refuse(*_args, **_keys):
        raise AssertionError("unpickled")

    saving.save(shaken(), tmp_path, {})
    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    saving.load(tmp_path)


@contextmanager
def files_no_larger_than(size):
    """Let the system refuse larger files, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_leaves_the_model_that_was_there(tmp_path):
    model = shaken()
    saving.save(model, tmp_path, {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    size = len(before["model.safetensors"])
    with (
        files_no_larger_than(size // 2),
        pytest.raises(GlaciercastError, match=r"model.safetensors: cannot be written: .*; what it held before is still there$") as caught,
    ):
        saving.save(shaken(seed=2), tmp_path, {})
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_written_half_never_takes_the_place_of_a_whole(tmp_path):
    path = tmp_path / "file"
    with saving.whole(path) as partial:
        partial.write_text("first")
    with (
        pytest.raises(GlaciercastError, match=r"file: cannot be written: No space left on device; what it held"),
        saving.whole(path) as partial,
    ):
        partial.write_text("sec")
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(KeyError), saving.whole(path) as partial:
        partial.write_text("third")
        raise KeyError
    assert path.read_text() == "first" and list(tmp_path.iterdir()) == [path]
